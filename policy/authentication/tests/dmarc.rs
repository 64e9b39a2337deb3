//! DMARC from outside: records found, alignment, and what is asked for.

use authentication::dmarc::{Authenticated, Evaluation, Outcome, Policy, Record};
use authentication::{Reply, Verdict};

/// Evaluates with these records; everything else does not exist.
fn evaluated(from: &str, records: &[(&str, &[&str])], authenticated: &Authenticated, draw: u8) -> Outcome {
    let mut evaluation = Evaluation::new(from);
    for _ in 0..3 {
        let Some(question) = evaluation.want() else { break };
        let found = records.iter().find(|(name, _)| *name == &*question.name);
        let texts = found.map(|(_, texts)| texts.iter().map(|text| text.as_bytes().to_vec()).collect());
        evaluation.answered(&texts.map_or(Reply::NoName, Reply::Texts));
    }
    assert!(evaluation.want().is_none(), "two questions at most");
    evaluation.outcome(authenticated, draw)
}

fn passed(spf: &str, dkim: &[&str]) -> Authenticated {
    let spf = (!spf.is_empty()).then(|| spf.into());
    Authenticated { spf, dkim: dkim.iter().map(|domain| (*domain).into()).collect(), is_temporary: false }
}

#[test]
fn alignment_decides_and_strictness_narrows_it() {
    use Verdict::{Fail, Pass};
    for (record, from, spf, dkim, expected) in [
        ("p=reject", "example.com", "example.com", &[][..], Pass),
        ("p=reject", "example.com", "bounce.example.com", &[], Pass),
        ("p=reject; aspf=s", "example.com", "bounce.example.com", &[], Fail),
        ("p=reject; aspf=s", "example.com", "Example.COM", &[], Pass),
        ("p=reject", "example.com", "other.example", &[], Fail),
        ("p=reject", "example.com", "", &["other.example", "news.example.com"], Pass),
        ("p=reject; adkim=s", "example.com", "", &["news.example.com"], Fail),
        ("p=reject; adkim=s", "example.com", "", &["example.com"], Pass),
        ("p=reject", "news.example.com", "mail.example.com", &[], Pass),
        ("p=reject", "example.com", "", &[], Fail),
    ] {
        let record = format!("v=DMARC1; {record}");
        let records: [(&str, &[&str]); 2] =
            [("_dmarc.example.com", &[&record]), ("_dmarc.com", &["v=DMARC1; p=none"])];
        let outcome = evaluated(from, &records, &passed(spf, dkim), 0);
        assert_eq!(outcome.verdict, expected, "{record} {from} {spf} {dkim:?}");
        let asked = if expected == Fail { Policy::Reject } else { Policy::None };
        assert_eq!(outcome.disposition, asked);
    }
}

#[test]
fn the_record_is_found_at_the_domain_or_its_organisation() {
    for (from, records, expected) in [
        ("a.example.co.uk", &[("_dmarc.example.co.uk", &["v=DMARC1; p=reject"][..])][..], Policy::Reject),
        (
            "a.example.co.uk",
            &[("_dmarc.example.co.uk", &["v=DMARC1; p=reject; sp=quarantine"])],
            Policy::Quarantine,
        ),
        ("example.co.uk", &[("_dmarc.example.co.uk", &["v=DMARC1; p=reject; sp=none"])], Policy::Reject),
        (
            "a.example.com",
            &[
                ("_dmarc.a.example.com", &["v=DMARC1;p=quarantine"]),
                ("_dmarc.example.com", &["v=DMARC1;p=reject"]),
            ],
            Policy::Quarantine,
        ),
        ("a.example.co.uk", &[("_dmarc.co.uk", &["v=DMARC1; p=reject"])], Policy::None),
        ("example.com", &[("_dmarc.example.com", &["v=DMARC1; p=reject", "v=DMARC1; p=none"])], Policy::None),
        ("example.com", &[("_dmarc.example.com", &["v=spf1 -all", "v=DMARC1; p=reject"])], Policy::Reject),
        ("example.com", &[("_dmarc.example.com", &["v=DMARC1; rua=mailto:a@b.example"])], Policy::None),
        ("localhost", &[("_dmarc.localhost", &["v=DMARC1; p=reject"])], Policy::None),
    ] {
        let outcome = evaluated(from, records, &Authenticated::default(), 0);
        assert_eq!(outcome.disposition, expected, "{from} {records:?}");
    }
}

#[test]
fn a_part_of_the_failures_gets_the_next_weaker_policy() {
    for (record, draw, expected) in [
        ("p=reject; pct=30", 29, Policy::Reject),
        ("p=reject; pct=30", 30, Policy::Quarantine),
        ("p=quarantine; pct=0", 0, Policy::None),
        ("p=reject; pct=101", 99, Policy::Reject),
        ("p=reject; pct=x", 99, Policy::Reject),
    ] {
        let record = format!("v=DMARC1; {record}");
        let outcome =
            evaluated("example.com", &[("_dmarc.example.com", &[&record])], &Authenticated::default(), draw);
        assert_eq!((outcome.verdict, outcome.disposition), (Verdict::Fail, expected), "{record} {draw}");
    }
}

#[test]
fn what_cannot_be_judged_now_is_temporary_and_broken_records_are_errors() {
    let temporary = Authenticated { is_temporary: true, ..Authenticated::default() };
    let records: [(&str, &[&str]); 1] = [("_dmarc.example.com", &["v=DMARC1; p=reject"])];
    let outcome = evaluated("example.com", &records, &temporary, 0);
    assert_eq!((outcome.verdict, outcome.disposition), (Verdict::Temperror, Policy::None));
    let mut evaluation = Evaluation::new("example.com");
    evaluation.answered(&Reply::Failed);
    assert_eq!(evaluation.outcome(&passed("example.com", &[]), 0).verdict, Verdict::Temperror);
    for broken in ["v=DMARC1; p=maybe", "v=DMARC1", "v=DMARC1; p=none; p=none", "v=DMARC1; p=none; sp=maybe"]
    {
        let outcome =
            evaluated("example.com", &[("_dmarc.example.com", &[broken])], &Authenticated::default(), 0);
        assert_eq!(outcome.verdict, Verdict::Permerror, "{broken}");
    }
}

#[test]
fn records_are_told_from_others_and_keep_the_addresses_of_reports() {
    for (text, expected) in [
        ("v=DMARC1; p=none", true),
        ("v = DMARC1 ; p=none", true),
        ("v=dmarc1; p=none", false),
        ("p=none; v=DMARC1", false),
        ("V=DMARC1; p=none", false),
        ("v=DMARC12; p=none", false),
    ] {
        assert_eq!(Record::is_one(text.as_bytes()), expected, "{text}");
    }
    let text = "v=DMARC1; p=none; rua=mailto:a@x.example!10m, mailto:b@x.example; ruf=nonsense; fo=1:d";
    let record = Record::parse(text.as_bytes()).unwrap();
    assert_eq!(record.aggregate_reports, ["mailto:a@x.example!10m", "mailto:b@x.example"]);
    assert!(record.failure_reports.is_empty());
    assert_eq!(&*record.failure_options, "1:d");
}
