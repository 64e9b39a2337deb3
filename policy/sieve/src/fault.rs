//! What goes wrong while a script runs.

use std::fmt;

/// Text for paniclog; the machine adds the file and the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub text: String,
    /// The limit that was exceeded: `runtime_error = continue` does not help.
    pub limit: Option<&'static str>,
}

impl Fault {
    pub fn new(text: impl Into<String>) -> Fault {
        Fault { text: text.into(), limit: None }
    }

    /// Counted as `limit:NAME`.
    pub fn limit(name: &'static str, text: impl Into<String>) -> Fault {
        Fault { text: text.into(), limit: Some(name) }
    }
}

impl From<String> for Fault {
    fn from(text: String) -> Self {
        Fault::new(text)
    }
}

impl From<&str> for Fault {
    fn from(text: &str) -> Self {
        Fault::new(text)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
