//! Rates shared by all shards: never more than N events in a window of S seconds, which opens at its first
//! event (mail-flow.md §7.5). The whole state of a throttle is one atomic word.

use config::{InstanceId, ThrottleRef};
use hashbrown::HashMap;
use mail::Time;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// So many events in so many seconds, each at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub events: u32,
    pub seconds: u32,
}

impl From<&ThrottleRef> for Rate {
    /// Saturating: four billion events are as good as no limit.
    fn from(throttle: &ThrottleRef) -> Self {
        let clipped = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).max(1);
        Rate { events: clipped(throttle.events), seconds: clipped(throttle.window.as_secs()) }
    }
}

/// The word holds the tick at which the window opened and the events counted in it. Small budgets count
/// milliseconds, so that a window of a second is one; large ones need the bits for the events.
#[derive(Clone, Copy, Debug)]
struct Layout {
    event_bits: u32,
    tick_micros: u64,
}

const FINE: Layout = Layout { event_bits: 22, tick_micros: 1000 };
const COARSE: Layout = Layout { event_bits: 32, tick_micros: 1_000_000 };

/// One budget. Exact across threads: what all of them together are granted within a window is at most N.
#[derive(Debug)]
pub struct ThrottleCell {
    rate: Rate,
    layout: Layout,
    window: AtomicU64,
}

/// The window of a word, seen at some time.
struct Window {
    opened: u64,
    used: u32,
}

impl ThrottleCell {
    pub fn new(rate: Rate) -> Self {
        let layout = if rate.events < 1 << FINE.event_bits { FINE } else { COARSE };
        ThrottleCell { rate, layout, window: AtomicU64::new(0) }
    }

    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes up to `wanted` units; how many were granted.
    pub fn take(&self, wanted: u32, now: Time) -> u32 {
        let mut word = self.window.load(Relaxed);
        loop {
            let window = self.seen(word, now);
            let granted = wanted.min(self.rate.events - window.used);
            if granted == 0 {
                return 0;
            }
            let next = window.opened << self.layout.event_bits | u64::from(window.used + granted);
            match self.window.compare_exchange_weak(word, next, Relaxed, Relaxed) {
                Ok(_) => return granted,
                Err(other) => word = other,
            }
        }
    }

    /// Units left in the window of `now`.
    pub fn available(&self, now: Time) -> u32 {
        self.rate.events - self.seen(self.window.load(Relaxed), now).used
    }

    /// When the next unit can be had, if there is none now.
    pub fn exhausted_until(&self, now: Time) -> Option<Time> {
        let window = self.seen(self.window.load(Relaxed), now);
        (window.used >= self.rate.events).then(|| self.end_of(window.opened))
    }

    /// Nobody is charged for anything any more: the last window is over.
    fn is_forgotten(&self, now: Time) -> bool {
        self.seen(self.window.load(Relaxed), now).used == 0
    }

    /// The window that `now` falls into: the running one, or a fresh one. The opening is rounded up to a
    /// tick, so a window is at most a tick longer than S and never shorter.
    fn seen(&self, word: u64, now: Time) -> Window {
        let opened = word >> self.layout.event_bits;
        let used = (word & ((1 << self.layout.event_bits) - 1)) as u32;
        if used > 0 && now < self.end_of(opened) {
            return Window { opened, used };
        }
        Window { opened: now.micros().div_ceil(self.layout.tick_micros), used: 0 }
    }

    fn end_of(&self, opened: u64) -> Time {
        let opened = Time::from_micros(opened * self.layout.tick_micros);
        opened + Duration::from_secs(u64::from(self.rate.seconds))
    }
}

type Cells = HashMap<(InstanceId, &'static str), Arc<ThrottleCell>>;

/// The throttles of the process by what declares them (config-language.md §10). Locked when settings are
/// resolved, never when mail moves.
#[derive(Debug, Default)]
pub struct ThrottleCells(Mutex<Cells>);

impl ThrottleCells {
    /// The cell of a declaration: the same for everything that falls back to it. Another rate than before
    /// makes another cell.
    pub fn cell(&self, throttle: &ThrottleRef) -> Arc<ThrottleCell> {
        let rate = Rate::from(throttle);
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = cells
            .entry((throttle.declared.clone(), throttle.option))
            .or_insert_with(|| Arc::new(ThrottleCell::new(rate)));
        if cell.rate != rate {
            *cell = Arc::new(ThrottleCell::new(rate));
        }
        Arc::clone(cell)
    }

    /// After a reload: lets go of cells that no queue refers to and whose window is over.
    pub fn forget_unused(&self, now: Time) {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cells.retain(|_, cell| Arc::strong_count(cell) > 1 || !cell.is_forgotten(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::atomic::AtomicU64 as Clock;

    const START: Time = Time::from_secs(1_800_000_000);

    fn cell(events: u32, seconds: u32) -> ThrottleCell {
        ThrottleCell::new(Rate { events, seconds })
    }

    fn at(milliseconds: u64) -> Time {
        START + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_window_opens_at_its_first_event_and_holds_n() {
        let cell = cell(3, 2);
        for (time, wanted, granted, until) in [
            (700, 1, 1, None),
            (1000, 1, 1, None),
            (2600, 5, 1, Some(2700)),
            (2699, 1, 0, Some(2700)),
            (2700, 2, 2, None),
            (4699, 2, 1, Some(4700)),
            (9000, 3, 3, Some(11_000)),
        ] {
            assert_eq!(cell.take(wanted, at(time)), granted, "at {time} ms");
            assert_eq!(cell.exhausted_until(at(time)), until.map(at), "at {time} ms");
            assert_eq!(cell.available(at(time)) == 0, until.is_some());
        }
    }

    #[test]
    fn large_budgets_are_exact_too() {
        let cell = cell(u32::MAX, 3600);
        assert_eq!(cell.take(u32::MAX - 1, at(0)), u32::MAX - 1);
        assert_eq!(cell.take(5, at(1)), 1);
        assert_eq!(cell.take(5, at(3_599_999)), 0);
        assert_eq!(cell.take(5, at(3_601_000)), 5);
    }

    proptest! {
        #![proptest_config(crate::fixed_cases())]

        #[test]
        fn no_window_holds_more_than_n(
            events in 1u32..6,
            seconds in 1u32..3,
            steps in prop::collection::vec((0u64..700_000, 1u32..4), 1..200),
        ) {
            let cell = cell(events, seconds);
            let (mut now, mut opened, mut used) = (START, None, 0);
            for (pause, wanted) in steps {
                now = now + Duration::from_micros(pause);
                let length = Duration::from_secs(seconds.into());
                if opened.is_none_or(|opened: Time| now >= opened + length) && cell.available(now) == events {
                    (opened, used) = (Some(now), 0);
                }
                let announced = cell.exhausted_until(now);
                let granted = cell.take(wanted, now);
                prop_assert_eq!(granted == 0, announced.is_some());
                used += granted;
                prop_assert!(used <= events);
                if let Some(until) = cell.exhausted_until(now) {
                    let full = opened.expect("a window is open") + length;
                    prop_assert!(until >= full && until <= full + Duration::from_millis(1));
                    prop_assert!(cell.exhausted_until(until).is_none());
                }
            }
        }
    }

    /// All threads share a clock that creeps forwards, and want more than twice what there is.
    #[test]
    fn threads_together_never_get_more_than_n_a_window() {
        const EVENTS: u32 = 90_001;
        let cell = cell(EVENTS, 1);
        let clock = Clock::new(START.micros());
        let hammer = || -> u32 {
            (0..100_000).map(|_| cell.take(2, Time::from_micros(clock.fetch_add(10, Relaxed)))).sum()
        };
        let granted: u32 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(hammer)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
        });
        // 4 · 100,000 · 10 µs are four seconds: four windows, of which each is used up.
        assert_eq!(granted, 4 * EVENTS);
    }

    /// As the configuration hands it out: options of the global scope, told apart by their names.
    fn declared(option: &'static str, events: u64, seconds: u64) -> ThrottleRef {
        let window = Duration::from_secs(seconds);
        ThrottleRef { events, window, declared: InstanceId::default(), option }
    }

    #[test]
    fn one_declaration_is_one_cell_until_its_rate_changes() {
        let cells = ThrottleCells::default();
        let slow = declared("outbound_throttle_messages", 1, 60);
        let first = cells.cell(&slow);
        assert!(Arc::ptr_eq(&first, &cells.cell(&slow)));
        assert!(!Arc::ptr_eq(&first, &cells.cell(&declared("outbound_throttle_connections", 1, 60))));
        let fast = cells.cell(&declared("outbound_throttle_messages", 9, 1));
        assert!(!Arc::ptr_eq(&first, &fast));
        assert_eq!(fast.rate(), Rate { events: 9, seconds: 1 });
        let boundless = cells.cell(&declared("outbound_throttle_messages", u64::MAX, u64::MAX));
        assert_eq!(boundless.rate(), Rate { events: u32::MAX, seconds: u32::MAX });
    }

    #[test]
    fn a_cell_is_kept_while_it_is_referred_to_or_remembers_events() {
        let cells = ThrottleCells::default();
        let [kept, spent, idle] = ["kept", "spent", "idle"].map(|option| declared(option, 1, 60));
        let _held = cells.cell(&kept);
        assert_eq!(cells.cell(&spent).take(1, at(0)), 1);
        cells.cell(&idle);
        cells.forget_unused(at(1));
        assert_eq!(cells.0.lock().unwrap().len(), 2);
        assert_eq!(cells.cell(&spent).take(1, at(2)), 0);
        cells.forget_unused(at(60_001));
        assert_eq!(cells.0.lock().unwrap().len(), 1);
    }
}
