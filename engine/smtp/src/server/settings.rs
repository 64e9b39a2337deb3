//! What an operator may choose about a session; plain data, read by the session and changed by nobody.

use crate::limits;
use crate::sasl::Mechanism;
use mail::Reply;
use std::time::Duration;

/// One set serves all sessions of a listener scope. Where an option of zero means "no limit", it is `None`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our name in the greeting and in the replies to EHLO, HELO and QUIT.
    pub banner_hostname: String,
    /// The complete greeting, `220` first; wins over `banner_hostname`.
    pub static_banner: Option<String>,
    /// Product and version, as the greeting names them.
    pub software: String,
    /// `smtp_extensions`, in the order in which they are offered. PIPELINING and 8BITMIME always are.
    pub extensions: Vec<String>,
    /// Mechanisms of AUTH that somebody can check; of those that `extensions` names, these are offered.
    pub mechanisms: Vec<Mechanism>,
    /// Mail commands before a successful AUTH are answered 530, unless the session waives it.
    pub require_authentication: bool,
    /// Neither offers SIZE nor takes it as a parameter.
    pub hide_size: bool,

    /// Silence after which the client is dismissed, between commands and within a body.
    pub idle_time: Option<Duration>,
    /// Time from the first octet of a command line to its end.
    pub command_time: Option<Duration>,
    /// Time from the go-ahead to the final dot.
    pub message_time: Option<Duration>,
    /// Time that the client may take to accept our replies.
    pub write_time: Duration,

    /// Octets of one message as it is stored; beyond `limits::MESSAGE` that holds.
    pub max_message_size: Option<u64>,
    pub max_recipients_per_message: Option<u32>,
    /// Counts RCPT commands, refused ones too.
    pub max_recipients_per_connection: Option<u32>,
    /// Messages accepted; the next MAIL is answered 421.
    pub max_receptions_per_connection: Option<u32>,
    /// Refused commands without an accepted message in between; then 421.
    pub max_errors: Option<u32>,
    /// Commands without an accepted message in between; then 421.
    pub max_commands: Option<u32>,

    /// MAIL, RCPT and DATA need EHLO or HELO first.
    pub require_ehlo: bool,
    pub allow_null_envelope_sender: bool,
    pub allow_ip_literal: bool,
    /// Refuses `a..b@` and `ab.@`, underscores and a final dot in domains.
    pub rfc2821_pedantic_address_rules: bool,
    /// Takes blanks between the angle brackets and the address.
    pub allow_trailing_whitespace_in_commands: bool,
    /// Takes blanks after the colon and before CRLF.
    pub rfc2821_allow_whitespace_in_envelope: bool,
    /// Takes senders without a domain; whoever judges adds one.
    pub allow_unqualified_sender: bool,
    /// Takes recipients without a domain; `postmaster` is always taken.
    pub allow_unqualified_recipient: bool,

    pub bare_line_ends_in_headers: BareLineEnds,
    pub bare_line_ends_in_body: BareLineEnds,
    pub rfc2822_max_line_length: LineLength,
    pub rfc2822_missing_headers: MissingHeaders,
    pub rfc2822_date_header: DateHeader,

    /// What becomes of a client that speaks before the greeting.
    pub early_talk: EarlyTalk,
    /// Enhanced code and text that follow 421 when the configuration has changed.
    pub reconfig_message: String,
}

/// A CR or LF that is not part of CRLF. It never ends the data, whatever is chosen here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BareLineEnds {
    /// The message is refused after the final dot.
    Refuse,
    Accept,
    /// Made into CRLF.
    Fix,
}

/// Octets of a line without its CRLF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineLength {
    Ignore,
    Refuse(usize),
    /// Longer lines are cut: header fields at white space where there is some, the body anywhere.
    Fold(usize),
}

/// A message that does not begin with a header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingHeaders {
    Refuse,
    /// All of it is body.
    Allow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateHeader {
    Refuse,
    /// The facts of the draft say whether it is there.
    Ignore,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EarlyTalk {
    /// It is a fact that policy may ask for.
    Note,
    /// This reply instead of the greeting, and the connection is closed.
    Refuse(Reply),
}

impl Settings {
    /// Octets of the largest message taken.
    pub fn largest_message(&self) -> u64 {
        self.max_message_size.unwrap_or(limits::MESSAGE).min(limits::MESSAGE)
    }
}

impl Default for Settings {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Settings {
            banner_hostname: String::from("localhost"),
            static_banner: None,
            software: concat!("ecelerity ", env!("CARGO_PKG_VERSION")).to_owned(),
            extensions: vec![String::from("ENHANCEDSTATUSCODES")],
            mechanisms: Vec::new(),
            require_authentication: false,
            hide_size: false,
            idle_time: Some(minutes(5)),
            command_time: Some(minutes(5)),
            message_time: Some(minutes(60)),
            write_time: minutes(5),
            max_message_size: None,
            max_recipients_per_message: None,
            max_recipients_per_connection: None,
            max_receptions_per_connection: None,
            max_errors: Some(1000),
            max_commands: Some(200_000),
            require_ehlo: false,
            allow_null_envelope_sender: true,
            allow_ip_literal: true,
            rfc2821_pedantic_address_rules: true,
            allow_trailing_whitespace_in_commands: false,
            rfc2821_allow_whitespace_in_envelope: false,
            allow_unqualified_sender: false,
            allow_unqualified_recipient: false,
            bare_line_ends_in_headers: BareLineEnds::Refuse,
            bare_line_ends_in_body: BareLineEnds::Refuse,
            rfc2822_max_line_length: LineLength::Ignore,
            rfc2822_missing_headers: MissingHeaders::Refuse,
            rfc2822_date_header: DateHeader::Ignore,
            early_talk: EarlyTalk::Note,
            reconfig_message: String::from("4.3.2 Reconfiguration in progress"),
        }
    }
}
