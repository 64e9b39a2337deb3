//! One transaction under way: who has been asked for, and what became of each.
//!
//! Law: an outcome, once known, stands; whatever comes later concerns only those without one.

use super::auth::Credentials;
use super::command::Asked;
use bytes::Bytes;
use mail::{Address, Outcome, Reply, Stage};
use std::rc::Rc;

/// Longest address sent: what a command line of 512 octets leaves (RFC 5321 §4.5.3.1.4).
pub const MAX_ADDRESS_BYTES: usize = 500;

/// One content for one or more recipients.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// None is the null sender.
    pub sender: Option<Address>,
    pub recipients: Vec<Address>,
    pub body: Bytes,
    /// The content has octets above 127.
    pub eight_bit: bool,
    /// What the peer must know us by. Only on a session that `can_act_as` these.
    pub credentials: Option<Rc<Credentials>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// One for each recipient, in their order.
    pub outcomes: Vec<Outcome>,
    /// Octets of content handed to the socket, final dot included; zero if the data was never asked for.
    pub bytes_sent: u64,
}

pub(super) struct Attempt {
    pub transaction: Transaction,
    pub bytes_sent: u64,
    outcomes: Vec<Option<Outcome>>,
    mail_asked: bool,
    data_asked: bool,
    /// The next recipient to ask for.
    next: usize,
    /// Recipients asked for and not refused.
    hopes: u32,
}

impl Attempt {
    /// `room` recipients may be asked for; the others are still due after this transaction.
    pub fn new(transaction: Transaction, room: usize) -> Self {
        let room = room.min(transaction.recipients.len());
        let mut outcomes = vec![None; transaction.recipients.len()];
        outcomes[room..].fill(Some(Outcome::NotTried));
        for (outcome, recipient) in outcomes.iter_mut().zip(&transaction.recipients).take(room) {
            *outcome = unfit(recipient, &RECIPIENT_FAULTS);
        }
        let mut attempt = Attempt {
            transaction,
            bytes_sent: 0,
            outcomes,
            mail_asked: false,
            data_asked: false,
            next: 0,
            hopes: 0,
        };
        let sender = attempt.transaction.sender.as_ref();
        if let Some(outcome) = sender.and_then(|sender| unfit(sender, &SENDER_FAULTS)) {
            attempt.decide_rest(&outcome);
        }
        attempt
    }

    /// The next command of this transaction that need not wait for another reply, marked as asked.
    pub fn ask_next(&mut self) -> Option<Asked> {
        let due = self.outcomes[self.next..].iter().position(Option::is_none);
        match due {
            Some(_) if !self.mail_asked => {
                self.mail_asked = true;
                Some(Asked::Mail)
            }
            Some(distance) => {
                let recipient = self.next + distance;
                self.next = recipient + 1;
                self.hopes += 1;
                Some(Asked::Rcpt(recipient as u32))
            }
            None if self.hopes > 0 && !self.data_asked => {
                self.data_asked = true;
                Some(Asked::Data)
            }
            None => None,
        }
    }

    /// After all replies to RCPT TO: somebody was accepted.
    pub fn has_recipients(&self) -> bool {
        self.hopes > 0
    }

    /// The recipients that wait for the reply to the data.
    pub fn undecided(&self) -> impl Iterator<Item = u32> {
        let known = self.outcomes.iter().enumerate();
        known.filter(|(_, outcome)| outcome.is_none()).map(|(recipient, _)| recipient as u32)
    }

    /// A recipient that was refused with the sender stays so, whatever is said to its RCPT TO.
    pub fn refuse_recipient(&mut self, recipient: u32, outcome: Outcome) {
        let known = &mut self.outcomes[recipient as usize];
        if known.is_none() {
            *known = Some(outcome);
            self.hopes -= 1;
        }
    }

    pub fn decide(&mut self, recipient: u32, outcome: Outcome) {
        self.outcomes[recipient as usize].get_or_insert(outcome);
    }

    pub fn decide_rest(&mut self, outcome: &Outcome) {
        for known in self.outcomes.iter_mut().filter(|known| known.is_none()) {
            *known = Some(outcome.clone());
        }
        self.hopes = 0;
    }

    /// The transaction is over; whoever was never decided was never tried.
    pub fn into_report(self) -> Report {
        let outcomes =
            self.outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::NotTried)).collect();
        Report { outcomes, bytes_sent: self.bytes_sent }
    }
}

/// What is said of an address that is not sent.
struct Faults {
    stage: Stage,
    too_long: Reply,
    forged: Reply,
}

static SENDER_FAULTS: Faults = Faults {
    stage: Stage::DuringMailFrom,
    too_long: Reply::fixed(451, (4, 4, 2), "[internal] MAIL FROM arguments too long"),
    forged: Reply::fixed(553, (5, 1, 7), "[internal] control character in sender address"),
};

static RECIPIENT_FAULTS: Faults = Faults {
    stage: Stage::DuringRcptTo,
    too_long: Reply::fixed(451, (4, 4, 2), "[internal] RCPT TO arguments too long"),
    forged: Reply::fixed(553, (5, 1, 3), "[internal] control character in recipient address"),
};

/// A line end in an address that policy made up would be a command of its own.
fn unfit(address: &Address, faults: &Faults) -> Option<Outcome> {
    let text = address.as_str();
    let reply = if text.len() > MAX_ADDRESS_BYTES {
        &faults.too_long
    } else if text.bytes().any(|byte| byte.is_ascii_control()) {
        &faults.forged
    } else {
        return None;
    };
    Some(Outcome::of(faults.stage, reply.clone()))
}
