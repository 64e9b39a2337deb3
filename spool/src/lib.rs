//! What we have promised. The journal of one shard: it decides what is written where; `engine/shard` does it.
//!
//! Law: durable, then 250. It knows bytes and counts, not mail. spool/README.md has the format, the order of
//! a promise and the table of recovery.
//!
//! Architecture invariant: no clock, no chance, no file and no task in this crate; time and salt come in.

mod commit;
mod compaction;
mod gather;
pub mod inspect;
mod journal;
mod layout;
mod ledger;
pub mod limits;
mod name;
pub mod read;
mod recovery;
mod replay;
mod report;
mod segments;
mod status;
mod want;

pub use journal::Journal;
pub use limits::Settings;
pub use name::{Location, Promise, Segment, Sequence};
pub use recovery::Recovery;
pub use report::{Copy, Damage, Deferral, Found, Living, Recovered, Report, State};
pub use status::Status;
pub use want::{Commit, Durability, PrepareFailure, Refusal, Want};
