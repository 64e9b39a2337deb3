//! What happened, for whoever reads a failure. Costs nothing while nobody does.

use mail::Time;
use std::cell::{Cell, RefCell};
use std::fmt::Write as _;

/// Lines kept; the end of a story tells most.
const LINES: usize = 4000;

#[derive(Debug, Default)]
pub(crate) struct Trace {
    wanted: Cell<bool>,
    lines: RefCell<std::collections::VecDeque<(Time, String)>>,
}

impl Trace {
    pub fn want(&self) {
        self.wanted.set(true);
    }

    pub fn add(&self, now: Time, line: impl FnOnce() -> String) {
        if !self.wanted.get() {
            return;
        }
        let mut lines = self.lines.borrow_mut();
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back((now, line()));
    }

    /// One line each, with seconds since `begin`.
    pub fn text(&self, begin: Time) -> String {
        let mut text = String::new();
        for (when, line) in self.lines.borrow().iter() {
            let _ = writeln!(text, "{:>13.6} {line}", when.since(begin).as_secs_f64());
        }
        text
    }
}
