//! What belongs to products that are not here: known, refused when called, found by `impetus check`.

use crate::function::{Body, Definition, Family, nothing};

const fn no(name: &'static str, instead: &'static str) -> Definition {
    Definition { name, signature: name, tier: 3, doc: "Not available here.", body: Body::Refused(instead) }
}

const SCANNER: &str = "msys.av.scan with clamav, the spamassassin or the rspamd module";
const PUSH: &str = "msys.http.client towards the push service";
const DELIVERY: &str = "msys.http.client";

pub static FAMILY: Family = Family {
    name: "refused",
    definitions: &[
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
