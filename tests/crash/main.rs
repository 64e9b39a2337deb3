//! The real server, killed without a word: what it has acknowledged arrives, and its spool is sound.
//!
//! The law: client, ledger and sink share nothing with the engine and survive every crash.

mod chance;
mod load;
mod recovery;
mod rounds;

const PLACE: harness::Place = harness::place!();
