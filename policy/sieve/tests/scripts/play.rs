//! Plays one case: a configuration with the script, a conversation, and what is left of it.

use crate::case::Case;
use crate::services;
use bytes::Bytes;
use config::{MemoryLoader, Registry};
use content::Content;
use mail::{Address, Phase};
use policy_api::testing::{Conversation, Peer};
use policy_api::{
    Counter, Endpoint, Finding, Level, LookupFault, Make, Module, Record, Services, Sources, Verdict,
};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

const SCRIPT: &str = "/scripts/case.siv";

type Played = Result<(), String>;

/// What a case is given, as the module's configuration and the conversation want it.
struct Stage {
    conversation: Conversation,
    sources: Sources,
    configuration: String,
    phase: Phase,
    services: Rc<Services>,
}

pub fn play(case: &Case) -> Played {
    let stage = set(case);
    let registry = Registry::new(&[], &[sieve::MODULE.syntax]);
    let loader = MemoryLoader::default().with("/test.conf", &stage.configuration);
    let (snapshot, _) = config::load("/test.conf", &loader, &registry, &[])
        .map_err(|complaints| format!("{}: {}", stage.configuration, complaints[0]))?;
    let stanza = snapshot.module("sieve", "test").expect("the stanza");
    let findings = (sieve::MODULE.check.expect("it checks"))(stanza, &stage.sources);
    let expects_findings = expects_findings(case, &findings)?;
    let sources = Arc::new(stage.sources);
    let services = stage.services;
    let make = Make {
        sources: &sources,
        services: &services,
        hostname: "mx.example",
        debug_level: Level::Error,
        shard: 0,
        shards: 1,
    };
    let module = match (sieve::MODULE.make)(stanza, &make) {
        Ok(module) => module,
        Err(_) if expects_findings => return Ok(()),
        Err(finding) => return Err(format!("it does not compile: {finding}")),
    };
    let mut conversation = stage.conversation;
    let verdict = conversation.ask(&*module, stage.phase);
    let outcome = outcome(&conversation, &verdict);
    compare(case, outcome, &mut conversation, &*module)
}

fn set(case: &Case) -> Stage {
    let mut stage = Stage {
        conversation: Conversation::default(),
        sources: Sources::default(),
        configuration: String::new(),
        phase: Phase::Data,
        services: Rc::default(),
    };
    let mut settings = String::new();
    let mut second = None;
    let mut to = Vec::new();
    let mut script = "data";
    stage.conversation.message.sender = Some(Address::from_checked("sender@from.example"));
    let mut content = case.message.join("\r\n").into_bytes();
    content.extend_from_slice(b"\r\n");
    for line in &case.given {
        let (word, rest) = line.split_once([' ', ':']).unwrap_or((line, ""));
        let rest = rest.trim_start();
        let pair = || rest.split_once('=').map(|(key, value)| (key.trim(), value.trim())).expect("key=value");
        match word {
            "phase" => script = rest,
            "from" if rest == "<>" => stage.conversation.message.sender = None,
            "from" => stage.conversation.message.sender = Some(Address::from_checked(rest)),
            "to" => to.push(Address::from_checked(rest)),
            "peer" => {
                stage.conversation.client.peer =
                    Some((rest.parse::<std::net::IpAddr>().expect("an IP"), 40_000).into())
            }
            "conn" => stage.conversation.contexts.connection.set(pair().0, pair().1),
            "mess" => stage.conversation.contexts.message.set(pair().0, pair().1),
            "sessions" => stage.conversation.host.sessions.set(rest.parse().expect("a number")),
            "peer_says" => {
                let (peer, answer) = rest.split_once(' ').expect("peer_says IP:PORT TEXT");
                let answer = answer.replace("\\r", "\r").replace("\\n", "\n");
                let answers = [Bytes::from(answer)].into();
                let peer = Endpoint::Inet(peer.parse().expect("IP:PORT"));
                stage.conversation.host.peers.borrow_mut().insert(peer, Peer { answers, ..Peer::default() });
            }
            "dns" => name(&stage.conversation, rest),
            "option" => {
                stage.conversation.host.options.borrow_mut().insert(pair().0.into(), pair().1.into());
            }
            "set" => settings.push_str(&format!("  {} = \"{}\"\n", pair().0, pair().1)),
            "file" => {
                let (name, text) = rest.split_once(':').expect("file name: text");
                let text = text.trim_start().replace("\\n", "\n");
                stage.sources.insert(format!("/scripts/{name}"), text.into_bytes());
            }
            _ if services::offers(word, rest, &stage.services, &stage.conversation.host) => {}
            "second" => second = Some(rest.to_owned()),
            "binary" => content
                .extend((0..rest.len() / 2).map(|at| {
                    u8::from_str_radix(&rest[at * 2..at * 2 + 2], 16).expect("hexadecimal digits")
                })),
            other => panic!("{}: {}: '{other}' can not be given", case.file, case.name),
        }
    }
    stage.sources.insert(SCRIPT, case.script.clone().into_bytes());
    stage.conversation.message.content = Content::new(Bytes::from(content));
    let mut stanzas = match script {
        "hook" => format!("  hook \"core_final_validation\" {{ source = \"{SCRIPT}\" async = \"false\" }}\n"),
        phase => format!("  script \"{phase}_phase1\" {{ source = \"{SCRIPT}\" }}\n"),
    };
    if let Some(second) = second {
        stage.sources.insert("/scripts/second.siv", second.into_bytes());
        stanzas.push_str(&format!("  script \"{script}_phase2\" {{ source = \"/scripts/second.siv\" }}\n"));
    }
    stage.phase = match script {
        "hook" => Phase::FinalValidation,
        phase => sieve::script_named(&format!("{phase}_phase1")).expect("a phase").0,
    };
    address(&mut stage, to);
    stage.configuration = format!("sieve \"test\" {{\n{settings}{stanzas}}}\n");
    stage
}

/// The recipients stand where the phase has them.
fn address(stage: &mut Stage, mut to: Vec<Address>) {
    if to.is_empty() {
        to.push(Address::from_checked("recipient@to.example"));
    }
    let message = &mut stage.conversation.message;
    match stage.phase {
        phase if phase < Phase::Rcptto => {}
        phase if phase == Phase::Rcptto || phase >= Phase::DataSpoolEachRcpt => {
            message.recipient = to.pop();
            message.recipients = to;
        }
        _ => message.recipients = to,
    }
    if stage.phase < Phase::Mailfrom {
        message.sender = None;
    }
}

fn name(conversation: &Conversation, text: &str) {
    let mut words = text.splitn(3, ' ');
    let mut word = || words.next().expect("dns NAME TYPE VALUE");
    let (name, kind, value) = (word(), word(), word());
    let host = &conversation.host;
    if let Some(fault) = value.strip_prefix('!') {
        let fault = match fault {
            "NXDOMAIN" => LookupFault::NxDomain,
            "NODATA" => LookupFault::NoData,
            "TIMEOUT" => LookupFault::Timeout,
            _ => LookupFault::ServFail,
        };
        host.fault(name, policy_api::RecordKind::A, fault);
        return;
    }
    let record = match kind {
        "A" => Record::A(value.parse().expect("an address")),
        "AAAA" => Record::Aaaa(value.parse().expect("an address")),
        "TXT" => Record::Txt(Bytes::copy_from_slice(value.as_bytes())),
        "PTR" => Record::Ptr(value.into()),
        "NS" => Record::Ns(value.into()),
        "CNAME" => Record::Cname(value.into()),
        _ => {
            let (preference, exchange) = value.split_once(' ').expect("preference exchange");
            Record::Mx { preference: preference.parse().expect("a number"), exchange: exchange.into() }
        }
    };
    host.name(name, [record]);
}

/// Whether the case is about what the compiler says, and all of that was said and nothing else.
fn expects_findings(case: &Case, findings: &[Finding]) -> Result<bool, String> {
    let wanted: Vec<(&str, &str)> = case
        .expected
        .iter()
        .filter_map(|line| line.split_once(' '))
        .filter(|(word, _)| matches!(*word, "error" | "warning"))
        .collect();
    for (word, rest) in &wanted {
        let (place, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let place = if place.starts_with('/') { place.to_owned() } else { format!("{SCRIPT}:{place}") };
        let is_said = |finding: &&Finding| {
            finding.place == place && finding.text.starts_with(word) && finding.text.contains(text)
        };
        if !findings.iter().any(|finding| is_said(&finding)) {
            let said: Vec<String> = findings.iter().map(Finding::to_string).collect();
            return Err(format!("not said: {word} {rest}; but: {}", said.join("\n")));
        }
    }
    let errors = wanted.iter().filter(|(word, _)| *word == "error").count();
    let said = findings.iter().filter(|finding| finding.text.starts_with("error")).count();
    if said != errors && errors > 0 {
        let said: Vec<String> = findings.iter().map(Finding::to_string).collect();
        return Err(format!("{errors} errors expected, said: {}", said.join("\n")));
    }
    Ok(errors > 0)
}

/// What was decided, one line each.
fn outcome(conversation: &Conversation, verdict: &Verdict) -> Vec<String> {
    let disposition = &conversation.disposition;
    let mut lines = Vec::new();
    if let Verdict::Failed(text) = verdict {
        lines.push(format!("fault {text}"));
    }
    if let Some(reply) = &disposition.reply {
        lines.push(format!("refuse {} {}", reply.code, reply.text.replace('\n', "\\n")));
    }
    if disposition.disconnect {
        lines.push("disconnect".into());
    }
    if let Some(reason) = &disposition.discard {
        lines.push(format!("discard {reason}"));
    }
    if !disposition.tarpit.is_zero() {
        lines.push(format!("tarpit {}", disposition.tarpit.as_secs_f64()));
    }
    if lines.is_empty() {
        lines.push("end".into());
    }
    lines
}

fn compare(case: &Case, mut outcome: Vec<String>, conversation: &mut Conversation, _: &dyn Module) -> Played {
    let mut is_about_outcome = false;
    for line in &case.expected {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if matches!(word, "error" | "warning") {
            continue;
        }
        if matches!(word, "end" | "refuse" | "disconnect" | "discard" | "tarpit" | "fault") {
            is_about_outcome = true;
            let place = outcome.iter().position(|known| match word {
                "fault" => known.starts_with("fault") && known.contains(rest),
                "discard" => known.starts_with("discard") && known.ends_with(rest),
                _ => known == line,
            });
            match place {
                Some(place) => drop(outcome.remove(place)),
                None => return Err(format!("expected {line}, not {outcome:?}; {}", logs(conversation))),
            }
            continue;
        }
        check(word, rest, conversation).map_err(|found| format!("expected {line}, {found}; {outcome:?}"))?;
    }
    outcome.retain(|line| line != "end");
    if !outcome.is_empty() && (is_about_outcome || outcome.iter().any(|line| line.starts_with("fault"))) {
        return Err(format!("not expected: {outcome:?}"));
    }
    Ok(())
}

fn logs(conversation: &Conversation) -> String {
    format!("reported: {:?}", conversation.host.reported())
}

fn check(word: &str, rest: &str, conversation: &Conversation) -> Played {
    let contexts = &conversation.contexts;
    let message = &conversation.message;
    let found = match word {
        "conn" => entry(&contexts.connection, rest),
        "mess" => entry(&contexts.message, rest),
        "header" => {
            let (name, _) = rest.split_once(':').expect("header NAME: VALUE");
            let field = message.content.field(name).map(|field| field.text());
            format!("{name}: {}", field.unwrap_or_else(|| "(none)".into()))
        }
        "no" => {
            let name = rest.strip_prefix("header ").expect("no header NAME");
            let field = message.content.field(name);
            field.map_or(rest.to_owned(), |field| format!("header {}", field.text()))
        }
        "body" => {
            let body = String::from_utf8_lossy(message.content.body()).replace("\r\n", "\\n");
            if body.contains(rest) { rest.into() } else { body }
        }
        "from" => message.sender.as_ref().map_or("<>".into(), Address::to_string),
        "to" => {
            let all = message.recipients.iter().chain(&message.recipient);
            all.map(Address::to_string).collect::<Vec<_>>().join(",")
        }
        "binding" => format!("{}{}", message.binding, message.binding_group),
        "routing" => message.routing_domain.as_deref().unwrap_or_default().into(),
        "sent" => sent(conversation, rest),
        "capability" => {
            let added = conversation.session.capabilities_added.iter().map(|text| format!("+{text}"));
            let removed = conversation.session.capabilities_removed.iter().map(|text| format!("-{text}"));
            added.chain(removed).collect::<Vec<_>>().join(" ")
        }
        "log" => {
            let lines = conversation.host.reported();
            if lines.iter().any(|line| line.contains(rest)) { rest.into() } else { format!("{lines:?}") }
        }
        "longest" => {
            let lines = conversation.host.reported();
            lines.iter().map(String::len).max().unwrap_or_default().to_string()
        }
        "logged" => {
            let logged = conversation.host.logged.borrow();
            logged.last().map_or(String::new(), |(file, line)| format!("{}: {line}", file.display()))
        }
        "count" => {
            let (name, _) = rest.rsplit_once(" = ").expect("count NAME = N");
            let counters: &BTreeMap<String, Rc<Counter>> = &conversation.host.counters.borrow();
            let count = counters.get(&format!("/sieve/test/{name}")).map_or(0, |counter| counter.get());
            if count == 0 { format!("{:?}", counters.keys()) } else { format!("{name} = {count}") }
        }
        other => panic!("'{other}' can not be expected"),
    };
    if found == rest { Ok(()) } else { Err(format!("found {found}")) }
}

/// `N` messages, or `N text` where the last one contains the text.
fn sent(conversation: &Conversation, rest: &str) -> String {
    let injected = conversation.host.injected.borrow();
    let all: Vec<_> = conversation.message.outgoing.iter().chain(injected.iter()).collect();
    let (_, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let last = all.last().map_or(String::new(), |new| {
        let to: Vec<String> = new.recipients.iter().map(Address::to_string).collect();
        let from = new.sender.as_ref().map_or(String::new(), Address::to_string);
        format!("{from}>{}: {}", to.join(","), String::from_utf8_lossy(&new.content).replace("\r\n", "\\n"))
    });
    match (text.is_empty(), last.contains(text)) {
        (true, _) => all.len().to_string(),
        (false, true) => format!("{} {text}", all.len()),
        (false, false) => format!("{} {last}", all.len()),
    }
}

/// `key=value`, or `key` if there is none.
fn entry(dictionary: &mail::Dictionary, wanted: &str) -> String {
    let key = wanted.split_once('=').map_or(wanted, |(key, _)| key);
    dictionary.get(key).map_or(key.to_owned(), |value| format!("{key}={value}"))
}
