//! Adds a set to a chain (RFC 8617 §5.1): results, message signature, seal. Two signatures by one key, each of which may
//! be made elsewhere.

use super::set::{RESULTS, SEAL, sealed_octets, sets};
use crate::Verdict;
use crate::dkim::{Algorithm, BodyHash, Form, Recipe, Unsigned, fold};
use crate::fields::{Field, Fields};

/// The set while its message signature is being made.
pub struct Sealing {
    results: String,
    signature: Unsigned,
    algorithm: Algorithm,
    domain: Box<str>,
    selector: Box<str>,
    instance: u32,
    chain: Verdict,
    now_s: u64,
}

/// The set while its seal is being made.
pub struct SealUnsigned {
    fields: String,
    seal: Unsigned,
}

impl Sealing {
    /// `results` is the value of Authentication-Results; `chain` what the chain so far is (none, pass, fail), and
    /// `body` is hashed in the recipe's form. None when nothing may be added: the chain has failed before, is not in
    /// order, or is full.
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        recipe: &Recipe,
        message: &[u8],
        fields: &Fields,
        body: &BodyHash,
        algorithm: Algorithm,
        results: &str,
        chain: Verdict,
        now_s: u64,
    ) -> Option<Sealing> {
        let instances = sets(message, fields).ok()?.len();
        let chain_fits = match chain {
            Verdict::None => instances == 0,
            Verdict::Pass | Verdict::Fail => instances > 0,
            _ => false,
        };
        if !chain_fits || instances >= super::set::MAX_INSTANCES {
            return None;
        }
        let instance = instances as u32 + 1;
        let pieces: Vec<String> =
            std::iter::once(format!("i={instance}")).chain(split_results(results)).collect();
        let folded = fold(RESULTS, &pieces);
        let results = format!("{}\r\n", folded.trim_end().trim_end_matches(';'));
        let recipe = Recipe {
            names: without_arc(&recipe.names),
            oversign: without_arc(&recipe.oversign),
            ..recipe.clone()
        };
        let signature =
            recipe.unsigned_as(Form::Arc, Some(instance), message, fields, body, algorithm, now_s);
        let (domain, selector) = (recipe.domain.clone(), recipe.selector.clone());
        Some(Sealing { results, signature, algorithm, domain, selector, instance, chain, now_s })
    }

    /// What the key signs first.
    pub fn octets(&self) -> &[u8] {
        &self.signature.octets
    }

    /// The message signature is there: what the key signs next.
    pub fn signed(self, signature: &[u8], message: &[u8], fields: &Fields) -> SealUnsigned {
        let signature = self.signature.signed(signature);
        let tags = [
            format!("i={}", self.instance),
            format!("a={}", self.algorithm.as_str()),
            format!("t={}", self.now_s),
            format!("cv={}", self.chain.as_str()),
            format!("d={}", self.domain),
            format!("s={}", self.selector),
        ];
        let seal = fold(SEAL, &tags) + "b=\r\n";
        let own = [&self.results, &signature, &seal].map(|field| Field::new(field.as_bytes()));
        // A seal over a failed chain covers its own set only (RFC 8617 §5.1.2).
        let earlier =
            if self.chain == Verdict::Fail { Vec::new() } else { sets(message, fields).unwrap_or_default() };
        let earlier = earlier
            .into_iter()
            .map(|set| [set.results, set.signature, set.seal].map(|index| fields.get(message, index)));
        let octets = sealed_octets(earlier.chain(std::iter::once(own)));
        let fields = format!("{signature}{}", self.results);
        SealUnsigned { fields, seal: Unsigned::new(seal, octets) }
    }
}

impl SealUnsigned {
    pub fn octets(&self) -> &[u8] {
        &self.seal.octets
    }

    /// The three fields, seal first, to be put before all others exactly as they are.
    pub fn sealed(self, signature: &[u8]) -> String {
        self.seal.signed(signature) + &self.fields
    }
}

/// The parts between the semicolons of a results value, quoted strings kept whole.
fn split_results(results: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for letter in results.chars() {
        match letter {
            ';' if !quoted => {
                parts.push(String::new());
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
        parts.last_mut().expect("one part at least").push(letter);
    }
    parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// A message signature does not cover the fields of ARC itself, nor results that later hosts remove (RFC 8617 §4.1.2).
fn without_arc(names: &[Box<str>]) -> Vec<Box<str>> {
    let left_out = |name: &str| {
        name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("arc-"))
            || name.eq_ignore_ascii_case("authentication-results")
    };
    names.iter().filter(|name| !left_out(name)).cloned().collect()
}
