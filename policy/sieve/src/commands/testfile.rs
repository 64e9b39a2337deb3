//! `sieve:<instance> testfile <phase> <file>`

use super::test::{PASSED, compiled};
use policy_api::{ModuleCommand, Order};

pub(super) static COMMAND: ModuleCommand = ModuleCommand::new(
    "sieve:<instance> testfile",
    "<phase> <file>",
    "Compiles the script of a file for a phase, without running it.",
    run,
)
.head(PASSED)
.rows("findings", "{finding}");

/// Octets of a file.
const LARGEST: u64 = 4 << 20;

fn run(order: Order) -> super::Answer {
    Box::pin(async move {
        let [phase, file] = order.operands()?;
        let path = crate::loader::path(&file).ok_or_else(|| format!("'{file}' is no file"))?;
        let from = path.clone();
        let text = move || {
            let known = std::fs::metadata(&from).map_err(|error| format!("{}: {error}", from.display()))?;
            if !known.is_file() || known.len() > LARGEST {
                return Err(format!("{}: no file of at most {LARGEST} octets", from.display()));
            }
            std::fs::read_to_string(&from).map_err(|error| format!("{}: {error}", from.display()))
        };
        compiled(&order, &phase, path, text).await
    })
}
