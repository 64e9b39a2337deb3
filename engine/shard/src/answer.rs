//! The console: a line is asked of every shard, and the parts are merged into one answer. Nobody is stopped:
//! a shard answers between two messages.

use crate::Shard;
use crate::commands::{self, Merge};
use crate::hand_over::request;
use crate::post::Post;
use bytes::Bytes;
use console::{Requests, Status, words, write_answer};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::{Listener, Stream, World};

/// Silence after which a console connection is closed (`Timeout` of Control_Listener).
const CONSOLE_TIMEOUT: Duration = Duration::from_secs(60);

/// What one shard has to say.
#[derive(Debug)]
pub enum Part {
    /// Added up by name over all shards, in the order of the first.
    Counts(Vec<(String, u64)>),
    /// Put together, sorted.
    Lines(Vec<String>),
    /// Said once: what every shard would say alike.
    Said(String),
    /// The command cannot be carried out.
    Refused(String),
}

/// Accepts console connections; runs until the listener is closed.
pub(crate) async fn console<W: World>(shard: Rc<Shard<W>>, listener: W::Listener) {
    while let Ok(stream) = listener.accept().await {
        shard.world.spawn("console", converse(shard.clone(), stream));
    }
}

async fn converse<W: World>(shard: Rc<Shard<W>>, mut stream: W::Stream) {
    let mut requests = Requests::default();
    loop {
        let deadline = shard.world.now() + CONSOLE_TIMEOUT;
        match stream.read(deadline).await {
            Ok(bytes) if !bytes.is_empty() => requests.read(&bytes),
            _ => return,
        }
        while let Some(line) = requests.next_line() {
            let (text, status, is_over) = match line {
                Ok(line) => {
                    let (text, status) = answer(&shard, &line).await;
                    (text, status, false)
                }
                Err(mistake) => (mistake.to_string(), Status::Err, true),
            };
            let mut out = Vec::new();
            write_answer(&mut out, &text, status);
            let sent = stream.write(vec![Bytes::from(out)], shard.world.now() + CONSOLE_TIMEOUT).await;
            if is_over || sent.is_err() {
                return;
            }
        }
    }
}

/// Asks every shard and merges what they say.
async fn answer<W: World>(shard: &Rc<Shard<W>>, line: &str) -> (String, Status) {
    let words = match words(line) {
        Ok(words) if words.is_empty() => return (String::new(), Status::Ok),
        Ok(words) => words,
        Err(mistake) => return (mistake.to_string(), Status::Err),
    };
    let merge = match commands::merge_of::<W>(&words) {
        Ok(merge) => merge,
        Err(unknown) => return (unknown.to_string(), Status::Err),
    };
    let mut parts = vec![commands::ask(shard, &words)];
    if merge == Merge::Everyone {
        let line: Arc<str> = line.into();
        for other in (0..shard.count).filter(|other| *other != shard.index) {
            let ticket = shard.answers.open();
            let post = Post::Ask { ticket, line: line.clone(), from: shard.index };
            request(shard, other, post).await;
            parts.extend(shard.answers.wait(ticket).await);
        }
    }
    merged(parts)
}

/// One shard's side of `answer`.
pub(crate) async fn answer_for<W: World>(shard: Rc<Shard<W>>, ticket: u64, line: Arc<str>, from: usize) {
    let part = match words(&line) {
        Ok(words) => commands::ask(&shard, &words),
        Err(mistake) => Part::Refused(mistake.to_string()),
    };
    shard.post_office.send(from, Post::Told { ticket, part }, shard.world.now());
}

fn merged(parts: Vec<Part>) -> (String, Status) {
    let mut counts: Vec<(String, u64)> = Vec::new();
    let mut lines = Vec::new();
    let mut said = None;
    for part in parts {
        match part {
            Part::Counts(part) => {
                for (name, value) in part {
                    match counts.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, sum)) => *sum += value,
                        None => counts.push((name, value)),
                    }
                }
            }
            Part::Lines(part) => lines.extend(part),
            Part::Said(text) => said = said.or(Some(text)),
            Part::Refused(text) => return (text, Status::Err),
        }
    }
    lines.sort();
    lines.extend(counts.into_iter().map(|(name, value)| format!("{name:<32} {value}")));
    lines.extend(said);
    (lines.join("\n"), Status::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_added_up_sorted_or_said_once() {
        let counts = |value| Part::Counts(vec![("deliveries".into(), value)]);
        let (text, _) = merged(vec![counts(2), counts(3)]);
        assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["deliveries", "5"]);
        let lines = |line: &str| Part::Lines(vec![line.into()]);
        assert_eq!(merged(vec![lines("b"), lines("a")]).0, "a\nb");
        assert_eq!(merged(vec![Part::Said("1".into()), Part::Said("2".into())]).0, "1");
        assert_eq!(merged(vec![lines("a"), Part::Refused("no".into())]), ("no".into(), Status::Err));
    }
}
