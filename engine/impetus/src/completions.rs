//! `impetus completions bash|zsh`: what a shell can complete, from the list of subcommands and the definitions.

use crate::arguments::Arguments;
use crate::{SUBCOMMANDS, Subcommand, show, usage};
use config::CATALOGUE;
use std::fmt::Write;
use std::process::ExitCode;

pub fn completions(mut arguments: Arguments) -> ExitCode {
    let script = match arguments.next_word().as_deref() {
        Some("bash") => bash(),
        Some("zsh") => format!("#compdef impetus\nautoload -U +X bashcompinit && bashcompinit\n{}", bash()),
        _ => return usage("completions are made for bash and zsh"),
    };
    show(&script)
}

/// The switches that a subcommand's line of arguments names.
fn switches(subcommand: &Subcommand) -> Vec<&'static str> {
    let words = subcommand.arguments.split([' ', '[', ']']);
    words.filter(|word| word.starts_with('-')).collect()
}

/// The values that a switch takes, where the line of arguments lists them.
fn choices(subcommand: &Subcommand) -> impl Iterator<Item = (&'static str, String)> {
    let parts = subcommand.arguments.split(['[', ']']);
    parts.filter_map(|part| {
        let (switch, values) = part.split_once(' ')?;
        (switch.starts_with('-') && values.contains('|')).then(|| (switch, values.replace('|', " ")))
    })
}

fn names() -> Vec<&'static str> {
    let registry = shard::registry();
    let options = registry.options().map(|option| option.name);
    let modules = registry.modules().iter().map(|module| module.name);
    let mut names: Vec<_> =
        options.chain(modules).chain(CATALOGUE[2..].iter().map(|row| row.keyword)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn bash() -> String {
    let subcommands: Vec<_> = SUBCOMMANDS.iter().map(|subcommand| subcommand.name).collect();
    let mut script = String::from(
        "_impetus() {\n  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n",
    );
    let reply = |words: &str| format!("COMPREPLY=($(compgen -W \"{words}\" -- \"$word\"))");
    let _ =
        writeln!(script, "  if [ \"$COMP_CWORD\" = 1 ]; then {}; return; fi", reply(&subcommands.join(" ")));
    script.push_str("  case \"${COMP_WORDS[1]} $before\" in\n");
    for subcommand in &SUBCOMMANDS {
        for (switch, values) in choices(subcommand) {
            let _ = writeln!(script, "    '{} {switch}') {}; return ;;", subcommand.name, reply(&values));
        }
    }
    let _ = writeln!(script, "    *' -c'|*' --config') COMPREPLY=($(compgen -f -- \"$word\")); return ;;");
    let _ = writeln!(script, "    'manual manual') {}; return ;;", reply(&names().join(" ")));
    let _ = writeln!(script, "    'completions completions') {}; return ;;", reply("bash zsh"));
    script.push_str("  esac\n  case ${COMP_WORDS[1]} in\n");
    for subcommand in SUBCOMMANDS.iter().filter(|subcommand| !switches(subcommand).is_empty()) {
        let _ = writeln!(script, "    {}) {} ;;", subcommand.name, reply(&switches(subcommand).join(" ")));
    }
    script.push_str("  esac\n}\ncomplete -o default -F _impetus impetus\n");
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Asks bash itself.
    fn completed(line: &[&str]) -> Vec<String> {
        let words: Vec<_> = line.iter().map(|word| format!("'{word}'")).collect();
        let last = line.len() - 1;
        let script = format!(
            "{}\nCOMP_WORDS=({}) COMP_CWORD={last}\n_impetus\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
            bash(),
            words.join(" ")
        );
        let output = Command::new("bash").args(["-c", &script]).output().expect("bash");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn subcommands_switches_values_and_names_are_completed() {
        for (line, expected) in [
            (&["impetus", "che"][..], &["check"][..]),
            (&["impetus", "check", "--str"], &["--strict"]),
            (&["impetus", "check", "--format", ""], &["text", "json"]),
            (&["impetus", "manual", "retry_int"], &["retry_interval"]),
            (&["impetus", "manual", "url_r"], &["url_ripper"]),
            (&["impetus", "completions", "z"], &["zsh"]),
            (&["impetus", "check", "--nothing"], &[]),
        ] {
            assert_eq!(completed(line), expected, "{line:?}");
        }
    }
}
