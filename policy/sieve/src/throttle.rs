//! The throttles that scripts have named on one shard: rate by name, the least recently used is forgotten.

use crate::fault::Fault;
use mail::Time;
use std::cell::RefCell;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    pub count: u64,
    pub interval: Duration,
}

impl Rate {
    /// `messages/seconds`
    pub fn parse(text: &str) -> Result<Rate, Fault> {
        let read = || {
            let (count, seconds) = text.split_once('/')?;
            let (count, seconds) = (count.trim().parse().ok()?, seconds.trim().parse().ok()?);
            (seconds > 0 && seconds <= 366 * 86_400)
                .then(|| Rate { count, interval: Duration::from_secs(seconds) })
        };
        read().ok_or_else(|| Fault::new(format!("'{text}' is no rate (messages/seconds, as in 100/60)")))
    }
}

pub(crate) struct Throttles {
    most: usize,
    /// The most recently used is last.
    known: RefCell<Vec<Known>>,
}

struct Known {
    name: Box<str>,
    rate: Rate,
    made: Time,
}

/// Behind its interval a throttle may be made anew, with another rate.
const MARGIN: Duration = Duration::from_secs(1);

impl Throttles {
    pub fn new(most: usize) -> Throttles {
        Throttles { most: most.max(1), known: RefCell::default() }
    }

    /// No change if there is one of this name that is not older than its interval.
    pub fn create(&self, name: &str, rate: Rate, now: Time) {
        let mut known = self.known.borrow_mut();
        if let Some(at) = known.iter().position(|other| *other.name == *name) {
            let old = known.remove(at);
            let is_over = now > old.made + old.rate.interval + MARGIN;
            known.push(if is_over { Known { rate, made: now, ..old } } else { old });
            return;
        }
        if known.len() >= self.most {
            known.remove(0);
        }
        known.push(Known { name: name.into(), rate, made: now });
    }

    pub fn find(&self, name: &str) -> Option<Rate> {
        let mut known = self.known.borrow_mut();
        let at = known.iter().position(|other| *other.name == *name)?;
        let entry = known.remove(at);
        let rate = entry.rate;
        known.push(entry);
        Some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_throttle_is_forgotten() {
        let throttles = Throttles::new(2);
        let rate = Rate::parse("10/60").unwrap();
        let second = Time::from_secs;
        throttles.create("a", rate, second(0));
        throttles.create("b", rate, second(0));
        throttles.create("a", Rate::parse("1/1").unwrap(), second(61));
        throttles.create("c", rate, second(61));
        assert_eq!(throttles.find("a"), Some(rate));
        throttles.create("a", Rate::parse("5/60").unwrap(), second(62));
        assert_eq!(throttles.find("a"), Rate::parse("5/60").ok());
        assert_eq!(throttles.find("b"), None);
        for bad in ["10", "10/0", "/", "x/60", "10/-1"] {
            assert!(Rate::parse(bad).is_err(), "{bad}");
        }
    }
}
