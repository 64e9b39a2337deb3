//! Clients that never give up, and the ledger of what was acknowledged to them.
//!
//! The law: a token enters the ledger after its 250 was read and not before.

use crate::chance::Chance;
use harness::{Client, Letter};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between two messages of one client: a load, not a flood.
const PAUSE: Duration = Duration::from_millis(2);
const RECONNECT: Duration = Duration::from_millis(3);
const SENDER: &str = "sender@sender.example";
const MOST_RECIPIENTS: u64 = 4;
const DOMAINS: u64 = 7;
const BODY_LINES: u64 = 60;

/// One message, all of which follows from its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

impl Token {
    pub fn recipients(self) -> Vec<String> {
        let mut chance = Chance::new(self.0);
        let count = 1 + chance.below(MOST_RECIPIENTS);
        (0..count).map(|copy| format!("t{}-{copy}@d{}.example", self.0, chance.below(DOMAINS))).collect()
    }

    pub fn content(self) -> String {
        format!("Subject: {}\r\n\r\n{}", self.0, self.body())
    }

    /// Lines of any length, some of which begin with dots.
    fn body(self) -> String {
        let mut chance = Chance::new(!self.0);
        let mut body = String::new();
        for _ in 0..chance.below(BODY_LINES) {
            let length = chance.below(72) as usize;
            let dots = [0, 0, 0, 1, 2][chance.below(5) as usize];
            body.extend(std::iter::repeat_n('.', dots));
            body.extend(format!("{:016x}", chance.next()).chars().cycle().take(length));
            body.push_str("\r\n");
        }
        body
    }

    /// The token of a letter that a sink took; none if it is not, byte for byte, what was sent.
    pub fn of(letter: &Letter) -> Option<Token> {
        let token = Token(letter.field("Subject")?.parse().ok()?);
        (letter.body() == token.body().as_bytes()).then_some(token)
    }
}

/// Clients in threads of their own.
pub struct Load {
    inner: Arc<Inner>,
    threads: Vec<JoinHandle<()>>,
}

struct Inner {
    server: SocketAddr,
    next: AtomicU64,
    over: AtomicBool,
    acknowledged: Mutex<Vec<Token>>,
}

impl Load {
    pub fn start(server: SocketAddr, clients: usize) -> Load {
        let inner = Arc::new(Inner {
            server,
            next: AtomicU64::new(1),
            over: AtomicBool::new(false),
            acknowledged: Mutex::default(),
        });
        let client = |inner: Arc<Inner>| thread::spawn(move || inner.send_until_over());
        let threads = (0..clients).map(|_| client(inner.clone())).collect();
        Load { inner, threads }
    }

    /// Ends the clients between two messages; what was acknowledged.
    pub fn stop(mut self) -> Vec<Token> {
        self.inner.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("a client does not panic");
        }
        std::mem::take(&mut *self.inner.ledger())
    }
}

impl Inner {
    fn ledger(&self) -> std::sync::MutexGuard<'_, Vec<Token>> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send_until_over(&self) {
        while !self.over.load(Ordering::Relaxed) {
            // The server was killed: what was under way is not acknowledged and not sent again.
            if self.converse().is_err() {
                thread::sleep(RECONNECT);
            }
        }
    }

    fn converse(&self) -> io::Result<()> {
        let mut client = Client::connect(self.server)?;
        client.command("EHLO client.example")?;
        while !self.over.load(Ordering::Relaxed) {
            let token = Token(self.next.fetch_add(1, Ordering::Relaxed));
            let recipients = token.recipients();
            let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
            let reply = client.send(SENDER, &recipients, &token.content())?;
            if reply.code == 250 {
                self.ledger().push(token);
            } else {
                client.command("RSET")?;
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

/// How what arrived compares with what was acknowledged, copy by copy.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Audit {
    pub acknowledged: usize,
    pub lost: Vec<String>,
    pub duplicates: usize,
    /// Durable, but the crash came before its 250.
    pub unacknowledged: usize,
    /// Not what was sent.
    pub damaged: usize,
    /// Copies whose sender was told that they failed.
    pub notices: usize,
}

/// The recipient whose failure a notice tells of: that, too, keeps the promise made for it.
fn reported(letter: &Letter) -> Option<String> {
    let text = letter.text();
    let mut lines = text.split("\r\n").filter(|_| letter.sender.is_empty());
    lines.find_map(|line| line.strip_prefix("Final-Recipient: rfc822; ")).map(str::to_owned)
}

pub fn audit(ledger: &[Token], letters: &[Letter]) -> Audit {
    let mut arrived: HashMap<String, usize> = HashMap::new();
    let mut audit = Audit::default();
    for letter in letters {
        if let Some(recipient) = reported(letter) {
            audit.notices += 1;
            *arrived.entry(recipient).or_default() += 1;
            continue;
        }
        let sent_to = Token::of(letter).map(Token::recipients).unwrap_or_default();
        for recipient in &letter.recipients {
            audit.damaged += usize::from(!sent_to.contains(recipient));
            *arrived.entry(recipient.clone()).or_default() += 1;
        }
    }
    audit.duplicates = arrived.values().map(|count| count - 1).sum();
    for recipient in ledger.iter().copied().flat_map(Token::recipients) {
        audit.acknowledged += 1;
        if arrived.remove(&recipient).is_none() {
            audit.lost.push(recipient);
        }
    }
    audit.unacknowledged = arrived.len();
    audit
}

#[test]
fn an_audit_sees_loss_repetition_damage_and_notices() {
    let letter = |token: Token, content: String| Letter {
        sender: SENDER.to_owned(),
        recipients: token.recipients(),
        content: content.into_bytes(),
        client: ([127, 0, 0, 1], 1).into(),
        at: std::time::Instant::now(),
    };
    let copies = |token: Token| token.recipients().len();
    let [one, two, three, four] = [1, 2, 3, 4].map(Token);
    let damaged = letter(three, format!("{}x\r\n", three.content()));
    let letters =
        [letter(one, one.content()), letter(one, one.content()), damaged, letter(four, four.content())];
    let found = audit(&[one, two, three], &letters);
    assert_eq!(found.acknowledged, copies(one) + copies(two) + copies(three));
    assert_eq!(found.lost, two.recipients());
    assert_eq!((found.duplicates, found.damaged), (copies(one), copies(three)));
    assert_eq!(found.unacknowledged, copies(four));
    let report = format!("Final-Recipient: rfc822; {}\r\n", two.recipients()[0]);
    let notice = Letter { sender: String::new(), ..letter(two, report) };
    let found = audit(&[two], &[notice]);
    assert_eq!((found.notices, found.damaged), (1, 0));
    assert_eq!(found.lost, two.recipients()[1..]);
}
