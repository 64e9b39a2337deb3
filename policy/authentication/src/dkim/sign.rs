//! Signs a message (RFC 6376 §5): a recipe and a body hash give the octets to sign, a key signs them, and the field is
//! complete. The key may sign elsewhere: nothing is borrowed in between.

use super::{Algorithm, BodyHash, Canon, Form, signed_octets};
use crate::fields::{Field, Fields, Picker};
use crate::tags::to_base64;
use std::fmt::Write;

/// How to sign, as the configuration or a script says it.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// `d=`
    pub domain: Box<str>,
    /// `s=`
    pub selector: Box<str>,
    /// `i=`, if any
    pub identity: Option<Box<str>>,
    pub header_canon: Canon,
    pub body_canon: Canon,
    /// Names to sign, every field of each that is there. From is signed in any case (RFC 6376 §5.4).
    pub names: Vec<Box<str>>,
    /// Of these, names not to sign.
    pub skip: Vec<Box<str>>,
    /// Names to sign once more than they stand there, so that nobody can add one.
    pub oversign: Vec<Box<str>>,
    /// `l=`
    pub body_length: bool,
    /// `z=`
    pub copy_headers: bool,
    /// `x=`, seconds after `t=`
    pub lifetime_s: Option<u64>,
}

impl Recipe {
    /// Relaxed, with the names that RFC 6376 §5.4.1 recommends and From protected.
    pub fn new(domain: &str, selector: &str) -> Self {
        const NAMES: [&str; 17] = [
            "From",
            "Reply-To",
            "Subject",
            "Date",
            "To",
            "Cc",
            "Message-ID",
            "In-Reply-To",
            "References",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
            "List-Id",
            "List-Help",
            "List-Unsubscribe",
            "List-Unsubscribe-Post",
            "List-Post",
        ];
        Recipe {
            domain: domain.to_ascii_lowercase().into(),
            selector: selector.into(),
            identity: None,
            header_canon: Canon::Relaxed,
            body_canon: Canon::Relaxed,
            names: NAMES.map(Into::into).into(),
            skip: Vec::new(),
            oversign: vec!["From".into()],
            body_length: false,
            copy_headers: false,
            lifetime_s: None,
        }
    }

    /// What is to be signed. `body` is over and has this recipe's canonical form.
    pub fn unsigned(
        &self,
        message: &[u8],
        fields: &Fields,
        body: &BodyHash,
        algorithm: Algorithm,
        now_s: u64,
    ) -> Unsigned {
        self.unsigned_as(Form::Dkim, None, message, fields, body, algorithm, now_s)
    }

    #[allow(clippy::too_many_arguments)]
    pub(crate) fn unsigned_as(
        &self,
        form: Form,
        instance: Option<u32>,
        message: &[u8],
        fields: &Fields,
        body: &BodyHash,
        algorithm: Algorithm,
        now_s: u64,
    ) -> Unsigned {
        let mut picker = Picker::new(fields.iter(message));
        let names = self.signed_names(&picker);
        let hash = body.hash().expect("the body is hashed before it is signed");
        let mut tags: Vec<String> = Vec::new();
        match (form, instance) {
            (Form::Arc, Some(instance)) => tags.push(format!("i={instance}")),
            _ => tags.push("v=1".to_owned()),
        }
        tags.push(format!("a={}", algorithm.as_str()));
        tags.push(format!("c={}/{}", self.header_canon.as_str(), self.body_canon.as_str()));
        tags.push(format!("d={}", self.domain));
        tags.push(format!("s={}", self.selector));
        if let (Form::Dkim, Some(identity)) = (form, &self.identity) {
            tags.push(format!("i={identity}"));
        }
        tags.push(format!("t={now_s}"));
        if let Some(lifetime) = self.lifetime_s {
            tags.push(format!("x={}", now_s.saturating_add(lifetime)));
        }
        if self.body_length {
            tags.push(format!("l={}", body.length()));
        }
        tags.push(format!("h={}", names.join(":")));
        if self.copy_headers {
            tags.push(format!("z={}", self.copies(message, fields)));
        }
        tags.push(format!("bh={}", to_base64(hash)));
        let name = if form == Form::Dkim { "DKIM-Signature" } else { "ARC-Message-Signature" };
        let field = fold(name, &tags) + "b=\r\n";
        let own = Field::new(field.as_bytes());
        let octets = signed_octets(self.header_canon, names.iter().map(String::as_str), &mut picker, own);
        Unsigned { field, octets }
    }

    fn signed_names(&self, picker: &Picker<'_>) -> Vec<String> {
        let is_in = |list: &[Box<str>], name: &str| list.iter().any(|other| other.eq_ignore_ascii_case(name));
        let from = (!is_in(&self.names, "From")).then_some("From");
        let wanted = from.into_iter().chain(self.names.iter().map(|name| &**name));
        let wanted = wanted.filter(|name| name.eq_ignore_ascii_case("From") || !is_in(&self.skip, name));
        let mut names: Vec<String> = Vec::new();
        for name in wanted {
            if names.iter().all(|done| !done.eq_ignore_ascii_case(name)) {
                names.extend(std::iter::repeat_n(name.to_owned(), picker.count(name)));
            }
        }
        names.extend(self.oversign.iter().map(|name| name.to_string()));
        if names.is_empty() {
            // A message without From: that there is none is signed.
            names.push("From".to_owned());
        }
        names
    }

    /// z= (RFC 6376 §3.5): the fields that are signed, as they are.
    fn copies(&self, message: &[u8], fields: &Fields) -> String {
        let mut copies = String::new();
        for field in fields.iter(message) {
            let signed = |name: &str| self.names.iter().any(|other| other.eq_ignore_ascii_case(name));
            let Ok(name) = std::str::from_utf8(field.name) else { continue };
            if !signed(name) {
                continue;
            }
            let bar = if copies.is_empty() { "" } else { "|" };
            let _ = write!(copies, "{bar}{name}:");
            let value = field.value.strip_suffix(b"\r\n").unwrap_or(field.value);
            for octet in value {
                // dkim-quoted-printable (RFC 6376 §2.11)
                if octet.is_ascii_graphic() && !b";=|:".contains(octet) {
                    copies.push(char::from(*octet));
                } else {
                    let _ = write!(copies, "={octet:02X}");
                }
            }
        }
        copies
    }
}

/// The octets for a key, and the field that waits for its signature.
#[derive(Clone, Debug)]
pub struct Unsigned {
    field: String,
    pub octets: Vec<u8>,
}

impl Unsigned {
    /// `field` ends in `b=` and CRLF.
    pub(crate) fn new(field: String, octets: Vec<u8>) -> Self {
        Unsigned { field, octets }
    }

    /// The whole field with its CRLF, to be put before all others exactly as it is.
    pub fn signed(self, signature: &[u8]) -> String {
        let mut field = self.field;
        field.truncate(field.len() - 2);
        // White space within `b=` is not signed, so it may be folded now.
        let encoded = to_base64(signature);
        let mut rest = encoded.as_str();
        while rest.len() > 72 {
            let (line, next) = rest.split_at(72);
            field.push_str(line);
            field.push_str("\r\n\t ");
            rest = next;
        }
        field.push_str(rest);
        field.push_str("\r\n");
        field
    }
}

/// `Name: tag; tag;` in lines of at most 78 octets where a tag, a name of `h=` or a part of `z=` ends; ready for `b=`.
pub(crate) fn fold(name: &str, tags: &[String]) -> String {
    const WIDTH: usize = 76;
    let mut text = format!("{name}:");
    let mut column = text.len();
    for tag in tags {
        // Only the lists may be broken inside.
        let is_list = tag.starts_with("h=") || tag.starts_with("z=");
        let mut pieces: Vec<String> =
            tag.split_inclusive(|letter| is_list && matches!(letter, ':' | '|')).map(str::to_owned).collect();
        if let Some(last) = pieces.last_mut() {
            last.push(';');
        }
        for (index, piece) in pieces.iter().enumerate() {
            let space = usize::from(index == 0);
            if column + space + piece.len() > WIDTH {
                text.push_str("\r\n\t");
                column = 8;
            } else if space == 1 {
                text.push(' ');
                column += 1;
            }
            text.push_str(piece);
            column += piece.len();
        }
    }
    text.push_str("\r\n\t");
    text
}
