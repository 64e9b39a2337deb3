//! The batch that gathers while the one before it is written.
//!
//! Law: records stand in the buffer as they will stand on disk, checksummed when they are appended, so that
//! closing a batch costs the same whatever is in it.

use crate::layout::{self, BATCH_HEADER, BatchHeader, Kind, PART_HEADER, PART_LEAST, RECORD_HEADER};
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use world::Buffer;

/// A part of a promise within a batch.
#[derive(Clone, Copy, Debug)]
pub struct Placed {
    pub promise: u64,
    pub copies: u32,
    pub moved: bool,
    pub first: bool,
    pub last: bool,
    /// From the start of the batch.
    pub offset: u32,
    pub length: u32,
}

/// A record that waits because the batch is full.
#[derive(Debug)]
pub enum Waiting {
    Note { sequence: u64, kind: Kind, payload: Box<[u8]> },
    Stream(Stream),
}

/// Bytes of a promise that are not in a batch yet, shared with whoever promised them.
#[derive(Debug)]
pub struct Stream {
    pub promise: u64,
    pub moved: bool,
    pub copies: u32,
    pub head: u32,
    pub total: u64,
    /// The next byte to write.
    pub at: u64,
    /// The living copies of a moved promise; empty for a new one.
    pub living: Box<[u8]>,
    pub pieces: VecDeque<Bytes>,
}

impl Stream {
    pub fn left(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    fn living(&self) -> &[u8] {
        if self.moved && self.at == 0 { &self.living } else { &[] }
    }

    /// What the record takes if all that is left goes into it.
    pub fn record_bytes(&self) -> usize {
        RECORD_HEADER + PART_HEADER + self.living().len() + self.left()
    }

    /// The room without which no part of it is written, in batches of at most `capacity` bytes.
    fn least(&self, capacity: usize) -> usize {
        let whole = self.record_bytes();
        if whole <= capacity { whole } else { PART_LEAST }
    }
}

impl Waiting {
    pub fn bytes(&self) -> usize {
        match self {
            Waiting::Note { payload, .. } => RECORD_HEADER + payload.len(),
            Waiting::Stream(stream) => stream.record_bytes(),
        }
    }

    pub fn least(&self, capacity: usize) -> usize {
        match self {
            Waiting::Note { .. } => self.bytes(),
            Waiting::Stream(stream) => stream.least(capacity),
        }
    }
}

#[derive(Debug)]
pub struct Gather {
    buffer: Buffer,
    used: usize,
    records: u32,
    number: u64,
    salt: u32,
    placed: Vec<Placed>,
}

impl Gather {
    pub fn new(batch_bytes: usize, number: u64, salt: u32) -> Self {
        let buffer = Buffer::zeroed(batch_bytes);
        Gather { buffer, used: BATCH_HEADER, records: 0, number, salt, placed: Vec::new() }
    }

    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Bytes of the batch so far, its header included.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Something is in it that a client waits for.
    pub fn has_parts(&self) -> bool {
        !self.placed.is_empty()
    }

    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    /// Room for records in an empty batch.
    pub fn capacity(&self) -> usize {
        self.buffer.capacity() - BATCH_HEADER
    }

    pub fn room(&self) -> usize {
        self.buffer.capacity() - self.used
    }

    fn tag(&self) -> u32 {
        layout::tag(self.number, self.salt)
    }

    fn close_record(&mut self, end: usize, kind: Kind, sequence: u64) {
        let tag = self.tag();
        layout::seal(&mut self.buffer[self.used..end], kind, sequence, tag);
        self.used = end;
        self.records += 1;
    }

    /// The payload in pieces; there must be room.
    pub fn note(&mut self, sequence: u64, kind: Kind, payload: [&[u8]; 2]) {
        let mut end = self.used + RECORD_HEADER;
        for piece in payload {
            self.buffer[end..end + piece.len()].copy_from_slice(piece);
            end += piece.len();
        }
        self.close_record(end, kind, sequence);
    }

    /// A new promise, whole; there must be room.
    pub fn promise(&mut self, promise: u64, head: &[u8], bodies: &[Bytes], copies: u32) {
        let start = self.used;
        let mut end = start + RECORD_HEADER + PART_HEADER;
        self.buffer[end..end + head.len()].copy_from_slice(head);
        end += head.len();
        for body in bodies {
            self.buffer[end..end + body.len()].copy_from_slice(body);
            end += body.len();
        }
        let total = (end - start - RECORD_HEADER - PART_HEADER) as u64;
        layout::put_part(&mut self.buffer[start + RECORD_HEADER..], copies, head.len() as u32, total, 0);
        self.close_record(end, Kind::Promised, promise);
        let (offset, length) = (start as u32, (end - start) as u32);
        self.placed.push(Placed { promise, copies, moved: false, first: true, last: true, offset, length });
    }

    /// As much of the stream as fits below `limit` bytes of the batch. True if nothing of it is left.
    pub fn part(&mut self, stream: &mut Stream, limit: usize) -> bool {
        let room = limit.saturating_sub(self.used);
        if room < stream.least(self.capacity()) {
            return false;
        }
        let (start, first) = (self.used, stream.at == 0);
        let header = start + RECORD_HEADER;
        layout::put_part(&mut self.buffer[header..], stream.copies, stream.head, stream.total, stream.at);
        let mut end = header + PART_HEADER;
        let living = stream.living();
        self.buffer[end..end + living.len()].copy_from_slice(living);
        end += living.len();
        let limit = start + room;
        while let Some(piece) = stream.pieces.front_mut().filter(|_| end < limit) {
            let length = piece.len().min(limit - end);
            self.buffer[end..end + length].copy_from_slice(&piece[..length]);
            end += length;
            stream.at += length as u64;
            piece.advance(length);
            if piece.is_empty() {
                stream.pieces.pop_front();
            }
        }
        self.close_record(end, if stream.moved { Kind::Moved } else { Kind::Promised }, stream.promise);
        self.placed.push(Placed {
            promise: stream.promise,
            copies: stream.copies,
            moved: stream.moved,
            first,
            last: stream.at == stream.total,
            offset: start as u32,
            length: (end - start) as u32,
        });
        stream.left() == 0
    }

    /// The waiting record, if it fits below `limit` bytes of the batch. True if nothing of it is left.
    pub fn waiting(&mut self, waiting: &mut Waiting, limit: usize) -> bool {
        match waiting {
            Waiting::Stream(stream) => self.part(stream, limit),
            Waiting::Note { sequence, kind, payload } => {
                let fits = self.used + RECORD_HEADER + payload.len() <= limit;
                if fits {
                    self.note(*sequence, *kind, [payload, &[]]);
                }
                fits
            }
        }
    }

    /// Closes the batch and begins the next one in `next`. `header` needs no length, count or number yet.
    pub fn close(&mut self, mut header: BatchHeader, next: Buffer, placed: &mut Vec<Placed>) -> Buffer {
        header.length = self.used as u32;
        header.records = self.records;
        header.number = self.number;
        header.salt = self.salt;
        header.encode(&mut self.buffer);
        let padded = header.padded();
        self.buffer[self.used..padded].fill(0);
        self.buffer.set_length(padded);
        placed.clear();
        std::mem::swap(placed, &mut self.placed);
        self.number += 1;
        self.clear();
        std::mem::replace(&mut self.buffer, next)
    }

    /// Forgets what was gathered; the number stays, as it was never written.
    pub fn clear(&mut self) {
        self.used = BATCH_HEADER;
        self.records = 0;
        self.placed.clear();
    }
}
