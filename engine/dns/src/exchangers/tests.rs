//! What `exchangers` must do, in cases.

use super::*;
use crate::zone::{Carrier, Zone};
use crate::{Attempts, Query, Resolv, Trouble, query};
use mail::Time;
use proptest::prelude::*;

const RANDOM: u64 = 0x5EED;

/// One question, asked of the zone through a `Query`.
fn ask(zone: &Zone, question: &Question) -> Answer {
    let now = Time::from_secs(1);
    let mut query = Query::new(question.clone(), &Resolv::default(), 77, now);
    loop {
        match query.want() {
            query::Want::Datagram { packet, deadline, .. } => match zone.answer(&packet, Carrier::Datagram) {
                Some(reply) => assert!(query.received(&reply, now)),
                None => query.timed_out(deadline),
            },
            query::Want::Stream { packet, .. } => {
                let reply = zone.answer(&packet[2..], Carrier::Stream).unwrap();
                assert!(query.received(&[&(reply.len() as u16).to_be_bytes()[..], &reply].concat(), now));
            }
            query::Want::Done => return query.answer(),
        }
    }
}

fn finish(zone: &Zone, mut exchangers: Exchangers) -> Exchangers {
    loop {
        assert_eq!(exchangers.want(), exchangers.want(), "wanting changes nothing");
        match exchangers.want() {
            Want::Ask(questions) => {
                exchangers.asked();
                assert_eq!(exchangers.want(), Want::Wait);
                questions.iter().for_each(|question| exchangers.answered(question, ask(zone, question)));
            }
            Want::Wait => panic!("all was answered"),
            Want::Done => return exchangers,
        }
    }
}

fn route(zone: &str, domain: &str, settings: Settings) -> Route {
    finish(&Zone::parse(zone).unwrap(), Exchangers::new(domain, settings, RANDOM)).result()
}

/// `10 mx.example 192.0.2.1 192.0.2.2, 20 …` or the reply.
fn described(route: &Route) -> String {
    match route {
        Route::Hosts { hosts, .. } => {
            let host = |host: &Host| {
                let addresses: Vec<String> = host.addresses.iter().map(IpAddr::to_string).collect();
                format!("{} {} {}", host.preference, host.name, addresses.join(" "))
            };
            hosts.iter().map(host).collect::<Vec<_>>().join(", ")
        }
        other => other.reply().map_or(format!("{other:?}"), |reply| reply.to_string()),
    }
}

const WORLD: &str = "
    alpha.example     300 MX 20 mx2.alpha.example
    alpha.example     300 MX 10 MX1.Alpha.Example.
    mx1.alpha.example 200 A 192.0.2.1
    mx1.alpha.example 200 AAAA 2001:db8::1
    mx2.alpha.example 100 A 192.0.2.2
    mx2.alpha.example 100 A 192.0.2.3
    bare.example      300 A 192.0.2.4
    bare.example      300 AAAA 2001:db8::4
    six.example       300 AAAA 2001:db8::5
    null.example      300 MX 0 .
    null.example      300 A 192.0.2.66
    half.example      300 MX 0 .
    half.example      300 MX 10 mx1.alpha.example
    text.example      300 TXT nothing to deliver to
    below.of.gap.test 300 A 192.0.2.66
    nowhere.example   300 MX 10 gone.example
    dead.example      300 MX 10 dead-host.example
    dead-host.example   0 SERVFAIL
    limping.example   300 MX 10 dead-host.example
    limping.example   300 MX 20 mx2.alpha.example
    mute.example        0 SERVFAIL MX
    mute.example      300 A 192.0.2.6
    mute-bare.example   0 REFUSED MX
    asleep.example      0 SILENT
    literal.example   300 MX 10 192.0.2.7
    literal.example   300 MX 20 mx2.alpha.example
    nickname.example   50 CNAME alpha.example
    to-alias.example  300 MX 10 mail-alias.example
    mail-alias.example 40 CNAME mx1.alpha.example
    around.example    300 MX 10 loop.example
    loop.example      300 CNAME loop.example
    twice.example     300 MX 20 mx1.alpha.example
    twice.example     300 MX 10 MX1.alpha.example
    odd.example       300 MX 10 a@b.example
";

#[test]
fn every_situation_of_a_domain_has_its_route() {
    let none = Settings::default();
    let six = Settings { use_ipv6: true, ..none.clone() };
    let six_first = Settings { prefer_ipv6: true, ..six.clone() };
    let lenient = Settings { address_as_mx_ttl: Some(600), ..none.clone() };
    let fallback = Settings { fall_back_to_addresses: true, ..none.clone() };
    let best = Settings { best_only: true, ..none.clone() };
    let both = "10 mx1.alpha.example 192.0.2.1, 20 mx2.alpha.example 192.0.2.2 192.0.2.3";
    let second = "20 mx2.alpha.example 192.0.2.2 192.0.2.3";
    let with_literal = format!("10 192.0.2.7 192.0.2.7, {second}");
    const NEITHER: &str = "454 4.4.4 [internal] no MX or A for domain";
    const NO_HOSTS: &str = "451 4.4.1 [internal] No valid hosts";
    const NO_DOMAIN: &str = "554 No Valid Domain";
    let overlong = "a".repeat(64) + ".example";
    let table: &[(&str, &Settings, &str)] = &[
        ("alpha.example", &none, both),
        ("ALPHA.example.", &none, both),
        (
            "alpha.example",
            &six,
            "10 mx1.alpha.example 192.0.2.1 2001:db8::1, 20 mx2.alpha.example 192.0.2.2 192.0.2.3",
        ),
        (
            "alpha.example",
            &six_first,
            "10 mx1.alpha.example 2001:db8::1 192.0.2.1, 20 mx2.alpha.example 192.0.2.2 192.0.2.3",
        ),
        ("alpha.example", &best, "10 mx1.alpha.example 192.0.2.1"),
        ("limping.example", &best, "Failed"),
        ("bare.example", &none, "0 bare.example 192.0.2.4"),
        ("bare.example", &six, "0 bare.example 192.0.2.4 2001:db8::4"),
        ("six.example", &six, "0 six.example 2001:db8::5"),
        ("six.example", &none, NEITHER),
        ("text.example", &six, NEITHER),
        ("of.gap.test", &none, NEITHER),
        ("no-such.example", &six, NEITHER),
        ("null.example", &none, "550 5.4.4 [internal] NULL MX domain does not accept mail"),
        ("half.example", &none, "10 mx1.alpha.example 192.0.2.1"),
        ("nowhere.example", &none, NO_HOSTS),
        ("odd.example", &none, NO_HOSTS),
        ("dead.example", &none, "Failed"),
        ("limping.example", &none, second),
        ("mute.example", &none, "Failed"),
        ("mute.example", &fallback, "0 mute.example 192.0.2.6"),
        ("mute-bare.example", &fallback, "Failed"),
        ("asleep.example", &fallback, "Failed"),
        ("alpha.example", &fallback, both),
        ("text.example", &fallback, NEITHER),
        ("literal.example", &lenient, &with_literal),
        ("literal.example", &none, second),
        ("nickname.example", &none, both),
        ("to-alias.example", &none, "10 mail-alias.example 192.0.2.1"),
        ("around.example", &none, "Failed"),
        ("twice.example", &none, "10 mx1.alpha.example 192.0.2.1"),
        ("[192.0.2.9]", &none, "0 [192.0.2.9] 192.0.2.9"),
        ("192.0.2.9", &none, "0 192.0.2.9 192.0.2.9"),
        ("[IPv6:2001:db8::9]", &none, "0 [IPv6:2001:db8::9] 2001:db8::9"),
        ("[ipv6:2001:DB8::9]", &none, "0 [ipv6:2001:DB8::9] 2001:db8::9"),
        ("[2001:db8::9]", &none, "0 [2001:db8::9] 2001:db8::9"),
        ("2001:db8::9", &none, "0 2001:db8::9 2001:db8::9"),
        ("[192.0.2.9", &none, NO_DOMAIN),
        ("[192.0.2.900]", &none, NO_DOMAIN),
        ("[IPv6:192.0.2.9]", &none, NO_DOMAIN),
        ("[alpha.example]", &none, NO_DOMAIN),
        ("", &none, NO_DOMAIN),
        (".", &none, NO_DOMAIN),
        ("a..example", &none, NO_DOMAIN),
        ("sp ace.example", &none, NO_DOMAIN),
        ("a@b.example", &none, NO_DOMAIN),
        ("umläut.example", &none, NO_DOMAIN),
        (&overlong, &none, NO_DOMAIN),
    ];
    for (domain, settings, expected) in table {
        assert_eq!(described(&route(WORLD, domain, (*settings).clone())), *expected, "{domain}");
    }
}

#[test]
fn a_route_lives_for_the_smallest_ttl_on_its_way_within_the_clamps() {
    let none = Settings::default();
    let clamped = Settings { min_ttl: 150, max_ttl: 250, ..none.clone() };
    for (domain, settings, ttl) in [
        ("alpha.example", &none, 100),
        ("alpha.example", &clamped, 150),
        ("bare.example", &clamped, 150),
        ("nickname.example", &none, 50),
        ("to-alias.example", &none, 40),
        ("null.example", &none, 300),
        ("null.example", &clamped, 250),
        ("no-such.example", &none, 60),
        ("text.example", &none, 60),
        ("nowhere.example", &none, 60),
        ("limping.example", &none, 100),
        ("[192.0.2.9]", &none, u32::MAX),
        ("[192.0.2.9]", &clamped, 250),
    ] {
        assert_eq!(route(WORLD, domain, settings.clone()).ttl(), ttl, "{domain}");
    }
    let slow = "slow.example 9000 MX 1 dead.example\nslow.example 9000 MX 2 up.example\n\
                dead.example 0 SERVFAIL\nup.example 9000 A 192.0.2.1\n\
                given.example 9000 MX 1 192.0.2.1\n";
    assert_eq!(route(slow, "slow.example", none.clone()).ttl(), PARTIAL_TTL);
    let lenient = Settings { address_as_mx_ttl: Some(600), ..none };
    assert_eq!(route(slow, "given.example", lenient).ttl(), 600);
}

#[test]
fn a_forwarder_that_omits_the_soa_does_not_make_the_route_expire_at_once() {
    for (no_mx, ttl) in [(0, 200), (100, 100), (300, 200)] {
        let mut exchangers = Exchangers::new("bare.example", Settings::default(), RANDOM);
        for answer in [
            Answer::NoData { ttl: no_mx },
            Answer::Records { records: [Record::A([192, 0, 2, 4].into())].into(), ttl: 200 },
        ] {
            let Want::Ask(questions) = exchangers.want() else { panic!("nothing to ask") };
            exchangers.answered(&questions[0], answer);
        }
        assert_eq!(exchangers.result().ttl(), ttl);
    }
}

#[test]
fn the_third_failed_mx_lookup_reaches_the_domain_itself() {
    let zone = Zone::parse(WORLD).unwrap();
    let mut attempts = Attempts::default();
    let mut routes = Vec::new();
    for _ in 0..4 {
        let settings = Settings { fall_back_to_addresses: attempts.falls_back(3), ..Settings::default() };
        let lookup = finish(&zone, Exchangers::new("mute.example", settings, RANDOM));
        attempts.looked_up(&lookup.result(), lookup.mx_failed());
        routes.push(described(&lookup.result()));
    }
    const FOUND: &str = "0 mute.example 192.0.2.6";
    assert_eq!(routes, ["Failed", "Failed", FOUND, FOUND]);
}

#[test]
fn a_route_item_of_type_a_is_asked_for_addresses_alone() {
    let zone = Zone::parse(WORLD).unwrap();
    let route = |host| finish(&zone, Exchangers::of_host(host, Settings::default(), RANDOM)).result();
    assert_eq!(described(&route("null.example")), "0 null.example 192.0.2.66");
    assert_eq!(described(&route("[192.0.2.9]")), "0 [192.0.2.9] 192.0.2.9");
    assert_eq!(described(&route("gone.example")), "454 4.4.4 [internal] no MX or A for domain");
    assert_eq!(route("not a host"), Route::Invalid);
}

fn mx(preference: u16, host: &str) -> Record {
    Record::Mx { preference, exchange: Name::new(host).unwrap() }
}

fn of(records: Vec<Record>) -> Answer {
    Answer::Records { records: records.into(), ttl: 60 }
}

/// Answers the MX question with these; gives back the address questions.
fn told(records: Vec<Record>, random: u64, settings: Settings) -> (Exchangers, Vec<Question>) {
    let mut exchangers = Exchangers::new("alpha.example", settings, random);
    let Want::Ask(questions) = exchangers.want() else { panic!("no MX question") };
    assert_eq!(questions, [Question::new(Name::new("alpha.example").unwrap(), Kind::Mx)]);
    exchangers.answered(&questions[0], of(records));
    let Want::Ask(questions) = exchangers.want() else { panic!("no address questions") };
    (exchangers, questions)
}

#[test]
fn liars_with_many_hosts_and_addresses_are_held_to_the_bounds() {
    let records = (0..500).map(|number| mx(500 - number, &format!("mx{number}.example"))).collect();
    let settings = Settings { use_ipv6: true, ..Settings::default() };
    let (mut exchangers, questions) = told(records, RANDOM, settings);
    assert_eq!(questions.len(), 2 * HOSTS);
    assert_eq!(questions[0].name.as_str(), "mx499.example", "the best are kept");
    let many: Vec<Record> =
        (0..500).map(|number| Record::A([10, 0, (number / 256) as u8, number as u8].into())).collect();
    let same = vec![Record::A([192, 0, 2, 1].into()); 500];
    for question in &questions {
        let records = if question.name.as_str() == "mx498.example" { same.clone() } else { many.clone() };
        exchangers.answered(question, of(records));
    }
    let Route::Hosts { hosts, .. } = exchangers.result() else { panic!("no hosts") };
    assert_eq!(hosts.len(), HOSTS);
    assert_eq!(hosts.iter().map(|host| host.addresses.len()).max(), Some(ADDRESSES));
    assert_eq!(hosts[1].addresses.len(), 1, "the same address counts once");
}

#[test]
fn records_of_another_kind_are_no_null_mx() {
    let mut exchangers = Exchangers::new("alpha.example", Settings::default(), RANDOM);
    let question = Question::new(Name::new("alpha.example").unwrap(), Kind::Mx);
    exchangers.answered(&question, of(vec![Record::A([192, 0, 2, 1].into())]));
    assert_eq!(exchangers.result(), Route::NoUsableHost { ttl: 60 });
}

#[test]
fn hosts_are_known_one_by_one_for_those_who_do_not_wait() {
    let (mut exchangers, questions) =
        told(vec![mx(10, "a.example"), mx(20, "b.example")], RANDOM, Settings::default());
    assert_eq!(exchangers.so_far(), None);
    exchangers.answered(&questions[1], of(vec![Record::A([192, 0, 2, 2].into())]));
    assert_eq!(described(&exchangers.so_far().unwrap()), "20 b.example 192.0.2.2");
    assert_eq!(exchangers.want(), Want::Ask(vec![questions[0].clone()]));
    exchangers.answered(&questions[0], Answer::Failed(Trouble::Timeout));
    assert_eq!(exchangers.want(), Want::Done);
    assert_eq!(described(&exchangers.result()), "20 b.example 192.0.2.2");
}

#[test]
#[should_panic(expected = "without being asked")]
fn an_answer_to_what_was_not_asked_panics() {
    let (mut exchangers, questions) =
        told(vec![mx(10, "a.example"), mx(20, "b.example")], RANDOM, Settings::default());
    exchangers.answered(&questions[0], Answer::NoData { ttl: 1 });
    exchangers.answered(&questions[0], Answer::NoData { ttl: 1 });
}

#[test]
#[should_panic(expected = "not known yet")]
fn an_unfinished_lookup_has_no_result() {
    Exchangers::new("alpha.example", Settings::default(), RANDOM).result();
}

#[test]
fn each_of_three_equal_hosts_comes_first_about_as_often() {
    let mut first = [0; 3];
    for random in 0..3000 {
        let records = (0..3).map(|number| mx(10, &format!("{number}.example"))).collect();
        let (_, questions) = told(records, random, Settings::default());
        first[usize::from(questions[0].name.as_str().as_bytes()[0] - b'0')] += 1;
    }
    assert!(first.iter().all(|count| (900..1100).contains(count)), "{first:?}");
}

proptest! {
    #![proptest_config(crate::fixed_cases())]

    #[test]
    fn a_shuffle_keeps_the_order_of_preference_and_loses_nobody(
        preferences in proptest::collection::vec(0u16..6, 1..HOSTS),
        random in any::<u64>(),
    ) {
        let hosts: Vec<(u16, String)> =
            (0..).zip(&preferences).map(|(number, preference)| (*preference, format!("h{number}.example"))).collect();
        let records = hosts.iter().map(|(preference, host)| mx(*preference, host)).collect();
        let (mut exchangers, questions) = told(records, random, Settings::default());
        for question in &questions {
            exchangers.answered(question, of(vec![Record::A([192, 0, 2, 1].into())]));
        }
        let Route::Hosts { hosts: found, .. } = exchangers.result() else { panic!("no hosts") };
        prop_assert!(found.is_sorted_by_key(|host| host.preference));
        let mut known: Vec<(u16, String)> =
            found.iter().map(|host| (host.preference, host.name.to_string())).collect();
        known.sort();
        let mut expected = hosts;
        expected.sort();
        prop_assert_eq!(known, expected);
    }
}
