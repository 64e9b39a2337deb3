//! What a command is, how a line finds it, and the help that follows from the definitions.

use crate::suggestion::nearest;
use std::fmt;

/// The definition of a command; the code that carries it out stands in `engine/shard`.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    /// Its words, separated by single blanks: `flush domain`.
    pub name: &'static str,
    /// The operands as the usage shows them; empty if there are none.
    pub arguments: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Mail or the service may be lost to it: an interactive client asks again.
    pub is_destructive: bool,
}

/// A command and the operands that followed its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    pub command: &'static Command,
    pub operands: &'a [String],
}

/// No command of the list starts the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownCommand {
    pub typed: String,
    pub suggestion: Option<&'static str>,
}

impl fmt::Display for UnknownCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unknown command: {}", self.typed)?;
        match self.suggestion {
            Some(suggestion) => write!(f, ". Did you mean {suggestion}?"),
            None => f.write_str(". Try help."),
        }
    }
}

impl std::error::Error for UnknownCommand {}

/// The command with the longest name that the words start with: `fail domain quiet` before `fail domain`.
pub fn find<'a>(list: &[&'static Command], words: &'a [String]) -> Result<Asked<'a>, UnknownCommand> {
    let named = list.iter().filter(|command| starts_with(words, command.name));
    match named.max_by_key(|command| length(command.name)) {
        Some(command) => Ok(Asked { command, operands: &words[length(command.name)..] }),
        None => Err(unknown(list, words)),
    }
}

fn length(name: &str) -> usize {
    name.split(' ').count()
}

fn starts_with(words: &[String], name: &str) -> bool {
    words.len() >= length(name) && name.split(' ').zip(words).all(|(wanted, word)| wanted == word)
}

/// Each name is compared with as many words as it has.
fn unknown(list: &[&'static Command], words: &[String]) -> UnknownCommand {
    let most = list.iter().map(|command| length(command.name)).max().unwrap_or(0).min(words.len());
    let suggestion = (1..=most).rev().find_map(|count| {
        let same_length = list.iter().map(|command| command.name).filter(|name| length(name) == count);
        nearest(&words[..count].join(" "), same_length)
    });
    UnknownCommand { typed: words.join(" "), suggestion }
}

/// All commands in the order of the list, their summaries in one column.
pub fn help(list: &[&'static Command]) -> String {
    let width = list.iter().map(|command| command.name.len()).max().unwrap_or(0);
    list.iter().map(|command| format!("{:width$}  {}\n", command.name, command.summary)).collect()
}

/// How one command is used.
pub fn usage(command: &Command) -> String {
    let separator = if command.arguments.is_empty() { "" } else { " " };
    let warning =
        if command.is_destructive { "An interactive client asks again before it does this.\n" } else { "" };
    format!("{}{separator}{}\n{}\n{warning}", command.name, command.arguments, command.summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::list::COMMANDS;
    use crate::request::words;

    fn typed(line: &str) -> Vec<String> {
        words(line).expect("words")
    }

    #[test]
    fn the_longest_name_wins_and_the_rest_are_operands() {
        for (line, name, operands) in [
            ("pid", "pid", 0),
            ("summary", "summary", 0),
            ("summary reset", "summary reset", 0),
            ("fail domain alpha.example no longer wanted", "fail domain", 4),
            ("fail domain quiet alpha.example", "fail domain quiet", 1),
            ("flush domain all", "flush domain", 1),
        ] {
            let line = typed(line);
            let asked = find(&COMMANDS, &line).expect("a command");
            assert_eq!((asked.command.name, asked.operands.len()), (name, operands));
        }
    }

    #[test]
    fn what_nobody_knows_is_answered_with_what_may_have_been_meant() {
        for (line, answer) in [
            ("sumary", "Unknown command: sumary. Did you mean summary?"),
            ("flush domian all", "Unknown command: flush domian all. Did you mean flush domain?"),
            ("flush", "Unknown command: flush. Try help."),
            ("", "Unknown command: . Try help."),
            ("SUMMARY", "Unknown command: SUMMARY. Try help."),
        ] {
            assert_eq!(find(&COMMANDS, &typed(line)).expect_err("unknown").to_string(), answer);
        }
    }

    #[test]
    fn help_is_made_of_the_definitions() {
        static COMMAND: Command = Command {
            name: "fail domain",
            arguments: "<domain> [note…]",
            summary: "Fails all mail queued for a domain.",
            is_destructive: true,
        };
        let expected = "fail domain <domain> [note…]\nFails all mail queued for a domain.\nAn interactive client asks again before it does this.\n";
        assert_eq!(usage(&COMMAND), expected);
        static SHORT: Command =
            Command { name: "pid", arguments: "", summary: "Says it.", is_destructive: false };
        assert_eq!(usage(&SHORT), "pid\nSays it.\n");
        let expected = "fail domain  Fails all mail queued for a domain.\npid          Says it.\n";
        assert_eq!(help(&[&COMMAND, &SHORT]), expected);
        assert_eq!(help(&COMMANDS).lines().count(), COMMANDS.len());
    }

    #[test]
    fn every_name_is_there_once_and_well_written() {
        for (index, command) in COMMANDS.iter().enumerate() {
            assert!(COMMANDS[..index].iter().all(|other| other.name != command.name), "{}", command.name);
            assert!(command.name.split(' ').all(|word| !word.is_empty()), "{}", command.name);
            assert!(command.summary.ends_with('.'), "{}", command.name);
        }
    }
}
