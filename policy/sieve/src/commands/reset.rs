//! `sieve:<instance> reset`

use crate::statistics::prefix;
use policy_api::{ModuleCommand, Order, Told};

pub(super) static COMMAND: ModuleCommand = ModuleCommand::new(
    "sieve:<instance> reset",
    "",
    "Sets the statistics of the instance to zero, and those of the summary too.",
    run,
)
.changes()
.for_everyone()
.head("statistics cleared.");

fn run(order: Order) -> super::Answer {
    super::at_once(order.operands::<0>().map(|_| {
        order.host.reset_counters(&prefix(&order.instance));
        order.host.reset_summary();
        Told::default()
    }))
}
