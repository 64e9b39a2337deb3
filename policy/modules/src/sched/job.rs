//! The jobs of a process: what, when, how often.
//!
//! Law: a decider; whoever has the clock says what time it is.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Jobs, and octets of the command of one.
pub const JOBS_AT_MOST: usize = 10_000;
pub const OCTETS_AT_MOST: usize = 4096;
/// Seconds of an interval, at most: ten years.
pub const LONGEST: u64 = 10 * 366 * 86_400;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: u64,
    /// Seconds since the epoch.
    pub next: u64,
    /// Seconds between two runs; none: it runs once.
    pub every: Option<u64>,
    pub command: String,
}

#[derive(Debug, Default)]
pub struct Jobs {
    jobs: RefCell<BTreeMap<u64, Job>>,
    last: Cell<u64>,
    is_loaded: Cell<bool>,
}

impl Jobs {
    pub fn is_loaded(&self) -> bool {
        self.is_loaded.get()
    }

    /// The rows of the store, once.
    pub fn load(&self, stored: Vec<Job>) {
        if self.is_loaded.replace(true) {
            return;
        }
        let last = stored.iter().map(|job| job.id).max().unwrap_or(0);
        self.last.set(self.last.get().max(last));
        self.jobs.borrow_mut().extend(stored.into_iter().map(|job| (job.id, job)));
    }

    /// A job that is not taken yet, with a name of its own. An error: there are too many.
    pub fn draft(&self, next: u64, every: Option<u64>, command: String) -> Result<Job, String> {
        if self.jobs.borrow().len() >= JOBS_AT_MOST {
            return Err(format!("there are {JOBS_AT_MOST} jobs already: delete one first"));
        }
        self.last.set(self.last.get() + 1);
        Ok(Job { id: self.last.get(), next, every, command })
    }

    pub fn take(&self, job: Job) {
        self.jobs.borrow_mut().insert(job.id, job);
    }

    /// False: there was none.
    pub fn delete(&self, id: u64) -> bool {
        self.jobs.borrow_mut().remove(&id).is_some()
    }

    pub fn has(&self, id: u64) -> bool {
        self.jobs.borrow().contains_key(&id)
    }

    /// None: it has had its last run, or was deleted.
    pub fn next_of(&self, id: u64) -> Option<u64> {
        self.jobs.borrow().get(&id).map(|job| job.next)
    }

    /// In the order of their turns.
    pub fn list(&self) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.jobs.borrow().values().cloned().collect();
        jobs.sort_by_key(|job| (job.next, job.id));
        jobs
    }

    /// The job that is due the longest, if any is, as it was. It is gone, or waits for its next turn: turns that were
    /// missed are not made up for.
    pub fn begin(&self, now: u64) -> Option<Job> {
        let mut jobs = self.jobs.borrow_mut();
        let due = jobs.values().filter(|job| job.next <= now).min_by_key(|job| (job.next, job.id))?.clone();
        match due.every {
            None => drop(jobs.remove(&due.id)),
            Some(every) => {
                let missed = (now - due.next) / every;
                let next = due.next + (missed + 1) * every;
                jobs.insert(due.id, Job { next, ..due.clone() });
            }
        }
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_run_in_the_order_of_their_times_and_missed_turns_are_not_made_up_for() {
        let jobs = Jobs::default();
        for (next, every, command) in [(100, None, "once"), (90, Some(10), "often"), (120, None, "later")] {
            jobs.take(jobs.draft(next, every, command.to_owned()).unwrap());
        }
        let ran = |now| std::iter::from_fn(|| jobs.begin(now)).map(|job| job.command).collect::<Vec<_>>();
        assert_eq!(ran(89), Vec::<String>::new());
        assert_eq!(ran(90), ["often"]);
        assert_eq!(ran(135), ["once", "often", "later"]);
        assert_eq!(ran(139), Vec::<String>::new());
        assert_eq!(ran(140), ["often"]);
        assert_eq!(jobs.list().len(), 1);
        assert_eq!(jobs.next_of(2), Some(150));
    }

    #[test]
    fn a_store_is_loaded_once_and_new_jobs_are_named_after_its() {
        let jobs = Jobs::default();
        let stored = |id| Job { id, next: 5, every: None, command: "x".into() };
        jobs.load(vec![stored(7), stored(3)]);
        jobs.load(vec![stored(50)]);
        assert_eq!(jobs.list().iter().map(|job| job.id).collect::<Vec<_>>(), [3, 7]);
        assert_eq!(jobs.draft(1, None, String::new()).unwrap().id, 8);
        assert!(jobs.delete(3) && !jobs.delete(3) && jobs.has(7));
    }

    #[test]
    fn there_are_no_more_jobs_than_may_be() {
        let jobs = Jobs::default();
        (0..JOBS_AT_MOST).for_each(|_| jobs.take(jobs.draft(1, None, String::new()).unwrap()));
        assert!(jobs.draft(1, None, String::new()).unwrap_err().contains("10000 jobs already"));
    }
}
