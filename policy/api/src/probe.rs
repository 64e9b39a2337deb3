//! Asking another mail server whether it would take mail for a recipient: modules do it, scripts ask them
//! (`Services::find::<Rc<dyn RecipientProbe>>("smtp_rcptto_proxy")`).

use crate::{Host, Later};
use mail::Reply;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// What is asked of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub server: ProbeServer,
    /// Empty is the null sender.
    pub sender: Box<str>,
    pub recipient: Box<str>,
    /// For all of it.
    pub within: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeServer {
    /// A name or an address.
    Host { name: Box<str>, port: u16 },
    /// The hosts that take the mail of a domain.
    Domain(Box<str>),
}

/// Where a server has said its last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeStage {
    /// It takes no mail of ours, or none at all.
    Greeting,
    Sender,
    Recipient,
}

/// The reply that decides: a refusal, or what it says to the recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    pub stage: ProbeStage,
    pub reply: Reply,
}

/// Nobody has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeFault {
    /// There is nobody who could: no such domain or host, or one that takes no mail.
    Nobody(String),
    /// Another time, perhaps.
    Unreachable(String),
}

impl fmt::Display for ProbeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ProbeFault::Nobody(text) | ProbeFault::Unreachable(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for ProbeFault {}

pub trait RecipientProbe {
    fn ask(&self, probe: Probe, host: &Rc<dyn Host>) -> Later<Result<Probed, ProbeFault>>;
}
