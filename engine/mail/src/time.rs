//! One kind of time: microseconds since the Unix epoch that never go backwards within a process.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment. The world anchors it to the wall clock once and then counts a monotonic clock, so that
/// differences are true durations and a moment written to the journal still means something tomorrow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    pub const EPOCH: Time = Time(0);
    /// Later than every deadline: "never".
    pub const NEVER: Time = Time(u64::MAX);

    pub const fn from_micros(micros: u64) -> Self {
        Time(micros)
    }

    pub const fn from_secs(seconds: u64) -> Self {
        Time(seconds * 1_000_000)
    }

    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch: the timestamp of Momentum's logs.
    pub const fn secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Time passed since `earlier`; zero if `earlier` lies ahead.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// `self + delay`, where an optional delay of zero or none means never (Momentum's `0 never`).
    pub fn deadline(self, delay: Option<Duration>) -> Time {
        delay.map_or(Time::NEVER, |delay| self + delay)
    }

    pub const fn is_never(self) -> bool {
        self.0 == u64::MAX
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, delay: Duration) -> Time {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        Time(self.0.saturating_add(micros))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, delay: Duration) -> Time {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        Time(self.0.saturating_sub(micros))
    }
}

/// RFC 5322 §3.3 date and time in UTC, as in the greeting and in Received fields.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let seconds = self.secs();
        let days = seconds / 86_400;
        let (year, month, day) = civil(days);
        let clock = seconds % 86_400;
        write!(
            f,
            "{}, {:02} {} {} {:02}:{:02}:{:02} +0000",
            DAYS[(days % 7) as usize],
            day,
            MONTHS[month as usize - 1],
            year,
            clock / 3600,
            clock / 60 % 60,
            clock % 60
        )
    }
}

/// Days since 1970-01-01 to (year, month, day) of the Gregorian calendar, counted in eras of 400 years
/// that begin on a first of March, so that the leap day is the last day of a year.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_rfc_5322_wants_them() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (1_356_769_421, "Sat, 29 Dec 2012 08:23:41 +0000"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 +0000"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 +0000"),
        ] {
            assert_eq!(Time::from_secs(seconds).to_string(), text);
        }
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert!((Time::NEVER + Duration::from_secs(1)).is_never());
        assert_eq!(Time::EPOCH - Duration::from_secs(1), Time::EPOCH);
        assert_eq!(Time::EPOCH.since(Time::NEVER), Duration::ZERO);
        assert!(Time::from_secs(1).deadline(None).is_never());
    }
}
