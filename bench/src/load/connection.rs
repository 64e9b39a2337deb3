//! Drives the sessions of one place among the connections: dials, waits until messages are due, writes, reads.
//!
//! Law: a message is sent again only if its content was never sent, so that a token stands for one message.

use crate::load::drive::Share;
use crate::load::letter::Letter;
use crate::load::pace::Ticket;
use crate::load::session::{Loss, Session, Verdict, Want};
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;
use world::{Dial, Stream, World};

/// How often a message is tried whose connection breaks before the content.
const TRIES: u32 = 3;
/// Between two attempts to connect that fail.
const REDIAL: Duration = Duration::from_millis(50);

/// The message that a connection has in hand, kept while it dials anew.
struct InHand {
    ticket: Ticket,
    size: usize,
    tries: u32,
}

struct Connection<W: World> {
    share: Rc<Share<W>>,
    letters: Vec<Letter>,
    in_hand: Option<InHand>,
}

/// Keeps one connection open, one after the other, until the run is over or the server has refused to
/// talk for as long as our patience lasts.
pub(super) async fn connection<W: World>(share: Rc<Share<W>>, number: usize) {
    let from = &share.load.options().from;
    let from = (!from.is_empty()).then(|| from[number % from.len()]);
    let mut connection = Connection { letters: share.letters.clone(), share: share.clone(), in_hand: None };
    let mut give_up = share.patience();
    while connection.in_hand.is_some() || !share.is_over() {
        if connection.converse(from).await {
            give_up = share.patience();
        } else if share.world.now() >= give_up {
            break;
        } else {
            share.world.sleep_until(share.world.now() + REDIAL).await;
        }
    }
    if connection.in_hand.is_some() {
        share.tally.borrow_mut().not_sent += 1;
    }
    share.open.set(share.open.get() - 1);
    share.ended.raise();
}

impl<W: World> Connection<W> {
    /// One connection from dialling to closing. False: the server never became ready for a message.
    async fn converse(&mut self, from: Option<IpAddr>) -> bool {
        let share = self.share.clone();
        let dial = Dial { to: share.load.options().to, from, deadline: share.patience() };
        let mut stream = match share.world.dial(dial).await {
            Ok(stream) => stream,
            Err(error) => {
                share.broke(named(&error));
                return false;
            }
        };
        let mut session = Session::new(share.script.clone());
        let mut messages = 0;
        let mut ready = false;
        loop {
            match session.want() {
                Want::Write => match stream.write(session.take_output(), share.patience()).await {
                    Ok(()) => session.wrote(),
                    Err(error) => self.lost(&mut session, named(&error)),
                },
                Want::Read => match stream.read(share.patience()).await {
                    Ok(chunk) if chunk.is_empty() => self.lost(&mut session, "closed by the server"),
                    Ok(chunk) => {
                        let size = self.in_hand.as_ref().map_or(0, |message| message.size);
                        session.read(&chunk, &mut self.letters[size]);
                    }
                    Err(error) => self.lost(&mut session, named(&error)),
                },
                Want::Message => {
                    if !ready {
                        ready = true;
                        share.tally.borrow_mut().connections += 1;
                    }
                    let limit = share.load.options().messages_per_connection;
                    if limit > 0 && messages == limit {
                        session.quit();
                    } else {
                        messages += 1;
                        self.begin(&mut session).await;
                    }
                }
                Want::Report => self.ended(&mut session),
                Want::Close => break,
            }
        }
        if let Some(code) = session.turned_away() {
            share.turned_away(code);
        }
        ready
    }

    /// Begins the message in hand or the next one, when it is due; without one it says goodbye.
    async fn begin(&mut self, session: &mut Session) {
        let share = &self.share;
        let mut message = match self.in_hand.take() {
            Some(message) => message,
            None => match share.take() {
                Some(ticket) => InHand {
                    ticket,
                    size: size_of_message(&share.load.options().sizes, ticket.place),
                    tries: 0,
                },
                None => return session.quit(),
            },
        };
        if message.ticket.due > share.world.now() {
            share.world.sleep_until(message.ticket.due).await;
        }
        message.tries += 1;
        session.message(first_delivery(message.ticket.place, share.script.recipients));
        self.in_hand = Some(message);
    }

    fn ended(&mut self, session: &mut Session) {
        let verdict = session.take_verdict();
        let message = self.in_hand.take().expect("a verdict is about the message in hand");
        match verdict {
            Verdict::Accepted => {
                let first = first_delivery(message.ticket.place, self.share.script.recipients);
                self.share.promised(first, session.accepted());
                self.share.accepted(message.ticket.due, self.letters[message.size].bytes());
            }
            Verdict::Refused(code) => self.share.refused(code),
        }
    }

    fn lost(&mut self, session: &mut Session, what: &'static str) {
        let loss = session.lost();
        self.share.broke(what);
        let mut tally = self.share.tally.borrow_mut();
        match loss {
            Loss::Nothing => {}
            Loss::NotSent if self.in_hand.as_ref().is_some_and(|message| message.tries < TRIES) => {}
            Loss::NotSent => {
                self.in_hand = None;
                tally.not_sent += 1;
            }
            Loss::InDoubt => {
                self.in_hand = None;
                tally.in_doubt += 1;
            }
        }
    }
}

fn first_delivery(place: u64, recipients: usize) -> u64 {
    place * recipients as u64
}

/// Spreads the sizes evenly by their weights: the same message has the same size in every run.
fn size_of_message(sizes: &[(usize, u32)], place: u64) -> usize {
    if sizes.len() == 1 {
        return 0;
    }
    let total: u64 = sizes.iter().map(|(_, weight)| u64::from(*weight)).sum();
    // Steps of the golden ratio visit a circle evenly.
    let turn = place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut at = ((u128::from(turn) * u128::from(total)) >> 64) as u64;
    for (index, (_, weight)) in sizes.iter().enumerate() {
        match at.checked_sub(u64::from(*weight)) {
            Some(rest) => at = rest,
            None => return index,
        }
    }
    unreachable!("the weights add up to the total")
}

fn named(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused",
        io::ErrorKind::TimedOut => "timed out",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => "reset",
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => "no source address or port",
        _ => "another error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_come_by_their_weights() {
        let sizes = [(2048, 9), (10_000, 0), (100_000, 1)];
        let mut counts = [0; 3];
        (0..10_000).for_each(|place| counts[size_of_message(&sizes, place)] += 1);
        assert!((8990..=9010).contains(&counts[0]) && counts[1] == 0, "{counts:?}");
    }
}
