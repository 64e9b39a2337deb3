//! The account of every copy: what its client was told, and every end that it came to.
//!
//! Law: a 250 ends delivered or bounced. It ends once, unless nobody can know that it had ended: a final
//! reply that may not have been heard, or a power cut before the end could be written down.

use crate::story::plan::{Plan, SENDERS};
use crate::{Crossing, Presence};
use mail::{MessageId, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// How long after a reply its end may still be unwritten: the journal lets such notes wait for a commit.
const WRITTEN_WITHIN: Duration = Duration::from_millis(500);
/// The same, after an operation of the disk has failed: a rest comes first.
const WRITTEN_AGAIN_WITHIN: Duration = Duration::from_secs(3);
/// The identity of a notice tells the second in which it was made.
const SECOND: Duration = Duration::from_secs(1);
/// From the grant of a throttle to the command at the peer.
const GRANT_TO_COMMAND: Duration = Duration::from_secs(25);

/// What a client was told of one of its recipients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The connection ended first.
    Unsaid,
    Refused,
    Promised(Time),
}

#[derive(Clone, Debug)]
pub struct Violation(pub String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One taken message at a peer, so that its reply can be confirmed.
#[derive(Clone, Debug)]
pub enum Arrival {
    Copy(String, usize),
    Notice(String, usize),
    Unknown,
}

struct Copy {
    sender: Option<String>,
    content: Rc<str>,
    word: Word,
    taken: Vec<Taken>,
    refused: Vec<Time>,
}

/// What a reader of a failure needs; the content is not.
impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Copy { sender, word, taken, refused, .. } = self;
        write!(f, "of {sender:?}, {word:?}, taken {taken:?}, refused {refused:?}")
    }
}

#[derive(Debug)]
struct Taken {
    when: Time,
    /// The engine went on with the connection: it has heard the reply.
    confirmed: bool,
}

#[derive(Debug)]
struct Notice {
    about: Vec<String>,
    created: Time,
    taken: Vec<Taken>,
}

/// What may have kept an end from being written down.
#[derive(Debug, Default)]
pub struct Misfortunes {
    pub cuts: Vec<Time>,
    pub disk_failures: Vec<Time>,
    /// Everything that the engine was ended by, cuts among them.
    pub ends: Vec<Time>,
    /// It failed for ever, or was full until all was calm.
    pub disk_fails_for_long: bool,
    /// Copies in segments that could not be read and were set aside: they are on the disk, and the operator
    /// was told.
    pub aside: BTreeSet<String>,
}

#[derive(Default)]
pub struct Ledger {
    copies: BTreeMap<String, Copy>,
    notices: BTreeMap<String, Notice>,
    attempts: BTreeMap<String, Vec<Time>>,
    sessions: Vec<Presence>,
    most_sessions: usize,
    clients_ended: u64,
    operator_ended: bool,
    orders: usize,
    /// The operator has told the engine to fail mail, whether it heard that or not.
    failure_ordered: bool,
    violations: Vec<Violation>,
}

impl Ledger {
    pub fn client_ended(&mut self) {
        self.clients_ended += 1;
    }

    pub fn clients_ended(&self) -> u64 {
        self.clients_ended
    }

    pub fn operator_ended(&mut self) {
        self.operator_ended = true;
    }

    /// The console has said that an order was carried out.
    pub fn obeyed(&mut self) {
        self.orders += 1;
    }

    pub fn orders(&self) -> usize {
        self.orders
    }

    pub fn failure_ordered(&mut self) {
        self.failure_ordered = true;
    }

    /// Everybody who acts from outside has done what they came for.
    pub fn all_ended(&self, plan: &Plan) -> bool {
        self.clients_ended == plan.clients && self.operator_ended == plan.operates
    }

    pub fn greeted(&mut self, presence: Presence) {
        self.sessions.retain(Presence::is_held);
        self.sessions.push(presence);
        self.most_sessions = self.most_sessions.max(self.sessions.len());
    }

    pub fn begun(&mut self, recipients: &[String], sender: Option<&str>, content: &str) {
        let content: Rc<str> = content.into();
        for recipient in recipients {
            let (sender, content) = (sender.map(str::to_owned), content.clone());
            let copy = Copy { sender, content, word: Word::Unsaid, taken: Vec::new(), refused: Vec::new() };
            self.copies.insert(recipient.clone(), copy);
        }
    }

    pub fn told(&mut self, recipients: &[String], word: Word) {
        for recipient in recipients {
            if let Some(copy) = self.copies.get_mut(recipient) {
                copy.word = word;
            }
        }
    }

    pub fn attempted(&mut self, address: &str, now: Time) {
        let domain = address.rsplit('@').next().unwrap_or_default();
        self.attempts.entry(domain.to_owned()).or_default().push(now);
    }

    pub fn refused(&mut self, address: &str, now: Time) {
        if let Some(copy) = self.copies.get_mut(address) {
            copy.refused.push(now);
        }
    }

    /// A peer has taken a message for this recipient and is about to say so.
    pub fn arrived(&mut self, address: &str, content: &str, now: Time) -> Arrival {
        if address.ends_with(SENDERS) {
            return self.notice_arrived(address, content, now);
        }
        let Some(copy) = self.copies.get_mut(address) else {
            self.violate(format!("{address} was delivered and never sent"));
            return Arrival::Unknown;
        };
        copy.taken.push(Taken { when: now, confirmed: false });
        let (index, whole) = (copy.taken.len() - 1, content.ends_with(&*copy.content));
        if !whole {
            self.violate(format!("{address} was delivered with another content"));
        }
        Arrival::Copy(address.to_owned(), index)
    }

    fn notice_arrived(&mut self, to: &str, content: &str, now: Time) -> Arrival {
        let field = |name: &'static str| content.lines().filter_map(move |line| line.strip_prefix(name));
        let id = field("Message-ID: <").next().and_then(|id| id.split('@').next()).unwrap_or_default();
        let about: Vec<String> =
            field("Final-Recipient: rfc822;").map(|address| address.trim().to_owned()).collect();
        let Ok(number) = id.parse::<MessageId>() else {
            self.violate(format!("{to} got a message that is no notice: {content}"));
            return Arrival::Unknown;
        };
        for address in &about {
            let sender = self.copies.get(address).and_then(|copy| copy.sender.as_deref());
            if sender != Some(to) {
                self.violate(format!("{to} was told of {address}, which is of {sender:?}"));
            }
        }
        let created = Time::from_secs(u64::from(number.second));
        let notice = self.notices.entry(id.to_owned());
        let notice = notice.or_insert(Notice { about, created, taken: Vec::new() });
        notice.taken.push(Taken { when: now, confirmed: false });
        Arrival::Notice(id.to_owned(), notice.taken.len() - 1)
    }

    pub fn confirmed(&mut self, arrivals: &[Arrival]) {
        for arrival in arrivals {
            let taken = match arrival {
                Arrival::Copy(address, index) => {
                    self.copies.get_mut(address).and_then(|copy| copy.taken.get_mut(*index))
                }
                Arrival::Notice(id, index) => {
                    self.notices.get_mut(id).and_then(|notice| notice.taken.get_mut(*index))
                }
                Arrival::Unknown => None,
            };
            if let Some(taken) = taken {
                taken.confirmed = true;
            }
        }
    }

    fn violate(&mut self, text: String) {
        self.violations.push(Violation(text));
    }

    fn notices_about<'a>(&'a self, address: &'a str) -> impl Iterator<Item = &'a Notice> {
        self.notices.values().filter(move |notice| notice.about.iter().any(|about| about == address))
    }

    /// What was promised and has not ended.
    pub fn open(&self, plan: &Plan) -> Vec<&str> {
        let is_open = |address: &&String| {
            let copy = &self.copies[*address];
            let told = copy.sender.is_some();
            let ended_unheard = !told && (!copy.refused.is_empty() || plan.expires);
            matches!(copy.word, Word::Promised(_))
                && copy.taken.is_empty()
                && !ended_unheard
                && self.notices_about(address).next().is_none()
        };
        self.copies.keys().filter(is_open).map(String::as_str).collect()
    }

    pub fn copies(&self) -> usize {
        self.copies.len()
    }

    pub fn promised(&self) -> usize {
        self.copies.values().filter(|copy| matches!(copy.word, Word::Promised(_))).count()
    }

    /// Copies that were taken more than once.
    pub fn doubled(&self) -> usize {
        self.copies.values().filter(|copy| copy.taken.len() > 1).count()
    }

    pub fn notices(&self) -> usize {
        self.notices.len()
    }

    /// Closes the account.
    pub fn close(mut self, plan: &Plan, crossings: &[Crossing], misfortunes: &Misfortunes) -> Vec<Violation> {
        let mut found = std::mem::take(&mut self.violations);
        let mut add = |text: String| found.push(Violation(text));
        for address in self.open(plan).into_iter().filter(|address| !misfortunes.aside.contains(*address)) {
            add(format!("{address} was promised and is lost: {:?}", self.copies[address]));
        }
        for (address, copy) in &self.copies {
            self.close_copy(address, copy, plan, misfortunes).into_iter().for_each(&mut add);
        }
        for (id, notice) in &self.notices {
            let doubtful = notice.taken.iter().filter(|taken| misfortunes.excuse(taken)).count();
            if notice.taken.len() > 1 + doubtful {
                add(format!("notice {id} came {} times: {notice:?}", notice.taken.len()));
            }
        }
        if plan.sessions != 0 && self.most_sessions as u64 > plan.sessions {
            add(format!("{} sessions at once, {} are allowed", self.most_sessions, plan.sessions));
        }
        over_limit(plan, crossings).into_iter().for_each(&mut add);
        self.over_throttle(plan, misfortunes).into_iter().for_each(&mut add);
        found
    }

    fn close_copy(&self, address: &str, copy: &Copy, plan: &Plan, misfortunes: &Misfortunes) -> Vec<String> {
        let mut found = Vec::new();
        let notices: Vec<&Notice> = self.notices_about(address).collect();
        let ends = copy.taken.len() + notices.len();
        let doubtful = copy.taken.iter().filter(|taken| misfortunes.excuse(taken)).count()
            + notices.iter().filter(|notice| misfortunes.excuse_within(notice.created, SECOND)).count();
        if ends > 1 + doubtful {
            found.push(format!("{address} ended {ends} times, {doubtful} with doubt: {copy:?} {notices:?}"));
        }
        if !notices.is_empty() && copy.refused.is_empty() && !plan.expires && !self.failure_ordered {
            found.push(format!("{address} bounced and nobody had refused it: {notices:?}"));
        }
        if copy.word == Word::Refused && ends > 0 && misfortunes.disk_failures.is_empty() {
            found.push(format!("{address} was refused and yet ended: {copy:?} {notices:?}"));
        }
        found
    }

    /// The commands RCPT that a domain's peers saw, against the windows of its throttle: whatever stretch of
    /// time one looks at, it touches so many windows at most.
    fn over_throttle(&self, plan: &Plan, misfortunes: &Misfortunes) -> Vec<String> {
        let Some((events, seconds)) = plan.throttle else { return Vec::new() };
        let mut found = Vec::new();
        for (domain, attempts) in &self.attempts {
            for (first, begin) in attempts.iter().enumerate() {
                let stretch = attempts[first..].iter().zip(1u64..);
                let over = stretch.filter(|(end, count)| {
                    let length = end.since(*begin) + GRANT_TO_COMMAND;
                    let starts =
                        misfortunes.cuts.iter().filter(|cut| **cut > *begin - GRANT_TO_COMMAND && cut <= end);
                    let windows = length.as_secs() / seconds + 2 + starts.count() as u64;
                    *count > events * windows
                });
                if let Some((end, count)) = over.last() {
                    let time = end.since(*begin);
                    found.push(format!("{count} attempts at {domain} in {time:?}: over {events}/{seconds}"));
                    break;
                }
            }
        }
        found
    }
}

impl Misfortunes {
    fn excuse(&self, taken: &Taken) -> bool {
        !taken.confirmed || self.excuse_within(taken.when, Duration::ZERO)
    }

    /// What ended then, or up to so much later, may not have been written down before the engine ended.
    fn excuse_within(&self, when: Time, later: Duration) -> bool {
        let cut = |cut: &Time| *cut >= when && cut.since(when) <= later + WRITTEN_WITHIN;
        let failed = |end: &Time| {
            let matters =
                |failure: &Time| self.disk_fails_for_long || *failure + WRITTEN_AGAIN_WITHIN >= when;
            *end >= when && self.disk_failures.iter().any(|failure| failure <= end && matters(failure))
        };
        self.cuts.iter().any(cut) || self.ends.iter().any(failed)
    }
}

fn over_limit(plan: &Plan, crossings: &[Crossing]) -> Vec<String> {
    let mut found = Vec::new();
    let domains = plan.all_domains();
    let groups = (0..domains.len())
        .map(|place| (domains[place].clone(), plan.hosts_of(place), plan.connections_of_domain));
    let everyone = (0..domains.len()).flat_map(|place| plan.hosts_of(place)).collect();
    for (name, hosts, limit) in groups.chain([("all".to_owned(), everyone, plan.connections_of_server)]) {
        let (mut now, mut most) = (0i64, 0);
        for crossing in crossings.iter().filter(|crossing| hosts.contains(&crossing.to)) {
            now += if crossing.opened { 1 } else { -1 };
            most = most.max(now);
        }
        if most as u64 > limit {
            found.push(format!("{most} connections to {name} at once, {limit} are allowed"));
        }
    }
    found
}
