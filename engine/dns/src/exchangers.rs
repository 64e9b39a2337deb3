//! Which hosts take the mail of a domain (spec mail-flow.md §6.1, RFC 5321 §5.1).
//!
//! First the MX question, then one or two address questions for each host, all at once; a domain without MX
//! is its own host. Glue in the additional section is not believed: hosts are always asked for.

mod literal;
mod settings;

pub use settings::Settings;

use crate::{Answer, Host, Kind, Name, Question, Record, Route};
use literal::literal;
use std::net::{IpAddr, Ipv4Addr};

/// Hosts used of those that a domain names, the best first.
pub const HOSTS: usize = 32;
/// Addresses used of a host.
pub const ADDRESSES: usize = 16;
/// Seconds that hosts hold beside which a lookup failed: it may have more to say next time.
const PARTIAL_TTL: u32 = 300;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Questions not yet asked. They are wanted until `asked` or each is `answered`.
    Ask(Vec<Question>),
    /// All were asked; some are not answered.
    Wait,
    /// `result` may be asked.
    Done,
}

#[derive(Debug)]
pub struct Exchangers {
    settings: Settings,
    random: u64,
    candidates: Vec<Candidate>,
    asks: Vec<Ask>,
    /// The smallest TTL on the way to the candidates.
    ttl: u32,
    /// The only candidate is the domain itself.
    implicit: bool,
    mx_failed: bool,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Mx,
    Addresses,
    Done(Route),
}

#[derive(Debug)]
struct Candidate {
    name: Name,
    preference: u16,
    /// Where the name is an address.
    address: Option<IpAddr>,
}

#[derive(Debug)]
struct Ask {
    question: Question,
    /// Index of the candidate; of the MX question, none yet.
    candidate: usize,
    asked: bool,
    answer: Option<Answer>,
}

impl Exchangers {
    /// `random` shuffles hosts of equal preference.
    pub fn new(domain: &str, settings: Settings, random: u64) -> Self {
        let mut exchangers = Exchangers::empty(settings, random);
        if let Some(name) = exchangers.begin(domain) {
            exchangers.step = Step::Mx;
            exchangers.asks.push(Ask::new(name, Kind::Mx, 0));
        }
        exchangers
    }

    /// The addresses of one host, without asking for MX (`routes` items of type a, §6.3).
    pub fn of_host(host: &str, settings: Settings, random: u64) -> Self {
        let mut exchangers = Exchangers::empty(settings, random);
        if let Some(name) = exchangers.begin(host) {
            exchangers.ask_domain_itself(name);
        }
        exchangers
    }

    fn empty(settings: Settings, random: u64) -> Self {
        Exchangers {
            settings,
            random,
            candidates: Vec::new(),
            asks: Vec::new(),
            ttl: u32::MAX,
            implicit: false,
            mx_failed: false,
            step: Step::Done(Route::Invalid),
        }
    }

    /// The name to ask about; none if there is nothing to ask, and then the route is known.
    fn begin(&mut self, domain: &str) -> Option<Name> {
        if let Some(address) = literal(domain) {
            let host = Host { name: domain.into(), preference: 0, addresses: vec![address] };
            self.step = Step::Done(Route::Hosts { hosts: vec![host], ttl: self.clamped(u32::MAX) });
            return None;
        }
        Name::new(domain).ok().filter(Name::is_host)
    }

    pub fn want(&self) -> Want {
        if let Step::Done(_) = self.step {
            return Want::Done;
        }
        let open = self.asks.iter().filter(|ask| !ask.asked && ask.answer.is_none());
        let questions: Vec<Question> = open.map(|ask| ask.question.clone()).collect();
        if questions.is_empty() { Want::Wait } else { Want::Ask(questions) }
    }

    /// The questions of the last want are on their way.
    pub fn asked(&mut self) {
        self.asks.iter_mut().for_each(|ask| ask.asked = true);
    }

    pub fn answered(&mut self, question: &Question, answer: Answer) {
        let open = self.asks.iter_mut().find(|ask| ask.answer.is_none() && ask.question == *question);
        let Some(ask) = open else {
            panic!("{question:?} was answered without being asked");
        };
        match self.step {
            Step::Mx => self.learn_exchangers(answer),
            Step::Addresses => {
                ask.answer = Some(answer);
                self.finish_if_complete();
            }
            Step::Done(_) => panic!("{question:?} was answered after the end"),
        }
    }

    /// Panics before `want` is `Done`.
    pub fn result(&self) -> Route {
        match &self.step {
            Step::Done(route) => route.clone(),
            _ => panic!("the hosts of the domain are not known yet"),
        }
    }

    /// Hosts known while other questions are open (fully_resolve_before_smtp = false).
    pub fn so_far(&self) -> Option<Route> {
        let hosts = self.hosts();
        (!hosts.is_empty()).then(|| Route::Hosts { hosts, ttl: self.clamped(self.hosts_ttl()) })
    }

    /// The MX question itself failed, whatever came of it.
    pub fn mx_failed(&self) -> bool {
        self.mx_failed
    }

    fn learn_exchangers(&mut self, answer: Answer) {
        let domain = self.asks.remove(0).question.name;
        match answer {
            Answer::Records { records, ttl } => self.choose_candidates(&records, ttl),
            // "No MX" makes the domain its own host (RFC 5321 §5.1). Zero says only that no SOA came along,
            // as with many a local forwarder: then the addresses decide how long this holds.
            Answer::NoData { ttl } => {
                self.ttl = if ttl == 0 { u32::MAX } else { ttl };
                self.ask_domain_itself(domain);
            }
            Answer::NoName { ttl } => self.step = Step::Done(Route::NoName { ttl: self.clamped(ttl) }),
            Answer::Failed(_) => {
                self.mx_failed = true;
                self.ttl = PARTIAL_TTL;
                if self.settings.fall_back_to_addresses {
                    self.ask_domain_itself(domain);
                } else {
                    self.step = Step::Done(Route::Failed);
                }
            }
        }
    }

    fn choose_candidates(&mut self, records: &[Record], ttl: u32) {
        let named = (0..).zip(records).filter_map(|(index, record)| match record {
            Record::Mx { preference, exchange } => Some((*preference, rank(self.random, index), exchange)),
            _ => None,
        });
        let mut named: Vec<(u16, u64, &Name)> = named.collect();
        // A null MX stands alone (RFC 7505 §3); beside others it names no host.
        if !named.is_empty() && named.iter().all(|(_, _, exchange)| exchange.is_root()) {
            self.step = Step::Done(Route::NullMx { ttl: self.clamped(ttl) });
            return;
        }
        self.ttl = ttl;
        named.sort_unstable();
        let best = named.first().map_or(0, |(preference, ..)| *preference);
        for (preference, _, exchange) in named {
            if self.candidates.len() == HOSTS || (self.settings.best_only && preference > best) {
                break;
            }
            self.add_candidate(exchange, preference);
        }
        self.ask_addresses();
    }

    /// A host named twice counts once, with its better preference; what is no host is left out.
    fn add_candidate(&mut self, exchange: &Name, preference: u16) {
        let address = exchange.as_str().parse::<Ipv4Addr>().ok().map(IpAddr::V4);
        let usable = match address {
            Some(_) => self.settings.address_as_mx_ttl.is_some(),
            None => exchange.is_host(),
        };
        if usable && !self.candidates.iter().any(|known| known.name == *exchange) {
            self.candidates.push(Candidate { name: exchange.clone(), preference, address });
        }
        if let (Some(_), Some(ttl)) = (address, self.settings.address_as_mx_ttl) {
            self.ttl = self.ttl.min(ttl);
        }
    }

    fn ask_domain_itself(&mut self, name: Name) {
        self.implicit = true;
        self.candidates.push(Candidate { name, preference: 0, address: None });
        self.ask_addresses();
    }

    fn ask_addresses(&mut self) {
        let kinds: &[Kind] = match (self.settings.use_ipv6, self.settings.prefer_ipv6) {
            (false, _) => &[Kind::A],
            (true, false) => &[Kind::A, Kind::Aaaa],
            (true, true) => &[Kind::Aaaa, Kind::A],
        };
        let names = self.candidates.iter().enumerate().filter(|(_, candidate)| candidate.address.is_none());
        let asks = names.flat_map(|(index, candidate)| {
            kinds.iter().map(move |kind| Ask::new(candidate.name.clone(), *kind, index))
        });
        self.asks = asks.collect();
        self.step = Step::Addresses;
        self.finish_if_complete();
    }

    fn finish_if_complete(&mut self) {
        if self.asks.iter().any(|ask| ask.answer.is_none()) {
            return;
        }
        let hosts = self.hosts();
        let route = if !hosts.is_empty() {
            Route::Hosts { hosts, ttl: self.clamped(self.hosts_ttl()) }
        } else if self.mx_failed || self.answers().any(Answer::is_failure) {
            // That there is no address does not mean that there is no MX.
            Route::Failed
        } else {
            let ttl = self.clamped(self.answers().map(ttl_of).fold(self.ttl, u32::min));
            if self.implicit { Route::NoMxOrA { ttl } } else { Route::NoUsableHost { ttl } }
        };
        self.step = Step::Done(route);
    }

    fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.asks.iter().filter_map(|ask| ask.answer.as_ref())
    }

    /// The candidates that have addresses by now, in their order.
    fn hosts(&self) -> Vec<Host> {
        let host = |(index, candidate): (usize, &Candidate)| {
            let mut addresses: Vec<IpAddr> = candidate.address.into_iter().collect();
            let asks = self.asks.iter().filter(|ask| ask.candidate == index);
            for address in asks.filter_map(|ask| ask.answer.as_ref()).flat_map(crate::lookup::addresses) {
                if addresses.len() < ADDRESSES && !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            let known = !addresses.is_empty();
            known.then(|| Host { name: candidate.name.shared(), preference: candidate.preference, addresses })
        };
        self.candidates.iter().enumerate().filter_map(host).collect()
    }

    /// The smallest TTL involved (§6.2).
    fn hosts_ttl(&self) -> u32 {
        let involved =
            self.answers().filter(|answer| !matches!(answer, Answer::NoData { .. } | Answer::NoName { .. }));
        involved.map(ttl_of).fold(self.ttl, u32::min)
    }

    fn clamped(&self, ttl: u32) -> u32 {
        ttl.max(self.settings.min_ttl).min(self.settings.max_ttl)
    }
}

impl Ask {
    fn new(name: Name, kind: Kind, candidate: usize) -> Self {
        Ask { question: Question::new(name, kind), candidate, asked: false, answer: None }
    }
}

fn ttl_of(answer: &Answer) -> u32 {
    match answer {
        Answer::Records { ttl, .. } | Answer::NoData { ttl } | Answer::NoName { ttl } => *ttl,
        Answer::Failed(_) => PARTIAL_TTL,
    }
}

/// One random number becomes one for each record: the output function of splitmix64.
fn rank(random: u64, index: u64) -> u64 {
    const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut rank = random.wrapping_add(GOLDEN.wrapping_mul(index + 1));
    rank = (rank ^ (rank >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    rank = (rank ^ (rank >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    rank ^ (rank >> 31)
}

#[cfg(test)]
mod tests;
