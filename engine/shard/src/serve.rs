//! One inbound session, from accept to close: asks the session what it wants, does it, tells it.

use crate::Shard;
use crate::gate::Pass;
use crate::judge::Conversation;
use crate::parcel::Claim;
use crate::race::{caught, race};
use crate::settings::ListenerSettings;
use bytes::Bytes;
use mail::{MessageId, Reply, SessionState, Time};
use smtp::server::replies::RESOURCES_EXCEEDED;
use smtp::server::{Facts, Session, Want};
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;
use world::{Signal, Stream, World};

pub(crate) const BROKEN: Reply = Reply::fixed(421, (4, 3, 0), "internal error, please try later");

/// What came of waiting for the client's bytes.
enum Heard<C> {
    Bytes(C),
    Ended,
    TimedOut,
    Lost,
    /// The shard is stopping.
    Called,
}

/// A session that holds less than this is not asked to go when memory runs short, in octets.
const SMALL_SESSION: usize = 1 << 20;

/// Octets that a recipient takes in a transaction, about.
const RECIPIENT: usize = 128;

/// What a client gets when its session breaks, or has to go, in the middle of something.
const LAST_WORD_TIME: Duration = Duration::from_secs(2);

/// Serves a client to the end. A panic on its account ends its session, with 421, and nothing else.
pub(crate) async fn serve<W: World>(
    shard: Rc<Shard<W>>,
    mut stream: W::Stream,
    settings: Rc<ListenerSettings>,
    pass: Pass,
) {
    let offered = settings.session.extensions.iter().any(|name| name == "ENHANCEDSTATUSCODES");
    let facts = Facts { peer: stream.peer(), local: stream.local(), connection: shard.next_id() };
    let mut conversation = Conversation::new(&shard, settings, &facts);
    let last_word = match caught(converse(&shard, &mut stream, &mut conversation, facts)).await {
        Ok(last_word) => last_word,
        Err(message) => {
            shard.counters.panics.add(1);
            shard.complain(&format!("session from {:?} panicked: {message}", stream.peer()));
            Some(BROKEN)
        }
    };
    if let Some(reply) = last_word {
        let mut text = Vec::new();
        reply.write_to(&mut text, offered);
        // Whether it arrives or not, the connection ends here.
        let _ = stream.write(vec![Bytes::from(text)], shard.world.now() + LAST_WORD_TIME).await;
    }
    conversation.tell_end();
    drop(pass);
}

/// The conversation; a reply if the driver has the last word.
async fn converse<W: World>(
    shard: &Rc<Shard<W>>,
    stream: &mut W::Stream,
    conversation: &mut Conversation<W>,
    facts: Facts,
) -> Option<Reply> {
    let world = &shard.world;
    let mut memory = Claim::new(&shard.common.reception_budget);
    let mut session = Session::new(conversation.settings.session.clone(), facts, world.now());
    if conversation.contexts.connection.is_true("can_relay") {
        session.waive_authentication(true);
    }
    let call = shard.callable(facts.connection);
    let visit = shard.visitors.enter(facts.peer, world.now());
    let mut called = false;
    // What the client has sent while policy had its message.
    let mut ahead = Vec::new();
    loop {
        if shard.is_stopping() && !called {
            called = true;
            session.stop(world.now());
        }
        // Who speaks before the banner is remembered for it (inbound-smtp.md §8.1).
        if session.state() <= SessionState::SendingBanner && stream.has_unread() {
            session.talked_early();
        }
        if session.is_between_messages()
            && let Some(settings) = conversation.newer_settings()
        {
            session.adopt(settings.session.clone());
            conversation.adopt(settings);
        }
        visit.stands_at(session.state(), world.now());
        conversation.follow_transaction(&session);
        match session.want() {
            Want::Read { .. } if !ahead.is_empty() => session.read(&std::mem::take(&mut ahead), world.now()),
            Want::Read { deadline } => match hear(stream, deadline, &call.signal, called).await {
                Heard::Bytes(bytes) => session.read(&bytes, world.now()),
                Heard::Ended => session.ended(world.now()),
                Heard::TimedOut => session.timed_out(world.now()),
                Heard::Lost => session.lost(),
                Heard::Called => {}
            },
            Want::Write { deadline } => {
                let output = session.take_output();
                match stream.write(output, deadline).await {
                    Ok(()) => session.wrote(world.now()),
                    Err(error) if error.kind() == ErrorKind::TimedOut => session.timed_out(world.now()),
                    Err(_) => session.lost(),
                }
            }
            Want::Judge(phase) => {
                let judgement = conversation.judge(phase, &mut session, stream).await;
                session.judged(judgement, world.now());
            }
            Want::Amend => conversation.amend(&mut session),
            Want::Authenticate => Box::pin(conversation.authenticate(&mut session, stream)).await,
            // Nobody is left to hear the 250: the client keeps the message (policy.md §2).
            Want::Commit if conversation.has_shown() && has_gone(stream, &mut ahead, world.now()).await => {
                session.lost();
            }
            Want::Commit => {
                let reply = Box::pin(conversation.finish(session.take_draft())).await;
                session.committed(reply, world.now());
            }
            Want::Pause { until } => {
                // A session that is called away does not serve out its delay.
                while !shard.is_stopping() && call.signal.wait_until(world, until).await {}
                session.paused(world.now());
            }
            Want::Close => break,
        }
        let held = session.draft().body.capacity() + session.draft().recipients.len() * RECIPIENT;
        let held = held + conversation.held_bytes();
        memory.set(held);
        if held > SMALL_SESSION && shard.common.reception_budget.is_spent() {
            shard.complain("reception_memory is used up: a session with a large message was sent away");
            return Some(RESOURCES_EXCEEDED);
        }
        for refusal in session.take_refusals() {
            conversation.refused(&refusal);
        }
        world.breathe().await;
    }
    if let Some(state) = session.aborted_at() {
        conversation.tell_abort(state);
    }
    None
}

/// Whether the client has hung up; what it has sent instead is kept.
async fn has_gone<S: Stream>(stream: &mut S, ahead: &mut Vec<u8>, now: Time) -> bool {
    if !ahead.is_empty() || !stream.has_unread() {
        return false;
    }
    match stream.read(now).await {
        Ok(bytes) => {
            ahead.extend_from_slice(&bytes);
            bytes.is_empty()
        }
        Err(error) => error.kind() != ErrorKind::TimedOut,
    }
}

/// Reads, unless the shard calls the session away first; once called, it may finish what it is at.
async fn hear<S: Stream>(stream: &mut S, deadline: Time, call: &Signal, called: bool) -> Heard<S::Chunk> {
    let read = async {
        match stream.read(deadline).await {
            Ok(bytes) if bytes.is_empty() => Heard::Ended,
            Ok(bytes) => Heard::Bytes(bytes),
            Err(error) if error.kind() == ErrorKind::TimedOut => Heard::TimedOut,
            Err(_) => Heard::Lost,
        }
    };
    if called {
        return read.await;
    }
    // Nothing has been read when the signal wins, so nothing is lost with the dropped read.
    race(read, call).await.unwrap_or(Heard::Called)
}

/// A session's entry in the list of those whom the shard calls when it stops.
pub(crate) struct Callable<W: World> {
    pub signal: Signal,
    shard: Rc<Shard<W>>,
    id: MessageId,
}

impl<W: World> Shard<W> {
    fn callable(self: &Rc<Self>, id: MessageId) -> Callable<W> {
        let signal = Signal::default();
        self.sessions.borrow_mut().insert(id, signal.clone());
        Callable { signal, shard: self.clone(), id }
    }
}

impl<W: World> Drop for Callable<W> {
    fn drop(&mut self) {
        self.shard.sessions.borrow_mut().remove(&self.id);
        self.shard.session_ended.raise();
    }
}
