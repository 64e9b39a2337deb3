//! Verifies the signatures of a message (RFC 6376 §6): keys first, then bodies, then one signature a step.

use super::{BodyHash, Canon, Fault, Form, PublicKey, Signature, signed_octets};
use crate::Verdict;
use crate::fields::{Fields, Picker};
use crate::question::{Question, Reply};
use bytes::Bytes;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Signatures that are looked at, from the top; the others count as `policy`.
    pub signatures: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { signatures: 10 }
    }
}

/// What a verifier needs next.
#[derive(Debug, PartialEq, Eq)]
pub enum Want<'a> {
    /// Tell `answered`.
    Ask(&'a Question),
    /// Call `compute`: some 100 microseconds of work. Let others have a turn between two of them.
    Compute,
}

/// What became of one signature.
#[derive(Clone, Copy, Debug)]
pub struct Checked<'a> {
    /// None if the field could not be read.
    pub signature: Option<&'a Signature>,
    pub verdict: Verdict,
    pub fault: Option<Fault>,
    /// None if it was not found.
    pub key: Option<&'a PublicKey>,
}

/// A decider: `want` until it wants nothing, then `results`.
pub struct Verifier {
    message: Bytes,
    fields: Fields,
    checks: Vec<Check>,
    bodies: Vec<BodyHash>,
}

struct Check {
    /// Index of the signature's field.
    field: usize,
    signature: Option<Signature>,
    key: Option<PublicKey>,
    stage: Stage,
}

enum Stage {
    Key(Question),
    Body,
    Over(Option<Fault>),
}

impl Verifier {
    /// All DKIM signatures of a message.
    pub fn new(message: Bytes, now_s: u64, limits: Limits) -> Self {
        let fields = Fields::of(&message);
        let signed = fields.iter(&message).enumerate().filter(|(_, field)| field.is("DKIM-Signature"));
        let found = signed.enumerate().map(|(number, (index, field))| {
            let read = match field.text() {
                _ if number >= limits.signatures => Err(Fault::TooMany),
                Some(text) => Signature::parse(text, Form::Dkim, now_s),
                None => Err(Fault::Syntax),
            };
            (index, read)
        });
        let found = found.collect();
        Verifier::of(message, fields, found)
    }

    /// These signatures, which stand at these fields.
    pub(crate) fn of(message: Bytes, fields: Fields, found: Vec<(usize, Result<Signature, Fault>)>) -> Self {
        let checks = found.into_iter().map(|(field, read)| match read {
            Ok(signature) => {
                let stage = Stage::Key(signature.key_question());
                Check { field, signature: Some(signature), key: None, stage }
            }
            Err(fault) => Check { field, signature: None, key: None, stage: Stage::Over(Some(fault)) },
        });
        Verifier { checks: checks.collect(), message, fields, bodies: Vec::new() }
    }

    pub fn want(&self) -> Option<Want<'_>> {
        let question = self.checks.iter().find_map(|check| match &check.stage {
            Stage::Key(question) => Some(question),
            _ => None,
        });
        let computes = || self.checks.iter().any(|check| matches!(check.stage, Stage::Body));
        question.map(Want::Ask).or_else(|| computes().then_some(Want::Compute))
    }

    /// The reply to the question that `want` asked.
    pub fn answered(&mut self, reply: &Reply) {
        let waiting = self.checks.iter_mut().find(|check| matches!(check.stage, Stage::Key(_)));
        let check = waiting.expect("answered without a question");
        let signature = check.signature.as_ref().expect("only what could be read asks for a key");
        let judged = PublicKey::from_reply(reply).and_then(|key| {
            let strict_fault =
                key.is_strict && !signature.identity.ends_with(&format!("@{}", signature.domain));
            let fault = match () {
                () if key.algorithm != signature.algorithm => Some(Fault::KeyNotForThis),
                () if strict_fault => Some(Fault::Identity),
                () => None,
            };
            check.key = Some(key);
            fault.map_or(Ok(()), Err)
        });
        check.stage = judged.map_or_else(|fault| Stage::Over(Some(fault)), |()| Stage::Body);
    }

    /// One step of what `Want::Compute` asks for.
    pub fn compute(&mut self) {
        let Some(index) = self.checks.iter().position(|check| matches!(check.stage, Stage::Body)) else {
            return;
        };
        let signature = self.checks[index].signature.as_ref().expect("only what could be read has a body");
        let body = self.body_of(signature.body_canon, signature.body_limit);
        let octets = &self.message[self.fields.body()..];
        if !self.bodies[body].is_over() {
            self.bodies[body].step(octets);
            return;
        }
        let fault = self.fault_of(&self.checks[index], &self.bodies[body]);
        self.checks[index].stage = Stage::Over(fault);
    }

    /// Signatures that hash the body alike share one hash.
    fn body_of(&mut self, canon: Canon, limit: Option<u64>) -> usize {
        let known = self.bodies.iter().position(|body| (body.canon(), body.limit()) == (canon, limit));
        known.unwrap_or_else(|| {
            self.bodies.push(BodyHash::new(canon, limit));
            self.bodies.len() - 1
        })
    }

    fn fault_of(&self, check: &Check, body: &BodyHash) -> Option<Fault> {
        let (signature, key) = (check.signature.as_ref()?, check.key.as_ref()?);
        if signature.body_limit.is_some_and(|limit| limit > body.length()) {
            return Some(Fault::BodyShort);
        }
        if body.hash().is_none_or(|hash| hash[..] != signature.body_hash[..]) {
            return Some(Fault::Body);
        }
        let own = self.fields.get(&self.message, check.field);
        let others = self.fields.iter(&self.message).enumerate().filter(|(index, _)| *index != check.field);
        let mut picker = Picker::new(others.map(|(_, field)| field));
        let octets = signed_octets(signature.header_canon, signature.names(), &mut picker, own);
        if key.verifies(&octets, &signature.signature) { None } else { Some(Fault::Signature) }
    }

    /// From the top of the message down. Signatures not yet judged are `none`.
    pub fn results(&self) -> impl ExactSizeIterator<Item = Checked<'_>> {
        self.checks.iter().map(|check| {
            let (verdict, fault) = match check.stage {
                Stage::Over(None) => (Verdict::Pass, None),
                Stage::Over(Some(fault)) => (fault.verdict(), Some(fault)),
                Stage::Key(_) | Stage::Body => (Verdict::None, None),
            };
            Checked { signature: check.signature.as_ref(), verdict, fault, key: check.key.as_ref() }
        })
    }
}
