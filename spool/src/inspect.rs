//! A segment file laid open, for `impetus spool ls|cat|check`: every stretch of it with a verdict.
//!
//! Law: it judges one file alone. Whether the last batch counts, or a batch is void, is for recovery, which
//! knows the successor.

use crate::layout::{BatchHeader, Content, SegmentHeader};
use crate::read::{Records, Stretch};
use crate::{Promise, Segment};
use mail::Time;
use std::fmt;
use world::BLOCK;

/// One stretch of a segment, at its offset in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    pub offset: u64,
    /// Bytes; of a batch, with its records and its padding.
    pub length: u64,
    pub what: What<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What<'a> {
    Header {
        shard: u32,
        segment: Segment,
        epoch: u64,
        oldest: u64,
    },
    /// Block 0 is no header: a fresh file, or rot.
    NoHeader,
    /// Its records follow. A batch of an earlier use of the file is stale: it counts for nothing.
    Batch {
        number: u64,
        previous: u64,
        durable: u64,
        records: u32,
        is_stale: bool,
    },
    Part {
        promise: Promise,
        is_moved: bool,
        copies: u32,
        head: u32,
        total: u64,
        at: u64,
        bytes: &'a [u8],
    },
    Finished {
        promise: Promise,
        copy: u32,
    },
    Deferred {
        promise: Promise,
        copy: u32,
        attempts: u32,
        until: Time,
        note: &'a [u8],
    },
    /// Bytes in a batch that are no record.
    Rotten,
    /// Blocks that are no batch: never written, a torn batch, or rot.
    NoBatch,
}

impl fmt::Display for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10} {:>8} ", self.offset, self.length)?;
        match self.what {
            What::Header { shard, segment, epoch, oldest } => {
                write!(f, "segment {segment} shard={shard} epoch={epoch} oldest={oldest}")
            }
            What::NoHeader => f.write_str("no header"),
            What::Batch { number, previous, durable, records, is_stale } => {
                let stale = if is_stale { " stale" } else { "" };
                write!(f, "batch {number} after={previous} durable={durable} records={records}{stale}")
            }
            What::Part { promise, is_moved, copies, head, total, at, bytes } => {
                let name = if is_moved { "moved" } else { "promised" };
                let end = at + bytes.len() as u64;
                write!(f, "  {name} {promise} copies={copies} head={head} bytes={at}..{end} of {total}")
            }
            What::Finished { promise, copy } => write!(f, "  finished {promise} copy={copy}"),
            What::Deferred { promise, copy, attempts, until, note } => {
                let (until, note) = (until.secs(), note.escape_ascii());
                write!(f, "  deferred {promise} copy={copy} attempts={attempts} until={until} \"{note}\"")
            }
            What::Rotten => f.write_str("  ROTTEN"),
            What::NoBatch => f.write_str("no batch"),
        }
    }
}

/// All stretches of a segment file, in order. Stretches without a batch are joined.
pub fn segment(file: &[u8]) -> impl Iterator<Item = Item<'_>> {
    let header = SegmentHeader::decode(file);
    let what = match header {
        Some(SegmentHeader { shard, segment, epoch, oldest, .. }) => {
            What::Header { shard, segment, epoch, oldest }
        }
        None => What::NoHeader,
    };
    let first = Item { offset: 0, length: file.len().min(BLOCK) as u64, what };
    let batches = Batches { file, at: BLOCK.min(file.len()) };
    let items = batches.flat_map(move |(offset, length, batch)| {
        let what = match batch {
            Some(batch) => What::Batch {
                number: batch.number,
                previous: batch.previous,
                durable: batch.durable,
                records: batch.records,
                is_stale: header
                    .is_some_and(|header| (header.epoch, header.salt) != (batch.epoch, batch.salt)),
            },
            None => What::NoBatch,
        };
        let head = Item { offset: offset as u64, length: length as u64, what };
        let records = batch.map(|batch| Records::of(&batch, &file[offset..]));
        let records = records.into_iter().flatten();
        std::iter::once(head).chain(records.map(move |(at, stretch)| item(offset + at, stretch)))
    });
    std::iter::once(first).chain(items)
}

fn item(offset: usize, stretch: Stretch<'_>) -> Item<'_> {
    let (length, what) = match stretch {
        Stretch::Rotten(length) => (length, What::Rotten),
        Stretch::Sound(record) => {
            let what = match record.content {
                Content::Part(part) => What::Part {
                    promise: Promise(record.sequence),
                    is_moved: part.moved,
                    copies: part.copies,
                    head: part.head,
                    total: part.total,
                    at: part.at,
                    bytes: part.bytes,
                },
                Content::Finished { promise, copy } => What::Finished { promise: Promise(promise), copy },
                Content::Deferred { promise, copy, attempts, until, note } => {
                    What::Deferred { promise: Promise(promise), copy, attempts, until, note }
                }
            };
            (record.length, what)
        }
    };
    Item { offset: offset as u64, length: length as u64, what }
}

/// Batches and the stretches between them: offset, length, header.
struct Batches<'a> {
    file: &'a [u8],
    at: usize,
}

impl Batches<'_> {
    fn batch_at(&self, at: usize) -> Option<BatchHeader> {
        let left = self.file.len() - at;
        BatchHeader::decode(&self.file[at..]).filter(|header| header.padded() <= left)
    }
}

impl Iterator for Batches<'_> {
    type Item = (usize, usize, Option<BatchHeader>);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        if start >= self.file.len() {
            return None;
        }
        let header = self.batch_at(start);
        let end = match header {
            Some(header) => start + header.padded(),
            None => {
                let mut blocks = (start..self.file.len()).step_by(BLOCK).skip(1);
                blocks.find(|at| self.batch_at(*at).is_some()).unwrap_or(self.file.len())
            }
        };
        self.at = end;
        Some((start, end - start, header))
    }
}
