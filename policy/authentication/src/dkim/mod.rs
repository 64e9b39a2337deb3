//! DKIM, RFC 6376 with RFC 8301 and RFC 8463: who answers for a message.

mod body;
mod canonical;
mod fault;
mod sign;
mod signature;
mod verify;

pub use crate::algorithm::Algorithm;
pub use crate::key_record::PublicKey;
pub use body::BodyHash;
pub use canonical::Canon;
pub(crate) use canonical::{canonical_field, own_field, signed_octets};
pub use fault::Fault;
pub(crate) use sign::fold;
pub use sign::{Recipe, Unsigned};
pub(crate) use signature::Form;
pub use signature::Signature;
pub use verify::{Checked, Limits, Verifier, Want};
