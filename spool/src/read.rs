//! Reading back: a promise from its blocks, the records of a batch.
//!
//! Law: nothing is handed out that does not carry its own checksum.

use crate::layout::{self, BATCH_HEADER, BatchHeader, Content, Record};
use crate::{Location, Promise};
use bytes::{Bytes, BytesMut};
use world::Buffer;

/// What was promised: as given to `Journal::promise`, the bodies in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promised {
    pub copies: u32,
    pub head: Bytes,
    /// Shares the memory of the blocks read, unless the promise was written in several parts.
    pub body: Bytes,
}

/// The blocks do not hold this promise: they rotted, or are of another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the blocks do not hold this promise")
    }
}

impl std::error::Error for Unreadable {}

/// `parts` are the blocks of each location of `Journal::location`, in its order.
pub fn promised(promise: Promise, parts: Vec<(Location, Buffer)>) -> Result<Promised, Unreadable> {
    let mut read = None;
    let count = parts.len();
    for (location, blocks) in parts {
        let blocks = Bytes::from_owner(blocks);
        let record = blocks.get(location.skip..).and_then(layout::any_record).ok_or(Unreadable)?;
        let Content::Part(part) = record.content else { return Err(Unreadable) };
        if record.sequence != promise.0 {
            return Err(Unreadable);
        }
        let bytes = blocks.slice_ref(part.bytes);
        let (copies, head, total, stream) =
            read.get_or_insert_with(|| (part.copies, part.head, part.total, Vec::with_capacity(count)));
        let at: u64 = stream.iter().map(|piece: &Bytes| piece.len() as u64).sum();
        if (*copies, *head, *total, at) != (part.copies, part.head, part.total, part.at) {
            return Err(Unreadable);
        }
        stream.push(bytes);
    }
    let (copies, head, total, mut stream) = read.ok_or(Unreadable)?;
    let mut body = if stream.len() == 1 { stream.swap_remove(0) } else { joined(&stream) };
    if body.len() as u64 != total {
        return Err(Unreadable);
    }
    Ok(Promised { copies, head: body.split_to(head as usize), body })
}

fn joined(pieces: &[Bytes]) -> Bytes {
    let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
    whole.freeze()
}

/// What stands at a place of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stretch<'a> {
    Sound(Record<'a>),
    /// This many bytes belong to no record.
    Rotten(usize),
}

/// Walks the records of a batch, over what rotted to the next whole record.
pub(crate) struct Records<'a> {
    batch: &'a [u8],
    at: usize,
    tag: u32,
}

impl<'a> Records<'a> {
    /// `batch` is at least `header.length` bytes, header first.
    pub fn of(header: &BatchHeader, batch: &'a [u8]) -> Self {
        Records::tagged(&batch[..header.length as usize], header.tag())
    }

    /// Of a batch whose header is not written yet.
    pub fn tagged(batch: &'a [u8], tag: u32) -> Self {
        Records { batch, at: BATCH_HEADER, tag }
    }

    /// The next whole record may begin at any byte: its tag and its checksum tell it.
    fn rotten(&self) -> usize {
        let tag = self.tag.to_le_bytes();
        let rest = &self.batch[self.at..];
        let is_record = |at: &usize| layout::record(&rest[*at..], self.tag).is_some();
        let candidates = memchr::memmem::find_iter(rest, &tag).filter_map(|found| found.checked_sub(16));
        candidates.filter(|at| *at > 0).find(is_record).unwrap_or(rest.len())
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = (usize, Stretch<'a>);

    fn next(&mut self) -> Option<(usize, Stretch<'a>)> {
        let at = self.at;
        if at == self.batch.len() {
            return None;
        }
        let stretch = match layout::record(&self.batch[at..], self.tag) {
            Some(record) => Stretch::Sound(record),
            None => Stretch::Rotten(self.rotten()),
        };
        self.at += match &stretch {
            Stretch::Sound(record) => record.length,
            Stretch::Rotten(length) => *length,
        };
        Some((at, stretch))
    }
}

/// Every byte of the batch is accounted for by a whole record.
pub(crate) fn is_whole(header: &BatchHeader, batch: &[u8]) -> bool {
    let mut count = 0;
    let sound = Records::of(header, batch).all(|(_, stretch)| {
        count += 1;
        matches!(stretch, Stretch::Sound(_))
    });
    sound && count == header.records
}

/// Head bytes that stand in a part.
pub(crate) fn head_in<'a>(part: &layout::Part<'a>) -> &'a [u8] {
    let left = u64::from(part.head).saturating_sub(part.at);
    &part.bytes[..left.min(part.bytes.len() as u64) as usize]
}
