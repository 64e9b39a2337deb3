//! What can be written down, in borrowed words: an event is built on the stack, written, forgotten.
//!
//! An event carries no time of its own: it happens when it is recorded.

use mail::{Address, Contexts, MessageId, Protocol, Reply, Stage, Time};
use std::net::{IpAddr, SocketAddr};

#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    Reception(Reception<'a>),
    Delivery(Delivery<'a>),
    /// The attempt failed and will be repeated.
    Transient(Failure<'a>),
    /// The copy is given up: refused, expired or purged.
    Permanent(Failure<'a>),
    /// A bounce that arrived as mail; its copy is that of the original message as far as known.
    OutOfBand(Failure<'a>),
    Rejection(Rejection<'a>),
    /// Policy took a generated message from its recipient. No client of a listener was answered (spec policy.md §2.1).
    GenerationRejection(Rejection<'a>),
    /// Something of ours went wrong; by convention the text starts with the name of the module.
    Panic(&'a str),
    /// Somebody came to a console, or asked it for something.
    Accounting(Accounting<'a>),
    /// A sign of life in a log that may be silent for long.
    Heartbeat,
}

/// One recipient's copy of a message: the unit of the logs.
#[derive(Clone, Copy, Debug)]
pub struct Copy<'a> {
    pub id: MessageId,
    pub batch: MessageId,
    pub received: Time,
    /// None is the null sender.
    pub sender: Option<&'a Address>,
    pub recipient: &'a Address,
    pub binding_group: &'a str,
    pub binding: &'a str,
    /// Of the message as it was received, in bytes.
    pub size: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Reception<'a> {
    pub copy: Copy<'a>,
    /// The inbound connection.
    pub connection: MessageId,
    /// None is written as `unknown`, as for HTTP transmissions.
    pub source: Option<IpAddr>,
    pub protocol: Protocol,
}

#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    pub copy: Copy<'a>,
    /// The outbound connection.
    pub connection: MessageId,
    /// The routing domain: the name of the queue.
    pub domain: &'a str,
    /// Bytes that the peer took.
    pub sent: u64,
    /// Zero at the first attempt.
    pub retries: u32,
    pub peer: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    pub copy: Copy<'a>,
    /// The outbound connection; `MessageId::NONE` if there was none.
    pub connection: MessageId,
    /// The routing domain: the name of the queue.
    pub domain: &'a str,
    /// Bytes sent before the failure.
    pub sent: u64,
    pub stage: Stage,
    /// The code of the bounce class (spec logs.md §11).
    pub class: u8,
    /// Zero at the first attempt.
    pub retries: u32,
    /// The host that said it, if one was reached.
    pub peer: Option<IpAddr>,
    pub reply: &'a Reply,
}

#[derive(Clone, Copy, Debug)]
pub struct Rejection<'a> {
    pub remote: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    pub connection: MessageId,
    pub pathway: &'a str,
    pub pathway_group: &'a str,
    /// What the session was waiting for; `generation` where there was no session.
    pub place: &'a str,
    /// The module that ran last; empty if none did.
    pub module: &'a str,
    pub contexts: &'a Contexts,
    pub reply: &'a Reply,
}

/// A line of acctlog (spec logs.md §5).
#[derive(Clone, Copy, Debug)]
pub struct Accounting<'a> {
    /// The endpoint as it was configured.
    pub listener: &'a str,
    /// None on a Unix socket.
    pub peer: Option<SocketAddr>,
    pub user: &'a str,
    pub what: Accounted<'a>,
}

#[derive(Clone, Copy, Debug)]
pub enum Accounted<'a> {
    Authentication {
        succeeded: bool,
    },
    AuthenticationTimedOut,
    /// A command; the role that allowed it, if roles decide here.
    Command {
        allowed: bool,
        line: &'a str,
        role: Option<&'a str>,
    },
}

impl Event<'_> {
    pub const fn kind(&self) -> Kind {
        match self {
            Event::Reception(_) => Kind::Reception,
            Event::Delivery(_) => Kind::Delivery,
            Event::Transient(_) => Kind::Transient,
            Event::Permanent(_) => Kind::Permanent,
            Event::OutOfBand(_) => Kind::OutOfBand,
            Event::Rejection(_) => Kind::Rejection,
            Event::GenerationRejection(_) => Kind::GenerationRejection,
            Event::Panic(_) => Kind::Panic,
            Event::Accounting(_) => Kind::Accounting,
            Event::Heartbeat => Kind::Heartbeat,
        }
    }
}

/// What the `log_…` options switch on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Kind {
    Reception,
    Delivery,
    Transient,
    Permanent,
    OutOfBand,
    Rejection,
    GenerationRejection,
    Panic,
    Accounting,
    Heartbeat,
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    pub const ALL: Kinds = Kinds(u16::MAX);

    pub const fn of(kinds: &[Kind]) -> Kinds {
        let mut set = 0;
        let mut at = 0;
        while at < kinds.len() {
            set |= 1 << kinds[at] as u16;
            at += 1;
        }
        Kinds(set)
    }

    pub const fn has(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u16 != 0
    }

    pub const fn and(self, other: Kinds) -> Kinds {
        Kinds(self.0 & other.0)
    }

    pub const fn without(self, kind: Kind) -> Kinds {
        Kinds(self.0 & !(1 << kind as u16))
    }
}
