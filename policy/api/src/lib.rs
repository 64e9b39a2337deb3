//! What a validation module is and what it may ask: the contract between policy and the engine.
//!
//! Architecture invariant: nothing here knows a socket, a runtime or the SMTP grammar. A module is a script
//! of questions to a `Host`; the engine's `shard` plays the host.

mod aside;
pub mod audit;
mod chunk_log;
mod combination;
mod command;
mod disposition;
mod hook;
mod host;
mod mailbox;
mod make;
mod message;
mod module;
mod outside;
mod pipeline;
mod probe;
mod rights;
mod scan;
#[cfg(feature = "testing")]
pub mod testing;

pub use aside::aside;
pub use chunk_log::chunk_log;
pub use combination::{Combined, combine};
pub use command::{Cell, ModuleCommand, Order, Row, Told};
pub use disposition::{Disposition, SessionRequests};
pub use hook::{Credentials, Hook, HookKind};
pub use host::{Counter, Hold, Host, Later, Tally};
pub use mailbox::{Delivery, IN_MAILBOX, MailboxFault, Mailboxes, NO_MAILBOX};
pub use make::{Finding, Make, Services, Sources};
pub use message::{Client, Message, NewMessage, Origin, Tls};
pub use module::{Answer, Ask, Maker, Module, ModuleDef, Verdict};
pub use outside::{
    Answers, Connection, Endpoint, InjectFault, Job, LookupFault, Pool, Question, Record, RecordKind,
    WorkFault, reversed,
};
pub use pipeline::{Loaded, Pipeline, Turn};
pub use probe::{Probe, ProbeFault, ProbeServer, ProbeStage, Probed, RecipientProbe};
pub use rights::{Kept, Rights};
pub use scan::{LinkList, Ripped, Scan, SignatureVerifier, SpamFilter, SpamReport, VirusScanner, note_scan};

/// Thresholds and severities of what goes to the panic log.
pub use config::DebugLevel as Level;
