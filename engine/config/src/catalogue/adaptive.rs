//! Known options of adaptive delivery, which nobody obeys yet.

use crate::{Bool, Float, Integer, List, OptionDef, OptionalText, Seconds, Text};

crate::words! { AdaptiveScope = "local" | "global" | "auto" }

const ADAPTIVE: &str = "adaptive delivery";
const STORE: &str = "what adaptive delivery learns is kept in the spool";

/// The bounds within which adaptive delivery may move another option.
macro_rules! bounds {
    ($($option:ident $tier:literal $documentation:literal)*) => {
        crate::definitions! {
            $(
                #[doc = $documentation]
                $option: List<Integer> = "", in [binding, binding_group, domain, global], tier $tier Coming(ADAPTIVE);
            )*
        }
    };
}

pub const BOUNDS: &[OptionDef] = bounds! {
    adaptive_body_timeout 3 " Lowest and highest body_timeout, seconds."
    adaptive_ehlo_timeout 3 " Lowest and highest ehlo_timeout, seconds."
    adaptive_idle_timeout 3 " Lowest and highest idle_timeout, seconds."
    adaptive_mailfrom_timeout 3 " Lowest and highest mailfrom_timeout, seconds."
    adaptive_max_deliveries_per_connection 2 " Lowest and highest max_deliveries_per_connection."
    adaptive_max_outbound_connections 2 " Lowest and highest max_outbound_connections."
    adaptive_max_recipients_per_batch 3 " Lowest and highest max_recipients_per_batch."
    adaptive_max_recipients_per_connection 3 " Lowest and highest max_recipients_per_connection."
    adaptive_max_resident_active_queue 3 " Lowest and highest max_resident_active_queue."
    adaptive_max_retries 3 " Lowest and highest max_retries."
    adaptive_max_retry_interval 2 " Lowest and highest max_retry_interval, seconds."
    adaptive_outbound_throttle_messages 2 " Lowest and highest throttle, in messages an HOUR."
    adaptive_rcptto_timeout 3 " Lowest and highest rcptto_timeout, seconds."
    adaptive_retry_interval 2 " Lowest and highest retry_interval, seconds."
    adaptive_rset_timeout 3 " Lowest and highest rset_timeout, seconds."
};

pub const OPTIONS: &[OptionDef] = crate::definitions! {
    /// Whether adaptive delivery may change this scope.
    adaptive_enabled: Bool = "false", in [binding, binding_group, domain, global], tier 2 Coming(ADAPTIVE);
    /// Whether what is learnt belongs to one node or to the cluster.
    adaptive_scope: AdaptiveScope = "auto", in [binding, binding_group, domain, global],
        tier 3 Approximated("always local");
    /// Seconds between changes to one binding and domain, at least.
    adaptive_adjustment_interval: Seconds = "60", in [binding, binding_group, domain, global],
        tier 2 Coming(ADAPTIVE);
    /// Seconds between cautious improvements, at least.
    adaptive_positive_adjustment_interval: Seconds = "3600", in [binding, binding_group, domain, global],
        tier 2 Coming(ADAPTIVE);
    /// Who is written to about changes; nobody if unset.
    adaptive_alert_email_destination: OptionalText = "", in [binding, binding_group, domain, global],
        tier 2 Coming(ADAPTIVE);
    /// Sender of these messages.
    adaptive_alert_email_sender: OptionalText = "", in [binding, binding_group, domain, global],
        tier 2 Coming(ADAPTIVE);
    /// Kinds of changes that are written about.
    adaptive_notification_events: List<Text> = "( throttle suspension blackhole )",
        in [binding, binding_group, domain, global], tier 2 Coming(ADAPTIVE);
    /// Seconds between messages about one kind of change.
    adaptive_notification_interval: Seconds = "3600", in [binding, binding_group, domain, global],
        tier 2 Coming(ADAPTIVE);
    /// Attempts within an hour below which no rate is judged.
    adaptive_attempt_threshold: Integer = "2000", in [binding, binding_group, domain, global],
        tier 2 Coming(ADAPTIVE);
    /// Deliveries below which no rate of complaints is judged.
    adaptive_fbl_volume_threshold: Integer = "20000", in [binding, binding_group, domain, global],
        tier 2 Coming(ADAPTIVE);
    /// True: a binding and domain with too many rejections is suspended.
    adaptive_default_suspension_enabled: Bool = "false", in [binding, binding_group, domain, global],
        tier 2 Coming(ADAPTIVE);
    /// For how long: a number and a unit from seconds to days.
    adaptive_default_suspension: Text = "\"4 hours\"", in [binding, binding_group, domain, global],
        tier 2 Coming(ADAPTIVE);
    /// Rejected share of attempts, in percent, that is too many.
    adaptive_rejection_rate_suspension_percentage: Integer = "20", in [binding, binding_group, domain, global],
        tier 2 Coming(ADAPTIVE);
    /// Seconds over which the messages of a requeued domain are spread.
    adaptive_retry_fuzz: Integer = "4096", in [binding, binding_group, domain, global],
        tier 2 Coming(ADAPTIVE);
    /// False: the sweep rules of this scope do not count.
    adaptive_sweep_rule_enabled: Bool = "true", in [binding, binding_group, domain, global],
        tier 2 Coming(ADAPTIVE);
    /// What a rule adds up: `bc:` and a class of bounces, or `fbl:` and a kind of complaint.
    codes: List<Text> = "", in [adaptive_sweep_rule], tier 2 Coming(ADAPTIVE);
    /// Percent from which low_action is taken.
    low_threshold: Float = "5", in [adaptive_sweep_rule], tier 2 Coming(ADAPTIVE);
    /// What happens at low_threshold.
    low_action: List<Text> = "( throttle down )", in [adaptive_sweep_rule], tier 2 Coming(ADAPTIVE);
    /// Percent from which high_action is taken.
    high_threshold: Float = "10", in [adaptive_sweep_rule], tier 2 Coming(ADAPTIVE);
    /// What happens at high_threshold.
    high_action: List<Text> = "( suspend \"4 hours\" )", in [adaptive_sweep_rule], tier 2 Coming(ADAPTIVE);
    /// Folder of a LevelDB store.
    path: Text = "/var/log/ecelerity/adaptive.leveldb", in [adaptive_backstore_leveldb], tier 3 Ignored(STORE);
    /// Seconds for an answer of a Riak store.
    timeout: Seconds = "5", in [adaptive_backstore_riak], tier 3 Ignored(STORE);
    /// Seconds for a connection to a Riak store.
    connect_timeout: Seconds = "5", in [adaptive_backstore_riak], tier 3 Ignored(STORE);
};
