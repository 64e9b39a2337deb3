//! Extensions that the peer offered in its reply to EHLO or LHLO; those we have no use for are not kept.

use super::answer::Answer;
use super::auth::Mechanisms;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 1870: SIZE is offered; the largest message in octets, zero for no fixed limit.
    pub size: Option<u64>,
    /// RFC 4954.
    pub mechanisms: Mechanisms,
}

impl Offers {
    pub fn of(answer: Answer<'_>) -> Self {
        let mut offers = Offers::default();
        for line in answer.lines().skip(1) {
            // `AUTH=` is how servers of old offer it.
            let is_auth = line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"AUTH="));
            let is_gap = |byte: &u8| *byte == b' ' || (is_auth && *byte == b'=');
            let mut words = line.split(is_gap).filter(|word| !word.is_empty());
            let keyword = words.next().unwrap_or_default();
            if keyword.eq_ignore_ascii_case(b"PIPELINING") {
                offers.pipelining = true;
            } else if keyword.eq_ignore_ascii_case(b"8BITMIME") {
                offers.eight_bit_mime = true;
            } else if keyword.eq_ignore_ascii_case(b"SIZE") {
                offers.size = Some(words.next().and_then(number).unwrap_or(0));
            } else if keyword.eq_ignore_ascii_case(b"AUTH") {
                words.for_each(|word| offers.mechanisms.add(word));
            }
        }
        offers
    }

    /// RFC 1870 §6.2: a message that is larger will be refused, so it need not be sent.
    pub fn are_too_small_for(&self, octets: u64) -> bool {
        self.size.is_some_and(|limit| limit != 0 && octets > limit)
    }
}

/// What is not a number sets no limit.
fn number(word: &[u8]) -> Option<u64> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::answer::{Heard, hear};
    use super::*;

    #[test]
    fn offers_are_read_in_any_case_and_the_greeting_is_none() {
        let offers = |wire: &str| match hear(wire.as_bytes()) {
            Heard::Whole(answer) => Offers::of(answer),
            other => panic!("{other:?}"),
        };
        let none = Offers::default();
        let mut mechanisms = Mechanisms::default();
        ["PLAIN", "LOGIN"].iter().for_each(|name| mechanisms.add(name.as_bytes()));
        for (wire, expected) in [
            ("250-PIPELINING\r\n250 HELP\r\n", none),
            ("250-x\r\n250 pipelining\r\n", Offers { pipelining: true, ..none }),
            ("250-x\r\n250-8BitMime\r\n250 SIZE\r\n", Offers { eight_bit_mime: true, size: Some(0), ..none }),
            ("250-x\r\n250 SIZE 1000\r\n", Offers { size: Some(1000), ..none }),
            ("250-x\r\n250 SIZE many\r\n", Offers { size: Some(0), ..none }),
            ("250-x\r\n250 SIZES 1000\r\n", none),
            ("250-x\r\n250-auth plain GSSAPI\r\n250 AUTH=LOGIN\r\n", Offers { mechanisms, ..none }),
            ("250-x\r\n250 AUTHENTICATE PLAIN\r\n", none),
        ] {
            assert_eq!(offers(wire), expected, "{wire:?}");
        }
    }

    #[test]
    fn only_a_limit_above_zero_limits() {
        let with = |size| Offers { size, ..Offers::default() };
        assert!(with(Some(10)).are_too_small_for(11) && !with(Some(10)).are_too_small_for(10));
        assert!(!with(Some(0)).are_too_small_for(u64::MAX) && !with(None).are_too_small_for(u64::MAX));
    }
}
