//! DKIM from outside: the messages of the RFCs, signing and verifying, and what hostile messages do.

use authentication::dkim::{BodyHash, Canon, Fault, Limits, Recipe, Verifier, Want};
use authentication::{Fields, PrivateKey, Reply, Verdict};
use bytes::Bytes;

const RSA: &[u8] = include_bytes!("keys/rsa2048.pem");
const ED25519: &[u8] = include_bytes!("keys/ed25519.pem");

/// RFC 8463 appendix A.3.
const FOOTBALL: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
";

const PLAIN: &str = "From: Joe <joe@example.com>
To: Suzie <suzie@example.net>,
\tBob <bob@example.net>
Subject:  two  spaces\t
Received: from somewhere

Hi.  

There is a line with a tab\tand an empty end.

 

";

fn crlf(text: &str) -> Bytes {
    text.replace('\n', "\r\n").into()
}

/// Verifies with these key records; each result as verdict and fault.
fn verified(message: Bytes, now_s: u64, keys: &[(&str, &str)]) -> Vec<(Verdict, Option<Fault>)> {
    let mut verifier = Verifier::new(message, now_s, Limits::default());
    for _ in 0..10_000 {
        match verifier.want() {
            Some(Want::Ask(question)) => {
                let found = keys.iter().find(|(name, _)| *name == &*question.name);
                let reply =
                    found.map_or(Reply::NoName, |(_, text)| Reply::Texts(vec![text.as_bytes().to_vec()]));
                verifier.answered(&reply);
            }
            Some(Want::Compute) => verifier.compute(),
            None => return verifier.results().map(|checked| (checked.verdict, checked.fault)).collect(),
        }
    }
    panic!("a verifier ends");
}

fn signed(message: &Bytes, recipe: &Recipe, key: &PrivateKey, now_s: u64) -> Bytes {
    let fields = Fields::of(message);
    let mut body = BodyHash::new(recipe.body_canon, None);
    while !body.is_over() {
        body.step(&message[fields.body()..]);
    }
    let unsigned = recipe.unsigned(message, &fields, &body, key.algorithm(), now_s);
    let signature = key.sign(&unsigned.octets);
    let field = unsigned.signed(&signature);
    assert!(field.lines().all(|line| line.len() <= 78), "{field}");
    assert!(field.ends_with("\r\n") && !field.contains("\r\n\r\n"), "{field}");
    [field.as_bytes(), message].concat().into()
}

const FOOTBALL_KEYS: [(&str, &str); 2] = [
    (
        "brisbane._domainkey.football.example.com",
        "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    ),
    (
        "test._domainkey.football.example.com",
        "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi\
         Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2\
         kryOTIKT+l/K4w3QIDAQAB",
    ),
];

#[test]
fn the_message_of_rfc_8463_verifies_twice() {
    let pass = (Verdict::Pass, None);
    assert_eq!(verified(crlf(FOOTBALL), 1_600_000_000, &FOOTBALL_KEYS), [pass, pass]);
    let keyless = verified(crlf(FOOTBALL), 0, &FOOTBALL_KEYS[..1]);
    assert_eq!(keyless, [pass, (Verdict::Permerror, Some(Fault::NoKey))]);
    let swapped = [("brisbane._domainkey.football.example.com", FOOTBALL_KEYS[1].1)];
    assert_eq!(verified(crlf(FOOTBALL), 0, &swapped)[0].1, Some(Fault::KeyNotForThis));
}

#[test]
fn a_changed_message_fails_where_it_was_changed() {
    for (from, to, fault) in [
        ("hungry yet", "hungry now", Some(Fault::Body)),
        ("dinner ready", "supper ready", Some(Fault::Signature)),
        ("Joe.\n", "Joe.\n\n\n", None),
        ("the game.  Are", "the game.\tAre", None),
        ("Subject: Is", "SUBJECT:   Is", None),
        ("Subject: Is", "Subject: another\nSubject: Is", Some(Fault::Signature)),
        ("To: Suzie", "X-Added: fine\nTo: Suzie", None),
        ("To: Suzie", "To: somebody\nTo: Suzie", None),
        ("t=1528637909", "t=1528637908", Some(Fault::Signature)),
    ] {
        let changed = FOOTBALL.replace(from, to);
        assert_ne!(changed, FOOTBALL);
        for (_, found) in verified(crlf(&changed), 0, &FOOTBALL_KEYS) {
            assert_eq!(found, fault, "{from} -> {to}");
        }
    }
}

#[test]
fn what_we_sign_we_verify_in_every_form() {
    let message = crlf(PLAIN);
    for key in [RSA, ED25519].map(|pem| PrivateKey::from_pem(pem).unwrap()) {
        let record = key.public_record();
        let keys = [("s1._domainkey.example.com", record.as_str())];
        for header_canon in [Canon::Simple, Canon::Relaxed] {
            for body_canon in [Canon::Simple, Canon::Relaxed] {
                for extras in [false, true] {
                    let recipe = Recipe {
                        header_canon,
                        body_canon,
                        body_length: extras,
                        copy_headers: extras,
                        lifetime_s: extras.then_some(3600),
                        identity: extras.then(|| "joe@sub.example.com".into()),
                        ..Recipe::new("Example.com", "s1")
                    };
                    let signed = signed(&message, &recipe, &key, 1000);
                    assert_eq!(verified(signed.clone(), 1000, &keys), [(Verdict::Pass, None)], "{recipe:?}");
                    let longer = Bytes::from([&signed[..], b"more\r\n"].concat());
                    let expected = if extras { None } else { Some(Fault::Body) };
                    assert_eq!(verified(longer, 1000, &keys)[0].1, expected);
                    let late = verified(signed.clone(), 5000, &keys)[0].1;
                    assert_eq!(late, extras.then_some(Fault::Expired));
                    let shorter = Bytes::copy_from_slice(&signed[..signed.len() - 40]);
                    let expected = if extras { Fault::BodyShort } else { Fault::Body };
                    assert_eq!(verified(shorter, 1000, &keys)[0].1, Some(expected));
                }
            }
        }
    }
}

#[test]
fn nobody_can_add_a_second_from_to_what_is_oversigned() {
    let key = PrivateKey::from_pem(ED25519).unwrap();
    let record = key.public_record();
    let keys = [("s1._domainkey.example.com", record.as_str())];
    for (oversign, expected) in [(vec![], None), (vec!["from".into()], Some(Fault::Signature))] {
        let recipe = Recipe { oversign, ..Recipe::new("example.com", "s1") };
        let signed = signed(&crlf(PLAIN), &recipe, &key, 0);
        let forged = Bytes::from([b"From: <ceo@example.com>\r\n", &signed[..]].concat());
        assert_eq!(verified(forged, 0, &keys)[0].1, expected);
    }
}

#[test]
fn names_to_skip_are_left_out_but_never_from() {
    let key = PrivateKey::from_pem(ED25519).unwrap();
    let recipe = Recipe {
        skip: vec!["subject".into(), "from".into()],
        names: vec!["to".into(), "subject".into(), "absent".into()],
        oversign: vec![],
        ..Recipe::new("example.com", "s1")
    };
    let signed = String::from_utf8(signed(&crlf(PLAIN), &recipe, &key, 0).to_vec()).unwrap();
    assert!(signed.contains("h=From:to;"), "{signed}");
}

#[test]
fn several_signatures_stand_on_top_of_each_other() {
    let (rsa, ed25519) = (PrivateKey::from_pem(RSA).unwrap(), PrivateKey::from_pem(ED25519).unwrap());
    let once = signed(&crlf(PLAIN), &Recipe::new("example.com", "r"), &rsa, 0);
    let twice = signed(&once, &Recipe::new("example.com", "e"), &ed25519, 0);
    let (first, second) = (rsa.public_record(), ed25519.public_record());
    let keys = [("r._domainkey.example.com", first.as_str()), ("e._domainkey.example.com", second.as_str())];
    assert_eq!(verified(twice, 0, &keys), [(Verdict::Pass, None); 2]);
}

#[test]
fn strict_keys_refuse_identities_of_subdomains() {
    let key = PrivateKey::from_pem(ED25519).unwrap();
    let strict = key.public_record().replace("k=", "t=s; k=");
    let keys = [("s1._domainkey.example.com", strict.as_str())];
    for (identity, expected) in [("joe@example.com", None), ("joe@a.example.com", Some(Fault::Identity))] {
        let recipe = Recipe { identity: Some(identity.into()), ..Recipe::new("example.com", "s1") };
        assert_eq!(verified(signed(&crlf(PLAIN), &recipe, &key, 0), 0, &keys)[0].1, expected);
    }
}

#[test]
fn more_signatures_than_the_limit_are_counted_but_not_verified() {
    let signature = FOOTBALL.split_inclusive("DKIM-Signature").nth(1).unwrap();
    let flood =
        format!("DKIM-Signature{}", signature).repeat(200) + FOOTBALL.trim_start_matches("DKIM-Signature");
    let flood = flood.replace("DKIM-SignatureDKIM", "DKIM");
    let results = verified(crlf(&flood), 0, &FOOTBALL_KEYS);
    assert!(results.len() > 100);
    let looked_at = results.iter().filter(|(_, fault)| *fault != Some(Fault::TooMany)).count();
    assert_eq!(looked_at, Limits::default().signatures);
}

#[test]
fn huge_lists_of_names_and_fields_are_walked_once() {
    let names = "x:".repeat(20_000) + "from";
    let fields = "X: 1\n".repeat(20_000);
    let signature = format!(
        "DKIM-Signature: v=1; a=ed25519-sha256; d=example.com; s=s1; h={names}; b=AAAA;\n bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; c=simple/relaxed\n"
    );
    let message = crlf(&format!("{signature}{fields}From: a@example.com\n\n"));
    let record = PrivateKey::from_pem(ED25519).unwrap().public_record();
    let keys = [("s1._domainkey.example.com", record.as_str())];
    assert_eq!(verified(message, 0, &keys), [(Verdict::Fail, Some(Fault::Signature))]);
}
