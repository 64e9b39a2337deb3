//! Other people's signers and verifiers, in both directions: dkimpy and opendkim, pyspf, authheaders.

#[path = "../../policy/authentication/tests/zone/mod.rs"]
mod zone;

use crate::PLACE;
use authentication::arc::{ChainVerifier, Sealing};
use authentication::dkim::{BodyHash, Canon, Limits, Recipe, Verifier, Want};
use authentication::dmarc::{self, Authenticated};
use authentication::results::Results;
use authentication::{Fields, PrivateKey, Verdict, spf};
use harness::{Folder, are_installed, run, run_with_input};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const PYTHON: &str = "/usr/bin/python3";
const DKIMPY: &str = "/usr/lib/python3/dist-packages/dkim";
const NACL: &str = "/usr/lib/python3/dist-packages/nacl";
const PYSPF: &str = "/usr/lib/python3/dist-packages/spf.py";
const AUTHHEADERS: &str = "/usr/lib/python3/dist-packages/authheaders";
const OPENDKIM: &str = "/usr/sbin/opendkim";

const RSA: &str = include_str!("../../policy/authentication/tests/keys/rsa2048.pem");
const ED25519: &str = include_str!("../../policy/authentication/tests/keys/ed25519.pem");
/// As dkimpy wants it: the 32 octets in base64, at the end of the PKCS #8 form.
const ED25519_SEED: std::ops::Range<usize> = 16..48;

const MESSAGE: &str = "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n\
    From: Joe <joe@example.com>\r\n\
    To: Suzie <suzie@example.net>,\r\n\t Bob <bob@example.net>\r\n\
    Subject:  two  spaces\t\r\n\
    Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n\
    Message-ID: <1@example.com>\r\n\
    \r\n\
    Hi.  \r\n\r\n a\ttab,  blanks \t\r\n.\r\n\r\n \r\n\r\n";

fn asked(question: Value) -> Value {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/interop/python/identity.py");
    let ended = run_with_input(Command::new(PYTHON).arg(script), question.to_string().as_bytes()).well();
    serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{} {}", ended.out, ended.err))
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn body_of(message: &str, canon: Canon) -> (Fields, BodyHash) {
    let fields = Fields::of(message.as_bytes());
    let mut body = BodyHash::new(canon, None);
    while !body.is_over() {
        body.step(&message.as_bytes()[fields.body()..]);
    }
    (fields, body)
}

fn signed(message: &str, recipe: &Recipe, key: &PrivateKey) -> String {
    let (fields, body) = body_of(message, recipe.body_canon);
    let unsigned = recipe.unsigned(message.as_bytes(), &fields, &body, key.algorithm(), now_s());
    let signature = key.sign(&unsigned.octets);
    unsigned.signed(&signature) + message
}

fn verified(message: &str, zone: &str) -> Vec<Verdict> {
    let mut verifier = Verifier::new(message.to_owned().into(), now_s(), Limits::default());
    while let Some(want) = verifier.want() {
        match want {
            Want::Ask(question) => {
                let reply = zone::reply(zone, question);
                verifier.answered(&reply);
            }
            Want::Compute => verifier.compute(),
        }
    }
    verifier.results().map(|checked| checked.verdict).collect()
}

fn chain(message: &str, zone: &str) -> Verdict {
    let mut chain = ChainVerifier::new(message.to_owned().into(), now_s());
    while let Some(want) = chain.want() {
        match want {
            Want::Ask(question) => {
                let reply = zone::reply(zone, question);
                chain.answered(&reply);
            }
            Want::Compute => chain.compute(),
        }
    }
    chain.outcome().unwrap().verdict
}

/// (PEM, its algorithm, as dkimpy wants the key)
fn keys() -> [(PrivateKey, &'static str, String); 2] {
    let body: String = ED25519.lines().filter(|line| !line.starts_with('-')).collect();
    let der = content_of_base64(&body);
    [
        (PrivateKey::from_pem(RSA.as_bytes()).unwrap(), "rsa-sha256", RSA.to_owned()),
        (PrivateKey::from_pem(ED25519.as_bytes()).unwrap(), "ed25519-sha256", base64_of(&der[ED25519_SEED])),
    ]
}

fn content_of_base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

fn base64_of(octets: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(octets)
}

const CANONS: [Canon; 2] = [Canon::Simple, Canon::Relaxed];

#[test]
fn dkimpy_verifies_what_we_sign_and_we_verify_what_it_signs() {
    if !are_installed(&[DKIMPY, NACL]) {
        return;
    }
    let forms = CANONS
        .iter()
        .flat_map(|header| CANONS.iter().flat_map(|body| [(*header, *body, false), (*header, *body, true)]));
    let forms: Vec<(Canon, Canon, bool)> = forms.collect();
    for (key, algorithm, theirs) in keys() {
        let record = key.public_record();
        let zone = format!("s._domainkey.example.com TXT {record}");
        let ours = forms.iter().map(|&(header_canon, body_canon, body_length)| {
            let recipe = Recipe { header_canon, body_canon, body_length, ..Recipe::new("example.com", "s") };
            signed(MESSAGE, &recipe, &key)
        });
        let ours: Vec<String> = ours.collect();
        let touched = ours.iter().map(|message| message.replace("blanks", "blinks"));
        let messages: Vec<String> = ours.iter().cloned().chain(touched).collect();
        let keys = json!({ "s._domainkey.example.com": record });
        let verdicts = asked(json!({ "ask": "dkim_verify", "messages": messages, "keys": keys }));
        for (index, message) in messages.iter().enumerate() {
            assert_eq!(verdicts[index] == json!(true), index < forms.len(), "{} {message}", verdicts[index]);
        }
        let named: Vec<_> =
            forms.iter().map(|(header, body, length)| (header.as_str(), body.as_str(), length)).collect();
        let fields = asked(json!({
            "ask": "dkim_sign", "message": MESSAGE, "key": theirs, "algorithm": algorithm, "forms": named,
        }));
        for field in fields.as_array().unwrap() {
            let message = format!("{}{MESSAGE}", field.as_str().unwrap());
            assert_eq!(verified(&message, &zone), [Verdict::Pass], "{message}");
            assert_eq!(verified(&message.replace("blanks", "blinks"), &zone), [Verdict::Fail]);
        }
    }
}

#[test]
fn opendkim_verifies_what_we_sign() {
    if !are_installed(&[OPENDKIM]) {
        return;
    }
    let folder = Folder::new(PLACE.folder, "opendkim");
    let key = PrivateKey::from_pem(RSA.as_bytes()).unwrap();
    let (conf, public) = (folder.file("conf"), folder.file("keys"));
    std::fs::write(&public, format!("s._domainkey.example.com {}\n", key.public_record())).unwrap();
    std::fs::write(&conf, format!("Mode v\nSyslog no\nTestPublicKeys {}\n", public.display())).unwrap();
    // Its test mode loses the blanks behind colons, so the simple form of headers is left to dkimpy.
    for body_canon in CANONS {
        let recipe = Recipe { body_canon, ..Recipe::new("example.com", "s") };
        let ours = signed(MESSAGE, &recipe, &key);
        for (message, expected) in [(ours.clone(), "succeeded"), (ours.replace("blanks", "blinks"), "failed")]
        {
            let file = folder.file("message");
            // It reads lines as they are on this system.
            std::fs::write(&file, message.replace("\r\n", "\n")).unwrap();
            let ended = run(Command::new(OPENDKIM).arg("-v").arg("-x").arg(&conf).arg("-t").arg(&file));
            let said = format!("{}{}", ended.out, ended.err);
            assert!(said.contains(expected), "{recipe:?} {said}");
        }
    }
}

#[test]
fn dkimpy_and_we_verify_and_continue_each_others_chains() {
    if !are_installed(&[DKIMPY]) {
        return;
    }
    let key = PrivateKey::from_pem(RSA.as_bytes()).unwrap();
    let zone = format!("s._domainkey.example.com TXT {}", key.public_record());
    let keys = json!({ "s._domainkey.example.com": key.public_record() });
    let mut message = MESSAGE.to_owned();
    for hop in 0..4 {
        let mut results = Results::new("mx.example.org");
        results.add("spf", Verdict::Pass, None, &[("smtp.mailfrom", "joe@example.com")]);
        let field = format!("Authentication-Results: {}\r\n", results.as_value());
        if hop % 2 == 0 {
            let recipe = Recipe { oversign: vec![], ..Recipe::new("example.com", "s") };
            let (fields, body) = body_of(&message, recipe.body_canon);
            let (octets, so_far) = (message.as_bytes(), chain(&message, &zone));
            let sealing = Sealing::new(
                &recipe,
                octets,
                &fields,
                &body,
                key.algorithm(),
                &results.into_value(),
                so_far,
                now_s(),
            );
            let sealing = sealing.expect("the chain can be continued");
            let signature = key.sign(sealing.octets());
            let seal = sealing.signed(&signature, octets, &fields);
            let signature = key.sign(seal.octets());
            message = seal.sealed(&signature) + &message;
        } else {
            let with_results = format!("{field}{message}");
            let set = asked(json!({
                "ask": "arc_sign", "message": with_results, "selector": "s", "domain": "example.com", "key": RSA,
                "server": "mx.example.org", "keys": keys,
            }));
            message = format!("{}{message}", set.as_str().unwrap());
        }
        assert_eq!(chain(&message, &zone), Verdict::Pass, "hop {hop}\n{message}");
        assert_eq!(
            asked(json!({ "ask": "arc_verify", "message": message, "keys": keys })),
            json!("pass"),
            "{message}"
        );
    }
    let touched = message.replace("blanks", "blinks");
    assert_eq!(chain(&touched, &zone), Verdict::Fail);
    assert_eq!(asked(json!({ "ask": "arc_verify", "message": touched, "keys": keys })), json!("fail"));
}

#[test]
fn pyspf_comes_to_the_same_verdicts() {
    if !are_installed(&[PYSPF]) {
        return;
    }
    const ZONE: &str = "
        ip.example TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all
        a.example TXT v=spf1 a a:web.example/28 a:six.example//64 ~all
        a.example A 198.51.100.7
        web.example A 203.0.113.16
        six.example AAAA 2001:db8:1::1
        mx.example TXT v=spf1 mx/30 -all
        mx.example MX mail.mx.example
        mail.mx.example A 192.0.2.9
        exists.example TXT v=spf1 exists:%{ir}.list.example -all
        1.2.0.192.list.example A 127.0.0.2
        ptr.example TXT v=spf1 ptr -all
        7.2.0.192.in-addr.arpa PTR mail.ptr.example
        mail.ptr.example A 192.0.2.7
        two.example TXT v=spf1 -all
        two.example TXT v=spf1 +all
        syntax.example TXT v=spf1 a:bad..example/33 -all
        unknown.example TXT v=spf1 foo -all
        pass.example TXT v=spf1 +all
        include.example TXT v=spf1 include:pass.example -all
        includenone.example TXT v=spf1 include:missing.example -all
        redirect.example TXT v=spf1 redirect=pass.example
        redirectnone.example TXT v=spf1 redirect=missing.example
        loop.example TXT v=spf1 include:loop.example -all
        slow.example TXT v=spf1 a:late.example -all
        late.example TIMEOUT
        local.example TXT v=spf1 exists:%{l1r-}.%{d}.u.example -all
        a.local.example.u.example A 127.0.0.1
        void.example TXT v=spf1 a:n1.example a:n2.example a:n3.example -all
        empty.example TXT v=spf1
        other.example TXT v=spf10 -all
        modifier.example TXT v=spf1 unknown=%{d} ?all
        eleven.example TXT v=spf1 a:web.example a:web.example a:web.example a:web.example a:web.example a:web.example a:web.example a:web.example a:web.example a:web.example a:web.example -all
    ";
    let domains = ZONE.lines().filter_map(|line| line.trim().split_once(" TXT ")).map(|(name, _)| name);
    let mut cases: Vec<(&str, String)> = Vec::new();
    for domain in domains.chain(["missing.example"]) {
        for ip in [
            "192.0.2.1",
            "192.0.2.7",
            "192.0.2.10",
            "198.51.100.7",
            "203.0.113.30",
            "2001:db8::1",
            "2001:db8:1::9",
        ] {
            cases.push((ip, format!("a-b@{domain}")));
        }
    }
    let theirs = asked(json!({ "ask": "spf", "zone": ZONE, "cases": cases }));
    for ((ip, sender), theirs) in cases.iter().zip(theirs.as_array().unwrap()) {
        let (local, domain) = sender.split_once('@').unwrap();
        let query = spf::Query {
            ip: ip.parse().unwrap(),
            sender_local: local.into(),
            sender_domain: domain.into(),
            helo: "mail.example.net".into(),
            receiver: "mx.example.org".into(),
            now_s: now_s(),
            default_rule: None,
        };
        let mut evaluation = spf::Evaluation::new(query, spf::Limits::default());
        while let Some(question) = evaluation.want().cloned() {
            evaluation.answered(zone::reply(ZONE, &question));
        }
        let ours = evaluation.outcome().unwrap();
        assert_eq!(theirs, ours.verdict.as_str(), "{ip} {sender} {ours:?}");
    }
}

#[test]
fn authheaders_comes_to_the_same_dmarc_verdicts() {
    if !are_installed(&[AUTHHEADERS]) {
        return;
    }
    for (record, from, spf, dkim) in [
        ("v=DMARC1; p=reject", "example.com", "example.com", ""),
        ("v=DMARC1; p=reject", "example.com", "news.example.com", ""),
        ("v=DMARC1; p=reject; aspf=s", "example.com", "news.example.com", ""),
        ("v=DMARC1; p=reject; adkim=s", "example.com", "", "news.example.com"),
        ("v=DMARC1; p=reject", "example.com", "", "news.example.com"),
        ("v=DMARC1; p=reject", "a.example.com", "else.example", "b.example.com"),
        ("v=DMARC1; p=none", "example.com", "else.example", "else.example"),
        ("v=DMARC1; p=quarantine; sp=reject", "a.example.com", "", ""),
    ] {
        let message = format!("From: a@{from}\r\nSubject: x\r\n\r\nx\r\n");
        let theirs = asked(json!({
            "ask": "dmarc", "message": message, "keys": { "_dmarc.example.com": record },
            "spf": "pass", "spf_domain": spf, "dkim": "pass", "dkim_domain": dkim,
        }));
        let mut evaluation = dmarc::Evaluation::new(from);
        while let Some(question) = evaluation.want().cloned() {
            evaluation.answered(&zone::reply(&format!("_dmarc.example.com TXT {record}"), &question));
        }
        let spf = (!spf.is_empty()).then(|| spf.into());
        let dkim = [dkim].into_iter().filter(|domain| !domain.is_empty()).map(Into::into).collect();
        let ours = evaluation.outcome(&Authenticated { spf, dkim, is_temporary: false }, 0);
        assert_eq!(theirs, ours.verdict.as_str(), "{record} {from}");
    }
}
