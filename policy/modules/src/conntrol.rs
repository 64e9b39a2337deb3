//! conntrol: waits before the banner, and notices clients that speak first (spec inbound-smtp.md §8.1).

use config::{Instances, ModuleSyntax, OptionalText, Seconds, Stanza};
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

pub static MODULE: ModuleDef = ModuleDef {
    syntax: ModuleSyntax {
        name: "conntrol",
        instances: Instances::Singleton,
        options: &[ConntrolOptions::DEFINITIONS, UNBUILT],
        stanzas: &[],
    },
    phases: &[Phase::Connect],
    make: |stanza: Stanza<'_>| Rc::new(Conntrol { options: ConntrolOptions::resolve(&stanza) }),
};

struct Conntrol {
    options: ConntrolOptions,
}

impl Module for Conntrol {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a dyn Host) -> Answer<'a> {
        if self.options.pause_time == Duration::ZERO {
            return Answer::Now(self.look(ask, host));
        }
        // The contexts outlive the wait, the question does not: it is finished inside the same future.
        let pause = host.pause(self.options.pause_time);
        Answer::Later(Box::pin(async move {
            pause.await;
            self.look(ask, host)
        }))
    }
}

impl Conntrol {
    fn look(&self, ask: &mut Ask<'_>, host: &dyn Host) -> Verdict {
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
pub(crate) mod tests {
    use super::*;
    use mail::{Contexts, MessageId, Time};
    use policy_api::{Client, Disposition, Subject};
    use std::cell::Cell;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    /// A host where nothing happens, but that remembers how long it was asked to wait.
    #[derive(Default)]
    pub(crate) struct SilentHost {
        pub has_spoken: bool,
        pub paused: Cell<Duration>,
    }

    impl Host for SilentHost {
        fn now(&self) -> Time {
            Time::EPOCH
        }
        fn pause<'a>(&'a self, delay: Duration) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
            self.paused.set(delay);
            Box::pin(std::future::ready(()))
        }
        fn client_has_spoken(&self) -> bool {
            self.has_spoken
        }
        fn report(&self, text: &str) {
            panic!("nothing to report: {text}");
        }
    }

    /// What one question has left behind.
    pub(crate) struct Asked {
        pub contexts: Contexts,
        pub disposition: Disposition,
        pub verdict: Verdict,
    }

    pub(crate) fn ask_once(
        module: &dyn Module,
        phase: Phase,
        subject: Subject<'_>,
        host: &SilentHost,
    ) -> Asked {
        let client = Client { id: MessageId::NONE, peer: None, local: None };
        let mut contexts = Contexts::default();
        let mut disposition = Disposition::default();
        let mut ask = Ask {
            phase,
            client: &client,
            line: "",
            contexts: &mut contexts,
            subject,
            disposition: &mut disposition,
        };
        let verdict = match module.judge(&mut ask, host) {
            Answer::Now(verdict) => verdict,
            Answer::Later(answer) => {
                match pin!(answer).as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(verdict) => verdict,
                    Poll::Pending => panic!("a silent host answers at once"),
                }
            }
        };
        Asked { contexts, disposition, verdict }
    }

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
            let host = SilentHost { has_spoken, ..SilentHost::default() };
            let asked = ask_once(&module, Phase::Connect, Subject::default(), &host);
            assert_eq!(host.paused.get(), pause_time);
            assert_eq!(asked.contexts.connection.get("early_talker"), noted);
            assert_eq!(asked.disposition.disconnect, code.is_some());
            assert_eq!(asked.verdict == Verdict::Done, code.is_some());
            assert_eq!(asked.disposition.reply.map(|reply| reply.code), code);
        }
    }
}
