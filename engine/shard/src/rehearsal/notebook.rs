//! What is written down while a session is rehearsed. Decides: it is told, and asked once in the end.

use super::difference::of_contexts;
use super::transcript::Step;
use mail::{Contexts, MessageId, Reception};
use std::cell::RefCell;
use std::time::Duration;

/// Shared by the modules' watches, the shard and the conductor of the session.
#[derive(Default)]
pub(crate) struct Notebook(RefCell<Page>);

#[derive(Default)]
struct Page {
    /// Since the page was turned over.
    steps: Vec<Step>,
    held: Duration,
    /// The contexts as they were left, by the last phase that all recipients share.
    shared: Contexts,
    /// And by the last one of a copy.
    copy: Option<(MessageId, Contexts)>,
    admitted: Vec<Reception>,
    /// Lines of the reject log.
    rejections: Vec<String>,
}

impl Notebook {
    /// Where the contexts stand now; what nobody else has changed, the engine has. `copy` is who goes alone.
    pub fn before(&self, phase: &'static str, copy: Option<(MessageId, &str)>, contexts: &Contexts) {
        let mut page = self.0.borrow_mut();
        let known = match (&page.copy, copy) {
            (Some((known, contexts)), Some((copy, _))) if *known == copy => contexts,
            _ => &page.shared,
        };
        let changes = of_contexts(known, contexts);
        if !changes.is_empty() {
            let recipient = copy.map(|(_, recipient)| recipient.to_owned());
            page.steps.push(Step {
                phase,
                recipient,
                module: "engine",
                verdict: "continue".into(),
                changes,
                ..Step::default()
            });
        }
        page.leave(copy.map(|(copy, _)| copy), contexts);
    }

    /// A module has answered.
    pub fn after(&self, step: Step, copy: Option<MessageId>, contexts: &Contexts) {
        let mut page = self.0.borrow_mut();
        page.steps.push(step);
        page.leave(copy, contexts);
    }

    /// A module has answered at a hook.
    pub fn note(&self, step: Step) {
        self.0.borrow_mut().steps.push(step);
    }

    /// A judgement of the session has ended. Of one that copies have gone through, they have told all.
    pub fn observe(&self, phase: &'static str, contexts: &Contexts) {
        if self.0.borrow_mut().copy.take().is_none() {
            self.before(phase, None, contexts);
        }
    }

    pub fn hold(&self, time: Duration) {
        self.0.borrow_mut().held += time;
    }

    /// In place of the journal.
    pub fn admit(&self, reception: Reception) {
        self.0.borrow_mut().admitted.push(reception);
    }

    /// In place of the reject log: a line of it, of which the time is left out.
    pub fn rejected(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.split_once(": ").map_or(&*line, |(_, line)| line).trim_end();
        self.0.borrow_mut().rejections.push(line.to_owned());
    }

    /// The steps since the last time, and how long their reply is held back.
    pub fn turn_over(&self) -> (Vec<Step>, Duration) {
        let mut page = self.0.borrow_mut();
        (std::mem::take(&mut page.steps), std::mem::take(&mut page.held))
    }

    /// What all recipients share, what was admitted, and the lines of the reject log.
    pub fn end(&self) -> (Contexts, Vec<Reception>, Vec<String>) {
        let page = self.0.take();
        (page.shared, page.admitted, page.rejections)
    }
}

impl Page {
    fn leave(&mut self, copy: Option<MessageId>, contexts: &Contexts) {
        match copy {
            Some(copy) => self.copy = Some((copy, contexts.clone())),
            None => self.shared = contexts.clone(),
        }
    }
}
