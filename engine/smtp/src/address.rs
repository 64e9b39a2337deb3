//! Paths and mailboxes as MAIL and RCPT carry them (RFC 5321 §4.1.2). The grammar is decided here alone:
//! whoever holds a `mail::Address` need not look at its syntax again.

use crate::limits::{DOMAIN, LABEL};
use mail::Address;
use std::net::{Ipv4Addr, Ipv6Addr};

/// How strictly a path is read; the names are those of the options (spec inbound-smtp.md §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub allow_ip_literal: bool,
    pub pedantic: bool,
    /// Blanks between the angle brackets and the address.
    pub blanks_inside: bool,
    /// Blanks between the colon and the path.
    pub blanks_before: bool,
    /// A mailbox without a domain.
    pub unqualified: bool,
}

/// What stands between the angle brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// `<>`
    Null,
    Mailbox(Address),
}

/// The octets are not a path under these rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntaxError;

/// Reads `<path>` from the start of `input`; the rest (parameters with the blank before them) comes back.
pub fn path(input: &[u8], rules: Rules) -> Result<(Path, &[u8]), SyntaxError> {
    let input = if rules.blanks_before { skip_blanks(input) } else { input };
    let input = input.strip_prefix(b"<").ok_or(SyntaxError)?;
    let input = if rules.blanks_inside { skip_blanks(input) } else { input };
    if let Some(rest) = input.strip_prefix(b">") {
        return Ok((Path::Null, rest));
    }
    let input = skip_source_route(input, rules)?;
    let local_length = local_part(input, rules)?;
    let (local, rest) = input.split_at(local_length);
    let (domain, rest) = match rest.strip_prefix(b"@") {
        Some(rest) => {
            let length = domain_or_literal(rest, rules)?;
            rest.split_at(length)
        }
        // `mail::Address` divides at the last `@`: a local part without a domain must not hold one.
        None if local.contains(&b'@') => return Err(SyntaxError),
        None if rules.unqualified || local.eq_ignore_ascii_case(b"postmaster") => (&b""[..], rest),
        None => return Err(SyntaxError),
    };
    let rest = if rules.blanks_inside { skip_blanks(rest) } else { rest };
    let rest = rest.strip_prefix(b">").ok_or(SyntaxError)?;
    Ok((Path::Mailbox(Address::new(text(local)?, text(domain)?)), rest))
}

fn text(octets: &[u8]) -> Result<&str, SyntaxError> {
    std::str::from_utf8(octets).map_err(|_| SyntaxError)
}

fn skip_blanks(input: &[u8]) -> &[u8] {
    let blanks = input.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    &input[blanks..]
}

/// `@a,@b:` is read and ignored (RFC 5321 appendix C).
fn skip_source_route(mut input: &[u8], rules: Rules) -> Result<&[u8], SyntaxError> {
    if !input.starts_with(b"@") {
        return Ok(input);
    }
    while let Some(rest) = input.strip_prefix(b"@") {
        let rest = &rest[domain_or_literal(rest, rules)?..];
        match rest.split_first() {
            Some((b',', next)) if next.starts_with(b"@") => input = next,
            Some((b':', mailbox)) => return Ok(mailbox),
            _ => break,
        }
    }
    Err(SyntaxError)
}

fn local_part(input: &[u8], rules: Rules) -> Result<usize, SyntaxError> {
    if input.starts_with(b"\"") { quoted_string(input) } else { dot_string(input, rules) }
}

/// Length of `"…"`, where a backslash quotes any graphic octet or blank.
fn quoted_string(input: &[u8]) -> Result<usize, SyntaxError> {
    let mut at = 1;
    loop {
        match input.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') if matches!(input.get(at + 1), Some(b' '..=b'~')) => at += 2,
            Some(b'\\') => return Err(SyntaxError),
            Some(b' '..=b'~') => at += 1,
            _ => return Err(SyntaxError),
        }
    }
}

/// Length of atoms joined by dots. Unless pedantic, empty atoms behind the first are let through.
fn dot_string(input: &[u8], rules: Rules) -> Result<usize, SyntaxError> {
    let length = input.iter().take_while(|octet| **octet == b'.' || is_atom(**octet)).count();
    let local = &input[..length];
    let misplaced = local.ends_with(b".") || local.windows(2).any(|pair| pair == b"..");
    if local.is_empty() || local.starts_with(b".") || (rules.pedantic && misplaced) {
        return Err(SyntaxError);
    }
    Ok(length)
}

fn is_atom(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}

fn domain_or_literal(input: &[u8], rules: Rules) -> Result<usize, SyntaxError> {
    if input.starts_with(b"[") { literal(input, rules) } else { domain(input, rules) }
}

/// Length of `[192.0.2.1]` or `[IPv6:2001:db8::1]`; no other tag is registered (RFC 5321 §4.1.3).
fn literal(input: &[u8], rules: Rules) -> Result<usize, SyntaxError> {
    let end = memchr::memchr(b']', input).filter(|_| rules.allow_ip_literal).ok_or(SyntaxError)?;
    let inside = text(&input[1..end])?;
    let is_address = match inside.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6:") => address.parse::<Ipv6Addr>().is_ok(),
        _ => inside.parse::<Ipv4Addr>().is_ok(),
    };
    if is_address { Ok(end + 1) } else { Err(SyntaxError) }
}

/// Length of labels joined by dots.
fn domain(input: &[u8], rules: Rules) -> Result<usize, SyntaxError> {
    let in_domain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    let length = input.iter().take_while(|octet| in_domain(octet)).count();
    let domain = &input[..length];
    let domain = if rules.pedantic { domain } else { domain.strip_suffix(b".").unwrap_or(domain) };
    let sound = domain.split(|octet| *octet == b'.').all(|label| is_label(label, rules));
    if sound && domain.len() <= DOMAIN { Ok(length) } else { Err(SyntaxError) }
}

fn is_label(label: &[u8], rules: Rules) -> bool {
    let hyphen_outside = label.starts_with(b"-") || label.ends_with(b"-");
    let underscore = rules.pedantic && label.contains(&b'_');
    (1..=LABEL).contains(&label.len()) && !hyphen_outside && !underscore
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Rules = Rules {
        allow_ip_literal: true,
        pedantic: true,
        blanks_inside: false,
        blanks_before: false,
        unqualified: false,
    };
    const TOLERANT: Rules = Rules { pedantic: false, blanks_inside: true, blanks_before: true, ..STRICT };

    fn read(input: &str, rules: Rules) -> Result<String, SyntaxError> {
        path(input.as_bytes(), rules).map(|(path, rest)| match path {
            Path::Null => format!("null|{}", rest.escape_ascii()),
            Path::Mailbox(address) => format!("{address}|{}", rest.escape_ascii()),
        })
    }

    #[test]
    fn paths_are_read_whatever_the_rules() {
        for (input, expected) in [
            ("<>", "null|"),
            ("<> SIZE=1", "null| SIZE=1"),
            ("<bob@alpha.example>", "bob@alpha.example|"),
            ("<b.o.b+tag=1@alpha.example> BODY=7BIT", "b.o.b+tag=1@alpha.example| BODY=7BIT"),
            ("<\"a b\\\"@c\"@alpha.example>", "\"a b\\\"@c\"@alpha.example|"),
            ("<\"\"@alpha.example>", "\"\"@alpha.example|"),
            ("<x@[192.0.2.1]>", "x@[192.0.2.1]|"),
            ("<x@[IPv6:2001:db8::1]>", "x@[IPv6:2001:db8::1]|"),
            ("<@one.example,@two.example:x@three.example>", "x@three.example|"),
            ("<@[192.0.2.9]:x@three.example>", "x@three.example|"),
            ("<PostMaster>", "PostMaster|"),
            ("<x@y>", "x@y|"),
            ("<x@a-b.1.example>>", "x@a-b.1.example|>"),
        ] {
            assert_eq!(read(input, STRICT).as_deref(), Ok(expected));
            assert_eq!(read(input, TOLERANT).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_not_a_path_is_refused_whatever_the_rules() {
        for input in [
            "",
            "<",
            ">",
            "bob@alpha.example",
            "<bob@alpha.example",
            "<bob>",
            "<@>",
            "<bob@>",
            "<@alpha.example>",
            "<.b@a.example>",
            "<b@.example>",
            "<b@a..example>",
            "<b@-a.example>",
            "<b@a-.example>",
            "<b b@a.example>",
            "<b@a@c>",
            "<\"b@a.example>",
            "<\"b\\\r\"@a.example>",
            "<\"b\"c@a.example>",
            "<b@[192.0.2.256]>",
            "<b@[192.0.2.1>",
            "<b@[IPv6:192.0.2.1]>",
            "<b@[2001:db8::1]>",
            "<b@[tag:x]>",
            "<b@a,c.example>",
            "<@one.example,two.example:x@y.example>",
            "<@one.example x@y.example>",
            "<bj\u{f6}rn@a.example>",
            "<b\0@a.example>",
            "<(b)@a.example>",
        ] {
            assert_eq!(read(input, STRICT), Err(SyntaxError), "{input}");
            assert_eq!(read(input, TOLERANT), Err(SyntaxError), "{input}");
        }
    }

    #[test]
    fn tolerance_is_what_the_options_name_and_no_more() {
        for (input, expected) in [
            ("<a..b@x.example>", "a..b@x.example|"),
            ("<ab.@x.example>", "ab.@x.example|"),
            ("< a@x.example >", "a@x.example|"),
            (" <a@x.example>", "a@x.example|"),
            ("<a@my_host.example>", "a@my_host.example|"),
            ("<a@x.example.>", "a@x.example.|"),
        ] {
            assert_eq!(read(input, STRICT), Err(SyntaxError), "{input}");
            assert_eq!(read(input, TOLERANT).as_deref(), Ok(expected));
        }
        assert_eq!(read("<bob>", Rules { unqualified: true, ..STRICT }).as_deref(), Ok("bob|"));
        assert_eq!(read("<\"a@b\">", Rules { unqualified: true, ..STRICT }), Err(SyntaxError));
        assert_eq!(read("<b@[192.0.2.1]>", Rules { allow_ip_literal: false, ..STRICT }), Err(SyntaxError));
    }

    #[test]
    fn labels_and_domains_have_their_longest() {
        let mailbox = |domain: &str| format!("<x@{domain}>");
        let label = "a".repeat(LABEL);
        assert!(read(&mailbox(&label), STRICT).is_ok());
        assert!(read(&mailbox(&format!("{label}a")), STRICT).is_err());
        let longest = [&*label; 4].join(".");
        assert_eq!(longest.len(), DOMAIN);
        assert!(read(&mailbox(&longest), STRICT).is_ok());
        assert!(read(&mailbox(&format!("a.{longest}")), STRICT).is_err());
    }
}
