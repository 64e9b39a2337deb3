//! The names of Momentum's programs: called by one of them (a link to this binary), we do what it did.

use crate::arguments::Arguments;
use crate::{check, configuration, console, dump, run, spool};
use std::process::{Command, ExitCode};

/// Exit status for a service that is not there (sysexits.h EX_UNAVAILABLE).
const EX_UNAVAILABLE: u8 = 69;

pub struct OldName {
    pub name: &'static str,
    pub run: fn(Arguments) -> ExitCode,
}

/// Tier 1 of spec executables.tsv.
pub const OLD_NAMES: [OldName; 11] = [
    OldName { name: "ecelerity", run: ecelerity },
    OldName { name: "ec_ctl", run: ec_ctl },
    OldName { name: "ec_console", run: console::console },
    OldName { name: "ec_show", run: |arguments| of_spool(arguments, "ls") },
    OldName { name: "ec_spool_check", run: |arguments| of_spool(arguments, "check") },
    OldName { name: "validate_config", run: check::validate_config },
    OldName { name: "ec_dump_config", run: dump::ec_dump_config },
    OldName {
        name: "ec_rotate",
        run: |_| instead("ec_rotate", "logrotate, and `systemctl reload impetus` behind it"),
    },
    OldName {
        name: "ec_log_trace",
        run: |_| instead("ec_log_trace", "grep for the message id in mainlog.ec"),
    },
    OldName {
        name: "ec_sendmail",
        run: |_| instead("ec_sendmail", "a submission program that speaks SMTP to port 25"),
    },
    OldName { name: "ec_md5passwd", run: |_| instead("ec_md5passwd", "htdigest, realm `Momentum Console`") },
];

/// By the last part of the path that we were called by.
pub fn of_program(path: &str) -> Option<&'static OldName> {
    let name = path.rsplit('/').next().unwrap_or(path);
    OLD_NAMES.iter().find(|old| old.name == name)
}

fn instead(name: &str, what: &str) -> ExitCode {
    eprintln!("impetus: {name} is not built; use {what}");
    ExitCode::from(EX_UNAVAILABLE)
}

/// It stays in the foreground in any case: `-d` says what is so.
fn ecelerity(mut arguments: Arguments) -> ExitCode {
    arguments.flag("-d");
    run::run(arguments)
}

/// The unit belongs to systemd.
fn ec_ctl(mut arguments: Arguments) -> ExitCode {
    let verb = arguments.next_word().filter(|verb| matches!(verb.as_str(), "start" | "stop" | "restart"));
    let Some(verb) = verb else { return crate::usage("ec_ctl start|stop|restart") };
    match Command::new("systemctl").args([&verb, "impetus"]).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("impetus: cannot run systemctl: {error}");
            ExitCode::from(EX_UNAVAILABLE)
        }
    }
}

/// The folder is named, or it is the one of the configuration.
fn of_spool(mut arguments: Arguments, verb: &str) -> ExitCode {
    let file = match arguments.value(&["-c"]) {
        Ok(file) => file,
        Err(problem) => return crate::usage(&problem),
    };
    let folder = match arguments.next_word() {
        Some(folder) if folder.starts_with('-') => {
            return crate::usage(&format!("{folder} means nothing here; `impetus spool` can do more"));
        }
        Some(folder) => folder,
        None => {
            let examined =
                configuration::examine(file.as_deref().or(Some("ecelerity.conf")), &shard::registry());
            let Some(snapshot) = examined.snapshot.filter(|_| !examined.rejected) else {
                configuration::print(&examined.complaints);
                return ExitCode::from(configuration::EX_CONFIG);
            };
            shard::GlobalOptions::resolve(&snapshot.global()).spoolbase.to_string()
        }
    };
    spool::spool(Arguments::of_words([verb.to_owned(), folder]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_known_by_the_last_part_of_its_path() {
        for (path, name) in [
            ("/opt/msys/ecelerity/bin/ec_console", Some("ec_console")),
            ("validate_config", Some("validate_config")),
            ("/usr/bin/impetus", None),
            ("", None),
        ] {
            assert_eq!(of_program(path).map(|old| old.name), name, "{path}");
        }
    }
}
