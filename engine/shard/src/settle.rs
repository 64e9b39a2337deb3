//! The end of an attempt for one copy: delivered, put off, or given up; written into the logs and into the
//! journal of the shard that holds the promise.

use crate::fetch::Missing;
use crate::outbound::Outbound;
use crate::parcel::{Kept, Parcel};
use crate::post::{End, Post};
use crate::{Shard, fetch};
use bindings::retry::spread;
use bindings::{EntryInfo, QueueId, Verdict};
use logs::{Copy, Delivery, Event, Failure};
use mail::{MessageId, Outcome, Reply, Stage, Time};
use policy_api::HookKind;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;
use world::World;

/// A copy that could not be read from the disk is due again after this.
const READ_AGAIN: Duration = Duration::from_secs(60);

/// What the copies of an attempt have in common.
pub(crate) struct Attempt {
    pub queue: QueueId,
    /// `MessageId::NONE` if there was no connection.
    pub connection: MessageId,
    pub host: Option<(Rc<str>, IpAddr)>,
    /// Octets of content sent.
    pub sent: u64,
    /// Every message that is due shares its end: they come back spread (mail-flow.md §9.5).
    pub is_bulk: bool,
    /// By order: no notice, whatever the configuration says.
    pub is_quiet: bool,
}

impl Attempt {
    pub fn unconnected(queue: QueueId) -> Self {
        Attempt { queue, connection: MessageId::NONE, host: None, sent: 0, is_bulk: true, is_quiet: false }
    }
}

/// A text of the schedule such as `554 5.4.7 [internal] …` as a reply.
pub(crate) fn reply_of(text: &'static str) -> Reply {
    let (code, text) = text.split_at(3);
    Reply::verbatim(code.parse().unwrap_or(554), text.trim_start())
}

/// As `settle`, for a copy whose content may have to be read back first.
pub(crate) async fn settle_fetched<W: World>(
    shard: &Rc<Shard<W>>,
    outbound: &Outbound,
    attempt: &Attempt,
    (parcel, info): (Parcel, EntryInfo),
    outcome: Outcome,
) {
    match fetch::fetch(shard, &parcel).await {
        Ok(content) => settle(shard, outbound, attempt, &content, (parcel, info), outcome).await,
        Err(missing) => settle_without(shard, attempt.queue, (parcel, info), missing),
    }
}

/// A copy whose content is not to be had. If its record is damaged nobody can be told, the panic log has
/// said it: the record stays where it is, the copy leaves the queue.
pub(crate) fn settle_without<W: World>(
    shard: &Rc<Shard<W>>,
    queue: QueueId,
    (parcel, info): (Parcel, EntryInfo),
    missing: Missing,
) {
    let now = shard.world.now();
    match missing {
        Missing::NotNow => {
            shard.schedule.borrow_mut().requeue(queue, parcel, info, now + READ_AGAIN, now);
        }
        Missing::Lost => {
            shard.counters.contents_lost.add(1);
            shard.schedule.borrow_mut().dropped(queue, 1, now);
        }
    }
    shard.dispatch_bell.raise();
}

pub(crate) async fn settle<W: World>(
    shard: &Rc<Shard<W>>,
    outbound: &Outbound,
    attempt: &Attempt,
    content: &Kept,
    (parcel, info): (Parcel, EntryInfo),
    outcome: Outcome,
) {
    let now = shard.world.now();
    match transcoded(outbound, outcome) {
        Outcome::Delivered(reply) => {
            shard.counters.deliveries.add(1);
            shard.record(&Event::Delivery(Delivery {
                copy: copy_of(outbound, content, &parcel),
                connection: attempt.connection,
                domain: &outbound.domain,
                sent: attempt.sent,
                retries: u32::from(info.attempts),
                peer: attempt.host.as_ref().map(|(_, address)| *address),
            }));
            report(shard, &parcel, End::Finished);
            shard.schedule.borrow_mut().delivered(attempt.queue, now);
            shard.tell_outcome(HookKind::LogDelivery, content, parcel.copy, &reply).await;
        }
        Outcome::Deferred { stage, reply } => {
            defer(shard, outbound, attempt, content, (parcel, info), stage, reply).await;
        }
        Outcome::Refused { stage, reply } => {
            give_up(shard, outbound, attempt, content, (parcel, info), stage, reply).await;
        }
        Outcome::NotTried => {
            shard.schedule.borrow_mut().returned(attempt.queue, [(parcel, info)], now);
        }
    }
    shard.dispatch_bell.raise();
}

/// A failure as the module response_transcode wants it read, before anything else is made of it.
fn transcoded(outbound: &Outbound, outcome: Outcome) -> Outcome {
    match &outcome {
        Outcome::Deferred { stage, reply } | Outcome::Refused { stage, reply } => {
            let rewritten = outbound.transcoding.rewritten(reply);
            rewritten.map_or(outcome.clone(), |reply| Outcome::of(*stage, reply))
        }
        Outcome::Delivered(_) | Outcome::NotTried => outcome,
    }
}

async fn defer<W: World>(
    shard: &Rc<Shard<W>>,
    outbound: &Outbound,
    attempt: &Attempt,
    content: &Kept,
    (mut parcel, info): (Parcel, EntryInfo),
    stage: Stage,
    reply: Reply,
) {
    let now = shard.world.now();
    shard.counters.transient_failures.add(1);
    let failure = failure_of(outbound, attempt, content, &parcel, &info, stage, &reply);
    shard.record(&Event::Transient(failure));
    shard.tell_outcome(HookKind::LogTransientFailure, content, parcel.copy, &reply).await;
    let verdict = shard.schedule.borrow().deferred(attempt.queue, &info, now);
    match verdict {
        Verdict::RetryAt(until) => {
            let fuzz = if attempt.is_bulk { outbound.delayed_binding_domain_fuzz } else { 0 };
            let until = spread(until, fuzz, shard.world.chance());
            let said = reply.to_string();
            let attempts = u32::from(info.attempts) + 1;
            let noted = Some(said.as_str().into());
            report(shard, &parcel, End::Deferred { until, attempts, reply: noted, moved_to: None });
            // Whoever waits for minutes needs no memory meanwhile.
            parcel.content = None;
            let mut schedule = shard.schedule.borrow_mut();
            schedule.replied(attempt.queue, &said, now);
            schedule.requeue(attempt.queue, parcel, info, until, now);
        }
        Verdict::Expired(text) | Verdict::RetriesExceeded(text) => {
            give_up(shard, outbound, attempt, content, (parcel, info), stage, reply_of(text)).await;
        }
    }
}

/// The sender's notice is durable before the copy is finished (mail-flow.md §11.1).
async fn give_up<W: World>(
    shard: &Rc<Shard<W>>,
    outbound: &Outbound,
    attempt: &Attempt,
    content: &Kept,
    (parcel, info): (Parcel, EntryInfo),
    stage: Stage,
    reply: Reply,
) {
    shard.counters.permanent_failures.add(1);
    let reply = shard.last_word(content, parcel.copy, reply).await;
    let failure = failure_of(outbound, attempt, content, &parcel, &info, stage, &reply);
    shard.record(&Event::Permanent(failure));
    let host = attempt.host.as_ref().map(|(name, address)| (&**name, *address));
    let is_quiet = attempt.is_quiet || !shard.notifies(outbound, content, parcel.copy).await;
    let told = is_quiet || shard.notify(outbound, content, parcel.copy, &reply, host).await;
    let now = shard.world.now();
    if told {
        report(shard, &parcel, End::Finished);
        let mut schedule = shard.schedule.borrow_mut();
        schedule.replied(attempt.queue, &reply.to_string(), now);
        schedule.failed(attempt.queue, now);
    } else {
        // The shard ends before its notice could be written: the promise stands, and is judged again.
        shard.schedule.borrow_mut().requeue(attempt.queue, parcel, info, Time::NEVER, now);
    }
}

pub(crate) fn report<W: World>(shard: &Shard<W>, parcel: &Parcel, end: End) {
    let home = usize::from(parcel.home);
    if home == shard.index {
        shard.note(parcel.promise, parcel.copy, end);
    } else {
        let post = Post::Settled { promise: parcel.promise, copy: parcel.copy, end };
        shard.post_office.send(home, post, shard.world.now());
    }
}

fn copy_of<'a>(outbound: &'a Outbound, content: &'a Kept, parcel: &Parcel) -> Copy<'a> {
    let envelope = &content.envelopes[parcel.copy as usize];
    Copy {
        id: envelope.id,
        batch: content.batch,
        received: content.received,
        sender: content.sender.as_ref(),
        recipient: &envelope.recipient,
        binding_group: &outbound.group,
        binding: &outbound.binding,
        size: content.bodies[usize::from(envelope.body)].len() as u64,
    }
}

fn failure_of<'a>(
    outbound: &'a Outbound,
    attempt: &Attempt,
    content: &'a Kept,
    parcel: &Parcel,
    info: &EntryInfo,
    stage: Stage,
    reply: &'a Reply,
) -> Failure<'a> {
    Failure {
        copy: copy_of(outbound, content, parcel),
        connection: attempt.connection,
        domain: &outbound.domain,
        sent: attempt.sent,
        stage,
        class: bounce::classify(reply).code(),
        retries: u32::from(info.attempts),
        peer: attempt.host.as_ref().map(|(_, address)| *address),
        reply,
    }
}
