//! What becomes of messages after their delivery, and HTTP.

use super::{KnownModule, fields, stanza};
use crate::{Bool, Instances, Integer, OptionDef, Optional, OptionalText, Seconds, Size, Standing, Text};

const HTTP: Standing = Standing::Coming("HTTP");
const EVENTS: Standing = Standing::Coming("events as JSON");
const TRACKING: Standing = Standing::Coming("tracking of opened messages and links");

const HYDRANT: &[OptionDef] = fields! {
    concurrency: Integer = "1" "Threads that write.";
    cust_prefix: Text = "cust_" "Context variables whose names begin so are written.";
    jlog_filename: Text = "\"jlog:///var/log/ecelerity/event_hydrant.rt=>event_consumer\"" "Where events go.";
    write_jlog: Bool = "false" "True: events are written.";
    log_click: Bool = "true" "False: clicks are left out.";
    log_conversion: Bool = "true" "False: conversions are left out.";
    log_delivery: Bool = "true" "False: deliveries are left out.";
    log_genfail: Bool = "true" "False: failures of generation are left out.";
    log_genrejection: Bool = "true" "False: refusals of generation are left out.";
    log_inband_bounce: Bool = "true" "False: refusals of next hops are left out.";
    log_open: Bool = "true" "False: openings are left out.";
    log_outofband_bounce: Bool = "true" "False: bounces that come in are left out.";
    log_reception: Bool = "true" "False: receptions are left out.";
    log_rejection: Bool = "true" "False: rejections are left out.";
    log_tempfail: Bool = "true" "False: transient failures are left out.";
};

pub const MODULES: &[KnownModule] = &[
    KnownModule::listed(
        "event_hydrant",
        1,
        "The life of each message as JSON.",
        EVENTS,
        Instances::Any,
        &[HYDRANT],
    ),
    KnownModule::built("fbl", 1, "Marks outgoing mail and reads complaints about it."),
    KnownModule::listed("httpsrv", 1, "HTTP for requests and scripts.", HTTP, Instances::Any, &[]),
    KnownModule::listed(
        "msg_gen",
        2,
        "Makes messages from templates.",
        HTTP,
        Instances::Any,
        &[fields! {
            click_tracking_enabled: Bool = "true" "False: links stay as they are.";
            click_tracking_scheme: Text = "http" "Scheme of links that lead over us.";
            cluster_cfg: OptionalText = "" "Configuration of the other nodes.";
            engagement_tracking_host: OptionalText = "" "Host and port of links.";
            gen_count: Integer = "2" "Threads that generate.";
            gen_transactional_threads: Integer = "2" "Threads for single messages.";
            open_tracking_enabled: Bool = "true" "False: no image is inserted.";
            open_tracking_scheme: Text = "http" "Scheme of the image.";
            quorum: Optional<Integer> = "" "Nodes that must agree.";
            scheduled_interval_delete: Seconds = "600" "Seconds between looks for what is done.";
            start_time_max_schedule_interval: Seconds = "31536000" "Seconds that a start may lie ahead.";
        }],
    )
    .with(&[stanza(
        "node",
        true,
        &[fields! {
            mta_id: Optional<Integer> = "" "Number of the node.";
            votes: Optional<Integer> = "" "Its votes.";
            gen_count: Optional<Integer> = "" "Its threads.";
        }],
        &[],
    )]),
    KnownModule::listed(
        "engagement_tracker",
        2,
        "Makes and reads links of tracking.",
        TRACKING,
        Instances::Any,
        &[fields! {
            click_tracking_include_metadata: Bool = "true" "False: links hold no data of the recipient.";
            max_metadata_len: Size = "1000" "Bytes of that data.";
        }],
    ),
    KnownModule::listed(
        "smtpapi",
        2,
        "Tracking of mail that comes over SMTP.",
        TRACKING,
        Instances::Any,
        &[],
    ),
    KnownModule::listed(
        "restinjector",
        3,
        "The older injection over HTTP.",
        Standing::Ignored("inject over SMTP"),
        Instances::Any,
        &[],
    ),
];
