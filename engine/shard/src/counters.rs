//! What a shard counts. Per shard, summed when asked: counting never crosses a core.

use std::cell::Cell;

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// Each grows by `add` and is read as a list of (name, value).
        #[derive(Default)]
        pub struct Counters {
            $($(#[doc = $doc])* pub $name: Counter,)*
        }

        impl Counters {
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Values in the order of `NAMES`.
            pub fn values(&self) -> Vec<u64> {
                vec![$(self.$name.get()),*]
            }
        }
    };
}

counters! {
    /// Connections accepted.
    connections,
    /// Connections answered 421 because a limit was reached.
    connections_refused,
    /// Messages (copies) acknowledged with 250 or written by ourselves.
    receptions,
    /// Bytes of the bodies of `receptions`, each body once.
    reception_bytes,
    /// Replies of 4xx and 5xx to clients.
    rejections,
    /// Generated messages that policy refused or dropped.
    generation_rejections,
    /// Transactions answered 452 because the spool could not take them.
    spool_refusals,
    /// Copies delivered.
    deliveries,
    /// Attempts of copies that ended in a later retry.
    transient_failures,
    /// Copies given up.
    permanent_failures,
    /// Notices written to senders.
    notices,
    /// Outgoing connections that were established.
    outbound_connections,
    /// Outgoing connections that failed to establish.
    outbound_connection_failures,
    /// DNS questions sent to servers.
    dns_questions,
    /// Questions of each kind that a server had to be asked, each once.
    dns_a_queries,
    dns_aaaa_queries,
    dns_mx_queries,
    dns_txt_queries,
    dns_ptr_queries,
    dns_other_queries,
    /// Those that nobody answered in time.
    dns_a_timeouts,
    dns_aaaa_timeouts,
    dns_mx_timeouts,
    dns_txt_timeouts,
    dns_ptr_timeouts,
    dns_other_timeouts,
    /// Answers of servers; those that say nothing about the name.
    dns_responses,
    dns_bad_responses,
    /// Questions asked of the cache; those that it could answer.
    dns_lookups,
    dns_hits,
    /// Contents read back from the journal.
    contents_fetched,
    /// Copies whose content was damaged in the journal: nobody could be told.
    contents_lost,
    /// Commits of the journal.
    commits,
    /// Commits that failed; each ends the life of its segment.
    commit_failures,
    /// Log lines dropped because the writer of logs was too far behind.
    log_lines_lost,
    /// Numbers of modules that were not kept because there are too many.
    tallies_lost,
    /// What modules were not told because too many were being told of something.
    occasions_untold,
    /// Panics caught in tasks.
    panics,
}

/// A number that grows.
#[derive(Default)]
pub struct Counter(Cell<u64>);

impl Counter {
    pub fn add(&self, more: u64) {
        self.0.set(self.0.get() + more);
    }

    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_the_order_of_their_names() {
        let counters = Counters::default();
        counters.deliveries.add(2);
        counters.deliveries.add(3);
        let position = Counters::NAMES.iter().position(|name| *name == "deliveries").unwrap();
        assert_eq!(counters.values()[position], 5);
        assert_eq!(counters.values().iter().sum::<u64>(), 5);
    }
}
