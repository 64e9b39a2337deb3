//! The phases of generated mail, as tables: msg_gen_data_spool, set_binding, final_validation and no other
//! (spec policy.md §2.1).

use crate::scene::rehearsed;
use shard::rehearsal::{Entrance, Script, Transcript};

/// A generated message for r1 … rn, with one variable that whoever generates it has given to it.
fn generated(script: &str, recipients: usize) -> Transcript {
    let script_of = |number: usize| format!("r{number}@[10.1.0.1]");
    rehearsed(
        &format!("binding \"vip\" {{ }}\nscripted \"one\" {{ {script} }}"),
        Script {
            entrance: Entrance::Generated(vec![("mo_rcpt_meta".into(), "{}".into())]),
            sender: "s@[10.1.0.1]".into(),
            recipients: (1..=recipients).map(script_of).collect(),
            message: "Subject: x\r\n\r\nbody\r\n".into(),
            zone: None,
            may_connect: false,
        },
    )
}

fn queued(transcript: &Transcript) -> Vec<&str> {
    transcript.queued.iter().map(|queued| queued.recipient.split('@').next().unwrap()).collect()
}

#[test]
fn generated_mail_meets_its_three_phases_and_none_of_a_session() {
    let phases = [
        "accept",
        "connect",
        "ehlo",
        "auth",
        "mailfrom",
        "rcptto",
        "data",
        "rcptto_list",
        "rcptto_list_final",
        "data_spool",
        "data_spool_each_rcpt",
        "msg_gen_data_spool",
        "set_binding",
        "final_validation",
    ];
    let all: String = phases.iter().map(|phase| format!("at_{phase} = \"set x_{phase}=yes\" ")).collect();
    for recipients in [1, 2, 5] {
        let transcript = generated(&all, recipients);
        assert_eq!(transcript.exchanges.len(), recipients);
        for exchange in &transcript.exchanges {
            let steps = exchange.steps.iter().filter(|step| step.module == "scripted");
            let asked: Vec<&str> =
                steps.map(|step| step.phase).filter(|phase| phases.contains(phase)).collect();
            assert_eq!(asked, ["msg_gen_data_spool", "set_binding", "final_validation"], "{exchange:#?}");
            assert!(exchange.reply.starts_with("250 queued as"), "{exchange:#?}");
        }
        for queued in &transcript.queued {
            let (keys, message) =
                (["mo_rcpt_meta", "x_msg_gen_data_spool", "x_set_binding"], &queued.contexts.message);
            assert!(keys.iter().all(|key| message.iter().any(|(known, _)| known == key)), "{queued:#?}");
            assert!(!queued.is_internal && queued.sender == "s@[10.1.0.1]", "{queued:#?}");
        }
    }
}

#[test]
fn decisions_about_generated_mail_are_for_one_recipient() {
    // Decision for r1 at msg_gen_data_spool, what its generator hears, who is queued of three, the log's code.
    for (script, reply, expected, logged) in [
        ("", "250 queued", vec!["r1", "r2", "r3"], None),
        ("code 250 fine", "250 queued", vec!["r1", "r2", "r3"], None),
        ("code 550 5.7.1 no", "550 5.7.1 no", vec!["r2", "r3"], Some(550)),
        ("code 451 4.7.1 later", "451 4.7.1 later", vec!["r2", "r3"], Some(451)),
        ("code 550 ", "550 5.7.0 [internal] rejected by policy", vec!["r2", "r3"], Some(550)),
        ("discard 554 5.7.1 dropped", "250 discarded", vec!["r2", "r3"], Some(554)),
        ("discard", "250 discarded", vec!["r2", "r3"], Some(550)),
        ("fail script:7: no such field", "421 mx.sim.example temporary issue", vec!["r2", "r3"], Some(421)),
        ("panic on purpose", "421 mx.sim.example temporary issue", vec!["r2", "r3"], Some(421)),
        ("recipient y@[10.1.0.1]", "250 queued", vec!["y", "r2", "r3"], None),
        ("send z@[10.1.0.1]", "250 queued", vec!["r1", "z", "r2", "r3"], None),
        ("add x@[10.1.0.1]", "250 queued", vec!["r1", "r2", "r3"], None),
    ] {
        let transcript = generated(
            &match script {
                "" => String::new(),
                script => format!("at_msg_gen_data_spool = \"r1: {script}\""),
            },
            3,
        );
        let what = format!("{script}: {transcript:#?}");
        assert!(transcript.exchanges[0].reply.starts_with(reply), "{what}");
        assert!(transcript.exchanges[1].reply.starts_with("250 queued"), "{what}");
        assert_eq!(queued(&transcript), expected, "{what}");
        let codes: Vec<String> = logged.iter().map(|code| format!("E={code}")).collect();
        assert_eq!(transcript.rejections.len(), codes.len(), "{what}");
        for (line, code) in transcript.rejections.iter().zip(codes) {
            let parts = ["P=\"generation\"", "M=scripted", "mo_rcpt_meta={}", &code];
            assert!(parts.iter().all(|part| line.contains(part)), "{line}: {what}");
        }
    }
    // Where nobody is answered any more, a fault is written down; a signature that fails keeps the message.
    let bound = generated("at_set_binding = \"fail nobody knows\"", 1);
    assert_eq!((queued(&bound), bound.complaints.len()), (vec!["r1"], 1), "{bound:#?}");
    let unsigned = generated("at_final_validation = \"fail no key\"", 1);
    assert!(unsigned.exchanges[0].reply.starts_with("421") && unsigned.queued.is_empty(), "{unsigned:#?}");
}

#[test]
fn generated_mail_is_edited_bound_and_signed() {
    let script = "at_msg_gen_data_spool = \"r1: field X-One: yes; r1: sender v@[10.1.0.1]; routing far.example\" \
        at_set_binding = \"binding vip; priority\" at_final_validation = \"field X-Signed: yes; sender w@x\"";
    let transcript = generated(script, 2);
    let [one, two] = &transcript.queued[..] else { panic!("{transcript:#?}") };
    let names = |queued: &shard::rehearsal::Queued| -> Vec<String> {
        queued.header.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(one), ["X-Signed", "X-One", "Subject"]);
    assert_eq!(names(two), ["X-Signed", "Subject"]);
    assert_eq!((one.sender.as_str(), two.sender.as_str()), ("v@[10.1.0.1]", "s@[10.1.0.1]"));
    for copy in [one, two] {
        assert_eq!(
            (copy.binding.as_str(), copy.domain.as_str(), copy.priority),
            ("vip", "far.example", true)
        );
    }
    let complaint = "scripted: final_validation cannot change the sender";
    assert_eq!(transcript.complaints, [complaint, complaint]);
}
