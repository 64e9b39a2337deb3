//! Any bytes as what strangers publish and send: SPF, DKIM and DMARC records, macros, signed messages, ARC chains.
//! Nothing panics, every evaluation ends, and the questions that a stranger can cause are counted.
//!
//! The first line is the reply to every TXT question, the rest is the message.

#![no_main]

use authentication::arc::{ChainVerifier, Sealing};
use authentication::dkim::{Algorithm, BodyHash, Limits, PublicKey, Recipe, Verifier, Want};
use authentication::{Fields, Kind, Question, Reply, dmarc, results, spf};
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let at = octets.iter().position(|octet| *octet == b'\n').unwrap_or(octets.len());
    let (record, message) = (&octets[..at], octets.get(at + 1..).unwrap_or(b""));
    policies(record);
    let _ = PublicKey::parse(record);
    if let Ok(text) = str::from_utf8(record) {
        assert!(results::server_of(text).is_none_or(|server| !server.is_empty()));
    }
    // Messages come with whole line ends.
    let lines = message.split(|octet| *octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let message: Bytes = lines.collect::<Vec<_>>().join(&b"\r\n"[..]).into();
    signatures(record, &message);
    // One that begins with a continuation belongs to whatever is put before it.
    if !message.starts_with(b" ") && !message.starts_with(b"\t") {
        signing(&message);
    }
});

fn policies(record: &[u8]) {
    let query = spf::Query {
        ip: "2001:db8::1".parse().unwrap(),
        sender_local: "a.b-c".into(),
        sender_domain: "d.example".into(),
        helo: "h.example".into(),
        receiver: "r.example".into(),
        now_s: 0,
        default_rule: None,
    };
    let mut evaluation = spf::Evaluation::new(query, spf::Limits::default());
    let mut questions = 0;
    while let Some(question) = evaluation.want().cloned() {
        questions += 1;
        assert!(questions <= 150, "{question:?}");
        evaluation.answered(reply(&question, record, questions));
    }
    assert!(evaluation.outcome().is_some());
    let mut evaluation = dmarc::Evaluation::new("a.d.example");
    while evaluation.want().is_some() {
        evaluation.answered(&Reply::Texts(vec![record.to_vec()]));
    }
    let outcome = evaluation.outcome(&dmarc::Authenticated::default(), 50);
    assert!(outcome.disposition <= outcome.published);
}

fn reply(question: &Question, record: &[u8], number: usize) -> Reply {
    let host = |index: usize| format!("h{index}.d.example");
    match question.kind {
        Kind::Txt => Reply::Texts(vec![record.to_vec()]),
        Kind::Mx => Reply::Exchangers((0..number % 12).map(|index| (1, host(index))).collect()),
        Kind::Ptr => Reply::Names((0..40).map(host).collect()),
        Kind::A | Kind::Aaaa if number % 3 == 0 => Reply::NoData,
        Kind::A | Kind::Aaaa => Reply::Addresses(vec!["2001:db8::2".parse().unwrap()]),
    }
}

fn signatures(record: &[u8], message: &Bytes) {
    let reply = Reply::Texts(vec![record.to_vec()]);
    let bound = 100 + message.len() / 1000;
    let mut verifier = Verifier::new(message.clone(), 1_000_000_000, Limits::default());
    let mut steps = 0;
    while let Some(want) = verifier.want() {
        steps += 1;
        assert!(steps < bound);
        match want {
            Want::Ask(_) => verifier.answered(&reply),
            Want::Compute => verifier.compute(),
        }
    }
    let mut chain = ChainVerifier::new(message.clone(), 1_000_000_000);
    while let Some(want) = chain.want() {
        steps += 1;
        assert!(steps < 2 * bound);
        match want {
            Want::Ask(_) => chain.answered(&reply),
            Want::Compute => chain.compute(),
        }
    }
    assert!(chain.outcome().is_some());
}

/// What is signed can be read, whatever the message is.
fn signing(message: &Bytes) {
    let recipe = Recipe { copy_headers: true, body_length: true, ..Recipe::new("d.example", "s") };
    let fields = Fields::of(message);
    let mut body = BodyHash::new(recipe.body_canon, None);
    while !body.is_over() {
        body.step(&message[fields.body()..]);
    }
    let unsigned = recipe.unsigned(message, &fields, &body, Algorithm::Ed25519Sha256, 7);
    let field = unsigned.signed(&[7; 64]);
    let signed: Bytes = [field.as_bytes(), message].concat().into();
    let verifier = Verifier::new(signed, 7, Limits::default());
    assert!(verifier.results().next().unwrap().signature.is_some(), "{field}");
    let chain = authentication::Verdict::None;
    let sealing =
        Sealing::new(&recipe, message, &fields, &body, Algorithm::Ed25519Sha256, "s; none", chain, 7);
    if let Some(sealing) = sealing {
        let set = sealing.signed(&[7; 64], message, &fields).sealed(&[7; 64]);
        assert!(set.ends_with("\r\n"));
    }
}
