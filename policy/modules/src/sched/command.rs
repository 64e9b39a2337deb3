//! `sched at`, `in`, `every`, `delete` and `list`. Every shard is asked, the one with the jobs answers.

use super::job::{Job, LONGEST, OCTETS_AT_MOST};
use super::{Sched, State, USER};
use policy_api::{Cell, Later, ModuleCommand, Order, Row, Told};
use std::rc::Rc;

pub(super) static COMMANDS: &[&ModuleCommand] = &[&AT, &IN, &EVERY, &DELETE, &LIST];

static AT: ModuleCommand = adding("sched at", "<unix time> <command>", "Runs a command once, at a time.", at);
static IN: ModuleCommand =
    adding("sched in", "<seconds> <command>", "Runs a command once, after a while.", after);
static EVERY: ModuleCommand =
    adding("sched every", "<seconds> <command>", "Runs a command again and again.", every);

static DELETE: ModuleCommand = ModuleCommand::new("sched delete", "<job>", "Forgets a job.", delete)
    .changes()
    .for_everyone()
    .head("{job} deleted");

static LIST: ModuleCommand =
    ModuleCommand::new("sched list", "", "The jobs, in the order of their turns.", list)
        .for_everyone()
        .head("JOB ID\tNEXT RUN TIME\tREC\tCOMMAND")
        .rows("jobs", "{job}\t{next}\t{recurring}\t{command}");

type Run = fn(Order) -> Later<Result<Told, String>>;

const fn adding(
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    run: Run,
) -> ModuleCommand {
    ModuleCommand::new(name, arguments, summary, run).changes().for_everyone().head("{job}")
}

fn state_of(order: &Order) -> Rc<State> {
    order.of::<Sched>().0.clone()
}

fn at(order: Order) -> Later<Result<Told, String>> {
    add(order, |time, _| (time, None))
}

fn after(order: Order) -> Later<Result<Told, String>> {
    add(order, |seconds, now| (now.saturating_add(seconds), None))
}

fn every(order: Order) -> Later<Result<Told, String>> {
    add(order, |seconds, now| (now.saturating_add(seconds), Some(seconds)))
}

/// `when` gives the first turn and the interval.
fn add(order: Order, when: fn(u64, u64) -> (u64, Option<u64>)) -> Later<Result<Told, String>> {
    Box::pin(async move {
        let state = state_of(&order);
        if !state.runs {
            return Ok(Told::default());
        }
        let host = &order.host;
        let (number, words) = match order.operands.split_first() {
            Some((number, words)) if !words.is_empty() => (number, words),
            _ => return Err(format!("usage: {} {}", order.command.name, order.command.arguments)),
        };
        let now = host.now().secs();
        let number: u64 = number.parse().map_err(|_| format!("'{number}' is no number of seconds"))?;
        let (next, every) = when(number, now);
        if next > now + LONGEST || every == Some(0) {
            return Err(format!("{number}: expected a second to ten years from now"));
        }
        let command = line(words);
        if command.len() > OCTETS_AT_MOST {
            return Err(format!(
                "the command has {} octets, expected at most {OCTETS_AT_MOST}",
                command.len()
            ));
        }
        // Nothing runs yet, but a mistake is better told now.
        drop(host.command(USER, &command)?);
        let jobs = state.jobs(host).await?;
        let job = jobs.draft(next, every, command)?;
        if let Some(store) = &state.store {
            store.add(host, &job).await?;
        }
        let told = Told::head(vec![("job", Cell::Text(state.name(&job)))]);
        jobs.take(job);
        Ok(told)
    })
}

/// Words as a line that has them as its words.
fn line(words: &[String]) -> String {
    let quoted = |word: &String| {
        let is_plain = !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || "\"#\\".contains(c));
        if is_plain {
            return word.clone();
        }
        format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn delete(order: Order) -> Later<Result<Told, String>> {
    Box::pin(async move {
        let [name] = order.operands()?;
        let state = state_of(&order);
        if !state.runs {
            return Ok(Told::default());
        }
        let jobs = state.jobs(&order.host).await?;
        let number = name.strip_prefix(&*state.node).and_then(|rest| rest.strip_prefix('-')).unwrap_or(&name);
        let id = number.parse().ok().filter(|id| jobs.has(*id));
        let id = id.ok_or_else(|| format!("there is no job {name}; see sched list"))?;
        if let Some(store) = &state.store {
            store.delete(&order.host, id).await?;
        }
        jobs.delete(id);
        Ok(Told::head(vec![("job", Cell::Text(name))]))
    })
}

fn list(order: Order) -> Later<Result<Told, String>> {
    Box::pin(async move {
        let [] = order.operands()?;
        let state = state_of(&order);
        if !state.runs {
            return Ok(Told::default());
        }
        let jobs = state.jobs(&order.host).await?;
        let row = |job: &Job| -> Row {
            vec![
                ("job", Cell::Text(state.name(job))),
                ("next", Cell::Count(job.next)),
                ("recurring", Cell::Text(if job.every.is_some() { "y" } else { "" }.to_owned())),
                ("command", Cell::Text(job.command.clone())),
            ]
        };
        Ok(Told { rows: jobs.list().iter().map(row).collect(), ..Told::default() })
    })
}
