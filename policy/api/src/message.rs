//! The client and the message in progress, as policy sees and changes them.

use bytes::Bytes;
use content::Content;
use mail::{Address, Contexts, MessageId, Protocol, Reply};
use std::net::SocketAddr;

/// The connection.
#[derive(Clone, Debug)]
pub struct Client {
    /// Connection id.
    pub id: MessageId,
    /// None on a Unix socket and for mail of our own.
    pub peer: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    pub protocol: Protocol,
    pub tls: Option<Box<Tls>>,
    /// The user who has proved to be one.
    pub user: Option<Box<str>>,
    /// Commands that do not exist, and known commands with wrong syntax, up to now.
    pub unrecognized_commands: u32,
    pub bad_commands: u32,
}

impl Client {
    pub fn new(id: MessageId, peer: Option<SocketAddr>, local: Option<SocketAddr>) -> Self {
        Client {
            id,
            peer,
            local,
            protocol: Protocol::Esmtp,
            tls: None,
            user: None,
            unrecognized_commands: 0,
            bad_commands: 0,
        }
    }
}

/// What the encryption of a connection is known by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    pub version: Box<str>,
    pub cipher: Box<str>,
    pub client_subject: Option<Box<str>>,
    pub client_issuer: Option<Box<str>>,
    pub client_verified: bool,
}

/// Which pipeline a message goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    #[default]
    Smtp,
    Http,
    /// Notices, and what policy itself sends: no phase of a session, but set_binding and final_validation.
    Internal,
}

/// The message in progress; parts that a phase does not have are empty. What a phase may change, `Rights` says.
#[derive(Debug, Default)]
pub struct Message {
    /// From data on. Until the split that of the batch, then the copy's own.
    pub id: MessageId,
    pub batch: MessageId,
    /// None is the null sender `<>`, and nobody before mailfrom.
    pub sender: Option<Address>,
    /// Those accepted so far.
    pub recipients: Vec<Address>,
    /// At rcptto the candidate, from data_spool_each_rcpt on the copy's own, which may be rewritten there.
    pub recipient: Option<Address>,
    /// Header and body, from data on; our own trace fields are in it.
    pub content: Content,
    /// Received fields that it came with.
    pub received_fields: u32,
    pub eight_bit: bool,
    /// The binding chosen; empty is none. An unknown name changes nothing.
    pub binding: Box<str>,
    /// A group of which the engine chooses a member; empty is none. Goes before `binding`.
    pub binding_group: Box<str>,
    /// Ahead of the others of its queue.
    pub priority: bool,
    /// The queue instead of the recipient's domain.
    pub routing_domain: Option<Box<str>>,
    pub origin: Origin,
    /// The status that the message carries: what a notice would quote.
    pub code: Option<Reply>,
    /// New messages that are admitted together with this one, and only with it.
    pub outgoing: Vec<NewMessage>,
}

/// A message that policy sends: a forward, a copy, an alert.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    /// None is the null sender.
    pub sender: Option<Address>,
    pub recipients: Vec<Address>,
    /// Header and body; lines end in CRLF.
    pub content: Bytes,
    pub contexts: Contexts,
    /// Empty: set_binding chooses.
    pub binding: Box<str>,
}
