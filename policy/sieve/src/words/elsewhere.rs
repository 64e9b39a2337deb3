//! Names that scripts know but that have nothing behind them here. `check` finds their use; calling one is a
//! fault that says what to use instead (spec sieve.md §5.5, §5.6, §10).

use crate::word::{Kind, Parameter, Run, Word, may};

/// Whatever stands behind the name is taken.
const ANYTHING: [Parameter; 8] = [
    may("value", Kind::Any),
    may("value", Kind::Any),
    may("value", Kind::Any),
    may("value", Kind::Any),
    may("value", Kind::Any),
    may("value", Kind::Any),
    may("value", Kind::Any),
    may("value", Kind::Any),
];

const fn instead(name: &'static str, instead: &'static str) -> Word {
    Word::new(name, Run::Elsewhere(instead)).takes(&ANYTHING)
}

const fn test(name: &'static str, instead: &'static str) -> Word {
    self::instead(name, instead).in_tests()
}

const fn ignored(name: &'static str) -> Word {
    Word::new(name, Run::Ignored).takes(&ANYTHING)
}

const SCANNER: &str = "use a module for clamav, spamassassin or rspamd and test the variables that it sets";
const CLUSTER: &str =
    "there is no cluster; ec_gauge_cache_inc shares numbers among all shards, ds_execute keeps texts";
const DOMAINKEYS: &str = "DomainKeys is historic; use the opendkim module";
const MESSAGE_CENTRAL: &str = "Message Central is not supported; use the event log";

pub(super) static WORDS: &[Word] = &[
    instead("ec_cluster_cache_get", CLUSTER),
    instead("ec_cluster_cache_set", CLUSTER),
    instead("ec_host_fingerprint", "nothing here looks at the packets of clients"),
    instead("ec_spool_space", "watch the file system of spoolbase from outside"),
    instead("ec_thread_pool_get_queue_size", "the console's 'threads stats' shows the pools"),
    instead("thread_pool_stats", "the console's 'threads stats' shows the pools"),
    instead("ec_dk_sign", DOMAINKEYS),
    instead("ec_dk_responsible_domain", DOMAINKEYS),
    instead("csapi_avscan", "use clamav_avscan"),
    instead("f_secure_avscan", "use clamav_avscan"),
    instead("cloudmark_score", SCANNER),
    instead("commtouch_scan", SCANNER),
    instead("eleven_scan", SCANNER),
    instead("beik_scan", SCANNER),
    instead("brightmail_scanner", SCANNER),
    instead("brightmail_tracker", SCANNER),
    test("brightmail_is_default", SCANNER),
    test("brightmail_verdict", SCANNER),
    test("brightmail_rules", SCANNER),
    instead("pe2_mark_bounced", MESSAGE_CENTRAL),
    instead("pe2_mark_unsubscribed", MESSAGE_CENTRAL),
    ignored("fileinto"),
    ignored("vacation"),
    ignored("notify"),
    ignored("setflag"),
    ignored("addflag"),
    ignored("removeflag"),
    ignored("spamc"),
    ignored("gmsc_score"),
    ignored("gmsc_sign"),
    ignored("gmsc_verify"),
    ignored("ec_gmsi_sign"),
];
