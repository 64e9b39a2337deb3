//! `sieve:<instance> stats` (spec sieve.md §7)

use crate::statistics::{prefix, statistics};
use policy_api::{Cell, ModuleCommand, Order, Told};

pub(super) static COMMAND: ModuleCommand = ModuleCommand::new(
    "sieve:<instance> stats",
    "",
    "Shows what the scripts of the instance have counted since the last reset, by script and counter.",
    run,
)
.head("sieve statistics since: {since:date}")
.rows("counters", "{script}:{counter} ({class}) = {count}");

fn run(order: Order) -> super::Answer {
    Box::pin(async move {
        let [] = order.operands()?;
        let rows = statistics(&order.host, &order.instance).await;
        let rows = rows.into_iter().map(|row| {
            let category = row.category().to_owned();
            vec![
                ("script", Cell::Text(row.script)),
                ("counter", Cell::Text(row.counter)),
                ("category", Cell::Text(category)),
                ("class", Cell::Text(row.class)),
                ("count", Cell::Count(row.count)),
            ]
        });
        let since = order.host.counted_since(&prefix(&order.instance));
        Ok(Told { head: vec![("since", Cell::Time(since))], rows: rows.collect() })
    })
}
