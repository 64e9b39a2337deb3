//! Authentication-Results (RFC 8601): the words of a result, the field written, and fields told from forged ones.

use std::fmt::Write;

/// The results that the methods share (RFC 8601 §2.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// No signature, no record: nothing to judge.
    #[default]
    None,
    Pass,
    Fail,
    Softfail,
    /// Syntactically fine, but says nothing.
    Neutral,
    /// Verified, but not acceptable here.
    Policy,
    Temperror,
    Permerror,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::None => "none",
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Softfail => "softfail",
            Verdict::Neutral => "neutral",
            Verdict::Policy => "policy",
            Verdict::Temperror => "temperror",
            Verdict::Permerror => "permerror",
        }
    }
}

/// The value of one field, method by method.
#[derive(Clone, Debug)]
pub struct Results {
    value: String,
    is_empty: bool,
}

impl Results {
    /// `server` is the name by which this host's results are known (authserv-id).
    pub fn new(server: &str) -> Self {
        Results { value: quoted(server).into_owned(), is_empty: true }
    }

    /// One method: `dkim`, its result, why, and the properties (`header.d`, `example.com`) that were judged.
    /// Properties without a value are left out.
    pub fn add(&mut self, method: &str, verdict: Verdict, reason: Option<&str>, properties: &[(&str, &str)]) {
        self.is_empty = false;
        let _ = write!(self.value, "; {method}={}", verdict.as_str());
        if let Some(reason) = reason {
            let _ = write!(self.value, " reason={}", always_quoted(reason));
        }
        for (property, value) in properties.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = write!(self.value, " {property}={}", property_value(value));
        }
    }

    /// The value on one line; `server; none` when nothing was judged (RFC 8601 §2.2).
    pub fn into_value(self) -> String {
        if self.is_empty { self.value + "; none" } else { self.value }
    }

    /// The value without the server's name, for ARC (RFC 8617 §4.1.1 puts it after `i=N`).
    pub fn as_value(&self) -> String {
        self.clone().into_value()
    }
}

/// The authserv-id of a field's value, in lower case. A stranger's field that claims ours is removed (RFC 8601 §5).
pub fn server_of(value: &str) -> Option<String> {
    let mut rest = value.trim_start();
    while let Some(comment) = rest.strip_prefix('(') {
        rest = skip_comment(comment)?.trim_start();
    }
    let name = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split([';', ' ', '\t', '\r', '\n', '(']).next()?,
    };
    Some(name.to_ascii_lowercase()).filter(|name| !name.is_empty())
}

fn skip_comment(text: &str) -> Option<&str> {
    let mut depth = 1;
    let mut escaped = false;
    for (at, octet) in text.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&text[at + 1..]);
        }
    }
    None
}

/// A token as it is, anything else as a quoted string (RFC 2045 §5.1); octets beyond printable ASCII become `?`.
pub(crate) fn quoted(text: &str) -> std::borrow::Cow<'_, str> {
    let token = |octet: u8| octet.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&octet);
    if !text.is_empty() && text.bytes().all(token) { text.into() } else { always_quoted(text).into() }
}

fn always_quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            ' '..='~' => quoted.push(letter),
            _ => quoted.push('?'),
        }
    }
    quoted.push('"');
    quoted
}

/// pvalue (RFC 8601 §2.2): `local@domain` and `@domain` need no quotes.
fn property_value(text: &str) -> String {
    let dot_atom = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&octet);
    match text.split_once('@') {
        Some((local, domain)) if local.bytes().all(dot_atom) && quoted(domain) == domain => text.to_owned(),
        _ => quoted(text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_lists_methods_with_their_properties() {
        let mut results = Results::new("mx.example");
        assert_eq!(results.as_value(), "mx.example; none");
        results.add("spf", Verdict::Pass, None, &[("smtp.mailfrom", "a@b.example"), ("smtp.helo", "")]);
        results.add(
            "dkim",
            Verdict::Fail,
            Some("body \"hash\"\r\n"),
            &[("header.d", "b.example"), ("header.b", "ab/+c=")],
        );
        assert_eq!(
            results.into_value(),
            "mx.example; spf=pass smtp.mailfrom=a@b.example; \
             dkim=fail reason=\"body \\\"hash\\\"??\" header.d=b.example header.b=\"ab/+c=\""
        );
    }

    #[test]
    fn the_server_is_found_behind_comments_and_quotes() {
        for (value, expected) in [
            ("mx.example; none", Some("mx.example")),
            (" (a (nested\\) one)) MX.example 1; spf=pass", Some("mx.example")),
            ("\"mx.example\"; none", Some("mx.example")),
            ("(never closed mx.example; none", None),
            ("", None),
        ] {
            assert_eq!(server_of(value).as_deref(), expected, "{value}");
        }
    }
}
