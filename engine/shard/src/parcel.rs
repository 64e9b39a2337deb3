//! A copy in a queue: whose promise it is, and its content if that is in memory.

use mail::{Contexts, Reception};
use spool::Promise;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The handle that queues hold: 24 bytes.
#[derive(Clone, Debug)]
pub struct Parcel {
    pub promise: Promise,
    /// None: dropped under memory pressure or after a failed attempt; the journal has it.
    pub content: Option<Arc<Kept>>,
    /// Index of the envelope in the reception.
    pub copy: u32,
    /// The shard whose journal holds the promise.
    pub home: u16,
}

impl Parcel {
    /// A copy, whether its content is in memory or not.
    pub fn name(&self) -> (Promise, u32, u16) {
        (self.promise, self.copy, self.home)
    }

    pub fn is_same(&self, other: &Parcel) -> bool {
        self.name() == other.name()
    }
}

/// One budget of memory for the contents of all queued messages of the process, in bytes.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Budget { limit, used: AtomicUsize::new(0) })
    }

    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Above it, contents are not kept while they wait.
    pub fn is_spent(&self) -> bool {
        self.used() >= self.limit
    }
}

/// Part of a budget that one holder uses, now more, now less; given back when dropped.
pub struct Claim {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Claim {
    pub fn new(budget: &Arc<Budget>) -> Self {
        Claim { budget: budget.clone(), bytes: 0 }
    }

    pub fn set(&mut self, bytes: usize) {
        if bytes >= self.bytes {
            self.budget.used.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            self.budget.used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// A reception in memory, counted against the budget as long as anyone holds it.
#[derive(Debug)]
pub struct Kept {
    reception: Reception,
    bytes: usize,
    budget: Arc<Budget>,
}

impl Kept {
    pub fn new(reception: Reception, budget: &Arc<Budget>) -> Arc<Self> {
        let bytes = estimate(&reception);
        budget.used.fetch_add(bytes, Ordering::Relaxed);
        Arc::new(Kept { reception, bytes, budget: budget.clone() })
    }
}

/// What a reception takes in memory, in bytes: its bodies, and what the allocator spends on each string
/// around them.
fn estimate(reception: &Reception) -> usize {
    const RECEPTION: usize = 400;
    const ENVELOPE: usize = 320;
    const CONTEXT_VARIABLE: usize = 48;
    let variables = |contexts: &Contexts| contexts.connection.len() + contexts.message.len();
    let own: usize =
        reception.envelopes.iter().filter_map(|copy| copy.contexts.as_ref()).map(variables).sum();
    let bodies: usize = reception.bodies.iter().map(|body| body.len()).sum();
    RECEPTION
        + bodies
        + ENVELOPE * reception.envelopes.len()
        + CONTEXT_VARIABLE * (own + variables(&reception.contexts))
}

impl Deref for Kept {
    type Target = Reception;
    fn deref(&self) -> &Reception {
        &self.reception
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
