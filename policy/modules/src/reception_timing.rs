//! reception_timing and reception_timing_logger: how long each reception took, in lines of the chunk_logger (spec
//! module-details.md §H). The first measures, the second has it written; either alone does nothing.
//!
//! Law: what is known of a session goes with the session; batches are remembered in a ring.

use crate::present::{Present, enabled};
use config::{Instances, ModuleSyntax};
use mail::{Contexts, MessageId, Phase, SessionState, Time};
use policy_api::{
    Answer, Ask, Client, Finding, Hook, HookKind, Host, Level, Module, ModuleDef, Verdict, chunk_log,
};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;

pub static MODULE: ModuleDef = ModuleDef {
    hooks: &[HookKind::LogReception, HookKind::LogRejection, HookKind::SessionAbort, HookKind::SessionEnd],
    ..ModuleDef::new(
        ModuleSyntax { name: "reception_timing", instances: Instances::Any, options: &[], stanzas: &[] },
        &[Phase::Connect, Phase::Mailfrom, Phase::Data],
        |stanza, _| {
            let logs = enabled(stanza.snapshot(), LOGGER.name()).is_some();
            Ok(Rc::new(ReceptionTiming { logs, ..ReceptionTiming::default() }))
        },
    )
};

pub static LOGGER: ModuleDef = ModuleDef {
    check: Some(|stanza, _| {
        let missing = |name| enabled(stanza.snapshot(), name).is_none();
        let names =
            [MODULE.name(), crate::chunk_logger::MODULE.name()].into_iter().filter(|name| missing(name));
        names
            .map(|name| Finding::at(stanza, format!("nothing is written without the module {name}")))
            .collect()
    }),
    ..ModuleDef::new(
        ModuleSyntax {
            name: "reception_timing_logger",
            instances: Instances::Any,
            options: &[],
            stanzas: &[],
        },
        &[],
        |_, _| Ok(Rc::new(Present)),
    )
};

/// Batches that are remembered until their receptions are told.
const BATCHES: usize = 4096;

#[derive(Default)]
struct ReceptionTiming {
    logs: bool,
    sessions: RefCell<HashMap<MessageId, Timing>>,
    batches: RefCell<VecDeque<(MessageId, Timing)>>,
}

/// A session, or the message that it brings.
#[derive(Clone, Copy, Default)]
struct Timing {
    /// MAIL FROM; before it, the connection.
    begun: Time,
    /// The end of the data.
    arrived: Option<Time>,
    size: Option<usize>,
    batch: MessageId,
    local: Option<SocketAddr>,
}

impl Module for ReceptionTiming {
    fn judges(&self, _phase: Phase) -> bool {
        self.logs
    }

    fn hears(&self, _hook: HookKind) -> bool {
        self.logs
    }

    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        let mut sessions = self.sessions.borrow_mut();
        let timing = sessions.entry(ask.client.id).or_default();
        if ask.phase == Phase::Data {
            timing.arrived = Some(host.now());
            timing.size = Some(ask.message.content.len());
            timing.batch = ask.message.batch;
            let mut batches = self.batches.borrow_mut();
            if batches.len() >= BATCHES {
                batches.pop_front();
            }
            batches.push_back((ask.message.batch, *timing));
        } else {
            *timing = Timing { begun: host.now(), local: ask.client.local, ..Timing::default() };
        }
        Answer::Now(Verdict::Continue)
    }

    fn hook<'a>(&'a self, hook: &'a mut Hook<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        let of_session =
            |client: &Client| self.sessions.borrow().get(&client.id).copied().unwrap_or_default();
        match hook {
            Hook::LogReception { client, message, contexts } => {
                let batches = self.batches.borrow();
                // Mail of our own has not been received; the latest are at the end.
                if let Some((_, timing)) = batches.iter().rev().find(|(batch, _)| *batch == message.batch) {
                    let timing = Timing { size: Some(message.content.len()), ..*timing };
                    let line = timing.line("received", host.now(), client, contexts, message.id);
                    write(&**host, &line);
                }
            }
            Hook::LogRejection { client, contexts, state, .. } => {
                let timing = of_session(client);
                let line = timing.line("rejected", host.now(), client, contexts, timing.batch);
                write(&**host, &format!("{line} {}", phase(*state)));
            }
            Hook::SessionAbort { client, contexts, state } => {
                let timing = of_session(client);
                let line = timing.line("unexpected disconnect", host.now(), client, contexts, timing.batch);
                write(&**host, &format!("{line} {}", phase(*state)));
            }
            Hook::SessionEnd { client, .. } => drop(self.sessions.borrow_mut().remove(&client.id)),
            _ => {}
        }
        Answer::Now(Verdict::Continue)
    }
}

impl Timing {
    fn line(&self, what: &str, now: Time, client: &Client, contexts: &Contexts, id: MessageId) -> String {
        let seconds = |since: Option<Time>| since.map_or(0.0, |since| now.since(since).as_secs_f64());
        // A session that was never seen has taken no time.
        let total = seconds((self.begun != Time::EPOCH).then_some(self.begun));
        let scanned = seconds(self.arrived);
        let size = self.size.map_or_else(|| "0???".to_owned(), |size| size.to_string());
        let address =
            |address: Option<SocketAddr>| address.map(|address| address.to_string()).unwrap_or_default();
        let (source, destination) = (address(client.peer), address(client.local.or(self.local)));
        let pathway = contexts.connection.get("pathway").unwrap_or("default");
        let message_id = contexts.message.get("cl_MID").unwrap_or("");
        format!(
            "{what} after {total:.6} s (scanned in {scanned:.6} s) size={size} src={source} dst={destination} \
             pathway={pathway} ID={id} batch-ID={} Message-ID=\"{message_id}\"",
            self.batch
        )
    }
}

fn phase(state: SessionState) -> String {
    format!("phase={} ({})", state as u8, state.text())
}

fn write(host: &dyn Host, line: &str) {
    // A line stays one, whatever a script has put into it.
    let line = line.replace(['\r', '\n'], " ");
    if let Err(problem) = chunk_log(host, &line) {
        host.report(Level::Error, &format!("reception_timing: {problem}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::tests::loaded;
    use crate::stage::made;
    use bytes::Bytes;
    use mail::Reply;
    use policy_api::Message;
    use policy_api::testing::{Conversation, run};
    use std::time::Duration;

    fn hook(conversation: &mut Conversation, module: &Rc<dyn Module>, mut hook: Hook<'_>) {
        let host: Rc<dyn Host> = conversation.host.clone();
        match module.hook(&mut hook, &host) {
            Answer::Now(_) => {}
            Answer::Later(later) => drop(run(later)),
        }
    }

    fn wait(conversation: &Conversation, millis: u64) {
        let clock = &conversation.host.clock;
        clock.set(clock.get() + Duration::from_millis(millis));
    }

    fn measured() -> (Conversation, Rc<dyn Module>) {
        let text = "reception_timing { }\nreception_timing_logger { }\n";
        let conversation = Conversation::default();
        conversation.host.clock.set(Time::from_secs(1_795_824_000));
        let set = |name: &str, value: &str| {
            let path = format!("chunk_logger:/{name}");
            conversation.host.options.borrow_mut().insert(path, value.to_owned());
        };
        set("destination", "/log/chunk");
        set("timestamp_format", "%H:%M:%S");
        (conversation, made(&MODULE, text).unwrap())
    }

    #[test]
    fn each_reception_rejection_and_abort_is_a_line() {
        let (mut conversation, module) = measured();
        let client = conversation.client.clone();
        let contexts = conversation.contexts.clone();
        conversation.ask(&*module, Phase::Connect);
        wait(&conversation, 250);
        let refused = Reply::verbatim(550, "no");
        let mut kept = contexts.clone();
        let reject = Hook::LogRejection {
            client: &client,
            contexts: &mut kept,
            state: SessionState::AwaitingMailfrom,
            reply: &refused,
        };
        hook(&mut conversation, &module, reject);
        conversation.ask(&*module, Phase::Mailfrom);
        wait(&conversation, 1500);
        conversation.message.batch.counter = 7;
        conversation.message.content.replace(Bytes::from_static(b"Subject: x\r\n\r\nHi.\r\n"));
        conversation.ask(&*module, Phase::Data);
        wait(&conversation, 20);
        let mut copy = Message { batch: conversation.message.batch, ..Message::default() };
        copy.content = conversation.message.content.clone();
        copy.id.counter = 8;
        let mut kept = contexts.clone();
        kept.message.set("cl_MID", "<a@b>");
        kept.connection.set("pathway", "inside");
        let mut told = client.clone();
        told.local = None;
        let reception = Hook::LogReception { client: &told, message: &mut copy, contexts: &mut kept };
        hook(&mut conversation, &module, reception);
        let mut kept = contexts.clone();
        let abort =
            Hook::SessionAbort { client: &client, contexts: &mut kept, state: SessionState::ReadingBody };
        hook(&mut conversation, &module, abort);
        let (batch, id) = (conversation.message.batch, copy.id);
        let none = MessageId::default();
        let ends = "src=192.0.2.1:40000 dst=192.0.2.25:25";
        let expected = [
            format!(
                "00:00:00: rejected after 0.250000 s (scanned in 0.000000 s) size=0??? {ends} pathway=default \
                 ID={none} batch-ID={none} Message-ID=\"\" phase=4 (awaiting mailfrom)"
            ),
            format!(
                "00:00:01: received after 1.520000 s (scanned in 0.020000 s) size=19 {ends} pathway=inside ID={id} \
                 batch-ID={batch} Message-ID=\"<a@b>\""
            ),
            format!(
                "00:00:01: unexpected disconnect after 1.520000 s (scanned in 0.020000 s) size=19 {ends} \
                 pathway=default ID={batch} batch-ID={batch} Message-ID=\"\" phase=9 (reading body)"
            ),
        ];
        let lines: Vec<String> =
            conversation.host.logged.borrow().iter().map(|(_, line)| line.clone()).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut conversation, module) = measured();
        conversation.client.id.counter = 3;
        for batch in 0..BATCHES + 10 {
            conversation.message.batch.second = u32::try_from(batch).unwrap();
            conversation.ask(&*module, Phase::Data);
        }
        let any: Rc<dyn std::any::Any> = module.clone();
        let timing: Rc<ReceptionTiming> = any.downcast().unwrap();
        assert_eq!((timing.batches.borrow().len(), timing.sessions.borrow().len()), (BATCHES, 1));
        let (client, mut contexts) = (conversation.client.clone(), conversation.contexts.clone());
        hook(&mut conversation, &module, Hook::SessionEnd { client: &client, contexts: &mut contexts });
        assert_eq!(timing.sessions.borrow().len(), 0);
    }

    #[test]
    fn either_module_alone_writes_nothing_and_is_told_so() {
        let module = made(&MODULE, "reception_timing { }").unwrap();
        assert!(!module.judges(Phase::Data) && !module.hears(HookKind::LogReception));
        let snapshot = loaded("reception_timing_logger { }");
        let findings = (LOGGER.check.unwrap())(snapshot.modules().next().unwrap(), &Default::default());
        let texts: Vec<_> = findings.iter().map(|finding| finding.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "nothing is written without the module reception_timing",
                "nothing is written without the module chunk_logger"
            ]
        );
    }
}
