//! Reads contents that were dropped from memory back from the journal of the shard that promised them.

use crate::parcel::{Kept, Parcel};
use crate::post::Post;
use crate::{Shard, commit, hand_over};
use mail::{Note, Reception};
use spool::{Location, Promise};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use world::{Buffer, File, Signal, World};

/// The record may move while we read it; then its place is looked up again.
const TRIES: usize = 5;

/// What was asked of other shards and has not come yet, by ticket.
pub(crate) struct Tickets<T> {
    next: Cell<u64>,
    open: RefCell<HashMap<u64, (Signal, Option<T>)>>,
}

impl<T> Default for Tickets<T> {
    fn default() -> Self {
        Tickets { next: Cell::new(0), open: RefCell::default() }
    }
}

impl<T> Tickets<T> {
    pub fn open(&self) -> u64 {
        let ticket = self.next.get();
        self.next.set(ticket + 1);
        self.open.borrow_mut().insert(ticket, (Signal::default(), None));
        ticket
    }

    pub fn arrived(&self, ticket: u64, answer: T) {
        if let Some((signal, place)) = self.open.borrow_mut().get_mut(&ticket) {
            *place = Some(answer);
            signal.raise();
        }
    }

    /// It was not asked for after all.
    pub fn close(&self, ticket: u64) {
        self.open.borrow_mut().remove(&ticket);
    }

    pub async fn wait(&self, ticket: u64) -> Option<T> {
        let signal = self.open.borrow().get(&ticket).map(|(signal, _)| signal.clone())?;
        signal.wait().await;
        self.open.borrow_mut().remove(&ticket)?.1
    }
}

/// Why a content is not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The disk, or the number of open files, failed us: it may work later.
    NotNow,
    /// Its record is damaged.
    Lost,
}

/// The content of a parcel.
pub(crate) async fn fetch<W: World>(shard: &Rc<Shard<W>>, parcel: &Parcel) -> Result<Arc<Kept>, Missing> {
    if let Some(content) = &parcel.content {
        return Ok(content.clone());
    }
    let home = usize::from(parcel.home);
    if home == shard.index {
        return read_back(shard, parcel.promise).await;
    }
    let ticket = shard.fetches.open();
    let post = Post::Fetch { promise: parcel.promise, ticket, from: shard.index };
    hand_over::request(shard, home, post).await;
    shard.fetches.wait(ticket).await.unwrap_or(Err(Missing::NotNow))
}

/// The holder's side of `fetch`.
pub(crate) async fn fetch_for<W: World>(shard: Rc<Shard<W>>, promise: Promise, ticket: u64, from: usize) {
    let content = read_back(&shard, promise).await;
    shard.post_office.send(from, Post::Fetched { ticket, content }, shard.world.now());
}

/// What the journal has noted of a copy: the last reply, and where an order has moved it.
pub(crate) async fn note_of<W: World>(shard: &Rc<Shard<W>>, parcel: &Parcel) -> Note {
    let home = usize::from(parcel.home);
    if home == shard.index {
        return noted(shard, parcel.promise, parcel.copy);
    }
    let ticket = shard.recalls.open();
    let post = Post::Recall { promise: parcel.promise, copy: parcel.copy, ticket, from: shard.index };
    hand_over::request(shard, home, post).await;
    shard.recalls.wait(ticket).await.unwrap_or_default()
}

/// The holder's side of `note_of`.
pub(crate) fn noted<W: World>(shard: &Shard<W>, promise: Promise, copy: u32) -> Note {
    let journal = shard.spool.journal.borrow();
    journal.deferral(promise, copy).map(|deferral| Note::decode(&deferral.note)).unwrap_or_default()
}

async fn read_back<W: World>(shard: &Rc<Shard<W>>, promise: Promise) -> Result<Arc<Kept>, Missing> {
    shard.counters.contents_fetched.add(1);
    for _ in 0..TRIES {
        let locations = shard.spool.journal.borrow().location(promise).ok_or(Missing::Lost)?;
        let parts = match read_parts(shard, locations).await {
            Ok(parts) => parts,
            Err(error) => {
                shard.complain(&format!("spool: promise {promise} cannot be read now: {error}"));
                return Err(Missing::NotNow);
            }
        };
        let promised = spool::read::promised(promise, parts).ok();
        let reception = promised.and_then(|promised| Reception::decode(&promised.head, &promised.body).ok());
        if let Some(reception) = reception {
            return Ok(Kept::new(reception, &shard.budget));
        }
    }
    shard.complain(&format!("spool: the content of promise {promise} is damaged"));
    Err(Missing::Lost)
}

async fn read_parts<W: World>(
    shard: &Shard<W>,
    locations: Vec<Location>,
) -> io::Result<Vec<(Location, Buffer)>> {
    let mut parts = Vec::with_capacity(locations.len());
    for location in locations {
        let file = commit::file_of(shard, location.segment).await?;
        let blocks = file.read(location.offset, location.length).await?;
        parts.push((location, blocks));
    }
    Ok(parts)
}
