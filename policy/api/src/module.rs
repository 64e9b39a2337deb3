//! A validation module: its definition, and the question that it is asked at each phase.

use crate::{
    Client, Disposition, Finding, Hook, HookKind, Host, Later, Make, Message, ModuleCommand, SessionRequests,
    Sources,
};
use config::{ModuleSyntax, Stanza};
use mail::{Contexts, Phase};
use std::any::Any;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::rc::Rc;

/// Whether the phase goes on with the next module. Neither of the first two rejects:
/// `Disposition::set_code` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// VALIDATE_CONT
    Continue,
    /// VALIDATE_DONE: no further module of this phase.
    Done,
    /// The module broke; the text goes to paniclog, the client is answered 421 (spec policy.md §3).
    Failed(Box<str>),
    /// The module was ended over a budget; the text goes to paniclog, the client is answered 451 and goes on.
    Exceeded(Box<str>),
}

/// A module that needs nothing from outside answers at once and costs no allocation.
pub enum Answer<'a> {
    Now(Verdict),
    Later(Pin<Box<dyn Future<Output = Verdict> + 'a>>),
}

/// One question at one phase. Everything that may be changed is `Default`: a language may take it out while
/// its script runs, and puts it back before it answers.
pub struct Ask<'a> {
    pub phase: Phase,
    pub client: &'a Client,
    /// The command line as it came, without its end; empty where there is none.
    pub line: &'a str,
    pub contexts: &'a mut Contexts,
    pub message: &'a mut Message,
    pub session: &'a mut SessionRequests,
    pub disposition: &'a mut Disposition,
}

/// An instance of a module on one shard.
pub trait Module: Any {
    /// Asked at the phases of its definition only; many a module only offers others something.
    fn judge<'a>(&'a self, _ask: &'a mut Ask<'_>, _host: &'a Rc<dyn Host>) -> Answer<'a> {
        Answer::Now(Verdict::Continue)
    }

    /// Asked at the hooks of its definition only.
    fn hook<'a>(&'a self, _hook: &'a mut Hook<'_>, _host: &'a Rc<dyn Host>) -> Answer<'a> {
        Answer::Now(Verdict::Continue)
    }

    /// Whether this instance has anything to say at a phase of its definition; if not, it is not asked.
    fn judges(&self, _phase: Phase) -> bool {
        true
    }

    /// The same of a hook.
    fn hears(&self, _hook: HookKind) -> bool {
        true
    }

    /// A line of the console that is no command, as a command of the module's definition, if this instance knows it.
    fn command_of(&self, _line: &str) -> Option<String> {
        None
    }

    /// What the module does on its own while its configuration is in force: timers, reading again. Asked for once
    /// by every shard, of passive modules too; dropped unfinished when another generation takes over or the shard
    /// stops.
    fn attend(&self, _host: &Rc<dyn Host>) -> Option<Later<()>> {
        None
    }
}

pub type Maker = fn(Stanza<'_>, &Make<'_>) -> Result<Rc<dyn Module>, Finding>;

/// A row of the list of modules.
pub struct ModuleDef {
    /// The keyword of the stanza (also the NAME of `__bypass_NAME`), and its options.
    pub syntax: ModuleSyntax,
    /// The phases at which it wants to be asked.
    pub phases: &'static [Phase],
    pub hooks: &'static [HookKind],
    /// The files and folders that it wants to have read before it is made; a folder means every file below it.
    pub files: Option<fn(Stanza<'_>) -> Vec<PathBuf>>,
    /// Makes an instance from its stanza. An error refuses the configuration.
    pub make: Maker,
    /// What `impetus check` wants to know beyond the options: scripts that do not compile, and the like.
    pub check: Option<fn(Stanza<'_>, &Sources) -> Vec<Finding>>,
    /// What operators may ask of its instances.
    pub commands: &'static [&'static ModuleCommand],
}

impl ModuleDef {
    /// A module without hooks, files, checks and commands; to be completed with `..`.
    pub const fn new(syntax: ModuleSyntax, phases: &'static [Phase], make: Maker) -> Self {
        ModuleDef { syntax, phases, hooks: &[], files: None, make, check: None, commands: &[] }
    }

    pub const fn name(&self) -> &'static str {
        self.syntax.name
    }
}
