//! Macros in strings, `%{namespace:name}` (spec policy.md §8).

use crate::scene::Scene;
use content::Encoding;
use std::fmt::Write as _;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Macro {
    /// `vctx_conn:key`
    Connection(Box<str>),
    /// `vctx_mess:key`, and names without a namespace
    Message(Box<str>),
    /// `i`
    Peer,
    /// `t`
    Epoch,
    /// `spfv1:ir.d`
    Spf { letter: u8, digits: usize, reverse: bool, delimiters: Box<str> },
    /// `rfc822:date`
    Date,
    /// `rfc2822:message[,n|,nb]`
    Whole(Cut),
    /// `rfc2822:headers`
    Headers,
    /// `rfc2822:body[,n|,nb]`
    Body(Cut),
    /// `rfc2822:part,n`: the n-th leaf as it travels, the first is 0.
    Part(usize),
    /// `rfc2822:text[,n[,m]]`: the first text, or the n-th; at most m characters of it.
    Text(usize, Option<usize>),
}

/// How much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    All,
    Lines(usize),
    Octets(usize),
}

const NAMES: &str = "vctx_conn:key, vctx_mess:key, spfv1:letter, rfc822:date, rfc2822:message, rfc2822:headers, \
                     rfc2822:body, rfc2822:part,n, rfc2822:text, i or t";

impl Macro {
    /// Or what was expected.
    pub fn parse(text: &str) -> Result<Macro, &'static str> {
        let Some((space, name)) = text.split_once(':') else {
            return Ok(match text {
                "i" => Macro::Peer,
                "t" => Macro::Epoch,
                key => Macro::Message(key.into()),
            });
        };
        match space {
            "vctx_conn" => Ok(Macro::Connection(name.into())),
            "vctx_mess" => Ok(Macro::Message(name.into())),
            "spfv1" => Macro::spf(name),
            "rfc822" if name == "date" => Ok(Macro::Date),
            "rfc2822" => Macro::part(name),
            _ => Err(NAMES),
        }
    }

    /// A letter, how many right-hand labels, `r` for the reverse order, and what separates labels (RFC 7208 §7.1).
    fn spf(text: &str) -> Result<Macro, &'static str> {
        const EXPECTED: &str = "one of the letters s l o d i p v h c t, then digits, r and delimiters";
        let mut rest = text.chars();
        let letter = rest.next().map(|letter| letter.to_ascii_lowercase());
        let letter = letter.filter(|letter| "slodipvhct".contains(*letter)).ok_or(EXPECTED)?;
        let rest = rest.as_str();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = rest.split_at(digits);
        let (reverse, rest) = match rest.strip_prefix(['r', 'R']) {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        if !rest.chars().all(|delimiter| ".-+,/_=".contains(delimiter)) {
            return Err(EXPECTED);
        }
        let delimiters = if rest.is_empty() { "." } else { rest };
        let digits = if number.is_empty() { usize::MAX } else { number.parse().map_err(|_| EXPECTED)? };
        if digits == 0 {
            return Err(EXPECTED);
        }
        Ok(Macro::Spf { letter: letter as u8, digits, reverse, delimiters: delimiters.into() })
    }

    fn part(text: &str) -> Result<Macro, &'static str> {
        let (name, rest) = text.split_once(',').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| "a number behind the comma");
        let cut = |rest: Option<&str>| match rest {
            None => Ok(Cut::All),
            Some(rest) => match rest.strip_suffix('b') {
                Some(octets) => number(octets).map(Cut::Octets),
                None => number(rest).map(Cut::Lines),
            },
        };
        match (name, rest) {
            ("message", rest) => cut(rest).map(Macro::Whole),
            ("body", rest) => cut(rest).map(Macro::Body),
            ("headers", None) => Ok(Macro::Headers),
            ("part", Some(rest)) => number(rest).map(Macro::Part),
            ("text", None) => Ok(Macro::Text(0, None)),
            ("text", Some(rest)) => match rest.split_once(',') {
                None => Ok(Macro::Text(number(rest)?, None)),
                Some((which, most)) => Ok(Macro::Text(number(which)?, Some(number(most)?))),
            },
            _ => Err(NAMES),
        }
    }

    pub fn expand(&self, scene: &Scene<'_>, out: &mut String) {
        let content = &scene.message.content;
        match self {
            Macro::Connection(key) => out.push_str(scene.contexts.connection.get(key).unwrap_or("")),
            Macro::Message(key) => out.push_str(scene.contexts.message.get(key).unwrap_or("")),
            Macro::Peer => out.extend(scene.client.peer.map(|peer| peer.ip().to_canonical().to_string())),
            Macro::Epoch => {
                let _ = write!(out, "{}", scene.host.now().secs());
            }
            Macro::Date => {
                let _ = write!(out, "{}", scene.host.now());
            }
            Macro::Spf { letter, digits, reverse, delimiters } => {
                let value = spf_value(scene, *letter);
                let mut parts: Vec<&str> = value.split(|shown| delimiters.contains(shown)).collect();
                if *reverse {
                    parts.reverse();
                }
                let kept = &parts[parts.len().saturating_sub(*digits)..];
                out.push_str(&kept.join("."));
            }
            Macro::Whole(cut) => cut.of(&content.octets(), out),
            Macro::Headers => out.push_str(&String::from_utf8_lossy(content.header_octets())),
            Macro::Body(cut) => cut.of(content.body(), out),
            Macro::Part(number) => {
                let tree = content.tree();
                let leaf = tree.walk(tree.root()).into_iter().filter(|part| tree.children(*part).is_empty());
                let octets = leaf.skip(*number).map(|part| tree.raw_body(part)).next();
                out.push_str(&String::from_utf8_lossy(&octets.unwrap_or_default()));
            }
            Macro::Text(number, most) => {
                let tree = content.tree();
                let text = tree.texts(tree.root()).get(*number).map(|part| tree.text(*part));
                out.extend(text.unwrap_or_default().chars().take(most.unwrap_or(usize::MAX)));
            }
        }
    }
}

impl Cut {
    fn of(self, octets: &[u8], out: &mut String) {
        let end = match self {
            Cut::All => octets.len(),
            Cut::Octets(most) => most.min(octets.len()),
            Cut::Lines(most) => {
                let last = memchr::memchr_iter(b'\n', octets).nth(most.saturating_sub(1));
                if most == 0 { 0 } else { last.map_or(octets.len(), |newline| newline + 1) }
            }
        };
        out.push_str(&String::from_utf8_lossy(&octets[..end]));
    }
}

/// RFC 7208 §7.2. The validated name of the client (`p`) is not looked up here: it is `unknown`, as the RFC
/// has it for a name that cannot be validated.
fn spf_value(scene: &Scene<'_>, letter: u8) -> String {
    let ehlo = scene.contexts.connection.get("ehlo_domain").unwrap_or("");
    let sender = scene.message.sender.as_ref();
    let local = sender.map(|sender| sender.local()).filter(|local| !local.is_empty()).unwrap_or("postmaster");
    let domain = sender.map_or(ehlo, |sender| sender.domain());
    let address = scene.client.peer.map(|peer| peer.ip().to_canonical());
    match letter {
        b's' => format!("{local}@{domain}"),
        b'l' => local.to_owned(),
        b'o' | b'd' => domain.to_owned(),
        b'i' => match address {
            Some(std::net::IpAddr::V6(address)) => {
                let nibbles = address.octets().into_iter().flat_map(|octet| [octet >> 4, octet & 15]);
                nibbles.map(|nibble| format!("{nibble:X}")).collect::<Vec<_>>().join(".")
            }
            Some(address) => address.to_string(),
            None => String::new(),
        },
        b'p' => "unknown".to_owned(),
        b'v' => if address.is_some_and(|address| address.is_ipv6()) { "ip6" } else { "in-addr" }.to_owned(),
        b'h' => ehlo.to_owned(),
        b'c' => address.map(|address| address.to_string()).unwrap_or_default(),
        _ => scene.host.now().secs().to_string(),
    }
}

/// For `qp_encode` and its like: base64 without line ends.
pub(crate) fn base64(octets: &[u8]) -> String {
    let encoded = Encoding::Base64.encode(octets);
    encoded.into_iter().filter(|octet| !matches!(octet, b'\r' | b'\n')).map(char::from).collect()
}
