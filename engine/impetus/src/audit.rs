//! `impetus audit PROMISED DELIVERED [--json]`: compares the ledger files of `load` and `sink`. Status 1: a promised
//! delivery is missing. Status 2: the files could not be compared.

use crate::arguments::Arguments;
use bench::{Comparison, Ledger};
use std::fs;
use std::process::ExitCode;

pub fn audit(arguments: Arguments) -> ExitCode {
    let arguments = arguments.rest();
    let files: Vec<&str> = arguments.iter().map(String::as_str).filter(|word| *word != "--json").collect();
    let &[promised, delivered] = &files[..] else {
        return crate::usage("audit PROMISED DELIVERED [--json]");
    };
    match compare(promised, delivered) {
        Ok(comparison) => {
            match arguments.len() > files.len() {
                true => println!("{}", comparison.to_json()),
                false => print!("{comparison}"),
            }
            ExitCode::from(u8::from(comparison.missing > 0))
        }
        Err(what) => {
            eprintln!("audit: {what}");
            ExitCode::from(2)
        }
    }
}

fn compare(promised: &str, delivered: &str) -> Result<Comparison, String> {
    Ok(Ledger::compare(&read(promised)?, &read(delivered)?))
}

fn read(file: &str) -> Result<Ledger, String> {
    let lines = fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let mut ledger = Ledger::default();
    match ledger.read_lines(&lines) {
        0 | 1 => Ok(ledger),
        strange => Err(format!("{file}: {strange} lines are no tokens")),
    }
}
