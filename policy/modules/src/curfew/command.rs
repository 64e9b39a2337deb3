//! `curfew status`, `show`, `check`, `reload` and `journal`.

use super::{Curfew, State};
use mail::address::fold_domain;
use policy_api::{Cell, Later, ModuleCommand, Order, Pool, Row, Told, aside};
use std::future::ready;
use std::rc::Rc;

pub(super) static COMMANDS: &[&ModuleCommand] = &[&STATUS, &SHOW, &CHECK, &RELOAD, &JOURNAL];

static STATUS: ModuleCommand =
    ModuleCommand::new("curfew status", "", "How many rules are in force, and in which time zone.", status)
        .head("curfew: {rules} rule(s) active; tz={timezone}");

static SHOW: ModuleCommand = ModuleCommand::new("curfew show", "", "The rules, in the order of the file.", show)
    .head("curfew: {rules} rule(s), tz={timezone}")
    .rows(
        "rules",
        "[{index}] binding={binding} domain={domain} minute={minute} hour={hour} mday={mday} month={month} wday={wday}",
    );

static CHECK: ModuleCommand =
    ModuleCommand::new("curfew check", "<binding> <domain>", "Whether a pair is held right now.", check)
        .head("curfew: binding={binding} domain={domain} suspended={suspended}");

static RELOAD: ModuleCommand = ModuleCommand::new(
    "curfew reload",
    "",
    "Reads the schedule anew; a broken one leaves the rules as they are.",
    reload,
)
.changes()
.for_everyone()
.head("curfew: {rules} rule(s) active; tz={timezone}");

static JOURNAL: ModuleCommand = ModuleCommand::new(
    "curfew journal",
    "",
    "Writes rules that have begun or ended to paniclog now.",
    journal,
)
.changes()
.for_everyone()
.head("curfew: {transitions} transition(s) logged");

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

/// Added up over the shards, of which one speaks.
fn count(state: &State, count: usize) -> Cell {
    Cell::Count(if state.speaks { count as u64 } else { 0 })
}

fn summary(state: &State, rules: Cell) -> Row {
    vec![("rules", rules), ("timezone", text(&*state.timezone))]
}

fn state_of(order: &Order) -> Rc<State> {
    order.of::<Curfew>().0.clone()
}

/// An answer at once, to a command without operands.
fn at_once(order: Order, told: impl FnOnce(&State, &Order) -> Told) -> Later<Result<Told, String>> {
    let state = state_of(&order);
    Box::pin(ready(order.operands().map(|[]| told(&state, &order))))
}

fn all_rules(state: &State) -> Row {
    summary(state, Cell::Count(state.rules.borrow().len() as u64))
}

fn status(order: Order) -> Later<Result<Told, String>> {
    at_once(order, |state, _| Told::head(all_rules(state)))
}

fn show(order: Order) -> Later<Result<Told, String>> {
    at_once(order, |state, _| {
        let (rules, since) = (state.rules.borrow(), state.since.borrow());
        let row = |(index, (rule, since)): (usize, (&super::Rule, &Option<_>))| -> Row {
            let [minute, hour, mday, month, wday] = rule.fields.each_ref().map(|field| text(&*field.text));
            vec![
                ("index", Cell::Count(index as u64 + 1)),
                ("binding", text(&*rule.binding)),
                ("domain", text(rule.domain.as_deref().unwrap_or("*"))),
                ("minute", minute),
                ("hour", hour),
                ("mday", mday),
                ("month", month),
                ("wday", wday),
                ("line", Cell::Count(rule.line as u64)),
                ("matches", text(if since.is_some() { "yes" } else { "no" })),
            ]
        };
        let rows = rules.iter().zip(since.iter()).enumerate().map(row).collect();
        Told { rows, ..Told::head(all_rules(state)) }
    })
}

fn check(order: Order) -> Later<Result<Told, String>> {
    let told = order.operands().map(|[binding, domain]| {
        let domain = fold_domain(&domain);
        let suspended = state_of(&order).suspends(&binding, &domain, order.host.now());
        Told::head(vec![
            ("binding", text(binding)),
            ("domain", text(domain)),
            ("suspended", text(if suspended { "yes" } else { "no" })),
        ])
    });
    Box::pin(ready(told))
}

fn reload(order: Order) -> Later<Result<Told, String>> {
    Box::pin(async move {
        let [] = order.operands()?;
        let state = state_of(&order);
        let (file, members) = (state.file.clone(), state.members.clone());
        let read = move || {
            let content = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            super::read(&file, &content, &members)
        };
        let rules = aside(&*order.host, Pool::Io, read).await.map_err(|fault| fault.to_string())??;
        state.take(rules);
        if state.is_enabled {
            state.look(&*order.host);
        }
        let rules = state.rules.borrow().len();
        Ok(Told::head(summary(&state, count(&state, rules))))
    })
}

fn journal(order: Order) -> Later<Result<Told, String>> {
    at_once(order, |state, order| {
        let changed = if state.is_enabled { state.look(&*order.host) } else { 0 };
        Told::head(vec![("transitions", count(state, changed))])
    })
}
