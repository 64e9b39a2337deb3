//! One connection to a server: the opening, the proof of who we are, commands and their answers in frames.

use super::endpoint::Endpoint;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use console::{ClientExchange, Mechanism, OPENING, Status, frame_head};
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long a TCP connection may take to come about.
const CONNECT_TIME: Duration = Duration::from_secs(10);

trait Wire: Read + Write {
    fn set_waiting(&self, waits: bool) -> io::Result<()>;
}

impl Wire for UnixStream {
    fn set_waiting(&self, waits: bool) -> io::Result<()> {
        self.set_nonblocking(!waits)
    }
}

impl Wire for TcpStream {
    fn set_waiting(&self, waits: bool) -> io::Result<()> {
        self.set_nonblocking(!waits)
    }
}

pub struct Connection {
    wire: BufReader<Box<dyn Wire>>,
    is_known: bool,
    mechanisms: Vec<Mechanism>,
}

/// A whole answer.
pub struct Answer {
    pub text: String,
    pub status: Status,
}

impl Connection {
    pub fn open(endpoint: &Endpoint) -> io::Result<Connection> {
        let wire: Box<dyn Wire> = match endpoint {
            Endpoint::Unix(path) => Box::new(UnixStream::connect(path)?),
            Endpoint::Tcp { at, .. } => Box::new(dial(at)?),
        };
        let mut connection =
            Connection { wire: BufReader::new(wire), is_known: false, mechanisms: Vec::new() };
        let hello = connection.ask(OPENING)?.text;
        let value = |name: &str| hello.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim();
        connection.is_known = value("known ") == "yes";
        connection.mechanisms = value("auth ").split_whitespace().filter_map(Mechanism::named).collect();
        Ok(connection)
    }

    /// Whether the server has closed the connection while nothing was asked: it does so after `Timeout`.
    pub fn is_closed(&mut self) -> bool {
        let look = |wire: &mut BufReader<Box<dyn Wire>>| -> io::Result<bool> {
            wire.get_ref().set_waiting(false)?;
            let found = wire.fill_buf().map(<[u8]>::is_empty);
            wire.get_ref().set_waiting(true)?;
            match found {
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
                found => found,
            }
        };
        look(&mut self.wire).unwrap_or(true)
    }

    /// Whether the server knows us without a password.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// Proves who we are, by one mechanism after the other, the best first: a user may stand in one file only.
    /// A password goes over the wire only if nothing better is offered. False: the server does not believe it.
    pub fn authenticate(&mut self, user: &str, password: &str) -> io::Result<bool> {
        let offered = self.mechanisms.clone();
        let safe = offered.iter().any(|mechanism| *mechanism != Mechanism::Login);
        for mechanism in offered.into_iter().filter(|mechanism| !safe || *mechanism != Mechanism::Login) {
            if self.prove(mechanism, user, password)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn prove(&mut self, mechanism: Mechanism, user: &str, password: &str) -> io::Result<bool> {
        let mut exchange = ClientExchange::new(mechanism, user, password, &nonce()?);
        let first = exchange.first().map(|first| format!(" {}", BASE64.encode(first))).unwrap_or_default();
        let mut answer = self.ask(&format!("AUTH {}{first}", mechanism.name()))?;
        while answer.status == Status::More {
            let challenge =
                BASE64.decode(answer.text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            // A star gives up (RFC 4422 §3).
            let reply = challenge.and_then(|challenge| exchange.answer(&challenge));
            answer = self.ask(&reply.map_or_else(|| "*".to_owned(), |reply| BASE64.encode(reply)))?;
        }
        self.is_known = answer.status == Status::Ok;
        Ok(self.is_known)
    }

    /// The answer to a line, all of it.
    pub fn ask(&mut self, line: &str) -> io::Result<Answer> {
        let mut text = Vec::new();
        let status = self.ask_into(line, &mut |piece| {
            text.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(Answer { text: String::from_utf8_lossy(&text).into_owned(), status })
    }

    /// The answer to a line, piece by piece as it comes.
    pub fn ask_into(
        &mut self,
        line: &str,
        show: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<Status> {
        let wire = self.wire.get_mut();
        wire.write_all(format!("{line}\n").as_bytes())?;
        wire.flush()?;
        let mut worst = Status::Ok;
        loop {
            let mut head = String::new();
            if (&mut self.wire).take(32).read_line(&mut head)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let Some((length, status)) = frame_head(head.trim_end_matches('\n')) else {
                return Err(io::Error::new(ErrorKind::InvalidData, "this is no console of Impetus"));
            };
            if status != Status::Ok {
                worst = status;
            }
            if length == 0 {
                return Ok(worst);
            }
            let mut piece = vec![0; length];
            self.wire.read_exact(&mut piece)?;
            show(&piece)?;
        }
    }
}

fn dial(at: &str) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in Endpoint::addresses(at)? {
        match TcpStream::connect_timeout(&address, CONNECT_TIME) {
            Ok(stream) => {
                // Commands are small, and somebody waits for each.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn nonce() -> io::Result<String> {
    let mut bytes = [0; 18];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(BASE64.encode(bytes))
}
