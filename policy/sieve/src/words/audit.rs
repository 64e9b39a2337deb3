//! Events of a client's address over time (spec sieve.md §5.5). The numbers are the engine's.

use super::network::{finish, may_wait};
use crate::fault::Fault;
use crate::machine::Call;
use crate::value::{Hash, Value};
use crate::word::{Flow, Got, Kind, Parameter, Word, may, needs};
use ipnet::IpNet;
use policy_api::audit::{self, Counted, Monitor, Monitors};
use policy_api::{Later, Tally};
use std::net::IpAddr;
use std::time::Duration;

pub(super) static WORDS: &[Word] = &[
    Word::action("audit_series_add", add)
        .takes(&[
            needs("series or hash", Kind::Any),
            may("interval,windows", Kind::Text),
            may("amount", Kind::Number),
        ])
        .doc("Counts an event of the client's address."),
    Word::wait("audit_series", count)
        .takes(&[
            needs("series or hash", Kind::Any),
            may("interval,windows", Kind::Text),
            may("mask", Kind::Number),
            may("first window", Kind::Number),
            may("last window", Kind::Number),
        ])
        .doc("Events of the client's address or network, over the newest windows."),
    Word::wait("ec_ip_connections", |call| audited(call, Counted::Connections))
        .takes(&MONITOR)
        .doc(CONNECTIONS),
    Word::wait("ec_ip_receptions", |call| audited(call, Counted::Receptions)).takes(&MONITOR).doc(RECEPTIONS),
    Word::wait("ec_ip_rejections", |call| audited(call, Counted::Rejections)).takes(&MONITOR).doc(REJECTIONS),
    // All shards of this host are counted together already; there are no other hosts.
    Word::wait("ec_ip_connections_cluster", |call| audited(call, Counted::Connections))
        .takes(&MONITOR)
        .doc("As ec_ip_connections."),
    Word::wait("ec_ip_receptions_cluster", |call| audited(call, Counted::Receptions))
        .takes(&MONITOR)
        .doc("As ec_ip_receptions."),
    Word::wait("ec_ip_rejections_cluster", |call| audited(call, Counted::Rejections))
        .takes(&MONITOR)
        .doc("As ec_ip_rejections."),
];

const MONITOR: [Parameter; 2] =
    [needs("number of the monitor, or hash", Kind::Any), may("mask", Kind::Number)];
const CONNECTIONS: &str = "Connections of the client's address or network that inbound_audit has counted: by the number of its monitor \
     (from 0) over one window up to now, by a hash of monitor, period_start, period_end and mask over whole windows.";
const RECEPTIONS: &str = "As ec_ip_connections, messages received.";
const REJECTIONS: &str = "As ec_ip_connections, rejections.";

/// What a call names, as arguments or in a hash.
struct Event {
    tally: Tally,
    address: IpAddr,
    amount: i64,
    mask: Option<u8>,
    windows: (u32, u32),
}

impl Event {
    fn of(call: &Call<'_, '_>) -> Result<Event, Fault> {
        let (series, windows, address, amount, mask, start, end) = match call.value(0) {
            Value::Hash(hash) => {
                let field = |key: &str| hash_text(hash, key);
                (
                    field("series"),
                    field("monitor"),
                    field("ip"),
                    field("count"),
                    field("mask"),
                    field("period_start"),
                    field("period_end"),
                )
            }
            name => {
                let text = |index: usize| call.optional(index).map(|text| text.to_string());
                (Some(name.text().to_string()), text(1), None, text(2), text(2), text(3), text(4))
            }
        };
        let series = series.filter(|name| !name.is_empty()).ok_or("the series has no name")?;
        let windows = windows.ok_or("a series needs \"interval,windows\", as in \"60,10\"")?;
        let (slot, slots) = monitor(&windows)?;
        let address = match address.filter(|text| !text.is_empty()) {
            Some(text) => text.parse().map_err(|_| Fault::new(format!("'{text}' is no IP address")))?,
            None => call.scene.client.peer.map(|peer| peer.ip()).ok_or("there is no client")?,
        };
        let number = |text: Option<String>, default: i64| match text {
            None => Ok(default),
            Some(text) => whole(&text),
        };
        let last = i64::from(slots) - 1;
        let (start, end) = (number(start, 0)?.clamp(0, last), number(end, last)?.clamp(0, last));
        let mask = mask.map(|text| whole(&text)).transpose()?.map(|mask| mask.clamp(0, 128) as u8);
        Ok(Event {
            tally: audit::series(&series, slot, slots),
            address: address.to_canonical(),
            amount: number(amount, 1)?,
            mask,
            windows: (start.min(end) as u32, start.max(end) as u32),
        })
    }

    /// Its address, or the network of its mask.
    fn network(&self) -> Result<IpNet, Fault> {
        let mask = self.mask.unwrap_or(if self.address.is_ipv4() { 32 } else { 128 });
        IpNet::new(self.address, mask)
            .map_err(|_| Fault::new(format!("/{mask} is no mask of {}", self.address)))
    }
}

fn hash_text(hash: &Hash, key: &str) -> Option<String> {
    hash.get(key).map(|value| value.text().to_string())
}

fn whole(text: &str) -> Result<i64, Fault> {
    let number =
        text.trim().parse::<f64>().ok().filter(|number| number.fract() == 0.0 && number.abs() < 1e15);
    number.map(|number| number as i64).ok_or_else(|| Fault::new(format!("'{text}' is no whole number")))
}

/// `interval,windows`
fn monitor(text: &str) -> Result<(Duration, u32), Fault> {
    let read = || {
        let (seconds, windows) = text.split_once(',')?;
        let (seconds, windows) = (seconds.trim().parse().ok()?, windows.trim().parse().ok()?);
        let fits = (1..=366 * 86_400).contains(&seconds) && (1..=10_000).contains(&windows);
        fits.then(|| (Duration::from_secs(seconds), windows))
    };
    read().ok_or_else(|| Fault::new(format!("'{text}' is not \"interval,windows\", as in \"60,10\"")))
}

fn add(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let event = Event::of(call)?;
    audit::add(&**call.scene.host, &event.tally, event.address, event.amount);
    Ok(Flow::On)
}

fn count(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    may_wait(call)?;
    let event = Event::of(call)?;
    let count = audit::count(call.scene.host, &event.tally, event.network()?, event.windows)?;
    Ok(Got::Later(Box::pin(async move {
        let count = count.await;
        finish(move |_| Ok(Value::from(count.to_string())))
    })))
}

/// What inbound_audit has counted.
fn audited(call: &mut Call<'_, '_>, what: Counted) -> Result<Got, Fault> {
    may_wait(call)?;
    let monitors = call.scene.shared.services.find::<Monitors>("inbound_audit");
    let monitors = monitors.ok_or("the configuration has no inbound_audit")?;
    let address = call.scene.client.peer.map(|peer| peer.ip().to_canonical()).ok_or("there is no client")?;
    let network = |mask: Option<String>| -> Result<IpNet, Fault> {
        let mask = match mask {
            None if address.is_ipv4() => 32,
            None => 128,
            Some(text) => {
                u8::try_from(whole(&text)?).map_err(|_| Fault::new(format!("/{text} is no mask")))?
            }
        };
        IpNet::new(address, mask).map_err(|_| Fault::new(format!("/{mask} is no mask of {address}")))
    };
    let count = match call.value(0) {
        Value::Hash(hash) => {
            let field = |key: &str| hash_text(hash, key).filter(|text| !text.is_empty());
            let monitor = monitors.find(&field("monitor").ok_or("the hash names no monitor")?)?;
            let window = |key: &str, default: i64| field(key).map_or(Ok(default), |text| whole(&text));
            let last = i64::from(monitor.windows);
            let (start, end) =
                (window("period_start", 0)?.clamp(0, last), window("period_end", last)?.clamp(0, last));
            let windows = (start.min(end) as u32, start.max(end) as u32);
            audit::count(call.scene.host, &monitor.tally(what), network(field("mask"))?, windows)?
        }
        _ => {
            let index = call.whole(0)? as usize;
            let monitor = monitors.0.get(index).copied().ok_or_else(|| {
                Fault::new(format!(
                    "inbound_audit has {} monitors, there is no number {index}",
                    monitors.0.len()
                ))
            })?;
            sliding(call, monitor, what, network(call.optional(1).map(|text| text.to_string()))?)?
        }
    };
    Ok(Got::Later(Box::pin(async move {
        let count = count.await;
        finish(move |_| Ok(Value::from(count.to_string())))
    })))
}

/// One window that ends now: the current one, and as much of the one before as is missing of it.
fn sliding(
    call: &Call<'_, '_>,
    monitor: Monitor,
    what: Counted,
    network: IpNet,
) -> Result<Later<i64>, Fault> {
    let (host, tally) = (call.scene.host, monitor.tally(what));
    let width = monitor.window.as_micros() as u64;
    let missing = 1.0 - (host.now().micros() % width) as f64 / width as f64;
    let (current, before) =
        (audit::count(host, &tally, network, (0, 0))?, audit::count(host, &tally, network, (1, 1))?);
    Ok(Box::pin(async move { current.await + (before.await as f64 * missing).round() as i64 }))
}
