//! `ec_include`: the other script is compiled into the same program, once, and shares the variables.

use super::{Compiler, Here};
use crate::program::{Line, Op};
use crate::script::Mark;
use crate::syntax::{Command, Said, constant};
use config::Position;
use std::sync::Arc;

/// Scripts of one program.
const MOST: usize = 1000;

/// A script that is included but not compiled yet.
pub(super) struct Waiting {
    name: Arc<str>,
    text: String,
    /// The include statements that led to it, innermost first.
    from: Vec<Position>,
    /// Instructions to point at it.
    callers: Vec<usize>,
}

impl Compiler<'_> {
    pub(super) fn include(&mut self, command: &Command, here: Here<'_, '_>) {
        let [first, ..] = command.arguments.as_slice() else {
            here.script.error(command.mark, "ec_include takes the name of a script", Some("a string"));
            return;
        };
        let name = match &first.said {
            Said::Text(text) => constant(text),
            _ => None,
        };
        let Some(name) = name else {
            let expected = "a string without variables: included scripts are compiled in";
            here.script.error(
                first.mark,
                "the name of this script is not known before the run",
                Some(expected),
            );
            return;
        };
        if let Some(second) = command.arguments.get(1) {
            let expected =
                "';' (only scripts from datasources take parameters, and they are not available here)";
            here.script.error(second.mark, "a script from a file takes no parameters", Some(expected));
            return;
        }
        let scheme = ["http:", "https:", ":datasource:"].iter().find(|scheme| name.starts_with(**scheme));
        if let Some(scheme) = scheme {
            let message = format!("scripts from '{scheme}' cannot be included");
            here.script.error(first.mark, message, Some("a file that stands beside the configuration"));
            return;
        }
        self.include_file(name.strip_prefix("file://").unwrap_or(name), first.mark, here);
    }

    fn include_file(&mut self, name: &str, mark: Mark, here: Here<'_, '_>) {
        let loaded = self.purpose.loader.load(name, &here.script.name);
        let (text, full) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                here.script.error(mark, format!("cannot include '{name}': {error}"), None);
                return;
            }
        };
        let chain = &here.script.included_from;
        if *here.script.name == *full || chain.iter().any(|position| position.file == full) {
            // RFC 6609 §3.1.
            here.script.error(mark, format!("'{name}' includes itself"), None);
            return;
        }
        let caller = self.emit(Op::Include(0), here.line(mark));
        if let Some(start) = self.included.get(&full) {
            self.program.code[caller] = Op::Include(*start);
            return;
        }
        match self.waiting.iter_mut().find(|waiting| waiting.name == full) {
            Some(waiting) => waiting.callers.push(caller),
            None => {
                let mut from = vec![here.script.position(mark)];
                from.extend(here.script.included_from.iter().cloned());
                self.waiting.push(Waiting { name: full, text, from, callers: vec![caller] });
            }
        }
    }

    /// Compiles what is included, behind the main script, and what that includes.
    pub(super) fn includes(&mut self) {
        while let Some(waiting) = self.waiting.pop() {
            if self.program.files.len() >= MOST {
                return;
            }
            let start = self.here();
            self.included.insert(waiting.name.clone(), start);
            for caller in waiting.callers {
                self.program.code[caller] = Op::Include(start);
            }
            self.script(waiting.name, &waiting.text, &waiting.from);
            self.emit(Op::Return, Line::default());
        }
    }
}
