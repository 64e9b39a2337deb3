//! The options that a shard obeys itself: reception, spool, names, domain name service. Those of delivery
//! stand in `bindings`.

use config::{
    Bool, Cidrs, Dictionary, Integer, List, Optional, OptionalText, Perms, Regex, Seconds, Size, Text,
    Throttle,
};

config::choices! {
    /// What becomes of a lone CR or LF. It never ends a message.
    pub enum LoneLf { Ignore = 0: "ignore", Pedantic = 1: "pedantic", Fix = 2: "fix" }
}

/// `rfc2822_max_line_length`: a word for the limit of RFC 5322 §2.1.1 (998 octets), or a limit of one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineLengths {
    Ignore,
    Pedantic,
    Fix,
    Octets(u32),
}

impl config::OptionType for LineLengths {
    type Value = LineLengths;
    const NAME: &'static str = "ignore, pedantic, fix or int";
    const UNIT: &'static str = "octets";
    fn read(raw: &config::Value, declared: config::Declared<'_>) -> Result<LineLengths, config::Expected> {
        const EXPECTED: config::Expected =
            config::Expected::fixed("ignore, pedantic, fix, or the octets that a line may have, 78 at least");
        const WORDS: [(&str, LineLengths); 3] =
            [("ignore", LineLengths::Ignore), ("pedantic", LineLengths::Pedantic), ("fix", LineLengths::Fix)];
        let text = <Text as config::OptionType>::read(raw, declared)?;
        let word = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
        if let Some((_, choice)) = word {
            return Ok(*choice);
        }
        match text.parse() {
            // The internal numbers of the words (config-language.md §4.2).
            Ok(number @ 0..=2) => Ok(WORDS[number as usize].1),
            Ok(octets @ 78..) => Ok(LineLengths::Octets(octets)),
            _ => Err(EXPECTED),
        }
    }
}

config::choices! {
    /// What becomes of lines above a numeric `rfc2822_max_line_length`.
    pub enum LineLengthPolicy { None = 0: "none", Fix = 1: "fix", Reject = 2: "reject" }
}

config::choices! {
    pub enum MissingHeaders { Reject = 0: "reject", Allow = 1: "allow" }
}

config::choices! {
    pub enum DateHeader { Ignore = 0: "ignore", Pedantic = 1: "pedantic", IfNeeded = 2: "ifneeded" }
}

config::choices! {
    pub enum MessageIdHeader { Ignore = 0: "ignore", IfNeeded = 1: "ifneeded" }
}

config::choices! {
    /// Where a message goes for which policy has chosen no binding.
    pub enum DefaultBinding { Normal = 0: "normal", Suspended = 1: "suspended", None = 2: "none" }
}

config::options! {
    /// What a session obeys: listener family, then pathway, then global (config-language.md §9.3).
    pub struct InboundOptions {
        /// False: no socket.
        enable: Bool = "true", in [esmtp_listener, listen];
        /// Connections that the kernel keeps until they are accepted.
        listen_backlog: Integer = "500", in [esmtp_listener, listen];
        /// True: a connection goes to the shard on whose core its packets arrive, for hosts whose network
        /// card has a receive queue for each core. False: connections are spread evenly.
        sessions_stay_on_core: Bool = "false", in [esmtp_listener, listen], tier 0;
        /// Mode of a Unix socket.
        file_mode: Perms = "0660", in [esmtp_listener, listen], tier 2;
        /// Seconds without client activity before disconnect; 0 never.
        idle_time: Seconds = "300" instead of "0" because "the shipped configuration says 300, and idle clients would fill the table",
            in [esmtp_listener, listen, peer, pathway, pathway_group];
        /// Concurrent sessions of this listener; 0 unlimited.
        listener_sessions: Size = "0", in [esmtp_listener, listen, peer, pathway, pathway_group];
        /// Concurrent sessions over all listeners; 0 unlimited.
        service_sessions: Size = "0", in [esmtp_listener, listen, peer, pathway, pathway_group];
        /// Concurrent sessions of one IPv4 address or IPv6 /64; 0 unlimited.
        client_sessions: Size = "0", in [esmtp_listener, listen, peer, pathway, pathway_group], tier 0;
        /// Accepted messages per session, then 421; 0 unlimited.
        max_receptions_per_connection: Size = "0",
            in [global, esmtp_listener, listen, peer, pathway, pathway_group];
        /// Recipients per session (RCPT TO commands, refused ones too), then 452; 0 unlimited.
        max_recipients_per_connection: Size = "0", in [esmtp_listener, listen, peer];
        /// Recipients per message, then 452; 0 unlimited.
        max_recipients_per_message: Size = "0", in [esmtp_listener, listen, peer, pathway, pathway_group];
        /// Bytes per message, then 552; 0 leaves only the built-in bound.
        max_message_size: Size = "0", in [esmtp_listener, listen, peer, pathway, pathway_group];
        /// Name in the greeting and in the replies to EHLO and HELO; the host name if unset.
        banner_hostname: OptionalText = "", in [esmtp_listener, listen, peer, pathway, pathway_group];
        /// The complete greeting, which must begin with 220; wins over banner_hostname.
        static_banner: OptionalText = "", in [esmtp_listener, listen, peer, pathway, pathway_group];
        /// Name after `by` in Received; the host name if unset.
        received_hostname: OptionalText = "", in [esmtp_listener, listen, peer, pathway, pathway_group];
        /// AUTH PLAIN: uri (file:///path, digest:///path, or a module's), realm, log_authentication.
        authplainparameters: Dictionary = "", in [esmtp_listener, listen, pathway, pathway_group];
        /// AUTH LOGIN: as PLAIN.
        authloginparameters: Dictionary = "", in [esmtp_listener, listen, pathway, pathway_group];
        /// AUTH CRAM-MD5: uri (file:///path, or a module's), log_authentication.
        authcrammd5parameters: Dictionary = "", in [esmtp_listener, listen, pathway, pathway_group], tier 2;
        /// AUTH DIGEST-MD5: uri (digest:///path, file:///path, or a module's), realm, stored_cleartext,
        /// log_authentication.
        authdigestmd5parameters: Dictionary = "", in [esmtp_listener, listen, peer, pathway, pathway_group], tier 2;
        /// True: mail commands before a successful AUTH are answered 530, but for clients that may relay anyway.
        enable_authentication: Optional<Bool> = "",
            in [esmtp_listener, listen, peer, pathway, pathway_group], tier 2;
        /// True: every AUTH succeeds, as user anonymous.
        always_allow: Bool = "false", in [esmtp_listener, listen, peer, pathway, pathway_group], tier 2;
        /// True: every AUTH fails; wins over always_allow.
        always_deny: Bool = "false", in [esmtp_listener, listen, peer, pathway, pathway_group], tier 2;
        /// Preset variables of the connection context.
        context: Dictionary = "", in [esmtp_listener, listen, peer, pathway, pathway_group];
        /// The pathway whose options apply.
        pathway: Text = "default" instead of "" because "that is the name of the pathway which always exists",
            in [esmtp_listener, listen, peer];
        /// Extensions offered besides PIPELINING, 8BITMIME and SIZE. Whoever is offered XCLIENT, XREMOTEIP or
        /// XSETCONTEXT is believed: in the Peer stanzas of trusted clients only.
        smtp_extensions: List<Text> = "( ENHANCEDSTATUSCODES )"
            instead of "" because "the shipped configuration offers it",
            in [esmtp_listener, listen, peer, pathway, pathway_group];
        /// Text after 421 when a newer configuration is active.
        reconfig_message: Text = "4.3.2 Reconfiguration in progress", in [esmtp_listener];
        /// True: mail commands before EHLO or HELO are refused.
        require_ehlo: Bool = "false", in [global, esmtp_listener, listen, peer, pathway, pathway_group];
        /// Clients that may send anywhere. The narrowest definition replaces wider ones.
        relay_hosts: Cidrs = "", in [global, esmtp_listener, listen, peer, pathway, pathway_group];
        /// True: every client may send anywhere.
        open_relay: Bool = "false", in [esmtp_listener, listen, peer, pathway, pathway_group];
        /// Sender domains that may send anywhere: names or `*.suffix`.
        relay_for_sending_domains: List<Text> = "", in [esmtp_listener, listen, peer, pathway, pathway_group];
        /// Domains that mail is accepted for: names or `*suffix`.
        relay_domains: List<Text> = "", in [global, pathway, pathway_group];
        /// Domains that bounces come back to; accepted like relay_domains.
        bounce_domains: List<Text> = "", in [global, pathway, pathway_group];
        /// False: MAIL FROM:<> is refused.
        allow_null_envelope_sender: Bool = "true",
            in [global, esmtp_listener, listen, peer, pathway, pathway_group];
        /// False: addresses such as user@[192.0.2.1] are refused.
        allow_ip_literal: Bool = "true", in [global, esmtp_listener, listen, peer, pathway, pathway_group];
        /// True: blanks between an address and its angle brackets are ignored.
        allow_trailing_whitespace_in_commands: Bool = "false",
            in [global, esmtp_listener, listen, peer, pathway, pathway_group];
        /// False: `a..b@` and `ab.@` are tolerated.
        rfc2821_pedantic_address_rules: Bool = "true", in [global, pathway, pathway_group];
        /// True: blanks before the end of a MAIL or RCPT line are ignored.
        rfc2821_allow_whitespace_in_envelope: Bool = "false", in [global, pathway, pathway_group];
        /// A lone CR or LF in the header.
        rfc2822_lone_lf_in_headers: LoneLf = "pedantic", in [global, pathway, pathway_group];
        /// A lone CR or LF in the body.
        rfc2822_lone_lf_in_body: LoneLf = "pedantic"
            instead of "ignore" because "next hops that take a lone LF for a line end could be smuggled a second message",
            in [global, pathway, pathway_group];
        /// Lines of more than 998 octets, or of more than a number of one's own (then
        /// rfc2822_max_line_length_policy says what becomes of them).
        rfc2822_max_line_length: LineLengths = "ignore", in [global, pathway, pathway_group];
        /// Lines above a numeric rfc2822_max_line_length: left, folded, or the message refused.
        rfc2822_max_line_length_policy: LineLengthPolicy = "none", in [global, pathway, pathway_group];
        /// A message that does not begin with a header field.
        rfc2822_missing_headers: MissingHeaders = "reject", in [global, pathway, pathway_group];
        /// A missing Date field.
        rfc2822_date_header: DateHeader = "ifneeded", in [global, pathway, pathway_group];
        /// A missing Message-ID field.
        rfc2822_messageid_header: MessageIdHeader = "ifneeded", in [global, pathway, pathway_group];
        /// True: Received is added, Return-Path added or replaced.
        rfc2822_trace_headers: Bool = "true", in [global, pathway, pathway_group];
        /// True: recipients refused in data_spool_each_rcpt, while others are taken, get their sender a notice.
        generate_bounces_for_multi_recipient_policy_rejections: Bool = "true",
            in [global, pathway, pathway_group];
        /// Receptions per time; what is above waits.
        inbound_throttle_messages: Throttle = "", in [global, pathway, pathway_group];
    }
}

config::choices! {
    /// What becomes of a bounce that came in as mail, once it is written down.
    pub enum BounceBehavior { Pass = 0: "pass", Blackhole = 1: "blackhole" }
}

config::options! {
    /// What mail to a domain of bounce_domains obeys.
    pub struct IncomingBounceOptions {
        /// Delivered like any mail, or dropped.
        bounce_behavior: BounceBehavior = "pass", in [domain, global];
        /// What the address of a bounce matches; every address of bounce_domains if unset.
        bounce_pattern: config::Optional<config::Regex> = "", in [domain, global];
    }
}

config::options! {
    /// What holds for the whole process.
    pub struct GlobalOptions {
        /// Our name; that of the system if unset.
        hostname: OptionalText = "", in [global];
        /// Folder of the spool.
        spoolbase: Text = "/var/spool/ecelerity", in [global];
        /// Bytes of one segment file of the spool; a multiple of 4096.
        spool_segment_size: Size = "67108864", in [global], tier 0;
        /// Bytes of message contents that may stay in memory while they wait; the rest is read back from the
        /// spool when its turn comes.
        spool_memory: Size = "268435456", in [global], tier 0;
        /// Bytes that messages may take while they are received, all sessions together; beyond, sessions in the
        /// middle of a large one are answered 421.
        reception_memory: Size = "1073741824", in [global], tier 0;
        /// What becomes of mail that no policy gives a binding.
        default_binding: DefaultBinding = "normal", in [global];
        /// The file that names our name servers.
        resolv_conf: Text = "/etc/resolv.conf", in [global], tier 2;
        /// True: truncated answers are asked for again over TCP.
        dns_fallback_to_tcp: Bool = "true" instead of "false" because "a truncated set of exchangers is a wrong one",
            in [global], tier 2;
        /// Seconds; shortest life of a domain's record.
        min_dns_ttl: Seconds = "0", in [global], tier 2;
        /// Seconds; longest life of a domain's record.
        max_dns_ttl: Seconds = "4294967295", in [global], tier 2;
        /// Addresses and @domains, with commas between them, that are never the one that bounced.
        bounce_suppress_list: OptionalText = "", in [global], tier 2;
        /// True: domains of the global relay_domains and bounce_domains go to the hosts of the best preference
        /// only.
        only_use_best_mx_for_relay_domains: Bool = "true", in [global];
        /// False: IPv6 addresses are neither asked for nor used.
        use_ipv6: Bool = "false", in [global];
        /// True: IPv6 addresses of a host come first.
        prefer_ipv6_mxs: Bool = "false", in [global], tier 2;
        /// Networks that are never delivered to; if unset, loopback, unspecified, link-local and multicast
        /// addresses that DNS gave.
        prohibited_hosts: Cidrs = "", in [global];
        /// Addresses that are left out.
        skip_hosts: Cidrs = "", in [global];
        /// Connections to all hosts together.
        server_max_outbound_connections: Size = "20000"
            instead of "75000" because "the shipped configuration says 20000",
            in [global];
        /// On top of server_max_outbound_connections, for queues without any connection.
        server_reserve_outbound_connections: Size = "200", in [global], tier 2;
        /// Seconds between sweeps that use the reserve.
        reserve_maintenance_interval: Seconds = "15", in [global], tier 2;
        /// Seconds between looks at the delayed messages of a busy queue.
        delayed_queue_scan_interval: Seconds = "15", in [global];
        /// Mode of files that deliveries are traced to.
        trace_smtp_mode: Perms = "0640", in [global], tier 3;
        /// Seconds that a stop waits for sessions and deliveries under way.
        shutdown_timeout: Seconds = "30", in [global], tier 0;
        /// Where the process number is written; nowhere if unset.
        pidfile: OptionalText = "" instead of "/var/run/ecelerity.pid" because "systemd knows the process",
            in [global], tier 2;
    }
}

/// The listeners of mail will need the same words.
const AT_THE_CONSOLE: &str = "consoles obey it, other listeners not yet";

config::options! {
    /// The console's listener, and what its clients must show (console.md §1).
    pub struct ControlOptions {
        /// False: no socket.
        enable: Bool = "true", in [control_listener, listen];
        /// Mode of a Unix socket.
        file_mode: Perms = "0660", in [control_listener, listen], tier 2;
        /// Seconds without a command before a console is closed.
        timeout: Seconds = "60", in [control_listener, listen], tier 2;
        /// Whether clients must authenticate; users of a Unix socket are known by their process.
        enable_authentication: Optional<Bool> = "",
            in [control_listener, http_listener, listen, peer], tier 2 Approximated(AT_THE_CONSOLE);
        /// True: such clients need no authentication.
        always_allow: Bool = "false",
            in [control_listener, http_listener, listen, peer], tier 2 Approximated(AT_THE_CONSOLE);
        /// True: every authentication fails; wins over always_allow.
        always_deny: Bool = "false",
            in [control_listener, http_listener, listen, peer], tier 2 Approximated(AT_THE_CONSOLE);
        /// LOGIN: uri (file:///path), log_authentication.
        authloginparameters: Dictionary = "",
            in [control_listener, listen];
        /// DIGEST-MD5: uri (digest:///path), realm, log_authentication.
        authdigestmd5parameters: Dictionary = "",
            in [control_listener, http_listener, listen, peer, xmpp_listener],
            tier 2 Approximated(AT_THE_CONSOLE);
        /// SCRAM-SHA-256: uri (scram:///path), log_authentication.
        authscramsha256parameters: Dictionary = "", in [control_listener, listen, peer], tier 0;
        /// Where the roles of a user stand: uri (groups:///path).
        authorizationparameters: Dictionary = "", in [control_listener, esmtp_listener, listen],
            tier 2 Approximated(AT_THE_CONSOLE);
        /// Whether the Authorization stanza rules the commands given here; acctlog then has each of them.
        enable_authorization: Optional<Bool> = "", in [control_listener, listen, peer], tier 2;
    }
}

config::options! {
    /// A role of the Authorization stanza.
    pub struct RoleOptions {
        /// Commands that a role may give: one of these matches.
        allow: List<Regex> = "", in [role], tier 2;
    }
}

config::options! {
    /// Whom we become once the sockets are bound.
    pub struct SecurityOptions {
        /// A user's name; nobody else if unset.
        user: OptionalText = "" instead of "ecuser" because "without the option nobody's name is assumed",
            in [security], tier 2;
        /// A group's name; the user's own if unset.
        group: OptionalText = "" instead of "ecuser" because "without the option it is the user's own group",
            in [security], tier 2;
    }
}

config::options! {
    /// The module ec_logger.
    pub struct LoggerOptions {
        /// The main log.
        mainlog: Text = "/var/log/ecelerity/mainlog.ec", in [module];
        /// Its mode.
        mainlog_mode: Perms = "0644", in [module];
        /// The log of rejections.
        rejectlog: Text = "/var/log/ecelerity/rejectlog.ec", in [module];
        /// Its mode.
        rejectlog_mode: Perms = "0644", in [module];
        /// The log of what is wrong.
        paniclog: Text = "/var/log/ecelerity/paniclog.ec", in [module];
        /// Its mode.
        paniclog_mode: Perms = "0644", in [module];
        /// Who came to the console, and what they did; nowhere if unset.
        acctlog: OptionalText = "" instead of "/var/log/ecelerity/acctlog.ec" because "it is written where it is asked for",
            in [module], tier 1;
        /// Its mode.
        acctlog_log_mode: Perms = "0644", in [module], tier 1;
        /// False: receptions are left out.
        log_receptions: Bool = "true", in [module];
        /// False: deliveries are left out.
        log_deliveries: Bool = "true", in [module];
        /// False: transient failures are left out.
        log_transient_failures: Bool = "true", in [module];
        /// False: permanent failures are left out.
        log_permanent_failures: Bool = "true", in [module];
        /// False: rejections are left out.
        log_rejections: Bool = "true", in [module];
        /// False: errors are left out.
        log_errors: Bool = "true", in [module];
        /// Seconds between signs of life; 0 none.
        heartbeat: Seconds = "60", in [module];
    }
}

/// What ec_logger may be told besides.
pub const UNBUILT_LOGS: &[config::OptionDef] = config::definitions! {
    /// The log of what was read from the spool at the start.
    importlog: OptionalText = "", in [module], tier 1 Ignored("it is not written");
    /// Its mode.
    importlog_mode: Perms = "0644", in [module], tier 1 Ignored("it is not written");
};

config::options! {
    /// The module bounce_logger.
    pub struct BounceLoggerOptions {
        /// The log of bounces.
        bouncelog: Text = "/var/log/ecelerity/bouncelog.ec", in [module];
        /// Its mode.
        bouncelog_mode: Perms = "0644", in [module];
        /// False: refusals of next hops are left out.
        log_inband_bounces: Bool = "true", in [module];
        /// False: bounces that come in are left out.
        log_outofband_bounces: Bool = "true", in [module];
        /// False: transient failures are left out.
        log_transient_failures: Bool = "true", in [module];
        /// Seconds between signs of life; 0 none.
        heartbeat: Seconds = "60", in [module];
    }
}

config::choices! {
    /// `delivery_method`; other methods of Momentum are not built.
    pub enum DeliveryMethod { Esmtp = 0: "ESMTP", Smtp = 1: "SMTP", Lmtp = 2: "LMTP" }
}

config::choices! {
    pub enum Send8BitMime { No = 0: "no", IfAvailable = 1: "ifavailable" }
}

config::choices! {
    /// `strict` (re-encoding) is not built.
    pub enum Transform8BitMime { No = 0: "no", IfNeeded = 1: "ifneeded", Strip = 3: "strip" }
}

config::choices! {
    /// How we prove ourselves to next hops.
    pub enum AuthMechanism { Plain = 0: "PLAIN", Login = 1: "LOGIN", CramMd5 = 2: "CRAM-MD5" }
}

impl AuthMechanism {
    pub const fn name(self) -> &'static str {
        match self {
            AuthMechanism::Plain => "PLAIN",
            AuthMechanism::Login => "LOGIN",
            AuthMechanism::CramMd5 => "CRAM-MD5",
        }
    }
}

config::choices! {
    /// What of the failed message a notice returns.
    pub enum InlineOriginal { None = 0: "none", Headers = 1: "headers", All = 2: "all" }
}

config::options! {
    /// How we speak to a destination, and what its failures mean (config-language.md §9.1).
    pub struct ConversationOptions {
        /// What is spoken to the next hop.
        delivery_method: DeliveryMethod = "ESMTP", in [global, binding_group, binding, domain];
        /// Port of ESMTP and SMTP.
        remote_smtp_port: Integer = "25", in [global, binding_group, binding, domain];
        /// Port of LMTP.
        lmtp_port: Integer = "2003", in [global, binding_group, binding, domain];
        /// The name in EHLO: `__hostname__` is the local host name, `__message__` the domain of the first message's sender.
        ehlo_hostname: Text = "__hostname__", in [global, binding_group, binding, domain];
        /// Seconds for the connection to come about and its banner to arrive.
        connect_timeout: Seconds = "300", in [global, binding_group, binding, domain];
        /// Seconds for the reply to EHLO or HELO.
        ehlo_timeout: Seconds = "300", in [global, binding_group, binding, domain];
        /// Seconds for the reply to MAIL FROM.
        mailfrom_timeout: Seconds = "300", in [global, binding_group, binding, domain];
        /// Seconds for each reply to RCPT TO.
        rcptto_timeout: Seconds = "300", in [global, binding_group, binding, domain];
        /// Seconds for the reply after the final dot.
        body_timeout: Seconds = "600", in [global, binding_group, binding, domain];
        /// Seconds for the reply to RSET.
        rset_timeout: Seconds = "30", in [global, binding_group, binding, domain];
        /// Seconds that a connection with nothing to send is kept.
        idle_timeout: Seconds = "5", in [global, binding_group, binding, domain];
        /// Whether 8-bit mail is announced to next hops that know the extension.
        send_8bitmime: Send8BitMime = "no", in [global, binding_group, binding, domain], tier 2;
        /// What becomes of 8-bit mail for next hops that do not take it.
        transform_8bitmime_content: Transform8BitMime = "ifneeded", in [global, binding_group, binding, domain], tier 2;
        /// Recipients delivered, after which a connection is closed; 0 unlimited.
        max_deliveries_per_connection: Size = "0", in [global, binding_group, binding, domain];
        /// RCPT TO commands sent, after which a connection is closed; 0 unlimited.
        max_recipients_per_connection: Size = "0", in [global, binding_group, binding, domain];
        /// Recipients of one transaction.
        max_recipients_per_batch: Size = "100", in [global, binding_group, binding, domain];
        /// Seconds that an address which failed is left alone.
        host_failure_retry: Seconds = "120", in [global, domain];
        /// Failed MX lookups after which the domain's own addresses are used.
        mx_failures_fallback_to_a: Size = "3", in [global, domain];
        /// False: the first connection waits for no more than the first hosts that have addresses. Domains of
        /// the global relay_domains always wait for all.
        fully_resolve_before_smtp: Bool = "true", in [global, binding_group, binding, domain];
        /// Failed lookups after which all mail of the domain fails; 0 never.
        dns_failures_to_purge: Size = "10", in [global, domain];
        /// False: failures of this mail send nobody a notice.
        generate_bounces: Bool = "true", in [global, binding_group, binding, domain];
        /// What a notice returns of the failed message.
        bounces_inline_original: InlineOriginal = "headers", in [global, binding_group, binding, domain];
        /// Keys of the connection context that are not kept with a message: one of these matches anywhere in
        /// them. Internal keys (`#…`) stay.
        exclude_vctx_conn: List<Regex> = "", in [global, binding_group, binding, domain], tier 2;
        /// The same for keys of the message context.
        exclude_vctx_mess: List<Regex> = "", in [global, binding_group, binding, domain], tier 2;
        /// User name given to the next hop; a message's variable of the same name goes before it. `false` is
        /// none, here and in the next ones.
        outbound_smtp_auth_user: OptionalText = "", in [global, binding_group, binding, domain], tier 2;
        /// Password given to the next hop.
        outbound_smtp_auth_pass: OptionalText = "", in [global, binding_group, binding, domain], tier 2;
        /// How they are given; the best that the next hop offers if unset. A hop that does not offer it gets
        /// neither: its mail waits.
        outbound_smtp_auth_type: Optional<AuthMechanism> = "", in [global, binding_group, binding, domain], tier 2;
        /// Passed to the modules that look for user name and password, as the message's variable.
        outbound_smtp_auth_key: OptionalText = "", in [global, binding_group, binding, domain], tier 2;
        /// Sender in the header of notices; mailer-daemon@hostname if unset.
        mailerdaemon: OptionalText = "", in [global, binding_group, binding, domain];
    }
}
