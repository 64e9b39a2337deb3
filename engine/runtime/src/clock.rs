//! The clock: anchored to the wall once per process, monotonic from there on, the same on all shards.

use mail::Time;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

/// A moment of the wall clock and the moment of the monotonic clock that belongs to it.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    wall: u64,
    started: Instant,
}

static ANCHOR: OnceLock<Clock> = OnceLock::new();

impl Clock {
    /// The process's clock: all callers get the same anchor, so shards may compare their times.
    pub fn anchored() -> Clock {
        *ANCHOR.get_or_init(|| {
            // A host whose wall clock stands before 1970 gets times that start at the epoch.
            let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Clock { wall: micros(wall), started: Instant::now() }
        })
    }

    pub fn now(&self) -> Time {
        Time::from_micros(self.wall + micros(self.started.elapsed()))
    }
}

fn micros(duration: Duration) -> u64 {
    duration.as_secs() * 1_000_000 + u64::from(duration.subsec_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_tells_the_wall_time_and_never_steps_back() {
        let clock = Clock::anchored();
        let wall = micros(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap());
        assert!(clock.now().micros().abs_diff(wall) < 1_000_000);
        let times: Vec<_> = (0..1000).map(|_| clock.now()).collect();
        assert!(times.is_sorted());
        assert!(Clock::anchored().now().since(*times.last().unwrap()) < Duration::from_secs(1));
    }
}
