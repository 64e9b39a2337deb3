//! `impetus check`: everything that is wrong with a configuration. Needs no root, opens nothing.

use crate::arguments::Arguments;
use crate::{configuration, usage};
use std::process::ExitCode;

pub fn check(mut arguments: Arguments) -> ExitCode {
    let file = match arguments.value(&["-c", "--config"]) {
        Ok(file) => file,
        Err(problem) => return usage(&problem),
    };
    if let Err(problem) = arguments.end() {
        return usage(&problem);
    }
    let var = std::env::current_dir().unwrap_or_default().join("var");
    match configuration::load(file.as_deref(), configuration::default_text(&var)) {
        Ok((_, warnings)) => {
            configuration::print(&warnings);
            println!("Configuration valid");
            ExitCode::SUCCESS
        }
        Err(complaints) => {
            configuration::print(&complaints);
            let errors =
                complaints.iter().filter(|complaint| complaint.severity == config::Severity::Error).count();
            eprintln!("{errors} errors");
            ExitCode::FAILURE
        }
    }
}
