//! Help, from the definitions alone.

use crate::command::{Command, Effect};

/// All commands in the order of the list, their summaries in one column.
pub fn help(list: &[&'static Command]) -> String {
    let shown = || list.iter().filter(|command| !command.is_hidden);
    let width = shown().map(|command| command.name.len()).max().unwrap_or(0);
    shown().map(|command| format!("{:width$}  {}\n", command.name, command.summary)).collect()
}

/// How one command is used.
pub fn explain(command: &Command) -> String {
    let mut text = format!("{}\n{}\n", command.usage(), command.summary);
    if !command.details.is_empty() {
        text.push_str(command.details);
        text.push('\n');
    }
    if command.takes_dry_run {
        text.push_str("With --dry-run it names up to 25 messages, counts all, and does nothing.\n");
    }
    if command.effect != Effect::Reads {
        text.push_str("Written to acctlog with who did it.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::tests::LIST;

    #[test]
    fn help_is_made_of_the_definitions() {
        assert_eq!(explain(LIST[0]), "pid\nSays the number of the process.\n");
        assert_eq!(
            explain(LIST[4]),
            "fail domain [--dry-run] [--meta <key> <value> | --header <name> <line>] <domain> [note…]\n\
             Fails mail.\n\
             With --dry-run it names up to 25 messages, counts all, and does nothing.\n\
             Written to acctlog with who did it.\n"
        );
        assert_eq!(
            help(&[LIST[3], LIST[0], LIST[7]]),
            "flush domain  Tries delayed mail now.\npid           Says the number of the process.\n"
        );
    }
}
