//! Who a message is really from: SPF (RFC 7208), DKIM (RFC 6376, 8301, 8463), DMARC (RFC 7489), ARC (RFC 8617)
//! and the field that reports them (RFC 8601).
//!
//! Architecture invariant: everything here decides. A decider says which DNS question comes next (`want`) and is told
//! the reply (`answered`); time, chance and the names of this host are arguments. Everything that a stranger can
//! make large (records, lookups, signatures, chains) has a limit beside the code that meets it.

mod algorithm;
pub mod arc;
pub mod dkim;
pub mod dmarc;
mod fields;
mod key_record;
mod name;
mod private_key;
mod question;
pub mod results;
pub mod spf;
mod tags;

pub use fields::{Field, Fields};
pub use name::{is_host_name, organisational_domain, reversed};
pub use private_key::{KeyFault, PrivateKey};
pub use question::{Kind, Question, Reply};
pub use results::Verdict;
