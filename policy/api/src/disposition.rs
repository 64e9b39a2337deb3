//! What policy has decided so far in one phase, and what it asks of the session.

use mail::Reply;
use std::time::Duration;

/// Filled by the modules of a phase, read by the engine when the phase ends (spec policy.md §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Disposition {
    /// `set_code`: the reply instead of the ordinary one. A later module may overwrite it.
    pub reply: Option<Reply>,
    /// Reply, then close.
    pub disconnect: bool,
    /// Time cost of the reply; the costs of several modules add up.
    pub tarpit: Duration,
    /// The client sees success, nothing is queued; the reason goes to the reject log, unless it is a success itself:
    /// then the message is where it belongs.
    pub discard: Option<Reply>,
}

impl Disposition {
    pub fn set_code(&mut self, code: u16, text: impl Into<String>) {
        self.reply = Some(Reply::verbatim(code, text));
    }

    pub fn disconnect(&mut self, code: u16, text: impl Into<String>) {
        self.set_code(code, text);
        self.disconnect = true;
    }

    pub fn tarpit(&mut self, cost: Duration) {
        self.tarpit = self.tarpit.saturating_add(cost);
    }

    /// A reason that does not begin with a reply code is replaced by the default one.
    pub fn discard(&mut self, reason: Option<Reply>) {
        const DEFAULT: Reply = Reply::fixed(550, (5, 7, 1), "[internal] discarded by policy");
        self.discard = Some(reason.unwrap_or(DEFAULT));
    }

    pub fn refuses(&self) -> bool {
        self.reply.as_ref().is_some_and(|reply| !reply.is_success())
    }
}

/// Changes of what EHLO offers; connect and ehlo only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionRequests {
    pub capabilities_added: Vec<Box<str>>,
    pub capabilities_removed: Vec<Box<str>>,
}

impl SessionRequests {
    pub fn is_empty(&self) -> bool {
        self.capabilities_added.is_empty() && self.capabilities_removed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_add_up_and_the_last_code_wins() {
        let mut disposition = Disposition::default();
        disposition.tarpit(Duration::from_secs(2));
        disposition.tarpit(Duration::from_secs(3));
        disposition.set_code(250, "fine");
        assert!(!disposition.refuses());
        disposition.disconnect(421, "4.7.0 go away");
        assert_eq!(disposition.tarpit, Duration::from_secs(5));
        assert!(disposition.refuses() && disposition.disconnect);
    }
}
