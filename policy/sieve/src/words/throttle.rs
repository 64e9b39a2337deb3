//! Named throttles and gauges (spec sieve.md §5.5). The numbers are the engine's, shared by all shards.
//! A throttle counts in windows of its interval.

use super::network::{finish, may_wait};
use crate::fault::Fault;
use crate::machine::Call;
use crate::throttle::Rate;
use crate::value::Value;
use crate::word::{Flow, Got, Kind, Parameter, Word, may, needs};
use policy_api::Tally;
use std::time::Duration;

const NAME: [Parameter; 1] = [needs("name", Kind::Text)];
const ELEMENT: [Parameter; 2] = [needs("cache", Kind::Text), needs("key", Kind::Text)];
const CREATE: [Parameter; 3] =
    [needs("name", Kind::Text), needs("messages/seconds", Kind::Text), may("epsilon", Kind::Number)];

pub(super) static WORDS: &[Word] = &[
    Word::action("ec_throttle_create", create)
        .takes(&[needs("name", Kind::Text), needs("messages/seconds", Kind::Text)])
        .doc("A throttle; nothing changes if there is one of this name."),
    Word::action("ec_throttle_inc", increase).takes(&NAME).doc("Counts one."),
    Word::action("ec_throttle_dec", decrease).takes(&NAME).doc("Takes one back."),
    Word::wait("ec_throttle_check", check).takes(&NAME).doc("true: it is over its rate."),
    Word::wait("ec_throttle_tarpit", tarpit)
        .takes(&NAME)
        .doc("Counts one, and delays the reply until the rate is kept."),
    // All shards of this host share every throttle already; there are no other hosts.
    Word::action("ec_shared_throttle_create", create).takes(&CREATE).doc("As ec_throttle_create."),
    Word::action("ec_shared_throttle_inc", increase).takes(&NAME).doc("As ec_throttle_inc."),
    Word::wait("ec_shared_throttle_check", check).takes(&NAME).doc("As ec_throttle_check."),
    Word::wait("ec_shared_throttle_tarpit", tarpit).takes(&NAME).doc("As ec_throttle_tarpit."),
    Word::action("ec_gauge_cache_init", init)
        .takes(&[
            needs("cache", Kind::Text),
            needs("most", Kind::Number),
            needs("ttl", Kind::Number),
            may("replicate", Kind::Any),
        ])
        .doc("Names a cache of gauges."),
    Word::action("ec_gauge_cache_inc", gauge_up).takes(&ELEMENT).doc("Adds one to a gauge."),
    Word::action("ec_gauge_cache_dec", gauge_down).takes(&ELEMENT).doc("Takes one from a gauge."),
    Word::wait("ec_gauge_cache_get", gauge).takes(&ELEMENT).doc("What a gauge shows."),
];

fn create(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let rate = Rate::parse(&call.text(1))?;
    call.scene.shared.throttles.create(&call.text(0), rate, call.scene.host.now());
    Ok(Flow::On)
}

fn named(call: &Call<'_, '_>) -> Result<Rate, Fault> {
    let name = call.text(0);
    let rate = call.scene.shared.throttles.find(&name);
    rate.ok_or_else(|| Fault::new(format!("there is no throttle '{name}' (made with ec_throttle_create)")))
}

fn tally(rate: Rate) -> Tally {
    Tally { name: "sieve throttle".into(), slot: rate.interval, slots: 1 }
}

/// A throttle of another rate is another throttle.
fn key(call: &Call<'_, '_>, rate: Rate) -> String {
    format!("{} {}/{}", call.text(0), rate.count, rate.interval.as_secs())
}

fn increase(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    add(call, 1)
}

fn decrease(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    add(call, -1)
}

fn add(call: &mut Call<'_, '_>, amount: i64) -> Result<Flow, Fault> {
    let rate = named(call)?;
    call.scene.host.add(&tally(rate), &key(call, rate), amount);
    Ok(Flow::On)
}

fn check(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    may_wait(call)?;
    let rate = named(call)?;
    let count = call.scene.host.count(&tally(rate), &key(call, rate), 1);
    Ok(Got::Later(Box::pin(async move {
        let count = count.await;
        finish(move |_| Ok(Value::from(count > rate.count as i64)))
    })))
}

/// The excess is spread over the interval.
fn tarpit(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    may_wait(call)?;
    let rate = named(call)?;
    call.scene.host.add(&tally(rate), &key(call, rate), 1);
    let count = call.scene.host.count(&tally(rate), &key(call, rate), 1);
    Ok(Got::Later(Box::pin(async move {
        let over = count.await.saturating_sub(rate.count as i64).max(0) as u32;
        finish(move |scene| {
            let one = rate.interval / u32::try_from(rate.count.max(1)).unwrap_or(u32::MAX);
            scene.disposition.tarpit((one * over).min(rate.interval).min(Duration::from_secs(300)));
            Ok(Value::default())
        })
    })))
}

fn init(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    call.whole(1)?;
    call.whole(2)?;
    Ok(Flow::On)
}

/// The gauges of a cache.
pub(crate) fn gauges(cache: &str) -> Tally {
    Tally { name: format!("gauge cache {cache}").into(), slot: Duration::ZERO, slots: 1 }
}

fn gauge_up(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    call.scene.host.add(&gauges(&call.text(0)), &call.text(1), 1);
    Ok(Flow::On)
}

fn gauge_down(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    call.scene.host.add(&gauges(&call.text(0)), &call.text(1), -1);
    Ok(Flow::On)
}

fn gauge(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    may_wait(call)?;
    let count = call.scene.host.count(&gauges(&call.text(0)), &call.text(1), 1);
    Ok(Got::Later(Box::pin(async move {
        let count = count.await;
        finish(move |_| Ok(Value::from(count.to_string())))
    })))
}
