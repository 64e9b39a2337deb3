//! Scripts at hooks: the engine tells what has happened, and most of it cannot be changed any more (spec sieve.md §6).
//!
//! The law: a script sees the message and the contexts that the hook brings; what it decides is all that goes back.

use crate::machine::{Ending, Loaded};
use crate::run::{Begun, Terms, begin, finish};
use crate::scene::{Scene, Shared};
use mail::{Address, Contexts, MessageId, Phase, Reply};
use policy_api::{Ask, Client, Disposition, Hook, HookKind, Host, Message, Rights, SessionRequests};
use std::rc::Rc;

/// What a script may decide at a hook.
fn rights(kind: HookKind) -> Rights {
    Rights {
        // The reply that is logged and bounced; no relaying.
        code: matches!(kind, HookKind::LogPermanentFailure | HookKind::CanRelayTo),
        // No notice.
        discard: kind == HookKind::GenerateBounces,
        content: false,
        suspend: true,
        ..Rights::of(Phase::FinalValidation)
    }
}

/// A script, and the number that it answers with (`return` of its stanza).
pub(crate) struct Told<'a> {
    pub name: &'a str,
    pub loaded: &'a Rc<Loaded>,
    pub returns: i64,
}

/// Runs the script of a hook to its end.
pub(crate) async fn play(
    told: Told<'_>,
    hook: &mut Hook<'_>,
    host: &Rc<dyn Host>,
    shared: &Shared,
    terms: Terms,
) -> Ending {
    let rights = rights(hook.kind());
    let nobody = Client::new(MessageId::NONE, None, None);
    let (mut nothing, mut nowhere) = (Message::default(), Contexts::default());
    let (mut session, mut disposition) = (SessionRequests::default(), Disposition::default());
    let brought = brought(hook);
    let mut ask = Ask {
        phase: Phase::FinalValidation,
        client: brought.client.unwrap_or(&nobody),
        line: "",
        contexts: brought.contexts.unwrap_or(&mut nowhere),
        message: match brought.message {
            Some(message) => message,
            None => {
                nothing.recipient = brought.recipient.cloned();
                &mut nothing
            }
        },
        session: &mut session,
        disposition: &mut disposition,
    };
    let mut scene = Scene::new(told.name, &mut ask, host, shared).at_hook(rights, brought.reply);
    let ending = match begin(told.loaded, terms, &mut scene) {
        Begun::Finished(ending) => ending,
        Begun::Waiting(machine, progress) => finish(machine, progress, terms, &mut scene).await,
    };
    if !matches!(ending, Ending::Failed(_)) {
        decide(hook, disposition, told.returns);
    }
    ending
}

#[derive(Default)]
struct Brought<'h> {
    client: Option<&'h Client>,
    message: Option<&'h mut Message>,
    recipient: Option<&'h Address>,
    contexts: Option<&'h mut Contexts>,
    reply: Option<&'h Reply>,
}

fn brought<'h>(hook: &'h mut Hook<'_>) -> Brought<'h> {
    match hook {
        Hook::LogAuthFailure { client, contexts, reply, .. }
        | Hook::LogRejection { client, contexts, reply, .. } => Brought {
            client: Some(client),
            contexts: Some(contexts),
            reply: Some(reply),
            ..Brought::default()
        },
        Hook::LogReception { client, message, contexts } => Brought {
            client: Some(client),
            message: Some(message),
            contexts: Some(contexts),
            ..Brought::default()
        },
        Hook::LogDelivery { message, contexts, reply }
        | Hook::LogTransientFailure { message, contexts, reply }
        | Hook::LogPermanentFailure { message, contexts, reply } => Brought {
            message: Some(message),
            contexts: Some(contexts),
            reply: Some(reply),
            ..Brought::default()
        },
        Hook::CanRelayTo { client, contexts, recipient, .. } => Brought {
            client: Some(client),
            contexts: Some(contexts),
            recipient: Some(recipient),
            ..Brought::default()
        },
        Hook::GenerateBounces { message, contexts, .. } | Hook::OutboundAuth { message, contexts, .. } => {
            Brought { message: Some(message), contexts: Some(contexts), ..Brought::default() }
        }
        Hook::SessionAbort { client, contexts, .. } | Hook::SessionEnd { client, contexts } => {
            Brought { client: Some(client), contexts: Some(contexts), ..Brought::default() }
        }
        _ => Brought::default(),
    }
}

fn decide(hook: &mut Hook<'_>, disposition: Disposition, returns: i64) {
    match hook {
        Hook::CanRelayTo { permits, .. } if disposition.refuses() => **permits = Some(false),
        Hook::CanRelayTo { permits, .. } if returns != 0 => **permits = Some(true),
        Hook::LogPermanentFailure { message, .. } => {
            message.code = disposition.reply.filter(|reply| !reply.is_success()).or(message.code.take());
        }
        Hook::GenerateBounces { enabled, .. } if disposition.discard.is_some() => **enabled = false,
        _ => {}
    }
}
