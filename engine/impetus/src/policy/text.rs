//! A trace for people.

use super::Outcome;
use shard::rehearsal::{Change, Dictionaries, Exchange, Queued, Step, Transcript};
use std::fmt::Write;
use std::time::Duration;

/// Octets of a value that are printed.
const SHOWN: usize = 200;

pub fn text(transcript: &Transcript, outcome: &Outcome) -> String {
    let is_generated = transcript.listener.is_empty();
    let mut out = match is_generated {
        true => String::from("a message is generated\n"),
        false => format!("{} connects to {}\n", transcript.client, transcript.listener),
    };
    transcript.exchanges.iter().for_each(|exchange| told(&mut out, exchange));
    if !is_generated {
        out.push_str("\nContexts behind the phases that all recipients share\n");
        contexts(&mut out, &transcript.contexts, &Dictionaries::default());
    }
    for queued in &transcript.queued {
        copy(&mut out, queued, &transcript.contexts);
    }
    for (log, lines) in [("rejectlog", &transcript.rejections), ("paniclog", &transcript.complaints)] {
        for line in lines {
            let _ = writeln!(out, "\n{log}: {line}");
        }
    }
    let _ = match outcome {
        Outcome::Accepted(1) => writeln!(out, "\naccepted for 1 recipient"),
        Outcome::Accepted(copies) => writeln!(out, "\naccepted for {copies} recipients"),
        outcome => writeln!(out, "\n{}", outcome.name()),
    };
    out
}

fn told(out: &mut String, exchange: &Exchange) {
    if !exchange.command.is_empty() {
        let _ = writeln!(out, "\n> {}", exchange.command);
    }
    // Those who had nothing to do stand on one line.
    let together = |one: &Step, next: &Step| {
        is_quiet(one) && is_quiet(next) && (one.phase, &one.recipient) == (next.phase, &next.recipient)
    };
    exchange.steps.chunk_by(together).for_each(|steps| taken(out, steps));
    if !exchange.held.is_zero() {
        let _ = writeln!(out, "  the reply is held back for {:?}", exchange.held);
    }
    let mut lines = exchange.reply.lines();
    let first = lines.next().unwrap_or("(the connection is closed)");
    let _ = writeln!(out, "< {first}  ({})", time(exchange.took));
    lines.for_each(|line| {
        let _ = writeln!(out, "< {line}");
    });
}

fn is_quiet(step: &Step) -> bool {
    step.notes.is_empty() && step.changes.is_empty() && step.verdict == "continue"
}

/// One step, or several without effect.
fn taken(out: &mut String, steps: &[Step]) {
    let name = |step: &Step| match &step.instance {
        instance if instance.is_empty() || *instance == step.module => step.module.to_owned(),
        instance => format!("{} \"{instance}\"", step.module),
    };
    let names: Vec<_> = steps.iter().map(name).collect();
    let step = &steps[0];
    let _ = write!(out, "  {} {}", step.phase, names.join(", "));
    if let Some(recipient) = &step.recipient {
        let _ = write!(out, " for <{recipient}>");
    }
    if step.verdict != "continue" {
        let _ = write!(out, ": {}", step.verdict);
    }
    if step.module != "engine" {
        let _ = write!(out, "  ({})", time(steps.iter().map(|step| step.took).sum()));
    }
    out.push('\n');
    for note in &step.notes {
        let took = note.took.map(|took| format!("  ({})", time(took))).unwrap_or_default();
        let _ = writeln!(out, "      {} {}{took}", note.what, cut(&note.text));
    }
    for change in &step.changes {
        changed(out, change);
    }
}

fn changed(out: &mut String, change: &Change) {
    let Change { what, name, before, after } = change;
    let quoted = |text: &str| format!("\"{}\"", cut(text));
    let subject = if name.is_empty() { (*what).to_owned() } else { format!("{what} {name}") };
    let _ = match (before, after) {
        (None, Some(after)) => writeln!(out, "    + {subject} = {}", quoted(after)),
        (Some(before), None) => writeln!(out, "    - {subject}, was {}", quoted(before)),
        (Some(before), Some(after)) => {
            writeln!(out, "    ~ {subject} = {}, was {}", quoted(after), quoted(before))
        }
        (None, None) => Ok(()),
    };
}

/// One copy: what is its own beside what all share.
fn copy(out: &mut String, queued: &Queued, shared: &Dictionaries) {
    let what = if queued.is_internal { "Sent by policy" } else { "Queued" };
    let ahead = if queued.priority { ", ahead of the others" } else { "" };
    let Queued { sender, recipient, binding, domain, octets, .. } = queued;
    let _ = writeln!(
        out,
        "\n{what} for <{recipient}> from <{sender}>: binding {binding}, queue {domain}{ahead}, {octets} octets"
    );
    for (name, value) in &queued.header {
        let _ = writeln!(out, "    | {name}: {}", cut(value));
    }
    if !queued.is_internal {
        contexts(out, &queued.contexts, shared);
    }
}

/// What is not in `known`.
fn contexts(out: &mut String, contexts: &Dictionaries, known: &Dictionaries) {
    for (what, pairs, known) in [
        ("connection", &contexts.connection, &known.connection),
        ("message", &contexts.message, &known.message),
    ] {
        for (key, value) in pairs.iter().filter(|pair| !known.contains(pair)) {
            let _ = writeln!(out, "    {what} {key} = \"{}\"", cut(value));
        }
    }
}

fn time(time: Duration) -> String {
    format!("{:.3} ms", time.as_micros() as f64 / 1000.0)
}

/// On one line, and not all of something long.
fn cut(text: &str) -> String {
    let line = text.replace('\r', "").replace('\n', "\\n");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} octets)", &line[..end], text.len()),
        None => line,
    }
}
