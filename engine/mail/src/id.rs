//! Identities `XX/YY-PPPPP-TTTTTTTT` of messages, batches and connections (spec mail-flow.md §1.1).

use crate::Time;
use std::fmt;
use std::str::FromStr;

/// A 16-bit counter, a process number and a second. Printed with the digits of counter and time reversed,
/// so that the leading characters vary fastest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    pub second: u32,
    pub process: u32,
    pub counter: u16,
}

impl MessageId {
    /// `00/00-00000-00000000`: what logs print where there is no identity.
    pub const NONE: MessageId = MessageId { second: 0, process: 0, counter: 0 };

    pub const ENCODED: usize = 10;

    pub fn encode(self) -> [u8; Self::ENCODED] {
        let mut bytes = [0; Self::ENCODED];
        bytes[..4].copy_from_slice(&self.second.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.process.to_le_bytes());
        bytes[8..].copy_from_slice(&self.counter.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: [u8; Self::ENCODED]) -> Self {
        MessageId {
            second: u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
            process: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            counter: u16::from_le_bytes([bytes[8], bytes[9]]),
        }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |value: u32, place: u32| HEX[(value >> (4 * place) & 15) as usize] as char;
        let counter = u32::from(self.counter);
        let pairs = [digit(counter, 0), digit(counter, 1), digit(counter, 2), digit(counter, 3)];
        write!(f, "{}{}/{}{}-{:05}-", pairs[0], pairs[1], pairs[2], pairs[3], self.process)?;
        (0..8).try_for_each(|place| write!(f, "{}", digit(self.second, place)))
    }
}

/// The text is not of the form `XX/YY-PPPPP-TTTTTTTT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected a message id of the form XX/YY-PPPPP-TTTTTTTT, for example A1/04-30911-6E14B207",
        )
    }
}

impl std::error::Error for NotAnId {}

impl FromStr for MessageId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let reversed = |digits: &str, length: usize| -> Result<u32, NotAnId> {
            if digits.len() != length || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(NotAnId);
            }
            let forwards: String = digits.chars().rev().collect();
            u32::from_str_radix(&forwards, 16).map_err(|_| NotAnId)
        };
        let mut parts = text.split('-');
        let (Some(counter), Some(process), Some(second), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAnId);
        };
        let (high, low) = counter.split_once('/').ok_or(NotAnId)?;
        if high.len() != 2 || process.len() < 5 || !process.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(NotAnId);
        }
        Ok(MessageId {
            counter: reversed(&format!("{high}{low}"), 4)? as u16,
            process: process.parse().map_err(|_| NotAnId)?,
            second: reversed(second, 8)?,
        })
    }
}

/// Gives out identities of one shard: each once, also when more than 65,536 are asked for in a second
/// (it then runs ahead of the clock) and when the process restarts within one (the counter starts anywhere).
#[derive(Debug)]
pub struct Ids {
    process: u32,
    second: u32,
    counter: u16,
    given_in_second: u32,
}

impl Ids {
    /// `process` is the process number plus the index of the shard; `start` any number.
    pub fn new(process: u32, start: u16) -> Self {
        Ids { process, second: 0, counter: start, given_in_second: 0 }
    }

    pub fn next(&mut self, now: Time) -> MessageId {
        let now = now.secs() as u32;
        if now > self.second {
            (self.second, self.given_in_second) = (now, 0);
        } else if self.given_in_second == 1 << 16 {
            (self.second, self.given_in_second) = (self.second + 1, 0);
        }
        self.given_in_second += 1;
        self.counter = self.counter.wrapping_add(1);
        MessageId { second: self.second, process: self.process, counter: self.counter }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn digits_of_counter_and_time_are_reversed() {
        let id = |counter| MessageId { second: 1_356_769_421, process: 911, counter };
        assert_eq!(id(0).to_string(), "00/00-00911-D88AED05");
        assert_eq!(id(1).to_string(), "10/00-00911-D88AED05");
        assert_eq!(id(0x10).to_string(), "01/00-00911-D88AED05");
        assert_eq!(MessageId::NONE.to_string(), "00/00-00000-00000000");
    }

    #[test]
    fn text_and_bytes_come_back_as_the_same_identity() {
        let id = MessageId { second: 0x7B2_41E6, process: 4_194_304, counter: 0x401A };
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(MessageId::decode(id.encode()), id);
        for wrong in ["", "A1/04-30911", "A1/04-309-6E14B207", "A104-30911-6E14B207", "G1/04-30911-6E14B207"]
        {
            assert_eq!(wrong.parse::<MessageId>(), Err(NotAnId), "{wrong}");
        }
    }

    #[test]
    fn no_identity_is_given_twice_in_a_flood() {
        let mut ids = Ids::new(1, 65_000);
        let given: HashSet<_> = (0..200_000).map(|_| ids.next(Time::from_secs(5))).collect();
        assert_eq!(given.len(), 200_000);
    }
}
