//! Marks that are written and read back, and complaints in the forms in which they come.

use super::*;
use crate::signing::tests::{loaded, made};
use mail::{Address, Time};
use policy_api::testing::Conversation;

const STANZA: &str = "fbl { auto_log = true\nlog_path = /l/fbl\naddresses = ( \"^fbl@\" )\n\
    user_string = \"c%{vctx_mess:customer}-%{vctx_conn:user}\"\nMORE }";

fn module(more: &str) -> Rc<dyn Module> {
    made(&STANZA.replace("MORE", more)).unwrap()
}

/// Mail to Bob that leaves through the binding out-a, in a configuration of scopes.
fn outgoing(scopes: &str) -> Conversation {
    let mut conversation = Conversation::default();
    assert!(conversation.host.configuration.set(loaded(scopes)).is_ok());
    conversation.message.content.replace(Bytes::from_static(b"From: a@b.example\r\nTo: x\r\n\r\nHi.\r\n"));
    conversation.message.recipient = Some(Address::new("bob", "alpha.example"));
    conversation.message.binding = "out-a".into();
    conversation.message.binding_group = "pool1".into();
    conversation.contexts.message.set("customer", "42@x");
    conversation.contexts.connection.set("user", "u");
    conversation
}

fn mark_of(conversation: &Conversation) -> Option<String> {
    conversation.message.content.field("x-msfbl").map(|field| field.text())
}

#[test]
fn mail_is_marked_where_the_scope_says_so_and_the_condition_holds() {
    const ON: &str = "enable_fbl_header_insertion = enabled";
    for (scopes, more, marked) in [
        ("", "", false),
        (ON, "", true),
        ("binding \"out-a\" { enable_fbl_header_insertion = enabled }", "", true),
        ("binding \"out-b\" { enable_fbl_header_insertion = enabled }", "", false),
        (
            "enable_fbl_header_insertion = enabled\ndomain \"alpha.example\" { enable_fbl_header_insertion = disabled }",
            "",
            false,
        ),
        (ON, "condition = customer", true),
        (ON, "condition = other", false),
        (ON, "auto_log = false", false),
    ] {
        let mut conversation = outgoing(scopes);
        conversation.ask(&*module(more), Phase::FinalValidation);
        assert_eq!(mark_of(&conversation).is_some(), marked, "{scopes} {more}");
    }
    let mut conversation = outgoing(ON);
    conversation.contexts.message.set("customer", &"long ".repeat(40));
    conversation.ask(&*module(""), Phase::FinalValidation);
    let octets = conversation.message.content.octets();
    assert!(octets.split(|octet| *octet == b'\n').all(|line| line.len() <= 79), "{octets:?}");
    let mark = Mark::decoded(&mark_of(&conversation).unwrap()).unwrap();
    assert_eq!(mark.user, format!("c{}-u", "long ".repeat(40)));
}

/// What a provider sends about a message with this field.
fn arf(field: &str) -> String {
    format!(
        "From: provider@isp.example\r\nTo: fbl@here.example\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nA complaint.\r\n\
         --b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n\
         User-Agent: X/1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{field}From: a@b.example\r\n\
         Subject: hello\r\n\r\nHi.\r\n--b--\r\n"
    )
}

fn complain(content: String, more: &str) -> Conversation {
    let mut conversation = Conversation::default();
    conversation.host.clock.set(Time::from_secs(1_770_244_500));
    conversation.message.content.replace(Bytes::from(content));
    conversation.message.recipient = Some(Address::new("fbl", "here.example"));
    conversation.ask(&*module(more), Phase::DataSpoolEachRcpt);
    conversation
}

fn logged(conversation: &Conversation) -> Vec<String> {
    let logged = conversation.host.logged.borrow();
    assert!(logged.iter().all(|(file, _)| file.to_str() == Some("/l/fbl")));
    logged.iter().map(|(_, line)| line.clone()).collect()
}

/// The field that `outgoing` mail gets, as it was written.
fn field() -> String {
    let mut conversation = outgoing("enable_fbl_header_insertion = enabled");
    conversation.ask(&*module(""), Phase::FinalValidation);
    let raw = conversation.message.content.field("X-MSFBL").map(|field| field.raw().to_vec()).unwrap();
    String::from_utf8(raw).unwrap()
}

#[test]
fn the_mark_is_read_back_from_the_message_that_is_complained_about() {
    let field = field();
    let plain = |text: &str| format!("From: x\r\nSubject: complaint\r\n\r\nSomebody said:\r\n\r\n{text}");
    let quoted_mark = format!("  {field}");
    let line = |kind: &str| {
        format!("1770244500@00/00-00000-00000000@F@bob@alpha.example@out-a@pool1@{kind}@here.example@c42@x-u")
    };
    for (content, expected) in [
        (arf(&field), vec![line("abuse")]),
        (arf(&field).replace("Feedback-Type: abuse\r\n", ""), vec![line("")]),
        (arf(&field).replace("message/rfc822", "text/rfc822-headers"), vec![line("abuse")]),
        (arf(&field).replace("Feedback-Type: abuse", "Feedback-Type: a@b\u{1}c"), vec![line("abc")]),
        (plain(&quoted_mark), vec![line("")]),
        (plain("nothing"), vec![]),
        (arf(""), vec![]),
        (arf("X-MSFBL: !!!\r\n"), vec![]),
        // user@domain alone.
        (arf("X-MSFBL: dXNlckBkb21haW4=\r\n"), vec![]),
    ] {
        let conversation = complain(content.clone(), "");
        let id = conversation.message.id.to_string();
        let expected: Vec<String> =
            expected.iter().map(|line| line.replace("00/00-00000-00000000", &id)).collect();
        assert_eq!(logged(&conversation), expected, "{content}");
        assert_eq!(conversation.disposition.discard, Some(DISCARDED), "{content}");
        let unmarked = conversation.host.counters.borrow().get("fbl:unmarked").map_or(0, |count| count.get());
        assert_eq!(unmarked == 1, expected.is_empty(), "{content}");
    }
}

#[test]
fn complaints_pass_where_they_shall_and_other_mail_is_left_alone() {
    assert_eq!(complain(arf(&field()), "message_disposition = pass").disposition.discard, None);
    let silent = complain(arf(&field()), "auto_log = false");
    assert!(logged(&silent).is_empty() && silent.disposition.discard.is_some());
    let mut conversation = Conversation::default();
    conversation.message.content.replace(Bytes::from(arf(&field())));
    conversation.message.recipient = Some(Address::new("other", "here.example"));
    conversation.ask(&*module(""), Phase::DataSpoolEachRcpt);
    assert!(logged(&conversation).is_empty() && conversation.disposition.discard.is_none());
}

#[test]
fn a_complaint_to_two_addresses_is_logged_twice_and_a_large_one_read_aside() {
    let module = module("");
    let large = arf(&field()).replace("Hi.", &"Hi. \r\n".repeat(40_000));
    for content in [arf(&field()), large] {
        let mut conversation = Conversation::default();
        conversation.message.content.replace(Bytes::from(content));
        for local in ["fbl", "fbl"] {
            conversation.message.recipient = Some(Address::new(local, "here.example"));
            conversation.ask(&*module, Phase::DataSpoolEachRcpt);
        }
        assert_eq!(logged(&conversation).len(), 2);
    }
}

#[test]
fn a_quoted_local_part_may_hold_an_at_sign() {
    let mark = Mark {
        local: "\"a@b\"".into(),
        domain: "c.example".into(),
        binding: "b".into(),
        group: "g".into(),
        user: "u@v".into(),
    };
    assert_eq!(Mark::decoded(&mark.encoded()), Some(mark));
}

#[test]
fn a_stanza_that_cannot_work_is_refused() {
    for (stanza, expected) in [
        ("log_path = \"jlog:///l/fbl=>master\"", "expected the full name of a file"),
        ("header_name = \"a b\"", "no name of a field"),
        ("user_string = \"%{spfv1:i}\"", "expected %{vctx_mess:key}"),
        ("user_string = \"%{x\"", "without its '}'"),
    ] {
        let Err(finding) = made(&format!("fbl {{ {stanza} }}")) else { panic!("{stanza} is refused") };
        assert!(finding.to_string().contains(expected), "{finding}");
    }
}
