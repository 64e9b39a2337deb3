//! What authentication costs on this machine, one line an operation:
//! `cargo run --release -p authentication --example costs`. Each line is the median of 21 rounds.

use authentication::dkim::{BodyHash, Canon, Limits, Recipe, Verifier, Want};
use authentication::{Fields, Kind, PrivateKey, Question, Reply, spf};
use bytes::Bytes;
use std::hint::black_box;
use std::time::Instant;

const RSA: &[u8] = include_bytes!("../tests/keys/rsa2048.pem");
const ED25519: &[u8] = include_bytes!("../tests/keys/ed25519.pem");

fn main() {
    let message = message(10_000);
    for (name, pem) in [("rsa-sha256, 2048 bits", RSA), ("ed25519-sha256", ED25519)] {
        let key = PrivateKey::from_pem(pem).expect("a key of the tests");
        let recipe = Recipe::new("example.com", "s");
        let signed = sign(&message, &recipe, &key);
        let reply = Reply::Texts(vec![key.public_record().into_bytes()]);
        measure(&format!("sign 10 KB, {name}"), 200, || drop(black_box(sign(&message, &recipe, &key))));
        measure(&format!("the key's part of it, {name}"), 200, || drop(black_box(key.sign(b"header"))));
        measure(&format!("verify 10 KB, {name}"), 200, || verify(&signed, &reply));
        measure(&format!("read the key, {name}"), 50, || drop(black_box(PrivateKey::from_pem(pem))));
    }
    let large = self::message(10 << 20);
    for canon in [Canon::Simple, Canon::Relaxed] {
        measure(&format!("hash 10 MB, {}", canon.as_str()), 1, || drop(black_box(hash(&large, canon))));
    }
    measure("SPF of 4 includes, canned answers", 2000, spf_of_includes);
}

fn measure(name: &str, times: u32, mut work: impl FnMut()) {
    let mut rounds: Vec<f64> = (0..21)
        .map(|_| {
            let start = Instant::now();
            (0..times).for_each(|_| work());
            start.elapsed().as_secs_f64() * 1e6 / f64::from(times)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!("{name:45} {:>10.1} us", rounds[10]);
}

fn message(length: usize) -> Bytes {
    let header = "From: Joe <joe@example.com>\r\nTo: Suzie <suzie@example.net>\r\nSubject: hello\r\n\
        Date: Mon, 1 Jan 2024 00:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n\r\n";
    let line = "Words of five to ten letters, as many as fit into a line of seventy-two.\r\n";
    (header.to_owned() + &line.repeat(length / line.len())).into()
}

fn hash(message: &Bytes, canon: Canon) -> BodyHash {
    let body = &message[Fields::of(message).body()..];
    let mut hash = BodyHash::new(canon, None);
    while !hash.is_over() {
        hash.step(body);
    }
    hash
}

fn sign(message: &Bytes, recipe: &Recipe, key: &PrivateKey) -> Bytes {
    let fields = Fields::of(message);
    let body = hash(message, recipe.body_canon);
    let unsigned = recipe.unsigned(message, &fields, &body, key.algorithm(), 0);
    let signature = key.sign(&unsigned.octets);
    [unsigned.signed(&signature).as_bytes(), message].concat().into()
}

fn verify(message: &Bytes, reply: &Reply) {
    let mut verifier = Verifier::new(message.clone(), 0, Limits::default());
    while let Some(want) = verifier.want() {
        match want {
            Want::Ask(_) => verifier.answered(reply),
            Want::Compute => verifier.compute(),
        }
    }
    assert!(verifier.results().all(|checked| checked.fault.is_none()));
}

fn spf_of_includes() {
    let query = spf::Query {
        ip: "192.0.2.1".parse().expect("an address"),
        sender_local: "joe".into(),
        sender_domain: "example.com".into(),
        helo: "mail.example.com".into(),
        receiver: "mx.example.org".into(),
        now_s: 0,
        default_rule: None,
    };
    let answer = |question: &Question| match (question.kind, &*question.name) {
        (Kind::Txt, "example.com") => Reply::Texts(vec![
            b"v=spf1 include:a.example include:b.example include:c.example include:d.example -all".to_vec(),
        ]),
        _ => Reply::Texts(vec![
            b"v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/24 ip4:203.0.113.7 ip6:2001:db8::/32 ~all".to_vec(),
        ]),
    };
    let mut evaluation = spf::Evaluation::new(query, spf::Limits::default());
    while let Some(question) = evaluation.want() {
        let reply = answer(question);
        evaluation.answered(reply);
    }
    assert!(evaluation.outcome().is_some());
}
