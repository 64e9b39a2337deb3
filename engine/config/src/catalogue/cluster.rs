//! Known options of clusters. One host is a cluster of one: these have no meaning yet.

use crate::{
    Bool, Counted, DebugLevel, Dictionary, Float, Integer, List, OptionDef, Optional, OptionalText, Perms,
    Seconds, Text, Throttle,
};

const CLUSTER: &str = "clusters";
const ALONE: &str = "a node without a cluster counts for itself: use the option without cluster_";
const LOGS: &str = "logs stay on their host";

pub const OPTIONS: &[OptionDef] = crate::definitions! {
    /// Connections of each pair of binding and domain, of all nodes; -1 unlimited.
    cluster_max_outbound_connections: Integer = "-1", in [binding, domain, global, host], tier 3 Ignored(ALONE);
    /// Connections begun per time, of all nodes.
    cluster_outbound_throttle_connections: Throttle = "", in [binding_group, domain, global], tier 3 Ignored(ALONE);
    /// Deliveries begun per time, of all nodes.
    cluster_outbound_throttle_messages: Throttle = "", in [binding_group, domain, global], tier 3 Ignored(ALONE);
    /// Connections of all who fall back to this declaration, of all nodes.
    cluster_scope_max_outbound_connections: Counted = "", in [binding, binding_group, domain, global, host],
        tier 3 Ignored(ALONE);
    /// Connections to all hosts together, of all nodes.
    cluster_server_max_outbound_connections: Counted = "", in [binding, binding_group, global],
        tier 3 Ignored(ALONE);
    /// Whether the cluster moves this address between nodes.
    enable_duravip: Optional<Bool> = "", in [binding, listen], tier 3 Coming(CLUSTER);
    /// Binding or address whose owner runs this listener too.
    duravip_follow: OptionalText = "", in [listen], tier 3 Coming(CLUSTER);
    /// Node that should own the address.
    duravip_preference: OptionalText = "", in [binding, listen], tier 3 Coming(CLUSTER);
    /// True: the list of interfaces is remembered.
    use_iflist_cache: Bool = "false", in [global], tier 3 Ignored("addresses are looked at once, at the start");

    /// Off: the node is not in its cluster.
    enabled: Bool = "true", in [cluster], tier 2 Coming(CLUSTER);
    /// Threshold of the cluster's own messages in the panic log.
    debug_level: DebugLevel = "ERROR", in [cluster], tier 2 Coming(CLUSTER);
    /// Name of the group of nodes.
    cluster_group: Text = "ec_cluster", in [cluster], tier 3 Coming(CLUSTER);
    /// Group in which nodes answer the console.
    control_group: Text = "ec_console", in [cluster], tier 3 Coming(CLUSTER);
    /// Our name; the host's up to its first dot if unset.
    nodename: OptionalText = "", in [cluster], tier 3 Coming(CLUSTER);
    /// Our address between nodes.
    nodeaddr: OptionalText = "", in [cluster], tier 3 Coming(CLUSTER);
    /// Name of a part of the cluster.
    subcluster: OptionalText = "", in [cluster], tier 3 Ignored("subclusters have gone with version 3");
    /// Port of the older bus between nodes.
    mbus_daemon: Integer = "4803", in [cluster], tier 3 Ignored("that bus has gone with version 3");
    /// True: other hosts are told of a moved address by broadcast.
    arp_all_hosts: Bool = "true", in [cluster], tier 3 Coming(CLUSTER);
    /// Addresses handed out at a time.
    duravip_balance_set_size: Integer = "1", in [cluster], tier 3 Coming(CLUSTER);
    /// Seconds from the start to the first sign of life.
    heartbeat_start_delay: Seconds = "15", in [cluster], tier 3 Coming(CLUSTER);
    /// Signs of life a second.
    heartbeats_per_sec: Integer = "1", in [cluster], tier 3 Coming(CLUSTER);
    /// Seconds between looks at the interfaces.
    if_check_interval: Seconds = "30", in [cluster], tier 3 Coming(CLUSTER);
    /// Looks that must agree before an address comes up.
    if_down_limit: Integer = "4", in [cluster], tier 3 Coming(CLUSTER);
    /// Seconds between sends while logs are shipped.
    log_active_interval: Seconds = "1", in [cluster], tier 3 Ignored(LOGS);
    /// Seconds between looks for logs to ship.
    log_idle_interval: Seconds = "10", in [cluster], tier 3 Ignored(LOGS);
    /// Group that is told of lines in the panic log.
    log_group: OptionalText = "", in [cluster], tier 3 Ignored(LOGS);
    /// Logs that may be shipped: name and file.
    logs: Dictionary = "", in [cluster], tier 3 Ignored(LOGS);
    /// True: mail that moves between nodes gets its binding anew.
    unconditional_rebind: Bool = "true", in [cluster], tier 3 Coming(CLUSTER);
    /// Seconds between rounds that balance addresses.
    view_balance_interval: Seconds = "10", in [cluster], tier 3 Coming(CLUSTER);
    /// Seconds between unasked announcements; 0 none.
    view_broadcast_interval: Seconds = "0", in [cluster], tier 3 Coming(CLUSTER);
    /// Seconds that a view must hold to be believed.
    view_mature_time: Seconds = "5", in [cluster], tier 3 Coming(CLUSTER);
    /// What is replicated: cache, metrics, …
    r#type: OptionalText = "", in [replicate], tier 3 Coming(CLUSTER);
    /// Metrics that are replicated, with semicolons.
    parameters: OptionalText = "", in [replicate], tier 3 Coming(CLUSTER);

    /// Seconds that changes wait to be sent together.
    max_delay: Float = "1.0", in [replicate], tier 3 Coming(CLUSTER);
    /// Changes sent together.
    max_pending: Integer = "100", in [replicate], tier 3 Coming(CLUSTER);
    /// Values kept; -1 unlimited.
    max_size: Integer = "-1", in [replicate], tier 3 Coming(CLUSTER);
    /// Only of this group's bindings.
    binding_group: OptionalText = "", in [replicate], tier 3 Coming(CLUSTER);
    /// Kind of a cache.
    class: OptionalText = "", in [replicate], tier 3 Coming(CLUSTER);
    /// The interface that addresses of the block come up on.
    interface: OptionalText = "", in [topology], tier 3 Coming(CLUSTER);
    /// Bits of their network mask.
    cidrmask: Integer = "32", in [topology], tier 3 Coming(CLUSTER);
    /// Logs that the node sends.
    subscriber: List<Text> = "", in [node], tier 3 Ignored(LOGS);

    /// File of replies of nodes that come later.
    control_cache: OptionalText = "", in [logs], tier 3 Ignored(LOGS);
    /// Mode of folders made for logs.
    dir_mode: Optional<Perms> = "", in [logs], tier 3 Ignored(LOGS);
    /// Mode of files made for logs.
    file_mode: Optional<Perms> = "", in [logs], tier 3 Ignored(LOGS);
    /// Where logs of nodes are put together.
    logfile: OptionalText = "", in [logs], tier 3 Ignored(LOGS);
    /// Seconds that a log stays open without a line.
    max_idle: Optional<Seconds> = "", in [logs], tier 3 Ignored(LOGS);
    /// Logs that are open at once.
    max_open: Optional<Integer> = "", in [logs], tier 3 Ignored(LOGS);
};
