//! What operators may ask of `sieve` and `sievelib` at the console (spec console.tsv): one file each, and a row here.

mod flush_cache;
mod gauge;
mod reset;
mod stats;
mod test;
mod testfile;

use policy_api::{Later, ModuleCommand, Told};
use std::future::ready;

/// Of `sieve:<instance>`, in the order of the help.
pub(crate) static SIEVE: [&ModuleCommand; 5] =
    [&stats::COMMAND, &reset::COMMAND, &flush_cache::COMMAND, &test::COMMAND, &testfile::COMMAND];

/// Of `sievelib`.
pub(crate) static LIBRARY: [&ModuleCommand; 4] = [&gauge::ADD, &gauge::SUB, &gauge::SHOW, &gauge::DELETE];

type Answer = Later<Result<Told, String>>;

/// For commands that need not wait.
fn at_once(answer: Result<Told, String>) -> Answer {
    Box::pin(ready(answer))
}
