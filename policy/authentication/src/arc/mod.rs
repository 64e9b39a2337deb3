//! ARC, RFC 8617: the results that the hosts before us saw, sealed one over the other.

mod chain;
mod seal;
mod set;

pub use chain::{ChainVerifier, Outcome};
pub use seal::{SealUnsigned, Sealing};
