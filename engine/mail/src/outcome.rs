//! What became of one recipient of one delivery attempt.

use crate::Reply;

/// Where an outbound connection stood (spec logs.md §10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stage {
    NotConnected = 0,
    Idle = 1,
    DuringMailFrom = 2,
    AfterMailFrom = 3,
    DuringRcptTo = 4,
    AfterRcptTo = 5,
    DuringData = 6,
    AfterData = 7,
    SendingBody = 8,
    ReadingConfirmation = 9,
    DuringEhlo = 10,
    AfterEhlo = 11,
    ReadingBanner = 12,
    DuringRset = 13,
    AfterRset = 14,
    DuringStartTls = 15,
    AfterStartTls = 16,
    HandshakingTls = 17,
    OutOfBandBounce = 21,
    Unknown = 22,
}

impl Stage {
    pub const fn code(self) -> u8 {
        self as u8
    }

    pub const fn text(self) -> &'static str {
        match self {
            Stage::NotConnected => "while not connected",
            Stage::Idle => "while idle",
            Stage::DuringMailFrom => "during MAIL FROM",
            Stage::AfterMailFrom => "after MAIL FROM",
            Stage::DuringRcptTo => "during RCPT TO",
            Stage::AfterRcptTo => "after RCPT TO",
            Stage::DuringData => "during DATA",
            Stage::AfterData => "after DATA",
            Stage::SendingBody => "while sending BODY",
            Stage::ReadingConfirmation => "reading confirmation",
            Stage::DuringEhlo => "during EHLO",
            Stage::AfterEhlo => "after EHLO",
            Stage::ReadingBanner => "reading BANNER",
            Stage::DuringRset => "during RSET",
            Stage::AfterRset => "after RSET",
            Stage::DuringStartTls => "during STARTTLS",
            Stage::AfterStartTls => "after STARTTLS",
            Stage::HandshakingTls => "handshaking TLS",
            Stage::OutOfBandBounce => "out of band bounce",
            Stage::Unknown => "in unknown state",
        }
    }
}

/// The end of one recipient's part in an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer took the responsibility; its reply.
    Delivered(Reply),
    /// 4xx, a lost connection, a timeout, or a text of ours: try again later.
    Deferred { stage: Stage, reply: Reply },
    /// 5xx or a permanent text of ours: give up and tell the sender.
    Refused { stage: Stage, reply: Reply },
    /// Nothing was attempted for this recipient (the connection ended before its turn): still due.
    NotTried,
}

impl Outcome {
    /// The outcome that a reply other than success means. In doubt, temporary.
    pub fn of(stage: Stage, reply: Reply) -> Self {
        if reply.is_permanent() {
            Outcome::Refused { stage, reply }
        } else {
            Outcome::Deferred { stage, reply }
        }
    }
}
