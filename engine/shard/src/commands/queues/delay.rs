//! `delay`

use super::purge::rehearsed;
use crate::Shard;
use crate::orders::{Action, Done, Order};
use crate::selection::Selection;
use console::{Command, Document, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::World;

pub const COMMAND: Command = Command::new(
    "delay",
    "<seconds> [--domain <domain>] [--binding <binding>]",
    "Puts active messages off for so many seconds; no retry is spent.",
)
.changes()
.with_dry_run()
.with_filter();

/// A year: who wants longer wants to suspend.
const LONGEST_S: u64 = 31_536_000;

struct Wanted {
    seconds: u64,
    binding: Option<String>,
    domain: Option<String>,
}

impl Wanted {
    fn read(request: &Request) -> Result<Wanted, Refused> {
        let mut operands = request.operands();
        let domain = operands.value(&["--domain", "-d"])?;
        let binding = operands.value(&["--binding", "-b"])?;
        let [seconds] = operands.exactly()?;
        if domain.is_none() && binding.is_none() && request.filter.is_none() {
            return Err(Refused::new("delay needs --domain, --binding, --meta or --header"));
        }
        let in_range = |seconds: &u64| (1..=LONGEST_S).contains(seconds);
        let number = seconds.parse().ok().filter(in_range);
        let wrong = || Refused::new(format!("seconds are a number from 1 to {LONGEST_S}, not {seconds}"));
        Ok(Wanted { seconds: number.ok_or_else(wrong)?, binding, domain })
    }

    fn what(&self) -> &str {
        self.domain.as_deref().or(self.binding.as_deref()).unwrap_or("all queues")
    }
}

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<Done, Refused> {
    let wanted = Wanted::read(&request)?;
    let selection = Selection::new(wanted.binding.as_deref(), wanted.domain.as_deref());
    let action = Action::Delay { until: shard.world.now() + Duration::from_secs(wanted.seconds) };
    let filter = request.filter.as_ref();
    Ok(Order { selection, filter, action, dry_run: request.dry_run }.carry_out(&shard).await)
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Done>,
) -> Result<Document, Refused> {
    let wanted = Wanted::read(&request)?;
    if request.dry_run {
        return Ok(rehearsed(wanted.what(), parts, "would be delayed"));
    }
    let messages: u64 = parts.iter().map(|done| done.messages).sum();
    let record = record! { what: wanted.what(), messages: messages };
    let layout = match messages {
        0 => "No messages for {what} found.",
        _ => "Delayed {messages} messages.",
    };
    Ok(Document::new().record("", layout, record))
}
