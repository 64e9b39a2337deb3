//! What a log format is, and how the options of all formats bend their lines.
//!
//! A format is a `const` in a file of its own and a row in `list.rs`.

pub mod acctlog;
pub mod bouncelog;
pub mod mainlog;
pub mod paniclog;
pub mod rejectlog;

use crate::{Event, Kinds};
use mail::Time;
use std::time::Duration;

/// How one log looks. `write` appends one whole line, line feed included, for an event of `kinds`;
/// for any other it appends nothing.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// The option that names its file.
    pub name: &'static str,
    pub default_file: &'static str,
    /// The events that it has a line for.
    pub kinds: Kinds,
    /// How long a line may wait for company.
    pub linger: Duration,
    pub write: fn(&Event<'_>, Time, &Style, &mut Vec<u8>),
}

/// A format is its name: there is one of each.
impl PartialEq for Format {
    fn eq(&self, other: &Format) -> bool {
        self.name == other.name
    }
}

/// Options that hold for every log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// `log_hires_timestamp`: microseconds instead of seconds, still one integer.
    pub hires_timestamp: bool,
    /// `heartbeat_type`: the word after `ts@@@@`.
    pub heartbeat_type: &'static str,
    /// `log_escape`: `@` within local parts becomes `%40` (and `%` becomes `%25`).
    pub escape: bool,
}

impl Default for Style {
    fn default() -> Self {
        Style { hires_timestamp: false, heartbeat_type: "M1", escape: false }
    }
}

/// The patience of logs that are read later rather than watched.
pub(crate) const LINGER: Duration = Duration::from_millis(100);
