//! Address blocks with values: the longest prefix that holds an address wins. Decides, asks nobody.
//!
//! The law: built once, then a search for one boundary; what was nested when it was read is flat when it is searched.

use ipnet::{IpNet, Ipv4Net};
use std::collections::HashMap;
use std::net::IpAddr;

/// What a block says of its addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    Listed,
    Value(Box<str>),
    /// Not listed, although a larger block is.
    Excluded,
}

/// Blocks at most.
const MOST: usize = 4_000_000;

/// Collects blocks; a block that is named again gets the newer mark, but an exclusion stays.
#[derive(Default)]
pub struct Builder {
    v4: Vec<(u32, u8, u32)>,
    v6: Vec<(u128, u8, u32)>,
    marks: Vec<Mark>,
    known: HashMap<Mark, u32>,
}

impl Builder {
    /// False: there are too many.
    pub fn add(&mut self, block: IpNet, mark: Mark) -> bool {
        if self.v4.len() + self.v6.len() >= MOST {
            return false;
        }
        let number = match self.known.get(&mark) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.marks.len()).expect("no more marks than blocks");
                self.marks.push(mark.clone());
                self.known.insert(mark, number);
                number
            }
        };
        match plain(block) {
            IpNet::V4(net) => self.v4.push((net.network().into(), net.prefix_len(), number)),
            IpNet::V6(net) => self.v6.push((net.network().into(), net.prefix_len(), number)),
        }
        true
    }

    pub fn build(self) -> Blocks {
        let excludes = |mark: u32| self.marks[mark as usize] == Mark::Excluded;
        Blocks {
            v4: Ranges::new(self.v4, excludes, |first, length| {
                first | u32::MAX.checked_shr(length).unwrap_or(0)
            }),
            v6: Ranges::new(self.v6, excludes, |first, length| {
                first | u128::MAX.checked_shr(length).unwrap_or(0)
            }),
            marks: self.marks,
        }
    }
}

/// `::ffff:192.0.2.0/120` is `192.0.2.0/24`.
fn plain(block: IpNet) -> IpNet {
    match block {
        IpNet::V6(net) if net.prefix_len() >= 96 => match net.network().to_ipv4_mapped() {
            Some(address) => IpNet::V4(Ipv4Net::new_assert(address, net.prefix_len() - 96)),
            None => block,
        },
        _ => block,
    }
}

#[derive(Debug, Default)]
pub struct Blocks {
    v4: Ranges<u32>,
    v6: Ranges<u128>,
    marks: Vec<Mark>,
}

impl Blocks {
    /// None: not listed.
    pub fn find(&self, address: IpAddr) -> Option<&Mark> {
        let number = match address.to_canonical() {
            IpAddr::V4(address) => self.v4.find(address.into()),
            IpAddr::V6(address) => self.v6.find(address.into()),
        };
        self.marks.get(number? as usize).filter(|mark| **mark != Mark::Excluded)
    }
}

/// Marks from each boundary to the next.
#[derive(Debug, Default)]
struct Ranges<A> {
    starts: Vec<A>,
    marks: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl<A: Copy + Ord + Successor> Ranges<A> {
    fn new(
        mut blocks: Vec<(A, u8, u32)>,
        excludes: impl Fn(u32) -> bool,
        last_of: impl Fn(A, u32) -> A,
    ) -> Self {
        // Stable: of equal blocks the newest is the last, and covers the others.
        blocks.sort_by_key(|(first, length, mark)| (*first, *length, excludes(*mark)));
        let mut ranges = Ranges { starts: Vec::new(), marks: Vec::new() };
        // Open blocks, each within the one before it: last address and mark.
        let mut open: Vec<(A, u32)> = Vec::new();
        for (first, length, mark) in blocks {
            ranges.close(&mut open, Some(first));
            ranges.mark(first, mark);
            open.push((last_of(first, u32::from(length)), mark));
        }
        ranges.close(&mut open, None);
        ranges.starts.shrink_to_fit();
        ranges.marks.shrink_to_fit();
        ranges
    }

    /// Ends the open blocks that end before an address.
    fn close(&mut self, open: &mut Vec<(A, u32)>, before: Option<A>) {
        while let Some((last, _)) =
            open.last().copied().filter(|(last, _)| before.is_none_or(|at| *last < at))
        {
            open.pop();
            if let Some(next) = last.successor() {
                self.mark(next, open.last().map_or(NONE, |(_, mark)| *mark));
            }
        }
    }

    fn mark(&mut self, at: A, mark: u32) {
        if self.starts.last() == Some(&at) {
            self.starts.pop();
            self.marks.pop();
        }
        if self.marks.last().copied().unwrap_or(NONE) != mark {
            self.starts.push(at);
            self.marks.push(mark);
        }
    }

    fn find(&self, address: A) -> Option<u32> {
        let behind = self.starts.partition_point(|start| *start <= address);
        let mark = *self.marks.get(behind.checked_sub(1)?)?;
        (mark != NONE).then_some(mark)
    }
}

trait Successor: Sized {
    fn successor(self) -> Option<Self>;
}

impl Successor for u32 {
    fn successor(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Successor for u128 {
    fn successor(self) -> Option<Self> {
        self.checked_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Mark {
        match text {
            "!" => Mark::Excluded,
            "" => Mark::Listed,
            text => Mark::Value(text.into()),
        }
    }

    #[test]
    fn the_longest_prefix_wins() {
        let mut builder = Builder::default();
        for (block, text) in [
            ("10.0.0.0/8", "ten"),
            ("10.1.0.0/16", "old"),
            ("10.1.0.0/16", "ten-one"),
            ("10.1.2.3/32", ""),
            ("10.1.2.4/32", "!"),
            ("10.1.2.4/32", "listed again"),
            ("255.255.255.255/32", "last"),
            ("2001:db8::/32", "six"),
            ("2001:db8:1::/48", "six-one"),
            ("::ffff:192.0.2.0/120", "mapped"),
        ] {
            assert!(builder.add(block.parse().unwrap(), value(text)));
        }
        let blocks = builder.build();
        for (address, expected) in [
            ("9.255.255.255", None),
            ("10.0.0.0", Some("ten")),
            ("10.1.0.0", Some("ten-one")),
            ("10.1.2.3", Some("")),
            ("10.1.2.4", None),
            ("10.1.2.5", Some("ten-one")),
            ("10.1.255.255", Some("ten-one")),
            ("10.2.0.0", Some("ten")),
            ("::ffff:10.2.0.0", Some("ten")),
            ("10.255.255.255", Some("ten")),
            ("11.0.0.0", None),
            ("192.0.2.255", Some("mapped")),
            ("255.255.255.254", None),
            ("255.255.255.255", Some("last")),
            ("2001:db8::1", Some("six")),
            ("2001:db8:1:ffff::", Some("six-one")),
            ("2001:db9::", None),
        ] {
            let found = blocks.find(address.parse().unwrap());
            assert_eq!(found.cloned(), expected.map(value), "{address}");
        }
        assert_eq!(Blocks::default().find("10.0.0.1".parse().unwrap()), None);
    }

    /// The search agrees with looking at every block.
    #[test]
    fn all_blocks_of_a_small_net_agree_with_a_plain_search() {
        let mut state = 7u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        for _ in 0..50 {
            let mut builder = Builder::default();
            let mut named: Vec<(Ipv4Net, Mark)> = Vec::new();
            for number in 0..20 {
                let net =
                    Ipv4Net::new([192, 0, 2, next() as u8].into(), (24 + next() % 9) as u8).unwrap().trunc();
                if named.iter().any(|(known, _)| *known == net) {
                    continue;
                }
                let mark = if next() % 4 == 0 { Mark::Excluded } else { value(&number.to_string()) };
                builder.add(net.into(), mark.clone());
                named.push((net, mark));
            }
            let blocks = builder.build();
            for last in 0..=255 {
                let address: std::net::Ipv4Addr = [192, 0, 2, last].into();
                let holding = named.iter().filter(|(net, _)| net.contains(&address));
                let expected = holding.max_by_key(|(net, _)| net.prefix_len()).map(|(_, mark)| mark);
                let expected = expected.filter(|mark| **mark != Mark::Excluded);
                assert_eq!(blocks.find(address.into()), expected, "{address} in {named:?}");
            }
        }
    }
}
