//! The buffers that the kernel fills when bytes arrive: one provided-buffer ring for all connections of a
//! shard, so that an idle connection holds none.
//!
//! Law: a buffer is the kernel's or a chunk's, and a chunk gives it back when dropped.

use crate::ring::Ring;
use io_uring::types::BufRingEntry;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::io;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::atomic::{AtomicU16, Ordering};

/// How many buffers a shard has: a power of two, as the kernel asks.
pub(crate) const BUFFERS: u16 = 2048;
/// Bytes of one buffer.
pub(crate) const BUFFER_BYTES: usize = 4096;
/// The only buffer group of the ring.
pub(crate) const GROUP: u16 = 0;

const PAGE: usize = 4096;

pub(crate) struct Buffers {
    entries: Pages,
    bytes: Pages,
    tail: Cell<u16>,
    free: Cell<u16>,
}

impl Buffers {
    /// All buffers, handed to the kernel.
    pub fn register(ring: &Ring) -> io::Result<Rc<Buffers>> {
        let buffers = Rc::new(Buffers {
            entries: Pages::new(usize::from(BUFFERS) * size_of::<BufRingEntry>()),
            bytes: Pages::new(usize::from(BUFFERS) * BUFFER_BYTES),
            tail: Cell::new(0),
            free: Cell::new(0),
        });
        // SAFETY: the pages live as long as the shard keeps this `Rc`, which is longer than its ring has
        // operations in flight (`Shard::drop`).
        let registered = ring.with_submitter(|submitter| unsafe {
            submitter.register_buf_ring_with_flags(buffers.entries.start as u64, BUFFERS, GROUP, 0)
        });
        registered?;
        (0..BUFFERS).for_each(|index| buffers.give(index));
        Ok(buffers)
    }

    /// Buffers in the kernel's hands.
    pub fn free(&self) -> u16 {
        self.free.get()
    }

    /// The chunk that the kernel has filled in buffer `index`.
    pub fn taken(self: &Rc<Self>, index: u16, length: usize) -> Chunk {
        assert!(index < BUFFERS && length <= BUFFER_BYTES, "the kernel names a buffer of the group");
        self.free.set(self.free.get() - 1);
        Chunk(Held::Ring { buffers: self.clone(), index, length: length as u16 })
    }

    fn address(&self, index: u16) -> *mut u8 {
        // SAFETY: every index given out is below BUFFERS, so this stays inside the pages.
        unsafe { self.bytes.start.add(usize::from(index) * BUFFER_BYTES) }
    }

    fn give(&self, index: u16) {
        let tail = self.tail.get();
        let first = self.entries.start.cast::<BufRingEntry>();
        // SAFETY: the slot is inside the pages, and the kernel reads it only after the tail below has moved
        // past it; it never holds more entries than there are buffers. The tail lies in the first entry's
        // reserved field, which setting an entry does not touch.
        unsafe {
            let entry = &mut *first.add(usize::from(tail & (BUFFERS - 1)));
            entry.set_addr(self.address(index) as u64);
            entry.set_len(BUFFER_BYTES as u32);
            entry.set_bid(index);
            let shared_tail = &*BufRingEntry::tail(first).cast::<AtomicU16>();
            shared_tail.store(tail.wrapping_add(1), Ordering::Release);
        }
        self.tail.set(tail.wrapping_add(1));
        self.free.set(self.free.get() + 1);
    }
}

/// Received bytes. Those of the ring are lent: whoever needs them longer copies them.
pub struct Chunk(Held);

enum Held {
    Ring { buffers: Rc<Buffers>, index: u16, length: u16 },
    Own(Vec<u8>),
}

impl Chunk {
    /// The end of a stream.
    pub(crate) const fn empty() -> Chunk {
        Chunk(Held::Own(Vec::new()))
    }

    /// Bytes received without the ring's buffers, when these had run out.
    pub(crate) fn own(bytes: Vec<u8>) -> Chunk {
        Chunk(Held::Own(bytes))
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Held::Own(bytes) => bytes,
            // SAFETY: the buffer is this chunk's alone until `drop` gives it back; the pages are kept by
            // the `Rc`, were zeroed when made, and `length` was checked against the buffer's size.
            Held::Ring { buffers, index, length } => unsafe {
                std::slice::from_raw_parts(buffers.address(*index), usize::from(*length))
            },
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Held::Ring { buffers, index, .. } = &self.0 {
            buffers.give(*index);
        }
    }
}

/// Zeroed memory on page boundaries.
struct Pages {
    start: *mut u8,
    layout: Layout,
}

impl Pages {
    fn new(bytes: usize) -> Pages {
        let layout = Layout::from_size_align(bytes, PAGE).expect("a small size and a power of two");
        // SAFETY: the layout has a size above zero.
        let start = unsafe { alloc_zeroed(layout) };
        if start.is_null() {
            handle_alloc_error(layout);
        }
        Pages { start, layout }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, freed once.
        unsafe { dealloc(self.start, self.layout) };
    }
}
