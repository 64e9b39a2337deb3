//! What one thread of the sink has received.

use crate::ledger::{Ledger, Mark, write_line};
use crate::load::RECIPIENTS;
use crate::token::Token;
use std::time::Duration;

#[derive(Clone, Default)]
pub struct Tally {
    pub connections: u64,
    /// Accepted, the repeated ones too.
    pub messages: u64,
    pub bytes: u64,
    /// Recipients of accepted messages, the repeated ones too.
    pub deliveries: u64,
    /// Accepted messages that carry no token: not in the ledger.
    pub untagged: u64,
    /// Faults that were played.
    pub faults: u64,
    pub ledger: Ledger,
    /// Ledger lines that could not be handed to the writer of the file.
    pub unwritten: u64,
    pub cpu: Option<Duration>,
    /// New lines for the ledger file; none are made unless there is a file.
    pub lines: Option<Vec<u8>>,
}

impl Tally {
    /// A message was accepted. Recipients whose number lies within the message's reach are its own
    /// deliveries; others share its first number.
    pub fn delivered(&mut self, token: Option<Token>, recipients: &[Option<u64>], bytes: u64) {
        self.messages += 1;
        self.bytes += bytes;
        self.deliveries += recipients.len() as u64;
        let Some(Token { run, number: first }) = token else {
            self.untagged += 1;
            return;
        };
        let reach = first..first + RECIPIENTS as u64;
        for recipient in recipients {
            let number = recipient.filter(|number| reach.contains(number)).unwrap_or(first);
            let token = Token { run, number };
            let mark = self.ledger.mark(token);
            if let (Some(lines), Mark::New | Mark::Again) = (&mut self.lines, mark) {
                write_line(token, lines);
            }
        }
    }

    pub fn merge(&mut self, other: &Tally) {
        for (ours, theirs) in [
            (&mut self.connections, other.connections),
            (&mut self.messages, other.messages),
            (&mut self.bytes, other.bytes),
            (&mut self.deliveries, other.deliveries),
            (&mut self.untagged, other.untagged),
            (&mut self.faults, other.faults),
            (&mut self.unwritten, other.unwritten),
        ] {
            *ours += theirs;
        }
        self.ledger.merge(&other.ledger);
        self.cpu = self.cpu.zip(other.cpu).map(|(ours, theirs)| ours + theirs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_recipient_of_a_message_is_a_delivery_of_its_own() {
        let mut tally = Tally { lines: Some(Vec::new()), ..Tally::default() };
        let token = Some(Token { run: 1, number: 30 });
        tally.delivered(token, &[Some(30), Some(31)], 100);
        tally.delivered(token, &[Some(32)], 100);
        tally.delivered(token, &[Some(31)], 100);
        // Not of this message: they count as its first delivery.
        tally.delivered(token, &[Some(5), None, Some(30 + RECIPIENTS as u64)], 100);
        tally.delivered(None, &[Some(30)], 100);
        assert_eq!((tally.messages, tally.deliveries, tally.untagged), (5, 8, 1));
        assert_eq!((tally.ledger.len(), tally.ledger.duplicates()), (3, 4));
        let lines = String::from_utf8(tally.lines.unwrap()).unwrap();
        assert_eq!(lines.lines().count(), 7);
        assert!(lines.contains("00000001-0000000032\n"));
    }
}
