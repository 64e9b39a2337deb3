//! Known options of TLS that nobody obeys yet.

use crate::{Bool, Integer, OptionDef, Optional, OptionalText, Seconds, Text};

crate::words! {
    Tls = "no" | "ifavailable" | "required"
    Verify = "no" | "ca" | "host" | "optional"
    VerifyMode = "none" | "require"
    InjectionPolicy = "allow" | "ignore" | "reject"
    Engine = "openssl" | "gnutls"
    LockMethod = "mutex" | "spinlock" | "default"
    CryptoLockMethod = "EC_SSL_SPINLOCK" | "EC_SSL_MUTEX" | "EC_SSL_DEFAULTLOCK"
}

const TLS: &str = "TLS";
const OUR_LIBRARY: &str = "TLS is rustls, which shares no state that needs a lock";
const DANE: &str = "DANE";
const MTA_STS: &str = "MTA-STS";

pub const OPTIONS: &[OptionDef] = crate::definitions! {
    /// Whether deliveries are encrypted with STARTTLS.
    tls: Tls = "no", in [binding, binding_group, domain, global], tier 1 Coming(TLS);
    /// Whether the certificate of the next hop is checked, and its name.
    tls_verify: Verify = "no", in [binding, binding_group, domain, global], tier 1 Coming(TLS);
    /// False: where `tls = ifavailable` fails, the retry uses TLS again.
    tls_ifavailable_fallback: Bool = "true", in [binding, binding_group, domain, global], tier 1 Coming(TLS);
    /// File of certificates that next hops are checked with.
    tls_ca: OptionalText = "", in [binding, binding_group, domain, global], tier 1 Coming(TLS);
    /// File of our certificate; none cancels an inherited one.
    tls_certificate: OptionalText = "",
        in [binding, binding_group, domain, ecstream_listener, esmtp_listener, global, http_listener, listen,
            pathway, pathway_group, peer, xmpp_listener], tier 1 Coming(TLS);
    /// File of our private key, where tls_certificate does not hold it.
    tls_key: OptionalText = "",
        in [binding, binding_group, domain, ecstream_listener, esmtp_listener, global, http_listener, listen,
            pathway, pathway_group, peer, xmpp_listener], tier 1 Coming(TLS);
    /// Ciphers, as OpenSSL lists them.
    tls_ciphers: OptionalText = "",
        in [binding, binding_group, domain, ecstream_listener, esmtp_listener, global, http_listener, listen,
            pathway, pathway_group, peer, xmpp_listener], tier 1 Coming(TLS);
    /// Ciphers of TLS 1.3.
    tlsv13_ciphersuites: OptionalText = "",
        in [binding, binding_group, domain, esmtp_listener, global, http_listener, listen, pathway,
            pathway_group, peer], tier 2 Coming(TLS);
    /// Versions, with + and -, such as `+ALL:-TLSv1.0`.
    tls_protocols: Text = "+ALL",
        in [binding, binding_group, domain, ecstream_listener, esmtp_listener, global, http_listener, listen,
            pathway, pathway_group, peer], tier 1 Coming(TLS);
    /// Groups of the key exchange.
    tls_ec_curve_names: OptionalText = "", in [global], tier 2 Coming(TLS);
    /// File of certificates that clients are checked with.
    tls_client_ca: OptionalText = "",
        in [ecstream_listener, esmtp_listener, global, http_listener, listen, pathway, pathway_group, peer,
            xmpp_listener], tier 1 Coming(TLS);
    /// Whether clients must show a certificate; if unset they may.
    tls_verify_mode: Optional<VerifyMode> = "",
        in [ecstream_listener, esmtp_listener, http_listener, listen, pathway, pathway_group, peer,
            xmpp_listener], tier 1 Coming(TLS);
    /// True: clients with a checked certificate may send anywhere.
    tls_verified_peer_can_relay: Bool = "false",
        in [ecstream_listener, esmtp_listener, listen, pathway, pathway_group, peer], tier 1 Coming(TLS);
    /// True: HTTP clients with a checked certificate need no password.
    tls_verified_peer_is_authorized: Bool = "false", in [http_listener, listen, pathway, peer],
        tier 2 Coming("HTTP");
    /// True: TLS from the first byte, as on port 465.
    use_ssl: Bool = "false",
        in [ecstream_listener, esmtp_listener, http_listener, listen, pathway, pathway_group, peer],
        tier 1 Coming(TLS);
    /// What becomes of bytes that follow STARTTLS in the clear.
    starttls_injection_policy: InjectionPolicy = "reject",
        in [esmtp_listener, listen, pathway, pathway_group, peer], tier 1 Coming(TLS);
    /// True: clients may negotiate again.
    tls_allow_renegotiation: Bool = "true",
        in [ecstream_listener, esmtp_listener, http_listener, listen, pathway, pathway_group, peer,
            xmpp_listener], tier 3 Ignored("TLS as we speak it has no renegotiation");
    /// File of Diffie-Hellman parameters.
    tls_dhparams_file: OptionalText = "", in [global], tier 2 Ignored("key exchanges use elliptic curves only");
    /// True: ciphers with ephemeral Diffie-Hellman keys may be used.
    tls_enable_dhe_ciphers: Bool = "true", in [global], tier 2 Ignored("key exchanges use elliptic curves only");
    /// The library of TLS.
    tls_engine: Engine = "openssl", in [global], tier 3 Ignored(OUR_LIBRARY);
    /// How the library of TLS locks.
    ssl_lock_method: LockMethod = "mutex", in [global], tier 3 Ignored(OUR_LIBRARY);
    /// How the library of cryptography locks.
    crypto_lock_method: CryptoLockMethod = "EC_SSL_DEFAULTLOCK", in [global], tier 3 Ignored(OUR_LIBRARY);
    /// Hardware for cryptography.
    crypto_engine: OptionalText = "", in [global], tier 3 Ignored("the processor's own instructions are used");
    /// Whether TLSA records of next hops are looked up.
    use_dane: Bool = "false", in [domain, global], tier 2 Coming(DANE);
    /// Whether TLSA records that were looked up count.
    enable_dane: Bool = "true", in [binding, binding_group, domain, global], tier 2 Coming(DANE);
    /// Seconds between purges of TLSA records.
    tlsa_expire_interval: Seconds = "3600", in [global], tier 3 Coming(DANE);
    /// Whether the MTA-STS policies of domains are looked up.
    use_mta_sts: Bool = "false", in [domain, global], tier 2 Coming(MTA_STS);
    /// Whether policies that were looked up count.
    enable_mta_sts: Optional<Bool> = "", in [binding, binding_group, domain, global], tier 2 Coming(MTA_STS);
    /// Aliases followed to the policy's TXT record.
    mta_sts_dns_cname_max_depth: Integer = "5", in [domain, global], tier 3 Coming(MTA_STS);
    /// Folder of policies.
    mta_sts_policy_store: Text = "/var/spool/ecelerity/mtasts", in [global], tier 2 Coming(MTA_STS);
};
