//! Memory that O_DIRECT accepts: start and length are multiples of the block size.

/// The unit of the journal: alignment of addresses, offsets and lengths, in bytes.
pub const BLOCK: usize = 4096;

/// Zeroed bytes whose address is a multiple of `BLOCK`, found inside a larger allocation.
#[derive(Debug)]
pub struct Buffer {
    raw: Vec<u8>,
    start: usize,
    length: usize,
}

impl Buffer {
    /// `length` is rounded up to whole blocks.
    pub fn zeroed(length: usize) -> Self {
        let length = length.next_multiple_of(BLOCK);
        let raw = vec![0; length + BLOCK];
        let start = raw.as_ptr().align_offset(BLOCK);
        assert!(start < BLOCK, "a byte pointer can always be aligned");
        Buffer { raw, start, length }
    }

    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The length it was made with: how far `set_length` may go.
    pub fn capacity(&self) -> usize {
        self.raw.len() - BLOCK
    }

    /// Shows fewer or more of the blocks that it was made with, rounded up; the bytes stay what they are.
    pub fn set_length(&mut self, length: usize) {
        let length = length.next_multiple_of(BLOCK);
        assert!(length <= self.capacity(), "a buffer does not grow");
        self.length = length;
    }
}

impl std::ops::Deref for Buffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.raw[self.start..self.start + self.length]
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.raw[self.start..self.start + self.length]
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_whole_blocks() {
        for (asked, got) in [(0, 0), (1, BLOCK), (BLOCK, BLOCK), (BLOCK + 1, 2 * BLOCK)] {
            let buffer = Buffer::zeroed(asked);
            assert_eq!(buffer.len(), got);
            assert_eq!(buffer.as_ptr() as usize % BLOCK, 0);
            assert!(buffer.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn a_shortened_buffer_keeps_its_bytes() {
        let mut buffer = Buffer::zeroed(3 * BLOCK);
        buffer[2 * BLOCK] = 7;
        buffer.set_length(BLOCK + 1);
        assert_eq!((buffer.len(), buffer.capacity()), (2 * BLOCK, 3 * BLOCK));
        buffer.set_length(3 * BLOCK);
        assert_eq!(buffer[2 * BLOCK], 7);
    }
}
