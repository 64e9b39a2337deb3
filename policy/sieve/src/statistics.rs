//! The counters of scripts, and what `sieve stats` shows of them (spec sieve.md §7).

use policy_api::{Host, Later};
use std::rc::Rc;

/// Where a counter of an instance stands among those of the engine.
pub(crate) fn path(instance: &str, script: &str, counter: &str, class: &str) -> String {
    format!("{}{script}:{counter} ({class})", prefix(instance))
}

pub(crate) fn prefix(instance: &str) -> String {
    format!("/sieve/{instance}/")
}

/// `5xx`, `4xx`, or `informational` for what refuses nobody.
pub(crate) fn class(code: u16) -> &'static str {
    match code / 100 {
        5 => "5xx",
        4 => "4xx",
        _ => "informational",
    }
}

/// One line of `sieve stats`: `data_phase2:spam:SURBL (5xx) = 196`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The script; empty for what belongs to none.
    pub script: String,
    /// `category:description` by convention.
    pub counter: String,
    pub class: String,
    pub count: u64,
}

impl Row {
    fn read(name: &str, count: u64) -> Option<Row> {
        let (name, class) = name.strip_suffix(')')?.rsplit_once(" (")?;
        let (script, counter) = name.split_once(':')?;
        Some(Row { script: script.into(), counter: counter.into(), class: class.into(), count })
    }

    /// What comes before the first colon of the counter: the slices of the pie.
    pub fn category(&self) -> &str {
        self.counter.split_once(':').map_or(&*self.counter, |(category, _)| category)
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} ({}) = {}", self.script, self.counter, self.class, self.count)
    }
}

/// The counters of an instance, summed over all shards, in order of their names.
pub fn statistics(host: &Rc<dyn Host>, instance: &str) -> Later<Vec<Row>> {
    let prefix = prefix(instance);
    let counters = host.counters(&prefix);
    Box::pin(async move {
        let counters = counters.await;
        let rows = counters.iter().filter_map(|(name, count)| Row::read(name.strip_prefix(&prefix)?, *count));
        rows.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_a_row() {
        let shown = "data_phase2:spam:SURBL (5xx) = 196";
        let path = path("sieve1", "data_phase2", "spam:SURBL", class(550));
        let row = Row::read(path.strip_prefix("/sieve/sieve1/").unwrap(), 196).unwrap();
        assert_eq!(row.to_string(), shown);
        assert_eq!((row.category(), &*row.script), ("spam", "data_phase2"));
        let processed = Row::read(":sieve-processed (informational)", 3).unwrap();
        assert_eq!(processed.to_string(), ":sieve-processed (informational) = 3");
        assert_eq!(Row::read("nothing of ours", 1), None);
    }
}
