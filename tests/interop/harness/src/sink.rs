//! A receiving server that remembers everything, and refuses what the test tells it to refuse.
//!
//! The law: only CRLF ends a line and only CRLF.CRLF ends a message; whatever a lax server would take for
//! another message shows as content here.

use crate::patience::{PATIENCE, poll};
use crate::ports::free_port;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long the acceptor sleeps when nobody knocks.
const GLANCE: Duration = Duration::from_millis(2);

/// A message that the sink took.
#[derive(Clone, Debug)]
pub struct Letter {
    pub sender: String,
    pub recipients: Vec<String>,
    /// As it was sent, without the stuffed dots.
    pub content: Vec<u8>,
    pub client: SocketAddr,
    pub at: Instant,
}

impl Letter {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }

    /// The value of the first header field of this name.
    pub fn field(&self, name: &str) -> Option<String> {
        let text = self.text();
        let header = text.split("\r\n\r\n").next().unwrap_or("");
        let is_field =
            |line: &&str| line.split_once(':').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
        let line = header.split("\r\n").find(is_field)?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    }

    pub fn body(&self) -> Vec<u8> {
        let end = self.content.windows(4).position(|window| window == b"\r\n\r\n");
        end.map_or(Vec::new(), |end| self.content[end + 4..].to_vec())
    }
}

/// What the sink says to a command line; the banner is asked for as an empty line, the end of a message as
/// a dot. None is consent. After 421 the connection is closed.
pub type Rule = dyn Fn(&str) -> Option<String> + Send + Sync;

pub struct Sink {
    address: SocketAddr,
    inner: Arc<Inner>,
    acceptor: Option<JoinHandle<()>>,
}

struct Inner {
    rule: Box<Rule>,
    over: AtomicBool,
    book: Mutex<Book>,
    changed: Condvar,
}

#[derive(Default)]
struct Book {
    letters: Vec<Letter>,
    streams: Vec<TcpStream>,
    open: usize,
    most_open: usize,
    connections: usize,
}

impl Inner {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    /// Takes everything, on a port of its own.
    pub fn start() -> Sink {
        Sink::ruled(|_| None)
    }

    pub fn ruled(rule: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Sink {
        Sink::at(SocketAddr::new(IpAddr::from([127, 0, 0, 1]), free_port()), rule)
    }

    pub fn at(address: SocketAddr, rule: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Sink {
        let listener = TcpListener::bind(address).expect("the sink's address is free");
        listener.set_nonblocking(true).expect("listeners can be polled");
        let inner = Arc::new(Inner {
            rule: Box::new(rule),
            over: AtomicBool::new(false),
            book: Mutex::default(),
            changed: Condvar::new(),
        });
        let shared = inner.clone();
        let acceptor = Some(thread::spawn(move || accept(&listener, &shared)));
        Sink { address, inner, acceptor }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.inner.book().letters.clone()
    }

    pub fn count(&self) -> usize {
        self.inner.book().letters.len()
    }

    /// Connections that are open now.
    pub fn open(&self) -> usize {
        self.inner.book().open
    }

    /// Connections so far, and the most that were open at once.
    pub fn connections(&self) -> (usize, usize) {
        let book = self.inner.book();
        (book.connections, book.most_open)
    }

    /// Waits for that many letters; panics if they do not come.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Letter> {
        match poll(|| (self.count() >= count).then(|| self.letters())) {
            Some(letters) => letters,
            None => panic!("{} letters of {count} came", self.count()),
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.inner.over.store(true, Ordering::Relaxed);
        if let Some(acceptor) = self.acceptor.take() {
            // Its panic has been printed.
            let _ = acceptor.join();
        }
        let mut book = self.inner.book();
        for stream in &book.streams {
            // It may have been closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        while book.open > 0 {
            let waited = self.inner.changed.wait_timeout(book, PATIENCE);
            let (next, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            book = next;
            if timeout.timed_out() {
                return;
            }
        }
    }
}

fn accept(listener: &TcpListener, inner: &Arc<Inner>) {
    while !inner.over.load(Ordering::Relaxed) {
        let Ok((stream, client)) = listener.accept() else {
            thread::sleep(GLANCE);
            continue;
        };
        let shared = inner.clone();
        let mut book = inner.book();
        book.open += 1;
        book.connections += 1;
        book.most_open = book.most_open.max(book.open);
        book.streams.extend(stream.try_clone());
        drop(book);
        thread::spawn(move || {
            // A client that breaks off has not been answered, and knows it.
            let _ = serve(stream, client, &shared);
            let mut book = shared.book();
            book.open -= 1;
            book.streams.retain(|other| other.peer_addr().is_ok_and(|peer| peer != client));
            shared.changed.notify_all();
        });
    }
}

fn serve(stream: TcpStream, client: SocketAddr, inner: &Inner) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    let mut conversation = Conversation { stream: BufReader::new(stream), client, inner };
    conversation.say("", "220 sink.example ESMTP")?;
    let (mut sender, mut recipients) = (String::new(), Vec::new());
    while let Some(line) = conversation.line()? {
        let text = String::from_utf8_lossy(&line).into_owned();
        let verb = text.split([' ', ':']).next().unwrap_or("").to_ascii_uppercase();
        match &*verb {
            "EHLO" => {
                conversation
                    .say(&text, "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 0")?;
            }
            "MAIL" => {
                if conversation.say(&text, "250 2.1.0 sender ok")? {
                    (sender, recipients) = (address(&text), Vec::new());
                }
            }
            "RCPT" => {
                if conversation.say(&text, "250 2.1.5 recipient ok")? {
                    recipients.push(address(&text));
                }
            }
            "DATA" => {
                if recipients.is_empty() {
                    conversation.say(&text, "554 5.5.1 no valid recipients")?;
                } else if conversation.say(&text, "354 go ahead")? {
                    conversation.take(&sender, &std::mem::take(&mut recipients))?;
                }
            }
            "QUIT" => {
                conversation.say(&text, "221 2.0.0 bye")?;
                return Ok(());
            }
            _ => {
                conversation.say(&text, "250 2.0.0 ok")?;
            }
        }
    }
    Ok(())
}

fn address(line: &str) -> String {
    let inside = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(String::new(), |(address, _)| address.to_owned())
}

struct Conversation<'a> {
    stream: BufReader<TcpStream>,
    client: SocketAddr,
    inner: &'a Inner,
}

impl Conversation<'_> {
    /// Answers a line, as the rule wants or with consent; true is consent.
    fn say(&mut self, line: &str, consent: &str) -> io::Result<bool> {
        let ruled = (self.inner.rule)(line);
        let reply = ruled.as_deref().unwrap_or(consent);
        self.stream.get_mut().write_all(format!("{reply}\r\n").as_bytes())?;
        if reply.starts_with("421") {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(reply.starts_with(['2', '3']))
    }

    /// A line up to CRLF, which is taken off; a lone LF or CR belongs to it.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            if self.stream.read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            if line.ends_with(b"\r\n") {
                line.truncate(line.len() - 2);
                return Ok(Some(line));
            }
        }
    }

    fn take(&mut self, sender: &str, recipients: &[String]) -> io::Result<()> {
        let mut content = Vec::new();
        loop {
            let Some(line) = self.line()? else { return Ok(()) };
            if line == b"." {
                break;
            }
            content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            content.extend_from_slice(b"\r\n");
        }
        // Remembered before it is answered: what a client believes delivered is in the book.
        let letter = Letter {
            sender: sender.to_owned(),
            recipients: recipients.to_vec(),
            content,
            client: self.client,
            at: Instant::now(),
        };
        let ruled = (self.inner.rule)(".");
        let reply = ruled.as_deref().unwrap_or("250 2.0.0 taken");
        if reply.starts_with('2') {
            self.inner.book().letters.push(letter);
        }
        self.stream.get_mut().write_all(format!("{reply}\r\n").as_bytes())
    }
}
