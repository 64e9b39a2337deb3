//! What may stand next on a line, from the definitions: words of names, literals of the usage, and kinds of
//! things that the server has.

use crate::command::{Command, find};
use crate::line::words;

/// A kind of thing whose names only the server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    Binding,
    Domain,
    Option,
    Scope,
}

/// What may stand next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// What was typed of the word so far.
    pub typed: String,
    pub words: Vec<String>,
    pub things: Vec<Thing>,
}

/// `line` is what stands before the cursor.
pub fn next(list: &[&'static Command], line: &str) -> Next {
    let mut known = words(line).unwrap_or_default();
    let is_new = line.is_empty() || line.ends_with(char::is_whitespace);
    let typed = if is_new { String::new() } else { known.pop().unwrap_or_default() };
    let mut next = Next { typed, ..Next::default() };
    let is_help = known.first().is_some_and(|word| word == "help");
    let meant = find(list, &known).ok().map(|named| named.command.name);
    for command in list.iter().filter(|command| !command.is_hidden) {
        let name: Vec<&str> = command.name.split(' ').collect();
        let agrees = known.iter().zip(&name).all(|(word, wanted)| word == wanted);
        match agrees {
            // `help` explains a command by its name.
            _ if is_help && known[1..].iter().zip(&name).all(|(word, wanted)| word == wanted) => {
                next.offer(name.get(known.len() - 1).copied());
            }
            _ if is_help => {}
            true if known.len() < name.len() => next.offer(name.get(known.len()).copied()),
            // Of `fail domain quiet` and `fail domain` the longer is meant.
            true if meant == Some(command.name) => next.operand(command, known.len() - name.len()),
            _ => {}
        }
    }
    next.words.sort();
    next.words.dedup();
    next
}

impl Next {
    fn offer(&mut self, word: Option<&str>) {
        self.words.extend(word.filter(|word| word.starts_with(&self.typed)).map(str::to_owned));
    }

    /// What the notation has at the place of the operand, and every switch.
    fn operand(&mut self, command: &Command, place: usize) {
        let notation: Vec<&str> = command.arguments.split_whitespace().collect();
        let switches = notation.iter().flat_map(|word| word.split(['|', '[', ']', '…', '(', ')']));
        for switch in switches.filter(|word| word.starts_with("--")) {
            self.offer(Some(switch));
        }
        let clauses = [
            (command.takes_dry_run, "--dry-run"),
            (command.takes_filter, "--meta"),
            (command.takes_filter, "--header"),
        ];
        clauses.iter().filter(|(taken, _)| *taken).for_each(|(_, clause)| self.offer(Some(clause)));
        let Some(at) = notation.get(place).or(notation.last()) else { return };
        for choice in at.trim_matches(['[', ']', '…', '<', '>', '(', ')']).split('|') {
            match choice.trim_matches(['[', ']', '<', '>']) {
                "binding" | "name" if at.contains("binding") => self.things.push(Thing::Binding),
                "domain" | "from_domain" | "to_domain" => self.things.push(Thing::Domain),
                "option" => self.things.push(Thing::Option),
                "scope" => self.things.extend([Thing::Scope, Thing::Option]),
                word @ ("all" | "binding" | "full" | "body" | "A" | "MX" | "PTR" | "TXT" | "AAAA"
                | "CNAME") => {
                    self.offer(Some(word));
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::tests::LIST;

    #[test]
    fn names_come_word_by_word_and_operands_by_their_place() {
        for (line, words, things) in [
            ("", vec!["ec_logger:<instance>", "fail", "flush", "pid", "summary"], vec![]),
            ("f", vec!["fail", "flush"], vec![]),
            ("fail ", vec!["domain"], vec![]),
            ("summary ", vec!["reset"], vec![]),
            ("flush domain ", vec!["all"], vec![Thing::Domain]),
            ("flush domain a", vec!["all"], vec![Thing::Domain]),
            ("fail domain quiet ", vec!["--dry-run"], vec![Thing::Domain]),
            ("fail domain --", vec!["--dry-run", "--header", "--meta"], vec![Thing::Domain]),
            ("help fail ", vec!["domain"], vec![]),
            ("nothing ", vec![], vec![]),
            ("com", vec![], vec![]),
        ] {
            let next = next(&LIST, line);
            assert_eq!(
                (next.words, next.things),
                (words.into_iter().map(String::from).collect(), things),
                "{line}"
            );
        }
    }
}
