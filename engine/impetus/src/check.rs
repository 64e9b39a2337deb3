//! `impetus check`: everything that is wrong with a configuration, and what becomes of it here. Needs no root,
//! opens nothing, changes nothing.

use crate::arguments::Arguments;
use crate::configuration::{self, EX_CONFIG};
use crate::{show, usage};
use config::{Complaint, Examined, Position, Registry, Setting, Severity, Standing};
use serde_json::{Value, json};
use std::fmt::Write;
use std::process::ExitCode;

/// What the command line asks for.
struct Wish {
    file: Option<String>,
    json: bool,
    strict: bool,
    report: bool,
}

pub fn check(arguments: Arguments) -> ExitCode {
    let wish = match wish(arguments) {
        Ok(wish) => wish,
        Err(problem) => return usage(&problem),
    };
    let registry = shard::registry();
    let examined = configuration::examine(wish.file.as_deref(), &registry);
    let findings = Findings::of(&examined, &registry, wish.strict);
    show(&match wish.json {
        true => format!("{:#}\n", findings.json(wish.report)),
        false => findings.text(wish.report),
    });
    match (&examined.snapshot, findings.is_valid()) {
        (None, _) => ExitCode::from(EX_CONFIG),
        (Some(_), true) => ExitCode::SUCCESS,
        (Some(_), false) => ExitCode::FAILURE,
    }
}

fn wish(mut arguments: Arguments) -> Result<Wish, String> {
    let wish = Wish {
        file: arguments.value(&["-c", "--config"])?,
        json: arguments.one_of("--format", &["text", "json"])? == "json",
        strict: arguments.flag("--strict"),
        report: arguments.flag("--report"),
    };
    arguments.end().map(|()| wish)
}

/// `validate_config` (spec config-language.md §13): three answers and no others on standard output.
pub fn validate_config(_: Arguments) -> ExitCode {
    let examined = configuration::examine(Some("ecelerity.conf"), &shard::registry());
    match (&examined.snapshot, examined.rejected) {
        (None, _) => println!("No configuration found"),
        (Some(_), false) => println!("Configuration valid"),
        (Some(_), true) => configuration::print(&examined.complaints),
    }
    if examined.rejected { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

struct Findings<'a> {
    complaints: &'a [Complaint],
    strict: bool,
    settings: Vec<Setting<'a>>,
    /// Momentum's default, ours, and why: of options that nothing sets.
    differing: Vec<&'static config::OptionDef>,
}

impl<'a> Findings<'a> {
    fn of(examined: &'a Examined, registry: &Registry, strict: bool) -> Self {
        let settings =
            examined.snapshot.as_ref().map(|snapshot| snapshot.settings(registry)).unwrap_or_default();
        let mut differing: Vec<_> = registry
            .options()
            .filter(|option| option.original.is_some())
            .filter(|option| settings.iter().all(|setting| !setting.name.eq_ignore_ascii_case(option.name)))
            .collect();
        differing.sort_by_key(|option| option.name);
        Findings { complaints: &examined.complaints, strict, settings, differing }
    }

    fn count(&self, severity: Severity) -> usize {
        self.complaints.iter().filter(|complaint| complaint.severity == severity).count()
    }

    fn is_valid(&self) -> bool {
        self.count(Severity::Error) == 0 && !(self.strict && self.count(Severity::Warning) > 0)
    }

    /// What still counts: assignments that nothing shadows, by what becomes of them.
    fn standings(&self) -> [usize; Standing::NAMES.len()] {
        let mut counts = [0; Standing::NAMES.len()];
        let counted = self.settings.iter().filter(|setting| !setting.shadowed && !setting.is_stanza);
        counted.for_each(|setting| counts[setting.standing.rank()] += 1);
        counts
    }

    fn text(&self, report: bool) -> String {
        let mut text = String::new();
        for complaint in self.complaints {
            let _ = writeln!(text, "{complaint}\n");
        }
        let verdict = if self.is_valid() { "Configuration valid" } else { "Configuration not valid" };
        let [errors, warnings, notes] =
            [Severity::Error, Severity::Warning, Severity::Note].map(|kind| self.count(kind));
        let _ = writeln!(text, "{verdict} ({errors} errors, {warnings} warnings, {notes} notes)");
        if self.settings.is_empty() {
            return text;
        }
        let counts = self.standings();
        let _ = writeln!(text, "\nWhat becomes of {} settings:", counts.iter().sum::<usize>());
        for (name, count) in Standing::NAMES.iter().zip(counts) {
            let _ = writeln!(text, "  {name:<13}{count:>6}");
        }
        match report {
            true => self.report(&mut text),
            false => text.push_str("`--report` says it line by line.\n"),
        }
        text
    }

    fn report(&self, text: &mut String) {
        text.push_str("\nLine by line:\n");
        for setting in &self.settings {
            let standing = if setting.shadowed { "shadowed" } else { setting.standing.name() };
            let reason = setting.standing.reason();
            let open = if reason.is_empty() { "" } else { "  # " };
            let shown = setting.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let place = &setting.position;
            let _ = writeln!(text, "{}:{}: {standing:<13}{shown}{open}{reason}", place.file, place.line);
        }
        text.push_str("\nDefaults that differ from Momentum's, where nothing is set:\n");
        for option in &self.differing {
            let original = option.original.expect("only such are in the list");
            let (ours, theirs) = (shown(option.default), shown(original.default));
            let _ = writeln!(text, "  {}: {ours} instead of {theirs}: {}", option.name, original.reason);
        }
        text.push_str(
            "\nUnlike Momentum, sessions outlive a reload: each message keeps the configuration it began with.\n",
        );
    }

    fn json(&self, report: bool) -> Value {
        let counts = self.standings();
        let counts: serde_json::Map<_, _> = Standing::NAMES
            .iter()
            .zip(counts)
            .map(|(name, count)| ((*name).to_owned(), json!(count)))
            .collect();
        let mut document = json!({
            "valid": self.is_valid(),
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "notes": self.count(Severity::Note),
            "findings": self.complaints.iter().map(finding).collect::<Vec<_>>(),
            "migration": counts,
        });
        if report {
            document["settings"] = self.settings.iter().map(setting).collect();
            document["differing_defaults"] = self
                .differing
                .iter()
                .filter_map(|option| Some((option, option.original?)))
                .map(|(option, original)| {
                    json!({
                        "option": option.name, "default": option.default,
                        "momentum": original.default, "reason": original.reason,
                    })
                })
                .collect();
        }
        document
    }
}

fn shown(default: &str) -> &str {
    if default.is_empty() { "unset" } else { default }
}

fn place(position: &Position) -> Value {
    json!({ "file": &*position.file, "line": position.line, "column": position.column })
}

fn finding(complaint: &Complaint) -> Value {
    let spot = complaint.place.as_ref().map(|spot| {
        json!({
            "file": &*spot.position.file, "line": spot.position.line, "column": spot.position.column,
            "source": spot.excerpt, "indent": spot.indent, "width": spot.width,
            "included_from": spot.included_from.iter().map(place).collect::<Vec<_>>(),
        })
    });
    json!({
        "severity": complaint.severity.name(), "message": complaint.message,
        "expected": complaint.expected, "suggestion": complaint.suggestion, "place": spot,
    })
}

fn setting(setting: &Setting<'_>) -> Value {
    json!({
        "file": &*setting.position.file, "line": setting.position.line, "name": setting.name,
        "text": setting.text, "scope": setting.instance.as_str(), "stanza": setting.is_stanza,
        "standing": setting.standing.name(), "reason": setting.standing.reason(), "shadowed": setting.shadowed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::MemoryLoader;

    fn examined(text: &str) -> Examined {
        let loader = MemoryLoader::default().with("m", text).with("part", "\nidle_tmie = 3\n");
        config::examine("m", &loader, &shard::registry(), &[""])
    }

    fn findings<'a>(examined: &'a Examined, strict: bool) -> Findings<'a> {
        Findings::of(examined, &shard::registry(), strict)
    }

    #[test]
    fn warnings_make_it_invalid_only_if_strict() {
        for (text, lax, strict) in [
            ("hostname = h", true, true),
            ("scheduler = x", true, true),
            ("retry_interval = 9 max_retry_interval = 3", true, false),
            ("_unsafe_spool = true", false, false),
            ("hostname = ( a )", false, false),
        ] {
            let examined = examined(text);
            assert_eq!(findings(&examined, false).is_valid(), lax, "{text}");
            assert_eq!(findings(&examined, true).is_valid(), strict, "{text}");
        }
    }

    #[test]
    fn the_report_counts_and_names_every_line() {
        let examined =
            examined("hostname = a\nhostname = h\nscheduler = x\nsmpp { }\nforce_fsync = true\nchroot = x");
        let text = findings(&examined, false).text(true);
        for part in [
            "Configuration not valid (1 errors, 0 warnings, 3 notes)\n",
            "What becomes of 3 settings:\n  honoured          1\n  approximated      1\n  ignored           1\n",
            "m:1: shadowed     hostname = a\n",
            "m:2: honoured     hostname = h\n",
            "m:3: ignored      scheduler = x  # it is io_uring\n",
            "m:4: ignored      smpp  # mobile channels are out of scope\n",
            "m:5: approximated force_fsync = true  # always as if true\n",
            "  rfc2822_lone_lf_in_body: pedantic instead of ignore: ",
        ] {
            assert!(text.contains(part), "{part}\n---\n{text}");
        }
    }

    #[test]
    fn what_is_wrong_and_what_becomes_of_the_rest_are_told_together() {
        let examined = examined("retry_interval = soon\nesmtp_listener { include part }\nhostname = h\n");
        let document = findings(&examined, false).json(true);
        assert_eq!(document["errors"], 2);
        assert_eq!(document["migration"]["honoured"], 1);
        let misspelt = &document["findings"][1];
        assert_eq!(misspelt["suggestion"], "idle_time");
        assert_eq!(misspelt["place"]["file"], "part");
        assert_eq!(misspelt["place"]["line"], 2);
        assert_eq!(misspelt["place"]["included_from"][0]["column"], 26);
        assert_eq!(document["settings"][0]["text"], "hostname = h");
    }

    #[test]
    fn a_file_that_is_not_there_is_no_configuration() {
        let nothing = MemoryLoader::default();
        let examined = config::examine("m", &nothing, &shard::registry(), &[""]);
        assert!(examined.snapshot.is_none() && examined.rejected);
        assert!(
            findings(&examined, false).text(false).contains("failed to stat 'm': No such file or directory")
        );
    }
}
