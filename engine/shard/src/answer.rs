//! The console: a line is asked of every shard, and the parts are merged into one answer. Nobody is stopped:
//! a shard answers between two messages.

use crate::Shard;
use crate::commands::{COMMANDS, Part, Work, row_of};
use crate::hand_over::request as send_request;
use crate::operator::Operator;
use crate::post::Post;
use crate::race::caught;
use bytes::Bytes;
use console::{Document, Format, Lines, NoRequest, Refused, Request, Status, write_answer};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::{Listener, Stream, World};

/// Silence after which a console connection is closed (`Timeout` of Control_Listener).
const CONSOLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Accepts console connections; runs until the listener is closed.
pub(crate) async fn console<W: World>(shard: Rc<Shard<W>>, listener: W::Listener) {
    while let Ok(stream) = listener.accept().await {
        shard.world.spawn("console", converse(shard.clone(), stream));
    }
}

async fn converse<W: World>(shard: Rc<Shard<W>>, mut stream: W::Stream) {
    let operator = Rc::new(Operator::new("root", Vec::new()));
    let mut lines = Lines::default();
    loop {
        let deadline = shard.world.now() + CONSOLE_TIMEOUT;
        match stream.read(deadline).await {
            Ok(bytes) if !bytes.is_empty() => lines.read(&bytes),
            _ => return,
        }
        while let Some(line) = lines.next_line() {
            let (answer, is_over) = match line {
                Ok(line) => (answer(&shard, &line, &operator).await, false),
                Err(mistake) => (Err(Refused(mistake.to_string())), true),
            };
            let (text, status) = match answer {
                Ok((document, format)) => (document.to_text(format), Status::Ok),
                Err(Refused(text)) => (text, Status::Err),
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

/// Understands a line and carries it out.
async fn answer<W: World>(
    shard: &Rc<Shard<W>>,
    line: &str,
    operator: &Rc<Operator>,
) -> Result<(Document, Format), Refused> {
    let request = match Request::parse(COMMANDS, line, &operator.user) {
        Ok(request) => Arc::new(request),
        Err(NoRequest::Empty) => return Ok((Document::new(), Format::Text)),
        Err(problem) => return Err(Refused(problem.to_string())),
    };
    let format = request.format;
    Ok((carry_out(shard, request, operator).await?, format))
}

async fn carry_out<W: World>(
    shard: &Rc<Shard<W>>,
    request: Arc<Request>,
    operator: &Rc<Operator>,
) -> Result<Document, Refused> {
    let doing = async {
        match row_of::<W>(request.command).work {
            Work::Here(run) => run(shard.clone(), request, operator.clone()).await,
            Work::Everyone { ask, merge } => {
                let tickets = ask_others(shard, &request).await;
                let own = ask(shard.clone(), request.clone()).await;
                let mut parts = Vec::new();
                for (other, ticket) in tickets.into_iter().enumerate() {
                    match ticket {
                        Some(ticket) => parts.extend(shard.answers.wait(ticket).await),
                        None => debug_assert_eq!(other, shard.index),
                    }
                }
                parts.insert(shard.index.min(parts.len()), own);
                merge(shard.clone(), request, parts.into_iter().collect::<Result<_, _>>()?).await
            }
        }
    };
    caught(doing).await.unwrap_or_else(|message| Err(broken(shard, &message)))
}

/// A ticket for the part of every other shard, in their order.
async fn ask_others<W: World>(shard: &Rc<Shard<W>>, request: &Arc<Request>) -> Vec<Option<u64>> {
    let mut tickets = Vec::with_capacity(shard.count);
    for other in 0..shard.count {
        if other == shard.index {
            tickets.push(None);
            continue;
        }
        let ticket = shard.answers.open();
        let post = Post::Ask { ticket, request: request.clone(), from: shard.index };
        send_request(shard, other, post).await;
        tickets.push(Some(ticket));
    }
    tickets
}

/// One shard's side of a command for everyone.
pub(crate) async fn answer_for<W: World>(
    shard: Rc<Shard<W>>,
    ticket: u64,
    request: Arc<Request>,
    from: usize,
) {
    let Work::Everyone { ask, .. } = row_of::<W>(request.command).work else {
        unreachable!("{} is for the shard that the console talks to", request.command.name)
    };
    let asked = caught(ask(shard.clone(), request)).await;
    let part: Result<Part, Refused> = asked.unwrap_or_else(|message| Err(broken(&shard, &message)));
    shard.post_office.send(from, Post::Told { ticket, part }, shard.world.now());
}

fn broken<W: World>(shard: &Shard<W>, message: &str) -> Refused {
    shard.counters.panics.add(1);
    shard.complain(&format!("console: a command panicked: {message}"));
    Refused::new("internal error: see paniclog")
}
