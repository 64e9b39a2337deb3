//! Known options of the original's engine: threads, memory, spool, logs. Most have no meaning in this one.

use crate::{Bool, Integer, List, OptionDef, OptionalText, Perms, Seconds, Size, Text};

const CONTENTS: &str = "spool_memory bounds the contents in memory, of all queues together";
const OWN_STRUCTURES: &str = "tuning of memory structures that this engine does not have";
const ONE_SHARD_A_CORE: &str = "one shard for each core does the work";
const JOURNAL: &str = "the spool is a journal of segments, not a file for each message";
const SUBSYSTEMS: &str = "the panic log holds what is wrong, without levels";

pub const OPTIONS: &[OptionDef] = crate::definitions! {
    /// Percent of the host's memory above which contents leave it.
    memory_goal: Integer = "90", in [global], tier 1 Approximated(CONTENTS);
    /// Percent of the host's memory above which mail is refused for now.
    memory_hwm: Integer = "95", in [global],
        tier 1 Approximated("reception_memory bounds what is being received; beyond, 421");
    /// Messages of all queues kept in memory.
    max_resident_messages: Integer = "32768", in [binding, binding_group, global], tier 1 Approximated(CONTENTS);
    /// Active messages of one binding and domain kept in memory; -1 all.
    max_resident_active_queue: Integer = "250", in [binding, binding_group, domain, global],
        tier 1 Approximated(CONTENTS);
    /// Transient failures after which a content leaves memory.
    drop_body_after_trans_fail: Integer = "3", in [binding, binding_group, domain, global],
        tier 1 Approximated(CONTENTS);
    /// Messages that wait as transient failures in memory.
    max_resident_transfails: Integer = "100", in [global], tier 3 Approximated(CONTENTS);
    /// Bytes above which a message is written to disk while it arrives.
    large_message_threshold: Size = "131072", in [global],
        tier 2 Approximated("reception_memory bounds what is being received, of all sessions together");
    /// Bytes above which older modules get no message.
    legacy_message_threshold: Size = "1048576", in [global], tier 3 Ignored("there are no such modules");
    /// Seconds between looks at the memory of queues.
    mail_queue_check_vm_interval: Seconds = "60", in [global], tier 2 Approximated(CONTENTS);
    /// True: contexts stay in memory when the content leaves it.
    keep_message_dicts_in_memory: Bool = "false", in [global], tier 2 Approximated("always as if true");
    /// Bytes of a link of a receive buffer.
    growbuf_size: Size = "16384", in [global], tier 3 Ignored(OWN_STRUCTURES);
    /// First size of a hash table.
    initial_hash_buckets: Integer = "32", in [global], tier 3 Ignored(OWN_STRUCTURES);
    /// Bytes above which memory is mapped instead of allocated.
    malloc2mmap_threshold: Size = "4092", in [global], tier 3 Ignored(OWN_STRUCTURES);
    /// Seconds that a match of a scope is remembered.
    match_cache_life: Seconds = "0", in [global], tier 3 Ignored(OWN_STRUCTURES);
    /// Matches of scopes that are remembered.
    match_cache_size: Integer = "16384", in [global], tier 3 Ignored(OWN_STRUCTURES);
    /// Regular expressions that are remembered.
    pcre_cache_size: Integer = "100", in [global], tier 3 Ignored("expressions are compiled when they are read");
    /// Seconds that they are remembered.
    pcre_cache_ttl: Seconds = "300", in [global], tier 3 Ignored("expressions are compiled when they are read");
    /// Option values that are remembered.
    generic_getter_cache_size: crate::Optional<Integer> = "", in [global], tier 3 Ignored(OWN_STRUCTURES);
    /// Throttles made by scripts, at most.
    siv_throttle_cache_size: Integer = "1000", in [global], tier 2 Coming("throttles made by scripts");
    /// Seconds between returns of memory to the system.
    umem_reap_interval: Seconds = "1800", in [global], tier 3 Ignored(OWN_STRUCTURES);

    /// Tasks that may wait for a pool; 0 unlimited.
    backlog: Integer = "0", in [threadpool], tier 3 Ignored(ONE_SHARD_A_CORE);
    /// Bytes of a thread's stack.
    stack_size: Size = "0", in [threadpool], tier 3 Ignored(ONE_SHARD_A_CORE);
    /// How sockets are watched.
    scheduler: OptionalText = "", in [global], tier 3 Ignored("it is io_uring");
    /// Timers that run in one round.
    max_timed_events_per_iter: Integer = "1024", in [global], tier 3 Ignored(ONE_SHARD_A_CORE);
    /// Seconds without a sign of life before a restart.
    watchdog_interval: Seconds = "60", in [global], tier 3 Ignored("systemd watches: WatchdogSec= of the unit");

    /// True: a message is on stable storage before it is acknowledged.
    force_fsync: Bool = "false", in [global], tier 1 Approximated("always as if true");
    /// True: mail may be acknowledged before it is on disk.
    _unsafe_spool: Bool = "false", in [global],
        tier 2 Refused("remove it: mail is acknowledged only when it is on stable storage");
    /// Mode of new spool files.
    spool_mode: Perms = "0640", in [global], tier 2 Approximated("always 0600: they hold mail");
    /// Messages put from the spool into queues in one round of the start.
    disk_queue_drain_rate: Integer = "100", in [global], tier 2 Ignored(JOURNAL);
    /// True: each transient failure is written to the spool.
    swap_out_meta_after_each_tempfail: Bool = "true", in [global], tier 2 Approximated("always as if true");
    /// True: spool files that cannot be read are deleted.
    unlink_on_spool_in_failure: Bool = "true", in [global],
        tier 2 Approximated("damaged segments stand aside and are never deleted");
    /// True: contents are mapped instead of read.
    use_mmap: Bool = "false", in [global], tier 3 Ignored(JOURNAL);
    /// Subsystems logged at level CRITICAL.
    critical: List<Text> = "( ALL )", in [debug_flags], tier 2 Ignored(SUBSYSTEMS);
    /// Subsystems logged at level ERROR.
    error: List<Text> = "( ALL )", in [debug_flags], tier 2 Ignored(SUBSYSTEMS);
    /// Subsystems logged at level WARNING.
    warning: List<Text> = "()", in [debug_flags], tier 2 Ignored(SUBSYSTEMS);
    /// Subsystems logged at level NOTICE.
    notice: List<Text> = "()", in [debug_flags], tier 2 Ignored(SUBSYSTEMS);
    /// Subsystems logged at level INFO.
    info: List<Text> = "()", in [debug_flags], tier 2 Ignored(SUBSYSTEMS);
    /// Subsystems logged at level DEBUG.
    debug: List<Text> = "()", in [debug_flags], tier 2 Ignored(SUBSYSTEMS);
    /// Equal debug lines in a period; 0 unlimited.
    debug_throttle_max_num_same_message: Integer = "0", in [global], tier 3 Ignored(SUBSYSTEMS);
    /// Seconds of that period.
    debug_throttle_period_secs: Seconds = "1", in [global], tier 3 Ignored(SUBSYSTEMS);
    /// True: logs count microseconds.
    log_hires_timestamp: Bool = "false", in [global], tier 2 Ignored("logs count seconds, as readers expect");
    /// What stands before a line on standard error.
    timestampformat: Text = "\"[%a %d %b %Y %H:%M:%S] \"", in [global],
        tier 2 Ignored("systemd puts the time before each line");

    /// Folder of the licence.
    license: Text = "/opt/msys/ecelerity/etc", in [global], tier 3 Ignored("no licence is needed");
    /// File of statistics that outlive a restart.
    masterdb_file: Text = "/var/log/ecelerity/ecdb", in [global], tier 2 Ignored("counters begin at the start");
    /// Seconds between writes of that file.
    permastore_interval: Seconds = "300", in [global], tier 3 Ignored("counters begin at the start");
    /// Descriptors that the process may have.
    server_max_file_descriptors: Integer = "3000000", in [global],
        tier 2 Ignored("systemd sets it: LimitNOFILE= of the unit");
    /// Seconds for a console connection that we make.
    control_client_timeout: Seconds = "60", in [global], tier 3 Ignored("we make no console connections");
};
