//! The files that hold nothing now: ready to be written, retired, to be removed, to be prepared.
//!
//! Law: retired segments are destroyed in the order of their epochs, or after a batch that names a younger
//! one as the oldest is durable: else an old promise could lose the note that finished it. One that is to be
//! set aside counts as in use until that is done: recovery would take it for an empty one.

use crate::ledger::Use;
use crate::{PrepareFailure, Segment, Settings, Want, limits};
use mail::Time;
use std::collections::VecDeque;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Reuse,
    Remove,
    SetAside,
}

#[derive(Clone, Copy, Debug)]
struct Retired {
    segment: Segment,
    epoch: u64,
    fate: Fate,
}

/// A file that is to go.
#[derive(Clone, Copy, Debug)]
struct Doomed {
    segment: Segment,
    fate: Fate,
    /// None for what was found at the start and never in use.
    epoch: Option<u64>,
}

#[derive(Debug, Default)]
pub struct Segments {
    ready: VecDeque<Segment>,
    /// Emptied, in the order of epochs.
    retired: VecDeque<Retired>,
    doomed: VecDeque<Doomed>,
    /// What the last durable batch named as the oldest.
    named: u64,
    /// The highest number that a file ever had here.
    last: u32,
    /// Why the last preparation failed, until one succeeds.
    stuck: Option<PrepareFailure>,
    prepare_after: Time,
    preparing: bool,
    removing: bool,
}

impl Segments {
    /// A file found at the start.
    pub fn found(&mut self, segment: Segment) {
        self.last = self.last.max(segment.0);
    }

    /// A file of the right size that was never written.
    pub fn found_blank(&mut self, segment: Segment) {
        self.ready.push_back(segment);
    }

    /// A file of another size that holds nothing.
    pub fn found_useless(&mut self, segment: Segment) {
        self.doomed.push_back(Doomed { segment, fate: Fate::Remove, epoch: None });
    }

    /// A file that holds something, or may, that is not to be read.
    pub fn found_unreadable(&mut self, segment: Segment) {
        self.doomed.push_back(Doomed { segment, fate: Fate::SetAside, epoch: None });
    }

    pub fn retire(&mut self, emptied: Use) {
        let fate = match emptied {
            Use { damaged: true, .. } => Fate::SetAside,
            Use { failed: true, .. } | Use { odd_size: true, .. } => Fate::Remove,
            _ => Fate::Reuse,
        };
        self.retired.push_back(Retired { segment: emptied.segment, epoch: emptied.epoch, fate });
        self.let_go(0);
    }

    /// A batch that names `oldest` is durable: what is older may be destroyed in any order.
    pub fn passed(&mut self, oldest: u64, keep: usize) {
        self.named = oldest;
        self.let_go(keep);
    }

    fn let_go(&mut self, keep: usize) {
        while let Some(retired) = self.retired.front().copied() {
            // Nothing older is left on the disk that could need the notes of one that is set aside.
            let may_go =
                retired.epoch < self.named || retired.epoch == self.named && retired.fate == Fate::SetAside;
            if !may_go {
                return;
            }
            self.retired.pop_front();
            let Retired { segment, epoch, fate } = retired;
            match fate {
                Fate::Reuse if self.ready.len() < keep => self.ready.push_back(segment),
                Fate::Reuse => {
                    self.doomed.push_back(Doomed { segment, fate: Fate::Remove, epoch: Some(epoch) });
                }
                fate => self.doomed.push_back(Doomed { segment, fate, epoch: Some(epoch) }),
            }
        }
    }

    /// The epoch of the oldest file that is yet to be set aside.
    pub fn oldest_to_set_aside(&self) -> Option<u64> {
        let doomed = self.doomed.iter().filter(|doomed| doomed.fate == Fate::SetAside);
        let retired = self.retired.iter().filter(|retired| retired.fate == Fate::SetAside);
        doomed.filter_map(|doomed| doomed.epoch).chain(retired.map(|retired| retired.epoch)).min()
    }

    /// Segments that may be written from now on.
    pub fn available(&self) -> usize {
        let reusable = self.retired.iter().take_while(|retired| retired.fate == Fate::Reuse);
        self.ready.len() + reusable.count()
    }

    pub fn has_next(&self) -> bool {
        !self.ready.is_empty() || self.retired.front().is_some_and(|retired| retired.fate == Fate::Reuse)
    }

    pub fn take_next(&mut self) -> Segment {
        match self.ready.pop_front() {
            Some(segment) => segment,
            None => self.retired.pop_front().expect("there is a next segment").segment,
        }
    }

    pub fn stuck(&self) -> Option<PrepareFailure> {
        self.stuck
    }

    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    pub fn retired(&self) -> usize {
        self.retired.len() + self.doomed.len()
    }

    /// Files that may still be made beside `in_use`. A few that wait for their removal, or are `troubled`, do
    /// not count: else they could keep away the segment that lets them go.
    pub fn allowed(&self, settings: &Settings, in_use: usize, troubled: usize) -> u64 {
        let going = self.retired.iter().filter(|retired| retired.fate != Fate::Reuse).count();
        let uncounted = (going + self.doomed.len() + troubled).min(limits::SEGMENTS_UNCOUNTED);
        let made = (in_use + self.ready.len() + self.retired()).saturating_sub(uncounted);
        u64::from(settings.segments).saturating_sub(made as u64)
    }

    fn next_name(&self) -> Segment {
        Segment(self.last + 1)
    }

    /// When the next file is to be prepared; never if none is needed.
    fn prepare_at(&self, settings: &Settings, allowed: u64) -> Time {
        let enough = self.available() >= settings.spares as usize;
        if self.preparing || enough || allowed == 0 {
            return Time::NEVER;
        }
        self.prepare_after
    }

    /// What is wanted now, or when something will be.
    pub fn want(
        &self,
        settings: &Settings,
        allowed: u64,
        is_due: impl Fn(Time) -> bool,
    ) -> Result<Want, Time> {
        let prepare_at = self.prepare_at(settings, allowed);
        if is_due(prepare_at) {
            return Ok(Want::Prepare(self.next_name()));
        }
        match self.doomed.front().filter(|_| !self.removing) {
            Some(Doomed { segment, fate: Fate::SetAside, .. }) => Ok(Want::SetAside(*segment)),
            Some(Doomed { segment, .. }) => Ok(Want::Remove(*segment)),
            None => Err(prepare_at),
        }
    }

    pub fn began_to_prepare(&mut self) {
        self.preparing = true;
    }

    pub fn began_to_remove(&mut self) {
        self.removing = true;
    }

    fn end_preparing(&mut self, segment: Segment) {
        assert_eq!(segment, self.next_name(), "only the segment that was wanted is prepared");
        self.preparing = false;
        self.last = segment.0;
    }

    pub fn prepared(&mut self, segment: Segment) {
        self.end_preparing(segment);
        self.stuck = None;
        self.ready.push_back(segment);
    }

    /// The name is not tried again: remains of the file may be in the way.
    pub fn prepare_failed(&mut self, segment: Segment, why: PrepareFailure, again: Time) {
        self.end_preparing(segment);
        self.stuck = Some(why);
        self.prepare_after = again;
    }

    pub fn removed(&mut self, segment: Segment) {
        let wanted = self.doomed.pop_front().expect("a removal was wanted");
        assert_eq!(wanted.segment, segment, "only the segment that was wanted is removed");
        self.removing = false;
    }
}
