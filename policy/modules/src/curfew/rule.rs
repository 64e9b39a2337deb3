//! The rules of a curfew: a line each, `binding domain on|off minute hour day month weekday`, the last five as in
//! crontab (spec module-details.md, curfew).
//!
//! Law: whether a rule matches is a function of the civil time alone; who knows the time zone asks.

use jiff::civil::DateTime;
use mail::address::fold_domain;
use std::collections::HashMap;
use std::sync::Arc;

/// Rules, and bindings that they name by group or by themselves, of one schedule.
const RULES_AT_MOST: usize = 10_000;
const BINDINGS_AT_MOST: usize = 100_000;

/// A rule that acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its line in the file.
    pub line: usize,
    /// As written: a binding, a group, or `*`.
    pub binding: Box<str>,
    /// Bindings that are meant; none is every one.
    pub bindings: Option<Vec<Arc<str>>>,
    /// Folded; none is every one.
    pub domain: Option<Arc<str>>,
    /// Minute, hour, day of the month, month, day of the week.
    pub fields: [Field; 5],
}

/// The values of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub text: Box<str>,
    bits: u64,
    /// It begins with `*`.
    is_any: bool,
}

struct Column {
    name: &'static str,
    least: u32,
    most: u32,
    /// For the values from `least` on.
    words: &'static [&'static str],
}

const fn column(name: &'static str, least: u32, most: u32, words: &'static [&'static str]) -> Column {
    Column { name, least, most, words }
}

const COLUMNS: [Column; 5] = [
    column("minute", 0, 59, &[]),
    column("hour", 0, 23, &[]),
    column("day of the month", 1, 31, &[]),
    column(
        "month",
        1,
        12,
        &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    ),
    // 7 is Sunday too.
    column("day of the week", 0, 7, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

impl Field {
    fn read(text: &str, column: &Column) -> Result<Field, String> {
        let wrong = || {
            let Column { name, least, most, .. } = column;
            format!(
                "'{text}' is no {name}: expected *, {least} to {most}, ranges as 1-5, steps as */2, lists of them"
            )
        };
        let mut bits = 0u64;
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0).ok_or_else(wrong)?),
                None => (part, 1usize),
            };
            let (from, to) = match range.split_once('-') {
                _ if range == "*" => (column.least, column.most),
                Some((from, to)) => {
                    (column.value(from).ok_or_else(wrong)?, column.value(to).ok_or_else(wrong)?)
                }
                // A step needs something to step through.
                None if part.contains('/') => return Err(wrong()),
                None => column.value(range).map(|value| (value, value)).ok_or_else(wrong)?,
            };
            if from > to {
                return Err(wrong());
            }
            (from..=to).step_by(step).for_each(|value| bits |= 1 << value);
        }
        if column.most == 7 {
            bits |= bits >> 7 & 1;
        }
        Ok(Field { text: text.into(), bits, is_any: text.starts_with('*') })
    }

    fn has(&self, value: i8) -> bool {
        self.bits >> value & 1 == 1
    }
}

impl Column {
    fn value(&self, text: &str) -> Option<u32> {
        let word = self.words.iter().position(|word| word.eq_ignore_ascii_case(text));
        let value = match word {
            Some(at) => self.least + u32::try_from(at).ok()?,
            None if text.bytes().all(|octet| octet.is_ascii_digit()) => text.parse().ok()?,
            None => return None,
        };
        (self.least..=self.most).contains(&value).then_some(value)
    }
}

impl Rule {
    /// As in crontab, either day suffices where both are given.
    pub fn matches(&self, now: DateTime) -> bool {
        let [minute, hour, day, month, weekday] = &self.fields;
        let (by_day, by_weekday) = (day.has(now.day()), weekday.has(now.weekday().to_sunday_zero_offset()));
        let on_day = if day.is_any || weekday.is_any { by_day && by_weekday } else { by_day || by_weekday };
        minute.has(now.minute()) && hour.has(now.hour()) && month.has(now.month()) && on_day
    }
}

/// The bindings of each name: of a group, or the one.
pub type Members = HashMap<Arc<str>, Vec<Arc<str>>>;

/// From (group, binding). A binding is meant before a group of the same name.
pub fn members<'a>(bindings: impl Iterator<Item = (&'a str, &'a str)>) -> Members {
    let (mut members, mut alone) = (Members::new(), Members::new());
    for (group, binding) in bindings {
        let binding: Arc<str> = binding.into();
        members.entry(group.into()).or_default().push(binding.clone());
        alone.insert(binding.clone(), vec![binding]);
    }
    members.extend(alone);
    members
}

/// The rules that act, in the order of the file. An error says in which line.
pub fn read(text: &str, members: &Members) -> Result<Vec<Rule>, String> {
    let (mut rules, mut bindings) = (Vec::new(), 0);
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.first().is_none_or(|word| word.starts_with('#')) {
            continue;
        }
        let wrong = |problem: String| format!("line {}: {problem}", index + 1);
        let Some(rule) = rule(index + 1, &words, members).map_err(wrong)? else { continue };
        bindings += rule.bindings.as_ref().map_or(1, Vec::len);
        rules.push(rule);
        if rules.len() > RULES_AT_MOST || bindings > BINDINGS_AT_MOST {
            let most = format!("expected at most {RULES_AT_MOST} rules for {BINDINGS_AT_MOST} bindings");
            return Err(wrong(format!("too many rules, {most}")));
        }
    }
    Ok(rules)
}

/// None: it is there and does not act.
fn rule(line: usize, words: &[&str], members: &Members) -> Result<Option<Rule>, String> {
    let [binding, domain, switch, minute, hour, day, month, weekday] = *words else {
        let expected = "binding, domain, on or off, minute, hour, day, month, day of the week";
        return Err(format!("{} words, expected eight: {expected}", words.len()));
    };
    let acts = match switch.to_ascii_lowercase().as_str() {
        "on" => true,
        "off" => false,
        _ => return Err(format!("'{switch}' is neither on nor off")),
    };
    let named = |text: &str| (text != "*").then(|| text.to_owned());
    let bindings = match named(binding) {
        None => None,
        Some(name) => match members.get(&*name) {
            Some(bindings) => Some(bindings.clone()),
            None => return Err(format!("'{name}' is no binding and no group of bindings")),
        },
    };
    let texts = [minute, hour, day, month, weekday];
    let read = |at: usize| Field::read(texts[at], &COLUMNS[at]);
    let fields = [read(0)?, read(1)?, read(2)?, read(3)?, read(4)?];
    let domain = named(domain).map(|domain| Arc::from(fold_domain(&domain)));
    Ok(acts.then(|| Rule { line, binding: binding.into(), bindings, domain, fields }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Members {
        members([("pool", "out-a"), ("pool", "out-b"), ("out-b", "out-c")].into_iter())
    }

    #[test]
    fn a_rule_matches_as_in_crontab() {
        // 2026-11-28 is a Saturday.
        for (fields, time, matches) in [
            ("* * * * *", "2026-11-28T03:50:00", true),
            ("50 3 28 11 6", "2026-11-28T03:50:00", true),
            ("50 3 28 nov SAT", "2026-11-28T03:50:59", true),
            ("51 3 * * *", "2026-11-28T03:50:00", false),
            ("*/5 0-5 * * *", "2026-11-28T03:50:00", true),
            ("*/7 * * * *", "2026-11-28T03:50:00", false),
            ("10-50/20,3 * * * *", "2026-11-28T03:50:00", true),
            ("10-50/20,3 * * * *", "2026-11-28T03:04:00", false),
            ("* 22-23,0-6 * * *", "2026-11-28T06:59:00", true),
            ("* 22-23,0-6 * * *", "2026-11-28T07:00:00", false),
            // Both days are given: either suffices. One is: it decides.
            ("* * 1 * sat", "2026-11-28T00:00:00", true),
            ("* * 28 * mon", "2026-11-28T00:00:00", true),
            ("* * 1 * mon", "2026-11-28T00:00:00", false),
            ("* * 28 * *", "2026-11-29T00:00:00", false),
            ("* * * * 7", "2026-11-29T00:00:00", true),
            ("* * * * 5-7", "2026-11-29T00:00:00", true),
            ("* * * * 1-5", "2026-11-29T00:00:00", false),
            ("* * * 12 *", "2026-11-28T00:00:00", false),
        ] {
            let rules = read(&format!("* * on {fields}"), &known()).unwrap();
            assert_eq!(rules[0].matches(time.parse().unwrap()), matches, "{fields} at {time}");
        }
    }

    #[test]
    fn rules_name_bindings_groups_and_domains() {
        let text =
            "# quiet hours\n\n* * on * 3 * * *\npool X.Example on * * * * 0\n  out-b *\toff * * * * *\n";
        let rules = read(text, &known()).unwrap();
        assert_eq!(rules.len(), 2, "what is off does not act");
        assert_eq!((rules[0].line, &rules[0].bindings, &rules[0].domain), (3, &None, &None));
        assert_eq!(rules[1].bindings.as_deref(), Some(&[Arc::from("out-a"), Arc::from("out-b")][..]));
        assert_eq!(rules[1].domain.as_deref(), Some("x.example"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, expected) in [
            ("* * on * * * *", "line 1: 7 words, expected eight"),
            ("\n* * maybe * * * * *", "line 2: 'maybe' is neither on nor off"),
            ("none * on * * * * *", "line 1: 'none' is no binding and no group of bindings"),
            ("none * off * * * * *", "line 1: 'none' is no binding"),
            ("* * on 60 * * * *", "'60' is no minute: expected *, 0 to 59"),
            ("* * on * 24 * * *", "'24' is no hour"),
            ("* * on * * 0 * *", "'0' is no day of the month"),
            ("* * on * * * feb-jan *", "'feb-jan' is no month"),
            ("* * on * * * * someday", "'someday' is no day of the week"),
            ("* * on 5/2 * * * *", "'5/2' is no minute"),
            ("* * on */0 * * * *", "'*/0' is no minute"),
            ("* * on 1, * * * *", "'1,' is no minute"),
            ("* * on -1 * * * *", "'-1' is no minute"),
            ("* * on 99999999999 * * * *", "is no minute"),
        ] {
            let problem = read(text, &known()).unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
        let many = "* * on * * * * *\n".repeat(RULES_AT_MOST + 1);
        assert!(read(&many, &known()).unwrap_err().starts_with("line 10001: too many rules"));
    }
}
