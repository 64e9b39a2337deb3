//! smtp_cbv: asks the hosts of a sender (or recipient) whether the address exists, and notes what they say
//! (spec module-details.md). Decides nothing.
//!
//! The law: others pay for our question, so it is asked seldom: answers are remembered, and few questions are
//! under way at a time.

use crate::dialogue::Prober;
use crate::seats::Seats;
use config::{Dictionary, Instances, ModuleSyntax, OptionalText, Seconds};
use mail::{Address, Phase, Reply, Time};
use policy_api::{
    Answer, Ask, Host, Later, Module, ModuleDef, Probe, ProbeFault, ProbeServer, ProbeStage, Probed,
    RecipientProbe, Verdict,
};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

config::choices! {
    /// Whose address is looked at.
    pub enum When { Mailfrom = 0: "mailfrom", Rcptto = 1: "rcptto" }
}

config::options! {
    pub struct CallbackOptions {
        /// Sender of the question; empty is the null sender.
        mailfrom: OptionalText = "", in [module];
        /// Domains that are asked in place of others: `"one.example" = "other.example"`.
        map: Dictionary = "", in [module];
        /// When to ask: at mailfrom about the sender, at rcptto about each recipient.
        phase: When = "mailfrom", in [module];
        /// Seconds for an answer.
        timeout: Seconds = "30", in [module], tier 0;
    }
}

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "smtp_cbv",
        instances: Instances::Any,
        options: &[CallbackOptions::DEFINITIONS],
        stanzas: &[],
    },
    &[Phase::Mailfrom, Phase::Rcptto],
    |stanza, make| {
        let options = CallbackOptions::resolve(&stanza);
        let prober = Rc::new(Prober { hostname: make.hostname.into() });
        let seats = Seats::shared(QUESTIONS, make.shard, make.shards);
        let caller = Caller::new(options, prober, seats);
        make.services.offer::<Rc<dyn RecipientProbe>>("smtp_cbv", Rc::new(caller.clone()));
        Ok(Rc::new(Callback(caller)))
    },
);

const RESULT: &str = "smtp_cbv_result";
/// Questions of the process that are under way at a time.
const QUESTIONS: i64 = 16;
/// Addresses that a shard remembers.
const REMEMBERED: usize = 10_000;
const CERTAIN_LIFE: Duration = Duration::from_secs(3600);
const TRANSIENT_LIFE: Duration = Duration::from_secs(60);

/// Octets of a reply that are remembered.
const REMEMBERED_TEXT: usize = 500;

type Said = Result<Probed, ProbeFault>;
/// Sender and recipient.
type Pair = (Box<str>, Box<str>);

/// Asks for the module and for scripts: what one of them has heard, the other need not ask.
#[derive(Clone)]
struct Caller(Rc<Calls>);

struct Calls {
    options: CallbackOptions,
    prober: Rc<dyn RecipientProbe>,
    seats: Seats,
    /// What was said, and until when that counts.
    known: RefCell<HashMap<Pair, (Said, Time)>>,
}

struct Callback(Caller);

impl Module for Callback {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        let Calls { options, .. } = &*self.0.0;
        let message = &ask.message;
        let address = match (options.phase, ask.phase) {
            (When::Mailfrom, Phase::Mailfrom) => message.sender.clone(),
            // A question like ours is not answered with another one, or two servers would ask each other.
            (When::Rcptto, Phase::Rcptto)
                if message.sender.as_ref().map(Address::as_str) != options.mailfrom.as_deref() =>
            {
                message.recipient.clone()
            }
            _ => None,
        };
        let Some(address) = address.filter(|address| !address.domain().is_empty()) else {
            return Answer::Now(Verdict::Continue);
        };
        let probe = Probe {
            server: ProbeServer::Domain(address.folded_domain().into()),
            sender: options.mailfrom.as_deref().unwrap_or("").into(),
            recipient: address.as_str().into(),
            within: options.timeout,
        };
        Answer::Later(Box::pin(async move {
            let said = self.0.ask(probe, host).await;
            ask.contexts.message.set(RESULT, meaning(&said));
            Verdict::Continue
        }))
    }
}

impl RecipientProbe for Caller {
    fn ask(&self, probe: Probe, host: &Rc<dyn Host>) -> Later<Said> {
        let (caller, host) = (self.clone(), host.clone());
        Box::pin(async move { caller.said(probe, &host).await })
    }
}

impl Caller {
    fn new(options: CallbackOptions, prober: Rc<dyn RecipientProbe>, seats: Seats) -> Caller {
        Caller(Rc::new(Calls { options, prober, seats, known: RefCell::default() }))
    }

    async fn said(&self, mut probe: Probe, host: &Rc<dyn Host>) -> Said {
        let calls = &*self.0;
        let key = (probe.sender.clone(), probe.recipient.clone());
        let now = host.now();
        let known = calls.known.borrow().get(&key).cloned();
        if let Some((said, _)) = known.filter(|(_, until)| now < *until) {
            return said;
        }
        let within = probe.within.min(calls.options.timeout);
        let Some(_seat) = calls.seats.take(host, within).await else {
            return Err(ProbeFault::Unreachable("too many questions are under way".to_owned()));
        };
        if let ProbeServer::Domain(domain) = &mut probe.server
            && let Some(mapped) = calls.options.map.get(domain)
        {
            *domain = mapped.into();
        }
        probe.within = (now + within).since(host.now());
        host.counter("smtp_cbv:questions").add(1);
        let said = short(calls.prober.ask(probe, host).await);
        let life = if meaning(&said) == "transient" { TRANSIENT_LIFE } else { CERTAIN_LIFE };
        self.remember(key, said.clone(), host.now(), life);
        said
    }

    fn remember(&self, key: Pair, said: Said, now: Time, life: Duration) {
        let mut known = self.0.known.borrow_mut();
        if known.len() >= REMEMBERED {
            known.retain(|_, (_, until)| now < *until);
        }
        if known.len() < REMEMBERED {
            known.insert(key, (said, now + life));
        }
    }
}

/// Strangers say what they like, and much of it.
fn short(said: Said) -> Said {
    let mut probed = said?;
    if probed.reply.text.len() > REMEMBERED_TEXT {
        let text = &probed.reply.text[..probed.reply.text.floor_char_boundary(REMEMBERED_TEXT)];
        probed.reply = Reply::verbatim(probed.reply.code, text);
    }
    Ok(probed)
}

/// A server that does not want to talk with us has said nothing about the address.
fn meaning(said: &Said) -> &'static str {
    match said {
        Ok(Probed { stage: ProbeStage::Recipient, reply }) if reply.is_success() => "pass",
        Ok(Probed { stage: ProbeStage::Sender | ProbeStage::Recipient, reply }) if reply.is_permanent() => {
            "error"
        }
        Ok(_) | Err(ProbeFault::Unreachable(_)) => "transient",
        Err(ProbeFault::Nobody(_)) => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::tests::server;
    use policy_api::Record;
    use policy_api::testing::{Conversation, run};

    fn module(options: CallbackOptions) -> Callback {
        let prober = Rc::new(Prober { hostname: "mx.here.example".into() });
        Callback(Caller::new(options, prober, Seats::shared(QUESTIONS, 0, 1)))
    }

    fn conversation(says: &[&'static str]) -> (Conversation, Rc<RefCell<Vec<u8>>>) {
        let conversation = Conversation::default();
        let mx = Record::Mx { preference: 10, exchange: "mx.there.example".to_owned() };
        conversation.host.name("there.example", [mx]);
        conversation.host.name("mx.there.example", [Record::A([192, 0, 2, 7].into())]);
        let heard = server(&conversation.host, "192.0.2.7:25", says);
        (conversation, heard)
    }

    const HELLO: [&str; 2] = ["220 hi\r\n", "250 hi\r\n"];

    #[test]
    fn what_the_hosts_of_the_sender_say_is_noted_and_remembered() {
        for (says, expected) in [
            (&[HELLO[0], HELLO[1], "250 ok\r\n", "250 ok\r\n"][..], "pass"),
            (&[HELLO[0], HELLO[1], "250 ok\r\n", "550 no\r\n"], "error"),
            (&[HELLO[0], HELLO[1], "550 no bounces\r\n"], "error"),
            (&[HELLO[0], HELLO[1], "250 ok\r\n", "451 later\r\n"], "transient"),
            (&["554 not you\r\n"], "transient"),
        ] {
            let (mut conversation, _) = conversation(says);
            let module = module(CallbackOptions::defaults().clone());
            conversation.message.sender = Some(Address::new("a", "There.example"));
            for _ in 0..2 {
                assert_eq!(conversation.ask(&module, Phase::Mailfrom), Verdict::Continue);
                assert_eq!(conversation.contexts.message.get(RESULT), Some(expected), "{says:?}");
            }
            assert_eq!(conversation.host.counters.borrow()["smtp_cbv:questions"].get(), 1);
            assert_eq!(conversation.code(), None);
        }
        let (mut conversation, _) = conversation(&[]);
        let module = module(CallbackOptions::defaults().clone());
        conversation.message.sender = Some(Address::new("a", "nowhere.example"));
        conversation.ask(&module, Phase::Mailfrom);
        assert_eq!(conversation.contexts.message.get(RESULT), Some("error"));
    }

    #[test]
    fn domains_are_mapped_and_the_phase_is_chosen() {
        let (mut conversation, heard) = conversation(&[HELLO[0], HELLO[1], "250 ok\r\n", "250 ok\r\n"]);
        let mut map = mail::Dictionary::default();
        map.set("here.example", "there.example");
        let module = module(CallbackOptions {
            phase: When::Rcptto,
            map: map.into(),
            mailfrom: Some("probe@here.example".into()),
            ..CallbackOptions::defaults().clone()
        });
        conversation.message.sender = Some(Address::new("probe", "here.example"));
        conversation.message.recipient = Some(Address::new("b", "here.example"));
        conversation.ask(&module, Phase::Mailfrom);
        conversation.ask(&module, Phase::Rcptto);
        assert_eq!(conversation.contexts.message.get(RESULT), None, "it is a question like ours");
        conversation.message.sender = None;
        conversation.ask(&module, Phase::Rcptto);
        assert_eq!(conversation.contexts.message.get(RESULT), Some("pass"));
        let heard = String::from_utf8_lossy(&heard.borrow()).into_owned();
        assert!(heard.contains("MAIL FROM:<probe@here.example>\r\nRCPT TO:<b@here.example>\r\n"), "{heard}");
    }

    #[test]
    fn what_the_module_has_heard_scripts_need_not_ask() {
        let (mut conversation, _) =
            conversation(&[HELLO[0], HELLO[1], "250 ok\r\n", "550 5.1.1 no such user\r\n"]);
        let module = module(CallbackOptions::defaults().clone());
        conversation.message.sender = Some(Address::new("a", "there.example"));
        conversation.ask(&module, Phase::Mailfrom);
        let host: Rc<dyn Host> = conversation.host.clone();
        let probe = |sender: &str| Probe {
            server: ProbeServer::Domain("there.example".into()),
            sender: sender.into(),
            recipient: "a@there.example".into(),
            within: Duration::from_secs(5),
        };
        let said = run(module.0.ask(probe(""), &host)).expect("an answer");
        assert_eq!((said.reply.code, &*said.reply.text), (550, "5.1.1 no such user"));
        assert_eq!(conversation.host.counters.borrow()["smtp_cbv:questions"].get(), 1);
        run(module.0.ask(probe("b@other.example"), &host)).expect("another sender is another question");
        assert_eq!(conversation.host.counters.borrow()["smtp_cbv:questions"].get(), 2);
    }

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let Callback(caller) = module(CallbackOptions::defaults().clone());
        let second = Time::from_secs;
        let said = || Err(ProbeFault::Unreachable(String::new()));
        for number in 0..REMEMBERED + 5 {
            caller.remember(("".into(), number.to_string().into()), said(), second(1), TRANSIENT_LIFE);
        }
        assert_eq!(caller.0.known.borrow().len(), REMEMBERED);
        caller.remember(("".into(), "late".into()), said(), second(100), TRANSIENT_LIFE);
        assert_eq!(caller.0.known.borrow().len(), 1);
        let long = Probed { stage: ProbeStage::Recipient, reply: Reply::verbatim(250, "ü".repeat(5000)) };
        assert_eq!(short(Ok(long)).unwrap().reply.text.len(), REMEMBERED_TEXT);
    }
}
