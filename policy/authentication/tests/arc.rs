//! ARC from outside: chains that we seal and verify, and chains that somebody has touched.

use authentication::arc::{ChainVerifier, Outcome, Sealing};
use authentication::dkim::{BodyHash, Recipe, Want};
use authentication::results::Results;
use authentication::{Fields, PrivateKey, Reply, Verdict};
use bytes::Bytes;

const RSA: &[u8] = include_bytes!("keys/rsa2048.pem");
const MESSAGE: &[u8] =
    b"From: Joe <joe@example.com>\r\nTo: list@example.net\r\nSubject: hello\r\n\r\nHi.\r\n";

fn verified(message: &Bytes, reply: &Reply) -> Outcome {
    let mut chain = ChainVerifier::new(message.clone(), 0);
    for _ in 0..1000 {
        match chain.want() {
            Some(Want::Ask(_)) => chain.answered(reply),
            Some(Want::Compute) => chain.compute(),
            None => return chain.outcome().unwrap(),
        }
    }
    panic!("a verifier ends");
}

fn sealed(message: &Bytes, key: &PrivateKey, chain: Verdict) -> Option<Bytes> {
    let recipe = Recipe { oversign: vec![], ..Recipe::new("example.net", "arc") };
    let fields = Fields::of(message);
    let mut body = BodyHash::new(recipe.body_canon, None);
    while !body.is_over() {
        body.step(&message[fields.body()..]);
    }
    let mut results = Results::new("mx.example.net");
    results.add("spf", Verdict::Pass, Some("a; \"quoted\" reason"), &[("smtp.mailfrom", "joe@example.com")]);
    let results = results.into_value();
    let sealing = Sealing::new(&recipe, message, &fields, &body, key.algorithm(), &results, chain, 1000)?;
    let signature = key.sign(sealing.octets());
    let seal = sealing.signed(&signature, message, &fields);
    let signature = key.sign(seal.octets());
    let set = seal.sealed(&signature);
    assert!(set.lines().all(|line| line.len() <= 78), "{set}");
    Some([set.as_bytes(), message].concat().into())
}

fn key() -> (PrivateKey, Reply) {
    let key = PrivateKey::from_pem(RSA).unwrap();
    let record = Reply::Texts(vec![key.public_record().into_bytes()]);
    (key, record)
}

#[test]
fn a_message_without_a_chain_has_none() {
    let outcome = verified(&Bytes::from_static(MESSAGE), &Reply::NoName);
    assert_eq!((outcome.verdict, outcome.instances), (Verdict::None, 0));
}

#[test]
fn chains_grow_seal_by_seal_and_pass() {
    let (key, record) = key();
    let mut message = Bytes::from_static(MESSAGE);
    for instance in 0..5 {
        let before = verified(&message, &record).verdict;
        message = sealed(&message, &key, before).unwrap();
        let outcome = verified(&message, &record);
        assert_eq!(outcome.verdict, Verdict::Pass, "{:?}", outcome.problem);
        assert_eq!(outcome.instances, instance + 1);
        assert_eq!(outcome.sealer.as_deref(), Some("example.net"));
    }
}

#[test]
fn a_touched_chain_fails_and_can_be_sealed_once_as_failed() {
    let (key, record) = key();
    let first = sealed(&Bytes::from_static(MESSAGE), &key, Verdict::None).unwrap();
    let second = sealed(&first, &key, Verdict::Pass).unwrap();
    let text = String::from_utf8(second.to_vec()).unwrap();
    for (from, to, sealable) in [
        ("Hi.", "Ho.", true),
        ("Subject: hello", "Subject: hallo", true),
        ("ARC-Seal: i=2", "ARC-Seal: i=3", false),
        ("ARC-Seal: i=2", "ARC-Seal: i=1", false),
        ("ARC-Seal: i=2", "X-Seal: i=2", false),
        ("ARC-Seal: i=1", "ARC-Seal: i=51", false),
        ("cv=pass", "cv=none", true),
        ("cv=none", "cv=pass", true),
        ("smtp.mailfrom=joe", "smtp.mailfrom=bob", true),
    ] {
        let touched = Bytes::from(text.replacen(from, to, 1));
        assert_ne!(touched, second, "{from}");
        let outcome = verified(&touched, &record);
        assert_eq!(outcome.verdict, Verdict::Fail, "{from} {:?}", outcome.problem);
        let failed = sealed(&touched, &key, Verdict::Fail);
        assert_eq!(failed.is_some(), sealable, "{from}");
        if let Some(failed) = failed {
            assert_eq!(verified(&failed, &record).problem, Some("a host before us saw the chain fail"));
        }
    }
}

#[test]
fn a_key_that_cannot_be_looked_up_is_no_failure() {
    let (key, record) = key();
    let message = sealed(&Bytes::from_static(MESSAGE), &key, Verdict::None).unwrap();
    assert_eq!(verified(&message, &Reply::Failed).verdict, Verdict::Temperror);
    assert_eq!(verified(&message, &Reply::NoName).verdict, Verdict::Fail);
    assert_eq!(verified(&message, &record).verdict, Verdict::Pass);
}

#[test]
fn chains_end_at_fifty() {
    let (key, record) = key();
    let mut message = Bytes::from_static(MESSAGE);
    let mut chain = Verdict::None;
    for _ in 0..50 {
        message = sealed(&message, &key, chain).unwrap();
        chain = Verdict::Pass;
    }
    assert_eq!(verified(&message, &record).verdict, Verdict::Pass);
    assert!(sealed(&message, &key, Verdict::Pass).is_none());
}
