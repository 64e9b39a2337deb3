//! Where queues wait for something shared: a throttle that is exhausted, a limit that is reached.
//!
//! A gate lets in as many queues as there are units to be had, so that a thousand queues behind one throttle
//! do not all rush at it each time its window ends. Queues wait in the gate's list of `Turns`.

use crate::limit::{Counter, SharedLimit};
use crate::throttle::ThrottleCell;
use crate::turns::{GATES, List};
use hashbrown::HashMap;
use mail::Time;
use std::sync::Arc;
use std::time::Duration;

/// Units may be given back by other shards, which nobody reports: so often we look ourselves.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What a gate guards. It is held here, so that its address stays its name.
#[derive(Clone, Debug)]
pub(crate) enum Barrier {
    Throttle(Arc<ThrottleCell>),
    Limit(SharedLimit),
}

impl Barrier {
    fn name(&self) -> usize {
        match self {
            Barrier::Throttle(cell) => Arc::as_ptr(cell) as usize,
            Barrier::Limit(limit) => Arc::as_ptr(&limit.counter) as usize,
        }
    }

    /// How many queues may pass now.
    pub fn room(&self, now: Time) -> u32 {
        match self {
            Barrier::Throttle(cell) => cell.available(now),
            Barrier::Limit(limit) => limit.free(),
        }
    }

    /// When to look again if somebody still waits.
    pub fn reopens(&self, now: Time) -> Time {
        match self {
            Barrier::Throttle(cell) => cell.exhausted_until(now).unwrap_or(now + LOOK_INTERVAL),
            Barrier::Limit(_) => now + LOOK_INTERVAL,
        }
    }
}

#[derive(Debug)]
struct Gate {
    barrier: Barrier,
    alarm: Time,
}

#[derive(Debug, Default)]
pub(crate) struct Gates {
    gates: Vec<Option<Gate>>,
    free: Vec<u32>,
    by_name: HashMap<usize, u32>,
}

impl Gates {
    pub fn list(gate: u32) -> List {
        List(GATES + gate)
    }

    /// The gate before `barrier`, made if there is none.
    pub fn before(&mut self, barrier: Barrier) -> u32 {
        let name = barrier.name();
        if let Some(index) = self.by_name.get(&name) {
            let gate = self.gates[*index as usize].as_mut().expect("a gate is named while it stands");
            // The same counter may have another limit since a reload.
            gate.barrier = barrier;
            return *index;
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.gates.push(None);
            self.gates.len() as u32 - 1
        });
        self.gates[index as usize] = Some(Gate { barrier, alarm: Time::NEVER });
        self.by_name.insert(name, index);
        index
    }

    /// The gate before a counter, if somebody waits there.
    pub fn at(&self, counter: &Arc<Counter>) -> Option<u32> {
        self.by_name.get(&(Arc::as_ptr(counter) as usize)).copied()
    }

    pub fn barrier(&self, gate: u32) -> &Barrier {
        &self.gates[gate as usize].as_ref().expect("a gate is named while it stands").barrier
    }

    /// Notes when the gate will be looked at; the time it was set to before.
    pub fn set_alarm(&mut self, gate: u32, when: Time) -> Time {
        let gate = self.gates[gate as usize].as_mut().expect("a gate is named while it stands");
        std::mem::replace(&mut gate.alarm, when)
    }

    /// Takes down a gate where nobody waits.
    pub fn remove(&mut self, gate: u32) {
        let gone = self.gates[gate as usize].take().expect("a gate is taken down once");
        self.by_name.remove(&gone.barrier.name());
        self.free.push(gate);
    }
}
