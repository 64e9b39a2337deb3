//! The real server among programs that are not ours: what other software sends, takes and expects of it.
//!
//! The law: a missing program fails its test; `tests/interop/install` installs them all.

mod auth;
mod console;
mod datasources;
mod exchangers;
mod failures;
mod identity;
mod incoming;
mod limits;
mod lines;
mod live;
mod modules;
mod operation;
mod postfix;
mod python;
mod queues;
mod reload;
mod routing;
mod scanners;
mod seeds;
mod sieve;
mod smuggling;
mod swaks;
mod trace;

const PLACE: harness::Place = harness::place!();
