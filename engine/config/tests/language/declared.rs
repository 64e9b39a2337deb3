//! What the tests declare: a cut of Momentum's options and modules, with their true types and scopes.

use config::{
    Bool, Cidrs, ColonList, Counted, Dictionary, Float, Instances, Integer, IpAddress, List, ModuleSyntax,
    Optional, OptionalText, Perms, Registry, Retries, Seconds, Size, SocketAddress, StanzaSyntax, Text,
    Throttle,
};

config::choices! {
    pub enum Method { Esmtp = 0: "ESMTP", Smtp = 1: "SMTP", Lmtp = 2: "LMTP" }
}

config::choices! {
    pub enum LoneLf { Ignore = 0: "ignore", Pedantic = 1: "pedantic", Fix = 2: "fix" }
}

config::choices! {
    pub enum Blackhole { No = 0: "false" | "off" | "no", Yes = 1: "true" | "on" | "yes", Inline = 2: "inline" }
}

config::options! {
    pub struct OutboundOptions {
        max_outbound_connections: Integer = "32", in [binding, binding_group, domain, global];
        scope_max_outbound_connections: Counted = "", in [binding, binding_group, domain, global, host];
        max_deliveries_per_connection: Integer = "0", in [binding, binding_group, domain, global];
        message_expiration: Seconds = "604800", in [binding, binding_group, domain, global];
        retry_interval: Seconds = "1200", in [binding, binding_group, domain, global];
        max_retries: Retries = "auto", in [binding, binding_group, domain, global];
        suspend_delivery: Bool = "false", in [binding, binding_group, domain, global];
        outbound_throttle_messages: Throttle = "", in [binding, binding_group, domain, global];
        outbound_throttle_connections: Throttle = "", in [binding, binding_group, domain, global];
        ehlo_hostname: OptionalText = "", in [binding, binding_group, domain, global];
        bind_address: Text = "*", in [binding, binding_group, global];
        gateway: OptionalText = "", in [binding, binding_group, domain, global];
        routes: List<Text> = "( __mx__ )", in [domain, global];
        delivery_method: Method = "ESMTP", in [binding, binding_group, domain, global];
        lmtp_port: Integer = "2003", in [binding, binding_group, domain, global];
        blackhole: Blackhole = "false", in [binding, binding_group, domain, global];
        connection_allocation_aggressiveness: Float = "0.3", in [binding, binding_group, domain, global];
        adaptive_max_outbound_connections: List<Integer> = "", in [binding, binding_group, domain, global];
        skip_hosts: Cidrs = "", in [binding, binding_group, domain, global];
        prohibited_hosts: Cidrs = "( 127.0.0.0/8 0.0.0.0 )", in [global];
    }
}

config::options! {
    pub struct HostOptions {
        max_outbound_connections: Integer = "-1", in [host];
    }
}

config::options! {
    pub struct InboundOptions {
        idle_time: Seconds = "300", in [esmtp_listener, listen, peer, pathway, pathway_group];
        enable: Bool = "true", in [esmtp_listener, control_listener, listen];
        concurrency: Integer = "0", in [esmtp_listener, control_listener, listen, threadpool];
        backlog: Integer = "0", in [threadpool];
        timeout: Seconds = "60", in [control_listener, listen];
        file_mode: Perms = "0660", in [esmtp_listener, control_listener, listen];
        open_relay: Bool = "false", in [esmtp_listener, listen, peer, pathway, pathway_group, global];
        always_deny: Bool = "false", in [esmtp_listener, listen, peer];
        relay_hosts: Cidrs = "", in [esmtp_listener, listen, peer, pathway, pathway_group, global];
        relay_domains: List<Text> = "", in [pathway, pathway_group, global];
        smtp_extensions: List<Text> = "", in [esmtp_listener, listen, peer, pathway, pathway_group];
        tls_certificate: OptionalText = "", in [esmtp_listener, listen, peer, pathway, pathway_group];
        pathway: Text = "default", in [esmtp_listener, listen, peer];
        context: Dictionary = "", in [esmtp_listener, listen, peer, pathway, pathway_group];
        rfc2822_lone_lf_in_body: LoneLf = "ignore", in [pathway, pathway_group, global];
        inbound_throttle_messages: Throttle = "", in [pathway, pathway_group, global];
        enable_authentication: Bool = "false", in [esmtp_listener, control_listener, listen, peer];
        enable_authorization: Bool = "false", in [control_listener, listen, peer];
        authdigestmd5parameters: Dictionary = "", in [control_listener, listen];
        authorizationparameters: Dictionary = "", in [control_listener, listen];
    }
}

config::options! {
    pub struct OtherOptions {
        user: OptionalText = "", in [security];
        group: OptionalText = "", in [security];
        capabilities: OptionalText = "", in [security];
        supplemental_groups: List<Text> = "", in [security];
        allow: List<config::Regex> = "", in [role];
        uri: List<Text> = "", in [datasource];
        cache_life: Seconds = "0", in [datasource];
        codes: List<Text> = "", in [adaptive_sweep_rule];
        low_threshold: Float = "5", in [adaptive_sweep_rule];
        high_threshold: Float = "10", in [adaptive_sweep_rule];
        high_action: List<Text> = "", in [adaptive_sweep_rule];
        state: Bool = "true", in [snmp];
        address: SocketAddress = "*:8162", in [snmp];
        community: OptionalText = "", in [snmp];
        error: List<Text> = "", in [debug_flags];
        hostname: OptionalText = "", in [global];
        spool_mode: Perms = "0640", in [global];
        spoolbase: Text = "/var/spool/ecelerity", in [global];
        receive_buffer: Size = "0", in [global];
        source: Optional<IpAddress> = "", in [global];
    }
}

config::options! {
    struct AliasOptions { alias_schemes: List<Text> = "", in [pathway, pathway_group, global]; }
}
config::options! {
    struct AdaptiveOptions { operational_log_level: Text = "notice", in [module]; }
}
config::options! {
    struct AuthenticateOptions {
        cache: OptionalText = "", in [module];
        query: OptionalText = "", in [module];
        map: Dictionary = "", in [module];
    }
}
config::options! {
    struct ScriptletOptions { script_ttl: Seconds = "0", in [module]; }
}
config::options! {
    struct ScriptOptions { source: OptionalText = "", in [module]; }
}
config::options! {
    struct LoggerOptions {
        bouncelog: OptionalText = "", in [module];
        bouncelog_mode: Perms = "0640", in [module];
    }
}
config::options! {
    struct RipperOptions {
        base: OptionalText = "", in [module];
        bits: Dictionary = "", in [module];
        values: Dictionary = "", in [module];
        address_headers: ColonList = "", in [module];
    }
}
config::options! {
    struct SieveOptions { data_phase1: OptionalText = "", in [module]; }
}

const MODULES: &[ModuleSyntax] = &[
    ModuleSyntax {
        name: "alias",
        instances: Instances::Many,
        options: &[AliasOptions::DEFINITIONS],
        stanzas: &[],
    },
    ModuleSyntax { name: "alerting", instances: Instances::Singleton, options: &[], stanzas: &[] },
    ModuleSyntax {
        name: "adaptive",
        instances: Instances::Singleton,
        options: &[AdaptiveOptions::DEFINITIONS],
        stanzas: &[],
    },
    ModuleSyntax {
        name: "auth_ds",
        instances: Instances::Singleton,
        options: &[],
        stanzas: &[StanzaSyntax {
            keyword: "Scheme",
            named: true,
            options: &[],
            stanzas: &[StanzaSyntax {
                keyword: "Authenticate",
                named: false,
                options: &[AuthenticateOptions::DEFINITIONS],
                stanzas: &[],
            }],
        }],
    },
    ModuleSyntax {
        name: "scriptlet",
        instances: Instances::One,
        options: &[ScriptletOptions::DEFINITIONS],
        stanzas: &[StanzaSyntax {
            keyword: "script",
            named: true,
            options: &[ScriptOptions::DEFINITIONS],
            stanzas: &[],
        }],
    },
    ModuleSyntax { name: "spf_v1", instances: Instances::Many, options: &[], stanzas: &[] },
    ModuleSyntax {
        name: "bounce_logger",
        instances: Instances::Many,
        options: &[LoggerOptions::DEFINITIONS],
        stanzas: &[],
    },
    ModuleSyntax {
        name: "url_ripper",
        instances: Instances::Many,
        options: &[RipperOptions::DEFINITIONS],
        stanzas: &[],
    },
    ModuleSyntax {
        name: "sieve",
        instances: Instances::Many,
        options: &[SieveOptions::DEFINITIONS],
        stanzas: &[],
    },
];

/// The folder of the cases that are played with these.
pub const CASES: &str = "../../tests/config";

pub fn registry() -> Registry {
    let families = [
        OutboundOptions::DEFINITIONS,
        HostOptions::DEFINITIONS,
        InboundOptions::DEFINITIONS,
        OtherOptions::DEFINITIONS,
    ];
    Registry::new(&families, MODULES)
}
