//! Known options of bounces, notices and signatures that nobody obeys yet.

use crate::{Bool, Integer, OptionDef, OptionalText, Seconds};

crate::words! {
    Signing = "enabled" | "disabled"
    SigningStatistics = "all" | "global" | "off"
}

const DELAY: &str = "the module delay_dsn";
const DOMAINKEYS: &str = "DomainKeys (RFC 4870) is historic; sign with DKIM";

pub const OPTIONS: &[OptionDef] = crate::definitions! {
    /// True: notices are written by threads of a pool.
    async_bounce_rendering: Bool = "true", in [global], tier 2 Ignored("a notice is small and written at once");
    /// Replies whose class is remembered.
    bounce_cache_size: Integer = "16384", in [global], tier 3 Ignored("classes are found without a cache");
    /// Seconds that a class is remembered.
    bounce_cache_ttl: Seconds = "60", in [global], tier 3 Ignored("classes are found without a cache");
    /// Notices of the threads that are queued in one round.
    soft_bounce_drain_rate: Integer = "100", in [global], tier 3 Ignored("notices are queued as they are written");
    /// True: senders of delayed mail get a notice.
    generate_delay_dsn: Bool = "false", in [binding, binding_group, domain, global], tier 2 Coming(DELAY);
    /// Seconds from queueing to the first notice of a delay; doubled for each further one.
    delay_dsn_retry_interval: Seconds = "3600", in [binding, binding_group, domain, global], tier 2 Coming(DELAY);
    /// Seconds; longest interval between notices of a delay.
    delay_dsn_max_retry_interval: Seconds = "43200", in [binding, binding_group, domain, global],
        tier 2 Coming(DELAY);
    /// Who gets a notice where the failed mail has no sender; nobody if unset.
    mdn_failures_notify: OptionalText = "", in [binding, binding_group, domain, global],
        tier 2 Ignored("failed notices end in the logs");
    /// Whether the older module dkim_sign signs mail of this scope.
    dkim: Signing = "enabled", in [binding, binding_group, domain, global], tier 3 Coming("DKIM signatures");
    /// Whether mail of this scope gets a DomainKeys signature.
    domainkeys: Signing = "enabled", in [binding, binding_group, domain, global], tier 3 Ignored(DOMAINKEYS);
    /// How finely signatures are counted.
    signing_stats: SigningStatistics = "all", in [global], tier 3 Coming("DKIM signatures");
};
