//! One session, or one generated message, played without sockets, journal and deliveries: the configured pipeline as
//! all mail goes through it, and what each module of it did (`impetus policy trace`).
//!
//! Law: nothing leaves. What would be journalled, sent or connected to is written down instead; who judges, and in
//! which order, is decided by the code that judges real sessions, and by nothing here.

mod client;
mod difference;
mod generated;
mod notebook;
mod offline;
mod transcript;
mod watch;

pub(crate) use notebook::Notebook;
pub use transcript::{Change, Dictionaries, Exchange, Note, Queued, Step, Transcript};

use crate::judge::Conversation;
use crate::settings::{ListenerSettings, Site};
use crate::start::{self, Common};
use crate::{Life, Shard};
use bytes::Bytes;
use client::Client;
use config::Endpoint;
use dns::zone::Zone;
use mail::Reply;
use offline::{Line, Offline};
use smtp::server::{Facts, Session, Want};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use watch::watched;
use world::World;

/// So long hooks may take to the end.
const TOLD_TIME: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// What is played.
#[derive(Debug)]
pub struct Script {
    pub entrance: Entrance,
    /// As it stands between the angle brackets; empty is the null sender.
    pub sender: String,
    pub recipients: Vec<String>,
    /// Header and body, lines end in CRLF.
    pub message: Bytes,
    /// Answers all questions to name servers; without one those of resolv.conf do.
    pub zone: Option<Zone>,
    /// Modules may connect.
    pub may_connect: bool,
}

/// How the message comes in.
#[derive(Debug)]
pub enum Entrance {
    Smtp(Visit),
    /// Generated, as HTTP brings it: the variables of its message context.
    Generated(Vec<(String, String)>),
}

/// A client's session.
#[derive(Debug)]
pub struct Visit {
    /// None: the first that is enabled.
    pub listener: Option<Endpoint>,
    pub client: SocketAddr,
    pub helo: String,
    pub login: Option<Login>,
}

/// Who the client is.
#[derive(Clone, Debug)]
pub struct Login {
    pub user: String,
    /// What AUTH PLAIN carries; without it the user is taken on trust.
    pub proof: Option<String>,
}

/// Plays the script against the configuration of `common`, which no other shard uses. An error says why it cannot
/// begin.
pub async fn rehearse<W: World>(world: W, common: Arc<Common>, script: Script) -> Result<Transcript, String> {
    let notebook: Rc<Notebook> = Rc::default();
    let around = {
        let notebook = notebook.clone();
        move |definition, instance: &str, module| watched(definition, instance, module, &notebook)
    };
    let Script { entrance, sender, recipients, message, zone, may_connect } = script;
    let world = Offline::new(world, zone.map(Rc::new), may_connect, common.name_servers());
    let shard = start::rehearsing(world, common, notebook.clone(), &around)?;
    let letter = Letter { sender, recipients, message };
    let transcript = match entrance {
        Entrance::Smtp(visit) => visited(&shard, notebook, visit, letter).await,
        Entrance::Generated(variables) => generated::play(&shard, &notebook, &variables, letter).await,
    };
    shard.life.set(Life::Ended);
    shard.post_office.courier.raise();
    shard.common.exchange.wake_all();
    transcript
}

/// The message of a script, and its envelope as texts.
struct Letter {
    sender: String,
    recipients: Vec<String>,
    message: Bytes,
}

async fn visited<W: World>(
    shard: &Rc<Shard<Offline<W>>>,
    notebook: Rc<Notebook>,
    visit: Visit,
    letter: Letter,
) -> Result<Transcript, String> {
    let site = shard.site();
    let Visit { listener, client: peer, helo, login } = visit;
    let endpoint = endpoint(&site, listener)?;
    let settings = site.listener(&endpoint, Some(peer.ip()));
    let mechanism = settings.session.mechanisms.first().map_or("PLAIN", |mechanism| mechanism.name());
    let client = Client::new(helo, login.clone(), letter, mechanism);
    let facts = Facts { peer: Some(peer), local: endpoint.socket_address(), connection: shard.next_id() };
    let stage = Stage { shard: shard.clone(), notebook, client, login };
    let transcript = stage.play(settings, facts).await;
    Ok(Transcript { listener: endpoint.to_string(), client: peer.ip().to_string(), ..transcript })
}

/// What all that was played leaves behind.
fn closed<W: World>(shard: &Shard<W>, notebook: &Notebook, mut exchanges: Vec<Exchange>) -> Transcript {
    if let Some(last) = exchanges.last_mut() {
        last.steps.extend(notebook.turn_over().0);
    }
    let (contexts, queued, rejections) = notebook.end();
    let complaints = shard.recorder.last_complaints().into_iter().map(|(_, text)| text);
    Transcript {
        exchanges,
        contexts: Dictionaries::from(&contexts),
        queued: queued.iter().flat_map(Queued::of).collect(),
        rejections,
        complaints: complaints.collect(),
        ..Transcript::default()
    }
}

/// Waits for the hooks that are only told of something, for a while.
async fn all_told<W: World>(shard: &Shard<W>) {
    let (world, deadline) = (&shard.world, shard.world.now() + TOLD_TIME);
    while !shard.errands.are_done() && world.now() < deadline {
        world.sleep_until(world.now() + LOOK_AGAIN).await;
    }
}

fn endpoint(site: &Site, wanted: Option<Endpoint>) -> Result<Endpoint, String> {
    let mut known = site.snapshot.listeners("esmtp_listener").map(|(endpoint, _)| endpoint.clone());
    match wanted {
        None => known
            .find(|endpoint| site.listener_options(endpoint).enable)
            .ok_or_else(|| "the configuration has no ESMTP_Listener with an endpoint that is enabled".into()),
        Some(wanted) if site.has_listener(&wanted) => Ok(wanted),
        Some(wanted) => {
            let known: Vec<_> = known.map(|endpoint| endpoint.to_string()).collect();
            Err(format!("ESMTP_Listener has no endpoint {wanted}; it has: {}", known.join(" ")))
        }
    }
}

/// The session, its client and who writes down.
struct Stage<W: World> {
    shard: Rc<Shard<Offline<W>>>,
    notebook: Rc<Notebook>,
    client: Client,
    login: Option<Login>,
}

impl<W: World> Stage<W> {
    async fn play(mut self, settings: Rc<ListenerSettings>, facts: Facts) -> Transcript {
        let world = self.shard.world.clone();
        let mut session = Session::new(settings.session.clone(), facts, world.now());
        let mut conversation = Conversation::new(&self.shard, settings, &facts);
        if conversation.contexts.connection.is_true("can_relay") {
            session.waive_authentication(true);
        }
        let mut begun = world.now();
        let mut exchanges = Vec::new();
        let mut command = String::new();
        loop {
            conversation.follow_transaction(&session);
            match session.want() {
                Want::Read { .. } => {
                    exchanges.push(self.exchange(std::mem::take(&mut command), world.now().since(begun)));
                    let Some(line) = self.client.next() else { break };
                    (command, begun) = (line.shown, world.now());
                    session.read(&line.octets, world.now());
                }
                Want::Write { .. } => {
                    session.take_output().iter().for_each(|octets| self.client.heard(octets));
                    session.wrote(world.now());
                }
                Want::Judge(phase) => {
                    let judgement = conversation.judge(phase, &mut session, &Line::Silence).await;
                    self.notebook.observe(phase.name(), &conversation.contexts);
                    // Nobody sits it out here.
                    self.notebook.hold(judgement.pause);
                    session.judged(judgement, world.now());
                }
                Want::Amend => conversation.amend(&mut session),
                Want::Authenticate => self.authenticate(&mut session, &mut conversation).await,
                Want::Commit => {
                    let reply: Reply = conversation.finish(session.take_draft()).await;
                    session.committed(reply, world.now());
                }
                Want::Pause { .. } => session.paused(world.now()),
                Want::Close => {
                    exchanges.push(self.exchange(std::mem::take(&mut command), world.now().since(begun)));
                    break;
                }
            }
            for refusal in session.take_refusals() {
                conversation.refused(&refusal);
            }
            world.breathe().await;
        }
        all_told(&self.shard).await;
        if let Some(end) = conversation.tell_end() {
            end.wait_until(world.now() + TOLD_TIME).await;
        }
        closed(&self.shard, &self.notebook, exchanges)
    }

    /// What has happened since the last one.
    fn exchange(&mut self, command: String, took: Duration) -> Exchange {
        let (steps, held) = self.notebook.turn_over();
        Exchange { command, steps, reply: self.client.reply(), held, took }
    }

    /// Whoever brings no password is taken on trust; the rest is what it always is.
    async fn authenticate(&self, session: &mut Session, conversation: &mut Conversation<Offline<W>>) {
        let trusted = self.login.as_ref().filter(|login| login.proof.is_none());
        match trusted.map(|login| &*login.user) {
            None => conversation.authenticate(session, &Line::Silence).await,
            Some(user) => {
                let (mechanism, ..) = session.sasl();
                conversation.end_authentication(Some(user), user, mechanism, session, &Line::Silence).await;
            }
        }
        self.notebook.observe("auth", &conversation.contexts);
    }
}
