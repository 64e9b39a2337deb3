//! Which copies of which promises live, and where their records lie.
//!
//! Law: a segment may be destroyed only when it is the oldest in use and nothing in it lives: notes stand in
//! the segment of their promise or in a younger one, so the notes in the oldest are obsolete with it.
//! Compact on purpose: about 70 bytes a promise at a million (README, "Memory").

use crate::{Deferral, Promise, Segment};
use hashbrown::HashMap;
use std::collections::VecDeque;

/// Where a record lies: its first byte and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub segment: Segment,
    pub offset: u32,
    pub length: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Of the first part.
    spot: Spot,
    copies: u32,
    /// A bit for each living copy; their count where there are more than 64 copies (see `wide`).
    living: u64,
}

/// A segment that holds records.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    pub segment: Segment,
    pub epoch: u64,
    /// Promises whose first part lies here, and the bytes of all their parts.
    pub living: u64,
    pub living_bytes: u64,
    /// Promises whose first part is durable here and whose last is not written yet.
    pub forming: u64,
    /// Where the batches end.
    pub end: u64,
    /// A write in it failed: it is emptied and removed.
    pub failed: bool,
    /// A living record in it could not be read: it is emptied and set aside.
    pub damaged: bool,
    /// Not of the size that segments have now: removed when empty.
    pub odd_size: bool,
    /// Notes rewritten for it must be durable up to here before it may go.
    pub notes_until: u64,
}

#[derive(Debug, Default)]
pub struct Ledger {
    promises: HashMap<Promise, Entry>,
    /// The living copies of promises with more than 64.
    wide: HashMap<Promise, Box<[u64]>>,
    /// All parts of the promises that have more than one.
    chains: HashMap<Promise, Box<[Spot]>>,
    deferrals: HashMap<(Promise, u32), Deferral>,
    uses: HashMap<Segment, Use>,
    order: VecDeque<Segment>,
    living_bytes: u64,
}

impl Ledger {
    pub fn begin(&mut self, segment: Segment, epoch: u64, end: u64) {
        let fresh = Use {
            segment,
            epoch,
            living: 0,
            living_bytes: 0,
            forming: 0,
            end,
            failed: false,
            damaged: false,
            odd_size: false,
            notes_until: 0,
        };
        let known = self.uses.insert(segment, fresh);
        assert!(known.is_none(), "a segment in use is not begun again");
        self.order.push_back(segment);
    }

    pub fn segment(&mut self, segment: Segment) -> &mut Use {
        self.uses.get_mut(&segment).expect("a segment that holds records is in the ledger")
    }

    pub fn oldest(&self) -> Option<&Use> {
        self.order.front().map(|segment| &self.uses[segment])
    }

    pub fn in_use(&self) -> impl Iterator<Item = &Use> {
        self.order.iter().map(|segment| &self.uses[segment])
    }

    pub fn in_use_as(&self, segment: Segment) -> Option<&Use> {
        self.uses.get(&segment)
    }

    pub fn segments(&self) -> usize {
        self.order.len()
    }

    pub fn retire_oldest(&mut self) -> Option<Use> {
        let segment = self.order.pop_front()?;
        self.uses.remove(&segment)
    }

    pub fn promises(&self) -> usize {
        self.promises.len()
    }

    pub fn deferred(&self) -> usize {
        self.deferrals.len()
    }

    pub fn living_bytes(&self) -> u64 {
        self.living_bytes
    }

    /// Notes a promise at its place: a new one with all copies living, a known one moves.
    /// `living` are the copies that a moved record says live.
    pub fn place(&mut self, promise: Promise, copies: u32, living: &[u8], spots: &[Spot]) {
        let bytes: u64 = spots.iter().map(|spot| u64::from(spot.length)).sum();
        match self.promises.get(&promise).copied() {
            Some(known) => {
                self.uncount(promise, known.spot);
                self.promises.insert(promise, Entry { spot: spots[0], ..known });
            }
            None => self.insert(promise, copies, living, spots[0]),
        }
        if spots.len() > 1 {
            self.chains.insert(promise, spots.into());
        }
        let place = self.segment(spots[0].segment);
        place.living += 1;
        place.living_bytes += bytes;
        self.living_bytes += bytes;
    }

    fn insert(&mut self, promise: Promise, copies: u32, living: &[u8], spot: Spot) {
        let words = copies.div_ceil(64) as usize;
        let full = |word: usize| match copies as usize - 64 * word {
            left if left < 64 => (1 << left) - 1,
            _ => u64::MAX,
        };
        let said = |word: usize| match living.get(8 * word..8 * word + 8) {
            Some(bytes) => crate::layout::number8(bytes, 0) & full(word),
            None => full(word),
        };
        let mut entry = Entry { spot, copies, living: said(0) };
        if words > 1 {
            let set: Box<[u64]> = (0..words).map(said).collect();
            entry.living = set.iter().map(|word| u64::from(word.count_ones())).sum();
            self.wide.insert(promise, set);
        }
        self.promises.insert(promise, entry);
    }

    /// Takes a promise out of the sums of its segment and forgets its chain.
    fn uncount(&mut self, promise: Promise, spot: Spot) {
        let chain = if self.chains.is_empty() { None } else { self.chains.remove(&promise) };
        let bytes = match chain {
            Some(spots) => spots.iter().map(|spot| u64::from(spot.length)).sum(),
            None => u64::from(spot.length),
        };
        let place = self.segment(spot.segment);
        place.living -= 1;
        place.living_bytes -= bytes;
        self.living_bytes -= bytes;
    }

    /// False if that copy does not live.
    pub fn finish(&mut self, promise: Promise, copy: u32) -> bool {
        let Some(entry) = self.promises.get_mut(&promise).filter(|entry| copy < entry.copies) else {
            return false;
        };
        if entry.copies <= 64 {
            if entry.living & 1 << copy == 0 {
                return false;
            }
            entry.living &= !(1 << copy);
        } else {
            let set = self.wide.get_mut(&promise).expect("many copies have their set");
            let (word, bit) = (copy as usize / 64, 1 << (copy % 64));
            if set[word] & bit == 0 {
                return false;
            }
            set[word] &= !bit;
            entry.living -= 1;
        }
        let left = entry.living;
        if !self.deferrals.is_empty() {
            self.deferrals.remove(&(promise, copy));
        }
        if left == 0 {
            self.forget(promise);
        }
        true
    }

    /// Drops a promise with all its copies.
    pub fn forget(&mut self, promise: Promise) {
        let Some(entry) = self.promises.get(&promise).copied() else { return };
        if !self.deferrals.is_empty() {
            (0..entry.copies).for_each(|copy| drop(self.deferrals.remove(&(promise, copy))));
        }
        self.uncount(promise, entry.spot);
        self.promises.remove(&promise);
        if entry.copies > 64 {
            self.wide.remove(&promise);
        }
    }

    /// False if that copy does not live.
    pub fn defer(&mut self, promise: Promise, copy: u32, deferral: Deferral) -> bool {
        let lives = self.lives(promise, copy);
        if lives {
            self.deferrals.insert((promise, copy), deferral);
        }
        lives
    }

    pub fn lives(&self, promise: Promise, copy: u32) -> bool {
        let Some(entry) = self.promises.get(&promise).filter(|entry| copy < entry.copies) else {
            return false;
        };
        match self.wide.get(&promise).filter(|_| entry.copies > 64) {
            Some(set) => set[copy as usize / 64] & 1 << (copy % 64) != 0,
            None => entry.living & 1 << copy != 0,
        }
    }

    pub fn deferral(&self, promise: Promise, copy: u32) -> Option<&Deferral> {
        self.deferrals.get(&(promise, copy))
    }

    /// Copies that a living promise was made with; none when it is finished or unknown.
    pub fn copies(&self, promise: Promise) -> Option<u32> {
        self.promises.get(&promise).map(|entry| entry.copies)
    }

    /// The living copies as a moved record carries them.
    pub fn living_set(&self, promise: Promise) -> Box<[u8]> {
        match (self.wide.get(&promise), self.promises.get(&promise)) {
            (Some(set), _) => set.iter().flat_map(|word| word.to_le_bytes()).collect(),
            (None, Some(entry)) => Box::new(entry.living.to_le_bytes()),
            (None, None) => Box::default(),
        }
    }

    /// Where the first part lies.
    pub fn spot(&self, promise: Promise) -> Option<Spot> {
        self.promises.get(&promise).map(|entry| entry.spot)
    }

    /// Where all parts lie, in order.
    pub fn spots(&self, promise: Promise) -> Option<Vec<Spot>> {
        let entry = self.promises.get(&promise)?;
        Some(self.chains.get(&promise).map_or_else(|| vec![entry.spot], |chain| chain.to_vec()))
    }

    /// All living promises, in ascending order.
    pub fn all(&self) -> Vec<(Promise, u32)> {
        let mut all: Vec<_> = self.promises.iter().map(|(promise, entry)| (*promise, entry.copies)).collect();
        all.sort_unstable();
        all
    }

    /// Promises that have their first part in a segment. Looks at every promise: for damage only.
    pub fn promises_in(&self, segment: Segment) -> Vec<Promise> {
        let inside = self.promises.iter().filter(|(_, entry)| entry.spot.segment == segment);
        let mut found: Vec<_> = inside.map(|(promise, _)| *promise).collect();
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::Time;

    fn spot(offset: u32) -> Spot {
        Spot { segment: Segment(1), offset, length: 100 }
    }

    fn ledger() -> Ledger {
        let mut ledger = Ledger::default();
        ledger.begin(Segment(1), 1, 4096);
        ledger
    }

    #[test]
    fn each_copy_is_finished_once_and_the_last_one_frees_the_segment() {
        for copies in [1, 2, 63, 64, 65, 128, 1000] {
            let mut ledger = ledger();
            ledger.place(Promise(5), copies, &[], &[spot(4096), spot(8192)]);
            assert_eq!(ledger.segment(Segment(1)).living_bytes, 200);
            for copy in 0..copies {
                assert!(ledger.lives(Promise(5), copy), "{copy} of {copies}");
                assert!(ledger.finish(Promise(5), copy), "{copy} of {copies}");
                assert!(!ledger.finish(Promise(5), copy), "{copy} of {copies}");
            }
            assert!(!ledger.finish(Promise(5), copies));
            assert_eq!((ledger.promises(), ledger.living_bytes()), (0, 0));
            assert!(ledger.wide.is_empty() && ledger.chains.is_empty());
            assert_eq!(ledger.segment(Segment(1)).living, 0);
        }
    }

    #[test]
    fn a_million_promises_take_well_under_100_megabytes() {
        let mut ledger = ledger();
        (0..1_000_000).for_each(|number| ledger.place(Promise(number), 1, &[], &[spot(4096)]));
        let bytes = ledger.promises.allocation_size();
        assert!(bytes < 80_000_000, "{bytes}");
    }

    #[test]
    fn a_move_keeps_copies_and_deferrals() {
        for copies in [3, 200] {
            let mut ledger = ledger();
            ledger.begin(Segment(2), 2, 4096);
            ledger.place(Promise(5), copies, &[], &[spot(4096)]);
            let deferral = Deferral { until: Time::from_secs(9), attempts: 1, note: (*b"busy").into() };
            assert!(ledger.finish(Promise(5), 0) && ledger.defer(Promise(5), 1, deferral.clone()));
            let set = ledger.living_set(Promise(5));
            let place = Spot { segment: Segment(2), offset: 4096, length: 120 };
            ledger.place(Promise(5), copies, &set, &[place]);
            assert!(!ledger.lives(Promise(5), 0) && ledger.lives(Promise(5), 1));
            assert_eq!(ledger.deferral(Promise(5), 1), Some(&deferral));
            assert_eq!((ledger.segment(Segment(1)).living, ledger.segment(Segment(2)).living), (0, 1));
            ledger.forget(Promise(5));
            assert_eq!((ledger.deferred(), ledger.living_bytes()), (0, 0));
            // The set alone brings the same copies to life after a restart.
            ledger.place(Promise(5), copies, &set, &[place]);
            assert!(!ledger.lives(Promise(5), 0) && ledger.lives(Promise(5), copies - 1));
        }
    }
}
