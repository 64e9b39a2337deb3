//! A bound on how many may do something at once on this shard: the others wait for a seat.

use policy_api::Host;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// How often one who waits looks again.
const GLANCE: Duration = Duration::from_millis(10);

#[derive(Clone)]
pub(crate) struct Seats {
    taken: Rc<Cell<usize>>,
    most: usize,
}

/// Given back when dropped.
pub(crate) struct Seat(Rc<Cell<usize>>);

impl Seats {
    /// This shard's part of a bound for all; 0 and less is none. Every shard has one seat at least.
    pub fn shared(most: i64, shard: usize, shards: usize) -> Seats {
        let most = match usize::try_from(most).unwrap_or(0) {
            0 => usize::MAX,
            most => (most / shards + usize::from(shard < most % shards)).max(1),
        };
        Seats { taken: Rc::default(), most }
    }

    /// None if no seat became free in time.
    pub async fn take(&self, host: &Rc<dyn Host>, within: Duration) -> Option<Seat> {
        let deadline = host.now() + within;
        while self.taken.get() >= self.most {
            if host.now() >= deadline {
                return None;
            }
            host.pause(GLANCE).await;
        }
        self.taken.set(self.taken.get() + 1);
        Some(Seat(self.taken.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy_api::testing::{FakeHost, run};

    #[test]
    fn a_seat_is_waited_for_and_given_back() {
        let host: Rc<dyn Host> = FakeHost::new();
        let seats = Seats::shared(1, 0, 1);
        let second = Duration::from_secs(1);
        let first = run(seats.take(&host, second)).expect("a free seat");
        assert!(run(seats.take(&host, second)).is_none());
        drop(first);
        assert!(run(seats.take(&host, second)).is_some());
        let parts: Vec<_> = (0..4).map(|shard| Seats::shared(6, shard, 4).most).collect();
        assert_eq!(parts, [2, 2, 1, 1]);
        assert_eq!((Seats::shared(0, 0, 2).most, Seats::shared(1, 1, 2).most), (usize::MAX, 1));
    }
}
