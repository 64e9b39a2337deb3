//! What one run of a script may cost. Whoever sends mail chooses what a script looks at, so every step that
//! depends on it is on an account.

use crate::fault::Fault;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instructions, and comparisons of 64 octets each.
    pub steps: u64,
    /// Octets of all values made, whether still needed or not.
    pub memory: usize,
    /// Scripts that include each other.
    pub depth: usize,
    /// From the first step to the last, waits included.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { steps: 20_000_000, memory: 64 << 20, depth: 16, time: Duration::from_secs(300) }
    }
}

/// Steps after which others have their turn: about 200 us.
const BREATH: u64 = 20_000;
/// Octets compared or copied that count as one step.
const OCTETS: usize = 64;

#[derive(Debug)]
pub(crate) struct Account {
    limits: Limits,
    steps: u64,
    memory: usize,
    next_breath: u64,
}

impl Account {
    pub fn new(limits: Limits) -> Account {
        Account { limits, steps: 0, memory: 0, next_breath: BREATH }
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub fn step(&mut self, steps: u64) -> Result<(), Fault> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.limits.steps {
            return Err(Fault::limit(
                "steps",
                format!("the script has taken more than {} steps", self.limits.steps),
            ));
        }
        Ok(())
    }

    /// Octets looked at.
    pub fn look(&mut self, octets: usize) -> Result<(), Fault> {
        self.step((octets / OCTETS) as u64 + 1)
    }

    /// Octets kept. Asked before they are made.
    pub fn hold(&mut self, octets: usize) -> Result<(), Fault> {
        self.look(octets)?;
        self.memory = self.memory.saturating_add(octets);
        if self.memory > self.limits.memory {
            let limit = self.limits.memory;
            return Err(Fault::limit(
                "memory",
                format!("the script has made more than {limit} octets of values"),
            ));
        }
        Ok(())
    }

    pub fn is_out_of_breath(&mut self) -> bool {
        let due = self.steps >= self.next_breath;
        if due {
            self.next_breath = self.steps + BREATH;
        }
        due
    }
}
