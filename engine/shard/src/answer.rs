//! Carries out a command: asked of every shard, the parts merged into one answer. Nobody is stopped: a shard
//! answers between two messages.

use crate::Shard;
use crate::commands::{Part, Work, commands, row_of};
use crate::hand_over::request as send_request;
use crate::operator::Operator;
use crate::post::Post;
use crate::race::caught;
use console::{Document, NoRequest, Refused, Request};
use logs::{Accounted, Accounting, Event};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

/// The command that a line names. What nobody else knows, a module may: scripts register commands.
pub(crate) fn parse<W: World>(shard: &Shard<W>, line: &str, user: &str) -> Result<Request, NoRequest> {
    let of_module = || {
        let site = shard.site();
        site.pipeline.loaded().find_map(|loaded| loaded.module.command_of(line))
    };
    match Request::parse(commands(), line, user) {
        Err(NoRequest::Unknown(unknown)) => match of_module() {
            Some(line) => Request::parse(commands(), &line, user),
            None => Err(NoRequest::Unknown(unknown)),
        },
        parsed => parsed,
    }
}

/// Carries out a command at whose console nobody sits; acctlog has it, whatever it does.
pub(crate) async fn unattended<W: World>(shard: &Rc<Shard<W>>, request: Request) -> Result<(), String> {
    let operator = Rc::new(Operator::new(&request.user, Vec::new(), false));
    let what = Accounted::Command { allowed: true, line: &request.line, role: None };
    let (listener, user) = (request.user.as_str(), request.user.as_str());
    shard.record(&Event::Accounting(Accounting { listener, peer: None, user, what }));
    // The answer is made of rows when it is shown; nobody looks.
    carry_out(shard, Arc::new(request), &operator).await.map(drop).map_err(|Refused(problem)| problem)
}

/// Asks whom the command asks, and makes one answer of what they say.
pub(crate) async fn carry_out<W: World>(
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
