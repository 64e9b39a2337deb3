//! Logs, and the classes of bounces.

use super::{KnownModule, fields};
use crate::{
    Bool, Dictionary, Instances, Integer, List, OptionDef, Optional, OptionalText, Perms, Seconds, Standing,
    Text,
};

const LOGGERS: Standing = Standing::Coming("more formats of logs");
const CLASSES: Standing = Standing::Coming("files of bounce classes");

const FOREIGN: &[OptionDef] = fields! {
    mainlog: OptionalText = "" "The main log.";
    paniclog: OptionalText = "" "The panic log.";
    log_transient_failures: Optional<Bool> = "" "False: transient failures are left out.";
};

const OVERRIDES: &[OptionDef] = fields! {
    custom_classes: Dictionary = "" "Number and name of classes of one's own, below 100.";
    enable_system_updates: Bool = "1" "False: files of the system are not read.";
    refresh: Seconds = "300" "Seconds between looks for new files.";
    system_smtp_classification_override: OptionalText = "" "The system's rules for replies.";
    system_mdn_classification_override: OptionalText = "" "The system's rules for bounces that come in.";
    user_smtp_classification_override: OptionalText = "" "Own rules for replies.";
    user_mdn_classification_override: OptionalText = "" "Own rules for bounces that come in.";
};

const BOUNCES: &[OptionDef] = fields! {
    bouncelog: Text = "/var/log/ecelerity/bouncelog.ec" "The log.";
    bouncelog_mode: Perms = "0644" "Its mode.";
    heartbeat: Seconds = "60" "Seconds between signs of life; 0 none.";
    log_inband_bounces: Bool = "on" "False: refusals of next hops are left out.";
    log_outofband_bounces: Bool = "on" "False: bounces that come in are left out.";
    log_transient_failures: Bool = "on" "False: transient failures are left out.";
};

const CUSTOM: &[OptionDef] = fields! {
    concurrency: Integer = "1" "Threads that write.";
    thread_pool: OptionalText = "" "Pool that writes.";
    namespace: Text = "custom_logger,sieve" "Where macros are looked up.";
    sanitize: OptionalText = "" "What is made harmless in values.";
    mainlog: OptionalText = "" "Log of all classes without one of their own.";
    mainlog_mode: Perms = "0644" "Its mode.";
    paniclog: OptionalText = "" "Log of errors.";
    paniclog_mode: Perms = "0644" "Its mode.";
    delivery_logfile: OptionalText = "" "Log of deliveries.";
    delivery_format: OptionalText = "" "Its lines; switches the class on.";
    delivery_log_mode: Perms = "0644" "Its mode.";
    reception_logfile: OptionalText = "" "Log of receptions.";
    reception_format: OptionalText = "" "Its lines; switches the class on.";
    reception_log_mode: Perms = "0644" "Its mode.";
    transient_failure_logfile: OptionalText = "" "Log of transient failures.";
    transient_failure_format: OptionalText = "" "Its lines; switches the class on.";
    transient_failure_log_mode: Perms = "0644" "Its mode.";
    permanent_failure_logfile: OptionalText = "" "Log of permanent failures.";
    permanent_failure_format: OptionalText = "" "Its lines; switches the class on.";
    permanent_failure_log_mode: Perms = "0644" "Its mode.";
    rejection_logfile: OptionalText = "" "Log of rejections.";
    rejection_format: OptionalText = "" "Its lines; switches the class on.";
    rejection_log_mode: Perms = "0644" "Its mode.";
    xfer_logfile: OptionalText = "" "Log of moves between nodes.";
    xfer_format: OptionalText = "" "Its lines; switches the class on.";
    xfer_log_mode: Perms = "0644" "Its mode.";
    log_deliveries: Bool = "false" "True: deliveries are logged.";
    log_receptions: Bool = "false" "True: receptions are logged.";
    log_permanent_failures: Bool = "false" "True: permanent failures are logged.";
    log_transient_failures: Bool = "false" "True: transient failures are logged.";
    log_rejections: Bool = "false" "True: rejections are logged.";
    log_errors: Bool = "false" "True: errors are logged.";
};

pub const MODULES: &[KnownModule] = &[
    KnownModule::built("ec_logger", 1, "The main, rejection and panic logs."),
    KnownModule::built("bounce_logger", 1, "The log of bounces."),
    KnownModule::listed(
        "custom_bounce_logger",
        2,
        "The log of bounces with a text of one's own.",
        LOGGERS,
        Instances::Many,
        &[BOUNCES, fields! { user_string: OptionalText = "" "What each line ends with."; }],
    ),
    KnownModule::listed(
        "custom_logger",
        1,
        "Logs in a format of one's own.",
        LOGGERS,
        Instances::Many,
        &[CUSTOM],
    ),
    KnownModule::built("chunk_logger", 2, "A log that scripts and reception_timing write to."),
    KnownModule::built("reception_timing_logger", 2, "Writes how long receptions took to the chunk_logger."),
    KnownModule::listed("exim_logger", 2, "Logs as Exim writes them.", LOGGERS, Instances::Many, &[FOREIGN]),
    KnownModule::listed(
        "postfix_logger",
        2,
        "Logs as Postfix writes them.",
        LOGGERS,
        Instances::Many,
        &[FOREIGN],
    ),
    KnownModule::listed(
        "sendmail_logger",
        2,
        "Logs as sendmail writes them.",
        LOGGERS,
        Instances::Many,
        &[FOREIGN],
    ),
    KnownModule::listed(
        "http_logger",
        2,
        "Requests over HTTP.",
        Standing::Coming("HTTP"),
        Instances::Any,
        &[fields! {
            log: Text = "file:///var/log/ecelerity/httplog.ec" "The log.";
        }],
    ),
    KnownModule::listed(
        "tls_macros",
        2,
        "What logs may say of TLS.",
        Standing::Coming("TLS"),
        Instances::Any,
        &[],
    ),
    KnownModule::listed(
        "bounce_classifier_override",
        1,
        "Classes of bounces from files or a data source.",
        CLASSES,
        Instances::Any,
        &[OVERRIDES],
    ),
    KnownModule::listed(
        "bounce_classifier",
        3,
        "The older name of bounce_classifier_override.",
        CLASSES,
        Instances::Any,
        &[OVERRIDES],
    ),
    KnownModule::listed(
        "live_bounce_updates",
        3,
        "Fetches classes of bounces.",
        Standing::Ignored("nothing is fetched and nothing is sent"),
        Instances::Any,
        &[fields! {
            bouncelivedates spelt "BounceLiveUpdates": Bool = "enabled" "Classes of bounces are fetched.";
            bouncefeedback spelt "BounceFeedback": Bool = "enabled" "Unknown replies are sent.";
            adaptiveliveupdates spelt "AdaptiveLiveUpdates": Bool = "enabled" "Rules of adaptive delivery are fetched.";
        }],
    ),
    KnownModule::listed(
        "ilf_logger",
        3,
        "Counts for a licence.",
        Standing::Ignored("no licence is needed"),
        Instances::Any,
        &[fields! {
            write_interval: Seconds = "60" "Seconds between writes.";
            filename_format: Text = "/var/log/ecelerity/ilf/%m-%d-%Y.ilfdata" "The file.";
        }],
    ),
    KnownModule::listed(
        "as_logger",
        2,
        "Files of a cluster's counters.",
        Standing::Coming("clusters"),
        Instances::Any,
        &[fields! {
            base_dir: OptionalText = "" "Their folder.";
            log_interval: Optional<Seconds> = "" "Seconds between them.";
            series_exclude: List<Text> = "" "Patterns of series left out.";
            series_include: List<Text> = "" "Patterns of series that count.";
            series_include_default: Text = "none" "Whether other series count: none or all.";
        }],
    ),
    KnownModule::listed(
        "stats_producer",
        3,
        "Feeds the older web console.",
        Standing::Ignored("that console has gone with version 3"),
        Instances::Any,
        &[fields! {
            log_file: Text = "jlog:///var/log/ecelerity/statp.rt" "The feed.";
            interval: Seconds = "60" "Seconds between its lines.";
            watchlist_only: Bool = "true" "True: only domains that are watched.";
        }],
    ),
    KnownModule::listed(
        "pe2_logger",
        3,
        "Logs of Message Central.",
        Standing::Ignored("that product is no more"),
        Instances::Any,
        &[fields! {
            batch_interval: Seconds = "300" "Seconds between files.";
            default_ident: OptionalText = "" "Name of lines without one.";
            filename_template: OptionalText = "" "The file.";
            suppress_delivery_logs: Bool = "false" "True: deliveries are left out.";
            timestamp_format: Text = "unix" "How times are written.";
        }],
    ),
];
