//! Macro strings (RFC 7208 §7): parsed once, expanded from facts. `%{spfv1:…}` of Lua, Sieve and options is `expand`.

use crate::name::reversed;
use std::borrow::Cow;
use std::net::IpAddr;

/// What the letters stand for.
#[derive(Clone, Debug)]
pub struct MacroFacts<'a> {
    /// `l`: `postmaster` when empty
    pub sender_local: &'a str,
    /// `o`
    pub sender_domain: &'a str,
    /// `d`: the domain whose record is read
    pub domain: &'a str,
    /// `i`, `c`, `v`
    pub ip: IpAddr,
    /// `h`
    pub helo: &'a str,
    /// `p`: `unknown` unless somebody has validated a name
    pub validated_name: &'a str,
    /// `r`
    pub receiver: &'a str,
    /// `t`: seconds since 1970
    pub now_s: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Box<str>),
    Macro { letter: u8, escape: bool, keep: usize, reverse: bool, delimiters: Box<str> },
}

/// A macro string whose syntax is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MacroString(Vec<Piece>);

/// Where a macro string stands decides which letters it may have: `c`, `r`, `t` only explain (RFC 7208 §7.2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Domain,
    Explanation,
}

impl MacroString {
    pub(super) fn parse(text: &str, place: Place) -> Result<Self, &'static str> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(octet) = rest.bytes().next() {
            match octet {
                b'%' => {
                    let (known, after) = match rest.as_bytes().get(1) {
                        Some(b'%') => ("%", 2),
                        Some(b'_') => (" ", 2),
                        Some(b'-') => ("%20", 2),
                        Some(b'{') => {
                            let end = rest.find('}').ok_or("a macro without }")?;
                            if !literal.is_empty() {
                                pieces.push(Piece::Literal(std::mem::take(&mut literal).into()));
                            }
                            pieces.push(macro_of(&rest[2..end], place)?);
                            ("", end + 1)
                        }
                        _ => return Err("a % that begins no macro"),
                    };
                    literal.push_str(known);
                    rest = &rest[after..];
                }
                b'!'..=b'~' => {
                    literal.push(octet.into());
                    rest = &rest[1..];
                }
                b' ' if place == Place::Explanation => {
                    literal.push(' ');
                    rest = &rest[1..];
                }
                _ => return Err("an octet that macro strings do not have"),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.into()));
        }
        Ok(MacroString(pieces))
    }

    /// domain-spec ends in a top label or in a macro (RFC 7208 §7.1).
    pub(super) fn is_domain_spec(&self, text: &str) -> bool {
        if matches!(self.0.last(), Some(Piece::Macro { .. })) {
            return true;
        }
        let Some((_, top)) = text.strip_suffix('.').unwrap_or(text).rsplit_once('.') else { return false };
        let inner = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        !top.is_empty()
            && top.bytes().all(inner)
            && !top.starts_with('-')
            && !top.ends_with('-')
            && !top.bytes().all(|octet| octet.is_ascii_digit())
    }

    pub(super) fn needs_validated_name(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Macro { letter: b'p', .. }))
    }

    pub(super) fn expand(&self, facts: &MacroFacts<'_>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Macro { letter, escape, keep, reverse, delimiters } => {
                    let value = value_of(*letter, facts);
                    let value = transform(&value, *keep, *reverse, delimiters);
                    if *escape { percent_encode(&value, &mut text) } else { text.push_str(&value) }
                }
            }
        }
        text
    }

    /// Expanded and cut from the left to 253 octets (RFC 7208 §7.3).
    pub(super) fn expand_domain(&self, facts: &MacroFacts<'_>) -> String {
        let full = self.expand(facts);
        let mut name = full.trim_end_matches('.');
        while name.len() > 253 {
            match name.split_once('.') {
                Some((_, shorter)) => name = shorter,
                None => break,
            }
        }
        name.to_ascii_lowercase()
    }
}

/// The inside of `%{…}`: a letter, digits, `r`, delimiters.
fn macro_of(inside: &str, place: Place) -> Result<Piece, &'static str> {
    let mut octets = inside.bytes().peekable();
    let first = octets.next().ok_or("an empty macro")?;
    let letter = first.to_ascii_lowercase();
    match letter {
        b's' | b'l' | b'o' | b'd' | b'i' | b'p' | b'v' | b'h' => {}
        b'c' | b'r' | b't' if place == Place::Explanation => {}
        _ => return Err("a macro letter that is not known here"),
    }
    let mut keep = None;
    while let Some(digit) = octets.next_if(u8::is_ascii_digit) {
        keep = Some(keep.unwrap_or(0usize).saturating_mul(10).saturating_add(usize::from(digit - b'0')));
    }
    if keep == Some(0) {
        return Err("a macro that keeps no part");
    }
    let reverse = octets.next_if(|octet| octet.eq_ignore_ascii_case(&b'r')).is_some();
    let delimiters: Vec<u8> = octets.collect();
    if !delimiters.iter().all(|octet| b".-+,/_=".contains(octet)) {
        return Err("a macro with an unknown delimiter");
    }
    let delimiters =
        if delimiters.is_empty() { ".".into() } else { String::from_utf8_lossy(&delimiters).into() };
    Ok(Piece::Macro {
        letter,
        escape: first.is_ascii_uppercase(),
        keep: keep.unwrap_or(usize::MAX),
        reverse,
        delimiters,
    })
}

fn value_of<'a>(letter: u8, facts: &MacroFacts<'a>) -> Cow<'a, str> {
    let local = if facts.sender_local.is_empty() { "postmaster" } else { facts.sender_local };
    match letter {
        b's' => format!("{local}@{}", facts.sender_domain).into(),
        b'l' => local.into(),
        b'o' => facts.sender_domain.into(),
        b'd' => facts.domain.into(),
        b'h' => facts.helo.into(),
        b'p' if facts.validated_name.is_empty() => "unknown".into(),
        b'p' => facts.validated_name.into(),
        b'r' => facts.receiver.into(),
        b't' => facts.now_s.to_string().into(),
        b'c' => facts.ip.to_string().into(),
        b'v' => if facts.ip.is_ipv4() { "in-addr" } else { "ip6" }.into(),
        _ => match facts.ip {
            IpAddr::V4(ip) => ip.to_string().into(),
            IpAddr::V6(_) => reversed(facts.ip).split('.').rev().collect::<Vec<_>>().join(".").into(),
        },
    }
}

fn transform<'a>(value: &'a str, keep: usize, reverse: bool, delimiters: &str) -> Cow<'a, str> {
    if keep == usize::MAX && !reverse && delimiters == "." {
        return value.into();
    }
    let mut parts: Vec<&str> = value.split(|letter| delimiters.contains(letter)).collect();
    if reverse {
        parts.reverse();
    }
    parts[parts.len().saturating_sub(keep)..].join(".").into()
}

fn percent_encode(value: &str, text: &mut String) {
    for octet in value.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            text.push(octet.into());
        } else {
            text.push_str(&format!("%{octet:02X}"));
        }
    }
}

/// What `%{spfv1:LETTERS}` stands for, `letters` being what follows the colon; none when they are no macro.
/// All letters of RFC 7208 §7.2 are known.
pub fn expand(letters: &str, facts: &MacroFacts<'_>) -> Option<String> {
    Some(MacroString(vec![macro_of(letters, Place::Explanation).ok()?]).expand(facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(ip: &str) -> MacroFacts<'static> {
        MacroFacts {
            sender_local: "strong-bad",
            sender_domain: "email.example.com",
            domain: "email.example.com",
            ip: ip.parse().unwrap(),
            helo: "mx.example.org",
            validated_name: "mx.example.org",
            receiver: "receiver.example",
            now_s: 1_700_000_000,
        }
    }

    #[test]
    fn the_examples_of_the_rfc_expand_as_they_stand_there() {
        for (macro_string, expected) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d3}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
            ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
            ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
            ("%{p}.%{h}", "mx.example.org.mx.example.org"),
            ("%{S}%%%_%-", "strong-bad%40email.example.com% %20"),
        ] {
            let parsed = MacroString::parse(macro_string, Place::Domain).unwrap();
            assert_eq!(parsed.expand(&facts("192.0.2.3")), expected, "{macro_string}");
        }
        let v6 = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com";
        let parsed = MacroString::parse("%{ir}.%{v}._spf.%{d2}", Place::Domain).unwrap();
        assert_eq!(parsed.expand(&facts("2001:db8::cb01")), v6);
    }

    #[test]
    fn the_macros_of_scripts_know_every_letter_and_refuse_the_rest() {
        for (letters, expected) in [
            ("s", Some("strong-bad@email.example.com")),
            ("d2", Some("example.com")),
            ("c", Some("192.0.2.3")),
            ("r", Some("receiver.example")),
            ("t", Some("1700000000")),
            ("v", Some("in-addr")),
            ("", None),
            ("q", None),
            ("d0", None),
            ("d2;", None),
        ] {
            assert_eq!(expand(letters, &facts("192.0.2.3")).as_deref(), expected, "{letters}");
        }
        let empty = MacroFacts { sender_local: "", validated_name: "", ..facts("::1") };
        assert_eq!(expand("l", &empty).unwrap(), "postmaster");
        assert_eq!(expand("p", &empty).unwrap(), "unknown");
        assert_eq!(expand("i", &empty).unwrap().len(), 63);
        assert_eq!(expand("c", &empty).unwrap(), "::1");
    }

    #[test]
    fn wrong_macro_strings_are_refused() {
        for text in
            ["%", "%x", "%{", "%{}", "%{z}", "%{c}", "%{r}", "%{t}", "%{d0}", "%{l:}", "a b", "é", "\t"]
        {
            assert!(MacroString::parse(text, Place::Domain).is_err(), "{text}");
        }
        assert!(MacroString::parse("see %{c} %{r} %{t}", Place::Explanation).is_ok());
    }

    #[test]
    fn a_long_expansion_loses_labels_from_the_left() {
        let local = "x.".repeat(140);
        let facts = MacroFacts { sender_local: &local, ..facts("192.0.2.3") };
        let name = MacroString::parse("%{l}.example.com", Place::Domain).unwrap().expand_domain(&facts);
        assert!(name.len() <= 253 && name.ends_with("example.com"), "{name}");
    }
}
