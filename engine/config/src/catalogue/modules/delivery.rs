//! Modules of delivery and of the name service.

use super::{KnownModule, fields};
use crate::{
    Bool, Dictionary, Instances, Integer, IpAddress, List, OptionDef, Optional, OptionalText, Seconds, Size,
    Standing, Text,
};

const LOCAL: Standing = Standing::Coming("local delivery");
const NATIVE: Standing = Standing::Approximated("it is built in");
const PROXIES: &str = "deliveries through proxies";

/// Options of bindings and domains that ha_proxy_client adds.
pub const PROXY: &[OptionDef] = crate::definitions! {
    /// Host and port of the proxy.
    ha_proxy_server: OptionalText = "", in [binding, binding_group], tier 2 Coming(PROXIES);
    /// Our address behind it.
    ha_proxy_src_addr: Optional<IpAddress> = "", in [binding, binding_group], tier 2 Coming(PROXIES);
    /// Our IPv6 address behind it.
    ha_proxy_ipv6_src_addr: Optional<IpAddress> = "", in [binding, binding_group], tier 2 Coming(PROXIES);
    /// True: deliveries to this domain go past it.
    ha_proxy_bypass: Bool = "false", in [domain], tier 2 Coming(PROXIES);
};

pub const MODULES: &[KnownModule] = &[
    KnownModule::listed(
        "adaptive",
        2,
        "Moves limits by what next hops answer.",
        Standing::Coming("adaptive delivery"),
        Instances::Singleton,
        &[fields! {
            ad_response_rule_series_prefix: Text = "ADRR_series" "Begin of the names of its series.";
            adaptive_cache_size: Integer = "1048576" "Values remembered.";
            adaptive_cache_ttl: Seconds = "43200" "Seconds that a value is remembered.";
            adaptive_manage_options: List<Text> = "" "Options moved besides the usual ones.";
            adaptive_unmanage_options: List<Text> = "" "Options that are not moved.";
            adaptive_stats_period: Seconds = "3600" "Seconds of the window of rates.";
            backing_store_connect_timeout: Seconds = "5" "Seconds to connect to the store.";
            backing_store_timeout: Seconds = "5" "Seconds for the store's answer.";
            binding_domain_cache_max_ttl: Seconds = "86400" "Seconds that a binding and domain is remembered.";
            binding_domain_cache_size: Integer = "999999" "Bindings and domains remembered.";
            bounce_sweep_interval: Seconds = "3600" "Seconds between rounds of the rules; 0 none.";
            data_store: List<Text> = "( http://127.0.0.1:8098 )" "Where Riak is.";
            data_store_sync_interval: Seconds = "3600" "Seconds between writes to the store.";
            enable_bounce_stats: Bool = "true" "False: bounces are not counted.";
            enable_fbl_stats: Bool = "true" "False: complaints are not counted.";
            enable_jlog: Bool = "false" "True: changes are logged for readers.";
            enable_logging: Bool = "true" "False: changes are not logged.";
            fbl_stats_monitor: Text = "14400,6" "Windows of complaints: seconds and count.";
            fbl_stats_series: Text = "FBL_stats" "Name of that series.";
            fbl_total_series: Text = "FBL_total" "Name of the series of deliveries.";
            jlog_file: Text = "\"jlog:///var/log/adaptive/adaptive.rt=>ad_stats\"" "Log for readers.";
            log_base: Text = "/var/log/ecelerity/adaptive" "Begin of the names of logs.";
            operational_log_level: Text = "NOTICE" "Threshold of what is logged.";
            outbound_throttle_messages_monitor: Text = "3,20" "Windows of deliveries: seconds and count.";
            outbound_throttle_messages_series: Text = "OBTM_Series" "Name of that series.";
            split_logs_by_binding: Bool = "false" "True: a log for each binding.";
            suspend_sweep_interval: Seconds = "60" "Seconds between looks for suspensions that end.";
        }],
    ),
    KnownModule::built("static_routes", 1, "Sends all mail to one address."),
    KnownModule::built("response_transcode", 1, "Rewrites replies of next hops before anything is decided."),
    KnownModule::listed(
        "delay_dsn",
        2,
        "Notices of delays.",
        Standing::Coming("notices of delays"),
        Instances::Any,
        &[],
    ),
    KnownModule::built("ipv6_lookup", 1, "Finds IPv6 addresses of exchangers."),
    KnownModule::listed(
        "bind_address_secondary",
        2,
        "A second source address of a binding.",
        NATIVE,
        Instances::Any,
        &[],
    ),
    KnownModule::built("mxip", 2, "Takes IPv4 addresses for exchangers."),
    KnownModule::listed(
        "dnsbuf",
        3,
        "Sizes the buffers of the resolver's sockets.",
        Standing::Ignored("a socket holds one question"),
        Instances::Any,
        &[fields! {
            sndbuf_size: Size = "131072" "Bytes of the send buffer.";
            rcvbuf_size: Size = "131072" "Bytes of the receive buffer.";
            interval: Seconds = "60" "Seconds between looks.";
        }],
    ),
    KnownModule::listed(
        "ha_proxy_client",
        2,
        "Delivers through a proxy.",
        Standing::Coming(PROXIES),
        Instances::Any,
        &[fields! {
            health_check_interval: Seconds = "5" "Seconds between looks whether the proxy lives.";
            health_check_timeout: Seconds = "1" "Seconds for it to answer.";
            health_check_failure_threshold: Integer = "3" "Failures after which it is dead.";
            health_check_success_threshold: Integer = "3" "Answers after which it lives.";
        }],
    ),
    KnownModule::listed(
        "dane",
        1,
        "Looks up TLSA records.",
        Standing::Coming("DANE"),
        Instances::Singleton,
        &[],
    ),
    KnownModule::built("curfew", 2, "Hours in which deliveries rest."),
    KnownModule::built("maildir", 2, "Stores mail in maildirs."),
    KnownModule::listed(
        "pipe_transport",
        2,
        "Pipes mail into a program.",
        LOCAL,
        Instances::Any,
        &[fields! {
            program_name: OptionalText = "" "The program.";
            domain: List<Text> = "" "Domains whose mail it gets.";
            code: Dictionary = "" "Reply for each exit status.";
            output_file: Text = "/dev/null" "Where its standard output goes.";
            error_file: Text = "/dev/null" "Where its standard error goes.";
        }],
    ),
];
