//! What failed lookups add up to: kept by the shard with each domain, and gone with its record (§6.2).

use crate::Exchangers;
use mail::Reply;
use std::time::Duration;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    lookups: u32,
    mx: u32,
}

impl Attempts {
    /// Counts a finished lookup; success forgets the failures before it.
    pub fn looked_up(&mut self, _lookup: &Exchangers) {
        let _ = (self.lookups, self.mx);
        todo!()
    }

    /// Whether the next lookup, should its MX question fail too, uses the domain's own addresses.
    pub fn falls_back(&self, _mx_failures_fallback_to_a: u32) -> bool {
        todo!()
    }

    /// The end of all mail of the domain, if lookups failed that often.
    pub fn purges(&self, _dns_failures_to_purge: u32) -> Option<Reply> {
        todo!()
    }

    /// How long to leave the domain alone after a failure.
    pub fn pause(&self) -> Duration {
        todo!()
    }
}
