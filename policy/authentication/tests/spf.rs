//! SPF from outside: zones as data, and what check_host() says about them. The cases follow the sections of RFC 7208.

mod zone;

use authentication::spf::{Evaluation, Limits, Outcome, Query, Record};
use authentication::{Question, Verdict};
use zone::reply;

struct Checked {
    outcome: Outcome,
    asked: Vec<Question>,
}

fn check_with(zone: &str, query: Query) -> Checked {
    let mut evaluation = Evaluation::new(query, Limits::default());
    let mut asked = Vec::new();
    while let Some(question) = evaluation.want().cloned() {
        assert!(asked.len() < 150, "questions are bounded");
        assert!(!asked.contains(&question), "nothing is asked twice: {question:?}");
        evaluation.answered(reply(zone, &question));
        asked.push(question);
    }
    Checked { outcome: evaluation.outcome().unwrap().clone(), asked }
}

fn query(ip: &str, sender: &str) -> Query {
    let (local, domain) = sender.split_once('@').unwrap();
    Query {
        ip: ip.parse().unwrap(),
        sender_local: local.into(),
        sender_domain: domain.into(),
        helo: "mail.example.net".into(),
        receiver: "mx.example.org".into(),
        now_s: 1_000_000_000,
        default_rule: None,
    }
}

fn check(zone: &str, ip: &str, sender: &str) -> Checked {
    check_with(zone, query(ip, sender))
}

fn table(zone: &str, cases: &[(&str, &str, Verdict)]) {
    for (ip, sender, expected) in cases {
        let checked = check(zone, ip, sender);
        assert_eq!(checked.outcome.verdict, *expected, "{ip} {sender}: {:?}", checked.outcome);
    }
}

use Verdict::{Fail, Neutral, None as Nothing, Pass, Permerror, Softfail, Temperror};

#[test]
fn record_lookup_sections_4_3_to_4_5() {
    let long = format!("{}.example.com", "a".repeat(64));
    let zone = "
        two.example TXT v=spf1 -all
        two.example TXT v=spf1 +all
        other.example TXT v=spf10 -all
        other.example TXT spf2.0/pra -all
        mixed.example TXT hello
        mixed.example TXT V=SPF1 -ALL
        host.example A 192.0.2.1
        slow.example TIMEOUT
        empty.example TXT v=spf1
        broken.example TXT v=spf1 a:bad..example -all x
        ascii.example TXT v=spf1 a:é.example -all
        dot.example TXT v=spf1 +all
    ";
    table(
        zone,
        &[
            ("192.0.2.1", "a@two.example", Permerror),
            ("192.0.2.1", "a@other.example", Nothing),
            ("192.0.2.1", "a@mixed.example", Fail),
            ("192.0.2.1", "a@host.example", Nothing),
            ("192.0.2.1", "a@missing.example", Nothing),
            ("192.0.2.1", "a@slow.example", Temperror),
            ("192.0.2.1", "a@empty.example", Neutral),
            ("192.0.2.1", "a@broken.example", Permerror),
            ("192.0.2.1", "a@ascii.example", Permerror),
            ("192.0.2.1", "a@dot.example.", Pass),
            ("192.0.2.1", "a@localhost", Nothing),
            ("192.0.2.1", "a@", Nothing),
            ("192.0.2.1", "a@a..example.com", Nothing),
            ("192.0.2.1", &format!("a@{long}"), Nothing),
            ("192.0.2.1", "a@[192.0.2.1]", Nothing),
        ],
    );
    assert!(check(zone, "192.0.2.1", "a@missing.example").outcome.no_such_domain);
    assert!(!check(zone, "192.0.2.1", "a@host.example").outcome.no_such_domain);
}

#[test]
fn mechanisms_of_section_5() {
    let zone = "
        all.example TXT v=spf1 ?all -all
        ip.example TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all
        a.example TXT v=spf1 a a:web.example/28 a:six.example//64 ~all
        a.example A 198.51.100.7
        web.example A 203.0.113.16
        web.example A 203.0.113.99
        six.example AAAA 2001:db8:1::1
        mx.example TXT v=spf1 mx/30 mx:none.example -all
        mx.example MX mail.mx.example
        mx.example MX gone.mx.example
        mail.mx.example A 192.0.2.9
        none.example A 192.0.2.250
        exists.example TXT v=spf1 exists:%{ir}.list.example -all
        1.2.0.192.list.example A 127.0.0.2
        ptr.example TXT v=spf1 ptr -all
        7.2.0.192.in-addr.arpa PTR mail.ptr.example
        7.2.0.192.in-addr.arpa PTR forged.example
        mail.ptr.example A 192.0.2.7
        forged.example A 192.0.2.99
        8.2.0.192.in-addr.arpa PTR lies.ptr.example
        lies.ptr.example A 192.0.2.99
        other.example TXT v=spf1 ptr:elsewhere.example -all
        slow.example TXT v=spf1 a:late.example -all
        late.example TIMEOUT
        slowmx.example TXT v=spf1 mx:withlate.example -all
        withlate.example MX late.example
        slowptr.example TXT v=spf1 ptr -all
        9.2.0.192.in-addr.arpa TIMEOUT
    ";
    table(
        zone,
        &[
            ("192.0.2.1", "a@all.example", Neutral),
            ("192.0.2.255", "a@ip.example", Pass),
            ("192.0.3.1", "a@ip.example", Fail),
            ("2001:db8::77", "a@ip.example", Pass),
            ("::ffff:192.0.2.1", "a@ip.example", Pass),
            ("198.51.100.7", "a@a.example", Pass),
            ("203.0.113.31", "a@a.example", Pass),
            ("203.0.113.32", "a@a.example", Softfail),
            ("2001:db8:1::99", "a@a.example", Pass),
            ("192.0.2.10", "a@mx.example", Pass),
            ("192.0.2.12", "a@mx.example", Fail),
            ("192.0.2.1", "a@exists.example", Pass),
            ("192.0.2.2", "a@exists.example", Fail),
            ("192.0.2.7", "a@ptr.example", Pass),
            ("192.0.2.8", "a@ptr.example", Fail),
            ("192.0.2.7", "a@other.example", Fail),
            ("192.0.2.1", "a@slow.example", Temperror),
            ("192.0.2.1", "a@slowmx.example", Temperror),
            ("192.0.2.9", "a@slowptr.example", Fail),
        ],
    );
}

#[test]
fn include_maps_results_as_section_5_2_says() {
    let zone = "
        pass.example TXT v=spf1 +all
        fail.example TXT v=spf1 -all
        soft.example TXT v=spf1 ~all
        neutral.example TXT v=spf1 ?all
        broken.example TXT v=spf1 nonsense
        slow.example TIMEOUT
        i1.example TXT v=spf1 include:pass.example -all
        i2.example TXT v=spf1 include:fail.example ~all
        i3.example TXT v=spf1 include:soft.example -all
        i4.example TXT v=spf1 include:neutral.example -all
        i5.example TXT v=spf1 include:broken.example -all
        i6.example TXT v=spf1 include:slow.example -all
        i7.example TXT v=spf1 include:missing.example -all
        i8.example TXT v=spf1 -include:pass.example ~all
    ";
    table(
        zone,
        &[
            ("192.0.2.1", "a@i1.example", Pass),
            ("192.0.2.1", "a@i2.example", Softfail),
            ("192.0.2.1", "a@i3.example", Fail),
            ("192.0.2.1", "a@i4.example", Fail),
            ("192.0.2.1", "a@i5.example", Permerror),
            ("192.0.2.1", "a@i6.example", Temperror),
            ("192.0.2.1", "a@i7.example", Permerror),
            ("192.0.2.1", "a@i8.example", Fail),
        ],
    );
    let checked = check(zone, "192.0.2.1", "a@i1.example");
    assert_eq!(&*checked.outcome.mechanism, "include:pass.example");
}

#[test]
fn redirect_of_section_6_1() {
    let zone = "
        pass.example TXT v=spf1 +all
        r1.example TXT v=spf1 redirect=pass.example
        r2.example TXT v=spf1 redirect=pass.example -all
        r3.example TXT v=spf1 redirect=missing.example
        r4.example TXT v=spf1 ip4:10.0.0.1 redirect=r1.example
        r5.example TXT v=spf1 redirect=%{d2}
    ";
    table(
        zone,
        &[
            ("192.0.2.1", "a@r1.example", Pass),
            ("192.0.2.1", "a@r2.example", Fail),
            ("192.0.2.1", "a@r3.example", Permerror),
            ("192.0.2.1", "a@r4.example", Pass),
            ("192.0.2.1", "a@r5.example", Permerror),
        ],
    );
}

#[test]
fn explanations_of_section_6_2_are_for_failures_only() {
    let zone = "
        e1.example TXT v=spf1 exp=why.example -all
        why.example TXT See http://%{d}/why?s=%{S}&i=%{c} from %{r} at %{t}%_%%
        e2.example TXT v=spf1 exp=missing.example -all
        e3.example TXT v=spf1 exp=bad.example -all
        bad.example TXT %{nonsense}
        e4.example TXT v=spf1 exp=two.example -all
        two.example TXT a
        two.example TXT b
        e5.example TXT v=spf1 exp=why.example ~all
        e6.example TXT v=spf1 include:e1.example exp=why2.example -all
        why2.example TXT outer
        e7.example TXT v=spf1 redirect=e1.example
        e8.example TXT v=spf1 exp=slow.example -all
        slow.example TIMEOUT
    ";
    let text = |domain: &str| {
        format!("See http://{domain}/why?s=a%40{{}}&i=192.0.2.1 from mx.example.org at 1000000000 %")
    };
    for (sender, expected) in [
        ("a@e1.example", Some(text("e1.example").replace("{}", "e1.example"))),
        ("a@e2.example", None),
        ("a@e3.example", None),
        ("a@e4.example", None),
        ("a@e5.example", None),
        ("a@e6.example", Some("outer".to_owned())),
        ("a@e7.example", Some(text("e1.example").replace("{}", "e7.example"))),
        ("a@e8.example", None),
    ] {
        let outcome = check(zone, "192.0.2.1", sender).outcome;
        assert_eq!(outcome.explanation, expected, "{sender}");
        assert_eq!(outcome.verdict, if sender == "a@e5.example" { Softfail } else { Fail });
    }
}

#[test]
fn the_limits_of_section_4_6_4() {
    let mut zone = String::new();
    for (name, count) in [("ten", 10), ("eleven", 11)] {
        let terms: String = (0..count).map(|index| format!(" a:h{index}.example")).collect();
        zone += &format!("{name}.example TXT v=spf1{terms} -all\n");
        let hosts: String =
            (0..count).map(|index| format!("{name}mx.example MX h{index}.example\n")).collect();
        zone += &hosts;
        zone += &format!("{name}mx.example TXT v=spf1 mx -all\n");
        let includes: String = (0..count - 1).map(|_| " a:h0.example").collect();
        zone += &format!("{name}nested.example TXT v=spf1 include:{name}inner.example -all\n");
        zone += &format!("{name}inner.example TXT v=spf1{includes} ?all\n");
    }
    for index in 0..11 {
        zone += &format!("h{index}.example A 198.51.100.{index}\n");
    }
    zone += "
        loop.example TXT v=spf1 include:loop.example -all
        ring.example TXT v=spf1 redirect=ring2.example
        ring2.example TXT v=spf1 redirect=ring.example
        void2.example TXT v=spf1 a:n1.example a:n2.example -all
        void3.example TXT v=spf1 a:n1.example exists:n2.example mx:n3.example -all
        allearly.example TXT v=spf1 +all a:n1.example a:n2.example a:n3.example
    ";
    table(
        &zone,
        &[
            ("192.0.2.1", "a@ten.example", Fail),
            ("192.0.2.1", "a@eleven.example", Permerror),
            ("198.51.100.0", "a@eleven.example", Pass),
            ("192.0.2.1", "a@tenmx.example", Fail),
            ("192.0.2.1", "a@elevenmx.example", Permerror),
            ("192.0.2.1", "a@tennested.example", Fail),
            ("192.0.2.1", "a@elevennested.example", Permerror),
            ("192.0.2.1", "a@loop.example", Permerror),
            ("192.0.2.1", "a@ring.example", Permerror),
            ("192.0.2.1", "a@void2.example", Fail),
            ("192.0.2.1", "a@void3.example", Permerror),
            ("192.0.2.1", "a@allearly.example", Pass),
        ],
    );
}

#[test]
fn names_of_a_client_beyond_ten_are_not_looked_at() {
    let mut zone = "ptr.example TXT v=spf1 ptr -all\n".to_owned();
    for index in 0..300 {
        zone += &format!("1.2.0.192.in-addr.arpa PTR n{index}.other.example\n");
    }
    zone += "1.2.0.192.in-addr.arpa PTR last.ptr.example\nlast.ptr.example A 192.0.2.1\n";
    let checked = check(&zone, "192.0.2.1", "a@ptr.example");
    assert_eq!(checked.outcome.verdict, Fail);
    assert!(checked.asked.len() <= 12, "{}", checked.asked.len());
}

#[test]
fn macros_with_a_validated_name_ask_for_it() {
    let zone = "
        p.example TXT v=spf1 exists:%{p}.allowed.example -all
        1.2.0.192.in-addr.arpa PTR mail.p.example
        1.2.0.192.in-addr.arpa PTR p.example
        mail.p.example A 192.0.2.1
        p.example A 192.0.2.1
        p.example.allowed.example A 127.0.0.1
        unknown.allowed.example A 127.0.0.1
        l.example TXT v=spf1 exists:%{l}.%{o}.%{h}.l.example -all
        postmaster.l.example.mail.example.net.l.example A 127.0.0.1
    ";
    table(
        zone,
        &[
            ("192.0.2.1", "a@p.example", Pass),
            ("192.0.2.2", "a@p.example", Pass),
            ("192.0.2.1", "@l.example", Pass),
            ("192.0.2.1", "else@l.example", Fail),
        ],
    );
}

#[test]
fn a_rule_for_domains_without_a_record_takes_its_place() {
    for (rule, expected) in [("?all", Neutral), ("ip4:192.0.2.0/24 -all", Pass), ("-all", Fail)] {
        let default_rule = Some(Record::rule(rule).unwrap());
        let checked = check_with("", Query { default_rule, ..query("192.0.2.1", "a@missing.example") });
        assert_eq!(checked.outcome.verdict, expected, "{rule}");
        assert!(checked.outcome.no_such_domain);
    }
}

#[test]
fn hostile_records_cost_little() {
    let wide = "ip4:1.1.1.1 ".repeat(660);
    let deep: String = (0..20)
        .map(|index| {
            format!(
                "d{index}.example TXT v=spf1 include:d{}.example {}\n",
                index + 1,
                "exists:%{l}%{l}%{l}.x.example ".repeat(200)
            )
        })
        .collect();
    let local = "x".repeat(64);
    let zone = format!(
        "
        wide.example TXT v=spf1 {wide} -all
        wider.example TXT v=spf1 {wide}{wide} -all
        {deep}
        bomb.example TXT v=spf1 exists:{}.example -all
    ",
        "%{s}".repeat(500)
    );
    table(
        &zone,
        &[
            ("192.0.2.1", "a@wide.example", Fail),
            ("192.0.2.1", "a@wider.example", Permerror),
            ("192.0.2.1", &format!("{local}@d0.example"), Permerror),
            ("192.0.2.1", &format!("{local}@bomb.example"), Fail),
        ],
    );
}

#[test]
fn the_zone_of_appendix_a() {
    let zone = "
        example.com A 192.0.2.10
        example.com A 192.0.2.11
        example.com MX mail-a.example.com
        example.com MX mail-b.example.com
        amy.example.com A 192.0.2.65
        bob.example.com A 192.0.2.66
        mail-a.example.com A 192.0.2.129
        mail-b.example.com A 192.0.2.130
        example.org MX mail-c.example.org
        mail-c.example.org A 192.0.2.140
        10.2.0.192.in-addr.arpa PTR example.com
        65.2.0.192.in-addr.arpa PTR amy.example.com
        4.0.0.10.in-addr.arpa PTR bob.example.com
    ";
    for (terms, passing, failing) in [
        ("+all", &["10.0.0.4"][..], &[][..]),
        ("a -all", &["192.0.2.10", "192.0.2.11"], &["192.0.2.12"]),
        ("a:example.org -all", &[], &["192.0.2.10", "192.0.2.140"]),
        ("mx -all", &["192.0.2.129", "192.0.2.130"], &["192.0.2.10"]),
        ("mx:example.org -all", &["192.0.2.140"], &["192.0.2.129"]),
        ("mx mx:example.org -all", &["192.0.2.129", "192.0.2.140"], &["192.0.2.10"]),
        ("mx/30 mx:example.org/30 -all", &["192.0.2.131", "192.0.2.143"], &["192.0.2.132"]),
        ("ptr -all", &["192.0.2.65", "192.0.2.10"], &["192.0.2.140", "10.0.0.4"]),
        ("ip4:192.0.2.128/28 -all", &["192.0.2.129"], &["192.0.2.65"]),
    ] {
        let zone = format!("{zone}\nexample.com TXT v=spf1 {terms}\n");
        for (ips, expected) in [(passing, Pass), (failing, Fail)] {
            for ip in ips {
                let outcome = check(&zone, ip, "strong-bad@example.com").outcome;
                assert_eq!(outcome.verdict, expected, "{terms} {ip} {outcome:?}");
            }
        }
    }
}
