//! `trace smtp`: what is said on outgoing connections, written to a file by the writer of logs, off this shard.
//!
//! Law: the first shard, which the console talks to, keeps the list; each change goes to all shards as a whole.
//! A connection is traced from its beginning or not at all.

use crate::Shard;
use crate::outbound::Outbound;
use crate::post::Order;
use bytes::Bytes;
use mail::{MessageId, Time};
use std::cell::RefCell;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use world::World;

/// Tracers at most: each connection looks at all of them.
const TRACERS_AT_MOST: usize = 100;
/// Octets of one read or write that are shown; of a body that is its beginning.
const OCTETS_SHOWN: usize = 2048;

/// What is traced, and where to. None is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracer {
    pub number: u64,
    pub binding: Option<String>,
    /// Folded.
    pub domain: Option<String>,
    pub file: PathBuf,
}

/// The tracers as a shard knows them.
#[derive(Default)]
pub(crate) struct Tracers {
    list: RefCell<Arc<[Tracer]>>,
    /// Of the first shard: the number given last.
    last: std::cell::Cell<u64>,
}

/// There are `TRACERS_AT_MOST` already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyTracers;

impl Tracers {
    pub fn list(&self) -> Arc<[Tracer]> {
        self.list.borrow().clone()
    }

    pub fn replace(&self, list: Arc<[Tracer]>) {
        *self.list.borrow_mut() = list;
    }

    fn next(&self) -> u64 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }
}

/// Registers a tracer on all shards; its number.
pub(crate) fn add<W: World>(
    shard: &Shard<W>,
    binding: Option<String>,
    domain: Option<String>,
    file: PathBuf,
) -> Result<u64, TooManyTracers> {
    let known = shard.tracers.list();
    if known.len() >= TRACERS_AT_MOST {
        return Err(TooManyTracers);
    }
    let number = shard.tracers.next();
    let tracer = Tracer { number, binding, domain, file };
    announce(shard, known.iter().cloned().chain([tracer]).collect());
    Ok(number)
}

/// False: there is none of that number. Connections that are traced already stay so to their end.
pub(crate) fn remove<W: World>(shard: &Shard<W>, number: u64) -> bool {
    let known = shard.tracers.list();
    let left: Arc<[Tracer]> = known.iter().filter(|tracer| tracer.number != number).cloned().collect();
    let was_there = left.len() < known.len();
    announce(shard, left);
    was_there
}

fn announce<W: World>(shard: &Shard<W>, list: Arc<[Tracer]>) {
    shard.tracers.replace(list.clone());
    shard.common.exchange.order(|| Order::Trace(list.clone()));
}

/// The trace of one connection.
pub(crate) struct Tape {
    files: Vec<PathBuf>,
    mode: u32,
    /// Connection, queue and peer: at the head of each line.
    about: String,
}

impl Tape {
    /// None if nobody wants this connection.
    pub fn begin<W: World>(
        shard: &Shard<W>,
        outbound: &Outbound,
        connection: MessageId,
        peer: SocketAddr,
    ) -> Option<Tape> {
        let list = shard.tracers.list();
        let wants = |tracer: &&Tracer| {
            tracer.binding.as_deref().is_none_or(|only| *only == *outbound.binding)
                && tracer.domain.as_deref().is_none_or(|only| *only == *outbound.domain)
        };
        let files: Vec<PathBuf> = list.iter().filter(wants).map(|tracer| tracer.file.clone()).collect();
        if files.is_empty() {
            return None;
        }
        let about = format!("{connection} {}/{} {}", outbound.binding, outbound.domain, peer.ip());
        let tape = Tape { files, mode: shard.site().global.trace_smtp_mode, about };
        tape.note(shard, "connected");
        Some(tape)
    }

    pub fn wrote<W: World>(&self, shard: &Shard<W>, output: &[Bytes]) {
        let length: usize = output.iter().map(Bytes::len).sum();
        let mut shown = Vec::with_capacity(length.min(OCTETS_SHOWN));
        for block in output {
            shown.extend_from_slice(&block[..block.len().min(OCTETS_SHOWN - shown.len())]);
        }
        self.record(shard, ">>>", &shown, length);
    }

    pub fn read<W: World>(
        &self,
        shard: &Shard<W>,
        input: &std::io::Result<impl std::ops::Deref<Target = [u8]>>,
    ) {
        match input {
            Ok(bytes) if bytes.is_empty() => self.note(shard, "closed by the peer"),
            Ok(bytes) => self.record(shard, "<<<", &bytes[..bytes.len().min(OCTETS_SHOWN)], bytes.len()),
            Err(error) => self.note(shard, &error.to_string()),
        }
    }

    pub fn note<W: World>(&self, shard: &Shard<W>, text: &str) {
        self.record(shard, "***", text.as_bytes(), text.len());
    }

    fn record<W: World>(&self, shard: &Shard<W>, side: &str, shown: &[u8], length: usize) {
        let text = lines(&self.about, side, shown, length, shard.world.now());
        for file in &self.files {
            if !shard.world.log(file, self.mode, text.clone().into_bytes()) {
                shard.counters.log_lines_lost.add(text.lines().count() as u64);
            }
        }
    }
}

/// A line of the file for each line that was said.
fn lines(about: &str, side: &str, shown: &[u8], length: usize, now: Time) -> String {
    let mut out = String::new();
    let (second, millisecond) = (now.secs(), now.micros() / 1000 % 1000);
    let mut put = |text: std::fmt::Arguments<'_>| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{second}.{millisecond:03} {about} {side} {text}");
    };
    let all = String::from_utf8_lossy(shown);
    for line in all.lines() {
        let clean: String =
            line.chars().map(|character| if character.is_control() { '.' } else { character }).collect();
        put(format_args!("{clean}"));
    }
    if shown.len() < length {
        put(format_args!("({} octets more)", length - shown.len()));
    }
    out
}

/// The name of a file to trace into.
pub(crate) fn file_of(text: &str) -> Option<PathBuf> {
    let path = Path::new(text);
    (path.is_absolute() && path.file_name().is_some()).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_that_was_said_is_a_line_without_controls() {
        let now = Time::from_micros(1_770_244_190_123_456);
        let text = lines("id b/d 192.0.2.1", ">>>", b"MAIL FROM:<a@b>\r\nRCPT\x1b TO:<c@d>\r\nxy", 60, now);
        assert_eq!(
            text,
            "\
1770244190.123 id b/d 192.0.2.1 >>> MAIL FROM:<a@b>
1770244190.123 id b/d 192.0.2.1 >>> RCPT. TO:<c@d>
1770244190.123 id b/d 192.0.2.1 >>> xy
1770244190.123 id b/d 192.0.2.1 >>> (25 octets more)
"
        );
    }

    #[test]
    fn a_trace_goes_to_an_absolute_path() {
        for (text, is_one) in
            [("/var/tmp/a.log", true), ("a.log", false), ("/", false), ("", false), ("/a/..", false)]
        {
            assert_eq!(file_of(text).is_some(), is_one, "{text}");
        }
    }
}
