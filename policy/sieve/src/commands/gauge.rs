//! `sievelib gauge_cache add|sub|show|delete`: the gauges that scripts use.

use crate::words::gauges;
use policy_api::{Cell, ModuleCommand, Order, Told};

pub(super) static ADD: ModuleCommand =
    ModuleCommand::new("sievelib gauge_cache add", "<cache> <key> <n>", "Adds to a gauge.", |order| {
        change(order, 1)
    })
    .changes()
    .head(SHOWN);

pub(super) static SUB: ModuleCommand =
    ModuleCommand::new("sievelib gauge_cache sub", "<cache> <key> <n>", "Takes from a gauge.", |order| {
        change(order, -1)
    })
    .changes()
    .head(SHOWN);

pub(super) static SHOW: ModuleCommand =
    ModuleCommand::new("sievelib gauge_cache show", "<cache> <key>", "Shows a gauge.", show).head(SHOWN);

pub(super) static DELETE: ModuleCommand =
    ModuleCommand::new("sievelib gauge_cache delete", "<cache> <key>", "Sets a gauge to zero.", delete)
        .changes()
        .head(SHOWN);

const SHOWN: &str = "{value}";

fn change(order: Order, sign: i64) -> super::Answer {
    Box::pin(async move {
        let [cache, key, amount] = order.operands()?;
        let amount: u32 = amount.parse().map_err(|_| format!("'{amount}' is no whole number"))?;
        order.host.add(&gauges(&cache), &key, sign * i64::from(amount));
        shown(&order, &cache, &key).await
    })
}

fn show(order: Order) -> super::Answer {
    Box::pin(async move {
        let [cache, key] = order.operands()?;
        shown(&order, &cache, &key).await
    })
}

fn delete(order: Order) -> super::Answer {
    Box::pin(async move {
        let [cache, key] = order.operands()?;
        let gauges = gauges(&cache);
        let value = order.host.count(&gauges, &key, 1).await;
        order.host.add(&gauges, &key, -value);
        shown(&order, &cache, &key).await
    })
}

/// A gauge may be below zero.
async fn shown(order: &Order, cache: &str, key: &str) -> Result<Told, String> {
    let value = order.host.count(&gauges(cache), key, 1).await;
    Ok(Told::head(vec![("value", Cell::Text(value.to_string()))]))
}
