//! curfew: hours in which bindings and domains deliver nothing (spec module-details.md). Which rules match is looked up
//! when a minute begins; the engine holds what they name as it holds what an operator suspends. Mail stays and ages.
//!
//! Law: a schedule that cannot be read changes nothing: the rules before go on.

mod command;
mod rule;

use self::rule::{Members, Rule};
use crate::present::enabled;
use config::{Instances, ModuleOptions, ModuleSyntax, OptionalText, Snapshot, Stanza, Text};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use mail::Time;
use policy_api::{Finding, Hold, Host, Later, Level, Make, Module, ModuleDef};
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

config::options! {
    pub struct CurfewOptions {
        /// File of the rules, a line each: binding, domain, on or off, then minute, hour, day, month and day of the
        /// week as in crontab.
        schedule_file: OptionalText = "", in [module];
        /// Time zone of the rules, as Europe/Berlin.
        timezone: Text = "UTC", in [module];
    }
}

pub static MODULE: ModuleDef = ModuleDef {
    files: Some(|stanza| file_of(&CurfewOptions::resolve(&stanza)).into_iter().collect()),
    commands: command::COMMANDS,
    ..ModuleDef::new(
        ModuleSyntax {
            name: "curfew",
            instances: Instances::Singleton,
            options: &[CurfewOptions::DEFINITIONS],
            stanzas: &[],
        },
        &[],
        make,
    )
};

/// Whether a curfew may hold mail in this configuration.
pub fn is_on(snapshot: &Snapshot) -> bool {
    enabled(snapshot, MODULE.name()).is_some()
}

/// Rules that begin or end and are named in paniclog, in one minute.
const NAMED: usize = 100;

fn file_of(options: &CurfewOptions) -> Option<PathBuf> {
    options.schedule_file.as_deref().map(PathBuf::from)
}

fn make(stanza: Stanza<'_>, make: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let options = CurfewOptions::resolve(&stanza);
    let wrong = |text: String| Finding::at(stanza, format!("curfew: {text}"));
    let file = file_of(&options).ok_or_else(|| wrong("schedule_file is missing".to_owned()))?;
    let zone = TimeZone::get(&options.timezone).map_err(|_| {
        wrong(format!(
            "timezone '{}': expected a name of the tz database, as Europe/Berlin",
            options.timezone
        ))
    })?;
    let content =
        make.sources.get(&file).map_err(|problem| wrong(format!("{}: {problem}", file.display())))?;
    let state = State {
        members: Arc::new(rule::members(stanza.snapshot().bindings())),
        is_enabled: ModuleOptions::resolve(&stanza).enabled,
        // One of the shards speaks for all.
        speaks: make.shard == 0,
        timezone: options.timezone.clone(),
        zone,
        rules: RefCell::default(),
        since: RefCell::default(),
        is_new: Cell::new(true),
        file,
    };
    state.take(read(&state.file, content, &state.members).map_err(wrong)?);
    Ok(Rc::new(Curfew(Rc::new(state))))
}

/// The rules of a schedule, or what is wrong with it.
fn read(file: &Path, content: &[u8], members: &Members) -> Result<Vec<Rule>, String> {
    let rules = rule::read(&String::from_utf8_lossy(content), members);
    rules.map_err(|problem| format!("{}: {problem}", file.display()))
}

struct Curfew(Rc<State>);

struct State {
    members: Arc<Members>,
    is_enabled: bool,
    speaks: bool,
    file: PathBuf,
    timezone: Arc<str>,
    zone: TimeZone,
    rules: RefCell<Rc<[Rule]>>,
    /// For each rule, since when it matches.
    since: RefCell<Vec<Option<Time>>>,
    /// The engine has not been told of these rules yet.
    is_new: Cell<bool>,
}

impl Module for Curfew {
    fn attend(&self, host: &Rc<dyn Host>) -> Option<Later<()>> {
        if !self.0.is_enabled {
            return None;
        }
        // Before the first connection.
        self.0.look(&**host);
        let (state, host) = (self.0.clone(), host.clone());
        Some(Box::pin(async move {
            loop {
                host.pause(until_next_minute(host.now())).await;
                state.look(&*host);
            }
        }))
    }
}

fn until_next_minute(now: Time) -> Duration {
    const MINUTE: u64 = 60_000_000;
    Duration::from_micros(MINUTE - now.micros() % MINUTE)
}

impl State {
    fn take(&self, rules: Vec<Rule>) {
        self.since.replace(vec![None; rules.len()]);
        self.rules.replace(rules.into());
        self.is_new.set(true);
    }

    /// Finds out which rules match now, and tells the engine if that has changed; how many began or ended.
    fn look(&self, host: &dyn Host) -> usize {
        let (now, rules) = (host.now(), self.rules.borrow().clone());
        let civil = self.civil(now);
        let mut changed = Vec::new();
        for (rule, since) in rules.iter().zip(self.since.borrow_mut().iter_mut()) {
            let matches = rule.matches(civil);
            if matches != since.is_some() {
                *since = matches.then_some(now);
                changed.push((rule, matches));
            }
        }
        if !changed.is_empty() || self.is_new.replace(false) {
            host.hold(self.holds());
        }
        if self.speaks {
            for (rule, matches) in changed.iter().take(NAMED) {
                let what = if *matches { "begins" } else { "is over" };
                host.report(Level::Warning, &format!("curfew: {} {what}", self.spoken(rule)));
            }
            if changed.len() > NAMED {
                let more = changed.len() - NAMED;
                host.report(Level::Warning, &format!("curfew: {more} more rules begin or are over"));
            }
        }
        changed.len()
    }

    fn civil(&self, now: Time) -> DateTime {
        let stamp = i64::try_from(now.secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        self.zone.to_datetime(stamp.unwrap_or(Timestamp::MAX))
    }

    fn holds(&self) -> Vec<Hold> {
        let (rules, since) = (self.rules.borrow(), self.since.borrow());
        let mut holds = Vec::new();
        for (rule, since) in rules.iter().zip(since.iter()) {
            let Some(since) = *since else { continue };
            let by: Arc<str> = format!("curfew, {}:{}", self.file.display(), rule.line).into();
            let hold = |binding| Hold { binding, domain: rule.domain.clone(), by: by.clone(), since };
            match &rule.bindings {
                None => holds.push(hold(None)),
                Some(bindings) => holds.extend(bindings.iter().map(|binding| hold(Some(binding.clone())))),
            }
        }
        holds
    }

    fn spoken(&self, rule: &Rule) -> String {
        let domain = rule.domain.as_deref().unwrap_or("*");
        format!("binding={} domain={domain} ({}:{})", rule.binding, self.file.display(), rule.line)
    }

    /// Whether a rule that matches now names them.
    fn suspends(&self, binding: &str, domain: &str, now: Time) -> bool {
        let civil = self.civil(now);
        let names = |rule: &Rule| {
            let of_binding = |bindings: &Vec<Arc<str>>| bindings.iter().any(|known| **known == *binding);
            rule.bindings.as_ref().is_none_or(of_binding)
                && rule.domain.as_deref().is_none_or(|known| known == domain)
        };
        self.is_enabled && self.rules.borrow().iter().any(|rule| names(rule) && rule.matches(civil))
    }
}

#[cfg(test)]
mod tests;
