//! Values by reference (§10): a throttle or a counter belongs to the instance that declares it, and whoever
//! falls back to that declaration shares it. Two references are equal exactly if they share.

use crate::types::scalar;
use crate::{Declared, Expected, InstanceId, OptionType, Value};
use std::time::Duration;

/// A budget: `events` in any `window`. The same declaration, read again with the same value, is equal to
/// itself, so a budget survives a reload; with another value it is another budget.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ThrottleRef {
    pub events: u64,
    pub window: Duration,
    pub declared: InstanceId,
    pub option: &'static str,
}

/// `N` events a second, or `N/S`: N events in S seconds. Zero or nothing is no limit.
pub enum Throttle {}

impl OptionType for Throttle {
    type Value = Option<ThrottleRef>;
    const NAME: &'static str = "rate";
    const SHARED: bool = true;
    const UNIT: &'static str = "events per seconds";
    fn read(raw: &Value, declared: Declared<'_>) -> Result<Self::Value, Expected> {
        let text = scalar(raw)?;
        if text.is_empty() {
            return Ok(None);
        }
        let (events, window) = text.split_once('/').unwrap_or((text, "1"));
        let (Some(events), Some(window @ 1..)) = (whole(events), whole(window)) else {
            return Err(Expected::fixed("a rate: N a second, or \"N/S\" for N in S seconds"));
        };
        Ok((events > 0).then(|| ThrottleRef {
            events,
            window: Duration::from_secs(window),
            declared: declared.instance.clone(),
            option: declared.option,
        }))
    }
}

fn whole(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A number of things that may exist at once, counted over all who share the declaration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CounterRef {
    pub limit: u64,
    pub declared: InstanceId,
    pub option: &'static str,
}

/// Unset or negative is no limit.
pub enum Counted {}

impl OptionType for Counted {
    type Value = Option<CounterRef>;
    const NAME: &'static str = "shared count";
    const SHARED: bool = true;
    fn read(raw: &Value, declared: Declared<'_>) -> Result<Self::Value, Expected> {
        let text = scalar(raw)?;
        if text.is_empty() {
            return Ok(None);
        }
        let limit: i64 = text.parse().map_err(|_| Expected::fixed("a whole number, -1 for no limit"))?;
        Ok(u64::try_from(limit).ok().map(|limit| CounterRef {
            limit,
            declared: declared.instance.clone(),
            option: declared.option,
        }))
    }
}
