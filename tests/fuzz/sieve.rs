//! Any bytes as a Sieve script and a message: it is compiled or refused, and a run comes to an end within its
//! limits; never a panic. A line `#-- N` begins another file, called `N`, which may be included; the last one,
//! called `message`, is the message.

#![no_main]

use bytes::Bytes;
use config::{MemoryLoader, Registry, Snapshot, load};
use content::Content;
use libfuzzer_sys::fuzz_target;
use mail::{Address, Phase};
use policy_api::testing::Conversation;
use policy_api::{Level, Make, Record, Services, Sources, Verdict};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

const PHASES: [(&str, Phase); 4] = [
    ("connect", Phase::Connect),
    ("rcptto", Phase::Rcptto),
    ("data", Phase::Data),
    ("each_rcpt", Phase::DataSpoolEachRcpt),
];

/// A configuration for each phase.
fn snapshots() -> &'static [Snapshot] {
    static SNAPSHOTS: OnceLock<Vec<Snapshot>> = OnceLock::new();
    SNAPSHOTS.get_or_init(|| {
        let registry = Registry::new(&[], &[sieve::MODULE.syntax]);
        let of = |phase: &str| {
            let limits = "max_steps = 200000 max_memory = 1000000 runtime_error = continue";
            let text = format!("sieve \"t\" {{ {limits} script \"{phase}_phase1\" {{ source = \"/s/m\" }} }}");
            let loader = MemoryLoader::default().with("/test.conf", text);
            load("/test.conf", &loader, &registry, &[]).expect("a configuration").0
        };
        PHASES.iter().map(|(phase, _)| of(phase)).collect()
    })
}

/// The script and what follows it.
fn files(text: &str) -> Vec<(String, String)> {
    let mut files = vec![("m".to_owned(), String::new())];
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("#-- ") {
            Some(name) => files.push((name.trim_end().to_owned(), String::new())),
            None => files.last_mut().expect("never empty").1.push_str(line),
        }
    }
    files
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    // Jobs are done for real here, and no datagram leaves this machine.
    if text.to_ascii_lowercase().contains("snmp_trap") {
        return;
    }
    let mut sources = Sources::default();
    let mut message = String::from("Subject: x\r\nFrom: a@b.example\r\n\r\nbody\r\n");
    for (name, text) in files(&text) {
        match name.as_str() {
            "message" => message = text.replace('\n', "\r\n"),
            _ => sources.insert(format!("/s/{name}"), text.into_bytes()),
        }
    }
    let sources = Arc::new(sources);
    for ((_, phase), snapshot) in PHASES.iter().zip(snapshots()) {
        let stanza = snapshot.module("sieve", "t").expect("the stanza");
        let findings = (sieve::MODULE.check.expect("it checks"))(stanza, &sources);
        findings.iter().for_each(|finding| assert!(!finding.to_string().is_empty()));
        let make = Make {
            sources: &sources,
            services: &Rc::new(Services::default()),
            hostname: "mx.example",
            debug_level: Level::Error,
            shard: 0,
            shards: 1,
        };
        let Ok(module) = (sieve::MODULE.make)(stanza, &make) else { continue };
        let mut conversation = Conversation::default();
        conversation.host.name("a.example", [Record::A([192, 0, 2, 1].into())]);
        conversation.message.content = Content::new(Bytes::from(message.clone()));
        conversation.message.sender = Some(Address::new("a", "b.example"));
        conversation.message.recipient = Some(Address::new("c", "d.example"));
        let verdict = conversation.ask(&*module, *phase);
        if let Verdict::Failed(text) = verdict {
            assert!(!text.is_empty());
        }
    }
});
