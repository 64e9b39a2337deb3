//! Known options of HTTP, tracking, monitoring and mobile channels that nobody obeys yet.

use crate::{Bool, Dictionary, Integer, Milliseconds, OptionDef, OptionalText, Seconds, Size, Text};

crate::words! {
    Method = "POST" | "SET" | "GET" | "DELETE"
    Version = "0.9" | "1.0" | "1.1"
}

const HTTP: &str = "HTTP";
const TRACKING: &str = "tracking of opened messages and links";
const MOBILE: &str = "mobile channels are out of scope";
const SNMP: &str = "SNMP";

pub const OPTIONS: &[OptionDef] = crate::definitions! {
    /// True: replies have a length instead of chunks.
    disable_chunked: Bool = "false", in [http_listener, listen, pathway, pathway_group, peer], tier 3 Coming(HTTP);
    /// True: requests are written to the panic log.
    log_requests_to_paniclog: Bool = "false", in [http_listener, listen, pathway, pathway_group, peer],
        tier 2 Coming(HTTP);
    /// Bytes of a request; unlimited if unset.
    max_request_size: crate::Optional<Size> = "", in [http_listener, listen, pathway, pathway_group, peer],
        tier 2 Coming(HTTP);
    /// Milliseconds for the reply to a delivery over HTTP.
    delivery_response_timeout: Milliseconds = "5000", in [binding, domain, global], tier 3 Ignored(MOBILE);
    /// User and password of deliveries over HTTP.
    http_basic_auth: OptionalText = "", in [binding, binding_group, domain, global], tier 3 Ignored(MOBILE);
    /// Host of deliveries over HTTP.
    http_host: OptionalText = "", in [binding, binding_group, domain, global], tier 3 Ignored(MOBILE);
    /// Method of deliveries over HTTP.
    http_method: Method = "POST", in [binding, binding_group, domain, global], tier 3 Ignored(MOBILE);
    /// Target of deliveries over HTTP.
    http_uri: OptionalText = "", in [binding, binding_group, domain, global], tier 3 Ignored(MOBILE);
    /// Version of deliveries over HTTP.
    http_version: Version = "1.1", in [binding, binding_group, domain, global], tier 3 Ignored(MOBILE);

    /// True: links of messages lead over us.
    click_tracking_enabled: Bool = "false", in [esmtp_listener, listen, pathway, pathway_group, peer],
        tier 2 Coming(TRACKING);
    /// Scheme of these links.
    click_tracking_scheme: Text = "http", in [esmtp_listener, listen, pathway, pathway_group, peer],
        tier 2 Coming(TRACKING);
    /// True: an image tells us that a message was opened.
    open_tracking_enabled: Bool = "false", in [esmtp_listener, listen, pathway, pathway_group, peer],
        tier 2 Coming(TRACKING);
    /// Scheme of its address.
    open_tracking_scheme: Text = "http", in [esmtp_listener, listen, pathway, pathway_group, peer],
        tier 2 Coming(TRACKING);
    /// Host and port of links and images.
    tracking_domain: Text = "localhost:8080", in [esmtp_listener, listen, pathway, pathway_group, peer],
        tier 2 Coming(TRACKING);
    /// Seconds that links and images are good for.
    tracking_link_expiry: Seconds = "31536000", in [esmtp_listener, listen, pathway, pathway_group, peer],
        tier 2 Coming(TRACKING);

    /// Address and port of the SNMP agent.
    address: Text = "*:8162", in [snmp], tier 3 Coming(SNMP);
    /// Word that requests and traps carry.
    community: Text = "public", in [snmp, snmp_traps, destination, trap_destination], tier 3 Coming(SNMP);
    /// Off: no SNMP agent.
    state: Bool = "true", in [snmp], tier 3 Coming(SNMP);
    /// Who is responsible (sysContact).
    syscontact: OptionalText = "", in [snmp], tier 3 Coming(SNMP);
    /// What this is (sysDescr).
    sysdescription: OptionalText = "", in [snmp], tier 3 Coming(SNMP);
    /// Where it stands (sysLocation).
    syslocation: OptionalText = "", in [snmp], tier 3 Coming(SNMP);
    /// On: traps are sent.
    state: Bool = "false", in [snmp_traps], tier 3 Coming(SNMP);
    /// Seconds between traps about one condition.
    trap_interval: Seconds = "60", in [snmp_traps], tier 3 Coming(SNMP);
    /// Seconds between looks at what is watched.
    watch_interval: Seconds = "10", in [snmp_traps], tier 3 Coming(SNMP);
    /// Thresholds: GlobalMailQueue, ActiveQueue, DelayedQueue, FailedMessages.
    watch_variables: Dictionary = "", in [snmp_traps], tier 3 Coming(SNMP);

    /// Seconds that a notification of Apple's service is good for.
    apn_expiry: crate::Optional<Seconds> = "", in [binding, binding_group, domain, global], tier 3 Ignored(MOBILE);
    /// Package that may get notifications of Google's service.
    gcm_application_id: OptionalText = "", in [binding, binding_group, domain, global], tier 3 Ignored(MOBILE);
    /// Token of Google's service.
    gcm_authorization_token_id: OptionalText = "", in [binding, binding_group, domain, global],
        tier 3 Ignored(MOBILE);
    /// True: Google's service waits for the device.
    gcm_delay_while_idle: Bool = "false", in [binding, binding_group, domain, global], tier 3 Ignored(MOBILE);
    /// True: Google's service is only tried.
    gcm_dry_run: Bool = "false", in [binding, binding_group, domain, global], tier 3 Ignored(MOBILE);
    /// Seconds that a notification of Google's service is good for; -1 its own default.
    gcm_ttl: Integer = "-1", in [binding, binding_group, domain, global], tier 3 Ignored(MOBILE);
    /// Secret of XMPP dialback.
    xmpp_dialback_secret: OptionalText = "", in [domain], tier 3 Ignored(MOBILE);
    /// Whether the domain is client or server in XMPP.
    xmpp_role: OptionalText = "", in [domain], tier 3 Ignored(MOBILE);
};
