//! `sieve:<instance> flush cache`

use crate::module::Sieve;
use policy_api::{Cell, ModuleCommand, Order, Told};

pub(super) static COMMAND: ModuleCommand = ModuleCommand::new(
    "sieve:<instance> flush cache",
    "",
    "Forgets scripts that were included in the run, patterns and keys; other scripts are compiled anew by config reload.",
    run,
)
.changes()
.for_everyone()
.head("flushed {entries} entries from the script cache");

fn run(order: Order) -> super::Answer {
    super::at_once(order.operands::<0>().map(|_| {
        let shared = &order.of::<Sieve>().shared;
        let entries = shared.included.flush() + shared.patterns.flush() + shared.keys.flush();
        Told::head(vec![("entries", Cell::Count(entries as u64))])
    }))
}
