//! The timing wheel: many alarms, set and unset in constant time. Decides; knows no clock.
//!
//! Law: an alarm never rings early; it rings at most one tick after its time is told.

use mail::Time;
use slab::Slab;

/// One tick, in microseconds.
const TICK_US: u64 = 1000;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// Ten levels of 64 slots cover every moment that `Time` can express.
const LEVELS: usize = 10;
const NONE: u32 = u32::MAX;

/// Names an alarm; after it rang or was unset it names nothing, and nothing else ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AlarmKey {
    index: u32,
    sequence: u64,
}

struct Alarm<T> {
    at: Time,
    tick: u64,
    sequence: u64,
    previous: u32,
    next: u32,
    payload: T,
}

/// Level 0 holds the next 64 ticks, each level above 64 times as many: an alarm sits at the level of the
/// highest bits in which its tick differs from the present one, and moves down as these come true.
pub(crate) struct Wheel<T> {
    alarms: Slab<Alarm<T>>,
    heads: [[u32; SLOTS]; LEVELS],
    occupied: [u64; LEVELS],
    elapsed: u64,
    sequence: u64,
}

impl<T> Wheel<T> {
    pub fn new(now: Time) -> Self {
        Wheel {
            alarms: Slab::new(),
            heads: [[NONE; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            elapsed: now.micros() / TICK_US,
            sequence: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.alarms.len()
    }

    /// A moment that has passed rings at the next tick.
    pub fn set(&mut self, at: Time, payload: T) -> AlarmKey {
        self.sequence += 1;
        let sequence = self.sequence;
        let tick = at.micros().div_ceil(TICK_US).max(self.elapsed + 1);
        let alarm = Alarm { at, tick, sequence, previous: NONE, next: NONE, payload };
        let index = u32::try_from(self.alarms.insert(alarm)).expect("fewer than 2^32 alarms");
        self.link(index);
        AlarmKey { index, sequence }
    }

    /// The payload back, unless the alarm has rung or was unset before.
    pub fn unset(&mut self, key: AlarmKey) -> Option<T> {
        let alarm = self.alarms.get(key.index as usize)?;
        if alarm.sequence != key.sequence {
            return None;
        }
        self.unlink(key.index);
        Some(self.alarms.remove(key.index as usize).payload)
    }

    pub fn get_mut(&mut self, key: AlarmKey) -> Option<&mut T> {
        let alarm = self.alarms.get_mut(key.index as usize)?;
        (alarm.sequence == key.sequence).then_some(&mut alarm.payload)
    }

    /// When to tell the time next: not after the earliest alarm, but perhaps before it.
    pub fn due(&self) -> Option<Time> {
        self.next_slot().map(|(_, _, tick)| Time::from_micros(tick.saturating_mul(TICK_US)))
    }

    /// Takes out what is due, in order of time, then of setting.
    pub fn advance(&mut self, now: Time) -> Vec<T> {
        let present = now.micros() / TICK_US;
        let mut due = Vec::new();
        while let Some((level, slot, tick)) = self.next_slot().filter(|(_, _, tick)| *tick <= present) {
            self.elapsed = tick;
            let mut index = std::mem::replace(&mut self.heads[level][slot], NONE);
            self.occupied[level] &= !(1 << slot);
            while index != NONE {
                let next = self.alarms[index as usize].next;
                if self.alarms[index as usize].tick <= tick {
                    due.push(self.alarms.remove(index as usize));
                } else {
                    self.link(index);
                }
                index = next;
            }
        }
        self.elapsed = self.elapsed.max(present);
        due.sort_by_key(|alarm| (alarm.at, alarm.sequence));
        due.into_iter().map(|alarm| alarm.payload).collect()
    }

    fn place(&self, tick: u64) -> (usize, usize) {
        let differing = (tick ^ self.elapsed) | 1;
        let level = ((u64::BITS - 1 - differing.leading_zeros()) / SLOT_BITS) as usize;
        let slot = (tick >> (level as u32 * SLOT_BITS)) as usize % SLOTS;
        (level, slot)
    }

    fn link(&mut self, index: u32) {
        let (level, slot) = self.place(self.alarms[index as usize].tick);
        let head = std::mem::replace(&mut self.heads[level][slot], index);
        self.occupied[level] |= 1 << slot;
        let alarm = &mut self.alarms[index as usize];
        (alarm.previous, alarm.next) = (NONE, head);
        if head != NONE {
            self.alarms[head as usize].previous = index;
        }
    }

    fn unlink(&mut self, index: u32) {
        let alarm = &self.alarms[index as usize];
        let (previous, next, tick) = (alarm.previous, alarm.next, alarm.tick);
        if next != NONE {
            self.alarms[next as usize].previous = previous;
        }
        if previous != NONE {
            self.alarms[previous as usize].next = next;
            return;
        }
        // The place is still the one it was linked at: a slot is emptied before `elapsed` enters it.
        let (level, slot) = self.place(tick);
        self.heads[level][slot] = next;
        if next == NONE {
            self.occupied[level] &= !(1 << slot);
        }
    }

    /// Level, slot and first tick of the next slot that holds alarms. Lower levels come first, because all
    /// of a level's slots lie before the second one of the level above.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|slots| *slots != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        let shift = level as u32 * SLOT_BITS;
        let above = u64::MAX.checked_shl(shift + SLOT_BITS).unwrap_or(0);
        Some((level, slot, (self.elapsed & above) | (slot as u64) << shift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn ms(ms: u64) -> Time {
        Time::from_micros(ms * 1000)
    }

    #[test]
    fn alarms_ring_in_order_of_time_and_never_early() {
        let mut wheel = Wheel::new(ms(5));
        for at in [70, 6, 4200, 63, 64, 65, 6, 300_000, 5, 0] {
            wheel.set(ms(at), at);
        }
        assert_eq!(wheel.advance(ms(5)), Vec::<u64>::new());
        assert_eq!(wheel.advance(ms(6)), [0, 5, 6, 6]);
        assert_eq!(wheel.advance(ms(64)), [63, 64]);
        assert_eq!(wheel.advance(ms(4199)), [65, 70]);
        assert_eq!(wheel.advance(ms(4200)), [4200]);
        assert_eq!(wheel.advance(ms(299_999)), Vec::<u64>::new());
        assert_eq!(wheel.advance(Time::NEVER), [300_000]);
        assert_eq!(wheel.len(), 0);
    }

    #[test]
    fn a_key_that_rang_or_was_unset_names_nothing() {
        let mut wheel = Wheel::new(ms(0));
        let first = wheel.set(ms(1), "first");
        assert_eq!(wheel.advance(ms(1)), ["first"]);
        let second = wheel.set(ms(9), "second");
        assert_eq!((first.index, wheel.unset(first)), (second.index, None));
        assert_eq!(wheel.unset(second), Some("second"));
        assert_eq!((wheel.unset(second), wheel.due()), (None, None));
    }

    /// Against a sorted map, through every level, with jumps of all sizes.
    #[test]
    fn the_wheel_agrees_with_a_sorted_map() {
        let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        let mut now = 1_700_000_000_000;
        let mut wheel = Wheel::new(ms(now));
        let mut model: BTreeMap<(u64, u64), AlarmKey> = BTreeMap::new();
        for name in 0..60_000 {
            match random() % 8 {
                0..5 => {
                    let span = 1 << (random() % 36);
                    let at = now + 1 + random() % span;
                    model.insert((at, name), wheel.set(ms(at), (at, name)));
                }
                5 => {
                    if let Some((at, key)) = model.pop_last() {
                        assert_eq!(wheel.unset(key), Some(at));
                    }
                }
                _ => {
                    now += random() % (1 << (random() % 24));
                    let rest = model.split_off(&(now + 1, 0));
                    let expected: Vec<_> = std::mem::replace(&mut model, rest).into_keys().collect();
                    assert_eq!(wheel.advance(ms(now)), expected);
                }
            }
            let earliest = model.first_key_value().map(|((at, _), _)| ms(*at));
            assert!(wheel.due().is_none_or(|due| due > ms(now)) && wheel.due() <= earliest.or(wheel.due()));
            assert_eq!((wheel.due().is_some(), wheel.len()), (earliest.is_some(), model.len()));
        }
    }
}
