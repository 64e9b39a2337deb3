//! What a command is, and how the words of a line find it.

use crate::suggestion::nearest;
use std::fmt;

/// The definition of a command; the code that carries it out stands in `engine/shard`.
#[derive(Debug)]
pub struct Command {
    /// Its words, separated by single blanks: `flush domain`. A word `NAME:<instance>` is typed with the name
    /// of an instance of that module, or without one.
    pub name: &'static str,
    /// The operands in the notation of the usage: `[binding <name|all>] <domain> [limit,offset]`. Completion
    /// reads it too: it offers what `<binding>`, `<domain>`, `<option>` and `<command>` stand for.
    pub arguments: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What else the help and the manual say; may be empty.
    pub details: &'static str,
    pub effect: Effect,
    /// It takes `--meta key value` or `--header name line` directly after its name.
    pub takes_filter: bool,
    /// It takes `--dry-run` anywhere.
    pub takes_dry_run: bool,
    /// Not for people: no help lists it, no log mentions it.
    pub is_hidden: bool,
    /// Nobody needs a role for it.
    pub is_free: bool,
}

/// What a command does to the server. Changes are always written to acctlog, with who made them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Reads,
    Changes,
    /// Mail, work or the service may be lost to it.
    Destroys,
}

impl Command {
    /// A command that only reads.
    pub const fn new(name: &'static str, arguments: &'static str, summary: &'static str) -> Command {
        Command {
            name,
            arguments,
            summary,
            details: "",
            effect: Effect::Reads,
            takes_filter: false,
            takes_dry_run: false,
            is_hidden: false,
            is_free: false,
        }
    }

    pub const fn changes(self) -> Command {
        Command { effect: Effect::Changes, ..self }
    }

    pub const fn destroys(self) -> Command {
        Command { effect: Effect::Destroys, ..self }
    }

    pub const fn with_filter(self) -> Command {
        Command { takes_filter: true, ..self }
    }

    pub const fn with_dry_run(self) -> Command {
        Command { takes_dry_run: true, ..self }
    }

    pub const fn explained(self, details: &'static str) -> Command {
        Command { details, ..self }
    }

    pub const fn hidden(self) -> Command {
        Command { is_hidden: true, ..self }
    }

    pub const fn free(self) -> Command {
        Command { is_free: true, ..self }
    }

    /// How many words its name has.
    pub fn length(&self) -> usize {
        self.name.split(' ').count()
    }

    /// Name, clauses and operands, on one line.
    pub fn usage(&self) -> String {
        let clauses = [
            (self.takes_dry_run, "[--dry-run]"),
            (self.takes_filter, "[--meta <key> <value> | --header <name> <line>]"),
        ];
        let clauses = clauses.into_iter().filter(|(taken, _)| *taken).map(|(_, clause)| clause);
        let words = std::iter::once(self.name).chain(clauses).chain([self.arguments]);
        words.filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// A command and how it was named.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    pub command: &'static Command,
    /// Words of the line that were its name.
    pub length: usize,
    /// What followed the colon, if its name has a module in it.
    pub instance: Option<&'a str>,
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
pub fn find<'a>(list: &[&'static Command], words: &'a [String]) -> Result<Named<'a>, UnknownCommand> {
    let named = list.iter().filter_map(|command| named(command, words));
    named.max_by_key(|named| named.length).ok_or_else(|| unknown(list, words))
}

fn named<'a>(command: &'static Command, words: &'a [String]) -> Option<Named<'a>> {
    let length = command.length();
    let mut instance = None;
    for (wanted, word) in command.name.split(' ').zip(words) {
        match wanted.strip_suffix(":<instance>") {
            None if wanted == word => {}
            Some(module) => match word.strip_prefix(module)?.strip_prefix(':') {
                Some(named) if !named.is_empty() => instance = Some(named),
                None if word.len() == module.len() => {}
                _ => return None,
            },
            None => return None,
        }
    }
    (words.len() >= length).then_some(Named { command, length, instance })
}

/// Each name is compared with as many words as it has.
fn unknown(list: &[&'static Command], words: &[String]) -> UnknownCommand {
    let shown = || list.iter().filter(|command| !command.is_hidden);
    let most = shown().map(|command| command.length()).max().unwrap_or(0).min(words.len());
    let suggestion = (1..=most).rev().find_map(|count| {
        let same_length = shown().filter(|command| command.length() == count).map(|command| command.name);
        nearest(&words[..count].join(" "), same_length)
    });
    UnknownCommand { typed: words.join(" "), suggestion }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::line::words;

    pub const LIST: [&Command; 8] = [
        &Command::new("pid", "", "Says the number of the process."),
        &Command::new("summary", "", "Shows rates and totals."),
        &Command::new("summary reset", "", "Sets the totals to zero.").changes(),
        &Command::new("flush domain", "<domain|all>", "Tries delayed mail now.").changes(),
        &Command::new("fail domain", "<domain> [note…]", "Fails mail.")
            .destroys()
            .with_dry_run()
            .with_filter(),
        &Command::new("fail domain quiet", "<domain> [note…]", "Fails mail.").destroys().with_dry_run(),
        &Command::new("ec_logger:<instance> reopen logs", "", "Opens its logs anew.").changes(),
        &Command::new("complete", "<line>", "Offers words.").hidden(),
    ];

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
            let named = find(&LIST, &line).expect("a command");
            assert_eq!((named.command.name, line.len() - named.length), (name, operands));
        }
    }

    #[test]
    fn a_command_of_a_module_is_named_with_or_without_its_instance() {
        for (line, instance) in [
            ("ec_logger reopen logs", Some(None)),
            ("ec_logger:second reopen logs", Some(Some("second"))),
            ("ec_logger: reopen logs", None),
            ("ec_loggers reopen logs", None),
            ("ec_logger reopen", None),
        ] {
            let line = typed(line);
            assert_eq!(find(&LIST, &line).ok().map(|named| named.instance), instance, "{line:?}");
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
            ("complte x", "Unknown command: complte x. Try help."),
        ] {
            assert_eq!(find(&LIST, &typed(line)).expect_err("unknown").to_string(), answer);
        }
    }
}
