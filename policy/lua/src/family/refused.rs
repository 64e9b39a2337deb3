//! What belongs to products that are not here: known, refused when called, found by `impetus check`.

use crate::function::{Body, Definition, Family, nothing};

const fn no(name: &'static str, instead: &'static str) -> Definition {
    Definition { name, signature: name, tier: 3, doc: "Not available here.", body: Body::Refused(instead) }
}

/// Known to work on Momentum, and on this engine when what it speaks to is built.
const fn not_yet(name: &'static str, instead: &'static str) -> Definition {
    Definition { name, signature: name, tier: 2, doc: "Not available here.", body: Body::Refused(instead) }
}

const LISTENER: &str = "msys.registerControl: there is no HTTP listener yet";
const QUEUES: &str = "the console's domain and delay commands";
const SCANNER: &str = "msys.av.scan with clamav, the spamassassin or the rspamd module";
const PUSH: &str = "msys.http.client towards the push service";
const DELIVERY: &str = "msys.http.client";

pub static FAMILY: Family = Family {
    name: "refused",
    definitions: &[
        not_yet("msys.httpsrv.register", LISTENER),
        not_yet("session:request_url_get", LISTENER),
        not_yet("session:response_status_set_std", LISTENER),
        not_yet("msys.core.dns_get_domain", QUEUES),
        not_yet("msys.core.mail_queue_delay_domain", QUEUES),
        not_yet("msys.delivery.ob_get_current_message", "the msg of core_log_delivery_v1"),
        not_yet("msys.adaptive.registerRules", "the options of the domain"),
        not_yet("msys.os.statvfs_read", "msys.readfile with a file that a job of the system writes"),
        not_yet("msys.os.statvfs_subscribe", "msys.readfile with a file that a job of the system writes"),
        not_yet("msys.snmpTrap", "print, or msys.http.client towards the monitoring"),
        no("msg:is_mcmt", "msg:header(\"Content-Type\")"),
        no("msys.apn.apn_status_classifier", PUSH),
        no("msys.gcm.gcm_classify_error", PUSH),
        no("msys.gcm.gcm_get_result_error_code", PUSH),
        no("msys.brightmail.scan", SCANNER),
        no("msys.cloudmark.add_af_data", SCANNER),
        no("msys.cloudmark.analyze", SCANNER),
        no("msys.cloudmark.score", SCANNER),
        no("msys.cloudmark.score_af", SCANNER),
        no("msys.cloudmark.set_af_mode_discard", SCANNER),
        no("msys.cloudmark.set_af_mode_keep", SCANNER),
        no("msys.cloudmark.set_af_mode_movemsg", SCANNER),
        no("msys.cloudmark.set_af_msi_address", SCANNER),
        no("msys.commtouch.diagnose", SCANNER),
        no("msys.expurgate.scan", SCANNER),
        no("msys.symantec_beik.scan", SCANNER),
        no("msys.validate.dk.get_responsible_domain", "msys.validate.opendkim, DomainKeys is obsolete"),
        no("msys.validate.dk.sign", "msys.validate.opendkim.sign, DomainKeys is obsolete"),
        no("msys.mstore.load", "a datasource with msys.db"),
        no("sess:request_add_header", DELIVERY),
        no("sess:request_delete_header", DELIVERY),
        no("sess:request_finalize", DELIVERY),
        no("sess:request_set_body", DELIVERY),
    ],
    set_up: nothing,
};
