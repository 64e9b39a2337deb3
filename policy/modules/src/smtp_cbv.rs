//! smtp_cbv: asks the hosts of a sender (or recipient) whether the address exists, and notes what they say
//! (spec module-details.md). Decides nothing.
//!
//! The law: others pay for our question, so it is asked seldom: answers are remembered, and few questions are
//! under way at a time.

use crate::dialogue::Prober;
use crate::seats::Seats;
use config::{Dictionary, Instances, ModuleSyntax, OptionalText, Seconds};
use mail::{Address, Phase, Time};
use policy_api::{
    Answer, Ask, Host, Module, ModuleDef, Probe, ProbeFault, ProbeServer, ProbeStage, Probed, RecipientProbe,
    Verdict,
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
        let prober: Rc<dyn RecipientProbe> = Rc::new(Prober { hostname: make.hostname.into() });
        make.services.offer("smtp_cbv", prober.clone());
        Ok(Rc::new(Callback {
            options: CallbackOptions::resolve(&stanza),
            prober,
            seats: Seats::shared(QUESTIONS, make.shard, make.shards),
            known: RefCell::default(),
        }))
    },
);

const RESULT: &str = "smtp_cbv_result";
/// Questions of the process that are under way at a time.
const QUESTIONS: i64 = 16;
/// Addresses that a shard remembers.
const REMEMBERED: usize = 10_000;
const CERTAIN_LIFE: Duration = Duration::from_secs(3600);
const TRANSIENT_LIFE: Duration = Duration::from_secs(60);

struct Callback {
    options: CallbackOptions,
    prober: Rc<dyn RecipientProbe>,
    seats: Seats,
    /// By address: what was said, and until when that counts.
    known: RefCell<HashMap<Box<str>, (&'static str, Time)>>,
}

impl Module for Callback {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        let message = &ask.message;
        let address = match (self.options.phase, ask.phase) {
            (When::Mailfrom, Phase::Mailfrom) => message.sender.clone(),
            // A question like ours is not answered with another one, or two servers would ask each other.
            (When::Rcptto, Phase::Rcptto) if !self.is_ours(message.sender.as_ref()) => {
                message.recipient.clone()
            }
            _ => None,
        };
        let Some(address) = address.filter(|address| !address.domain().is_empty()) else {
            return Answer::Now(Verdict::Continue);
        };
        Answer::Later(Box::pin(async move {
            let result = self.result(&address, host).await;
            ask.contexts.message.set(RESULT, result);
            Verdict::Continue
        }))
    }
}

impl Callback {
    fn is_ours(&self, sender: Option<&Address>) -> bool {
        sender.map(Address::as_str) == self.options.mailfrom.as_deref()
    }

    async fn result(&self, address: &Address, host: &Rc<dyn Host>) -> &'static str {
        let now = host.now();
        let known = self.known.borrow().get(address.as_str()).copied();
        if let Some((result, _)) = known.filter(|(_, until)| now < *until) {
            return result;
        }
        let within = self.options.timeout;
        let Some(_seat) = self.seats.take(host, within).await else { return "transient" };
        let domain = address.folded_domain();
        let probe = Probe {
            server: ProbeServer::Domain(self.options.map.get(&domain).unwrap_or(&domain).into()),
            sender: self.options.mailfrom.as_deref().unwrap_or("").into(),
            recipient: address.as_str().into(),
            within: (now + within).since(host.now()),
        };
        host.counter("smtp_cbv:questions").add(1);
        let result = meaning(&self.prober.ask(probe, host).await);
        let life = if result == "transient" { TRANSIENT_LIFE } else { CERTAIN_LIFE };
        self.remember(address, result, host.now(), life);
        result
    }

    fn remember(&self, address: &Address, result: &'static str, now: Time, life: Duration) {
        let mut known = self.known.borrow_mut();
        if known.len() >= REMEMBERED {
            known.retain(|_, (_, until)| now < *until);
        }
        if known.len() < REMEMBERED {
            known.insert(address.as_str().into(), (result, now + life));
        }
    }
}

/// A server that does not want to talk with us has said nothing about the address.
fn meaning(said: &Result<Probed, ProbeFault>) -> &'static str {
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
    use policy_api::testing::Conversation;

    fn module(options: CallbackOptions) -> Callback {
        let prober = Rc::new(Prober { hostname: "mx.here.example".into() });
        Callback { options, prober, seats: Seats::shared(QUESTIONS, 0, 1), known: RefCell::default() }
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
    fn strangers_cannot_fill_the_memory() {
        let module = module(CallbackOptions::defaults().clone());
        let second = Time::from_secs;
        for number in 0..REMEMBERED + 5 {
            let address = Address::new(&number.to_string(), "x.example");
            module.remember(&address, "pass", second(1), TRANSIENT_LIFE);
        }
        assert_eq!(module.known.borrow().len(), REMEMBERED);
        module.remember(&Address::new("late", "x.example"), "pass", second(100), TRANSIENT_LIFE);
        assert_eq!(module.known.borrow().len(), 1);
    }
}
