//! What failed lookups add up to: kept by the shard with each domain, and gone with its record (§6.2).

use crate::route::{FAILURE_TTL, LOOKUP_FAILED, Route};
use mail::Reply;
use std::time::Duration;

/// The pause between failed lookups doubles up to this: with the default of ten failures, a resolver that
/// is away for two hours loses no mail.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Consecutive failures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    lookups: u32,
    mx: u32,
}

impl Attempts {
    /// Counts a finished lookup; `mx_failed` is what `Exchangers` said. A domain without MX and address, or
    /// that does not exist, failed too: only so does mail for a misspelt name end before it expires.
    pub fn looked_up(&mut self, route: &Route, mx_failed: bool) {
        let failed = matches!(route, Route::Failed | Route::NoName { .. } | Route::NoMxOrA { .. });
        self.lookups = if failed { self.lookups.saturating_add(1) } else { 0 };
        self.mx = if mx_failed { self.mx.saturating_add(1) } else { 0 };
    }

    /// Lookups that failed in a row.
    pub fn failures(&self) -> u32 {
        self.lookups
    }

    /// Whether the next lookup, should its MX question fail too, uses the domain's own addresses.
    pub fn falls_back(&self, mx_failures_fallback_to_a: u32) -> bool {
        self.mx.saturating_add(1) >= mx_failures_fallback_to_a
    }

    /// The end of all mail of the domain, if lookups failed that often; 0 is never.
    pub fn purges(&self, dns_failures_to_purge: u32) -> Option<Reply> {
        (dns_failures_to_purge > 0 && self.lookups >= dns_failures_to_purge).then_some(LOOKUP_FAILED)
    }

    /// How long to leave the domain alone after a failure; no time after success.
    pub fn pause(&self) -> Duration {
        let Some(doublings) = self.lookups.checked_sub(1) else {
            return Duration::ZERO;
        };
        let seconds = u64::from(FAILURE_TTL) << doublings.min(32);
        Duration::from_secs(seconds).min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_in_a_row_end_the_mail_and_a_success_forgets_them() {
        let mut attempts = Attempts::default();
        for failure in
            [Route::Failed, Route::NoName { ttl: 1 }, Route::NoMxOrA { ttl: 1 }].iter().cycle().take(9)
        {
            attempts.looked_up(failure, false);
            assert_eq!(attempts.purges(10), None);
        }
        let mut successful = attempts.clone();
        successful.looked_up(&Route::NullMx { ttl: 1 }, false);
        assert_eq!(successful, Attempts::default());
        attempts.looked_up(&Route::Failed, true);
        assert_eq!((attempts.purges(10), attempts.purges(0)), (Some(LOOKUP_FAILED), None));
    }

    #[test]
    fn the_third_failed_mx_lookup_tries_addresses() {
        let mut attempts = Attempts::default();
        for falls_back in [false, false, true, true] {
            assert_eq!(attempts.falls_back(3), falls_back);
            attempts.looked_up(&Route::Failed, true);
        }
        attempts.looked_up(&Route::Hosts { hosts: vec![], ttl: 1 }, true);
        assert!(attempts.falls_back(3), "addresses were found, the MX lookup failed again");
        attempts.looked_up(&Route::NoMxOrA { ttl: 1 }, false);
        assert!(!attempts.falls_back(3) && attempts.falls_back(0) && attempts.falls_back(1));
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        let mut attempts = Attempts::default();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            pauses.push(attempts.pause().as_secs());
            attempts.looked_up(&Route::Failed, false);
        }
        assert_eq!(pauses, [0, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
        (0..100).for_each(|_| attempts.looked_up(&Route::Failed, false));
        assert_eq!(attempts.pause(), LONGEST_PAUSE);
    }
}
