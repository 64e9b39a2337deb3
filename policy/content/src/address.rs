//! Address lists of header fields (RFC 5322 §3.4, with the obsolete forms of §4.4).
//!
//! The law: what cannot be read is passed over up to the next comma; the addresses beside it are kept.

use crate::encoded_word;

/// Addresses of one field that are read; the rest of a longer list does not count.
pub const LIMIT: usize = 10_000;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// The phrase before the address, decoded; empty without one.
    pub name: String,
    /// Quotes are taken off where the local part does not need them.
    pub local: String,
    /// Empty for an address without one.
    pub domain: String,
}

/// Which part of an address is asked for (policy scripts, RFC 5228 §2.7.4, RFC 5233).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    All,
    Localpart,
    /// Before the `+` of the local part.
    User,
    /// Behind the `+`; none without one.
    Detail,
    Domain,
}

impl Component {
    pub fn named(name: &str) -> Option<Component> {
        Some(match name.to_ascii_lowercase().as_str() {
            "all" => Component::All,
            "localpart" => Component::Localpart,
            "user" => Component::User,
            "detail" => Component::Detail,
            "domain" => Component::Domain,
            _ => return None,
        })
    }
}

impl Mailbox {
    /// `local@domain`.
    pub fn address(&self) -> String {
        match self.domain.as_str() {
            "" => self.local.clone(),
            domain => format!("{}@{domain}", self.local),
        }
    }

    pub fn component(&self, component: Component) -> Option<String> {
        let split = || self.local.split_once('+');
        match component {
            Component::All => Some(self.address()),
            Component::Localpart => Some(self.local.clone()),
            Component::User => Some(split().map_or(&*self.local, |(user, _)| user).to_owned()),
            Component::Detail => split().map(|(_, detail)| detail.to_owned()),
            Component::Domain => Some(self.domain.clone()),
        }
    }
}

/// The mailboxes of a list, those of its groups among them.
pub fn parse_list(text: &str) -> Vec<Mailbox> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && found.len() < LIMIT {
        let (item, after) = next_item(rest);
        found.extend(parse_mailbox(item));
        rest = after;
    }
    found
}

/// Up to the next comma, semicolon or group name outside of quotes, comments, brackets.
fn next_item(text: &str) -> (&str, &str) {
    let mut inside = Inside::default();
    for (at, c) in text.char_indices() {
        if inside.step(c) {
            continue;
        }
        match c {
            ',' | ';' => return (&text[..at], &text[at + 1..]),
            // The name of a group; within angle brackets a colon ends a source route.
            ':' if !inside.angle => return ("", &text[at + 1..]),
            _ => {}
        }
    }
    (text, "")
}

/// What a position in the text stands inside of.
#[derive(Default)]
struct Inside {
    quoted: bool,
    comment: u32,
    literal: bool,
    angle: bool,
    is_escaped: bool,
}

impl Inside {
    /// True if the character is not structure.
    fn step(&mut self, c: char) -> bool {
        if std::mem::take(&mut self.is_escaped) {
            return true;
        }
        match c {
            '\\' if self.quoted || self.comment > 0 || self.literal => self.is_escaped = true,
            '"' if self.comment == 0 && !self.literal => self.quoted = !self.quoted,
            _ if self.quoted => {}
            '(' => self.comment += 1,
            ')' if self.comment > 0 => self.comment -= 1,
            _ if self.comment > 0 => {}
            '[' => self.literal = true,
            ']' if self.literal => self.literal = false,
            _ if self.literal => {}
            '<' => self.angle = true,
            '>' => self.angle = false,
            // A route `<@a,@b:c@d>` has commas of its own.
            ',' if self.angle => {}
            _ => return false,
        }
        true
    }
}

fn parse_mailbox(item: &str) -> Option<Mailbox> {
    let (name, address) = match angle(item) {
        Some((before, inside)) => (phrase(before), inside),
        None => (comment_of(item), item),
    };
    let bare = without_comments(address);
    let bare = bare.trim();
    let bare =
        bare.strip_prefix('@').and_then(|route| route.split_once(':')).map_or(bare, |(_, behind)| behind);
    let at = last_at(bare);
    let (local, domain) = at.map_or((bare, ""), |at| (&bare[..at], &bare[at + 1..]));
    let is_phrase = at.is_none() && !local.starts_with('"') && local.trim().contains(char::is_whitespace);
    let local = unquoted_local(local.trim());
    let domain: String = domain.chars().filter(|c| !c.is_whitespace()).collect();
    (!local.is_empty() && !is_phrase).then_some(Mailbox { name, local, domain })
}

/// What stands before `<`, and between the brackets.
fn angle(item: &str) -> Option<(&str, &str)> {
    let mut inside = Inside::default();
    let mut open = None;
    for (at, c) in item.char_indices() {
        let was_angle = inside.angle;
        inside.step(c);
        match (was_angle, inside.angle) {
            (false, true) => open = Some(at),
            (true, false) => return open.map(|open| (&item[..open], &item[open + 1..at])),
            _ => {}
        }
    }
    open.map(|open| (&item[..open], &item[open + 1..]))
}

fn last_at(text: &str) -> Option<usize> {
    let mut inside = Inside::default();
    text.char_indices().filter(|(_, c)| !inside.step(*c) && *c == '@').map(|(at, _)| at).last()
}

fn without_comments(text: &str) -> String {
    let mut inside = Inside::default();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let was_comment = inside.comment > 0;
        inside.step(c);
        if !was_comment && inside.comment == 0 {
            out.push(c);
        }
    }
    out
}

/// The text of the last comment: where old mailers put the name.
fn comment_of(text: &str) -> String {
    match (text.rfind('('), text.rfind(')')) {
        (Some(open), Some(close)) if open < close => encoded_word::decode(&text.as_bytes()[open + 1..close]),
        _ => String::new(),
    }
}

fn phrase(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.trim().chars();
    let mut quoted = false;
    while let Some(c) = characters.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => out.extend(characters.next()),
            c => out.push(c),
        }
    }
    encoded_word::decode(out.trim().as_bytes())
}

/// `"a.b"` is `a.b`; `"a b"` needs its quotes (RFC 5321 §4.1.2).
fn unquoted_local(local: &str) -> String {
    let plain: String = local.chars().filter(|c| !c.is_whitespace()).collect();
    let Some(inner) = local.strip_prefix('"').and_then(|local| local.strip_suffix('"')) else { return plain };
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c) || !c.is_ascii();
    let is_dotted = !inner.starts_with('.') && !inner.ends_with('.') && !inner.contains("..");
    match !inner.is_empty() && is_dotted && inner.chars().all(is_atom) {
        true => inner.to_owned(),
        false => local.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_fall_into_mailboxes() {
        let cases: [(&str, &[(&str, &str)]); 16] = [
            ("a@x.example", &[("", "a@x.example")]),
            ("A B <a@x.example>, c@y.example", &[("A B", "a@x.example"), ("", "c@y.example")]),
            ("\"B, A\" <a@x.example>", &[("B, A", "a@x.example")]),
            ("a@x.example (A B)", &[("A B", "a@x.example")]),
            ("(c) a (d) @ x.example", &[("d", "a@x.example")]),
            (
                "team: a@x.example, b@x.example;, c@y.example",
                &[("", "a@x.example"), ("", "b@x.example"), ("", "c@y.example")],
            ),
            ("undisclosed-recipients:;", &[]),
            ("<@r.example,@s.example:a@x.example>", &[("", "a@x.example")]),
            ("\"a b\"@x.example", &[("", "\"a b\"@x.example")]),
            ("\"a.b\"@x.example", &[("", "a.b@x.example")]),
            ("a@[192.0.2.1]", &[("", "a@[192.0.2.1]")]),
            ("=?UTF-8?Q?J=C3=BCrgen?= <j@x.example>", &[("J\u{fc}rgen", "j@x.example")]),
            ("postmaster", &[("", "postmaster")]),
            ("not an address, a@x.example", &[("", "a@x.example")]),
            (",, ,", &[]),
            ("A <a@x.example", &[("A", "a@x.example")]),
        ];
        for (text, expected) in cases {
            let found: Vec<_> = parse_list(text)
                .into_iter()
                .map(|mailbox| (mailbox.name.clone(), mailbox.address()))
                .collect();
            let expected: Vec<_> =
                expected.iter().map(|(name, address)| (name.to_string(), address.to_string())).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn an_address_has_its_components() {
        let mailbox = &parse_list("ann+news@x.example")[0];
        let of = |name| mailbox.component(Component::named(name).unwrap());
        assert_eq!(of("all").as_deref(), Some("ann+news@x.example"));
        assert_eq!(of("LocalPart").as_deref(), Some("ann+news"));
        assert_eq!((of("user").as_deref(), of("detail").as_deref()), (Some("ann"), Some("news")));
        assert_eq!(of("domain").as_deref(), Some("x.example"));
        assert_eq!(parse_list("ann@x.example")[0].component(Component::Detail), None);
        assert_eq!(Component::named("host"), None);
    }

    #[test]
    fn hostile_lists_end() {
        for text in [
            "(".repeat(100_000),
            "<".repeat(100_000),
            "\"".repeat(99_999),
            "a:".repeat(50_000),
            ",".repeat(100_000),
        ] {
            assert!(parse_list(&text).len() <= LIMIT);
        }
    }
}
