//! Modules that ask others about contents.

use super::{KnownModule, fields};
use crate::{
    Bool, Instances, Integer, List, OptionDef, Optional, OptionalText, Seconds, Size, Standing, Text,
};

crate::words! { Action = "pass" | "reject" }

const PROPRIETARY: Standing =
    Standing::Ignored("the scanner is proprietary; clamav and spamassassin speak open protocols");

/// Of the framework, and of each engine in it.
const SCAN: &[OptionDef] = fields! {
    action: Optional<Action> = "" "What happens to infected messages.";
    cache_size: Integer = "1000" "Results remembered.";
    context_variable: OptionalText = "" "Context variable of the result; the engine's name and _status if unset.";
    error_code: Integer = "451" "Reply code when a scan fails.";
    file_base: OptionalText = "" "Folder for what is scanned.";
    max_concurrency: Integer = "0" "Scans at once.";
    mime_decompose: Bool = "0" "True: each part is scanned.";
    paranoid: Bool = "0" "True: evasive constructions count as viruses.";
    pool: OptionalText = "" "Pool that scans.";
    skip_context_variable: Text = "skip_virus_check" "Context variable with which nothing is scanned.";
    timeout: Seconds = "10" "Seconds for a scan.";
    use_wire_rep: Bool = "true" "True: what came over the wire is scanned, not what policy made of it.";
};

const FSECURE: &[OptionDef] = fields! { daemon: OptionalText = "" "Socket of the daemon."; };
const CSAPI: &[OptionDef] = fields! {
    max_cumulative_extract_size: Size = "0" "Bytes extracted of one message.";
    max_extract_depth: Integer = "10" "Archives in archives.";
    max_extract_size: Size = "104857600" "Bytes extracted of one file.";
    max_extract_time: Seconds = "180" "Seconds of extraction.";
    max_file_count: Integer = "5000" "Files extracted of one message.";
    prefer_mem: Bool = "false" "Unused.";
    scanner_log: OptionalText = "" "Log of the helper.";
    scanner_path: OptionalText = "" "Path of the helper.";
    update_interval: Seconds = "86400" "Seconds between updates.";
};

pub const MODULES: &[KnownModule] = &[
    KnownModule::built("antivirus", 1, "Scans for viruses with the engines nested in it."),
    KnownModule::built("clamav", 1, "An engine of antivirus: clamd."),
    KnownModule::built("rspamd", 0, "Asks rspamd about each message."),
    KnownModule::built("milter", 0, "Asks a mail filter that speaks milter."),
    KnownModule::built("spamassassin", 1, "Asks spamd, for scripts or for every message."),
    KnownModule::listed(
        "csapi",
        3,
        "An engine of antivirus: Symantec.",
        PROPRIETARY,
        Instances::Any,
        &[SCAN, CSAPI],
    ),
    KnownModule::listed(
        "fsecure",
        3,
        "An engine of antivirus: F-Secure.",
        PROPRIETARY,
        Instances::Any,
        &[SCAN, FSECURE],
    ),
    KnownModule::listed(
        "beik",
        3,
        "Symantec Brightmail in the process.",
        PROPRIETARY,
        Instances::Any,
        &[fields! {
            accum_pool: Text = "IO" "Pool that collects.";
            scan_pool: Text = "CPU" "Pool that scans.";
            bmiconfig_path: OptionalText = "" "The engine's configuration.";
            header_padding: Integer = "512" "Bytes kept for new header fields.";
            use_wire_rep: Bool = "true" "True: what came over the wire is scanned.";
        }],
    ),
    KnownModule::listed(
        "brightmail",
        3,
        "Symantec Brightmail on a server.",
        PROPRIETARY,
        Instances::Any,
        &[fields! {
            server: OptionalText = "" "Host and port.";
            idle_timeout: Optional<Seconds> = "" "Seconds that an idle connection is kept.";
            max_messages_per_connection: Integer = "0" "Messages over one connection.";
            max_size: Optional<Size> = "" "Bytes of messages that are sent.";
            max_tries: Optional<Integer> = "" "Attempts.";
            num_workers: Optional<Integer> = "" "Threads.";
            sieve_mode: Optional<Bool> = "" "True: only scripts ask.";
            sieve_prefix: Text = "brightmail" "What its context variables begin with.";
            timeout: Optional<Seconds> = "" "Seconds for an answer.";
        }],
    ),
    KnownModule::listed(
        "cloudmark",
        3,
        "Cloudmark Authority.",
        PROPRIETARY,
        Instances::Any,
        &[fields! {
            max_body_length: Optional<Size> = "" "Bytes that are looked at.";
            minimumscore: Optional<Integer> = "" "Score from which a message is spam.";
            use_wire_rep: Bool = "true" "True: what came over the wire is scanned.";
        }],
    ),
    KnownModule::listed(
        "commtouch_ctasd",
        3,
        "Cyren's daemon.",
        PROPRIETARY,
        Instances::Any,
        &[fields! {
            concurrency: Integer = "10" "Questions at once.";
            host: Text = "127.0.0.1" "Where it runs.";
            port: Integer = "8088" "Its port.";
        }],
    ),
    KnownModule::listed(
        "eleven",
        3,
        "eXpurgate.",
        PROPRIETARY,
        Instances::Any,
        &[fields! {
            enable_antivir: Bool = "false" "True: viruses are looked for.";
            license: OptionalText = "" "File of its licence.";
            servers: List<Text> = "" "host:port:priority.";
            update_period: Seconds = "3600" "Seconds between updates.";
            work_dir: Text = "/var/tmp" "Its folder.";
        }],
    ),
    KnownModule::listed(
        "imageanalyzer",
        3,
        "Looks at images.",
        PROPRIETARY,
        Instances::Any,
        &[fields! {
            engine_sensitivity: Integer = "65" "How sensitive it is.";
            threshold_suspect: Integer = "50" "Score of suspicion.";
            threshold_highly_suspect: Integer = "74" "Score of strong suspicion.";
        }],
    ),
];
