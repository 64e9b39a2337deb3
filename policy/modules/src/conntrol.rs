//! conntrol: waits before the banner, and notices clients that speak first (spec inbound-smtp.md §8.1).

use config::{Instances, ModuleSyntax, OptionalText, Seconds};
use mail::Phase;
use policy_api::{Answer, Ask, Host, Module, ModuleDef, Verdict};
use std::rc::Rc;
use std::time::Duration;

config::options! {
    pub struct ConntrolOptions {
        /// Seconds to wait before the banner.
        pause_time: Seconds = "0", in [module];
        /// A complete reply, code first: sent to a client that spoke before the banner, which is then
        /// disconnected.
        disconnect_ratware: OptionalText = "", in [module];
    }
}

const UNBUILT: &[config::OptionDef] = config::definitions! {
    /// Sent before the pause, as the first lines of the greeting.
    banner: OptionalText = "", in [module], tier 1 Ignored("the greeting comes whole, after the pause");
};

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "conntrol",
        instances: Instances::Singleton,
        options: &[ConntrolOptions::DEFINITIONS, UNBUILT],
        stanzas: &[],
    },
    &[Phase::Connect, Phase::Mailfrom],
    |stanza, _| Ok(Rc::new(Conntrol { options: ConntrolOptions::resolve(&stanza) })),
);

struct Conntrol {
    options: ConntrolOptions,
}

impl Module for Conntrol {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        if ask.phase == Phase::Mailfrom {
            return Answer::Now(count(ask));
        }
        if self.options.pause_time == Duration::ZERO {
            return Answer::Now(self.look(ask, host));
        }
        let pause = host.pause(self.options.pause_time);
        Answer::Later(Box::pin(async move {
            pause.await;
            self.look(ask, host)
        }))
    }
}

/// Clients that err before their first sender have erred enough to be known.
fn count(ask: &mut Ask<'_>) -> Verdict {
    for (key, count) in [
        ("conntrol_unrecognized_commands", ask.client.unrecognized_commands),
        ("conntrol_bad_commands", ask.client.bad_commands),
    ] {
        ask.contexts.connection.set(key, &count.to_string());
    }
    Verdict::Continue
}

impl Conntrol {
    fn look(&self, ask: &mut Ask<'_>, host: &Rc<dyn Host>) -> Verdict {
        if !host.client_has_spoken() {
            return Verdict::Continue;
        }
        ask.contexts.connection.set("early_talker", "yes");
        let Some(reply) = &self.options.disconnect_ratware else { return Verdict::Continue };
        let (code, text) = reply.split_once(' ').unwrap_or((reply, ""));
        ask.disposition.disconnect(code.parse().unwrap_or(421), text);
        Verdict::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy_api::testing::Conversation;

    #[test]
    fn an_early_talker_is_noted_or_sent_away() {
        let ratware = Some("554 5.7.1 wait for the banner".into());
        for (has_spoken, disconnect_ratware, noted, code) in [
            (false, ratware.clone(), None, None),
            (true, None, Some("yes"), None),
            (true, ratware, Some("yes"), Some(554)),
        ] {
            let pause_time = Duration::from_secs(5);
            let module = Conntrol { options: ConntrolOptions { pause_time, disconnect_ratware } };
            let mut conversation = Conversation::default();
            conversation.host.has_spoken.set(has_spoken);
            let verdict = conversation.ask(&module, Phase::Connect);
            assert_eq!(conversation.host.paused.get(), pause_time);
            assert_eq!(conversation.contexts.connection.get("early_talker"), noted);
            assert_eq!(conversation.disposition.disconnect, code.is_some());
            assert_eq!(verdict == Verdict::Done, code.is_some());
            assert_eq!(conversation.code(), code);
        }
    }

    #[test]
    fn wrong_commands_are_counted_for_scripts() {
        let options = ConntrolOptions { pause_time: Duration::ZERO, disconnect_ratware: None };
        let mut conversation = Conversation::default();
        conversation.client.unrecognized_commands = 3;
        conversation.client.bad_commands = 1;
        conversation.ask(&Conntrol { options }, Phase::Mailfrom);
        let connection = &conversation.contexts.connection;
        assert_eq!(connection.get("conntrol_unrecognized_commands"), Some("3"));
        assert_eq!(connection.get("conntrol_bad_commands"), Some("1"));
    }
}
