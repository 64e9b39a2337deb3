//! Everything that holds for one (binding, domain), resolved once; and the throttles and counters that
//! shards share, by the declaration that they belong to.

use crate::credentials::Login;
use crate::exclude::Excluded;
use crate::options::{ConversationOptions, DeliveryMethod, InlineOriginal, Send8BitMime, Transform8BitMime};
use crate::settings::Site;
use ::bounce::Original;
use bindings::hosts::Candidate;
use bindings::options::{HostOptions, OutboundOptions};
use bindings::route::Hop;
use bindings::{
    Counter, CounterCells, Prohibited, QueueSettings, SharedLimit, Source, ThrottleCell, ThrottleCells,
};
use config::{Snapshot, ThrottleRef};
use mail::Time;
use policy_modules::response_transcode::TranscodeOptions;
use smtp::client::{Content8Bit, Method, Settings};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The budgets of the whole process.
#[derive(Default)]
pub struct Cells {
    throttles: ThrottleCells,
    counters: CounterCells,
    server: Arc<Counter>,
}

impl Cells {
    pub(crate) fn throttle(&self, throttle: &ThrottleRef) -> Arc<ThrottleCell> {
        self.throttles.cell(throttle)
    }

    /// Drops budgets that no configuration in use declares any more.
    pub(crate) fn forget_unused(&self, now: Time) {
        self.throttles.forget_unused(now);
    }

    /// All outgoing connections of the process.
    pub(crate) fn server(&self, most: u64) -> SharedLimit {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        SharedLimit::new(self.server.clone(), most, "server_max_outbound_connections")
    }
}

/// One (binding, domain).
pub(crate) struct Outbound {
    pub group: Box<str>,
    pub binding: Rc<str>,
    /// The routing domain: the name of the queue.
    pub domain: Box<str>,
    pub queue: Rc<QueueSettings>,
    pub client: Rc<Settings>,
    pub source: Source,
    pub port: u16,
    gateway: Option<Box<str>>,
    /// This domain is what the operator wrote as a gateway.
    pub is_gateway: bool,
    pub routes: Vec<Hop>,
    pub prohibited: Prohibited,
    pub lookup: dns::Settings,
    /// `fully_resolve_before_smtp`
    pub waits_for_all_hosts: bool,
    pub connect_timeout: Duration,
    pub host_failure_retry: Duration,
    /// Failures in a row of every address after which the domain counts as out of reach; 0 never.
    pub mx_failures_to_delay: u32,
    /// Seconds over which messages put off together are spread.
    pub delayed_binding_domain_fuzz: u32,
    pub max_recipients_per_batch: usize,
    pub mx_failures_fallback_to_a: u32,
    pub dns_failures_to_purge: u32,
    pub generate_bounces: bool,
    pub transcoding: TranscodeOptions,
    pub bounces_inline_original: Original,
    pub mailerdaemon: Option<Arc<str>>,
    pub login: Login,
    /// `ehlo_hostname = __message__`: a connection is introduced by the domain of its first message's sender.
    introduces_sender: bool,
    pub excluded: Excluded,
    snapshot: Arc<Snapshot>,
    cells: Arc<Cells>,
}

impl Outbound {
    pub fn resolve(site: &Site, cells: &Arc<Cells>, group: &str, binding: &str, domain: &str) -> Self {
        let view = site.snapshot.outbound(group, binding, domain);
        let options = OutboundOptions::resolve(&view);
        let talk = ConversationOptions::resolve(&view);
        let lmtp = talk.delivery_method == DeliveryMethod::Lmtp;
        let port = if lmtp { talk.lmtp_port } else { talk.remote_smtp_port };
        let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let mut queue = options.settings(&cells.throttles, &cells.counters);
        queue.suspend_delivery |= site.suspends(binding);
        Outbound {
            group: group.into(),
            binding: binding.into(),
            domain: domain.into(),
            queue: Rc::new(queue),
            client: Rc::new(client_settings(site, &talk)),
            // Mail never leaves from another address than the one that was asked for: where that cannot be
            // had (a host name, two addresses of one family), it waits.
            source: options.source(|_| None).unwrap_or(Source::NOWHERE),
            port: u16::try_from(port).unwrap_or(25),
            gateway: options.gateway.map(|gateway| gateway.domain().into()),
            is_gateway: site.is_gateway(domain),
            routes: site.static_route.map_or(options.routes.0, |target| vec![Hop::to(target)]),
            prohibited: site.prohibited(),
            lookup: site.lookup_settings(domain),
            waits_for_all_hosts: talk.fully_resolve_before_smtp || site.is_own_domain(domain),
            connect_timeout: talk.connect_timeout,
            host_failure_retry: talk.host_failure_retry,
            mx_failures_to_delay: small(options.mx_failures_to_delay),
            delayed_binding_domain_fuzz: small(options.delayed_binding_domain_fuzz),
            max_recipients_per_batch: usize::try_from(talk.max_recipients_per_batch).unwrap_or(100).max(1),
            mx_failures_fallback_to_a: small(talk.mx_failures_fallback_to_a),
            dns_failures_to_purge: small(talk.dns_failures_to_purge),
            generate_bounces: talk.generate_bounces,
            transcoding: TranscodeOptions::resolve(&view),
            bounces_inline_original: match talk.bounces_inline_original {
                InlineOriginal::None => Original::None,
                InlineOriginal::Headers => Original::Headers,
                InlineOriginal::All => Original::All,
            },
            login: Login::of(&talk),
            introduces_sender: &*talk.ehlo_hostname == OF_MESSAGE,
            excluded: Excluded {
                connection: talk.exclude_vctx_conn.to_vec(),
                message: talk.exclude_vctx_mess.to_vec(),
            },
            mailerdaemon: talk.mailerdaemon,
            snapshot: site.snapshot.clone(),
            cells: cells.clone(),
        }
    }

    /// The queue that mail for this domain goes to instead.
    pub fn gateway_domain(&self) -> Option<&str> {
        self.gateway.as_deref()
    }

    /// Whether the name in EHLO is that of a message.
    pub fn introduces_sender(&self) -> bool {
        self.introduces_sender
    }

    /// An address of a host, with the limits of its Host stanza.
    pub fn candidate(&self, host: &str, preference: u64, address: SocketAddr) -> Candidate {
        let options = HostOptions::resolve(&self.snapshot.host(&self.group, &self.binding, host));
        let limits = options.limits(&self.binding, host, &self.cells.throttles, &self.cells.counters);
        Candidate { host: host.into(), preference, address, limits: limits.limits, throttle: limits.throttle }
    }
}

const OF_MESSAGE: &str = "__message__";

fn client_settings(site: &Site, talk: &ConversationOptions) -> Settings {
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Settings {
        ehlo_name: match &*talk.ehlo_hostname {
            // Where no message has a sender, we are who we are.
            "__hostname__" | OF_MESSAGE => site.hostname.to_string(),
            name => name.to_owned(),
        },
        method: match talk.delivery_method {
            DeliveryMethod::Esmtp => Method::Esmtp,
            DeliveryMethod::Smtp => Method::Smtp,
            DeliveryMethod::Lmtp => Method::Lmtp,
        },
        banner_timeout: talk.connect_timeout,
        ehlo_timeout: talk.ehlo_timeout,
        mailfrom_timeout: talk.mailfrom_timeout,
        rcptto_timeout: talk.rcptto_timeout,
        data_timeout: talk.rcptto_timeout,
        body_timeout: talk.body_timeout,
        rset_timeout: talk.rset_timeout,
        idle_timeout: talk.idle_timeout,
        send_8bitmime: talk.send_8bitmime == Send8BitMime::IfAvailable,
        transform_8bitmime_content: match talk.transform_8bitmime_content {
            Transform8BitMime::No => Content8Bit::No,
            Transform8BitMime::IfNeeded => Content8Bit::IfNeeded,
            Transform8BitMime::Strip => Content8Bit::Strip,
        },
        max_deliveries_per_connection: small(talk.max_deliveries_per_connection),
        max_recipients_per_connection: small(talk.max_recipients_per_connection),
        max_recipients_per_batch: small(talk.max_recipients_per_batch),
        pipelining: true,
    }
}
