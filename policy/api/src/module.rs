//! A validation module: its definition, and the question that it is asked at each phase.

use crate::{Disposition, Host};
use config::{ModuleSyntax, Stanza};
use mail::{Address, Contexts, MessageId, Phase};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;

/// Whether the phase goes on with the next module. Neither rejects: `Disposition::set_code` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// VALIDATE_CONT
    Continue,
    /// VALIDATE_DONE: no further module of this phase.
    Done,
}

/// A module that needs nothing from outside answers at once and costs no allocation.
pub enum Answer<'a> {
    Now(Verdict),
    Later(Pin<Box<dyn Future<Output = Verdict> + 'a>>),
}

/// The connection, as policy sees it.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: MessageId,
    pub peer: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
}

/// The message in progress. Parts that a phase does not have are empty.
#[derive(Default)]
pub struct Subject<'a> {
    pub sender: Option<&'a Address>,
    /// The recipient under judgement: at rcptto the candidate, from each_rcpt on the copy's own.
    pub recipient: Option<&'a Address>,
    pub recipients: &'a [Address],
    /// Header and body as received, from data on.
    pub content: &'a [u8],
    /// Received fields in the header.
    pub received_fields: u32,
    /// The binding chosen so far; set_binding may replace it.
    pub binding: Option<&'a mut Box<str>>,
}

impl Subject<'_> {
    /// The same subject for one question of several.
    pub fn reborrow(&mut self) -> Subject<'_> {
        Subject { binding: self.binding.as_deref_mut(), ..*self }
    }
}

/// One question at one phase.
pub struct Ask<'a> {
    pub phase: Phase,
    pub client: &'a Client,
    /// The command line as it came, without its end; empty where there is none.
    pub line: &'a str,
    pub contexts: &'a mut Contexts,
    pub subject: Subject<'a>,
    pub disposition: &'a mut Disposition,
}

/// An instance of a module on one shard.
pub trait Module {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a dyn Host) -> Answer<'a>;
}

/// A row of the list of modules.
pub struct ModuleDef {
    /// The keyword of the stanza (also the NAME of `__bypass_NAME`), and its options.
    pub syntax: ModuleSyntax,
    /// The phases at which it wants to be asked.
    pub phases: &'static [Phase],
    /// Makes an instance from its stanza.
    pub make: fn(Stanza<'_>) -> Rc<dyn Module>,
}

impl ModuleDef {
    pub const fn name(&self) -> &'static str {
        self.syntax.name
    }
}
