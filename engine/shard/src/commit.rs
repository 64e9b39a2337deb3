//! Drives the journal: one commit in flight, the next gathering meanwhile; wakes those whose promise is
//! decided. Upkeep (`reclaim`) runs beside it, so that preparing a segment never holds up a commit.

use crate::{Shard, reclaim};
use mail::Time;
use spool::{Durability, Journal, Promise, Refusal, Segment, Sequence, Want};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet, VecDeque};
use std::future::poll_fn;
use std::path::PathBuf;
use std::rc::Rc;
use std::task::{Poll, Waker};
use world::{File, Signal, World};

/// A shard's journal with its files and those who wait for it.
pub(crate) struct Spool<W: World> {
    pub folder: PathBuf,
    pub journal: RefCell<Journal>,
    pub files: RefCell<HashMap<Segment, W::File>>,
    /// Something was told to the journal: ask it again.
    pub bell: Signal,
    /// Promises whose record rotted: the journal knows them no more, a queue may.
    pub quarantined: RefCell<HashSet<Promise>>,
    /// In the order of their sequence numbers.
    waiters: RefCell<VecDeque<(Sequence, Waker)>>,
    /// Tasks of `reclaim` that have not ended.
    pub upkeep: Cell<u32>,
    /// The shard ends: write what waits, then stop.
    pub closing: Cell<bool>,
    pub closed: Signal,
}

impl<W: World> Spool<W> {
    pub fn new(folder: PathBuf, journal: Journal) -> Self {
        Spool {
            folder,
            journal: RefCell::new(journal),
            files: RefCell::default(),
            bell: Signal::default(),
            quarantined: RefCell::default(),
            waiters: RefCell::default(),
            upkeep: Cell::new(0),
            closing: Cell::new(false),
            closed: Signal::default(),
        }
    }

    pub fn promise(&self, head: &[u8], bodies: &[bytes::Bytes], copies: u32) -> Result<Promise, Refusal> {
        let promise = self.journal.borrow_mut().promise(head, bodies, copies);
        self.bell.raise();
        promise
    }

    /// Waits until the promise is durable (true) or its commit has failed (false).
    pub async fn is_durable(&self, promise: Promise) -> bool {
        poll_fn(|context| match self.journal.borrow().is_durable(promise) {
            Durability::Durable => Poll::Ready(true),
            Durability::Failed => Poll::Ready(false),
            Durability::Waiting => {
                self.waiters.borrow_mut().push_back((promise.sequence(), context.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }

    fn wake_decided(&self) {
        let decided = self.journal.borrow().durable();
        let mut waiters = self.waiters.borrow_mut();
        while waiters.front().is_some_and(|(sequence, _)| *sequence <= decided) {
            if let Some((_, waker)) = waiters.pop_front() {
                waker.wake();
            }
        }
    }

    /// After a failure everyone asks for himself, and those who still wait line up again.
    pub fn wake_all(&self) {
        let mut waiters: Vec<_> = self.waiters.take().into();
        waiters.sort_by_key(|(sequence, _)| *sequence);
        waiters.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

/// Runs until the spool is closing and nothing waits to be written.
pub(crate) async fn commit<W: World>(shard: Rc<Shard<W>>) {
    let spool = &shard.spool;
    loop {
        // At the end nothing may wait for company any longer.
        let now = if spool.closing.get() { Time::NEVER } else { shard.world.now() };
        let want = spool.journal.borrow().want(now);
        match want {
            Want::Prepare(_) | Want::Remove(_) | Want::SetAside(_) | Want::Reread(_)
                if spool.closing.get() =>
            {
                spool.journal.borrow_mut().began(want);
            }
            Want::Commit => {
                write(&shard).await;
                spool.wake_decided();
                reclaim::report_quarantined(&shard);
                // The sessions that it woke run before the next batch is cut: they belong into it.
                give_way().await;
            }
            Want::Prepare(_) | Want::Remove(_) | Want::SetAside(_) | Want::Reread(_) => {
                spool.journal.borrow_mut().began(want);
                let upkeep = reclaim::upkeep(reclaim::UnderWay::new(shard.clone()), want);
                shard.world.spawn("reclaim", upkeep);
            }
            // What is under way is not left halfway: it ends by itself, and rings.
            Want::SleepUntil(_) | Want::Rest if spool.closing.get() && spool.upkeep.get() > 0 => {
                spool.bell.wait().await;
            }
            Want::SleepUntil(_) | Want::Rest if spool.closing.get() => {
                spool.closed.raise();
                break;
            }
            Want::SleepUntil(until) => {
                spool.bell.wait_until(&shard.world, until).await;
            }
            Want::Rest => spool.bell.wait().await,
        }
    }
}

async fn write<W: World>(shard: &Rc<Shard<W>>) {
    let commit = shard.spool.journal.borrow_mut().take_commit();
    let segment = commit.segment;
    // A segment that an earlier run has left empty is used as it is, and nobody has opened it yet.
    let (result, buffer) = match file_of(shard, segment).await {
        Ok(file) => file.commit(commit.offset, commit.buffer).await,
        Err(error) => (Err(error), commit.buffer),
    };
    match result {
        Ok(()) => {
            shard.counters.commits.add(1);
            shard.spool.journal.borrow_mut().committed(buffer);
        }
        Err(error) => {
            shard.counters.commit_failures.add(1);
            let segment = commit.segment;
            let what =
                format!("spool: commit to {segment} of {} failed: {error}", shard.spool.folder.display());
            shard.complain(&what);
            shard.spool.journal.borrow_mut().commit_failed(buffer, shard.world.now());
            shard.spool.wake_all();
        }
    }
}

/// Lets every task that is ready run once.
pub(crate) async fn give_way() {
    let mut gave_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The file of a segment, opened if it is not yet.
pub(crate) async fn file_of<W: World>(shard: &Shard<W>, segment: Segment) -> std::io::Result<W::File> {
    let known = shard.spool.files.borrow().get(&segment).cloned();
    if let Some(file) = known {
        return Ok(file);
    }
    let file = shard.world.open(&shard.spool.folder.join(segment.file_name())).await?;
    shard.spool.files.borrow_mut().insert(segment, file.clone());
    Ok(file)
}
