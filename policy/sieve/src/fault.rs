//! What goes wrong while a script runs.

use std::fmt;

/// Text for paniclog; the machine adds the file and the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub text: String,
    /// A limit was exceeded: `runtime_error = continue` does not help.
    pub is_limit: bool,
}

impl Fault {
    pub fn new(text: impl Into<String>) -> Fault {
        Fault { text: text.into(), is_limit: false }
    }

    pub fn limit(text: impl Into<String>) -> Fault {
        Fault { text: text.into(), is_limit: true }
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
