//! How one connection is to behave: the outbound options, resolved for its binding and domain by the caller.

use super::command::Asked;
use std::time::Duration;

/// Durations and limits as configured (spec mail-flow.md §8.1); a limit of zero is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The name in EHLO, HELO or LHLO; `__hostname__` and `__message__` are resolved before.
    pub ehlo_name: String,
    pub method: Method,
    /// From the connection's being made to the last line of the banner.
    pub banner_timeout: Duration,
    /// For the reply to EHLO or HELO, and each reply of AUTH.
    pub ehlo_timeout: Duration,
    pub mailfrom_timeout: Duration,
    /// For each reply to RCPT TO.
    pub rcptto_timeout: Duration,
    pub data_timeout: Duration,
    /// For sending the body, and again for the reply to its final dot.
    pub body_timeout: Duration,
    pub rset_timeout: Duration,
    pub idle_timeout: Duration,
    /// Announce `BODY=8BITMIME` to peers that offer it.
    pub send_8bitmime: bool,
    pub transform_8bitmime_content: Content8Bit,
    /// Recipients delivered, after which the connection quits.
    pub max_deliveries_per_connection: u32,
    /// RCPT TO commands sent, after which the connection quits.
    pub max_recipients_per_connection: u32,
    pub max_recipients_per_batch: u32,
    /// Use PIPELINING where offered.
    pub pipelining: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Esmtp,
    /// HELO only: no extension is ever used.
    Smtp,
    Lmtp,
}

/// What is done to 8-bit content (option `transform_8bitmime_content`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content8Bit {
    /// Sent as it is.
    No,
    /// Bit 8 is cleared if the peer does not offer 8BITMIME.
    IfNeeded,
    /// Bit 8 is always cleared.
    Strip,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            ehlo_name: "localhost".to_owned(),
            method: Method::Esmtp,
            banner_timeout: Duration::from_secs(300),
            ehlo_timeout: Duration::from_secs(300),
            mailfrom_timeout: Duration::from_secs(300),
            rcptto_timeout: Duration::from_secs(300),
            data_timeout: Duration::from_secs(300),
            body_timeout: Duration::from_secs(600),
            rset_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(5),
            send_8bitmime: false,
            transform_8bitmime_content: Content8Bit::IfNeeded,
            max_deliveries_per_connection: 0,
            max_recipients_per_connection: 0,
            max_recipients_per_batch: 100,
            pipelining: true,
        }
    }
}

impl Settings {
    pub(super) fn timeout(&self, asked: Asked) -> Duration {
        match asked {
            Asked::Banner => self.banner_timeout,
            Asked::Ehlo | Asked::Helo | Asked::Auth => self.ehlo_timeout,
            Asked::Mail => self.mailfrom_timeout,
            Asked::Rcpt(_) => self.rcptto_timeout,
            Asked::Data => self.data_timeout,
            Asked::Body | Asked::Confirmation(_) | Asked::LoneDot => self.body_timeout,
            Asked::Rset => self.rset_timeout,
            Asked::Quit => super::QUIT_TIMEOUT,
        }
    }
}
