//! Signatures, and who may send for a domain.

use super::{KnownModule, fields, stanza};
use crate::{Bool, ColonList, Instances, Integer, OptionDef, OptionalText, Seconds, Standing, Text};

crate::words! {
    OldCanonicalization = "simple" | "nofws"
}

const DOMAINKEYS: Standing = Standing::Ignored("DomainKeys (RFC 4870) is historic; sign with DKIM");
const SENDER_ID: Standing = Standing::Ignored("Sender ID (RFC 4406) is historic; use spf_v1");

const DOMAINKEY: &[OptionDef] = fields! {
    base_domain: OptionalText = "" "The domain that signs for this one.";
    canon: OldCanonicalization = "simple" "How the message is made canonical.";
    digest: Text = "rsa-sha1" "The algorithm.";
    headerlist: ColonList = "" "Header fields that are signed.";
    key: OptionalText = "" "File of the private key.";
    keycache_size: Integer = "2048" "Keys remembered.";
    pos_keycache_ttl: Seconds = "300" "Seconds that a key is remembered.";
    neg_keycache_ttl: Seconds = "3600" "Seconds that a missing key is remembered.";
    selector: OptionalText = "" "The selector.";
    sign_condition: OptionalText = "" "Context variable without which nothing is signed.";
};

const SPF: &[OptionDef] = fields! {
    default_rule: Text = "?all" "The record of domains without one.";
    add_headers: Bool = "true" "False: no Received-SPF field is added.";
    add_authentication_results: Bool = "true" "False: no Authentication-Results field is added.";
    fail_fallback_string: Text = "\"SPF validation failure\"" "Explanation of a failure without one.";
    softfail_fallback_string: Text = "\"SPF validation soft failure\"" "Explanation of a soft failure.";
    nxdomain_override_string: Text = "\"Could not resolve sender's domain\"" "Explanation where the domain does not exist.";
    temperror_override_string: Text = "\"Temporary SPF failure\"" "Explanation of a transient failure.";
    pass_code: Integer = "250" "Fixed since version 3.0.";
    fail_code: Integer = "250" "Fixed since version 3.0.";
    softfail_code: Integer = "250" "Fixed since version 3.0.";
    unknown_code: Integer = "250" "Fixed since version 3.0.";
    permerror_code: Integer = "250" "Fixed since version 3.0.";
    nxdomain_code: Integer = "250" "Fixed since version 3.0.";
};

pub const MODULES: &[KnownModule] = &[
    KnownModule::built("dmarc", 0, "Verifies DMARC."),
    KnownModule::built("dnsbl", 0, "Asks DNS lists about clients."),
    KnownModule::built("opendkim", 1, "Signs with DKIM; scripts verify with it."),
    KnownModule::built("dkim_sign", 2, "The older module that signs with DKIM."),
    KnownModule::built("dkim_validate", 2, "Verifies DKIM signatures of what comes in."),
    KnownModule::built("openarc", 2, "Verifies and seals ARC chains."),
    KnownModule::listed("dk_sign", 3, "Signs with DomainKeys.", DOMAINKEYS, Instances::Many, &[DOMAINKEY])
        .with(&[stanza("dk_domain", true, &[DOMAINKEY], &[])]),
    KnownModule::listed("dk_validate", 3, "Verifies DomainKeys.", DOMAINKEYS, Instances::Any, &[]),
    KnownModule::built("spf_v1", 1, "Looks up who may send for a domain (RFC 7208)."),
    KnownModule::built("spf_macros", 1, "Macros %{spfv1:…}."),
    KnownModule::listed(
        "senderid",
        3,
        "Evaluates Sender ID.",
        SENDER_ID,
        Instances::Many,
        &[
            SPF,
            fields! {
                default_pra_rule: Text = "?all" "The record of domains without one, for the responsible address.";
                context_variable: Text = "senderid_status" "Context variable of the sender's result.";
                context_pra_variable: Text = "senderid_pra_status" "Context variable of the responsible address's result.";
            },
        ],
    ),
];
