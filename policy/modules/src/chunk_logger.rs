//! chunk_logger: a log of lines with their times, written by the writer of all logs, so that nobody waits for a disk
//! (spec module-details.md §H). `policy_api::chunk_log` obeys the stanza.

use crate::present::Present;
use config::{Bool, Instances, ModuleSyntax, OptionDef, OptionalText};
use policy_api::{Finding, ModuleDef};
use std::rc::Rc;

config::options! {
    pub struct ChunkLoggerOptions {
        /// The log.
        destination: OptionalText = "", in [module];
        /// What stands before a line, as strftime writes it, in UTC; a colon and a blank follow. Unset: nothing.
        timestamp_format: OptionalText = "", in [module];
    }
}

const UNBUILT: &[OptionDef] = config::definitions! {
    /// False: lines end as they come.
    add_newline: Bool = "true", in [module], tier 2 Approximated("every line ends, with one newline");
};

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "chunk_logger",
        instances: Instances::Any,
        options: &[ChunkLoggerOptions::DEFINITIONS, UNBUILT],
        stanzas: &[],
    },
    &[],
    |stanza, _| {
        if !["", MODULE.name()].contains(&stanza.name()) {
            let text = format!("chunk_logger '{}': expected one stanza, without a name", stanza.name());
            return Err(Finding::at(stanza, text));
        }
        match ChunkLoggerOptions::resolve(&stanza).destination {
            Some(_) => Ok(Rc::new(Present)),
            None => Err(Finding::at(stanza, "chunk_logger: destination is missing, expected a file")),
        }
    },
);
