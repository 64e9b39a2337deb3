//! What a transient failure means for a message: when to try again, or that it is over (mail-flow.md §9).
//!
//! All settings are those that hold at the time of the failure, not at the time of reception.

use mail::Time;
use std::time::Duration;

pub const EXPIRED: &str = "554 5.4.7 [internal] exceeded max time without delivery";
pub const RETRIES_EXCEEDED: &str = "554 5.4.7 [internal] exceeded max retries without delivery";
pub const NOT_ATTEMPTED: &str = "554 5.4.5 [internal] Delivery not attempted (message expired)";

/// An interval of zero would try a refused message again in a busy loop.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

/// `max_retries`: retries after the first attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MaxRetries {
    /// As many as plain doubling fits into `message_expiration`.
    #[default]
    Auto,
    /// `none`: no limit but age.
    Unlimited,
    Count(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// `retry_interval`, 1200 s.
    pub retry_interval: Duration,
    /// `max_retry_interval`, 43,200 s.
    pub max_retry_interval: Duration,
    /// `message_expiration`, 86,400 s since reception.
    pub message_expiration: Duration,
    pub max_retries: MaxRetries,
    /// `never_retry`: the first transient failure is final.
    pub never_retry: bool,
    /// `never_attempt_expired_messages`: what is too old is not even tried.
    pub never_attempt_expired: bool,
}

impl Default for RetrySettings {
    fn default() -> Self {
        RetrySettings {
            retry_interval: Duration::from_secs(1200),
            max_retry_interval: Duration::from_secs(43_200),
            message_expiration: Duration::from_secs(86_400),
            max_retries: MaxRetries::Auto,
            never_retry: false,
            never_attempt_expired: false,
        }
    }
}

/// What follows from a transient failure. The texts are complete replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    RetryAt(Time),
    Expired(&'static str),
    RetriesExceeded(&'static str),
}

impl RetrySettings {
    /// Judges a failure at `now` of a message that had failed `failures` times before.
    pub fn judge(&self, received: Time, failures: u16, now: Time) -> Verdict {
        if self.is_expired(received, now) {
            return Verdict::Expired(EXPIRED);
        }
        if self.never_retry || self.retries().is_some_and(|most| u32::from(failures) >= most) {
            return Verdict::RetriesExceeded(RETRIES_EXCEEDED);
        }
        Verdict::RetryAt(now + self.interval(failures))
    }

    pub fn is_expired(&self, received: Time, now: Time) -> bool {
        now.since(received) >= self.message_expiration
    }

    /// The wait after a failure that `failures` others went before: doubled each time, up to the maximum.
    pub fn interval(&self, failures: u16) -> Duration {
        let factor = 1u32.checked_shl(u32::from(failures)).unwrap_or(u32::MAX);
        self.retry_interval.saturating_mul(factor).min(self.max_retry_interval).max(SHORTEST_INTERVAL)
    }

    /// Retries allowed after the first attempt; none is no limit.
    pub fn retries(&self) -> Option<u32> {
        match self.max_retries {
            MaxRetries::Auto => Some(self.automatic_retries()),
            MaxRetries::Unlimited => None,
            MaxRetries::Count(most) => Some(most),
        }
    }

    /// floor(log2(expiration / interval + 1)), never below 1: the retries whose plain doubling series fits
    /// into the life of a message. The cap of the interval is not taken into account (§9.3).
    fn automatic_retries(&self) -> u32 {
        let interval = self.retry_interval.max(SHORTEST_INTERVAL).as_micros();
        (self.message_expiration.as_micros() / interval + 1).ilog2().max(1)
    }
}

/// A moment up to `fuzz` seconds after `at`, so that a bulk requeue does not come back as one wave (§9.5).
pub fn spread(at: Time, fuzz_seconds: u32, chance: u64) -> Time {
    let micros = u128::from(fuzz_seconds) * 1_000_000;
    at + Duration::from_micros(((micros * u128::from(chance)) >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_secs(1_000_000);

    fn with(interval: u64, cap: u64, max_retries: MaxRetries) -> RetrySettings {
        RetrySettings {
            retry_interval: Duration::from_secs(interval),
            max_retry_interval: Duration::from_secs(cap),
            message_expiration: Duration::from_secs(86_400),
            max_retries,
            ..RetrySettings::default()
        }
    }

    /// Fails every attempt at the very time it was due; the seconds after START of each failure.
    fn life(settings: &RetrySettings) -> (Vec<u64>, Verdict) {
        let (mut now, mut failures, mut tried) = (START, 0, Vec::new());
        loop {
            tried.push(now.since(START).as_secs());
            match settings.judge(START, failures, now) {
                Verdict::RetryAt(next) => (now, failures) = (next, failures + 1),
                end => return (tried, end),
            }
        }
    }

    #[test]
    fn intervals_double_up_to_the_maximum() {
        let settings = RetrySettings::default();
        let series: Vec<_> = (0..9).map(|failures| settings.interval(failures).as_secs()).collect();
        assert_eq!(series, [1200, 2400, 4800, 9600, 19_200, 38_400, 43_200, 43_200, 43_200]);
        for failures in [31, 32, 64, u16::MAX] {
            assert_eq!(settings.interval(failures).as_secs(), 43_200);
        }
        assert_eq!(with(0, 0, MaxRetries::Auto).interval(3), SHORTEST_INTERVAL);
    }

    #[test]
    fn the_documented_arithmetic_holds() {
        let over = Verdict::RetriesExceeded(RETRIES_EXCEEDED);
        for (interval, cap, retries, last) in [
            (1200, 1200, MaxRetries::Count(5), 6000),
            (1200, 43_200, MaxRetries::Count(5), 37_200),
            (1200, 43_200, MaxRetries::Auto, 75_600),
            (1200, 1200, MaxRetries::Auto, 7200),
            (1200, 43_200, MaxRetries::Count(0), 0),
        ] {
            let (tried, end) = life(&with(interval, cap, retries));
            assert_eq!((tried.last(), end), (Some(&last), over), "{interval} {cap} {retries:?}");
        }
        let (tried, _) = life(&with(1200, 1200, MaxRetries::Count(5)));
        assert_eq!(tried.len(), 6, "the first attempt and five retries");
    }

    #[test]
    fn age_ends_what_retries_do_not() {
        let (tried, end) = life(&with(1200, 43_200, MaxRetries::Unlimited));
        assert_eq!(end, Verdict::Expired(EXPIRED));
        assert_eq!(tried, [0, 1200, 3600, 8400, 18_000, 37_200, 75_600, 118_800]);
        let settings = RetrySettings { never_retry: true, ..RetrySettings::default() };
        assert_eq!(life(&settings), (vec![0], Verdict::RetriesExceeded(RETRIES_EXCEEDED)));
        let exactly = START + Duration::from_secs(86_400);
        assert!(settings.is_expired(START, exactly));
        assert!(!settings.is_expired(START, exactly - Duration::from_micros(1)));
    }

    #[test]
    fn auto_counts_the_doublings_that_fit() {
        for (expiration, interval, retries) in [
            (86_400, 1200, 6),
            (604_800, 1200, 8),
            (3600, 3600, 1),
            (3600, 7200, 1),
            (0, 1200, 1),
            (10_800, 3600, 2),
            (10_799, 3600, 1),
        ] {
            let settings = RetrySettings {
                message_expiration: Duration::from_secs(expiration),
                ..with(interval, 43_200, MaxRetries::Auto)
            };
            assert_eq!(settings.retries(), Some(retries), "{expiration} / {interval}");
        }
    }

    #[test]
    fn bulk_requeues_are_spread_over_the_fuzz() {
        assert_eq!(spread(START, 0, u64::MAX), START);
        assert_eq!(spread(START, 4096, 0), START);
        assert_eq!(spread(START, 4096, 1 << 63), START + Duration::from_secs(2048));
        assert!(spread(START, 4096, u64::MAX) < START + Duration::from_secs(4096));
    }
}
