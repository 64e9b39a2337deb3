//! Everything that crosses from one shard to another, and the lock-free queues that carry it.
//!
//! Law: a request waits for room (a credit) before it is sent, a report never does; a report that finds its
//! queue full stays in the sender's outbox, which is bounded by the requests that oblige it. So no two
//! shards can wait for each other.

use crate::Common;
use crate::commands::Part;
use crate::fetch::Missing;
use crate::groundwork::Groundwork;
use crate::parcel::{Kept, Parcel};
use crate::smtp_trace::Tracer;
use console::Refused;
use crossbeam_queue::{ArrayQueue, SegQueue};
use mail::{Note, QueueName, Time};
use policy_api::WorkFault;
use spool::Promise;
use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use world::{Doorbell, Signal};

/// One message between shards.
#[derive(Debug)]
pub(crate) enum Post {
    /// Request, from the shard that received a message to the owner of its queue. Obliges one `Settled` for
    /// each attempt that ends. Lost in a crash: nothing, the journal of the sender holds the promise.
    Queue(Vec<Transfer>),
    /// Request, from the owner of a queue to the shard that holds the promises: an order moves these copies
    /// to the queue that each names. The holder writes that down before the new owner hears of it, so that
    /// what the new owner reports comes behind it. Lost in a crash: nothing, the copies are where they were.
    Move(Vec<Transfer>),
    /// Report, from the owner to the shard whose journal holds the promise. Lost in a crash: the attempt is
    /// repeated; if it had delivered, that is the duplicate that SMTP cannot avoid.
    Settled { promise: Promise, copy: u32, end: End },
    /// Request, from the owner to the holder of the promise: the body is not in memory, read it back.
    /// Obliges one `Fetched`. Lost in a crash: nothing.
    Fetch { promise: Promise, ticket: u64, from: usize },
    /// Report, the answer.
    Fetched { ticket: u64, content: Result<Arc<Kept>, Missing> },
    /// Request, to the holder of a promise: what its journal has noted of a copy. Obliges one `Recalled`.
    /// Lost in a crash: nothing.
    Recall { promise: Promise, copy: u32, ticket: u64, from: usize },
    /// Report, the answer: empty if nothing is noted.
    Recalled { ticket: u64, note: Note },
    /// Request, from the shard that a console talks to: a command for every shard. Obliges one `Told`.
    Ask { ticket: u64, request: Arc<console::Request>, from: usize },
    /// Request, from a module's shard to the one that keeps a number: add, or tell. Obliges one `Counted` if a
    /// ticket is given.
    Tally(crate::tally::Asked),
    /// Report, the answer.
    Counted { ticket: u64, amount: i64 },
    /// Request, to every shard: what its modules have counted. Obliges one `Counters`.
    AskCounters { prefix: Arc<str>, ticket: u64, from: usize },
    /// Report, the answer.
    Counters { ticket: u64, counters: Vec<(String, u64)> },
    /// Report, one shard's part of the answer.
    Told { ticket: u64, part: Result<Part, Refused> },
}

impl Post {
    /// Whether it may wait a moment for company: nobody waits for it, neither a client nor an operator.
    fn is_patient(&self) -> bool {
        matches!(self, Post::Queue(_) | Post::Move(_) | Post::Settled { .. })
    }

    fn is_report(&self) -> bool {
        matches!(
            self,
            Post::Settled { .. }
                | Post::Fetched { .. }
                | Post::Recalled { .. }
                | Post::Told { .. }
                | Post::Counted { .. }
                | Post::Counters { .. }
        )
    }
}

/// A copy on its way to the owner of its queue.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub parcel: Parcel,
    /// Copies with equal keys may share a transaction.
    pub batch: u64,
    pub binding: Box<str>,
    pub domain: Box<str>,
    pub received: Time,
    pub attempts: u32,
    pub next_attempt: Time,
    pub priority: bool,
}

/// How an attempt ended, for the journal of the shard that holds the promise.
#[derive(Debug)]
pub(crate) enum End {
    Finished,
    /// It waits. What is not said here stays as it was noted before.
    Deferred {
        until: Time,
        attempts: u32,
        reply: Option<Box<str>>,
        moved_to: Option<QueueName>,
    },
}

/// Posts that one queue holds; beyond that requests wait and reports stay in the outbox.
const QUEUE_CAPACITY: usize = 8192;

/// The queue of one pair of shards.
struct Lane {
    posts: ArrayQueue<Post>,
    /// The sender found it full and wants to be rung when there is room.
    starved: AtomicBool,
}

/// An order of the program to a shard. Orders are few and never wait.
#[derive(Debug)]
pub enum Order {
    /// Every shard has bound its sockets, and privileges are dropped: go on.
    Proceed,
    /// A new configuration is at hand: make ready for it, report to the keeper, and go on with the old one.
    /// The files that its modules want have been read.
    Prepare(Arc<Groundwork>),
    /// Every shard is ready: it is in force.
    Adopt,
    /// A shard could not: it is forgotten.
    Abandon,
    /// The keeper has answered what this shard asked.
    Answered {
        ticket: u64,
        answer: crate::keeper::Answer,
    },
    /// A line of the program's for the paniclog.
    Complain(Box<str>),
    /// Who may come to the console from now on.
    Access(Arc<crate::Access>),
    /// Outgoing connections are traced from now on as these say.
    Trace(Arc<[Tracer]>),
    /// The log files were renamed.
    ReopenLogs,
    Stop,
}

/// Orders that a shard may have before it has looked at them.
const ORDERS: usize = 64;

/// What all shards share: a lane for each ordered pair, and everyone's door.
pub struct Exchange {
    lanes: Vec<Lane>,
    doors: Vec<Door>,
}

struct Door {
    /// Hung when the shard starts; before that nobody waits behind the door.
    bell: OnceLock<Arc<dyn Doorbell>>,
    /// Set while the shard's task of posts waits: only then a ring is needed.
    waiting: AtomicBool,
    orders: ArrayQueue<Order>,
    /// Ends of jobs, as many at most as side threads take jobs.
    jobs: SegQueue<(u64, JobEnd)>,
}

/// What a job on a side thread gave.
pub(crate) type JobEnd = Result<Box<dyn Any + Send>, WorkFault>;

impl Exchange {
    pub fn new(shards: usize) -> Self {
        let lane = |_| Lane { posts: ArrayQueue::new(QUEUE_CAPACITY), starved: AtomicBool::new(false) };
        let door = |_| Door {
            bell: OnceLock::new(),
            waiting: AtomicBool::new(false),
            orders: ArrayQueue::new(ORDERS),
            jobs: SegQueue::new(),
        };
        Exchange { lanes: (0..shards * shards).map(lane).collect(), doors: (0..shards).map(door).collect() }
    }

    pub fn shards(&self) -> usize {
        self.doors.len()
    }

    pub(crate) fn attach(&self, shard: usize, bell: Arc<dyn Doorbell>) {
        // A shard starts once in the life of an exchange.
        let _ = self.doors[shard].bell.set(bell);
    }

    /// Gives every shard an order. False: one of them has not looked at its orders for long.
    pub fn order(&self, order: impl Fn() -> Order) -> bool {
        let taken = self.doors.iter().filter(|door| door.orders.push(order()).is_ok()).count();
        self.wake_all();
        taken == self.doors.len()
    }

    /// Gives one shard an order; gives it back if too many wait there.
    pub(crate) fn order_one(&self, shard: usize, order: Order) -> Result<(), Order> {
        let door = &self.doors[shard];
        let pushed = door.orders.push(order);
        self.wake(shard);
        pushed
    }

    pub(crate) fn next_order(&self, shard: usize) -> Option<Order> {
        self.doors[shard].orders.pop()
    }

    /// From a side thread.
    pub(crate) fn job_ended(&self, shard: usize, ticket: u64, end: JobEnd) {
        self.doors[shard].jobs.push((ticket, end));
        self.wake(shard);
    }

    pub(crate) fn next_job(&self, shard: usize) -> Option<(u64, JobEnd)> {
        self.doors[shard].jobs.pop()
    }

    fn lane(&self, from: usize, to: usize) -> &Lane {
        &self.lanes[from * self.doors.len() + to]
    }

    /// Rings the shard if its task of posts sleeps, or is about to.
    fn wake(&self, shard: usize) {
        let door = &self.doors[shard];
        if door.waiting.swap(false, Ordering::SeqCst)
            && let Some(bell) = door.bell.get()
        {
            bell.ring();
        }
    }

    pub(crate) fn wake_all(&self) {
        (0..self.doors.len()).for_each(|shard| self.wake(shard));
    }

    /// Announces that a shard is about to wait; false if there is work for it after all.
    pub(crate) fn may_wait(&self, shard: usize) -> bool {
        let door = &self.doors[shard];
        door.waiting.store(true, Ordering::SeqCst);
        let idle = door.orders.is_empty()
            && door.jobs.is_empty()
            && (0..self.doors.len()).all(|from| self.lane(from, shard).posts.is_empty());
        if !idle {
            door.waiting.store(false, Ordering::SeqCst);
        }
        idle
    }
}

/// Patient posts ring their receiver at most so often: a wake costs more than a post.
pub(crate) const RING_GAP: Duration = Duration::from_millis(1);

/// One shard's counter in the exchange.
pub(crate) struct PostOffice {
    common: Arc<Common>,
    shard: usize,
    /// What found its lane full, by receiver, in order.
    outboxes: RefCell<Vec<VecDeque<Post>>>,
    rings: RefCell<Vec<Rings>>,
    /// A receiver is to be rung after `RING_GAP`.
    pub courier: Signal,
}

/// What a receiver has been rung, and is owed.
#[derive(Clone, Copy)]
struct Rings {
    last: Time,
    is_owed: bool,
}

impl PostOffice {
    pub fn new(common: Arc<Common>, shard: usize) -> Self {
        let outboxes = RefCell::new((0..common.exchange.shards()).map(|_| VecDeque::new()).collect());
        let rings = RefCell::new(vec![Rings { last: Time::EPOCH, is_owed: false }; common.exchange.shards()]);
        PostOffice { common, shard, outboxes, rings, courier: Signal::default() }
    }

    /// Whether a request may be sent now. If not, this shard is rung when there is room.
    pub fn has_credit(&self, to: usize) -> bool {
        let lane = self.common.exchange.lane(self.shard, to);
        if !self.outboxes.borrow()[to].is_empty() {
            return false;
        }
        if !lane.posts.is_full() {
            return true;
        }
        // The mark before the second look: whoever makes room after it rings us.
        lane.starved.store(true, Ordering::SeqCst);
        !lane.posts.is_full()
    }

    /// Sends in order. Never waits and never loses: what finds no room goes out with `flush`.
    pub fn send(&self, to: usize, post: Post, now: Time) {
        let outbox = &mut self.outboxes.borrow_mut()[to];
        debug_assert!(post.is_report() || outbox.is_empty(), "a request needs a credit");
        let is_patient = post.is_patient();
        outbox.push_back(post);
        self.push_out(to, outbox);
        let rings = &mut self.rings.borrow_mut()[to];
        if !is_patient || now >= rings.last + RING_GAP {
            *rings = Rings { last: now, is_owed: false };
            self.common.exchange.wake(to);
        } else if !std::mem::replace(&mut rings.is_owed, true) {
            self.courier.raise();
        }
    }

    /// Rings everyone who is owed it.
    pub fn ring_owed(&self, now: Time) {
        for (to, rings) in self.rings.borrow_mut().iter_mut().enumerate().filter(|(_, rings)| rings.is_owed) {
            *rings = Rings { last: now, is_owed: false };
            self.common.exchange.wake(to);
        }
    }

    /// Sends what had found no room. True if something is still left.
    pub fn flush(&self) -> bool {
        let mut outboxes = self.outboxes.borrow_mut();
        let mut left = false;
        for (to, outbox) in outboxes.iter_mut().enumerate().filter(|(_, outbox)| !outbox.is_empty()) {
            left |= !self.push_out(to, outbox);
            self.common.exchange.wake(to);
        }
        left
    }

    fn push_out(&self, to: usize, outbox: &mut VecDeque<Post>) -> bool {
        let lane = self.common.exchange.lane(self.shard, to);
        while let Some(post) = outbox.pop_front() {
            let mut refused = lane.posts.push(post);
            if refused.is_err() {
                // The mark must be up before the last try, or the receiver may make room unseen.
                lane.starved.store(true, Ordering::SeqCst);
                refused = refused.or_else(|post| lane.posts.push(post));
            }
            if let Err(post) = refused {
                outbox.push_front(post);
                break;
            }
        }
        outbox.is_empty()
    }

    /// The next post for this shard, the senders taking turns.
    pub fn receive(&self, turn: &mut usize) -> Option<Post> {
        for _ in 0..self.common.exchange.shards() {
            let from = *turn % self.common.exchange.shards();
            *turn += 1;
            let lane = self.common.exchange.lane(from, self.shard);
            if let Some(post) = lane.posts.pop() {
                if lane.starved.swap(false, Ordering::SeqCst) {
                    self.common.exchange.wake(from);
                }
                return Some(post);
            }
        }
        None
    }
}
