//! What scanners of contents tell: modules play them, scripts and other modules ask them
//! (`Services::find::<Rc<dyn VirusScanner>>("clamav")`).

use crate::{Host, Later};
use bytes::Bytes;
use std::rc::Rc;

/// What became of a scan for viruses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scan {
    Clean,
    /// The name of the virus.
    Infected(String),
    /// The engine could look at it, but not into it.
    Unscannable(String),
    /// The engine is down, slow, or does not make sense.
    Failed(String),
}

/// An engine of the antivirus framework.
pub trait VirusScanner {
    fn engine(&self) -> &'static str;

    fn scan(&self, content: Bytes, host: &Rc<dyn Host>) -> Later<Scan>;
}

/// What a filter thinks of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpamReport {
    pub is_spam: bool,
    pub score: f64,
    pub threshold: f64,
    /// Names of the rules that it met.
    pub symbols: Vec<String>,
}

pub trait SpamFilter {
    /// An error is one line about what went wrong.
    fn judge(&self, content: Bytes, host: &Rc<dyn Host>) -> Later<Result<SpamReport, String>>;
}
