//! Known options of queues and delivery that nobody obeys yet.

use crate::{Bool, Integer, List, OptionDef, OptionalText, Seconds, Size, Text};

crate::words! {
    Xclient = "no" | "ifavailable" | "required"
    Replumbing = "disabled" | "enabled"
}

const ROLLUP: &str = "every domain has a queue of its own; Host limits still hold for all who share the host";
const OWN_CLOCK: &str = "records expire by themselves, to the second";
const EVENTS: &str = "queues are driven by what happens to them, not by rounds";

pub const OPTIONS: &[OptionDef] = crate::definitions! {
    /// Whether the client's address is passed on with XCLIENT before each message.
    xclient: Xclient = "no", in [binding, binding_group, domain, global],
        tier 2 Refused("next hops would take us for the client; route their mail over another host");
    /// True: an idle connection serves another domain of the same exchanger.
    migrate_connections_between_sibling_domains: Bool = "true", in [global],
        tier 2 Ignored("connections serve one domain");
    /// True: mail to domains of this exchanger goes into one queue.
    rollup_mx: Bool = "false", in [host], tier 2 Ignored(ROLLUP);
    /// Name of that queue.
    rollup_mx_name: OptionalText = "", in [host], tier 2 Ignored(ROLLUP);
    /// True: copies whose rendering is the same share a transaction although policy treated them apart.
    expensive_batch_assessment: Bool = "false", in [global],
        tier 3 Ignored("copies of one content always share a transaction");
    /// Bytes of a connection's socket buffers, at most.
    tcp_buffer_size: Size = "32768", in [cluster, global],
        tier 2 Ignored("the kernel sizes the buffers of sockets by their traffic");
    /// True: bodies go from file to socket inside the kernel.
    use_sendfile: Bool = "false", in [global],
        tier 3 Ignored("bodies are in memory, or read directly from the journal");
    /// Seconds between purges of what was measured of addresses.
    address_metrics_cleanse_interval: Seconds = "3600", in [global], tier 3 Ignored(OWN_CLOCK);
    /// Seconds that what was measured of an address is kept.
    address_metrics_lifetime: Seconds = "1800", in [global], tier 3 Ignored(OWN_CLOCK);
    /// Whether missing local addresses of bindings are added again.
    binding_auto_replumb: Replumbing = "disabled", in [global],
        tier 3 Ignored("addresses belong to the host's network configuration");
    /// Seconds between looks for missing local addresses.
    binding_auto_replumb_interval: Seconds = "60", in [global],
        tier 3 Ignored("addresses belong to the host's network configuration");
    /// Port of ECSTREAM deliveries.
    ecstream_port: Integer = "1825", in [binding, binding_group, domain, global],
        tier 3 Ignored("ECStream is not spoken; deliver with ESMTP");
    /// Seconds for an ECSTREAM connection to come about.
    ecstream_timeout: Seconds = "600", in [binding, binding_group, domain, global],
        tier 3 Ignored("ECStream is not spoken; deliver with ESMTP");
    /// True: a sooner round of a queue's upkeep replaces the planned one.
    clear_mail_queue_maintainers: Bool = "true", in [global], tier 3 Ignored(EVENTS);
    /// True: transient failures are dealt with where they happen.
    inline_transfail_processing: Bool = "true", in [global], tier 3 Ignored("always as if true");
    /// Transient failures dealt with in one round.
    transfail_drain_rate: Integer = "100", in [global], tier 3 Ignored(EVENTS);
    /// Seconds between purges of the cache of DNS.
    dns_cache_purge_interval: Seconds = "60", in [global], tier 3 Ignored(OWN_CLOCK);
    /// Seconds between looks for domains whose route is out of date.
    dns_expire_interval: Seconds = "10", in [global], tier 3 Ignored(OWN_CLOCK);
    /// Questions from one UDP port; 0 unlimited.
    dns_max_udp_queries_per_port: Integer = "0", in [global],
        tier 3 Approximated("every question has a port of its own");
    /// True: lookups of exchangers are throttled.
    dns_rate_limit_enabled: Bool = "false", in [global],
        tier 3 Ignored("lookups are bounded by their number under way");
    /// Domains that wait for a lookup.
    dns_rate_limit_max_queue: Integer = "100000", in [global],
        tier 3 Ignored("lookups are bounded by their number under way");
    /// Lookups of exchangers in a period.
    dns_rate_limit_mx_queries: Integer = "100", in [global],
        tier 3 Ignored("lookups are bounded by their number under way");
    /// Seconds of that period.
    dns_rate_limit_period: Seconds = "1", in [global],
        tier 3 Ignored("lookups are bounded by their number under way");
    /// Bytes of the receive buffer of a resolver's socket; 0 leaves it to the kernel.
    dns_udp_rcvbuf_size: Size = "0", in [global], tier 3 Ignored("a socket holds one answer");
    /// Bytes of the send buffer of a resolver's socket; 0 leaves it to the kernel.
    dns_udp_sndbuf_size: Size = "0", in [global], tier 3 Ignored("a socket holds one question");
    /// Domains dealt out over the threads of upkeep at the start.
    hot_domains: List<Text> = "", in [global], tier 3 Ignored("a domain's queue belongs to one shard");
    /// Pool of event loops that deliver.
    delivery_pool: OptionalText = "", in [global], tier 3 Ignored("a queue is delivered by the shard that owns it");
    /// Pool of event loops for upkeep.
    maintainer_pool: OptionalText = "", in [global], tier 3 Ignored(EVENTS);
};
