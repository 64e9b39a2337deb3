//! What a queue knows of a message: a handle and the few numbers that order it. Everything else about the
//! message lives with the shard, so that a million waiting messages cost 40 bytes each here.

use mail::Time;

/// A message on its way into a queue. `T` is the shard's handle of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    pub message: T,
    pub received: Time,
    /// Transient failures so far.
    pub attempts: u16,
    pub next_attempt: Time,
    pub priority: bool,
    /// Equal keys may share a transaction: same reception and the same bytes. A copy that was modified
    /// after reception needs a key of its own (mail-flow.md §8.4).
    pub batch: u64,
}

/// The numbers of a message that was taken out of its queue; they go back in with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryInfo {
    pub received: Time,
    pub next_attempt: Time,
    pub batch: u64,
    /// Transient failures so far.
    pub attempts: u16,
    pub priority: bool,
    /// Its place among those of the same moment, kept so that a message that was not tried returns to it.
    pub(crate) order: u32,
}

/// Handle and numbers side by side, as both heaps of a queue hold them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting<T> {
    pub message: T,
    pub info: EntryInfo,
}

impl<T> Entry<T> {
    /// A message that was just accepted: due at once, never tried.
    pub fn fresh(message: T, received: Time, batch: u64) -> Self {
        Entry { message, received, attempts: 0, next_attempt: received, priority: false, batch }
    }

    pub(crate) fn waiting(self, order: u32) -> Waiting<T> {
        let Entry { message, received, attempts, next_attempt, priority, batch } = self;
        Waiting { message, info: EntryInfo { received, next_attempt, batch, attempts, priority, order } }
    }
}

impl EntryInfo {
    /// As an entry again, for another queue or the journal.
    pub fn entry<T>(self, message: T) -> Entry<T> {
        let EntryInfo { received, next_attempt, batch, attempts, priority, .. } = self;
        Entry { message, received, attempts, next_attempt, priority, batch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_message_takes_forty_bytes() {
        assert_eq!(size_of::<Waiting<u64>>(), 40);
    }
}
