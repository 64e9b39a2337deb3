//! Control connections: accepts, lets the dialogue decide, carries out what it hands over, and accounts for it.

use crate::Shard;
use crate::access::logs_authentication;
use crate::answer::{carry_out, parse};
use crate::operator::Operator;
use crate::options::ControlOptions;
use crate::selection::rest;
use bytes::Bytes;
use config::Endpoint;
use console::{
    Dialogue, Document, Effect, Format, NOT_AUTHORIZED, NoRequest, Refused, Request, Status, Want, record,
};
use logs::{Accounted, Accounting, Event};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use world::{Listener, Stream, World};

/// Consoles at a time; whoever comes later is told to come again.
const MOST_OPERATORS: usize = 64;

/// Runs until the listener is closed.
pub(crate) async fn control<W: World>(shard: Rc<Shard<W>>, endpoint: Endpoint, listener: W::Listener) {
    while let Ok(stream) = listener.accept().await {
        let console = Console::new(&shard, &endpoint, &stream);
        if shard.operators.get() >= MOST_OPERATORS {
            shard.world.spawn("refusal", console.refuse(stream));
        } else {
            shard.operators.set(shard.operators.get() + 1);
            shard.world.spawn("console", console.converse(stream, Seat(shard.clone())));
        }
    }
}

/// A place at the console, given back when dropped.
struct Seat<W: World>(Rc<Shard<W>>);

impl<W: World> Drop for Seat<W> {
    fn drop(&mut self) {
        self.0.operators.set(self.0.operators.get() - 1);
    }
}

/// One connection and what holds for it.
struct Console<W: World> {
    shard: Rc<Shard<W>>,
    endpoint: String,
    peer: Option<SocketAddr>,
    options: ControlOptions,
    dialogue: Dialogue,
    /// The roles of whoever is at the other end are asked of these.
    stores: console::Stores,
}

impl<W: World> Console<W> {
    fn new(shard: &Rc<Shard<W>>, endpoint: &Endpoint, stream: &W::Stream) -> Self {
        let options = shard.control_options(endpoint, stream.peer().map(|peer| peer.ip()));
        let door = shard.door(&options, endpoint, stream);
        Console {
            shard: shard.clone(),
            endpoint: door.endpoint.clone(),
            peer: stream.peer(),
            options,
            stores: door.stores.clone(),
            dialogue: Dialogue::new(door),
        }
    }

    async fn refuse(self, mut stream: W::Stream) {
        let deadline = self.shard.world.now() + self.options.timeout;
        // Whether it arrives or not, the connection ends here.
        let _ = stream.write(vec![Bytes::from_static(b"Too many consoles are open\n.\n")], deadline).await;
    }

    async fn converse(mut self, mut stream: W::Stream, _seat: Seat<W>) {
        let mut operator = None;
        loop {
            self.account_for_attempts();
            let deadline = self.shard.world.now() + self.options.timeout;
            match self.dialogue.want() {
                Want::Read => match stream.read(deadline).await {
                    Ok(bytes) if !bytes.is_empty() => self.dialogue.read(&bytes),
                    Err(error) if error.kind() == ErrorKind::TimedOut => self.dialogue.timed_out(),
                    _ => return,
                },
                Want::Write => {
                    let output = Bytes::from(self.dialogue.take_output());
                    if stream.write(vec![output], deadline).await.is_err() {
                        return;
                    }
                }
                Want::Pause(pause) => {
                    self.shard.world.sleep_until(self.shard.world.now() + pause).await;
                    self.dialogue.paused();
                }
                Want::CarryOut => {
                    let line = self.dialogue.take_line();
                    let operator = operator.get_or_insert_with(|| self.operator()).clone();
                    if self.reply(&mut stream, &line, &operator).await.is_none() {
                        return;
                    }
                }
                Want::Close => {
                    self.account_for_attempts();
                    return;
                }
            }
            self.shard.world.breathe().await;
        }
    }

    fn operator(&self) -> Rc<Operator> {
        let user = self.dialogue.user().unwrap_or_default();
        let is_ruled = self.options.enable_authorization.unwrap_or(false);
        Rc::new(Operator::new(user, self.stores.roles(user), is_ruled))
    }

    /// Carries out a line and sends what comes of it, piece by piece. None: the connection is gone.
    async fn reply(&mut self, stream: &mut W::Stream, line: &str, operator: &Rc<Operator>) -> Option<()> {
        let request = match parse(&self.shard, line, &operator.user) {
            Ok(request) => Arc::new(request),
            Err(NoRequest::Empty) => {
                self.dialogue.end(Status::Ok);
                return Some(());
            }
            Err(problem) => {
                self.refused(&problem.to_string(), Format::Text);
                return Some(());
            }
        };
        let format = request.format;
        let allowed = self.allows(&request, operator);
        let answer = match allowed {
            true => carry_out(&self.shard, request, operator).await,
            false => Err(Refused::new(NOT_AUTHORIZED)),
        };
        match answer {
            Ok(document) => self.send(stream, document, format).await?,
            Err(Refused(problem)) => self.refused(&problem, format),
        }
        if operator.is_leaving.get() {
            self.dialogue.close();
        }
        Some(())
    }

    async fn send(&mut self, stream: &mut W::Stream, document: Document, format: Format) -> Option<()> {
        for (number, piece) in document.show(format).enumerate() {
            if number > 0 {
                rest(&self.shard).await;
            }
            if piece.is_empty() {
                continue;
            }
            self.dialogue.piece(&piece, Status::Ok);
            let output = Bytes::from(self.dialogue.take_output());
            let deadline = self.shard.world.now() + self.options.timeout;
            stream.write(vec![output], deadline).await.ok()?;
            self.shard.world.breathe().await;
        }
        self.dialogue.end(Status::Ok);
        Some(())
    }

    fn refused(&mut self, problem: &str, format: Format) {
        let text = match format {
            Format::Text => format!("{problem}\n"),
            Format::Json => Document::new().record("", "", record! { error: problem }).to_text(format),
        };
        self.dialogue.piece(&text, Status::Err);
        self.dialogue.end(Status::Err);
    }

    /// Whether this user may do this; acctlog has it where it is asked for, and every change.
    fn allows(&self, request: &Request, operator: &Operator) -> bool {
        let rules = if operator.is_ruled { self.shard.roles() } else { Vec::new() };
        let role = console::authorize(&rules, &operator.user, &operator.roles, &request.line);
        let allowed = !operator.is_ruled || request.command.is_free || role.is_some();
        let is_accounted =
            operator.is_ruled || self.peer.is_none() || request.command.effect != Effect::Reads;
        if is_accounted && !request.command.is_hidden {
            self.account(&operator.user, Accounted::Command { allowed, line: &request.line, role });
        }
        allowed
    }

    fn account_for_attempts(&mut self) {
        for attempt in self.dialogue.take_attempts() {
            if self.peer.is_none() || logs_authentication(&self.options) {
                let what = match attempt.timed_out {
                    true => Accounted::AuthenticationTimedOut,
                    false => Accounted::Authentication { succeeded: attempt.succeeded },
                };
                self.account(&attempt.user, what);
            }
        }
    }

    fn account(&self, user: &str, what: Accounted<'_>) {
        let (listener, peer) = (self.endpoint.as_str(), self.peer);
        self.shard.record(&Event::Accounting(Accounting { listener, peer, user, what }));
    }
}
