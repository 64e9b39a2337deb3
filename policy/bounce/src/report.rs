//! The failure notice: a multipart/report of three parts (RFC 3464, RFC 6522).
//!
//! The law: the bytes follow from the words in `Notice` alone, and nothing foreign can end a part.

use crate::boundary::boundary;
use crate::delivery_status::delivery_status;
use crate::fold::folded;
use crate::original::{self, Original};
use mail::{Address, MessageId, Reply, Time};
use std::net::IpAddr;

/// One recipient that the message will not reach.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    pub recipient: &'a Address,
    /// The recipient as the sender wrote it in ORCPT (RFC 3461 §4.2), xtext decoded, with its type:
    /// `rfc822;bob@alpha.example`. None if the sender did not say.
    pub original_recipient: Option<&'a str>,
    pub reply: &'a Reply,
    /// The host that said it: its name and address. None if the reply is ours.
    pub remote: Option<(&'a str, IpAddr)>,
    pub last_attempt: Time,
}

/// What became of the recipients that a report tells of (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    #[default]
    Failed,
    Delayed,
    Delivered,
    Relayed,
    Expanded,
}

impl Action {
    pub const ALL: [Action; 5] =
        [Action::Failed, Action::Delayed, Action::Delivered, Action::Relayed, Action::Expanded];

    pub const fn name(self) -> &'static str {
        match self {
            Action::Failed => "failed",
            Action::Delayed => "delayed",
            Action::Delivered => "delivered",
            Action::Relayed => "relayed",
            Action::Expanded => "expanded",
        }
    }

    const fn subject(self) -> &'static str {
        match self {
            Action::Failed => "Mail could not be delivered",
            Action::Delayed => "Mail could not be delivered yet",
            Action::Delivered => "Mail has been delivered",
            Action::Relayed => "Mail has been handed on",
            Action::Expanded => "Mail has been sent on to a list",
        }
    }

    const fn explanation(self) -> &'static str {
        match self {
            Action::Failed => {
                "Your message could not be delivered to the following recipients.\r\n\
                 No further attempt will be made.\r\n"
            }
            Action::Delayed => {
                "Your message could not be delivered to the following recipients yet.\r\n\
                 You need not send it again: further attempts will be made.\r\n"
            }
            Action::Delivered => "Your message has been delivered to the following recipients.\r\n",
            Action::Relayed => {
                "Your message has been handed on for the following recipients, to a host that\r\n\
                 does not tell about deliveries.\r\n"
            }
            Action::Expanded => "Your message has been sent on to the members of the following lists.\r\n",
        }
    }
}

/// All that a notice is made of.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    /// The identity of the notice itself: its Message-ID and its boundary are made of it.
    pub id: MessageId,
    /// The name of this host.
    pub host: &'a str,
    /// The `mailerdaemon` option; None is `mailer-daemon@host`.
    pub mailer_daemon: Option<&'a str>,
    /// The sender of the failed message, or the address of `mdn_failures_notify`.
    pub to: &'a Address,
    pub now: Time,
    /// When the failed message was received.
    pub arrival: Time,
    /// At least one, at most as many as a transaction may have recipients.
    pub failures: &'a [Failure<'a>],
    pub original: Original,
    /// The failed message as it was to be sent: header, blank line, body.
    pub message: &'a [u8],
}

/// The whole message, to be sent with the null sender (RFC 5321 §4.5.5). It needs 8BITMIME if it is not
/// ASCII, which only foreign text makes it.
///
/// Panics if there is no failure to tell of.
pub fn notice(notice: &Notice<'_>) -> Vec<u8> {
    report(notice, Action::Failed)
}

/// The same, of recipients that have met something else: `failures` are they, whatever it was.
pub fn report(notice: &Notice<'_>, action: Action) -> Vec<u8> {
    assert!(!notice.failures.is_empty(), "a notice tells of a failure");
    let explanation = explanation(notice, action);
    let status = delivery_status(notice, action);
    let original = original::part(notice.original, notice.message);
    let returned = original.as_ref().map_or(&[][..], |(_, content)| content);
    let boundary = boundary(notice.id, &[&explanation, &status, returned]);

    let mut out = Vec::with_capacity(1024 + explanation.len() + status.len() + returned.len());
    let is_ascii = explanation.is_ascii() && returned.is_ascii();
    header(&mut out, notice, action, &boundary, is_ascii);
    part(&mut out, &boundary, "text/plain; charset=utf-8", "Notification", &explanation);
    part(&mut out, &boundary, "message/delivery-status", "Delivery report", &status);
    if let Some((kind, content)) = &original {
        part(&mut out, &boundary, kind, "Undelivered message", content);
    }
    for piece in ["\r\n--", &boundary, "--\r\n"] {
        out.extend_from_slice(piece.as_bytes());
    }
    out
}

fn header(out: &mut Vec<u8>, notice: &Notice<'_>, action: Action, boundary: &str, is_ascii: bool) {
    field(out, "From:", &mailer_daemon(notice));
    field(out, "To:", notice.to.as_str());
    field(out, "Subject:", action.subject());
    field(out, "Date:", &notice.now.to_string());
    field(out, "Message-ID:", &format!("<{}@{}>", notice.id, notice.host));
    // Nobody's vacation programme shall answer (RFC 3834 §2).
    field(out, "Auto-Submitted:", "auto-replied");
    field(out, "MIME-Version:", "1.0");
    out.extend_from_slice(b"Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"");
    out.extend_from_slice(boundary.as_bytes());
    out.extend_from_slice(b"\"\r\n");
    transfer_encoding(out, is_ascii);
    out.extend_from_slice(b"\r\nThis is a multi-part message in MIME format.\r\n");
}

fn mailer_daemon(notice: &Notice<'_>) -> String {
    match notice.mailer_daemon {
        Some(configured) => configured.to_owned(),
        None => format!("Mail Delivery System <mailer-daemon@{}>", notice.host),
    }
}

fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    folded(out, value, name.len() + 1, " ");
    out.extend_from_slice(b"\r\n");
}

/// 7bit is the default and not written (RFC 2045 §6.1).
fn transfer_encoding(out: &mut Vec<u8>, is_ascii: bool) {
    if !is_ascii {
        out.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n");
    }
}

fn part(out: &mut Vec<u8>, boundary: &str, kind: &str, description: &str, content: &[u8]) {
    for piece in
        ["\r\n--", boundary, "\r\nContent-Type: ", kind, "\r\nContent-Description: ", description, "\r\n"]
    {
        out.extend_from_slice(piece.as_bytes());
    }
    transfer_encoding(out, content.is_ascii());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(content);
}

/// The first part, for people.
fn explanation(notice: &Notice<'_>, action: Action) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + 256 * notice.failures.len());
    folded(&mut out, &format!("This is the mail system of {}.", notice.host), 0, "");
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(action.explanation().as_bytes());
    for failure in notice.failures {
        out.extend_from_slice(b"\r\n");
        folded(&mut out, &format!("<{}>", failure.recipient), 0, "");
        if let Some((host, address)) = failure.remote {
            out.extend_from_slice(b"\r\n    ");
            folded(&mut out, &format!("{host} ({address}) said:"), 4, "    ");
        }
        out.extend_from_slice(b"\r\n    ");
        folded(&mut out, &failure.reply.to_string(), 4, "    ");
        out.extend_from_slice(b"\r\n");
    }
    out
}
