//! The queues of a shard by number and by name. A number is reused, its generation is not.

use crate::queue::Queue;
use crate::schedule::QueueId;
use crate::settings::QueueSettings;
use crate::totals::Totals;
use hashbrown::{DefaultHashBuilder, HashTable};
use mail::Time;
use std::hash::BuildHasher;
use std::rc::Rc;

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    queue: Option<Queue<T>>,
}

#[derive(Debug)]
pub(crate) struct Directory<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    /// Slot numbers, looked up by the names in the slots: no key is stored twice or built for a question.
    names: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl<T> Default for Directory<T> {
    fn default() -> Self {
        Directory {
            slots: Vec::new(),
            free: Vec::new(),
            names: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<T> Directory<T> {
    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn find(&self, binding: &str, domain: &str) -> Option<u32> {
        let is_it = |index: &u32| {
            let queue = self.at(*index);
            *queue.domain == *domain && *queue.binding == *binding
        };
        self.names.find(self.hasher.hash_one((binding, domain)), is_it).copied()
    }

    pub fn insert(
        &mut self,
        binding: &str,
        domain: &str,
        settings: Rc<QueueSettings>,
        totals: Rc<Totals>,
        now: Time,
    ) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, queue: None });
            self.slots.len() as u32 - 1
        });
        self.slots[index as usize].queue = Some(Queue::new(binding, domain, settings, totals, now));
        let (slots, hasher) = (&self.slots, &self.hasher);
        let rehash = |index: &u32| {
            let queue = slots[*index as usize].queue.as_ref().expect("a named slot holds a queue");
            hasher.hash_one((&*queue.binding, &*queue.domain))
        };
        self.names.insert_unique(hasher.hash_one((binding, domain)), index, rehash);
        index
    }

    pub fn remove(&mut self, index: u32) {
        let queue = self.at(index);
        let hash = self.hasher.hash_one((&*queue.binding, &*queue.domain));
        let entry = self.names.find_entry(hash, |other| *other == index);
        entry.expect("a queue has a name").remove();
        let slot = &mut self.slots[index as usize];
        slot.queue = None;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index);
    }

    pub fn at(&self, index: u32) -> &Queue<T> {
        self.slots[index as usize].queue.as_ref().expect("a queue is named while it exists")
    }

    pub fn at_mut(&mut self, index: u32) -> &mut Queue<T> {
        self.slots[index as usize].queue.as_mut().expect("a queue is named while it exists")
    }

    pub fn id(&self, index: u32) -> QueueId {
        QueueId { index, generation: self.slots[index as usize].generation }
    }

    /// The slot of a queue that must still exist: who holds its messages or connections keeps it.
    pub fn index(&self, id: QueueId) -> u32 {
        let same = self.slots.get(id.index as usize).is_some_and(|slot| slot.generation == id.generation);
        assert!(same, "a queue is named while it exists");
        id.index
    }

    pub fn exists(&self, id: QueueId) -> bool {
        let slot = self.slots.get(id.index as usize);
        slot.is_some_and(|slot| slot.generation == id.generation && slot.queue.is_some())
    }

    /// The filled slots among the `count` from `from` on, and where the next ones begin.
    pub fn piece(&self, from: u32, count: u32) -> (impl Iterator<Item = u32>, Option<u32>) {
        let slots = self.slots.len() as u32;
        let end = from.saturating_add(count).min(slots);
        let filled = |index: &u32| self.slots[*index as usize].queue.is_some();
        ((from..end).filter(filled), (end < slots).then_some(end))
    }

    pub fn indexes(&self) -> impl Iterator<Item = u32> {
        self.indexes_from(0)
    }

    /// In rising order, `from` included.
    pub fn indexes_from(&self, from: u32) -> impl Iterator<Item = u32> {
        let filled = |(index, slot): (u32, &Slot<T>)| slot.queue.is_some().then_some(index);
        (from..).zip(self.slots.iter().skip(from as usize)).filter_map(filled)
    }
}
