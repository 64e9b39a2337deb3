//! Momentum's configuration language: text in, an immutable tree with cheap lookups out, or complaints.
//!
//! A file is lexed and parsed into a `tree`, its includes are followed through a `Loader`, its statements
//! are checked against the `Registry` and declared into a `Snapshot`; a `View` of the snapshot answers what
//! applies to a queue or a session (spec config-language.md §9).
//!
//! Architecture invariant: no I/O here. Who embeds this crate reads the files and declares the options.

mod address;
pub mod catalogue;
mod complaint;
mod cross;
mod declare;
mod domain;
mod edit;
mod edition;
mod examine;
mod explain;
mod fault;
mod include;
mod lexer;
mod limits;
mod load;
mod macros;
mod option;
mod parser;
mod path;
mod print;
mod registry;
mod report;
mod resolve;
mod scope;
mod show;
mod snapshot;
mod source;
mod standing;
mod suggestion;
mod tree;
mod types;

pub use address::Endpoint;
pub use complaint::{Complaint, Severity, Spot};
pub use edit::{Change, Deed, Desk, Said, Transaction, Unwritten, Verb};
pub use edition::Edition;
pub use examine::{Examined, examine};
pub use explain::{Cell, Domains, Explained, Explanation, Names};
pub use include::{LoadFault, Loaded, Loader, MemoryLoader, Schemes};
pub use limits::Limits;
pub use load::{ConfigurationOptions, load, load_within, parse};
pub use option::{
    Choice, Declared, Expected, Found, Lookup, OptionDef, OptionType, Original, Unset, option_value,
};
pub use registry::{DebugLevel, Instances, ModuleOptions, ModuleSyntax, Registry, StanzaSyntax};
pub use report::Setting;
pub use resolve::{Inbound, View};
pub use scope::{CATALOGUE, Naming, Scope, ScopeDef, ScopeSet};
pub use show::{Located as LocatedInstance, Pair};
pub use snapshot::{InstanceId, Located, Place, Snapshot, Stanza};
pub use source::{Position, Span};
pub use standing::Standing;
pub use suggestion::nearest;
pub use tree::{Assignment, Block, Include, Statement, Tree, Value, Word};
pub use types::*;
