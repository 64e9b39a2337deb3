//! The bytes of the format: segment header, batch header, record. All numbers are little-endian.
//!
//! Law: both headers fit in the first sector of their block, so a torn write leaves the old one or the new
//! one. What changes here changes `VERSION`; the tables are in spool/README.md.

use crate::{Segment, limits};
use mail::Time;
use world::BLOCK;

const SEGMENT_MAGIC: [u8; 8] = *b"Impetus\n";
const VERSION: u32 = 1;
const BATCH_MAGIC: [u8; 4] = *b"Bat\x1a";

pub const SEGMENT_HEADER: usize = 64;
pub const BATCH_HEADER: usize = 64;
pub const RECORD_HEADER: usize = 24;
/// What stands before the bytes of a part.
pub const PART_HEADER: usize = 24;
/// A promise that must be cut is not cut smaller than this, its headers included.
pub const PART_LEAST: usize = 16 << 10;

/// Block 0 of a segment: which use of which file this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    pub shard: u32,
    pub segment: Segment,
    /// Grows with each segment begun, over all files of the shard: the order of the log.
    pub epoch: u64,
    /// Segments of an epoch before this one hold nothing any more.
    pub oldest: u64,
    /// The last batch of the chain when it was begun.
    pub previous: u64,
    pub salt: u32,
    pub segment_bytes: u64,
}

/// The start of what one commit wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Bytes with this header, without the padding.
    pub length: u32,
    pub records: u32,
    pub segment: Segment,
    pub salt: u32,
    pub epoch: u64,
    /// Grows with each batch of the shard; no number is used twice.
    pub number: u64,
    /// The batch before this one in the chain: all numbers between are void.
    pub previous: u64,
    /// Sequence numbers up to this one were decided before this batch was written.
    pub durable: u64,
    pub oldest: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Promised = 1,
    Moved = 2,
    Finished = 3,
    Deferred = 4,
}

/// One record, as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Bytes with its header.
    pub length: usize,
    pub sequence: u64,
    pub content: Content<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    Part(Part<'a>),
    Finished { promise: u64, copy: u32 },
    Deferred { promise: u64, copy: u32, attempts: u32, until: Time, note: &'a [u8] },
}

/// A promise or a stretch of it: `bytes` are those from `at` of head and bodies, `total` in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    pub moved: bool,
    pub copies: u32,
    pub head: u32,
    pub total: u64,
    pub at: u64,
    /// Of the first part of a moved promise: a bit for each copy that lives.
    pub living: &'a [u8],
    pub bytes: &'a [u8],
}

impl Part<'_> {
    pub fn is_first(&self) -> bool {
        self.at == 0
    }

    pub fn is_last(&self) -> bool {
        self.at + self.bytes.len() as u64 == self.total
    }
}

/// Binds a record to its batch, so that bytes of another batch never pass.
pub fn tag(number: u64, salt: u32) -> u32 {
    number as u32 ^ salt
}

/// Bytes of the set of living copies.
pub fn living_bytes(copies: u32) -> usize {
    copies.div_ceil(64) as usize * 8
}

pub fn number4(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub fn number8(bytes: &[u8], at: usize) -> u64 {
    u64::from(number4(bytes, at)) | u64::from(number4(bytes, at + 4)) << 32
}

fn put4(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

fn put8(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

impl SegmentHeader {
    pub fn encode(&self, out: &mut [u8]) {
        out[..8].copy_from_slice(&SEGMENT_MAGIC);
        put4(out, 12, VERSION);
        put4(out, 16, self.shard);
        put4(out, 20, self.segment.0);
        put8(out, 24, self.epoch);
        put8(out, 32, self.oldest);
        put8(out, 40, self.segment_bytes);
        put4(out, 48, self.salt);
        put8(out, 52, self.previous);
        put4(out, 60, 0);
        put4(out, 8, crc32fast::hash(&out[12..SEGMENT_HEADER]));
    }

    pub fn decode(bytes: &[u8]) -> Option<SegmentHeader> {
        let bytes = bytes.get(..SEGMENT_HEADER)?;
        let is_ours = bytes[..8] == SEGMENT_MAGIC && number4(bytes, 12) == VERSION;
        if !is_ours || number4(bytes, 8) != crc32fast::hash(&bytes[12..]) {
            return None;
        }
        Some(SegmentHeader {
            shard: number4(bytes, 16),
            segment: Segment(number4(bytes, 20)),
            epoch: number8(bytes, 24),
            oldest: number8(bytes, 32),
            segment_bytes: number8(bytes, 40),
            salt: number4(bytes, 48),
            previous: number8(bytes, 52),
        })
    }
}

impl BatchHeader {
    pub fn encode(&self, out: &mut [u8]) {
        out[..4].copy_from_slice(&BATCH_MAGIC);
        put4(out, 8, self.length);
        put4(out, 12, self.records);
        put4(out, 16, self.segment.0);
        put4(out, 20, self.salt);
        put8(out, 24, self.epoch);
        put8(out, 32, self.number);
        put8(out, 40, self.previous);
        put8(out, 48, self.durable);
        put8(out, 56, self.oldest);
        put4(out, 4, crc32fast::hash(&out[8..BATCH_HEADER]));
    }

    pub fn decode(bytes: &[u8]) -> Option<BatchHeader> {
        let bytes = bytes.get(..BATCH_HEADER)?;
        if bytes[..4] != BATCH_MAGIC || number4(bytes, 4) != crc32fast::hash(&bytes[8..]) {
            return None;
        }
        let header = BatchHeader {
            length: number4(bytes, 8),
            records: number4(bytes, 12),
            segment: Segment(number4(bytes, 16)),
            salt: number4(bytes, 20),
            epoch: number8(bytes, 24),
            number: number8(bytes, 32),
            previous: number8(bytes, 40),
            durable: number8(bytes, 48),
            oldest: number8(bytes, 56),
        };
        let fits = (BATCH_HEADER..=limits::BATCH_BYTES.1).contains(&(header.length as usize));
        (fits && header.previous < header.number).then_some(header)
    }

    /// Whole blocks that the batch takes.
    pub fn padded(&self) -> usize {
        (self.length as usize).next_multiple_of(BLOCK)
    }

    pub fn tag(&self) -> u32 {
        tag(self.number, self.salt)
    }
}

/// Closes a record whose payload already stands after `RECORD_HEADER` in `record`.
pub fn seal(record: &mut [u8], kind: Kind, sequence: u64, tag: u32) {
    let length = record.len() as u32;
    put4(record, 4, length);
    put8(record, 8, sequence);
    put4(record, 16, tag);
    put4(record, 20, kind as u32);
    put4(record, 0, crc32fast::hash(&record[4..]));
}

pub fn put_part(out: &mut [u8], copies: u32, head: u32, total: u64, at: u64) {
    put4(out, 0, copies);
    put4(out, 4, head);
    put8(out, 8, total);
    put8(out, 16, at);
}

pub const FINISHED: usize = 12;
pub const DEFERRED: usize = 24;

pub fn finished(promise: u64, copy: u32) -> [u8; FINISHED] {
    let mut out = [0; FINISHED];
    put8(&mut out, 0, promise);
    put4(&mut out, 8, copy);
    out
}

/// What stands before the note.
pub fn deferred(promise: u64, copy: u32, attempts: u32, until: Time) -> [u8; DEFERRED] {
    let mut out = [0; DEFERRED];
    put8(&mut out, 0, promise);
    put4(&mut out, 8, copy);
    put4(&mut out, 12, attempts);
    put8(&mut out, 16, until.micros());
    out
}

/// The record that begins `bytes`; none if it is not whole, or not of the batch with this tag.
pub fn record(bytes: &[u8], tag: u32) -> Option<Record<'_>> {
    (bytes.len() >= RECORD_HEADER && number4(bytes, 16) == tag).then_some(())?;
    any_record(bytes)
}

/// The record that begins `bytes`, of whichever batch.
pub fn any_record(bytes: &[u8]) -> Option<Record<'_>> {
    let header = bytes.get(..RECORD_HEADER)?;
    let length = number4(header, 4) as usize;
    let record = bytes.get(..length).filter(|record| record.len() >= RECORD_HEADER)?;
    if number4(record, 0) != crc32fast::hash(&record[4..]) {
        return None;
    }
    let content = content(number4(record, 20), &record[RECORD_HEADER..])?;
    Some(Record { length, sequence: number8(record, 8), content })
}

fn content(kind: u32, payload: &[u8]) -> Option<Content<'_>> {
    match kind {
        kind if kind == Kind::Promised as u32 => part(false, payload).map(Content::Part),
        kind if kind == Kind::Moved as u32 => part(true, payload).map(Content::Part),
        kind if kind == Kind::Finished as u32 && payload.len() == FINISHED => {
            Some(Content::Finished { promise: number8(payload, 0), copy: number4(payload, 8) })
        }
        kind if kind == Kind::Deferred as u32 && payload.len() >= DEFERRED => Some(Content::Deferred {
            promise: number8(payload, 0),
            copy: number4(payload, 8),
            attempts: number4(payload, 12),
            until: Time::from_micros(number8(payload, 16)),
            note: &payload[DEFERRED..],
        }),
        _ => None,
    }
}

fn part(moved: bool, payload: &[u8]) -> Option<Part<'_>> {
    let (header, rest) = payload.split_at_checked(PART_HEADER)?;
    let (copies, at) = (number4(header, 0), number8(header, 16));
    let set = if moved && at == 0 { living_bytes(copies) } else { 0 };
    let (living, bytes) = rest.split_at_checked(set)?;
    let (head, total) = (number4(header, 4), number8(header, 8));
    let end = at.checked_add(bytes.len() as u64)?;
    let is_sound = (1..=limits::COPIES).contains(&copies) && u64::from(head) <= total && end <= total;
    is_sound.then_some(Part { moved, copies, head, total, at, living, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back_and_no_flipped_bit_passes() {
        let segment = SegmentHeader {
            shard: 3,
            segment: Segment(9),
            epoch: 1 << 40,
            oldest: 7,
            previous: 1 << 33,
            salt: 0xDEAD_BEEF,
            segment_bytes: 64 << 20,
        };
        let batch = BatchHeader {
            length: 5000,
            records: 2,
            segment: Segment(9),
            salt: 5,
            epoch: 1 << 40,
            number: 12,
            previous: 11,
            durable: 99,
            oldest: 7,
        };
        let (mut first, mut second) = ([0; SEGMENT_HEADER], [0; BATCH_HEADER]);
        segment.encode(&mut first);
        batch.encode(&mut second);
        assert_eq!(SegmentHeader::decode(&first), Some(segment));
        assert_eq!((BatchHeader::decode(&second), batch.padded()), (Some(batch), 8192));
        for bit in 0..8 * SEGMENT_HEADER {
            let (mut first, mut second) = (first, second);
            first[bit / 8] ^= 1 << (bit % 8);
            second[bit / 8] ^= 1 << (bit % 8);
            assert_eq!((SegmentHeader::decode(&first), BatchHeader::decode(&second)), (None, None), "{bit}");
        }
    }

    #[test]
    fn a_record_with_any_bit_flipped_or_of_another_batch_is_none() {
        let mut bytes = vec![0; RECORD_HEADER];
        bytes.extend(deferred(77, 3, 2, Time::from_secs(9)));
        bytes.extend(b"451 4.3.0 later");
        seal(&mut bytes, Kind::Deferred, 80, tag(5, 6));
        let read = record(&bytes, tag(5, 6)).expect("it is whole");
        assert_eq!((read.length, read.sequence), (bytes.len(), 80));
        let note = &b"451 4.3.0 later"[..];
        let content =
            Content::Deferred { promise: 77, copy: 3, attempts: 2, until: Time::from_secs(9), note };
        assert_eq!(read.content, content);
        assert_eq!(record(&bytes, tag(6, 6)), None);
        for length in 0..bytes.len() {
            assert_eq!(any_record(&bytes[..length]), None, "{length}");
        }
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(any_record(&bytes), None, "{bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
