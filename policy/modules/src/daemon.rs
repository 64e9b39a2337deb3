//! One request to a daemon beside us, one answer: connect, send all, read to the end of the answer.
//!
//! The law: all of it together takes no longer than it is given, and an answer has a bound.

use bytes::Bytes;
use mail::Reply;
use policy_api::{Endpoint, Host};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

config::choices! {
    /// What becomes of messages while a daemon does not answer.
    pub enum WhenDown { Accept = 0: "accept" | "pass", Tempfail = 1: "tempfail", Reject = 2: "reject" }
}

impl WhenDown {
    /// What the client hears; none: the message goes on. `who` does not answer.
    pub fn reply(self, who: &str) -> Option<Reply> {
        match self {
            WhenDown::Accept => None,
            WhenDown::Tempfail => {
                Some(Reply::verbatim(451, format!("4.7.1 {who} does not answer, please try later")))
            }
            WhenDown::Reject => Some(Reply::verbatim(550, format!("5.7.1 {who} does not answer"))),
        }
    }
}

/// Octets of an answer.
const ANSWER: usize = 1 << 20;

/// `host:port`, `[v6]:port` or the path of a socket. Of names only `localhost` is taken: a name would have to
/// be looked up before every scan.
pub(crate) fn endpoint(text: &str) -> Result<Endpoint, String> {
    if text.starts_with('/') {
        return Ok(Endpoint::Unix(text.into()));
    }
    let expected = || format!("'{text}' is no address:port, localhost:port or path of a socket");
    match text.strip_prefix("localhost:") {
        Some(port) => {
            let port = port.parse().map_err(|_| expected())?;
            Ok(Endpoint::Inet(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)))
        }
        None => text.parse().map(Endpoint::Inet).map_err(|_| expected()),
    }
}

/// The answer up to the octet `end`, or to the end of the connection without one.
pub(crate) async fn exchange(
    host: &Rc<dyn Host>,
    to: &Endpoint,
    within: Duration,
    request: Vec<Bytes>,
    end: Option<u8>,
) -> io::Result<Vec<u8>> {
    let deadline = host.now() + within;
    let left = || deadline.since(host.now());
    let mut connection = host.dial(to.clone(), left()).await?;
    for piece in request {
        connection.write(piece, left()).await?;
    }
    let mut answer = Vec::new();
    loop {
        let bytes = connection.read(left()).await?;
        if bytes.is_empty() {
            return match end {
                Some(_) => Err(ErrorKind::UnexpectedEof.into()),
                None => Ok(answer),
            };
        }
        answer.extend_from_slice(&bytes);
        if answer.len() > ANSWER {
            return Err(io::Error::new(ErrorKind::InvalidData, "the answer is too long"));
        }
        if let Some(at) = end.and_then(|end| answer.iter().position(|octet| *octet == end)) {
            answer.truncate(at);
            return Ok(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemons_are_named_by_address_or_path() {
        for (text, known) in [
            ("127.0.0.1:3310", true),
            ("[::1]:3310", true),
            ("localhost:783", true),
            ("/run/clamav/clamd.ctl", true),
            ("scanner.example:3310", false),
            ("127.0.0.1", false),
            ("localhost:x", false),
        ] {
            assert_eq!(endpoint(text).is_ok(), known, "{text}");
        }
    }
}
