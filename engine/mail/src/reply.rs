//! An SMTP reply: what a server says, what a peer said, and what we say to ourselves (`[internal]`).

use std::borrow::Cow;
use std::fmt;

/// Code, enhanced code (RFC 3463) and text; lines of the text are separated by `\n`.
/// Replies of policy and of peers keep their enhanced code inside the text, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub enhanced: Option<(u8, u16, u16)>,
    pub text: Cow<'static, str>,
}

impl Reply {
    pub const fn fixed(code: u16, enhanced: (u8, u16, u16), text: &'static str) -> Self {
        Reply { code, enhanced: Some(enhanced), text: Cow::Borrowed(text) }
    }

    /// A reply of ours without an enhanced code.
    pub const fn plain(code: u16, text: &'static str) -> Self {
        Reply { code, enhanced: None, text: Cow::Borrowed(text) }
    }

    /// A reply from elsewhere, kept as it came.
    pub fn verbatim(code: u16, text: impl Into<String>) -> Self {
        Reply { code, enhanced: None, text: Cow::Owned(text.into()) }
    }

    pub fn with(code: u16, enhanced: (u8, u16, u16), text: impl Into<String>) -> Self {
        Reply { code, enhanced: Some(enhanced), text: Cow::Owned(text.into()) }
    }

    pub fn is_success(&self) -> bool {
        (200..400).contains(&self.code)
    }

    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }

    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }

    /// Appends the wire form (RFC 5321 §4.2): each line with the code and, if offered, the enhanced code.
    pub fn write_to(&self, out: &mut Vec<u8>, enhanced_offered: bool) {
        use std::io::Write as _;
        let mut lines = self.text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let separator = if lines.peek().is_some() { '-' } else { ' ' };
            let _ = write!(out, "{}{}", self.code, separator);
            if let (Some((class, subject, detail)), true) = (self.enhanced, enhanced_offered) {
                let _ = write!(out, "{class}.{subject}.{detail} ");
            }
            out.extend_from_slice(line.trim_end_matches('\r').as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// As logs and notices print it: one line, code and enhanced code first.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some((class, subject, detail)) = self.enhanced {
            write!(f, " {class}.{subject}.{detail}")?;
        }
        self.text.split('\n').try_for_each(|line| write!(f, " {}", line.trim_end_matches('\r')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_carries_the_code_and_the_enhanced_code_if_offered() {
        let reply = Reply::fixed(550, (5, 7, 1), "relaying denied\nask the postmaster");
        let mut wire = Vec::new();
        reply.write_to(&mut wire, true);
        assert_eq!(wire, b"550-5.7.1 relaying denied\r\n550 5.7.1 ask the postmaster\r\n");
        wire.clear();
        reply.write_to(&mut wire, false);
        assert_eq!(wire, b"550-relaying denied\r\n550 ask the postmaster\r\n");
        assert_eq!(reply.to_string(), "550 5.7.1 relaying denied ask the postmaster");
        assert!(reply.is_permanent() && !reply.is_transient() && !reply.is_success());
    }
}
