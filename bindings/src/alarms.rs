//! When something is to be looked at again: one alarm for each queue and each gate.

use mail::Time;
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    Gate(u32),
    Queue(u32),
}

/// Whoever sets an alarm keeps its time, so that it can be moved: `was` is `NEVER` where none was set.
#[derive(Debug, Default)]
pub(crate) struct Alarms(BTreeSet<(Time, Alarm)>);

impl Alarms {
    pub fn earliest(&self) -> Option<Time> {
        self.0.first().map(|(when, _)| *when)
    }

    /// Takes the first alarm that is due.
    pub fn ring(&mut self, now: Time) -> Option<Alarm> {
        self.earliest().filter(|when| *when <= now)?;
        self.0.pop_first().map(|(_, alarm)| alarm)
    }

    pub fn set(&mut self, alarm: Alarm, was: Time, when: Time) {
        if was == when {
            return;
        }
        if !was.is_never() {
            self.0.remove(&(was, alarm));
        }
        if !when.is_never() {
            self.0.insert((when, alarm));
        }
    }
}
