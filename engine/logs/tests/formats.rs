//! The lines of every log, byte for byte as spec logs.md shows them.

use logs::{
    Copy, Delivery, Event, FORMATS, Failure, Format, Kind, Kinds, Reception, Rejection, Style, format_named,
};
use mail::{Address, Contexts, MessageId, Protocol, Reply, SessionState, Stage, Time};
use std::net::IpAddr;

fn id(text: &str) -> MessageId {
    text.parse().expect("an identity")
}

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().expect("an address"))
}

fn line_in_style(log: &str, style: &Style, at: Time, event: &Event<'_>) -> String {
    let mut out = Vec::new();
    (format_named(log).expect("a format").write)(event, at, style, &mut out);
    String::from_utf8(out).expect("text")
}

fn line(log: &str, at: Time, event: &Event<'_>) -> String {
    line_in_style(log, &Style::default(), at, event)
}

const RECEIVED: Time = Time::from_secs(1_770_244_190);

struct Names {
    sender: Address,
    recipient: Address,
}

fn names() -> Names {
    Names { sender: Address::new("news", "sender.example"), recipient: Address::new("bob", "alpha.example") }
}

impl Names {
    fn copy(&self) -> Copy<'_> {
        Copy {
            id: id("A1/04-30911-6E14B207"),
            batch: id("A1/04-30911-5E14B207"),
            received: RECEIVED,
            sender: Some(&self.sender),
            recipient: &self.recipient,
            binding_group: "pool1",
            binding: "out-a",
            size: 8123,
        }
    }

    fn reception(&self) -> Reception<'_> {
        Reception {
            copy: self.copy(),
            connection: id("9F/04-30911-4E14B207"),
            source: ip("198.51.100.3"),
            protocol: Protocol::Esmtp,
        }
    }

    fn delivery(&self) -> Delivery<'_> {
        Delivery {
            copy: self.copy(),
            connection: id("B0/04-30911-7F14B207"),
            domain: "alpha.example",
            sent: 8301,
            retries: 0,
            peer: ip("192.0.2.10"),
        }
    }

    fn no_banner<'a>(&'a self, reply: &'a Reply) -> Failure<'a> {
        Failure {
            copy: Copy { received: Time::from_micros(1_770_244_160_590_000), ..self.copy() },
            connection: id("B0/04-30911-7F14B207"),
            domain: "alpha.example",
            sent: 0,
            stage: Stage::ReadingBanner,
            class: 70,
            retries: 0,
            peer: ip("192.0.2.10"),
            reply,
        }
    }

    fn no_such_user<'a>(&'a self, reply: &'a Reply) -> Failure<'a> {
        Failure {
            copy: Copy { received: Time::from_micros(1_770_244_189_800_000), ..self.copy() },
            connection: id("B1/04-30911-8014B207"),
            domain: "alpha.example",
            sent: 44,
            stage: Stage::AfterRcptTo,
            class: 10,
            retries: 1,
            peer: ip("192.0.2.10"),
            reply,
        }
    }
}

#[test]
fn a_reception_is_one_r_line_per_copy() {
    let names = names();
    assert_eq!(
        line("mainlog", RECEIVED, &Event::Reception(names.reception())),
        "1770244190@A1/04-30911-6E14B207@A1/04-30911-5E14B207@9F/04-30911-4E14B207@R@bob@alpha.example@news\
         @sender.example@198.51.100.3@8123@esmtp@pool1@out-a\n"
    );
    let own = Reception {
        copy: Copy { sender: None, binding_group: "", ..names.copy() },
        source: None,
        protocol: Protocol::Internal,
        connection: MessageId::NONE,
    };
    assert_eq!(
        line("mainlog", RECEIVED, &Event::Reception(own)),
        "1770244190@A1/04-30911-6E14B207@A1/04-30911-5E14B207@00/00-00000-00000000@R@bob@alpha.example@@\
         @unknown@8123@internal@@out-a\n"
    );
}

#[test]
fn a_delivery_is_a_d_line_with_milliseconds() {
    let at = Time::from_micros(1_770_244_191_102_000);
    assert_eq!(
        line("mainlog", at, &Event::Delivery(names().delivery())),
        "1770244191@A1/04-30911-6E14B207@A1/04-30911-5E14B207@B0/04-30911-7F14B207@D@alpha.example@8301\
         @pool1@out-a@0@1.102@192.0.2.10\n"
    );
}

#[test]
fn failures_are_t_and_p_lines_with_hundredths_and_the_reply_last() {
    let names = names();
    let no_banner = Reply::fixed(451, (4, 4, 2), "[internal] no banner");
    assert_eq!(
        line("mainlog", Time::from_secs(1_770_244_191), &Event::Transient(names.no_banner(&no_banner))),
        "1770244191@A1/04-30911-6E14B207@A1/04-30911-5E14B207@B0/04-30911-7F14B207@T@alpha.example@0@pool1\
         @out-a@12@0@30.41@192.0.2.10@451 4.4.2 [internal] no banner\n"
    );
    let no_such_user = Reply::verbatim(550, "5.1.1 no such user");
    assert_eq!(
        line("mainlog", Time::from_secs(1_770_244_999), &Event::Permanent(names.no_such_user(&no_such_user))),
        "1770244999@A1/04-30911-6E14B207@A1/04-30911-5E14B207@B1/04-30911-8014B207@P@alpha.example@44@pool1\
         @out-a@5@1@809.20@192.0.2.10@550 5.1.1 no such user\n"
    );
}

#[test]
fn a_bounce_carries_its_class_and_the_size_of_the_message() {
    let names = names();
    let reply = Reply::verbatim(550, "5.1.1 no such user");
    let at = Time::from_secs(1_770_245_100);
    let rest = "@A1/04-30911-6E14B207@A1/04-30911-5E14B207@B1/04-30911-8014B207@B@bob@alpha.example@news\
                @sender.example@pool1@out-a@5@10@8123@192.0.2.10@550 5.1.1 no such user\n";
    let event = Event::Permanent(names.no_such_user(&reply));
    assert_eq!(line("bouncelog", at, &event), format!("1770245100{rest}"));
    let event = Event::Transient(names.no_such_user(&reply));
    assert_eq!(line("bouncelog", at, &event), format!("1770245100{}", rest.replace("@B@", "@T@")));
}

#[test]
fn a_bounce_out_of_band_stands_in_the_bouncelog_alone() {
    let names = names();
    let text = "[internal] [oob] The message bounced due to the remote mailbox being over quota.";
    let reply = Reply::verbatim(550, text);
    let event = Event::OutOfBand(Failure {
        copy: Copy {
            id: id("44/02-21047-11223344"),
            batch: id("44/02-21047-01223344"),
            size: 3100,
            ..names.copy()
        },
        connection: id("43/02-21047-F1223344"),
        stage: Stage::OutOfBandBounce,
        class: 22,
        peer: ip("192.0.2.77"),
        ..names.no_such_user(&reply)
    });
    let at = Time::from_secs(1_770_249_000);
    assert_eq!(
        line("bouncelog", at, &event),
        "1770249000@44/02-21047-11223344@44/02-21047-01223344@43/02-21047-F1223344@B@bob@alpha.example@news\
         @sender.example@pool1@out-a@21@22@3100@192.0.2.77@550 [internal] [oob] The message bounced due to \
         the remote mailbox being over quota.\n"
    );
    assert_eq!(line("mainlog", at, &event), "");
}

fn contexts(connection: &[(&str, &str)], message: &[(&str, &str)]) -> Contexts {
    let mut contexts = Contexts::default();
    connection.iter().for_each(|(key, value)| contexts.connection.set(key, value));
    message.iter().for_each(|(key, value)| contexts.message.set(key, value));
    contexts
}

fn rejection<'a>(contexts: &'a Contexts, reply: &'a Reply) -> Rejection<'a> {
    Rejection {
        remote: Some("203.0.113.9:40122".parse().expect("an endpoint")),
        local: Some("198.51.100.1:25".parse().expect("an endpoint")),
        connection: id("5B/00-30911-0C9E77A1"),
        pathway: "default",
        pathway_group: "default",
        place: SessionState::AwaitingRcptto.text(),
        module: "scriptlet",
        contexts,
        reply,
    }
}

#[test]
fn a_rejection_is_written_with_all_that_policy_knew() {
    let contexts = contexts(
        &[("pathway", "default"), ("ehlo_domain", "host.example")],
        &[("mailfrom_localpart", "x"), ("mailfrom_domain", "y.example")],
    );
    let reply = Reply::fixed(550, (5, 7, 1), "relaying denied");
    assert_eq!(
        line("rejectlog", Time::from_secs(1_770_244_300), &Event::Rejection(rejection(&contexts, &reply))),
        "1770244300: R=\"203.0.113.9:40122\" L=\"198.51.100.1:25\" C=\"5B/00-30911-0C9E77A1\" \
         PATH=\"default\" PATH_GRP=\"default\" P=\"awaiting rcptto\" E=550 M=scriptlet \
         CTXCONN=[pathway=default,ehlo_domain=host.example] \
         CTXMESS=[mailfrom_localpart=x,mailfrom_domain=y.example] relaying denied\n"
    );
    let generated = Rejection { place: "generation", ..rejection(&contexts, &reply) };
    let text = line("rejectlog", Time::from_secs(0), &Event::GenerationRejection(generated));
    assert!(text.contains(" P=\"generation\" E=550 "), "{text}");
}

#[test]
fn values_that_could_be_mistaken_are_quoted() {
    let contexts =
        contexts(&[("k", "v v"), ("q", "say \"no\\\""), ("list", "a,b]"), ("e", "")], &[("n", "1\n2")]);
    let reply = Reply::verbatim(421, "too many\nconnections");
    let event = Event::Rejection(Rejection {
        remote: Some("[2001:db8::9]:40122".parse().expect("an endpoint")),
        local: None,
        module: "",
        pathway: "in \"house\"",
        ..rejection(&contexts, &reply)
    });
    assert_eq!(
        line("rejectlog", Time::from_secs(1_770_244_300), &event),
        "1770244300: R=\"[2001:db8::9]:40122\" L=\"\" C=\"5B/00-30911-0C9E77A1\" \
         PATH=\"in \\\"house\\\"\" PATH_GRP=\"default\" P=\"awaiting rcptto\" E=421 M= \
         CTXCONN=[k=\"v v\",q=\"say \\\"no\\\\\\\"\",list=\"a,b]\",e=] CTXMESS=[n=\"1 2\"] \
         too many connections\n"
    );
}

#[test]
fn heartbeats_keep_the_place_of_the_type_letter() {
    let at = Time::from_secs(1_770_244_200);
    for (log, text) in [
        ("mainlog", "1770244200@@@@M1\n"),
        ("bouncelog", "1770244200@@@@M1\n"),
        ("rejectlog", "1770244200: Marker 1\n"),
        ("paniclog", ""),
    ] {
        assert_eq!(line(log, at, &Event::Heartbeat), text, "{log}");
    }
    let style = Style { heartbeat_type: "M", hires_timestamp: true, ..Style::default() };
    assert_eq!(line_in_style("mainlog", &style, at, &Event::Heartbeat), "1770244200000000@@@@M\n");
}

#[test]
fn a_panic_is_a_time_a_colon_and_one_line() {
    let event = Event::Panic("scriptlet: first\r\nsecond\0third");
    assert_eq!(line("paniclog", RECEIVED, &event), "1770244190:scriptlet: first  second third\n");
}

#[test]
fn foreign_text_never_adds_a_line_or_a_field_before_the_last() {
    let mut names = names();
    names.recipient = Address::new("b\nob", "alpha.example");
    names.sender = Address::new("\"n@ws\"", "sender.example");
    let reply = Reply::verbatim(550, "no\r\n@such@user\n\0");
    let event = Event::Permanent(names.no_such_user(&reply));
    let style = Style { escape: true, ..Style::default() };
    let written = line_in_style("bouncelog", &style, RECEIVED, &event);
    assert_eq!(written.matches(['\n', '\r', '\0']).count(), 1, "{written:?}");
    let fields: Vec<_> = written.splitn(16, '@').collect();
    assert_eq!((fields[5], fields[7], fields[15]), ("b ob", "\"n%40ws\"", "550 no @such@user  \n"));
}

#[test]
fn a_format_writes_a_line_for_its_kinds_and_nothing_for_others() {
    let names = names();
    let reply = Reply::plain(550, "no");
    let contexts = Contexts::default();
    let events = [
        Event::Reception(names.reception()),
        Event::Delivery(names.delivery()),
        Event::Transient(names.no_banner(&reply)),
        Event::Permanent(names.no_such_user(&reply)),
        Event::OutOfBand(names.no_such_user(&reply)),
        Event::Rejection(rejection(&contexts, &reply)),
        Event::Panic("x"),
        Event::Heartbeat,
    ];
    for format in FORMATS {
        for event in &events {
            let written = line(format.name, RECEIVED, event);
            let has_line = written.ends_with('\n') && written.starts_with("1770244190");
            assert_eq!(has_line, format.kinds.has(event.kind()), "{} {:?}", format.name, event.kind());
            assert_eq!(written.is_empty(), !has_line);
        }
    }
    assert!(!Kinds::ALL.without(Kind::Delivery).has(Kind::Delivery));
}

#[test]
fn every_line_of_a_type_has_the_same_number_of_fields() {
    let names = names();
    let reply = Reply::plain(550, "no");
    let bare = Failure { peer: None, connection: MessageId::NONE, ..names.no_such_user(&reply) };
    for (log, event, fields) in [
        ("mainlog", Event::Reception(names.reception()), 14),
        ("mainlog", Event::Delivery(Delivery { peer: None, ..names.delivery() }), 12),
        ("mainlog", Event::Transient(bare), 14),
        ("bouncelog", Event::Permanent(bare), 16),
    ] {
        assert_eq!(line(log, RECEIVED, &event).split('@').count(), fields, "{log} {:?}", event.kind());
    }
}

#[test]
fn a_buffer_with_room_is_not_allocated_again() {
    let names = names();
    let format: &Format = format_named("mainlog").expect("a format");
    let mut out = Vec::with_capacity(4096);
    let before = (out.as_ptr(), out.capacity());
    (0..16).for_each(|_| {
        (format.write)(&Event::Delivery(names.delivery()), RECEIVED, &Style::default(), &mut out)
    });
    assert_eq!((out.as_ptr(), out.capacity()), before);
}
