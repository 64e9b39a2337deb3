//! What is asked of the peer, one entry for each reply still due: its wire form and the words for its failing.
//!
//! Law: the `[internal]` texts are matched by operators' tools, byte for byte (spec inbound-smtp.md §9.2).

use super::attempt::Transaction;
use super::body;
use super::offers::Offers;
use super::settings::{Method, Settings};
use bytes::BytesMut;
use mail::{Reply, Stage};
use std::fmt::Write as _;

/// A reply that is due. Recipients are named by their index in the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Banner,
    /// EHLO or LHLO.
    Ehlo,
    Helo,
    /// The command, or what answers a challenge.
    Auth,
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
    /// Where it stands when the peer has said no (spec logs.md §2: a refused RCPT TO is stage 5).
    pub refused: Stage,
    pub not_sent: Reply,
    pub unanswered: Reply,
}

pub(super) const CLOSED: Reply = internal("[internal] connection closed by remote host");

const fn internal(text: &'static str) -> Reply {
    Reply::fixed(451, (4, 4, 2), text)
}

const fn failing(during: Stage, after: Stage, not_sent: &'static str, unanswered: &'static str) -> Failing {
    Failing {
        sending: during,
        waiting: during,
        refused: after,
        not_sent: internal(not_sent),
        unanswered: internal(unanswered),
    }
}

static BANNER: Failing =
    failing(Stage::ReadingBanner, Stage::ReadingBanner, "[internal] no banner", "[internal] no banner");
static HELLO: Failing = failing(
    Stage::DuringEhlo,
    Stage::AfterEhlo,
    "[internal] send HELO/EHLO failed",
    "[internal] no HELO/EHLO response",
);
/// AUTH has no stage of its own: it belongs to what follows EHLO.
static AUTH: Failing =
    failing(Stage::AfterEhlo, Stage::AfterEhlo, "[internal] send AUTH failed", "[internal] no AUTH response");
static MAIL: Failing = failing(
    Stage::DuringMailFrom,
    Stage::AfterMailFrom,
    "[internal] send MAIL FROM failed",
    "[internal] no MAIL FROM response",
);
static RCPT: Failing = failing(
    Stage::DuringRcptTo,
    Stage::AfterRcptTo,
    "[internal] send RCPT TO failed",
    "[internal] no RCPT TO response",
);
static DATA: Failing = failing(
    Stage::DuringData,
    Stage::AfterData,
    "[internal] send DATA failed",
    "[internal] no DATA response",
);
static BODY: Failing = Failing {
    sending: Stage::SendingBody,
    waiting: Stage::ReadingConfirmation,
    refused: Stage::ReadingConfirmation,
    not_sent: internal("[internal] send BODY failed"),
    unanswered: internal("[internal] no BODY response"),
};
static RSET: Failing = failing(
    Stage::DuringRset,
    Stage::AfterRset,
    "[internal] send RSET failed",
    "[internal] no RSET response",
);
/// Nobody's mail hangs on a QUIT: it has neither a stage nor texts of its own.
static QUIT: Failing = Failing {
    sending: Stage::Idle,
    waiting: Stage::Idle,
    refused: Stage::Idle,
    not_sent: CLOSED,
    unanswered: CLOSED,
};

impl Asked {
    pub fn failing(self) -> &'static Failing {
        match self {
            Asked::Banner => &BANNER,
            Asked::Ehlo | Asked::Helo => &HELLO,
            Asked::Auth => &AUTH,
            Asked::Mail => &MAIL,
            Asked::Rcpt(_) => &RCPT,
            Asked::Data => &DATA,
            Asked::Body | Asked::Confirmation(_) | Asked::LoneDot => &BODY,
            Asked::Rset => &RSET,
            Asked::Quit => &QUIT,
        }
    }

    /// The class of reply that grants it: DATA asks for more (354), all else is done (RFC 5321 §4.2.1). AUTH
    /// may ask for more before it is done.
    pub fn is_granted_by(self, code: u16) -> bool {
        match self {
            Asked::Data => code / 100 == 3,
            Asked::Auth => matches!(code / 100, 2 | 3),
            _ => code / 100 == 2,
        }
    }
}

pub(super) fn write_hello(out: &mut BytesMut, asked: Asked, settings: &Settings) {
    let verb: &[u8] = match (asked, settings.method) {
        (Asked::Helo, _) => b"HELO ",
        (_, Method::Lmtp) => b"LHLO ",
        (_, _) => b"EHLO ",
    };
    write_line(out, &[verb, settings.ehlo_name.as_bytes()]);
}

/// SIZE and BODY go to those who offer them only (RFC 1870 §6.1, RFC 6152 §3).
pub(super) fn write_mail(out: &mut BytesMut, transaction: &Transaction, offers: Offers, send_8bitmime: bool) {
    let sender = transaction.sender.as_ref().map_or("", |sender| sender.as_str());
    out.extend_from_slice(b"MAIL FROM:<");
    out.extend_from_slice(sender.as_bytes());
    out.extend_from_slice(b">");
    if offers.size.is_some() {
        // Writing to a BytesMut cannot fail.
        let _ = write!(out, " SIZE={}", body::octets(&transaction.body));
    }
    if send_8bitmime && transaction.eight_bit && offers.eight_bit_mime {
        out.extend_from_slice(b" BODY=8BITMIME");
    }
    out.extend_from_slice(b"\r\n");
}

pub(super) fn write_rcpt(out: &mut BytesMut, transaction: &Transaction, recipient: u32) {
    let recipient = transaction.recipients[recipient as usize].as_str();
    write_line(out, &[b"RCPT TO:<", recipient.as_bytes(), b">"]);
}

pub(super) fn write_line(out: &mut BytesMut, pieces: &[&[u8]]) {
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    out.extend_from_slice(b"\r\n");
}
