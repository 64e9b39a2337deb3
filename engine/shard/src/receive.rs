//! Takes what other shards have posted, in turns, and does what each post obliges us to.

use crate::post::{End, Order, Post, RING_GAP};
use crate::{Shard, answer, fetch, moves, reload};
use mail::Note;
use std::rc::Rc;
use world::World;

/// Posts handled between two looks at the sockets.
const POSTS_IN_A_TURN: usize = 256;

/// Runs until the shard has ended its work.
pub(crate) async fn receive<W: World>(shard: Rc<Shard<W>>) {
    let mut turn = 0;
    loop {
        while let Some(order) = shard.common.exchange.next_order(shard.index) {
            obey(&shard, order);
        }
        while let Some((ticket, end)) = shard.common.exchange.next_job(shard.index) {
            shard.jobs.arrived(ticket, end);
        }
        let mut handled = 0;
        while handled < POSTS_IN_A_TURN
            && let Some(post) = shard.post_office.receive(&mut turn)
        {
            take(&shard, post);
            handled += 1;
        }
        shard.post_office.flush();
        // Those who still find no room wait again.
        shard.credit.wake_all();
        if handled > 0 {
            shard.world.breathe().await;
            continue;
        }
        if shard.has_ended() {
            break;
        }
        // What is left in an outbox goes out before we sleep, or the one who makes room rings: it sees that
        // we wait.
        if shard.common.exchange.may_wait(shard.index) {
            shard.post_office.flush();
            shard.credit.wake_all();
            shard.world.rung().await;
        }
    }
}

/// Rings for posts that waited for company; runs until the shard has ended.
pub(crate) async fn ring<W: World>(shard: Rc<Shard<W>>) {
    loop {
        shard.post_office.courier.wait().await;
        if shard.has_ended() {
            break;
        }
        shard.world.sleep_until(shard.world.now() + RING_GAP).await;
        shard.post_office.ring_owed(shard.world.now());
    }
}

fn obey<W: World>(shard: &Rc<Shard<W>>, order: Order) {
    match order {
        Order::Proceed => {}
        Order::Prepare(ground) => reload::prepare(shard, ground),
        Order::Adopt => reload::adopt(shard),
        Order::Abandon => reload::abandon(shard),
        Order::Answered { ticket, answer } => shard.kept.arrived(ticket, answer),
        Order::Complain(line) => shard.complain(&line),
        Order::Access(access) => drop(shard.access.replace(access)),
        Order::Trace(tracers) => shard.tracers.replace(tracers),
        // One writer serves all shards.
        Order::ReopenLogs if shard.index == 0 => shard.world.reopen_logs(),
        Order::ReopenLogs => {}
        Order::Stop => shard.stop_asked.raise(),
    }
}

/// Takes every post that has arrived.
pub(crate) fn take_all<W: World>(shard: &Rc<Shard<W>>) {
    let mut turn = 0;
    while let Some(post) = shard.post_office.receive(&mut turn) {
        take(shard, post);
    }
}

fn take<W: World>(shard: &Rc<Shard<W>>, post: Post) {
    match post {
        Post::Queue(transfers) => transfers.into_iter().for_each(|transfer| shard.enqueue(transfer)),
        Post::Move(transfers) => moves::arrived(shard, transfers),
        Post::Settled { promise, copy, end } => shard.note(promise, copy, end),
        Post::Fetch { promise, ticket, from } => {
            shard.world.spawn("fetch", fetch::fetch_for(shard.clone(), promise, ticket, from));
        }
        Post::Fetched { ticket, content } => shard.fetches.arrived(ticket, content),
        Post::Recall { promise, copy, ticket, from } => {
            let note = fetch::noted(shard, promise, copy);
            shard.post_office.send(from, Post::Recalled { ticket, note }, shard.world.now());
        }
        Post::Recalled { ticket, note } => shard.recalls.arrived(ticket, note),
        Post::Ask { ticket, request, from } => {
            shard.world.spawn("answer", answer::answer_for(shard.clone(), ticket, request, from));
        }
        Post::Tally(asked) => shard.take_tally(asked),
        Post::Counted { ticket, amount } => shard.counts.arrived(ticket, amount),
        Post::AskCounters { prefix, ticket, from } => {
            let counters = shard.counters_named(&prefix);
            shard.post_office.send(from, Post::Counters { ticket, counters }, shard.world.now());
        }
        Post::Counters { ticket, counters } => shard.counter_lists.arrived(ticket, counters),
        Post::Told { ticket, part } => shard.answers.arrived(ticket, part),
    }
}

impl<W: World> Shard<W> {
    /// Writes into our own journal how an attempt for one of our promises ended.
    pub(crate) fn note(&self, promise: spool::Promise, copy: u32, end: End) {
        if self.spool.quarantined.borrow().contains(&promise) {
            return;
        }
        let now = self.world.now();
        let mut journal = self.spool.journal.borrow_mut();
        match end {
            End::Finished => journal.finished(promise, copy, now),
            End::Deferred { until, attempts, reply, moved_to } => {
                let known = journal.deferral(promise, copy).map(|deferral| Note::decode(&deferral.note));
                let known = known.unwrap_or_default();
                let note = Note {
                    place: moved_to.or(known.place),
                    reply: reply.map_or(known.reply, |reply| reply.into()),
                };
                journal.deferred(promise, copy, until, attempts, &note.encode(), now);
            }
        }
        drop(journal);
        self.spool.bell.raise();
    }
}
