//! A module whose decisions stand in its stanza, one option for each phase: `code 550 5.7.1 no; done`.
//! A decision that begins with `NAME:` holds for recipients with that local part alone.

use config::{Instances, ModuleSyntax, Text};
use mail::{Address, Contexts, Phase, Reply};
use policy_api::{
    Answer, Ask, Credentials, Endpoint, Hook, HookKind, Host, Later, Level, Message, Module, ModuleDef,
    NewMessage, Pool, Question, RecordKind, Tally, Verdict,
};
use std::rc::Rc;
use std::time::Duration;

config::options! {
    pub struct ScriptedOptions {
        at_accept: Text = "", in [module];
        at_connect: Text = "", in [module];
        at_ehlo: Text = "", in [module];
        at_auth: Text = "", in [module];
        at_mailfrom: Text = "", in [module];
        at_rcptto: Text = "", in [module];
        at_data: Text = "", in [module];
        at_rcptto_list: Text = "", in [module];
        at_rcptto_list_final: Text = "", in [module];
        at_data_spool: Text = "", in [module];
        at_data_spool_each_rcpt: Text = "", in [module];
        at_msg_gen_data_spool: Text = "", in [module];
        at_set_binding: Text = "", in [module];
        at_final_validation: Text = "", in [module];
        /// Said to the panic log again and again, while the configuration is in force.
        alone: Text = "", in [module];
        /// `KIND: decision; …`, for hooks; `*` is all of them.
        on_hook: Text = "", in [module];
    }
}

pub static MODULE: ModuleDef = ModuleDef {
    hooks: &[
        HookKind::LogRejection,
        HookKind::LogReception,
        HookKind::LogDelivery,
        HookKind::LogTransientFailure,
        HookKind::LogPermanentFailure,
        HookKind::GenerateBounces,
        HookKind::OutboundAuth,
        HookKind::SessionAbort,
        HookKind::SessionEnd,
    ],
    ..ModuleDef::new(
        ModuleSyntax {
            name: "scripted",
            instances: Instances::Many,
            options: &[ScriptedOptions::DEFINITIONS],
            stanzas: &[],
        },
        &Phase::ALL,
        |stanza, _| Ok(Rc::new(Scripted(ScriptedOptions::resolve(&stanza)))),
    )
};

struct Scripted(ScriptedOptions);

impl Module for Scripted {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        let script = self.script(ask.phase);
        if script == "outside" {
            return Answer::Later(Box::pin(async move {
                let fields = outside(host).await;
                ask.message.content.prepend_written(fields.as_bytes());
                Verdict::Continue
            }));
        }
        if script.contains("wait") {
            return Answer::Later(Box::pin(async move {
                host.pause(Duration::from_secs(1)).await;
                act(script, ask)
            }));
        }
        Answer::Now(act(script, ask))
    }

    fn attend(&self, host: &Rc<dyn Host>) -> Option<Later<()>> {
        let (text, host) = (self.0.alone.to_string(), host.clone());
        (!text.is_empty()).then(|| {
            Box::pin(async move {
                for _ in 0.. {
                    host.pause(Duration::from_millis(10)).await;
                    assert!(text != "panic", "as asked");
                    host.report(Level::Info, &text);
                }
            }) as Later<()>
        })
    }

    fn hook<'a>(&'a self, hook: &'a mut Hook<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        let kind = format!("{:?}", hook.kind());
        let script = self.0.on_hook.split(';').filter_map(|decision| decision.trim().split_once(": "));
        let decisions: Vec<&str> =
            script.filter(|(of, _)| *of == "*" || *of == kind).map(|(_, decision)| decision).collect();
        Answer::Later(Box::pin(async move {
            for decision in decisions {
                let (verb, rest) = decision.split_once(' ').unwrap_or((decision, ""));
                match verb {
                    "wait" => host.pause(Duration::from_secs(rest.parse().unwrap())).await,
                    _ => on_hook(verb, rest, hook, host),
                }
            }
            Verdict::Continue
        }))
    }
}

fn on_hook(verb: &str, rest: &str, hook: &mut Hook<'_>, host: &Rc<dyn Host>) {
    let kind = hook.kind();
    match (verb, hook) {
        ("report", hook) => host.report(Level::Error, &format!("{kind:?} {}", facts(hook))),
        ("panic", _) => panic!("{rest}"),
        ("code", Hook::LogPermanentFailure { message, .. }) => {
            let (code, text) = rest.split_once(' ').unwrap();
            message.code = Some(Reply::verbatim(code.parse().unwrap(), text));
        }
        ("login", Hook::OutboundAuth { credentials, .. }) => {
            let (user, password) = rest.split_once(' ').unwrap();
            let (user, password) = (user.into(), password.into());
            **credentials = Some(Credentials { user, password, mechanism: "PLAIN".into() });
        }
        ("login_set", Hook::OutboundAuth { contexts, message, .. }) => {
            let recipient = message.recipient.as_ref().unwrap().local();
            contexts.message.set("outbound_smtp_auth_user", if recipient == "r1" { "tim" } else { "ann" });
        }
        ("notice", Hook::GenerateBounces { enabled, .. }) => **enabled = rest == "on",
        _ => panic!("no such decision at {kind:?}: {verb}"),
    }
}

/// What a hook shows, in one line.
fn facts(hook: &Hook<'_>) -> String {
    let copy = |message: &Message, contexts: &Contexts| {
        let [from, to] = [&message.sender, &message.recipient]
            .map(|one| one.as_ref().map_or(String::new(), |address| address.local().to_owned()));
        let rcptto = contexts.message.get("rcptto_localpart").unwrap_or("-");
        format!("{from}>{to} of {rcptto} on {} in {:?}", message.binding, message.routing_domain)
    };
    match hook {
        Hook::LogRejection { contexts, state, reply, .. } => {
            let name = contexts.connection.get("ehlo_domain").unwrap_or("-");
            format!("{reply} at {} of {name}", state.text())
        }
        Hook::LogReception { client, message, contexts } => {
            let siblings = contexts.message.get("#batch_ids").unwrap();
            assert!(siblings.contains(&message.id.to_string()), "{siblings}");
            let all = contexts.connection.iter().chain(contexts.message.iter()).map(|(key, _)| key);
            let own: String = all.filter(|key| key.starts_with("x_")).map(|key| format!(" {key}")).collect();
            format!("{:?} {}{own}", client.protocol, copy(message, contexts))
        }
        Hook::LogDelivery { message, contexts, reply }
        | Hook::LogTransientFailure { message, contexts, reply }
        | Hook::LogPermanentFailure { message, contexts, reply } => {
            format!("{reply}: {}", copy(message, contexts))
        }
        Hook::OutboundAuth { contexts, .. } => {
            format!("key {}", contexts.message.get("outbound_smtp_auth_key").unwrap_or("-"))
        }
        Hook::GenerateBounces { message, contexts, enabled } => {
            format!("{enabled}: {}", copy(message, contexts))
        }
        Hook::SessionAbort { contexts, .. } | Hook::SessionEnd { contexts, .. } => {
            contexts.connection.get("ehlo_domain").unwrap_or("-").to_owned()
        }
        _ => String::new(),
    }
}

impl Scripted {
    fn script(&self, phase: Phase) -> &str {
        let options = &self.0;
        match phase {
            Phase::Accept => &options.at_accept,
            Phase::Connect => &options.at_connect,
            Phase::Ehlo => &options.at_ehlo,
            Phase::Mailfrom => &options.at_mailfrom,
            Phase::Rcptto => &options.at_rcptto,
            Phase::Data => &options.at_data,
            Phase::RcpttoList => &options.at_rcptto_list,
            Phase::RcpttoListFinal => &options.at_rcptto_list_final,
            Phase::DataSpool => &options.at_data_spool,
            Phase::DataSpoolEachRcpt => &options.at_data_spool_each_rcpt,
            Phase::SetBinding => &options.at_set_binding,
            Phase::FinalValidation => &options.at_final_validation,
            Phase::Auth => &options.at_auth,
            Phase::MsgGenDataSpool => &options.at_msg_gen_data_spool,
        }
    }
}

fn act(script: &str, ask: &mut Ask<'_>) -> Verdict {
    for decision in script.split(';').map(str::trim).filter(|decision| !decision.is_empty()) {
        let recipient = ask.message.recipient.as_ref().map(|recipient| recipient.local().to_owned());
        let decision = match decision.split_once(": ").filter(|(name, _)| !name.contains(' ')) {
            Some((name, _)) if recipient.as_deref() != Some(name) => continue,
            Some((_, decision)) => decision,
            None => decision,
        };
        if let Some(verdict) = decide(decision, ask) {
            return verdict;
        }
    }
    Verdict::Continue
}

fn decide(decision: &str, ask: &mut Ask<'_>) -> Option<Verdict> {
    let (verb, rest) = decision.split_once(' ').unwrap_or((decision, ""));
    // `code 550` has no text.
    let parts = rest.split_once(' ').or_else(|| (!rest.is_empty()).then_some((rest, "")));
    let reply = || parts.map(|(code, text)| (code.parse::<u16>().unwrap(), text.replace('|', "\n")));
    match verb {
        "wait" => {}
        "done" => return Some(Verdict::Done),
        "fail" => return Some(Verdict::Failed(rest.into())),
        "exceed" => return Some(Verdict::Exceeded(rest.into())),
        "panic" => panic!("{rest}"),
        "code" => reply().into_iter().for_each(|(code, text)| ask.disposition.set_code(code, text)),
        "disconnect" => reply().into_iter().for_each(|(code, text)| ask.disposition.disconnect(code, text)),
        "leave" => ask.disposition.disconnect = true,
        "discard" => ask.disposition.discard(reply().map(|(code, text)| Reply::verbatim(code, text))),
        "tarpit" => ask.disposition.tarpit(Duration::from_secs(rest.parse().unwrap())),
        "capability" => ask.session.capabilities_added.push(rest.into()),
        "add" => ask.message.recipients.push(Address::from_checked(rest)),
        "many" => {
            let address = |number| Address::new(&format!("m{number}"), "[10.1.0.1]");
            ask.message.recipients.extend((0..rest.parse().unwrap()).map(address));
        }
        "remove" => ask.message.recipients.retain(|recipient| recipient.local() != rest),
        "recipient" => ask.message.recipient = Some(Address::from_checked(rest)),
        "sender" => ask.message.sender = Some(Address::from_checked(rest)),
        "field" => ask.message.content.prepend_written(format!("{rest}\r\n").as_bytes()),
        "binding" => ask.message.binding = rest.into(),
        "routing" => ask.message.routing_domain = Some(rest.into()),
        "priority" => ask.message.priority = true,
        "group" => ask.message.binding_group = rest.into(),
        "pathway" => ask.contexts.message.set("pathway", rest),
        "set_connection" => {
            let (key, value) = rest.split_once('=').unwrap();
            ask.contexts.connection.set(key, value);
        }
        "set" => {
            let (key, value) = rest.split_once('=').unwrap();
            ask.contexts.message.set(key, value);
        }
        "show" => {
            let value = ask.contexts.message.get(rest).unwrap_or("-").to_owned();
            let field = format!("X-{rest}: {value}\r\n");
            ask.message.content.prepend_written(field.as_bytes());
        }
        "connection" => {
            let value = ask.contexts.connection.get(rest).unwrap_or("-").to_owned();
            ask.message.content.prepend_written(format!("X-{rest}: {value}\r\n").as_bytes());
        }
        "send" => ask.message.outgoing.push(NewMessage {
            recipients: vec![Address::from_checked(rest)],
            content: "Subject: ours\r\n\r\nbody\r\n".into(),
            ..NewMessage::default()
        }),
        _ => panic!("no such decision: {decision}"),
    }
    None
}

/// Asks for one of everything; what came back, as fields.
async fn outside(host: &Rc<dyn Host>) -> String {
    let mut fields = String::new();
    let mut note = |name: &str, what: String| fields.push_str(&format!("X-{name}: {what}\r\n"));
    for (field, name, kind) in [
        ("A", "host.alpha.example", RecordKind::A),
        ("NS", "alpha.example", RecordKind::Ns),
        ("Alias", "www.alpha.example", RecordKind::Cname),
        ("Nobody", "nobody.example", RecordKind::A),
        ("Nothing", "host.alpha.example", RecordKind::Txt),
        ("No-Name", "a..b", RecordKind::A),
    ] {
        let answers = host.lookup(Question::new(name, kind)).await;
        note(
            field,
            answers.map_or_else(|fault| fault.to_string(), |answers| format!("{:?}", answers.records)),
        );
    }
    let server = Some(([10, 53, 0, 2], 53).into());
    let question = Question { server, ..Question::new("here.example", RecordKind::Txt) };
    note("Elsewhere", format!("{:?}", host.lookup(question).await.unwrap().records));
    let minute = Duration::from_secs(60);
    let mut stream = host.dial(Endpoint::Inet(([10, 1, 0, 1], 25).into()), minute).await.unwrap();
    let banner = stream.read(minute).await.unwrap();
    note("Banner", String::from_utf8_lossy(&banner).trim_end().to_owned());
    let refused = host.dial(Endpoint::Inet(([10, 1, 0, 1], 26).into()), minute).await;
    note("Refused", format!("{:?}", refused.err().unwrap().kind()));
    let done = host.work(Pool::Cpu, Box::new(|| Box::new(6 * 7))).await.unwrap();
    note("Job", done.downcast_ref::<i32>().unwrap().to_string());
    let broken = host.work(Pool::Io, Box::new(|| panic!("a job that breaks"))).await;
    note("Panicked", broken.unwrap_err().to_string());
    let tally = Tally { name: "connections".into(), slot: minute, slots: 10 };
    host.add(&tally, "192.0.2.1", 3);
    host.add(&tally, "192.0.2.1", 4);
    host.add(&tally, "192.0.2.2", 100);
    note("Tally", host.count(&tally, "192.0.2.1", 10).await.to_string());
    host.counter("spam:one").add(3);
    host.counter("spam:two").add(1);
    host.counter("virus:one").add(1);
    note("Counters", format!("{:?}", host.counters("spam:").await));
    note("Option", host.option(&[], "hostname").unwrap());
    let message = NewMessage {
        recipients: vec![Address::new("z", "[10.1.0.1]")],
        content: "Subject: alert\r\n\r\nbody\r\n".into(),
        ..NewMessage::default()
    };
    host.inject(message).await.unwrap();
    fields
}
