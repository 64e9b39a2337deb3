//! What scanners of contents tell: modules play them, scripts and other modules ask them
//! (`Services::find::<Rc<dyn VirusScanner>>("clamav")`).

use crate::{Host, Later};
use bytes::Bytes;
use content::Content;
use mail::Dictionary;
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

    /// What the engine says that it is, with its signatures; an error says why it does not.
    fn version(&self, _host: &Rc<dyn Host>) -> Later<Result<String, String>> {
        Box::pin(std::future::ready(Err(format!("{} does not tell its version", self.engine()))))
    }

    /// A whole message, as the engine's stanza has it: as it is, or part by part.
    fn scan_message(&self, content: &Content, host: &Rc<dyn Host>) -> Later<Scan> {
        self.scan(content.octets(), host)
    }

    /// The context variable of its results; what was found stands in the one with `_info` behind it.
    fn variable(&self) -> String {
        format!("{}_status", self.engine())
    }
}

/// Writes the result of a scan into two context variables, which stay unset for what is clean.
pub fn note_scan(scan: &Scan, variable: &str, variables: &mut Dictionary) {
    let (status, info) = match scan {
        Scan::Clean => return,
        Scan::Infected(name) => ("infected", &**name),
        Scan::Unscannable(why) => ("unscannable", &**why),
        Scan::Failed(_) => ("error", "error"),
    };
    variables.set(variable, status);
    variables.set(&format!("{variable}_info"), info);
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

/// A list of names that are known for spam, asked by url_ripper about the links of a message.
pub trait LinkList {
    /// Asks about the hosts of its links and the domains of its address fields. `spent`: questions that the message
    /// has cost before.
    fn rip(self: Rc<Self>, content: Content, spent: u32, host: Rc<dyn Host>) -> Later<Ripped>;

    /// The message variable that counts questions.
    fn spent_variable(&self) -> &str;
}

/// What a list has said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ripped {
    /// A context variable, and a name for which it counts one.
    pub hits: Vec<(Box<str>, String)>,
    pub spent: u32,
}

/// Verifies the DKIM signatures of a message, for scripts.
pub trait SignatureVerifier {
    /// The domains whose signatures pass.
    fn domains(&self, content: Bytes, host: &Rc<dyn Host>) -> Later<Vec<String>>;
}
