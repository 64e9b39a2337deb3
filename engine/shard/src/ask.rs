//! Asks the modules of a phase in their order, and turns what they decided into what the session understands.

use crate::Shard;
use crate::judge::Conversation;
use logs::Event;
use mail::{Phase, Reply, SessionState, Time};
use policy_api::{Answer, Ask, Disposition, Host, Pipeline, Subject};
use smtp::server::Judgement;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use world::{Stream, World};

const REJECTED_BY_POLICY: &str = "5.7.0 [internal] rejected by policy";

impl<W: World> Conversation<W> {
    /// Asks the modules of one phase in their order.
    pub async fn ask(
        &mut self,
        phase: Phase,
        line: &str,
        mut subject: Subject<'_>,
        host: &dyn Host,
    ) -> Verdict {
        let settings = self.settings.clone();
        let pipeline: &Pipeline = &settings.site.pipeline;
        let mut disposition = Disposition::default();
        let mut turn = pipeline.turn(phase);
        while let Some(loaded) = turn.next(&self.contexts.connection) {
            let mut ask = Ask {
                phase,
                client: &self.client,
                line,
                contexts: &mut self.contexts,
                subject: subject.reborrow(),
                disposition: &mut disposition,
            };
            let verdict = match loaded.module.judge(&mut ask, host) {
                Answer::Now(verdict) => verdict,
                Answer::Later(answer) => answer.await,
            };
            turn.judged(verdict);
        }
        Verdict { disposition, module: turn.last(), state: None }
    }

    /// The verdict as the session understands it; refusals go to the reject log.
    pub fn settle(&mut self, verdict: Verdict, state: SessionState) -> Judgement {
        let Verdict { disposition, module, state: phase_state } = verdict;
        let state = phase_state.unwrap_or(state);
        let reply = disposition.reply.map(|reply| {
            if reply.text.is_empty() && !reply.is_success() {
                Reply::verbatim(reply.code, REJECTED_BY_POLICY)
            } else {
                reply
            }
        });
        let reason = reply.as_ref().filter(|reply| !reply.is_success()).or(disposition.discard.as_ref());
        if let Some(reason) = reason {
            self.log_rejection(reason, state, module);
        }
        // A discarded message is a success to its client.
        let reply = reply.filter(|reply| disposition.discard.is_none() || reply.is_success());
        Judgement { reply, disconnect: disposition.disconnect, pause: disposition.tarpit }
    }
}

/// A phase's disposition, and the module that ran last.
pub(crate) struct Verdict {
    pub disposition: Disposition,
    pub module: Option<&'static str>,
    /// Where the conversation stood, if the phase knows it better than the session.
    pub state: Option<SessionState>,
}

impl Verdict {
    pub fn accepted() -> Self {
        Verdict { disposition: Disposition::default(), module: None, state: None }
    }

    pub fn refused(reply: Reply) -> Self {
        let disposition = Disposition { reply: Some(reply), ..Disposition::default() };
        Verdict { disposition, module: None, state: None }
    }
}

/// The engine as modules see it.
pub(crate) struct SessionHost<'a, W: World> {
    pub shard: &'a Shard<W>,
    pub stream: &'a W::Stream,
}

impl<W: World> Host for SessionHost<'_, W> {
    fn now(&self) -> Time {
        self.shard.world.now()
    }

    fn pause<'a>(&'a self, delay: Duration) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(self.shard.world.sleep_until(self.now() + delay))
    }

    fn client_has_spoken(&self) -> bool {
        self.stream.has_unread()
    }

    fn report(&self, text: &str) {
        self.shard.record(&Event::Panic(text));
    }
}
