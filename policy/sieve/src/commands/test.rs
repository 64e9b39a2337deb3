//! `sieve:<instance> test <phase> <script>`

use crate::loader::{Wanted, compile_text};
use crate::module::Sieve;
use crate::phase::{place_named, place_names};
use crate::program::Program;
use config::{Complaint, Severity};
use policy_api::{Cell, Level, ModuleCommand, Order, Pool, Told};
use std::path::PathBuf;

pub(super) static COMMAND: ModuleCommand = ModuleCommand::new(
    "sieve:<instance> test",
    "<phase> <script>",
    "Compiles the text of a script for a phase, without running it.",
    run,
)
.head(PASSED)
.rows("findings", "{finding}");

pub(super) const PASSED: &str = "{name} compiles for {phase}: {instructions} instructions.";

fn run(order: Order) -> super::Answer {
    Box::pin(async move {
        let [phase, text] = order.operands()?;
        compiled(&order, &phase, "test".into(), move || Ok(text)).await
    })
}

/// On a side thread, with what the script includes. Errors go to paniclog and to the operator.
pub(super) async fn compiled(
    order: &Order,
    phase: &str,
    name: PathBuf,
    text: impl FnOnce() -> Result<String, String> + Send + 'static,
) -> Result<Told, String> {
    let place = place_named(phase).ok_or_else(|| {
        format!(
            "'{phase}' is no phase of Sieve; expected one of {}",
            place_names().collect::<Vec<_>>().join(", ")
        )
    })?;
    let shown = name.to_string_lossy().into_owned();
    let sieve = order.of::<Sieve>();
    let (sources, comparator) = (sieve.shared.sources.clone(), sieve.comparator);
    let job = move || -> Result<Program, Vec<String>> {
        let text = text().map_err(|error| vec![error])?;
        let wanted = Wanted { path: &name, place, comparator };
        compile_text(wanted, &text, &sources)
            .map_err(|found| found.iter().map(Complaint::to_string).collect())
    };
    let done = order.host.work(Pool::Io, Box::new(move || Box::new(job()))).await;
    let done = done.map_err(|fault| fault.to_string())?;
    let result = *done
        .downcast::<Result<Program, Vec<String>>>()
        .map_err(|_| "the side thread answered something else")?;
    match result {
        Ok(program) => Ok(passed(&program, &shown, phase)),
        Err(errors) => {
            let text = errors.join("\n");
            order.host.report(Level::Error, &format!("sieve:{}: {text}", order.instance));
            Err(text)
        }
    }
}

/// Warnings are no errors: they are shown.
fn passed(program: &Program, name: &str, phase: &str) -> Told {
    let warnings = program.warnings().iter().filter(|warning| warning.severity != Severity::Error);
    Told {
        head: vec![
            ("name", Cell::Text(name.into())),
            ("phase", Cell::Text(phase.into())),
            ("instructions", Cell::Count(program.len() as u64)),
        ],
        rows: warnings.map(|warning| vec![("finding", Cell::Text(warning.to_string()))]).collect(),
    }
}
