//! HTTP/1.1 as a client speaks it (RFC 9110, RFC 9112): a request, and its answer as it comes in; and the exchange
//! of the two through the engine.
//!
//! The law: what a server sends is bounded, and what is not HTTP is an error in one line.

use base64::Engine as _;
pub use content::percent_decoded as unescape;
use policy_api::{Endpoint, Host, Question, Record, RecordKind};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// Octets of a status line with its fields, and of a body.
const HEADER: usize = 64 << 10;
const BODY: usize = 8 << 20;
/// Octets of a line that tells the length of a chunk.
const CHUNK_LINE: usize = 256;

/// `http://[user:password@]host[:port][/target]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub host: String,
    pub port: u16,
    target: String,
    /// As the field Authorization has it.
    credentials: Option<String>,
}

impl Url {
    pub fn parse(text: &str) -> Result<Url, String> {
        let wrong = |what: &str| Err(format!("'{}': {what}", text.escape_debug()));
        let Some((scheme, rest)) = text.split_once("://") else { return wrong("is no URL") };
        match scheme.to_ascii_lowercase().as_str() {
            "http" => {}
            "https" => return wrong("https is not available here, use http towards a proxy of your own"),
            _ => return wrong("expected http://"),
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let target = target.split('#').next().unwrap_or_default();
        if text.len() > 16_384 || !target.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
            return wrong("expected printable characters; others are percent-encoded");
        }
        let (user, place) =
            authority.rsplit_once('@').map_or((None, authority), |(user, place)| (Some(user), place));
        let bracketed = place.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (host, port) = match bracketed {
            Some((address, rest)) => (address, rest.strip_prefix(':')),
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let is_address = bracketed.is_some() && host.parse::<IpAddr>().is_ok();
        if host.is_empty() || host.len() > 255 || !(is_address || host.bytes().all(in_name)) {
            return wrong("has no host");
        }
        let port = match port.map(str::parse) {
            None => 80,
            Some(Ok(port)) => port,
            Some(Err(_)) => return wrong("the port is no number"),
        };
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let encode = |user: &str| base64::engine::general_purpose::STANDARD.encode(unescape(user));
        Ok(Url { host: host.to_owned(), port, target, credentials: user.map(encode) })
    }

    fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == 80 { host } else { format!("{host}:{}", self.port) }
    }
}

/// Percent-encoding of what is not unreserved (RFC 3986 §2.3).
pub fn escape(octets: &[u8]) -> String {
    let mut out = String::with_capacity(octets.len() + 16);
    for byte in octets {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `Name: value`, checked.
pub fn field(line: &str) -> Result<(String, String), String> {
    let wrong = || format!("'{}': expected \"Name: value\"", line.escape_debug());
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let right = !name.is_empty()
        && name.bytes().all(in_name)
        && value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
    if right { Ok((name.to_owned(), value.trim().to_owned())) } else { Err(wrong()) }
}

/// The octets of a request; the connection is closed after its answer.
pub fn request(method: &str, url: &Url, fields: &[(String, String)], body: Option<&[u8]>) -> Vec<u8> {
    let mut out =
        format!("{method} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", url.target, url.authority());
    let has = |name: &str| fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    // What frames the message is ours.
    const OURS: [&str; 4] = ["host", "connection", "content-length", "transfer-encoding"];
    for (name, value) in fields.iter().filter(|(name, _)| !OURS.contains(&name.to_ascii_lowercase().as_str()))
    {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    for (name, value) in [("User-Agent", "impetus"), ("Accept", "*/*")] {
        if !has(name) {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if let Some(credentials) = url.credentials.as_ref().filter(|_| !has("Authorization")) {
        out.push_str(&format!("Authorization: Basic {credentials}\r\n"));
    }
    if let Some(body) = body {
        if !has("Content-Type") {
            out.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
        }
        out.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    out.push_str("\r\n");
    let mut out = out.into_bytes();
    out.extend_from_slice(body.unwrap_or_default());
    out
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// An answer that comes in.
#[derive(Debug)]
pub struct Reader {
    /// Not looked at yet.
    waiting: Vec<u8>,
    response: Response,
    state: State,
    /// The request was HEAD: its answer has no body.
    has_no_body: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Header,
    /// So many octets are missing.
    Length(usize),
    ToTheEnd,
    ChunkLine,
    /// With the line end behind it.
    Chunk(usize),
    Trailer,
    Done,
}

impl Reader {
    pub fn new(method: &str) -> Reader {
        Reader {
            waiting: Vec::new(),
            response: Response::default(),
            state: State::Header,
            has_no_body: method.eq_ignore_ascii_case("HEAD"),
        }
    }

    /// What has arrived. True: the answer is complete.
    pub fn read(&mut self, octets: &[u8]) -> Result<bool, String> {
        self.waiting.extend_from_slice(octets);
        while self.step()? {}
        Ok(self.state == State::Done)
    }

    /// The server has closed the connection.
    pub fn ended(self) -> Result<Response, String> {
        match self.state {
            State::Done | State::ToTheEnd => Ok(self.response),
            _ => Err("the connection was closed in the middle of the answer".to_owned()),
        }
    }

    /// False: more is needed, or nothing more is.
    fn step(&mut self) -> Result<bool, String> {
        match self.state {
            State::Done => Ok(false),
            State::Header => match memchr::memmem::find(&self.waiting, b"\r\n\r\n") {
                Some(end) => {
                    let head: Vec<u8> = self.waiting.drain(..end + 4).collect();
                    self.head(&head[..end])?;
                    Ok(true)
                }
                None if self.waiting.len() > HEADER => Err("the header is longer than 64 KiB".to_owned()),
                None => Ok(false),
            },
            State::Length(missing) => self.take(missing, State::Done, State::Length),
            State::ToTheEnd => {
                self.take(usize::MAX, State::ToTheEnd, |_| State::ToTheEnd)?;
                Ok(false)
            }
            State::Chunk(missing) if missing <= 2 => {
                // The line end behind the chunk.
                let there = self.waiting.len().min(missing);
                self.waiting.drain(..there);
                self.state = if there == missing { State::ChunkLine } else { State::Chunk(missing - there) };
                Ok(there == missing)
            }
            State::Chunk(missing) => self.take(missing - 2, State::Chunk(2), |left| State::Chunk(left + 2)),
            State::ChunkLine => {
                let Some(line) = self.line(CHUNK_LINE)? else { return Ok(false) };
                let digits = line.split(';').next().unwrap_or_default().trim();
                let length = usize::from_str_radix(digits, 16).ok().filter(|length| *length <= BODY);
                let length = length.ok_or_else(|| "the length of a chunk makes no sense".to_owned())?;
                self.state = if length == 0 { State::Trailer } else { State::Chunk(length + 2) };
                Ok(true)
            }
            State::Trailer => {
                let Some(line) = self.line(HEADER)? else { return Ok(false) };
                if line.is_empty() {
                    self.state = State::Done;
                }
                Ok(true)
            }
        }
    }

    /// Moves up to `missing` octets to the body; the state afterwards.
    fn take(&mut self, missing: usize, full: State, left: fn(usize) -> State) -> Result<bool, String> {
        let there = self.waiting.len().min(missing);
        if self.response.body.len() + there > BODY {
            return Err("the body is larger than 8 MiB".to_owned());
        }
        self.response.body.extend(self.waiting.drain(..there));
        self.state = if there == missing { full } else { left(missing - there) };
        Ok(there == missing)
    }

    fn line(&mut self, longest: usize) -> Result<Option<String>, String> {
        match memchr::memchr(b'\n', &self.waiting) {
            Some(end) => {
                let line: Vec<u8> = self.waiting.drain(..=end).collect();
                Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()))
            }
            None if self.waiting.len() > longest => Err("a line has no end".to_owned()),
            None => Ok(None),
        }
    }

    fn head(&mut self, head: &[u8]) -> Result<(), String> {
        if head.len() > HEADER {
            return Err("the header is longer than 64 KiB".to_owned());
        }
        let text = String::from_utf8_lossy(head);
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let mut words = first.splitn(3, ' ');
        let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
        let status =
            words.next().and_then(|word| word.parse().ok()).filter(|status| (100..1000).contains(status));
        let (true, Some(status)) = (is_http, status) else {
            return Err("the server does not speak HTTP/1.1".to_owned());
        };
        if (100..200).contains(&status) {
            // An interim answer (RFC 9110 §15.2): the real one follows.
            return Ok(());
        }
        self.response.status = status;
        self.response.reason = words.next().unwrap_or_default().to_owned();
        let named = lines.filter_map(|line| line.split_once(':'));
        self.response.fields =
            named.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
        self.state = self.framing()?;
        Ok(())
    }

    /// How long the body is (RFC 9112 §6.3).
    fn framing(&self) -> Result<State, String> {
        let find = |name: &str| {
            let mut named = self.response.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
            named.next().map(|(_, value)| value.as_str())
        };
        if self.has_no_body || matches!(self.response.status, 204 | 304) {
            return Ok(State::Done);
        }
        match (find("Transfer-Encoding"), find("Content-Length")) {
            (Some(coding), _) if coding.eq_ignore_ascii_case("chunked") => Ok(State::ChunkLine),
            (Some(coding), _) => Err(format!("the transfer coding '{}' is not known", coding.escape_debug())),
            (None, Some(length)) => match length.parse::<usize>() {
                Ok(0) => Ok(State::Done),
                Ok(length) if length <= BODY => Ok(State::Length(length)),
                Ok(_) => Err("the body is larger than 8 MiB".to_owned()),
                Err(_) => Err("the Content-Length is no number".to_owned()),
            },
            (None, None) => Ok(State::ToTheEnd),
        }
    }
}

/// Addresses of a host that are tried.
const TRIED: usize = 4;

/// Sends a request and reads its answer, all within a time.
pub async fn exchange(
    host: &Rc<dyn Host>,
    url: &Url,
    octets: Vec<u8>,
    mut reader: Reader,
    within: Duration,
) -> Result<Response, String> {
    let deadline = host.now() + within;
    let left = || deadline.since(host.now());
    let failed = |error: std::io::Error| format!("{}:{}: {error}", url.host, url.port);
    let mut connection = None;
    let mut reason = format!("{} has no address", url.host);
    for address in addresses(host, &url.host).await?.into_iter().take(TRIED) {
        match host.dial(Endpoint::Inet(SocketAddr::new(address, url.port)), left()).await {
            Ok(made) => {
                connection = Some(made);
                break;
            }
            Err(error) => reason = failed(error),
        }
    }
    let mut connection = connection.ok_or(reason)?;
    connection.write(octets.into(), left()).await.map_err(failed)?;
    loop {
        let octets = connection.read(left()).await.map_err(failed)?;
        if octets.is_empty() || reader.read(&octets)? {
            return reader.ended();
        }
        host.breathe().await;
    }
}

/// IPv4 first, as most servers inside of a site have it.
pub async fn addresses(host: &Rc<dyn Host>, name: &str) -> Result<Vec<IpAddr>, String> {
    if let Ok(address) = name.parse() {
        return Ok(vec![address]);
    }
    if name.eq_ignore_ascii_case("localhost") {
        return Ok(vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])]);
    }
    let (mut found, mut reason) = (Vec::new(), None);
    for kind in [RecordKind::A, RecordKind::Aaaa] {
        match host.lookup(Question::new(name, kind)).await {
            Ok(answers) => found.extend(answers.records.iter().filter_map(|record| match record {
                Record::A(address) => Some(IpAddr::V4(*address)),
                Record::Aaaa(address) => Some(IpAddr::V6(*address)),
                _ => None,
            })),
            Err(fault) => reason = Some(fault),
        }
    }
    match reason {
        Some(fault) if found.is_empty() => Err(format!("{name}: {fault}")),
        _ => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (text, expected) in [
            ("http://a.example", Ok(("a.example", 80, "/"))),
            ("HTTP://a.example:8080/x?y=1#z", Ok(("a.example", 8080, "/x?y=1"))),
            ("http://u:p@[::1]:81?q", Ok(("::1", 81, "/?q"))),
            ("https://a.example/", Err("https is not available here")),
            ("ftp://a.example/", Err("expected http://")),
            ("a.example", Err("is no URL")),
            ("http:///x", Err("has no host")),
            ("http://a b/", Err("has no host")),
            ("http://a.example:x/", Err("the port is no number")),
            ("http://a.example/a b", Err("percent-encoded")),
            ("http://a.example/\r\nX: y", Err("percent-encoded")),
        ] {
            match (Url::parse(text), expected) {
                (Ok(url), Ok(expected)) => {
                    assert_eq!((url.host.as_str(), url.port, url.target.as_str()), expected);
                }
                (Err(said), Err(expected)) => assert!(said.contains(expected), "{text}: {said}"),
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }

    #[test]
    fn a_request_has_its_fields_once() {
        let url = Url::parse("http://ann:s%20x@a.example/p").unwrap();
        let fields = [field("X-One: 1").unwrap(), field("content-length: 7").unwrap()];
        let octets = request("POST", &url, &fields, Some(b"a=b"));
        assert_eq!(
            String::from_utf8(octets).unwrap(),
            "POST /p HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nX-One: 1\r\nUser-Agent: impetus\r\n\
             Accept: */*\r\nAuthorization: Basic YW5uOnMgeA==\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: 3\r\n\r\na=b"
        );
        for line in ["no colon", "a b: c", "A: b\r\nC: d", ": x"] {
            assert!(field(line).is_err(), "{line}");
        }
    }

    /// Status and body, or what is wrong; fed in pieces of any size.
    fn answer(text: &str, piece: usize) -> Result<(u16, String), String> {
        let mut reader = Reader::new("GET");
        for octets in text.as_bytes().chunks(piece) {
            if reader.read(octets)? {
                break;
            }
        }
        let response = reader.ended()?;
        Ok((response.status, String::from_utf8_lossy(&response.body).into_owned()))
    }

    #[test]
    fn answers_are_read_however_they_are_framed_and_cut() {
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Ok((200, "hello"))),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", Ok((200, "hello"))),
            ("HTTP/1.0 404 Not Found\r\n\r\nto the end", Ok((404, "to the end"))),
            ("HTTP/1.1 204 \r\n\r\n", Ok((204, ""))),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", Ok((201, ""))),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=y\r\nWiki\r\n6\r\npedia \r\n0\r\nA: b\r\n\r\n",
                Ok((200, "Wikipedia ")),
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", Err("in the middle")),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Err("makes no sense")),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", Err("makes no sense")),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Err("is not known")),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", Err("larger than 8 MiB")),
            ("220 smtp.example ESMTP\r\n\r\n", Err("does not speak HTTP")),
            ("", Err("in the middle")),
        ] {
            for piece in [1, 3, 7, 10_000] {
                match (answer(text, piece), expected) {
                    (Ok(got), Ok(expected)) => {
                        assert_eq!((got.0, got.1.as_str()), expected, "{text:?} by {piece}")
                    }
                    (Err(said), Err(expected)) => assert!(said.contains(expected), "{text:?}: {said}"),
                    (got, _) => panic!("{text:?} by {piece}: {got:?}"),
                }
            }
        }
    }

    #[test]
    fn what_has_no_end_is_cut_off() {
        let mut reader = Reader::new("GET");
        let endless = [b'x'; 70_000];
        assert_eq!(reader.read(&endless).unwrap_err(), "the header is longer than 64 KiB");
        let mut reader = Reader::new("GET");
        reader.read(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        let said = (0..1000).find_map(|_| reader.read(&endless).err());
        assert_eq!(said.as_deref(), Some("the body is larger than 8 MiB"));
    }

    #[test]
    fn percent_encoding_goes_both_ways() {
        assert_eq!(escape("a b/ü~".as_bytes()), "a%20b%2F%C3%BC~");
        assert_eq!(unescape("a%20b%2f%zz%"), b"a b/%zz%");
    }
}
