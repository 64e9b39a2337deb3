//! Rates shared by all shards: never more than N events in a window of S seconds, which opens at its first
//! event (mail-flow.md §7.5). The whole state of a throttle is one atomic word.

use hashbrown::HashMap;
use mail::Time;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// `N` per second or `N/S` per S seconds. N is at least 1: zero is no throttle at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub events: u32,
    pub seconds: u32,
}

/// The text is no rate such as `100` or `500/60`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotARate;

impl std::fmt::Display for NotARate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("expected a rate: events per second, or events/seconds, for example 100 or 500/60")
    }
}

impl std::error::Error for NotARate {}

impl Rate {
    /// None where the text says "unlimited": empty or zero events.
    pub fn parse(text: &str) -> Result<Option<Rate>, NotARate> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let number = |digits: &str| u32::from_str(digits.trim()).map_err(|_| NotARate);
        let (events, seconds) = match text.split_once('/') {
            Some((events, seconds)) => (number(events)?, number(seconds)?),
            None => (number(text)?, 1),
        };
        match (events, seconds) {
            (_, 0) => Err(NotARate),
            (0, _) => Ok(None),
            _ => Ok(Some(Rate { events, seconds })),
        }
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

/// The throttles of the process by what declares them (config-language.md §10). Locked when settings are
/// resolved, never when mail moves.
#[derive(Debug, Default)]
pub struct ThrottleCells(Mutex<HashMap<(u64, &'static str), Arc<ThrottleCell>>>);

impl ThrottleCells {
    /// The cell of an option that the scope instance `instance` declares: the same for everything that
    /// falls back to this declaration. Another rate than before makes another cell.
    pub fn cell(&self, instance: u64, option: &'static str, rate: Rate) -> Arc<ThrottleCell> {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = cells.entry((instance, option)).or_insert_with(|| Arc::new(ThrottleCell::new(rate)));
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
