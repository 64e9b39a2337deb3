//! The failure notice: a multipart/report of three parts (RFC 3464, RFC 6522).

use crate::original::Original;
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
    /// At least one.
    pub failures: &'a [Failure<'a>],
    pub original: Original,
    /// The failed message as it was to be sent: header, blank line, body.
    pub message: &'a [u8],
}

/// The whole message, to be sent with the null sender (RFC 5321 §4.5.5).
pub fn notice(notice: &Notice<'_>) -> Vec<u8> {
    let _ = notice;
    Vec::new()
}
