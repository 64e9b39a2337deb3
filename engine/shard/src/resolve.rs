//! Where a queue's mail goes: the operator's gateway and routes, or the exchangers that DNS names, as
//! candidates for a connection (spec mail-flow.md §6).

use crate::Shard;
use crate::counters::Counters;
use crate::crowd::Crowd;
use crate::outbound::Outbound;
use crate::race::join_all;
use crate::why::NamesFailing;
use bindings::Origin;
use bindings::hosts::Candidate;
use bindings::prohibited::Admission;
use bindings::route::{Hop, HopLookup, Target};
use dns::{Answer, Attempts, Cache, Exchangers, Kind, Query, Question, Resolv, Route, Trouble};
use mail::{Reply, Time};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use world::{Datagrams, Dial, Signal, Stream, World};

/// Domains whose record is kept; beyond that all are forgotten and looked up anew.
const DOMAINS_KEPT: usize = 50_000;

/// Octets of an answer over TCP, the length prefix included (RFC 1035 §4.2.2).
const STREAM_OCTETS: usize = 2 + 65_535;

/// How long the hosts hold that were found before all were asked for.
const PARTIAL_LIFE: Duration = Duration::from_secs(2);

/// What a shard knows of names.
pub(crate) struct Resolver {
    servers: Resolv,
    cache: RefCell<Cache>,
    asking: RefCell<HashMap<Question, Rc<Asking>>>,
    domains: RefCell<HashMap<Box<str>, Record>>,
}

/// A question that is on its way; others who have the same wait for it.
#[derive(Default)]
struct Asking {
    answer: OnceCell<Answer>,
    waiting: Crowd,
}

/// A routing domain's record (mail-flow.md §6.2).
struct Record {
    route: Rc<Route>,
    attempts: Attempts,
    expires: Time,
    /// The first of the lookups that failed in a row.
    failing_since: Option<Time>,
}

/// A record as consoles show it.
#[derive(Clone, Debug)]
pub struct KnownDomain {
    /// Seconds until it is looked up again.
    pub ttl: u64,
    pub hosts: Vec<dns::route::Host>,
    /// Why there is no host.
    pub trouble: Option<String>,
}

/// Where to connect, or what becomes of the mail.
pub(crate) enum Resolution {
    Candidates(Vec<Candidate>),
    /// For every message that is due: permanent or transient, as its code says.
    Failed(Reply),
    /// The domain cannot be looked up now; nothing is known of its mail.
    NotBefore(Time),
}

impl Resolver {
    pub fn new(servers: Resolv, limits: dns::Limits) -> Self {
        Resolver {
            servers,
            cache: RefCell::new(Cache::new(limits)),
            asking: RefCell::default(),
            domains: RefCell::default(),
        }
    }

    /// Drops answers and records whose time is over.
    pub fn purge(&self, now: Time) {
        self.cache.borrow_mut().purge(now);
        // A record that counts failures is kept a while longer: the count is what it is for.
        let kept = |record: &Record| record.expires + dns::attempts::LONGEST_PAUSE > now;
        self.domains.borrow_mut().retain(|_, record| kept(record));
    }

    /// What the cache has, without asking anybody.
    pub fn cached(&self, question: &Question, now: Time) -> Option<Answer> {
        self.cache.borrow_mut().get(question, now)
    }

    /// Domains with a record.
    pub fn domains_known(&self) -> usize {
        self.domains.borrow().len()
    }

    /// Answers in the cache, and octets.
    pub fn cache_size(&self) -> (usize, usize) {
        let cache = self.cache.borrow();
        (cache.len(), cache.bytes())
    }

    /// Questions that wait for an answer.
    pub fn pending(&self) -> usize {
        self.asking.borrow().len()
    }

    /// Whether lookups of the domain fail, since when, and when it is asked for again.
    pub fn failing(&self, domain: &str) -> Option<NamesFailing> {
        let domains = self.domains.borrow();
        let record = domains.get(domain)?;
        let since = record.failing_since?;
        Some(NamesFailing { since, failures: record.attempts.failures(), again: record.expires })
    }

    /// The record of a domain, as consoles show it.
    pub fn known(&self, domain: &str, now: Time) -> Option<KnownDomain> {
        let domains = self.domains.borrow();
        let record = domains.get(domain)?;
        let hosts = match &*record.route {
            Route::Hosts { hosts, .. } => hosts.clone(),
            _ => Vec::new(),
        };
        let trouble = match &*record.route {
            Route::Hosts { .. } => None,
            Route::Failed => Some("The last lookup failed".to_owned()),
            route => route.reply().map(|reply| reply.to_string()),
        };
        let ttl = if record.expires > now { record.expires.since(now).as_secs() } else { 0 };
        Some(KnownDomain { ttl, hosts, trouble })
    }

    /// Host names and addresses of the domain's record.
    pub fn addresses(&self, domain: &str) -> Vec<(String, IpAddr)> {
        match self.domains.borrow().get(domain).map(|record| record.route.clone()).as_deref() {
            Some(Route::Hosts { hosts, .. }) => {
                let of = |host: &dns::route::Host| {
                    let name = host.name.to_string();
                    host.addresses.iter().map(move |address| (name.clone(), *address)).collect::<Vec<_>>()
                };
                hosts.iter().flat_map(of).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Drops all that is known of names (`refresh domain all`).
    pub fn forget_all(&self) {
        self.domains.borrow_mut().clear();
        self.cache.borrow_mut().clear();
    }

    /// Drops what is known of a domain (`refresh domain`).
    pub fn forget(&self, domain: &str) {
        let mut domains = self.domains.borrow_mut();
        domains.remove(domain);
        domains.remove(&*host_key(domain));
        self.cache.borrow_mut().clear();
    }
}

pub(crate) async fn resolve<W: World>(shard: &Rc<Shard<W>>, outbound: &Outbound) -> Resolution {
    let mut found = Found::default();
    if outbound.routes.is_empty() {
        let origin = if outbound.is_gateway { Origin::Operator } else { Origin::Dns };
        let route = match domain_route(shard, outbound, &outbound.domain, true).await {
            Ok(route) => route,
            Err(resolution) => return resolution,
        };
        found.add(outbound, &route, origin, u32::from, outbound.port);
    }
    for hop in outbound.routes.iter() {
        add_hop(shard, outbound, hop, &mut found).await;
    }
    found.resolution()
}

/// A hop that cannot be looked up is passed over: the others may do.
async fn add_hop<W: World>(shard: &Rc<Shard<W>>, outbound: &Outbound, hop: &Hop, found: &mut Found) {
    let port = hop.port.unwrap_or(outbound.port);
    let rank = |preference| hop.preference(preference);
    let (name, with_exchangers, origin) = match &hop.target {
        Target::Address(address) => {
            found.add_address(outbound, &address.to_string(), *address, Origin::Operator, rank(0), port);
            return;
        }
        Target::Name(name) => (name, hop.lookup == HopLookup::Exchangers, Origin::Operator),
        Target::Exchangers => (&outbound.domain, true, Origin::Dns),
    };
    if let Ok(route) = domain_route(shard, outbound, name, with_exchangers).await {
        found.add(outbound, &route, origin, rank, port);
    }
}

/// The record of a name, looked up if it is not known or has expired.
async fn domain_route<W: World>(
    shard: &Rc<Shard<W>>,
    outbound: &Outbound,
    name: &str,
    with_exchangers: bool,
) -> Result<Rc<Route>, Resolution> {
    let key: Box<str> = if with_exchangers { name.into() } else { host_key(name) };
    let now = shard.world.now();
    let (known, mut attempts, failing_since) = match shard.resolver.domains.borrow().get(&key) {
        Some(record) if record.expires > now => (Some(record.route.clone()), record.attempts.clone(), None),
        Some(record) => (None, record.attempts.clone(), record.failing_since),
        None => (None, Attempts::default(), None),
    };
    let route = match known {
        Some(route) => route,
        None => {
            let settings = dns::Settings {
                fall_back_to_addresses: attempts.falls_back(outbound.mx_failures_fallback_to_a),
                ..outbound.lookup.clone()
            };
            let chance = shard.world.chance();
            let exchangers = match with_exchangers {
                true => Exchangers::new(name, settings, chance),
                false => Exchangers::of_host(name, settings, chance),
            };
            let hosts = look_up(shard, exchangers, outbound.waits_for_all_hosts).await;
            let route = Rc::new(hosts.route);
            attempts.looked_up(&route, hosts.mx_failed);
            let now = shard.world.now();
            let life = hosts.life.max(attempts.pause());
            let failing_since = (attempts.failures() > 0).then(|| failing_since.unwrap_or(now));
            let (attempts, expires) = (attempts.clone(), now + life);
            let record = Record { route: route.clone(), attempts, expires, failing_since };
            let mut domains = shard.resolver.domains.borrow_mut();
            if domains.len() >= DOMAINS_KEPT {
                domains.clear();
            }
            domains.insert(key.clone(), record);
            route
        }
    };
    if let Some(reply) = attempts.purges(outbound.dns_failures_to_purge) {
        return Err(Resolution::Failed(reply));
    }
    match (&*route, route.reply()) {
        (_, Some(reply)) => Err(Resolution::Failed(reply)),
        (Route::Failed, None) => {
            let domains = shard.resolver.domains.borrow();
            Err(Resolution::NotBefore(domains.get(&key).map_or(now, |record| record.expires)))
        }
        _ => Ok(route),
    }
}

/// The key of a host whose addresses alone were asked for.
fn host_key(name: &str) -> Box<str> {
    format!("{name}.").into()
}

/// What a lookup has found.
struct Hosts {
    route: Route,
    mx_failed: bool,
    life: Duration,
}

impl Hosts {
    fn of(exchangers: &Exchangers) -> Self {
        let route = exchangers.result();
        let life = Duration::from_secs(u64::from(route.ttl()));
        Hosts { route, mx_failed: exchangers.mx_failed(), life }
    }
}

async fn look_up<W: World>(shard: &Rc<Shard<W>>, mut exchangers: Exchangers, waits_for_all: bool) -> Hosts {
    loop {
        match exchangers.want() {
            dns::exchangers::Want::Ask(questions) => {
                exchangers.asked();
                if !waits_for_all && questions.len() > 1 {
                    return first_hosts(shard, exchangers, questions).await;
                }
                let answers = join_all(questions.iter().map(|question| ask(shard, question))).await;
                for (question, answer) in questions.iter().zip(answers) {
                    exchangers.answered(question, answer);
                }
            }
            dns::exchangers::Want::Wait => unreachable!("every question was answered"),
            dns::exchangers::Want::Done => return Hosts::of(&exchangers),
        }
    }
}

/// Comes back with the first hosts that have addresses (`fully_resolve_before_smtp = false`). The other
/// answers go to the cache, where the next lookup finds them.
async fn first_hosts<W: World>(
    shard: &Rc<Shard<W>>,
    mut exchangers: Exchangers,
    questions: Vec<Question>,
) -> Hosts {
    let answers: Rc<RefCell<Vec<(Question, Answer)>>> = Rc::default();
    let bell = Signal::default();
    for question in questions {
        let (shard, answers, bell) = (shard.clone(), answers.clone(), bell.clone());
        shard.clone().world.spawn("lookup", async move {
            let answer = ask(&shard, &question).await;
            answers.borrow_mut().push((question, answer));
            bell.raise();
        });
    }
    loop {
        bell.wait().await;
        for (question, answer) in answers.take() {
            exchangers.answered(&question, answer);
        }
        if exchangers.want() == dns::exchangers::Want::Done {
            return Hosts::of(&exchangers);
        }
        if let Some(route) = exchangers.so_far() {
            return Hosts { route, mx_failed: exchangers.mx_failed(), life: PARTIAL_LIFE };
        }
    }
}

/// The answer of the cache, if it has one.
pub(crate) fn remembered<W: World>(shard: &Shard<W>, question: &Question) -> Option<Answer> {
    let answer = shard.resolver.cache.borrow_mut().get(question, shard.world.now())?;
    shard.counters.dns_lookups.add(1);
    shard.counters.dns_hits.add(1);
    Some(answer)
}

/// One question: from the cache, with others who ask it now, or from a server.
pub(crate) async fn ask<W: World>(shard: &Rc<Shard<W>>, question: &Question) -> Answer {
    let resolver = &shard.resolver;
    if let Some(answer) = remembered(shard, question) {
        return answer;
    }
    shard.counters.dns_lookups.add(1);
    let under_way = resolver.asking.borrow().get(question).cloned();
    if let Some(asking) = under_way {
        loop {
            if let Some(answer) = asking.answer.get() {
                return answer.clone();
            }
            asking.waiting.wait().await;
        }
    }
    let asking = Rc::new(Asking::default());
    resolver.asking.borrow_mut().insert(question.clone(), asking.clone());
    let answer = ask_servers(shard, question).await;
    count_question(&shard.counters, question, &answer);
    resolver.cache.borrow_mut().put(question.clone(), answer.clone(), shard.world.now());
    resolver.asking.borrow_mut().remove(question);
    let _ = asking.answer.set(answer.clone());
    asking.waiting.wake_all();
    answer
}

/// One question to one server; neither cached nor shared.
pub(crate) async fn ask_server<W: World>(
    shard: &Rc<Shard<W>>,
    question: &Question,
    server: SocketAddr,
) -> Answer {
    let servers = Resolv { servers: [server].into(), ..shard.resolver.servers.clone() };
    ask_these(shard, question, &servers).await
}

fn count_question(counters: &Counters, question: &Question, answer: &Answer) {
    let (asked, late) = match question.kind {
        Kind::A => (&counters.dns_a_queries, &counters.dns_a_timeouts),
        Kind::Aaaa => (&counters.dns_aaaa_queries, &counters.dns_aaaa_timeouts),
        Kind::Mx => (&counters.dns_mx_queries, &counters.dns_mx_timeouts),
        Kind::Txt => (&counters.dns_txt_queries, &counters.dns_txt_timeouts),
        Kind::Ptr => (&counters.dns_ptr_queries, &counters.dns_ptr_timeouts),
        Kind::Ns | Kind::Cname => (&counters.dns_other_queries, &counters.dns_other_timeouts),
    };
    asked.add(1);
    match answer {
        Answer::Failed(Trouble::Timeout) => late.add(1),
        Answer::Failed(_) => {
            counters.dns_responses.add(1);
            counters.dns_bad_responses.add(1);
        }
        _ => counters.dns_responses.add(1),
    }
}

async fn ask_servers<W: World>(shard: &Rc<Shard<W>>, question: &Question) -> Answer {
    ask_these(shard, question, &shard.resolver.servers).await
}

async fn ask_these<W: World>(shard: &Rc<Shard<W>>, question: &Question, servers: &Resolv) -> Answer {
    let id = shard.world.chance() as u16;
    let mut query = Query::new(question.clone(), servers, id, shard.world.now());
    loop {
        let outcome = match query.want() {
            dns::query::Want::Done => return query.answer(),
            dns::query::Want::Datagram { server, packet, deadline } => {
                shard.counters.dns_questions.add(1);
                by_datagram(shard, &mut query, server, packet, deadline).await
            }
            dns::query::Want::Stream { server, packet, deadline } => {
                by_stream(shard, &mut query, server, packet, deadline).await
            }
        };
        match outcome {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => query.timed_out(shard.world.now()),
            Err(_) => query.failed(shard.world.now()),
        }
    }
}

async fn by_datagram<W: World>(
    shard: &Shard<W>,
    query: &mut Query,
    server: SocketAddr,
    packet: Vec<u8>,
    deadline: Time,
) -> io::Result<()> {
    let socket = shard.world.datagrams(server)?;
    socket.send(packet).await?;
    loop {
        let datagram = socket.receive(deadline).await?;
        if query.received(&datagram, shard.world.now()) {
            return Ok(());
        }
    }
}

async fn by_stream<W: World>(
    shard: &Shard<W>,
    query: &mut Query,
    server: SocketAddr,
    packet: Vec<u8>,
    deadline: Time,
) -> io::Result<()> {
    let mut stream = shard.world.dial(Dial { to: server, from: None, deadline }).await?;
    stream.write(vec![packet.into()], deadline).await?;
    let mut received = Vec::new();
    loop {
        let chunk = stream.read(deadline).await?;
        if chunk.is_empty() || received.len() + chunk.len() > STREAM_OCTETS {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        received.extend_from_slice(&chunk);
        if query.received(&received, shard.world.now()) {
            return Ok(());
        }
    }
}

/// Candidates as they are found, and why others are none.
#[derive(Default)]
struct Found {
    candidates: Vec<Candidate>,
    prohibited: bool,
}

impl Found {
    fn add(
        &mut self,
        outbound: &Outbound,
        route: &Route,
        origin: Origin,
        rank: impl Fn(u16) -> u32,
        port: u16,
    ) {
        let Route::Hosts { hosts, .. } = route else { return };
        for host in hosts {
            for address in &host.addresses {
                self.add_address(outbound, &host.name, *address, origin, rank(host.preference), port);
            }
        }
    }

    fn add_address(
        &mut self,
        outbound: &Outbound,
        host: &str,
        address: IpAddr,
        origin: Origin,
        preference: u32,
        port: u16,
    ) {
        match outbound.prohibited.judge(address, origin) {
            Admission::Usable => {
                let address = SocketAddr::new(address, port);
                // Within one preference only: `prefer_ipv6_mxs`.
                let second = outbound.lookup.prefer_ipv6 && address.is_ipv4();
                let preference = u64::from(preference) << 1 | u64::from(second);
                self.candidates.push(outbound.candidate(host, preference, address));
            }
            Admission::Skipped => {}
            Admission::Prohibited => self.prohibited = true,
        }
    }

    fn resolution(self) -> Resolution {
        match (self.candidates.is_empty(), self.prohibited) {
            (false, _) => Resolution::Candidates(self.candidates),
            (true, true) => Resolution::Failed(dns::route::PROHIBITED),
            (true, false) => Resolution::Failed(dns::route::NO_VALID_HOSTS),
        }
    }
}
