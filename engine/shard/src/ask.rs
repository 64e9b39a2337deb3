//! Asks the modules of a phase in their order, and turns what they decided into what the session understands.
//!
//! Law: a module that fails or panics costs its own client a 421, one that exceeds its budget a 451, and nobody else
//! anything.

use crate::Shard;
use crate::host::PolicyHost;
use crate::judge::Conversation;
use crate::race::{caught, guarded};
use crate::settings::Site;
use mail::{Contexts, Dictionary, Phase, Reply, SessionState};
use policy_api::{
    Answer, Ask, Client, Disposition, Hook, Host, Loaded, Message, Rights, SessionRequests,
    Verdict as Answered,
};
use smtp::server::Judgement;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use world::{Stream, World};

const REJECTED_BY_POLICY: &str = "5.7.0 [internal] rejected by policy";

/// Who asks: one session, or one message of our own.
pub(crate) struct Asking<'a, W: World> {
    pub shard: &'a Rc<Shard<W>>,
    pub site: &'a Rc<Site>,
    pub client: &'a Client,
    pub contexts: &'a mut Contexts,
    pub host: &'a Rc<PolicyHost<W>>,
    /// The client's connection, to hear whether it speaks out of turn.
    pub stream: Option<&'a W::Stream>,
}

impl<W: World> Asking<'_, W> {
    /// A phase without anything but contexts.
    pub async fn bare(&mut self, phase: Phase, line: &str, requests: &mut SessionRequests) -> Verdict {
        self.phase(phase, line, &mut Message::default(), requests).await
    }

    /// Asks the modules of one phase in their order.
    pub async fn phase(
        &mut self,
        phase: Phase,
        line: &str,
        message: &mut Message,
        requests: &mut SessionRequests,
    ) -> Verdict {
        let site = self.site.clone();
        let mut disposition = Disposition::default();
        let mut turn = site.pipeline.turn(phase);
        let kept = Rights::of(phase).keep(message);
        while let Some(loaded) = turn.next(&self.contexts.connection) {
            let answered = self.ask(loaded, phase, line, message, requests, &mut disposition).await;
            let mut changes = kept.restore(message);
            changes.extend(without_right(phase, &mut disposition, requests));
            for what in changes {
                self.complain(loaded, &format!("{} cannot change {what}", phase.name()));
            }
            if let Answered::Failed(text) | Answered::Exceeded(text) = &answered {
                self.complain(loaded, &format!("{} error: {text}", phase.name()));
            }
            match &answered {
                Answered::Failed(_) => disposition.disconnect(421, site.temporary_issue()),
                Answered::Exceeded(_) => {
                    disposition.set_code(451, format!("4.3.0 {}", site.temporary_issue()))
                }
                Answered::Continue | Answered::Done => {}
            }
            turn.judged(&answered);
        }
        Verdict { disposition, module: turn.last(), state: None }
    }

    async fn ask(
        &mut self,
        loaded: &Loaded,
        phase: Phase,
        line: &str,
        message: &mut Message,
        session: &mut SessionRequests,
        disposition: &mut Disposition,
    ) -> Answered {
        let host: Rc<dyn Host> = self.host.clone();
        let (ours, stream) = (self.host, self.stream);
        let mut ask =
            Ask { phase, client: self.client, line, contexts: self.contexts, message, session, disposition };
        let hear = || ours.client_has_spoken.set(stream.is_some_and(Stream::has_unread));
        hear();
        // What the module had in hand is put back by nobody after a panic: the session ends with it.
        let (module, question, host) = (&loaded.module, &mut ask, &host);
        match guarded(move || module.judge(question, host)) {
            Ok(Answer::Now(answered)) => answered,
            Ok(Answer::Later(answer)) => {
                let mut answer = pin!(caught(answer));
                let listening = poll_fn(|context| {
                    hear();
                    answer.as_mut().poll(context)
                });
                listening.await.unwrap_or_else(|panic| Answered::Failed(panic.into()))
            }
            Err(panic) => Answered::Failed(panic.into()),
        }
    }

    fn complain(&self, loaded: &Loaded, text: &str) {
        self.shard.complain(&format!("{}: {text}", loaded.definition.name()));
    }
}

/// Asks the modules that have something to say at a hook, until one says that it is enough.
pub(crate) async fn ask_hook<W: World>(ours: &Rc<PolicyHost<W>>, hook: &mut Hook<'_>) {
    let host: Rc<dyn Host> = ours.clone();
    let site = ours.site.clone();
    let nothing = Dictionary::default();
    let mut turn = site.pipeline.hook_turn(hook.kind());
    while let Some(loaded) = turn.next(&nothing) {
        let (module, question, host) = (&loaded.module, &mut *hook, &host);
        let answered = match guarded(move || module.hook(question, host)) {
            Ok(Answer::Now(answered)) => answered,
            Ok(Answer::Later(answer)) => {
                caught(answer).await.unwrap_or_else(|panic| Answered::Failed(panic.into()))
            }
            Err(panic) => Answered::Failed(panic.into()),
        };
        if let Answered::Failed(text) | Answered::Exceeded(text) = &answered {
            ours.shard.complain(&format!("{}: hook error: {text}", loaded.definition.name()));
        }
        turn.judged(&answered);
    }
}

/// Takes back the decisions that a phase has no right to; their names.
fn without_right(
    phase: Phase,
    disposition: &mut Disposition,
    requests: &mut SessionRequests,
) -> Vec<&'static str> {
    let rights = Rights::of(phase);
    let mut taken = Vec::new();
    let decides = disposition.reply.is_some() || disposition.disconnect || !disposition.tarpit.is_zero();
    if !rights.code && decides {
        let discard = disposition.discard.take();
        *disposition = Disposition { discard, ..Disposition::default() };
        taken.push("the code");
    }
    if !rights.discard && disposition.discard.take().is_some() {
        taken.push("whether the message is discarded");
    }
    if !rights.capabilities && !requests.is_empty() {
        *requests = SessionRequests::default();
        taken.push("the capabilities");
    }
    taken
}

/// A refusal without a text gets one.
pub(crate) fn worded(reply: Reply) -> Reply {
    match reply.text.is_empty() && !reply.is_success() {
        true => Reply::verbatim(reply.code, REJECTED_BY_POLICY),
        false => reply,
    }
}

impl<W: World> Conversation<W> {
    /// The verdict as the session understands it; refusals go to the reject log.
    pub fn settle(&mut self, verdict: Verdict, state: SessionState) -> Judgement {
        let Verdict { disposition, module, state: phase_state } = verdict;
        let state = phase_state.unwrap_or(state);
        let reply = disposition.reply.map(worded);
        let reason = reply.as_ref().filter(|reply| !reply.is_success()).or(disposition.discard.as_ref());
        if let Some(reason) = reason.filter(|reason| !reason.is_success()) {
            self.log_rejection(reason, state, module);
        }
        // A discarded message is a success to its client.
        let reply = reply.filter(|reply| disposition.discard.is_none() || reply.is_success());
        Judgement { reply, disconnect: disposition.disconnect, pause: disposition.tarpit }
    }
}

/// A phase's disposition, and the module that ran last.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub disposition: Disposition,
    pub module: Option<&'static str>,
    /// Where the conversation stood, if the phase knows it better than the session.
    pub state: Option<SessionState>,
}

impl Verdict {
    pub fn accepted() -> Self {
        Verdict::default()
    }

    pub fn refused(reply: Reply) -> Self {
        let disposition = Disposition { reply: Some(reply), ..Disposition::default() };
        Verdict { disposition, ..Verdict::default() }
    }

    /// Nothing is left to decide for the message.
    pub fn ends(&self) -> bool {
        self.disposition.refuses() || self.disposition.discard.is_some()
    }

    /// With what earlier phases have decided beside their codes: the reply is held back for all of them, and the
    /// connection ends behind it.
    pub fn behind(mut self, earlier: &Disposition) -> Self {
        self.disposition.tarpit(earlier.tarpit);
        self.disposition.disconnect |= earlier.disconnect;
        self
    }
}
