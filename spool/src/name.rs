//! Names of what the journal holds: segments, sequence numbers, promises, places in a file.

use std::fmt;

/// A segment file of one shard. Its number is in its name and in its header, and both must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment(pub u32);

const SUFFIX: &str = ".segment";

impl Segment {
    /// `00000007.segment`.
    pub fn file_name(self) -> String {
        self.to_string()
    }

    /// None for any name that `file_name` does not give.
    pub fn from_file_name(name: &str) -> Option<Segment> {
        let digits = name.strip_suffix(SUFFIX)?;
        let is_number = digits.len() >= 8 && digits.bytes().all(|digit| digit.is_ascii_digit());
        let segment = Segment(digits.parse().ok().filter(|_| is_number)?);
        (segment.file_name() == name).then_some(segment)
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}{SUFFIX}", self.0)
    }
}

/// Every record that is not a copy of an older one takes the next number of its shard; none is given twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// A promise is named by its sequence number, and keeps it when compaction moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Promise(pub u64);

impl Promise {
    pub fn sequence(self) -> Sequence {
        Sequence(self.0)
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whole blocks of a segment to read; offset and length are multiples of `world::BLOCK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    pub segment: Segment,
    pub offset: u64,
    pub length: usize,
    /// Where in those blocks the record begins; zero when whole blocks are asked for.
    pub(crate) skip: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_we_give_are_segments() {
        for number in [0, 7, 99_999_999, 100_000_000, u32::MAX] {
            let segment = Segment(number);
            assert_eq!(Segment::from_file_name(&segment.file_name()), Some(segment));
        }
        for name in [
            "7.segment",
            "0000007.segment",
            "+0000007.segment",
            "00000007.segment~",
            "000000007.segment",
            ".segment",
        ] {
            assert_eq!(Segment::from_file_name(name), None, "{name}");
        }
    }
}
