//! Verifies a chain (RFC 8617 §5.2): its form, the newest message signature, then every seal from the newest down.

use super::set::{Seal, Set, sealed_octets, sets};
use crate::Verdict;
use crate::dkim::{Fault, Form, PublicKey, Signature, Verifier, Want};
use crate::fields::Fields;
use crate::question::{Kind, Question, Reply};
use bytes::Bytes;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// none, pass or fail; temperror if a key could not be looked up
    pub verdict: Verdict,
    /// Instances of the chain
    pub instances: usize,
    pub problem: Option<&'static str>,
    /// `d=` of the newest seal
    pub sealer: Option<Box<str>>,
}

/// A decider: `want` until it wants nothing, then `outcome`.
pub struct ChainVerifier {
    message: Bytes,
    fields: Fields,
    sets: Vec<Set>,
    seals: Vec<Seal>,
    signature: Option<Verifier>,
    /// Seals still to check: the last one of these is next.
    left: usize,
    question: Option<Question>,
    key: Option<PublicKey>,
    over: Option<(Verdict, Option<&'static str>)>,
}

impl ChainVerifier {
    pub fn new(message: Bytes, now_s: u64) -> Self {
        let fields = Fields::of(&message);
        let mut chain = ChainVerifier {
            message,
            fields,
            sets: Vec::new(),
            seals: Vec::new(),
            signature: None,
            left: 0,
            question: None,
            key: None,
            over: None,
        };
        if let Err(over) = chain.begin(now_s) {
            chain.over = Some(over);
        }
        chain
    }

    /// Steps 1 to 3 of RFC 8617 §5.2: what can be judged without a key.
    fn begin(&mut self, now_s: u64) -> Result<(), (Verdict, Option<&'static str>)> {
        let fail = |problem| (Verdict::Fail, Some(problem));
        self.sets = sets(&self.message, &self.fields).map_err(fail)?;
        let Some(newest) = self.sets.last() else { return Err((Verdict::None, None)) };
        let seals = self.sets.iter().map(|set| Seal::parse(self.fields.get(&self.message, set.seal)));
        self.seals = seals.collect::<Option<_>>().ok_or(fail("a seal that cannot be read"))?;
        let expected = std::iter::once(Verdict::None).chain(std::iter::repeat(Verdict::Pass));
        if self.seals.last().is_some_and(|seal| seal.chain == Verdict::Fail) {
            return Err(fail("a host before us saw the chain fail"));
        }
        if self.seals.iter().zip(expected).any(|(seal, expected)| seal.chain != expected) {
            return Err(fail("a seal with a wrong cv="));
        }
        let field = self.fields.get(&self.message, newest.signature);
        let signature =
            field.text().ok_or(Fault::Syntax).and_then(|text| Signature::parse(text, Form::Arc, now_s));
        // A signature must not cover seals (RFC 8617 §4.1.2).
        let signature =
            signature.and_then(|read| if read.signs("arc-seal") { Err(Fault::Syntax) } else { Ok(read) });
        let found = vec![(newest.signature, signature)];
        self.signature = Some(Verifier::of(self.message.clone(), self.fields.clone(), found));
        self.left = self.seals.len();
        self.settle_signature();
        Ok(())
    }

    pub fn want(&self) -> Option<Want<'_>> {
        if self.over.is_some() {
            return None;
        }
        let signature = self.signature.as_ref().and_then(Verifier::want);
        signature.or(match &self.question {
            Some(question) => Some(Want::Ask(question)),
            None => Some(Want::Compute),
        })
    }

    pub fn answered(&mut self, reply: &Reply) {
        if let Some(signature) = self.signature.as_mut() {
            signature.answered(reply);
            self.settle_signature();
            return;
        }
        self.question = None;
        match PublicKey::from_reply(reply) {
            Ok(key) => self.key = Some(key),
            Err(Fault::KeyUnavailable) => {
                self.over = Some((Verdict::Temperror, Some("a key cannot be looked up now")))
            }
            Err(_) => self.over = Some((Verdict::Fail, Some("a seal without a usable key"))),
        }
    }

    /// One step of what `Want::Compute` asks for.
    pub fn compute(&mut self) {
        if let Some(signature) = self.signature.as_mut() {
            signature.compute();
            self.settle_signature();
            return;
        }
        let (Some(key), Some(seal)) =
            (self.key.take(), self.left.checked_sub(1).map(|index| &self.seals[index]))
        else {
            return;
        };
        let sets = self.sets[..self.left].iter().map(|set| {
            [set.results, set.signature, set.seal].map(|index| self.fields.get(&self.message, index))
        });
        let fits = key.algorithm == seal.algorithm && key.verifies(&sealed_octets(sets), &seal.signature);
        if !fits {
            self.over = Some((Verdict::Fail, Some("a seal that does not verify")));
            return;
        }
        self.left -= 1;
        self.next_seal();
    }

    /// Goes on to the seals when the message signature is judged.
    fn settle_signature(&mut self) {
        let Some(verifier) = &self.signature else { return };
        if verifier.want().is_some() {
            return;
        }
        let judged = verifier.results().next().map(|checked| (checked.verdict, checked.fault));
        self.signature = None;
        match judged {
            Some((Verdict::Pass, _)) => self.next_seal(),
            Some((Verdict::Temperror, _)) => {
                self.over = Some((Verdict::Temperror, Some("a key cannot be looked up now")));
            }
            Some((_, fault)) => self.over = Some((Verdict::Fail, fault.map(Fault::as_str))),
            None => self.over = Some((Verdict::None, None)),
        }
    }

    fn next_seal(&mut self) {
        match self.left.checked_sub(1) {
            Some(index) => {
                let Seal { selector, domain, .. } = &self.seals[index];
                self.question = Some(Question::new(Kind::Txt, &format!("{selector}._domainkey.{domain}")));
            }
            None => self.over = Some((Verdict::Pass, None)),
        }
    }

    /// None while something is wanted.
    pub fn outcome(&self) -> Option<Outcome> {
        let (verdict, problem) = self.over?;
        let sealer = self.seals.last().map(|seal| seal.domain.clone());
        Some(Outcome { verdict, instances: self.sets.len(), problem, sealer })
    }
}
