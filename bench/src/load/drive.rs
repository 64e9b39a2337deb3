//! Drives the sessions of `load`: dials, waits until messages are due, writes, reads.
//!
//! Law: a message is sent again only if its content was never sent, so that a token stands for one message.

use crate::ledger::write_line;
use crate::load::letter::Letter;
use crate::load::options::Options;
use crate::load::pace::{Pace, Ticket};
use crate::load::report::Report;
use crate::load::session::{Loss, Script, Session, Verdict, Want};
use crate::load::tally::Tally;
use crate::threads::thread_cpu;
use crate::token::Token;
use mail::Time;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use world::{Dial, Signal, Stream, World};

/// How often a message is tried whose connection breaks before the content.
const TRIES: u32 = 3;
/// Between two attempts to connect that fail.
const REDIAL: Duration = Duration::from_millis(50);
/// Promised tokens wait this long, or for this many bytes, until they are handed to the ledger file.
const LEDGER_BATCH: Duration = Duration::from_millis(5);
const LEDGER_BATCH_BYTES: usize = 8192;

/// One run, shared by its threads.
pub struct Load {
    options: Options,
    run: OnceLock<u32>,
    accepted: AtomicU64,
    refused: AtomicU64,
    broken: AtomicU64,
    stopping: AtomicBool,
    tallies: Mutex<Vec<Tally>>,
}

/// A look at a run that is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub accepted: u64,
    pub refused: u64,
    /// Connections that failed.
    pub broken: u64,
}

impl Load {
    /// Says what does not fit in the options.
    pub fn new(options: Options) -> Result<Arc<Load>, String> {
        options.check()?;
        let run = if options.run == 0 { OnceLock::new() } else { OnceLock::from(options.run) };
        Ok(Arc::new(Load {
            options,
            run,
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            broken: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            tallies: Mutex::default(),
        }))
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    pub fn progress(&self) -> Progress {
        Progress {
            accepted: self.accepted.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            broken: self.broken.load(Ordering::Relaxed),
        }
    }

    /// No message is begun any more; from any thread.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Does the share of one thread, to the end of the run. Each thread from 0 to `threads` once.
    pub async fn drive<W: World>(self: Arc<Self>, world: W, thread: usize) {
        let cpu = thread_cpu();
        let share = Share::new(self.clone(), world.clone(), thread);
        let mine = (thread..self.options.connections).step_by(self.options.threads);
        share.open.set(mine.clone().count());
        for number in mine {
            world.spawn("load", connection(share.clone(), number));
        }
        while share.open.get() > 0 {
            share.ended.wait_until(&world, world.now() + LEDGER_BATCH).await;
            share.write_ledger();
        }
        let mut tally = share.tally.borrow().clone();
        tally.cpu = thread_cpu().zip(cpu).map(|(now, before)| now.saturating_sub(before));
        self.tallies.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(tally);
    }

    /// Of all threads that have ended.
    pub fn report(&self) -> Report {
        let tallies = self.tallies.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut all = tallies.iter().cloned().reduce(|mut sum, tally| {
            sum.merge(&tally);
            sum
        });
        let tally = all.take().unwrap_or_else(|| Tally::new(Time::EPOCH));
        Report { run: self.run.get().copied().unwrap_or(0), tally }
    }
}

/// What the connections of a thread share.
struct Share<W> {
    load: Arc<Load>,
    world: W,
    script: Rc<Script>,
    letters: Vec<Letter>,
    pace: RefCell<Pace>,
    tally: RefCell<Tally>,
    lines: RefCell<Vec<u8>>,
    open: Cell<usize>,
    ended: Signal,
}

impl<W: World> Share<W> {
    fn new(load: Arc<Load>, world: W, thread: usize) -> Rc<Share<W>> {
        let options = &load.options;
        let now = world.now();
        let script = Script {
            run: *load.run.get_or_init(|| world.chance() as u32 | 1),
            hello: options.hello.clone(),
            sender: options.sender.clone(),
            recipient: options.recipient.clone(),
            recipients: options.recipients,
            pipelining: options.pipelining,
        };
        let date = now.to_string();
        let letter = |(bytes, _): &(usize, u32)| Letter::new(*bytes, &options.sender, &date);
        let letters = options.sizes.iter().map(letter).collect();
        let pace = Pace::new(now, options.messages, options.duration, options.rate, thread, options.threads);
        Rc::new(Share {
            script: Rc::new(script),
            letters,
            pace: RefCell::new(pace),
            tally: RefCell::new(Tally::new(now)),
            lines: RefCell::default(),
            open: Cell::new(0),
            ended: Signal::default(),
            load,
            world,
        })
    }

    fn is_over(&self) -> bool {
        self.load.stopping.load(Ordering::Relaxed) || self.pace.borrow().is_over(self.world.now())
    }

    fn take(&self) -> Option<Ticket> {
        if self.load.stopping.load(Ordering::Relaxed) {
            return None;
        }
        self.pace.borrow_mut().take(self.world.now())
    }

    fn patience(&self) -> Time {
        self.world.now() + self.load.options.patience
    }

    fn broke(&self, what: &'static str) {
        *self.tally.borrow_mut().broken.entry(what).or_default() += 1;
        self.load.broken.fetch_add(1, Ordering::Relaxed);
    }

    fn write_ledger(&self) {
        let lines = std::mem::take(&mut *self.lines.borrow_mut());
        if let (Some(file), false) = (&self.load.options.ledger, lines.is_empty()) {
            let count = lines.iter().filter(|byte| **byte == b'\n').count() as u64;
            if !self.world.log(file, 0o644, lines) {
                self.tally.borrow_mut().unwritten += count;
            }
        }
    }

    /// Every recipient that was accepted is a promise.
    fn promised(&self, first: u64, accepted: &[bool]) {
        let mut tally = self.tally.borrow_mut();
        let mut lines = self.lines.borrow_mut();
        for (number, accepted) in (first..).zip(accepted) {
            if !accepted {
                tally.recipients_refused += 1;
                continue;
            }
            let token = Token { run: self.script.run, number };
            tally.deliveries += 1;
            tally.ledger.mark(token);
            if self.load.options.ledger.is_some() {
                write_line(token, &mut lines);
            }
        }
    }
}

/// The message that a connection has in hand, kept while it dials anew.
struct InHand {
    ticket: Ticket,
    size: usize,
    tries: u32,
}

struct Connection<W: World> {
    share: Rc<Share<W>>,
    letters: Vec<Letter>,
    in_hand: Option<InHand>,
}

/// Keeps one connection open, one after the other, until the run is over or the server has refused to
/// talk for as long as our patience lasts.
async fn connection<W: World>(share: Rc<Share<W>>, number: usize) {
    let from = &share.load.options.from;
    let from = (!from.is_empty()).then(|| from[number % from.len()]);
    let mut connection = Connection { letters: share.letters.clone(), share: share.clone(), in_hand: None };
    let mut give_up = share.patience();
    while connection.in_hand.is_some() || !share.is_over() {
        if connection.converse(from).await {
            give_up = share.patience();
        } else if share.world.now() >= give_up {
            break;
        } else {
            share.world.sleep_until(share.world.now() + REDIAL).await;
        }
    }
    if connection.in_hand.is_some() {
        share.tally.borrow_mut().not_sent += 1;
    }
    share.open.set(share.open.get() - 1);
    share.ended.raise();
}

impl<W: World> Connection<W> {
    /// One connection from dialling to closing. False: the server never became ready for a message.
    async fn converse(&mut self, from: Option<IpAddr>) -> bool {
        let share = self.share.clone();
        let dial = Dial { to: share.load.options.to, from, deadline: share.patience() };
        let mut stream = match share.world.dial(dial).await {
            Ok(stream) => stream,
            Err(error) => {
                share.broke(named(&error));
                return false;
            }
        };
        let mut session = Session::new(share.script.clone());
        let mut messages = 0;
        let mut ready = false;
        loop {
            match session.want() {
                Want::Write => match stream.write(session.take_output(), share.patience()).await {
                    Ok(()) => session.wrote(),
                    Err(error) => self.lost(&mut session, named(&error)),
                },
                Want::Read => match stream.read(share.patience()).await {
                    Ok(chunk) if chunk.is_empty() => self.lost(&mut session, "closed by the server"),
                    Ok(chunk) => {
                        let size = self.in_hand.as_ref().map_or(0, |message| message.size);
                        session.read(&chunk, &mut self.letters[size]);
                    }
                    Err(error) => self.lost(&mut session, named(&error)),
                },
                Want::Message => {
                    if !ready {
                        ready = true;
                        share.tally.borrow_mut().connections += 1;
                    }
                    let limit = share.load.options.messages_per_connection;
                    if limit > 0 && messages == limit {
                        session.quit();
                    } else {
                        messages += 1;
                        self.begin(&mut session).await;
                    }
                }
                Want::Report => self.ended(&mut session),
                Want::Close => break,
            }
        }
        if let Some(code) = session.turned_away() {
            *share.tally.borrow_mut().turned_away.entry(code).or_default() += 1;
            share.load.broken.fetch_add(1, Ordering::Relaxed);
        }
        ready
    }

    /// Begins the message in hand or the next one, when it is due; without one it says goodbye.
    async fn begin(&mut self, session: &mut Session) {
        let share = &self.share;
        let mut message = match self.in_hand.take() {
            Some(message) => message,
            None => match share.take() {
                Some(ticket) => InHand {
                    ticket,
                    size: size_of_message(&share.load.options.sizes, ticket.place),
                    tries: 0,
                },
                None => return session.quit(),
            },
        };
        if message.ticket.due > share.world.now() {
            share.world.sleep_until(message.ticket.due).await;
        }
        message.tries += 1;
        session.message(first_delivery(message.ticket.place, share.script.recipients));
        self.in_hand = Some(message);
    }

    fn ended(&mut self, session: &mut Session) {
        let verdict = session.take_verdict();
        let message = self.in_hand.take().expect("a verdict is about the message in hand");
        let share = &self.share;
        let now = share.world.now();
        match verdict {
            Verdict::Accepted => {
                let bytes = self.letters[message.size].bytes();
                share.tally.borrow_mut().accepted(message.ticket.due, now, bytes);
                share.promised(
                    first_delivery(message.ticket.place, share.script.recipients),
                    session.accepted(),
                );
                share.load.accepted.fetch_add(1, Ordering::Relaxed);
                if share.lines.borrow().len() >= LEDGER_BATCH_BYTES {
                    share.write_ledger();
                }
            }
            Verdict::Refused(code) => {
                share.tally.borrow_mut().refused(code, now);
                share.load.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn lost(&mut self, session: &mut Session, what: &'static str) {
        let loss = session.lost();
        self.share.broke(what);
        let mut tally = self.share.tally.borrow_mut();
        match loss {
            Loss::Nothing => {}
            Loss::NotSent if self.in_hand.as_ref().is_some_and(|message| message.tries < TRIES) => {}
            Loss::NotSent => {
                self.in_hand = None;
                tally.not_sent += 1;
            }
            Loss::InDoubt => {
                self.in_hand = None;
                tally.in_doubt += 1;
            }
        }
    }
}

fn first_delivery(place: u64, recipients: usize) -> u64 {
    place * recipients as u64
}

/// Spreads the sizes evenly by their weights: the same message has the same size in every run.
fn size_of_message(sizes: &[(usize, u32)], place: u64) -> usize {
    if sizes.len() == 1 {
        return 0;
    }
    let total: u64 = sizes.iter().map(|(_, weight)| u64::from(*weight)).sum();
    // Steps of the golden ratio visit a circle evenly.
    let turn = place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut at = (u128::from(turn) * u128::from(total) >> 64) as u64;
    for (index, (_, weight)) in sizes.iter().enumerate() {
        match at.checked_sub(u64::from(*weight)) {
            Some(rest) => at = rest,
            None => return index,
        }
    }
    unreachable!("the weights add up to the total")
}

fn named(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused",
        io::ErrorKind::TimedOut => "timed out",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "reset",
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => "no source address or port",
        _ => "another error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_come_by_their_weights() {
        let sizes = [(2048, 9), (10_000, 0), (100_000, 1)];
        let mut counts = [0; 3];
        (0..10_000).for_each(|place| counts[size_of_message(&sizes, place)] += 1);
        assert!((8990..=9010).contains(&counts[0]) && counts[1] == 0, "{counts:?}");
    }
}
