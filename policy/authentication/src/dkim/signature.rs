//! A DKIM-Signature or ARC-Message-Signature field, read (RFC 6376 §3.5, RFC 8617 §4.1.2).

use super::{Algorithm, Canon, Fault};
use crate::name::{is_host_name, is_within};
use crate::question::{Kind, Question};
use crate::tags::{Tags, base64, colon_list, dense};

/// Which of the two fields is read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Dkim,
    /// `i=` is the instance, and there is no `v=`.
    Arc,
}

/// The tags of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub algorithm: Algorithm,
    /// `b=`
    pub signature: Vec<u8>,
    /// `bh=`
    pub body_hash: Vec<u8>,
    pub header_canon: Canon,
    pub body_canon: Canon,
    /// `d=`, in lower case
    pub domain: Box<str>,
    /// `s=`
    pub selector: Box<str>,
    /// `i=`, or `@` and the domain; the instance of an ARC set
    pub identity: Box<str>,
    /// `l=`: canonical octets of the body that are signed
    pub body_limit: Option<u64>,
    /// `t=` and `x=`, seconds since 1970
    pub signed_at_s: Option<u64>,
    pub expires_at_s: Option<u64>,
    /// `h=`, as it stands
    names: Box<str>,
}

impl Signature {
    /// Reads the value of a field; `now_s` decides about `x=`.
    pub(crate) fn parse(value: &str, form: Form, now_s: u64) -> Result<Signature, Fault> {
        let tags = Tags::parse(value).ok_or(Fault::Syntax)?;
        let required = |tag| tags.get(tag).filter(|value| !value.is_empty()).ok_or(Fault::Syntax);
        match (form, tags.get("v")) {
            (Form::Dkim, Some("1")) | (Form::Arc, None) => {}
            (Form::Dkim, Some(_)) => return Err(Fault::Version),
            _ => return Err(Fault::Syntax),
        }
        let algorithm = Algorithm::named(required("a")?).ok_or(Fault::Algorithm)?;
        let signature = base64(required("b")?).ok_or(Fault::Syntax)?;
        let body_hash = base64(required("bh")?).ok_or(Fault::Syntax)?;
        let (header_canon, body_canon) = canons(tags.get("c"))?;
        let domain = dense(required("d")?).to_ascii_lowercase();
        let selector = dense(required("s")?);
        if !is_host_name(&domain) || !is_host_name(&format!("{selector}.{domain}")) {
            return Err(Fault::Syntax);
        }
        let names = required("h")?;
        if !colon_list(names).any(|name| name.eq_ignore_ascii_case("from")) {
            return Err(Fault::FromNotSigned);
        }
        let identity = match (form, tags.get("i")) {
            (Form::Arc, _) => required("i")?.into(),
            (Form::Dkim, None) => format!("@{domain}"),
            (Form::Dkim, Some(identity)) => dense(identity),
        };
        if form == Form::Dkim && !identity.rsplit_once('@').is_some_and(|(_, at)| is_within(at, &domain)) {
            return Err(Fault::Identity);
        }
        if !colon_list(tags.get("q").unwrap_or("dns/txt")).any(|method| method == "dns/txt") {
            return Err(Fault::QueryMethod);
        }
        let (signed_at_s, expires_at_s) = (number(tags.get("t"))?, number(tags.get("x"))?);
        if let Some(expires) = expires_at_s {
            if signed_at_s.is_some_and(|signed| signed > expires) {
                return Err(Fault::Syntax);
            }
            if now_s > expires {
                return Err(Fault::Expired);
            }
        }
        Ok(Signature {
            algorithm,
            signature,
            body_hash,
            header_canon,
            body_canon,
            domain: domain.into(),
            selector: selector.into(),
            identity: identity.into(),
            body_limit: number(tags.get("l"))?,
            signed_at_s,
            expires_at_s,
            names: names.into(),
        })
    }

    /// `h=`
    pub fn names(&self) -> impl Iterator<Item = &str> {
        colon_list(&self.names)
    }

    pub fn signs(&self, name: &str) -> bool {
        self.names().any(|signed| signed.eq_ignore_ascii_case(name))
    }

    /// Where the key stands (RFC 6376 §3.6.2.1).
    pub fn key_question(&self) -> Question {
        key_question(&self.selector, &self.domain)
    }
}

pub(crate) fn key_question(selector: &str, domain: &str) -> Question {
    Question::new(Kind::Txt, &format!("{selector}._domainkey.{domain}"))
}

/// `header/body`; what is missing is simple.
fn canons(value: Option<&str>) -> Result<(Canon, Canon), Fault> {
    let value = value.unwrap_or("simple");
    let (header, body) = value.split_once('/').unwrap_or((value, "simple"));
    let named = |name: &str| Canon::named(name).ok_or(Fault::Canonicalization);
    Ok((named(header)?, named(body)?))
}

/// Up to 76 digits are allowed; more than 64 bits mean "for ever" (RFC 6376 §3.5).
fn number(value: Option<&str>) -> Result<Option<u64>, Fault> {
    let Some(value) = value else { return Ok(None) };
    if value.is_empty() || value.len() > 76 || !value.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(Fault::Syntax);
    }
    Ok(Some(value.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_refused_for_what_is_wrong_with_them() {
        let fine = "v=1; a=rsa-sha256; d=Example.com; s=s1; h=from : to; bh=aGFzaA==; b=c2ln\r\n bmVk";
        let with = |from: &str, to: &str| fine.replace(from, to);
        for (value, expected) in [
            (fine.to_owned(), None),
            (with("v=1", "v=2"), Some(Fault::Version)),
            (with("v=1; ", ""), Some(Fault::Syntax)),
            (with("rsa-sha256", "rsa-sha1"), Some(Fault::Algorithm)),
            (with("rsa-sha256", "ed25519-sha256"), None),
            (with("b=c2ln", "b=!"), Some(Fault::Syntax)),
            (with("bh=aGFzaA==; ", ""), Some(Fault::Syntax)),
            (with("from", "sender"), Some(Fault::FromNotSigned)),
            (with("Example.com", "com"), Some(Fault::Syntax)),
            (with("s=s1", "s=a.b"), None),
            (with("s=s1", "s=a..b"), Some(Fault::Syntax)),
            (format!("{fine}; i=joe@a.example.com"), None),
            (format!("{fine}; i=joe@badexample.com"), Some(Fault::Identity)),
            (format!("{fine}; c=relaxed/nofws"), Some(Fault::Canonicalization)),
            (format!("{fine}; q=dns/https"), Some(Fault::QueryMethod)),
            (format!("{fine}; q=x : dns/txt"), None),
            (format!("{fine}; t=10; x=9"), Some(Fault::Syntax)),
            (format!("{fine}; t=10; x=999"), Some(Fault::Expired)),
            (format!("{fine}; x=1000"), None),
            (format!("{fine}; x={}", "9".repeat(76)), None),
            (format!("{fine}; x={}", "9".repeat(77)), Some(Fault::Syntax)),
            (format!("{fine}; l=-1"), Some(Fault::Syntax)),
            (format!("{fine}; d=again.example"), Some(Fault::Syntax)),
        ] {
            assert_eq!(Signature::parse(&value, Form::Dkim, 1000).err(), expected, "{value}");
        }
        let signature = Signature::parse(fine, Form::Dkim, 0).unwrap();
        assert_eq!(signature.signature, b"signed");
        assert!(signature.signs("FROM") && signature.signs("To") && !signature.signs("cc"));
        assert_eq!(&*signature.key_question().name, "s1._domainkey.example.com");
        assert_eq!(&*signature.identity, "@example.com");
    }
}
