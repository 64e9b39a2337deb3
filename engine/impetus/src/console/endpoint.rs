//! Where a console is: a socket's path, or an address with a port, perhaps with a user before it (console.md §2).

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Unix(PathBuf),
    Tcp { user: Option<String>, at: String },
}

impl Endpoint {
    /// Whether a word of the command line is an endpoint rather than the beginning of a command.
    pub fn is_meant_by(word: &str) -> bool {
        let port = word.rsplit_once(':').map(|(_, port)| port);
        word.contains('/') || port.is_some_and(|port| port.parse::<u16>().is_ok())
    }

    pub fn read(word: &str) -> Result<Endpoint, String> {
        if let Some((scheme @ ("ssh" | "shim"), _)) = word.split_once("://") {
            return Err(format!(
                "{scheme}:// is not built: forward the port or the socket with ssh -L, and connect to that"
            ));
        }
        if word.contains('/') {
            return Ok(Endpoint::Unix(word.strip_prefix("unix://").unwrap_or(word).into()));
        }
        let (user, at) = match word.rsplit_once('@') {
            Some((user, at)) => (Some(user.to_owned()), at),
            None => (None, word),
        };
        match at.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => {
                let host = if matches!(host, "" | "*") { "127.0.0.1" } else { host };
                Ok(Endpoint::Tcp { user, at: format!("{host}:{port}") })
            }
            _ => Err(format!("{word}: expected a socket's path or address:port")),
        }
    }

    pub fn user(&self) -> Option<&str> {
        match self {
            Endpoint::Tcp { user, .. } => user.as_deref(),
            Endpoint::Unix(_) => None,
        }
    }

    /// The addresses of a TCP endpoint.
    pub fn addresses(at: &str) -> Result<Vec<SocketAddr>, std::io::Error> {
        at.to_socket_addrs().map(Iterator::collect)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Unix(path) => path.display().fmt(f),
            Endpoint::Tcp { at, .. } => at.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_told_from_a_command_and_read() {
        let tcp =
            |user: Option<&str>, at: &str| Ok(Endpoint::Tcp { user: user.map(String::from), at: at.into() });
        for (word, endpoint) in [
            ("/tmp/2030", Ok(Endpoint::Unix("/tmp/2030".into()))),
            ("var/control.sock", Ok(Endpoint::Unix("var/control.sock".into()))),
            ("192.0.2.4:2025", tcp(None, "192.0.2.4:2025")),
            ("[2001:db8::4]:2424", tcp(None, "[2001:db8::4]:2424")),
            ("admin@127.0.0.1:2025", tcp(Some("admin"), "127.0.0.1:2025")),
            ("a@b@*:2025", tcp(Some("a@b"), "127.0.0.1:2025")),
            (":2025", tcp(None, "127.0.0.1:2025")),
        ] {
            assert!(Endpoint::is_meant_by(word), "{word}");
            assert_eq!(Endpoint::read(word), endpoint, "{word}");
        }
        for word in ["summary", "ec_logger:main", "flush"] {
            assert!(!Endpoint::is_meant_by(word), "{word}");
        }
        assert!(Endpoint::read("ssh://me@host/ec@*:2025").is_err_and(|why| why.contains("ssh -L")));
        assert!(Endpoint::read("host").is_err());
    }
}
