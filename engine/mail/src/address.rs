//! A mailbox as SMTP carries it. Who parsed it (smtp) has checked its syntax; here it is only held.

use std::fmt;

/// `local@domain`. The local part keeps its spelling; the domain is kept as given and compared folded.
/// `postmaster` without a domain (RFC 5321 §4.5.1) has an empty domain.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    text: Box<str>,
    local_length: u32,
}

impl Address {
    pub fn new(local: &str, domain: &str) -> Self {
        let mut text = String::with_capacity(local.len() + domain.len() + 1);
        text.push_str(local);
        if !domain.is_empty() {
            text.push('@');
            text.push_str(domain);
        }
        Address { text: text.into_boxed_str(), local_length: local.len() as u32 }
    }

    /// Splits at the last `@`: the syntax was checked before, and a quoted local part may hold one.
    pub fn from_checked(text: &str) -> Self {
        match text.rfind('@') {
            Some(at) => Address::new(&text[..at], &text[at + 1..]),
            None => Address::new(text, ""),
        }
    }

    pub fn local(&self) -> &str {
        &self.text[..self.local_length as usize]
    }

    pub fn domain(&self) -> &str {
        self.text.get(self.local_length as usize + 1..).unwrap_or("")
    }

    /// The domain as queues, stanzas and lists compare it: lower case, without a final dot.
    pub fn folded_domain(&self) -> String {
        fold_domain(self.domain())
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Domain names compare case-insensitively (RFC 5321 §2.4) and a final dot adds nothing.
pub fn fold_domain(domain: &str) -> String {
    domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase()
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_falls_into_its_parts() {
        for (text, local, domain) in [
            ("bob@Alpha.Example", "bob", "Alpha.Example"),
            ("postmaster", "postmaster", ""),
            ("\"a@b\"@c.example", "\"a@b\"", "c.example"),
            ("x@[IPv6:2001:db8::1]", "x", "[IPv6:2001:db8::1]"),
        ] {
            let address = Address::from_checked(text);
            assert_eq!((address.local(), address.domain()), (local, domain));
            assert_eq!(address.to_string(), text);
        }
        assert_eq!(Address::from_checked("b@Alpha.Example.").folded_domain(), "alpha.example");
    }
}
