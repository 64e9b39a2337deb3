//! What was asked of the peer, one entry for each reply still due, and the words for its failing.
//!
//! Law: the `[internal]` texts are matched by operators' tools, byte for byte (spec inbound-smtp.md §9.2).

use mail::{Reply, Stage};

/// A reply that is due. Recipients are named by their index in the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Banner,
    /// EHLO or LHLO.
    Ehlo,
    Helo,
    Mail,
    Rcpt(u32),
    Data,
    /// The final dot, for all recipients.
    Body,
    /// The final dot, for one recipient (LMTP, RFC 2033 §4.2).
    Confirmation(u32),
    /// The dot that ends a body nobody was accepted for (RFC 2920 §3.1).
    LoneDot,
    Rset,
    Quit,
}

/// Where the connection stands while a thing is asked, and what is said if it cannot be.
pub(super) struct Failing {
    pub sending: Stage,
    pub waiting: Stage,
    pub not_sent: Reply,
    pub unanswered: Reply,
}

pub(super) const CLOSED: Reply = internal("[internal] connection closed by remote host");

const fn internal(text: &'static str) -> Reply {
    Reply::fixed(451, (4, 4, 2), text)
}

const fn failing(stage: Stage, not_sent: &'static str, unanswered: &'static str) -> Failing {
    Failing { sending: stage, waiting: stage, not_sent: internal(not_sent), unanswered: internal(unanswered) }
}

static BANNER: Failing = failing(Stage::ReadingBanner, "[internal] no banner", "[internal] no banner");
static HELLO: Failing = failing(
    Stage::DuringEhlo,
    "[internal] send HELO/EHLO failed",
    "[internal] no HELO/EHLO response",
);
static MAIL: Failing =
    failing(Stage::DuringMailFrom, "[internal] send MAIL FROM failed", "[internal] no MAIL FROM response");
static RCPT: Failing =
    failing(Stage::DuringRcptTo, "[internal] send RCPT TO failed", "[internal] no RCPT TO response");
static DATA: Failing =
    failing(Stage::DuringData, "[internal] send DATA failed", "[internal] no DATA response");
static BODY: Failing = Failing {
    sending: Stage::SendingBody,
    waiting: Stage::ReadingConfirmation,
    not_sent: internal("[internal] send BODY failed"),
    unanswered: internal("[internal] no BODY response"),
};
static RSET: Failing =
    failing(Stage::DuringRset, "[internal] send RSET failed", "[internal] no RSET response");
/// Nobody's mail hangs on a QUIT: it has neither a stage nor texts of its own.
static QUIT: Failing =
    Failing { sending: Stage::Idle, waiting: Stage::Idle, not_sent: CLOSED, unanswered: CLOSED };

impl Asked {
    pub fn failing(self) -> &'static Failing {
        match self {
            Asked::Banner => &BANNER,
            Asked::Ehlo | Asked::Helo => &HELLO,
            Asked::Mail => &MAIL,
            Asked::Rcpt(_) => &RCPT,
            Asked::Data => &DATA,
            Asked::Body | Asked::Confirmation(_) | Asked::LoneDot => &BODY,
            Asked::Rset => &RSET,
            Asked::Quit => &QUIT,
        }
    }
}
