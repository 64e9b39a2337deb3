//! The configuration as a shard uses it: resolved once for a listener and a client, once for a queue.

use crate::auth::Authentication;
use crate::gate::SessionLimits;
use crate::groundwork::{Groundwork, sources};
use crate::options::{
    DateHeader, DefaultBinding, GlobalOptions, InboundOptions, LineLengthPolicy, LineLengths, LoneLf,
    MessageIdHeader, MissingHeaders,
};
use crate::outbound::{Cells, Outbound};
use crate::relay::Relay;
use crate::trace::TraceSettings;
use bindings::options::{BindAddress, OutboundOptions};
use bindings::{Prohibited, ThrottleCell};
use config::{Endpoint, Inbound, OptionDef, Scope, Snapshot};
use data::Datasources;
use mail::address::fold_domain;
use mail::{Address, Dictionary, Phase};
use policy_api::{Finding, Loaded, Make, Module, ModuleDef, Pipeline, Services, Sources};
use smtp::server::{BareLineEnds, DateHeader as SessionDate, LineLength, MissingHeaders as SessionHeaders};
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::Signal;

/// Product and version, as greetings and trace fields name them.
pub const SOFTWARE: &str = concat!("ecelerity ", env!("CARGO_PKG_VERSION"));

/// RFC 5322 §2.1.1, without CRLF.
const LINE_LENGTH: usize = 998;

/// Settings of queues and listeners kept at hand; beyond that all are forgotten and resolved anew.
const KEPT: usize = 20_000;

type ByDomain = HashMap<Box<str>, Rc<Outbound>>;

/// One generation of the configuration on one shard. A message keeps the one it began with.
pub struct Site {
    pub snapshot: Arc<Snapshot>,
    pub global: GlobalOptions,
    pub hostname: Box<str>,
    pub pipeline: Pipeline,
    /// Some module looks at messages, not only at connections and commands.
    judges_messages: bool,
    ground: Arc<Groundwork>,
    cells: Arc<Cells>,
    /// The module mxip: seconds that an address holds which stands for a host.
    address_as_mx_ttl: Option<u32>,
    /// The option, or the module ipv6_lookup.
    use_ipv6: bool,
    /// The module static_routes: where all mail goes.
    pub static_route: Option<SocketAddr>,
    /// `bounce_suppress_list`, folded.
    pub bounce_suppress_list: Vec<String>,
    /// The global relay_domains and bounce_domains, folded.
    own_domains: Vec<String>,
    outbound: RefCell<HashMap<Box<str>, ByDomain>>,
    listeners: RefCell<HashMap<Endpoint, Rc<ListenerSettings>>>,
    /// The same, for clients whom policy has put on another pathway.
    pathways: RefCell<HashMap<(Endpoint, String), Rc<ListenerSettings>>>,
    /// Raised when the generation retires: one for each module that does something on its own.
    pub attending: RefCell<Vec<Signal>>,
}

/// What one client of one listener gets.
pub struct ListenerSettings {
    pub site: Rc<Site>,
    pub endpoint: Endpoint,
    pub session: Rc<smtp::server::Settings>,
    pub relay: Relay,
    pub limits: SessionLimits,
    pub authentication: Authentication,
    /// The connection context to begin with; `pathway` is in it.
    pub context: Dictionary,
    pub pathway: Box<str>,
    pub pathway_group: Box<str>,
    pub trace: TraceSettings,
    /// `inbound_throttle_messages`, shared by all who fall back to its declaration.
    pub throttle: Option<Arc<ThrottleCell>>,
    /// `bounce_domains`, folded: bounces that come to them as mail are read.
    pub bounce_domains: Vec<String>,
    /// `generate_bounces_for_multi_recipient_policy_rejections`
    pub notifies_of_refusals: bool,
}

impl Site {
    /// `system_hostname` holds where the option `hostname` is unset. An error refuses the configuration.
    pub fn new(
        ground: Arc<Groundwork>,
        cells: &Arc<Cells>,
        system_hostname: &str,
        policy: Policy<'_>,
    ) -> Result<Rc<Self>, Finding> {
        let snapshot = ground.snapshot.clone();
        let global = GlobalOptions::resolve(&snapshot.global());
        let hostname: Box<str> = global.hostname.as_deref().unwrap_or(system_hostname).into();
        let services = offered(&snapshot);
        services.offer(policy_modules::CONFIGURATION, snapshot.clone());
        let pipeline = pipeline(&snapshot, &hostname, policy, services)?;
        let inbound = InboundOptions::resolve(&snapshot.global());
        let own_domains = folded(&inbound.relay_domains).chain(folded(&inbound.bounce_domains)).collect();
        let judges_messages = MESSAGE_PHASES.into_iter().any(|phase| pipeline.has(phase));
        Ok(Rc::new(Site {
            bounce_suppress_list: suppressed(global.bounce_suppress_list.as_deref().unwrap_or("")),
            address_as_mx_ttl: policy_modules::mxip::ttl(&snapshot).map(whole_seconds),
            use_ipv6: global.use_ipv6 || policy_modules::ipv6_lookup::is_on(&snapshot),
            static_route: policy_modules::static_routes::target(&snapshot),
            global,
            hostname,
            judges_messages,
            pipeline,
            own_domains,
            ground,
            cells: cells.clone(),
            outbound: RefCell::default(),
            listeners: RefCell::default(),
            pathways: RefCell::default(),
            attending: RefCell::default(),
            snapshot,
        }))
    }

    /// What the operator should mend, although it works without.
    pub fn findings(&self) -> &[Finding] {
        &self.ground.findings
    }

    pub fn excludes_variables(&self) -> bool {
        self.ground.excludes_variables
    }

    pub fn judges_messages(&self) -> bool {
        self.judges_messages
    }

    /// What a client hears whose module has failed (spec policy.md §3).
    pub fn temporary_issue(&self) -> String {
        format!("{} temporary issue, please retry your message later", self.hostname)
    }

    /// The text of an option in a stanza named by (keyword, name) pairs.
    pub fn option_text(&self, path: &[(&str, &str)], name: &str) -> Option<String> {
        let mut stanza = self.snapshot.root();
        for (keyword, name) in path {
            stanza = stanza.stanzas(keyword).find(|child| child.name() == *name)?;
        }
        stanza.value(name).map(|found| match found.value {
            config::Value::Scalar(word) => word.text.to_string(),
            several => several.to_string(),
        })
    }

    /// A member of a binding group: an unsuspended one if there is any (mail-flow.md §4). None: no such group.
    pub fn member_of(&self, group: &str, recipient: &Address, chance: u64) -> Option<Box<str>> {
        if group.is_empty() {
            return None;
        }
        let members = || self.ground.members_of(group).iter().map(|binding| &**binding);
        let domain = recipient.folded_domain();
        let works = |binding: &&str| !self.outbound(binding, &domain).queue.suspend_delivery;
        let working: Vec<&str> = members().filter(works).collect();
        let from = if working.is_empty() { members().collect() } else { working };
        let chosen = usize::try_from(chance % from.len().max(1) as u64).unwrap_or(0);
        from.get(chosen).map(|binding| (*binding).into())
    }

    /// The queue of a domain that policy chose, or of the domain's gateway.
    pub fn queue_of_domain(&self, binding: &str, domain: &str) -> Box<str> {
        let own = fold_domain(domain);
        let outbound = self.outbound(binding, &own);
        outbound.gateway_domain().map_or_else(|| own.into(), Into::into)
    }

    /// The group of a binding; bindings that the configuration does not know belong to `default`.
    pub fn group_of(&self, binding: &str) -> &str {
        self.ground.group_of(binding).unwrap_or("default")
    }

    pub fn knows_binding(&self, binding: &str) -> bool {
        self.ground.group_of(binding).is_some()
    }

    pub fn knows_binding_group(&self, group: &str) -> bool {
        !self.ground.members_of(group).is_empty()
    }

    /// The binding of a message for which policy chooses none; none is `default_binding = none`.
    pub fn default_binding(&self) -> Option<&'static str> {
        (self.global.default_binding != DefaultBinding::None).then_some("default")
    }

    /// `default_binding = suspended`
    pub fn suspends(&self, binding: &str) -> bool {
        binding == "default" && self.global.default_binding == DefaultBinding::Suspended
    }

    /// The name of the queue: the recipient's domain, or the gateway's if there is one (mail-flow.md §5.1).
    pub fn routing_domain(&self, binding: &str, recipient: &Address) -> Box<str> {
        let own = match recipient.domain() {
            "" => fold_domain(&self.hostname),
            _ => recipient.folded_domain(),
        };
        self.queue_of_domain(binding, &own)
    }

    /// `blackhole = true` for the recipient's domain on the default binding.
    pub fn refuses_recipients_of(&self, domain: &str) -> bool {
        self.outbound("default", domain).queue.blackhole == bindings::Blackhole::Inline
    }

    /// The settings of one (binding, domain).
    pub fn outbound(&self, binding: &str, domain: &str) -> Rc<Outbound> {
        let known = self.outbound.borrow().get(binding).and_then(|domains| domains.get(domain)).cloned();
        if let Some(known) = known {
            return known;
        }
        let group = self.group_of(binding);
        let resolved = Rc::new(Outbound::resolve(self, &self.cells, group, binding, domain));
        let mut outbound = self.outbound.borrow_mut();
        if outbound.values().map(HashMap::len).sum::<usize>() >= KEPT {
            outbound.clear();
        }
        outbound.entry(binding.into()).or_default().insert(domain.into(), resolved.clone());
        resolved
    }

    /// What the socket of an endpoint needs to know; no client is known yet.
    pub fn listener_options(&self, endpoint: &Endpoint) -> InboundOptions {
        let inbound = Inbound { listener: Scope::EsmtpListener, endpoint, peer: None, pathway: None };
        InboundOptions::resolve(&self.snapshot.inbound(inbound))
    }

    pub fn prohibited(&self) -> Prohibited {
        let set = !self.global.prohibited_hosts.is_empty();
        Prohibited {
            prohibited_hosts: set.then(|| self.global.prohibited_hosts.iter().copied().collect()),
            skip_hosts: self.global.skip_hosts.iter().copied().collect(),
        }
    }

    /// Whether a domain is one of ours: of the global relay_domains or bounce_domains.
    pub fn is_own_domain(&self, domain: &str) -> bool {
        crate::relay::listed(&self.own_domains, domain)
    }

    pub fn lookup_settings(&self, domain: &str) -> dns::Settings {
        dns::Settings {
            use_ipv6: self.use_ipv6,
            prefer_ipv6: self.global.prefer_ipv6_mxs,
            best_only: self.global.only_use_best_mx_for_relay_domains && self.is_own_domain(domain),
            min_ttl: whole_seconds(self.global.min_dns_ttl),
            max_ttl: whole_seconds(self.global.max_dns_ttl),
            address_as_mx_ttl: self.address_as_mx_ttl,
            ..dns::Settings::default()
        }
    }

    /// Whether the operator has named this domain as a gateway anywhere.
    pub fn is_gateway(&self, domain: &str) -> bool {
        self.ground.is_gateway(domain)
    }

    /// What a client of this endpoint gets. Resolved once for all clients, unless there are Peer stanzas.
    pub fn listener(self: &Rc<Self>, endpoint: &Endpoint, peer: Option<IpAddr>) -> Rc<ListenerSettings> {
        if let Some(known) = self.listeners.borrow().get(endpoint) {
            return known.clone();
        }
        let settings = Rc::new(ListenerSettings::resolve(self, endpoint, peer, None));
        if !self.has_peers() {
            self.listeners.borrow_mut().insert(endpoint.clone(), settings.clone());
        }
        settings
    }

    /// What a client gets whom policy has put on another pathway; none if there is no such pathway.
    pub fn on_pathway(
        self: &Rc<Self>,
        endpoint: &Endpoint,
        peer: Option<IpAddr>,
        pathway: &str,
    ) -> Option<Rc<ListenerSettings>> {
        let alone = self.snapshot.stanzas("pathway");
        let grouped = self.snapshot.stanzas("pathway_group").flat_map(|group| group.stanzas("pathway"));
        let exists = pathway == "default" || alone.chain(grouped).any(|stanza| stanza.name() == pathway);
        if !exists {
            return None;
        }
        let name = (endpoint.clone(), pathway.to_owned());
        if let Some(known) = self.pathways.borrow().get(&name) {
            return Some(known.clone());
        }
        let settings = Rc::new(ListenerSettings::resolve(self, endpoint, peer, Some(pathway)));
        if !self.has_peers() {
            self.pathways.borrow_mut().insert(name, settings.clone());
        }
        Some(settings)
    }

    pub fn has_listener(&self, endpoint: &Endpoint) -> bool {
        self.snapshot.listeners("esmtp_listener").any(|(known, _)| known == endpoint)
    }

    /// A newer generation is in force, or the shard stops: the settings kept at hand, which hold this one, are let
    /// go, and modules do nothing more on their own.
    pub fn retire(&self) {
        self.listeners.borrow_mut().clear();
        self.pathways.borrow_mut().clear();
        self.attending.take().iter().for_each(Signal::raise);
    }

    fn has_peers(&self) -> bool {
        self.snapshot.stanzas("esmtp_listener").any(|listener| {
            let listens = || listener.stanzas("listen");
            listener.stanzas("peer").next().is_some()
                || listens().any(|listen| listen.stanzas("peer").next().is_some())
        })
    }
}

/// What the modules of a site are made of.
#[derive(Clone, Copy)]
pub struct Policy<'a> {
    pub modules: &'static [&'static ModuleDef],
    pub sources: &'a Arc<Sources>,
    pub shard: usize,
    pub shards: usize,
    /// Puts something around each module: a rehearsal does.
    pub around: Option<Around<'a>>,
}

/// From a module's definition, the name of its stanza, and itself.
pub type Around<'a> = &'a dyn Fn(&'static ModuleDef, &str, Rc<dyn Module>) -> Rc<dyn Module>;

/// Phases at which a message's content is there, or a copy of it.
const MESSAGE_PHASES: [Phase; 7] = [
    Phase::Data,
    Phase::RcpttoList,
    Phase::RcpttoListFinal,
    Phase::DataSpool,
    Phase::DataSpoolEachRcpt,
    Phase::SetBinding,
    Phase::FinalValidation,
];

fn whole_seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

/// What modules find that no module offers.
fn offered(snapshot: &Snapshot) -> Rc<Services> {
    let services: Rc<Services> = Rc::default();
    Datasources::new(snapshot).offer(&services);
    services
}

/// The modules that the configuration names, made in its order.
fn pipeline(
    snapshot: &Snapshot,
    hostname: &str,
    policy: Policy<'_>,
    services: Rc<Services>,
) -> Result<Pipeline, Finding> {
    let mut loaded = Vec::new();
    for stanza in snapshot.modules() {
        let named = |module: &&&ModuleDef| module.name().eq_ignore_ascii_case(stanza.keyword());
        let Some(definition) = policy.modules.iter().find(named).copied() else { continue };
        let options = config::ModuleOptions::resolve(&stanza);
        let make = Make {
            sources: policy.sources,
            services: &services,
            hostname,
            debug_level: options.debug_level,
            shard: policy.shard,
            shards: policy.shards,
        };
        let module = (definition.make)(stanza, &make)?;
        let module = match policy.around {
            Some(around) => around(definition, stanza.name(), module),
            None => module,
        };
        loaded.push(Loaded::new(definition, options.enabled, module).named(stanza.name()));
    }
    Ok(Pipeline::new(loaded))
}

/// What the modules say of a configuration, beyond its options: why it would be refused, if it would, and what they
/// have to remark. Reads files and makes the modules once: not for a shard.
pub fn policy_findings(
    snapshot: &Snapshot,
    modules: &'static [&'static ModuleDef],
) -> (Option<String>, Vec<String>) {
    let sources = Arc::new(sources(snapshot, modules));
    let policy = Policy { modules, sources: &sources, shard: 0, shards: 1, around: None };
    let refusal =
        pipeline(snapshot, "localhost", policy, offered(snapshot)).err().map(|finding| finding.to_string());
    let mut remarks: Vec<String> =
        Datasources::findings(snapshot).iter().map(|finding| finding.to_string()).collect();
    for stanza in snapshot.modules() {
        let named = |module: &&&ModuleDef| module.name().eq_ignore_ascii_case(stanza.keyword());
        let check = modules.iter().find(named).and_then(|module| module.check);
        remarks.extend(
            check.into_iter().flat_map(|check| check(stanza, &sources)).map(|finding| finding.to_string()),
        );
    }
    remarks.extend(crate::auth::findings(snapshot, &sources).iter().map(Finding::to_string));
    remarks.retain(|remark| refusal.as_ref() != Some(remark));
    (refusal, remarks)
}

/// The addresses that bindings send from, for the preflight: they must be plumbed.
pub fn source_addresses(snapshot: &Snapshot) -> Vec<IpAddr> {
    let of = |(group, binding): (&str, &str)| {
        let options = OutboundOptions::resolve(&snapshot.outbound(group, binding, ""));
        [Some(options.bind_address), options.bind_address_secondary]
    };
    let mut addresses: Vec<IpAddr> = snapshot
        .bindings()
        .flat_map(of)
        .filter_map(|address| match address {
            Some(BindAddress::Address(address)) => Some(address),
            _ => None,
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

impl ListenerSettings {
    fn resolve(site: &Rc<Site>, endpoint: &Endpoint, peer: Option<IpAddr>, pathway: Option<&str>) -> Self {
        let inbound = |pathway| Inbound { listener: Scope::EsmtpListener, endpoint, peer, pathway };
        let configured = || InboundOptions::resolve(&site.snapshot.inbound(inbound(None))).pathway;
        let pathway = pathway.map_or_else(configured, Into::into);
        let view = site.snapshot.inbound(inbound(Some(&pathway)));
        let options = InboundOptions::resolve(&view);
        let mut context = context_option().map(|option| view.overlaid(option)).unwrap_or_default();
        if context.get("pathway").is_none() {
            context.set("pathway", &pathway);
        }
        let authentication = Authentication::new(&options, &site.ground.sources, &site.hostname);
        let mechanisms = authentication.mechanisms();
        let small = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
        let domains = folded(&options.relay_domains).chain(folded(&options.bounce_domains)).collect();
        ListenerSettings {
            session: Rc::new(smtp::server::Settings { mechanisms, ..session_settings(site, &options) }),
            authentication,
            relay: Relay {
                domains,
                hosts: options.relay_hosts.iter().copied().collect(),
                open: options.open_relay,
                sending_domains: folded(&options.relay_for_sending_domains).collect(),
            },
            limits: SessionLimits {
                service: small(options.service_sessions),
                listener: small(options.listener_sessions),
                client: small(options.client_sessions),
            },
            context,
            pathway: (*pathway).into(),
            pathway_group: "default".into(),
            trace: TraceSettings {
                trace_headers: options.rfc2822_trace_headers,
                add_date: options.rfc2822_date_header == DateHeader::IfNeeded,
                add_message_id: options.rfc2822_messageid_header == MessageIdHeader::IfNeeded,
                received_hostname: name_or(&options.received_hostname, site),
                software: SOFTWARE.to_owned(),
            },
            throttle: options.inbound_throttle_messages.as_ref().map(|rate| site.cells.throttle(rate)),
            bounce_domains: folded(&options.bounce_domains).collect(),
            notifies_of_refusals: options.generate_bounces_for_multi_recipient_policy_rejections,
            site: site.clone(),
            endpoint: endpoint.clone(),
        }
    }
}

/// Entries between commas and blanks.
fn suppressed(list: &str) -> Vec<String> {
    let entries = list.split([',', ' ', '\t', '\r', '\n']).filter(|entry| !entry.is_empty());
    entries.map(str::to_ascii_lowercase).collect()
}

fn folded(names: &[Arc<str>]) -> impl Iterator<Item = String> {
    names.iter().map(|name| fold_domain(name))
}

fn context_option() -> Option<&'static OptionDef> {
    InboundOptions::DEFINITIONS.iter().find(|option| option.name == "context")
}

fn name_or(name: &Option<Arc<str>>, site: &Site) -> String {
    name.as_deref().unwrap_or(&site.hostname).to_owned()
}

fn session_settings(site: &Site, options: &InboundOptions) -> smtp::server::Settings {
    let limit = |limit: u64| u32::try_from(limit).ok().filter(|limit| *limit > 0);
    let bare = |choice| match choice {
        LoneLf::Ignore => BareLineEnds::Accept,
        LoneLf::Pedantic => BareLineEnds::Refuse,
        LoneLf::Fix => BareLineEnds::Fix,
    };
    smtp::server::Settings {
        banner_hostname: name_or(&options.banner_hostname, site),
        static_banner: options.static_banner.as_deref().map(str::to_owned),
        software: SOFTWARE.to_owned(),
        extensions: options.smtp_extensions.iter().map(|name| name.to_string()).collect(),
        idle_time: Some(options.idle_time).filter(|time| *time > Duration::ZERO),
        max_message_size: Some(options.max_message_size).filter(|size| *size > 0),
        max_recipients_per_message: limit(options.max_recipients_per_message),
        max_recipients_per_connection: limit(options.max_recipients_per_connection),
        max_receptions_per_connection: limit(options.max_receptions_per_connection),
        require_authentication: options.enable_authentication.unwrap_or(false),
        require_ehlo: options.require_ehlo,
        allow_null_envelope_sender: options.allow_null_envelope_sender,
        allow_ip_literal: options.allow_ip_literal,
        rfc2821_pedantic_address_rules: options.rfc2821_pedantic_address_rules,
        allow_trailing_whitespace_in_commands: options.allow_trailing_whitespace_in_commands,
        rfc2821_allow_whitespace_in_envelope: options.rfc2821_allow_whitespace_in_envelope,
        bare_line_ends_in_headers: bare(options.rfc2822_lone_lf_in_headers),
        bare_line_ends_in_body: bare(options.rfc2822_lone_lf_in_body),
        rfc2822_max_line_length: match options.rfc2822_max_line_length {
            LineLengths::Ignore => LineLength::Ignore,
            LineLengths::Pedantic => LineLength::Refuse(LINE_LENGTH),
            LineLengths::Fix => LineLength::Fold(LINE_LENGTH),
            LineLengths::Octets(octets) => match options.rfc2822_max_line_length_policy {
                LineLengthPolicy::None => LineLength::Ignore,
                LineLengthPolicy::Fix => LineLength::Fold(octets as usize),
                LineLengthPolicy::Reject => LineLength::Refuse(octets as usize),
            },
        },
        rfc2822_missing_headers: match options.rfc2822_missing_headers {
            MissingHeaders::Reject => SessionHeaders::Refuse,
            MissingHeaders::Allow => SessionHeaders::Allow,
        },
        rfc2822_date_header: match options.rfc2822_date_header {
            DateHeader::Pedantic => SessionDate::Refuse,
            DateHeader::Ignore | DateHeader::IfNeeded => SessionDate::Ignore,
        },
        reconfig_message: options.reconfig_message.to_string(),
        ..smtp::server::Settings::default()
    }
}
