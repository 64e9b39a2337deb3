//! When which message is due.
//!
//! Law: in the open loop a message's time is fixed by its place in the run, not by when somebody was free to
//! send it: that is what keeps a slow server from slowing its own measurement (coordinated omission).

use mail::Time;
use std::time::Duration;

/// The right and the duty to send one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Place of the message in the whole run.
    pub place: u64,
    /// Latency counts from here.
    pub due: Time,
}

/// One thread's share of a run: it has the places `thread`, `thread + threads`, and so on.
pub struct Pace {
    start: Time,
    end: Time,
    rate: f64,
    next: u64,
    step: u64,
    /// Places from here on do not exist.
    places: u64,
}

impl Pace {
    /// `messages` of all threads, zero for no limit; `duration` zero for no end; `rate` of all threads, zero
    /// for the closed loop.
    pub fn new(
        start: Time,
        messages: u64,
        duration: Duration,
        rate: f64,
        thread: usize,
        threads: usize,
    ) -> Pace {
        Pace {
            start,
            end: start.deadline(Some(duration).filter(|duration| !duration.is_zero())),
            rate,
            next: thread as u64,
            step: threads as u64,
            places: if messages == 0 { u64::MAX } else { messages },
        }
    }

    /// The next message; its time may lie ahead. None: the run is over.
    pub fn take(&mut self, now: Time) -> Option<Ticket> {
        let ticket = self.next(now)?;
        self.next += self.step;
        Some(ticket)
    }

    /// No message is left to take.
    pub fn is_over(&self, now: Time) -> bool {
        self.next(now).is_none()
    }

    fn next(&self, now: Time) -> Option<Ticket> {
        let place = self.next;
        let due = if self.rate > 0.0 {
            self.start + Duration::from_secs_f64(place as f64 / self.rate)
        } else {
            now
        };
        (place < self.places && due < self.end).then_some(Ticket { place, due })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_secs(1_000_000);

    fn at(ms: u64) -> Time {
        START + Duration::from_millis(ms)
    }

    #[test]
    fn a_server_that_stalls_does_not_move_the_times_that_messages_are_due() {
        // One connection, ten messages a second; each takes 10 ms but the third, which takes a second.
        let mut pace = Pace::new(START, 15, Duration::ZERO, 10.0, 0, 1);
        let mut now = START;
        let mut latencies = Vec::new();
        while let Some(ticket) = pace.take(now) {
            now = now.max(ticket.due);
            now = now + Duration::from_millis(if ticket.place == 2 { 1000 } else { 10 });
            latencies.push(now.since(ticket.due).as_millis());
        }
        let expected = [10, 10, 1000, 910, 820, 730, 640, 550, 460, 370, 280, 190, 100, 10, 10];
        assert_eq!(latencies, expected);
    }

    #[test]
    fn the_closed_loop_is_due_when_asked() {
        let mut pace = Pace::new(START, 0, Duration::from_millis(50), 0.0, 0, 1);
        assert_eq!(pace.take(at(7)), Some(Ticket { place: 0, due: at(7) }));
        assert_eq!(pace.take(at(49)), Some(Ticket { place: 1, due: at(49) }));
        assert_eq!(pace.take(at(50)), None);
    }

    #[test]
    fn threads_share_the_places_of_a_run_without_gap_or_overlap() {
        let mut places: Vec<_> = (0..3)
            .flat_map(|thread| {
                let mut pace = Pace::new(START, 10, Duration::ZERO, 100.0, thread, 3);
                std::iter::from_fn(move || pace.take(START)).collect::<Vec<_>>()
            })
            .collect();
        places.sort_by_key(|ticket| ticket.place);
        let expected = (0..10).map(|place| Ticket { place, due: at(place * 10) }).collect::<Vec<_>>();
        assert_eq!(places, expected);
    }

    #[test]
    fn in_the_open_loop_all_that_is_due_before_the_end_is_sent_however_late() {
        let mut pace = Pace::new(START, 0, Duration::from_millis(500), 10.0, 0, 1);
        let late = at(60_000);
        assert_eq!(std::iter::from_fn(|| pace.take(late)).count(), 5);
    }
}
