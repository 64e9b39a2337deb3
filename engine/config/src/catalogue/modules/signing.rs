//! Signatures, and who may send for a domain.

use super::{KnownModule, fields, stanza};
use crate::{Bool, ColonList, Instances, Integer, OptionDef, OptionalText, Seconds, Standing, Text};

crate::words! {
    Canonicalization = "simple" | "relaxed"
    Digest = "rsa-sha1" | "rsa-sha256" | "ed25519-sha256"
    OldCanonicalization = "simple" | "nofws"
}

const DKIM: Standing = Standing::Coming("DKIM");
const DOMAINKEYS: Standing = Standing::Ignored("DomainKeys (RFC 4870) is historic; sign with DKIM");
const SENDER_ID: Standing = Standing::Ignored("Sender ID (RFC 4406) is historic; use spf_v1");

/// What a signature needs, for the module and for one domain.
const SIGNATURE: &[OptionDef] = fields! {
    body_canon: Canonicalization = "simple" "How the content is made canonical.";
    header_canon: Canonicalization = "simple" "How the header is made canonical.";
    body_length_limit: Bool = "false" "True: the signature says how long the content is.";
    digest: Digest = "rsa-sha256" "The algorithm.";
    key: OptionalText = "" "File of the private key; %{d} is the domain, %{s} the selector.";
    keycache_size: Integer = "2048" "Keys remembered.";
    pos_keycache_ttl: Seconds = "300" "Seconds that a key is remembered.";
    neg_keycache_ttl: Seconds = "3600" "Seconds that a missing key is remembered.";
    selector: OptionalText = "" "The selector.";
    sign_condition: OptionalText = "" "Context variable without which nothing is signed.";
    testing: Bool = "false" "True: says that the domain is only trying.";
    headerlist: ColonList = "" "Header fields that are signed.";
    copy_headers: Bool = "false" "True: the signature quotes what it signs.";
    identity: OptionalText = "" "Agent or user named in the signature.";
    lifetime: Integer = "0" "Hours that the signature is good for; 0 unlimited.";
};

const OF_DOMAIN: &[OptionDef] = fields! {
    base_domain: OptionalText = "" "The domain that signs for this one.";
    key_cache_size: Integer = "2048" "The same as keycache_size.";
};

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
    KnownModule::listed(
        "opendkim",
        1,
        "Signs with DKIM; scripts verify with it.",
        DKIM,
        Instances::Many,
        &[
            SIGNATURE,
            fields! {
                skip_headerlist: ColonList = "" "Header fields that are never signed.";
                oversign_headerlist: ColonList = "" "Header fields signed once more than they occur.";
            },
        ],
    )
    .with(&[stanza("dkim_domain", true, &[SIGNATURE, OF_DOMAIN], &[])]),
    KnownModule::listed(
        "dkim_sign",
        2,
        "The older module that signs with DKIM.",
        DKIM,
        Instances::Many,
        &[SIGNATURE],
    )
    .with(&[stanza("dk_domain", true, &[SIGNATURE, OF_DOMAIN], &[])]),
    KnownModule::listed(
        "dkim_validate",
        2,
        "Verifies DKIM signatures of what comes in.",
        DKIM,
        Instances::Any,
        &[],
    ),
    KnownModule::listed(
        "openarc",
        2,
        "Verifies and seals ARC chains, for scripts.",
        Standing::Coming("ARC"),
        Instances::Singleton,
        &[],
    ),
    KnownModule::listed("dk_sign", 3, "Signs with DomainKeys.", DOMAINKEYS, Instances::Many, &[DOMAINKEY])
        .with(&[stanza("dk_domain", true, &[DOMAINKEY], &[])]),
    KnownModule::listed("dk_validate", 3, "Verifies DomainKeys.", DOMAINKEYS, Instances::Any, &[]),
    KnownModule::listed(
        "spf_v1",
        1,
        "Looks up who may send for a domain (RFC 7208).",
        Standing::Coming("SPF"),
        Instances::Many,
        &[
            SPF,
            fields! {
                context_variable: Text = "spf_status" "Context variable of the result.";
            },
        ],
    ),
    KnownModule::listed("spf_macros", 1, "Macros %{spfv1:…}.", Standing::Coming("SPF"), Instances::Any, &[]),
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
