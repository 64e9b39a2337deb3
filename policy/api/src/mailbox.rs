//! Mailboxes of this host: a module keeps them, scripts deliver into them
//! (`Services::find::<Rc<dyn Mailboxes>>("maildir")`).

use crate::{Host, Later};
use bytes::Bytes;
use mail::{Address, MessageId, Reply};
use std::rc::Rc;

/// One copy of a message for one mailbox.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: MessageId,
    pub sender: Option<Address>,
    pub recipient: Address,
    /// Header and body; lines end in CRLF.
    pub content: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailboxFault {
    /// There is no such mailbox, and none may be made.
    Unknown,
    /// It could not be written: another time, perhaps.
    Unwritten(String),
}

pub trait Mailboxes {
    /// On stable storage when this returns without a fault.
    fn deliver(&self, delivery: Delivery, host: &Rc<dyn Host>) -> Later<Result<(), MailboxFault>>;
}

/// Why a copy that is in its mailbox goes nowhere else: a reason to discard it that is a success is no rejection.
pub const IN_MAILBOX: Reply = Reply::fixed(250, (2, 0, 0), "delivered to a mailbox of this host");

/// What the client hears of a mailbox that there is not.
pub const NO_MAILBOX: Reply = Reply::fixed(550, (5, 1, 1), "no such mailbox here");
