//! Chance, all of it from the seed.

use std::cell::Cell;
use std::time::Duration;

/// A stream of numbers (splitmix64). Parts of the universe have streams of their own, so that one more throw
/// on the disk does not change what the network does.
#[derive(Clone, Debug)]
pub struct Dice(Cell<u64>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(Cell::new(seed))
    }

    /// Another stream, decided by this one and a name.
    pub fn fork(&self, name: &str) -> Dice {
        let named = name.bytes().fold(self.0.get(), |hash, byte| mix(hash ^ u64::from(byte)));
        Dice::new(mix(named))
    }

    pub fn roll(&self) -> u64 {
        self.0.set(self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
        mix(self.0.get())
    }

    /// A number from zero up to, not including, `bound`; zero if `bound` is.
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.roll() % bound }
    }

    /// A number of `low..=high`.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True once in `odds` times; never if `odds` is zero.
    pub fn one_in(&self, odds: u64) -> bool {
        odds != 0 && self.below(odds) == 0
    }

    pub fn pick<'a, T>(&self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    pub fn micros(&self, low: u64, high: u64) -> Duration {
        Duration::from_micros(self.between(low, high))
    }
}

fn mix(state: u64) -> u64 {
    let mut mixed = state;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_its_throws_and_those_of_its_forks() {
        let throws = |dice: &Dice| (0..100).map(|_| dice.roll()).collect::<Vec<_>>();
        assert_eq!(throws(&Dice::new(7)), throws(&Dice::new(7)));
        assert_ne!(throws(&Dice::new(7)), throws(&Dice::new(8)));
        let dice = Dice::new(7);
        assert_eq!(throws(&dice.fork("disk")), throws(&dice.fork("disk")));
        assert_ne!(throws(&dice.fork("disk")), throws(&dice.fork("net")));
    }

    #[test]
    fn bounds_hold_at_their_ends() {
        let dice = Dice::new(1);
        let seen: std::collections::BTreeSet<u64> = (0..200).map(|_| dice.between(3, 6)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert!(!dice.one_in(0) && dice.one_in(1));
        assert_eq!(dice.below(0), 0);
    }
}
