//! `impetus policy trace` on the sample of `deploy/policy`: what it prints, by golden files; what its exit status says.
//! `BLESS=1` writes the golden files anew.

use harness::{Ended, run, run_with_input};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// In the folder of the sample; words are parted by blanks.
fn traced(arguments: &str) -> Ended {
    run(&mut command(arguments))
}

fn command(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_impetus"));
    command.args(["policy", "trace"]).args(arguments.split_whitespace()).current_dir(folder("deploy/policy"));
    command
}

const SAMPLE: &str = "-c ecelerity.conf --dns names.zone --client-ip 192.0.2.1 --helo mx.sender.example \
                      --from news@sender.example --to tim@receiver.example";

/// Without what differs from run to run: times, message ids, dates.
fn lasting(text: &str) -> String {
    let line = |line: &str| {
        let line = match line.rsplit_once("  (") {
            Some((line, time)) if time.ends_with(" ms)") => line,
            _ => line,
        };
        let changing = ["< 220 ", "< 250 2.0.0 OK ", "< 250 queued as ", "    | Received: ", "rejectlog: R="];
        let start = changing.into_iter().find(|start| line.starts_with(start));
        start.map_or_else(|| format!("{line}\n"), |start| format!("{start}…\n"))
    };
    text.lines().map(line).collect()
}

/// The same of a document.
fn steady(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(steady),
        Value::Object(map) => {
            for (key, value) in map {
                if key == "took_ms" && value.is_number() {
                    *value = 0.into();
                }
                steady(value);
            }
        }
        Value::String(text) => {
            let changes = text.contains("2.0.0 OK ")
                || text.starts_with("220 ")
                || text.contains("helo=mx.sender.example)");
            if changes {
                "…".clone_into(text);
            }
        }
        _ => {}
    }
}

fn assert_golden(name: &str, found: &str) {
    let file = folder("tests/interop/trace").join(name);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, found).expect("the golden file");
    }
    let golden = fs::read_to_string(&file).expect("the golden file");
    assert!(golden == found, "{name} differs; found:\n{found}");
}

#[test]
fn a_trace_prints_steps_changes_replies_and_what_would_be_queued() {
    for (name, arguments, status) in [
        ("news.txt", "--to nobody@receiver.example news.eml", 0),
        ("spam.txt", "spam.eml", 1),
        ("suspect.txt", "suspect.eml", 0),
    ] {
        let ended = traced(&format!("{SAMPLE} {arguments}"));
        assert_eq!(ended.code(), Some(status), "{arguments}: {}{}", ended.out, ended.err);
        assert_golden(name, &lasting(&ended.out));
    }
}

#[test]
fn a_trace_is_a_document_for_programs() {
    let ended = traced(&format!("{SAMPLE} --format json news.eml"));
    assert_eq!(ended.code(), Some(0), "{}", ended.err);
    let mut document: Value = serde_json::from_str(&ended.out).expect("a document");
    steady(&mut document);
    assert_golden("news.json", &format!("{document:#}\n"));
}

#[test]
fn a_trace_says_by_its_status_what_became_of_the_message() {
    let news = format!("{SAMPLE} news.eml");
    let message = "Subject: x\n\nbody\n..\n";
    for (arguments, status, out, err) in [
        (news.as_str(), 0, "accepted for 1 recipient", ""),
        // A partner is not asked about.
        (&news.replace("192.0.2.1", "10.9.8.7"), 0, "connection __bypass_spf_v1 = \"true\"", ""),
        (&news.replace("tim@", "nobody@"), 1, "550 5.1.1 there is nobody of that name", ""),
        (&news.replace("tim@receiver", "tim@elsewhere"), 1, "550 5.7.1 relaying denied", ""),
        (&news.replace("--dns", "--auth ann --dns"), 1, "> AUTH PLAIN (as ann)", ""),
        // Nobody knows her.
        (
            &news.replace("--dns", "--auth ann --password x --dns"),
            1,
            "> AUTH PLAIN (as ann, with a password)",
            "",
        ),
        (
            "--generated --set a=b -c ecelerity.conf --from news@sender.example --to tim@receiver.example \
             --to <ann@receiver.example> news.eml",
            0,
            "accepted for 2 recipients",
            "",
        ),
        (
            "--generated -c ecelerity.conf --from news@sender.example --to tim@receiver..example news.eml",
            78,
            "",
            "<tim@receiver..example> is not an address",
        ),
        (&news.replace("names.zone", "site.lua"), 64, "", "--dns: site.lua:1: "),
        (&news.replace("news.eml", "no.eml"), 64, "", "cannot read the message no.eml"),
        (&format!("--listener 127.0.0.1:25 {news}"), 78, "", "ESMTP_Listener has no endpoint 127.0.0.1:25"),
        (&news.replace("ecelerity.conf", "site.lua"), 78, "", ""),
        ("--client-ip 192.0.2.1", 64, "", "policy trace wants --client-ip IP"),
    ] {
        let ended = traced(arguments);
        assert_eq!(ended.code(), Some(status), "{arguments}: {}{}", ended.out, ended.err);
        assert!(ended.out.contains(out), "{arguments}: {}", ended.out);
        assert!(ended.err.contains(err), "{arguments}: {}", ended.err);
    }
    let ended = run_with_input(&mut command(&format!("{SAMPLE} -")), message.as_bytes());
    assert_eq!(ended.code(), Some(0), "{}", ended.out);
    // CRLF at the end of each line.
    assert!(ended.out.contains("(the message, 24 octets)"), "{}", ended.out);
}
