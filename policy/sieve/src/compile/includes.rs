//! `ec_include`: a script of a file is compiled into the same program, once, and shares the variables. Others are
//! fetched in the run (`included`).

use super::{Compiler, Here};
use crate::included::Origin;
use crate::phase::Place;
use crate::program::{Line, Op};
use crate::script::Mark;
use crate::syntax::{Argument, Command, Said, constant};
use config::Position;
use policy_api::Rights;
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
        if let Some(third) = command.arguments.get(2) {
            here.script.error(third.mark, "ec_include takes a script and its parameters", Some("';'"));
            return;
        }
        let parameters = command.arguments.get(1);
        let name = match &first.said {
            Said::Text(text) => constant(text),
            _ => None,
        };
        match name.map(|name| (name, Origin::of(name, &here.script.name))) {
            Some((_, Err(why))) => here.script.error(first.mark, why, None),
            Some((name, Ok(Origin::File(_)))) => match parameters {
                Some(second) => {
                    let expected = "';' (only scripts from datasources take parameters)";
                    here.script.error(
                        second.mark,
                        "a script from a file takes no parameters",
                        Some(expected),
                    );
                }
                None => self.include_file(name.strip_prefix("file://").unwrap_or(name), first.mark, here),
            },
            Some((_, Ok(origin))) => {
                let takes = matches!(origin, Origin::Datasource { .. });
                if let Some(second) = parameters.filter(|_| !takes) {
                    let expected = "';' (only scripts from datasources take parameters)";
                    here.script.error(
                        second.mark,
                        "a script from a server takes no parameters",
                        Some(expected),
                    );
                }
                let may_wait = !matches!(self.purpose.place, Some(Place::At(at)) if !Rights::of(at).suspend);
                if !may_wait {
                    here.script.error(
                        first.mark,
                        "no script can wait for this in this phase",
                        Some("a file"),
                    );
                }
                self.fetch(first, parameters, here);
            }
            None => self.fetch(first, parameters, here),
        }
    }

    /// What is included is not known before the run.
    fn fetch(&mut self, name: &Argument, parameters: Option<&Argument>, here: Here<'_, '_>) {
        here.script.warning(name.mark, "this script is fetched in the run: nobody looks at it before");
        let line = here.line(name.mark);
        self.argument(name, here);
        parameters.inspect(|parameters| self.argument(parameters, here));
        self.emit(Op::Fetch { has_parameters: parameters.is_some() }, line);
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
