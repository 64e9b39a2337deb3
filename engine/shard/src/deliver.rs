//! One outgoing connection, from its permit to its close: asks the client session what it wants, does it, tells
//! it, and settles what it reports.

use crate::Shard;
use crate::connect::{Connection, NotConnected};
use crate::fetch;
use crate::outbound::Outbound;
use crate::resolve::{Resolution, resolve};
use crate::settle::{self, Attempt};
use crate::smtp_trace::Tape;
use crate::sweep::{out_of_reach, outbound_of, sweep};
use crate::tenure::{Load, Tenure};
use bindings::hosts::{CANDIDATES_AT_MOST, Candidate};
use bindings::{ConnectionPermit, Contact, QueueId, SourceChoice};
use mail::{Address, Outcome, Stage, Time};
use smtp::client::{Report, Session, Settings, Want};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use world::{Stream, World};

pub(crate) async fn deliver<W: World>(shard: Rc<Shard<W>>, queue: QueueId, permit: ConnectionPermit) {
    let outbound = outbound_of(&shard, queue);
    let mut tenure = Tenure::begin(&shard, queue, permit);
    match resolve(&shard, &outbound).await {
        Resolution::Candidates(mut candidates) => {
            // An address that we cannot or will not try never fails, and would be hoped for without end.
            candidates.retain(|host| outbound.source.towards(host.address.ip()) != SourceChoice::None);
            candidates.truncate(CANDIDATES_AT_MOST);
            Delivery { shard: shard.clone(), queue, outbound, candidates }.run(&mut tenure).await;
        }
        Resolution::Failed(reply) => {
            let outcome = Outcome::of(Stage::NotConnected, reply);
            sweep(&shard, &outbound, &Attempt::unconnected(queue), &outcome).await;
            tenure.fail(shard.world.now());
        }
        Resolution::NotBefore(until) => {
            if tenure.fail(until) == Contact::Lost {
                out_of_reach(&shard, &outbound, queue).await;
            }
        }
    }
}

/// A queue that has been given a connection.
pub(crate) struct Delivery<W: World> {
    pub shard: Rc<Shard<W>>,
    pub queue: QueueId,
    pub outbound: Rc<Outbound>,
    pub candidates: Vec<Candidate>,
}

impl<W: World> Delivery<W> {
    async fn run(&self, tenure: &mut Tenure<W>) {
        match self.connect(tenure).await {
            Ok(connection) => {
                let now = self.shard.world.now();
                self.shard.schedule.borrow_mut().connected(self.queue, now);
                self.converse(connection, tenure).await;
            }
            Err(NotConnected::Unreachable(reply)) => {
                let outcome = Outcome::of(Stage::NotConnected, reply);
                sweep(&self.shard, &self.outbound, &Attempt::unconnected(self.queue), &outcome).await;
                tenure.fail(self.shard.world.now());
            }
            Err(NotConnected::NotBefore(until)) => tenure.postpone(until),
        }
    }

    async fn converse(&self, mut connection: Connection<W::Stream>, tenure: &mut Tenure<W>) {
        let world = &self.shard.world;
        let mut session = Session::new(self.introduction().await, world.now());
        let tape = Tape::begin(&self.shard, &self.outbound, connection.id, connection.address);
        // Whether the peer has ever been given something to do.
        let mut spoke = false;
        loop {
            match session.want() {
                Want::Read { deadline } => {
                    tenure.stands_at(session.stage());
                    let read = connection.stream.read(deadline).await;
                    if let Some(tape) = &tape {
                        tape.read(&self.shard, &read);
                    }
                    tell_read(&mut session, read, world.now());
                }
                Want::Write { deadline } => {
                    let is_secret = session.holds_secret();
                    let output = session.take_output();
                    match &tape {
                        Some(tape) if is_secret => tape.note(&self.shard, "AUTH, not shown"),
                        Some(tape) => tape.wrote(&self.shard, &output),
                        None => {}
                    }
                    match connection.stream.write(output, deadline).await {
                        Ok(()) => session.wrote(world.now()),
                        Err(error) if error.kind() == ErrorKind::TimedOut => session.timed_out(world.now()),
                        Err(_) => session.lost(world.now()),
                    }
                }
                Want::Transaction { idle_until } => {
                    tenure.stands_at(session.stage());
                    let load = self.next(&mut session, &mut connection, idle_until).await;
                    spoke |= tenure.take_load(load);
                }
                Want::Report => {
                    let report = session.take_report();
                    if let Some(load) = tenure.unload() {
                        self.settle(&connection, load, report).await;
                    }
                }
                Want::Close => break,
            }
            world.breathe().await;
        }
        if let Some(tape) = &tape {
            tape.note(&self.shard, "closed");
        }
        if session.failure().is_some() {
            self.penalise(&connection, &session, spoke).await;
        }
        if let Some((credentials, reply)) = session.disbelief()
            && self.outbound.login.is(credentials)
        {
            // Nothing is gained by showing the next hop a wrong password once more for each message.
            let outcome = Outcome::Deferred { stage: Stage::AfterEhlo, reply: reply.clone() };
            sweep(&self.shard, &self.outbound, &self.attempt(&connection, 0), &outcome).await;
        }
    }

    /// How we present ourselves: `ehlo_hostname = __message__` takes the name from the message that comes first.
    async fn introduction(&self) -> Rc<Settings> {
        let ordinary = self.outbound.client.clone();
        if !self.outbound.introduces_sender() {
            return ordinary;
        }
        let first = {
            let schedule = self.shard.schedule.borrow();
            schedule.waiting(self.queue).next().map(|(parcel, ..)| parcel.clone())
        };
        let Some(parcel) = first else { return ordinary };
        let Ok(content) = fetch::fetch(&self.shard, &parcel).await else { return ordinary };
        match content.sender.as_ref().map(Address::domain) {
            None | Some("") => ordinary,
            Some(domain) => Rc::new(Settings { ehlo_name: domain.to_owned(), ..(*ordinary).clone() }),
        }
    }

    /// The peer failed us outside of any transaction. Before the first one its address is to blame, and
    /// the messages stay active for another (mail-flow.md §8.5).
    async fn penalise(&self, connection: &Connection<W::Stream>, session: &Session, spoke: bool) {
        let Some((stage, reply)) = session.failure() else { return };
        if spoke {
            return;
        }
        let now = self.shard.world.now();
        if !self.blame(connection.address, now) {
            return;
        }
        // Nobody is left to try: what the last one said is what the messages were told.
        let outcome = Outcome::Deferred { stage, reply };
        sweep(&self.shard, &self.outbound, &self.attempt(connection, 0), &outcome).await;
    }

    /// Notes that the peer failed us; true if every candidate has by now.
    fn blame(&self, address: SocketAddr, now: Time) -> bool {
        let mut hosts = self.shard.idle.hosts.borrow_mut();
        hosts.failed(&self.outbound.binding, address, now);
        hosts.are_lost(&self.outbound.binding, &self.candidates, 1)
    }

    pub fn attempt(&self, connection: &Connection<W::Stream>, sent: u64) -> Attempt {
        Attempt {
            queue: self.queue,
            connection: connection.id,
            host: Some((self.candidates[connection.index].host.clone(), connection.address.ip())),
            sent,
            is_bulk: false,
            is_quiet: false,
        }
    }

    async fn settle(&self, connection: &Connection<W::Stream>, load: Load, report: Report) {
        let now = self.shard.world.now();
        let took = now.since(load.started);
        let attempt = self.attempt(connection, report.bytes_sent);
        let Load { content, parcels, .. } = load;
        if report.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Delivered(_))) {
            let mut hosts = self.shard.idle.hosts.borrow_mut();
            hosts.delivered(&self.outbound.binding, connection.address, took, now);
        }
        for (pair, outcome) in parcels.into_iter().zip(report.outcomes) {
            settle::settle(&self.shard, &self.outbound, &attempt, &content, pair, outcome).await;
        }
    }
}

pub(crate) fn tell_read<C: std::ops::Deref<Target = [u8]>>(
    session: &mut Session,
    read: std::io::Result<C>,
    now: Time,
) {
    match read {
        Ok(bytes) if bytes.is_empty() => session.ended(now),
        Ok(bytes) => session.read(&bytes, now),
        Err(error) if error.kind() == ErrorKind::TimedOut => session.timed_out(now),
        Err(_) => session.lost(now),
    }
}
