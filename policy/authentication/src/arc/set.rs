//! The ARC sets of a message: three fields for each instance (RFC 8617 §4.2), and what each seal signs (§5.1.1).

use crate::Verdict;
use crate::dkim::{Algorithm, Canon, canonical_field, own_field};
use crate::fields::{Field, Fields};
use crate::name::is_host_name;
use crate::tags::{Tags, base64, dense};

pub(super) const RESULTS: &str = "ARC-Authentication-Results";
pub(super) const SIGNATURE: &str = "ARC-Message-Signature";
pub(super) const SEAL: &str = "ARC-Seal";

/// More instances make a chain fail (RFC 8617 §4.2.1).
pub(super) const MAX_INSTANCES: usize = 50;

/// Indices of the three fields of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Set {
    pub results: usize,
    pub signature: usize,
    pub seal: usize,
}

/// The sets in order of their instances, from 1 on without a gap; the error says what is wrong.
pub(super) fn sets(message: &[u8], fields: &Fields) -> Result<Vec<Set>, &'static str> {
    let mut found: Vec<[Option<usize>; 3]> = Vec::new();
    for (index, field) in fields.iter(message).enumerate() {
        let Some(kind) = [RESULTS, SIGNATURE, SEAL].iter().position(|name| field.is(name)) else { continue };
        let instance = instance_of(field, kind == 0).ok_or("a field without a proper instance")?;
        if found.len() < instance {
            found.resize(instance, [None; 3]);
        }
        if found[instance - 1][kind].replace(index).is_some() {
            return Err("an instance that has a field twice");
        }
    }
    let whole = |set: &[Option<usize>; 3]| match *set {
        [Some(results), Some(signature), Some(seal)] => Some(Set { results, signature, seal }),
        _ => None,
    };
    found.iter().map(whole).collect::<Option<Vec<Set>>>().ok_or("an instance that lacks a field")
}

/// `i=`, 1 to 50. In ARC-Authentication-Results it stands before the results, which are no tag list.
fn instance_of(field: Field<'_>, leads: bool) -> Option<usize> {
    let text = field.text()?;
    let list = if leads { text.split(';').next()? } else { text };
    let instance: usize = Tags::parse(list)?.get("i")?.parse().ok()?;
    (1..=MAX_INSTANCES).contains(&instance).then_some(instance)
}

/// The tags of an ARC-Seal (RFC 8617 §4.1.3).
#[derive(Debug)]
pub(super) struct Seal {
    pub algorithm: Algorithm,
    pub signature: Vec<u8>,
    pub chain: Verdict,
    pub domain: Box<str>,
    pub selector: Box<str>,
}

impl Seal {
    pub(super) fn parse(field: Field<'_>) -> Option<Seal> {
        let tags = Tags::parse(field.text()?)?;
        if tags.get("h").is_some() {
            return None;
        }
        let chain = match tags.get("cv")? {
            cv if cv.eq_ignore_ascii_case("none") => Verdict::None,
            cv if cv.eq_ignore_ascii_case("pass") => Verdict::Pass,
            cv if cv.eq_ignore_ascii_case("fail") => Verdict::Fail,
            _ => return None,
        };
        let (domain, selector) = (dense(tags.get("d")?).to_ascii_lowercase(), dense(tags.get("s")?));
        if !is_host_name(&domain) || !is_host_name(&format!("{selector}.{domain}")) {
            return None;
        }
        let algorithm = Algorithm::named(tags.get("a")?)?;
        let signature = base64(tags.get("b")?)?;
        Some(Seal { algorithm, signature, chain, domain: domain.into(), selector: selector.into() })
    }
}

/// What the last of these sets' seal signs: all of them in order, each as results, signature, seal, relaxed; the last
/// seal without its `b=`.
pub(super) fn sealed_octets<'a>(sets: impl Iterator<Item = [Field<'a>; 3]>) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut sets = sets.peekable();
    while let Some([results, signature, seal]) = sets.next() {
        canonical_field(Canon::Relaxed, results, &mut octets);
        canonical_field(Canon::Relaxed, signature, &mut octets);
        match sets.peek() {
            Some(_) => canonical_field(Canon::Relaxed, seal, &mut octets),
            None => own_field(Canon::Relaxed, seal, &mut octets),
        }
    }
    octets
}
