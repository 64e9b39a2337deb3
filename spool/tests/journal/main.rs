//! Proofs of the journal from outside: against a model, by the table of recovery, at the limits of room.

mod disk;
mod laid_open;
mod model;
mod recovery_table;
mod room;
mod speed;
