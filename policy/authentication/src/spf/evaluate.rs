//! check_host() of RFC 7208 §4. The record is walked from its start whenever a reply has come in, over the replies
//! known so far: the walk either ends in a result or at the question that it lacks. So no state is kept between two
//! replies, and a walk costs microseconds.

use super::macros::{MacroFacts, MacroString, Place};
use super::record::{Directive, Mechanism, Prefixes, Qualifier, Record, is_in_block};
use crate::Verdict;
use crate::name::{is_askable, is_host_name, is_within, reversed};
use crate::question::{Kind, Question, Reply};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::net::IpAddr;

/// RFC 7208 §4.6.4.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Terms that look something up.
    pub lookups: u32,
    /// Of these, the ones that find no record.
    pub void_lookups: u32,
    /// Hosts of an `mx`: one more is an error. Names of a `ptr`: the others are not looked at.
    pub names: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { lookups: 10, void_lookups: 2, names: 10 }
    }
}

/// Who wants to send, and as whom.
#[derive(Clone, Debug)]
pub struct Query {
    pub ip: IpAddr,
    /// Of MAIL FROM; for the HELO identity `postmaster` and the HELO name (RFC 7208 §2.3, §2.4).
    pub sender_local: Box<str>,
    pub sender_domain: Box<str>,
    pub helo: Box<str>,
    /// This host, for `%{r}`.
    pub receiver: Box<str>,
    /// For `%{t}`, seconds since 1970.
    pub now_s: u64,
    /// The terms for a domain without a record, which otherwise gives `none`.
    pub default_rule: Option<Record>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub verdict: Verdict,
    /// The term that matched, or `default`.
    pub mechanism: Box<str>,
    /// With `fail`: what the domain says to those who are refused (RFC 7208 §6.2), if it does.
    pub explanation: Option<String>,
    /// With an error or `none`: what is wrong, and where.
    pub problem: Option<String>,
    /// The sender's domain does not exist.
    pub no_such_domain: bool,
}

/// A decider: ask `want`, tell `answered`, until `outcome`.
pub struct Evaluation {
    query: Query,
    limits: Limits,
    known: HashMap<Question, Known>,
    state: State,
}

enum State {
    Wants(Question),
    Over(Outcome),
}

struct Known {
    reply: Reply,
    /// Parsed when a walk first needs the reply as a policy.
    policy: OnceCell<Policy>,
}

/// The policy of a domain (RFC 7208 §4.4, §4.5).
enum Policy {
    None,
    Failed,
    Broken(String),
    Record(Record),
}

enum Stop {
    Ask(Question),
    Error(Verdict, String),
}

impl Evaluation {
    pub fn new(query: Query, limits: Limits) -> Self {
        let ip = query.ip.to_canonical();
        let over = Outcome::new(Verdict::None);
        let query = Query { ip, ..query };
        let mut evaluation = Evaluation { query, limits, known: HashMap::new(), state: State::Over(over) };
        evaluation.walk();
        evaluation
    }

    pub fn want(&self) -> Option<&Question> {
        match &self.state {
            State::Wants(question) => Some(question),
            State::Over(_) => None,
        }
    }

    /// The reply to `want`.
    pub fn answered(&mut self, reply: Reply) {
        let State::Wants(question) = &self.state else { panic!("answered without a question") };
        self.known.insert(question.clone(), Known { reply, policy: OnceCell::new() });
        self.walk();
    }

    /// None while there is something to ask.
    pub fn outcome(&self) -> Option<&Outcome> {
        match &self.state {
            State::Wants(_) => None,
            State::Over(outcome) => Some(outcome),
        }
    }

    fn walk(&mut self) {
        let mut walk = Walk { evaluation: self, lookups: 0, void_lookups: 0 };
        self.state = match walk.run() {
            Ok(outcome) => State::Over(outcome),
            Err(Stop::Ask(question)) => State::Wants(question),
            Err(Stop::Error(verdict, problem)) => {
                State::Over(Outcome { problem: Some(problem), ..Outcome::new(verdict) })
            }
        };
    }
}

impl Outcome {
    fn new(verdict: Verdict) -> Self {
        let mechanism = "default".into();
        Outcome { verdict, mechanism, explanation: None, problem: None, no_such_domain: false }
    }
}

struct Walk<'a> {
    evaluation: &'a Evaluation,
    lookups: u32,
    void_lookups: u32,
}

/// What the record of one domain says.
struct Found<'a> {
    verdict: Verdict,
    directive: Option<&'a Directive>,
    /// The explanation of the record that decided, and its domain.
    explanation: Option<(&'a MacroString, String)>,
}

impl<'a> Walk<'a> {
    fn run(&mut self) -> Result<Outcome, Stop> {
        let query = &self.evaluation.query;
        let domain = query.sender_domain.trim_end_matches('.').to_ascii_lowercase();
        if !is_host_name(&domain) {
            let problem = Some(format!("{} is no domain to ask for", domain.escape_default()));
            return Ok(Outcome { problem, ..Outcome::new(Verdict::None) });
        }
        let policy = self.policy(&domain)?;
        let record = match (policy, &query.default_rule) {
            (Policy::None, Some(rule)) => rule,
            (Policy::None, None) => {
                let problem = Some(format!("{domain} has no record"));
                let no_such_domain = self.does_not_exist(&domain);
                return Ok(Outcome { problem, no_such_domain, ..Outcome::new(Verdict::None) });
            }
            _ => self.record(policy, &domain)?,
        };
        let found = self.check(record, &domain)?;
        let mechanism = found.directive.map_or("default", |directive| &directive.text);
        let explanation = match &found.explanation {
            Some((exp, at)) if found.verdict == Verdict::Fail => self.explain(exp, at)?,
            _ => None,
        };
        let no_such_domain = self.does_not_exist(&domain);
        Ok(Outcome {
            mechanism: mechanism.into(),
            explanation,
            no_such_domain,
            ..Outcome::new(found.verdict)
        })
    }

    fn does_not_exist(&self, domain: &str) -> bool {
        let known = self.evaluation.known.get(&Question::new(Kind::Txt, domain));
        known.is_some_and(|known| known.reply == Reply::NoName)
    }

    /// Walks the terms of a record (RFC 7208 §4.6).
    fn check(&mut self, record: &'a Record, domain: &str) -> Result<Found<'a>, Stop> {
        for directive in &record.directives {
            if self.matches(&directive.mechanism, domain)? {
                let verdict = match directive.qualifier {
                    Qualifier::Pass => Verdict::Pass,
                    Qualifier::Fail => Verdict::Fail,
                    Qualifier::Softfail => Verdict::Softfail,
                    Qualifier::Neutral => Verdict::Neutral,
                };
                let explanation = record.explanation.as_ref().map(|exp| (exp, domain.to_owned()));
                return Ok(Found { verdict, directive: Some(directive), explanation });
            }
        }
        let Some(redirect) = &record.redirect else {
            return Ok(Found { verdict: Verdict::Neutral, directive: None, explanation: None });
        };
        self.count_lookup()?;
        let target = self.target(redirect, domain)?;
        let next = self.policy_of_term(&target)?;
        let next = self.record(next, &target)?;
        self.check(next, &target)
    }

    fn matches(&mut self, mechanism: &'a Mechanism, domain: &str) -> Result<bool, Stop> {
        let ip = self.evaluation.query.ip;
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip(block, prefixes) => Ok(is_in_block(ip, *block, *prefixes)),
            Mechanism::Include(spec) => {
                self.count_lookup()?;
                let target = self.target(spec, domain)?;
                let policy = self.policy_of_term(&target)?;
                let record = self.record(policy, &target)?;
                Ok(self.check(record, &target)?.verdict == Verdict::Pass)
            }
            Mechanism::A(spec, prefixes) => {
                self.count_lookup()?;
                let target = self.target_or(spec, domain)?;
                let reply = self.count_void(Question::addresses(&target, ip))?;
                self.has_address(reply, &target, *prefixes)
            }
            Mechanism::Mx(spec, prefixes) => {
                self.count_lookup()?;
                let target = self.target_or(spec, domain)?;
                self.is_exchanger(&target, *prefixes)
            }
            Mechanism::Ptr(spec) => {
                self.count_lookup()?;
                let target = self.target_or(spec, domain)?;
                let void = self.lookup(self.reverse_question())?.is_void();
                self.note_void(void)?;
                Ok(self.validated_name(&target)?.is_some_and(|name| is_within(&name, &target)))
            }
            Mechanism::Exists(spec) => {
                self.count_lookup()?;
                let target = self.target(spec, domain)?;
                match self.count_void(Question::new(Kind::A, &target))? {
                    Reply::Failed => Err(temporary(&target)),
                    reply => Ok(!reply.is_void()),
                }
            }
        }
    }

    fn is_exchanger(&mut self, target: &str, prefixes: Prefixes) -> Result<bool, Stop> {
        let hosts = match self.count_void(Question::new(Kind::Mx, target))? {
            Reply::Failed => return Err(temporary(target)),
            Reply::Exchangers(hosts) => hosts,
            _ => return Ok(false),
        };
        if hosts.len() > self.evaluation.limits.names {
            let problem =
                format!("{target} has {} exchangers, at most {}", hosts.len(), self.evaluation.limits.names);
            return Err(Stop::Error(Verdict::Permerror, problem));
        }
        for (_, host) in hosts {
            let reply = self.lookup(Question::addresses(host, self.evaluation.query.ip))?;
            if self.has_address(reply, host, prefixes)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn has_address(&self, reply: &Reply, target: &str, prefixes: Prefixes) -> Result<bool, Stop> {
        match reply {
            Reply::Failed => Err(temporary(target)),
            Reply::Addresses(addresses) => {
                let ip = self.evaluation.query.ip;
                Ok(addresses.iter().any(|address| is_in_block(ip, *address, prefixes)))
            }
            _ => Ok(false),
        }
    }

    fn reverse_question(&self) -> Question {
        let ip = self.evaluation.query.ip;
        let zone = if ip.is_ipv4() { "in-addr.arpa" } else { "ip6.arpa" };
        Question::new(Kind::Ptr, &format!("{}.{zone}", reversed(ip)))
    }

    /// A name of the client that leads back to its address; one at or below `preferred` comes first (§5.5, §7.3).
    fn validated_name(&self, preferred: &str) -> Result<Option<String>, Stop> {
        let Reply::Names(names) = self.lookup(self.reverse_question())? else { return Ok(None) };
        let ip = self.evaluation.query.ip;
        let mut names: Vec<&str> = names.iter().map(|name| name.trim_end_matches('.')).collect();
        names.truncate(self.evaluation.limits.names);
        names.sort_by_key(|name| match name {
            name if name.eq_ignore_ascii_case(preferred) => 0,
            name if is_within(name, preferred) => 1,
            _ => 2,
        });
        for name in names {
            let Reply::Addresses(addresses) = self.lookup(Question::addresses(name, ip))? else { continue };
            if addresses.contains(&ip) {
                return Ok(Some(name.to_ascii_lowercase()));
            }
        }
        Ok(None)
    }

    /// Any failure leaves the fail without an explanation (RFC 7208 §6.2).
    fn explain(&self, exp: &MacroString, domain: &str) -> Result<Option<String>, Stop> {
        let target = self.target(exp, domain)?;
        let Reply::Texts(texts) = self.lookup(Question::new(Kind::Txt, &target))? else { return Ok(None) };
        let [text] = texts.as_slice() else { return Ok(None) };
        let Ok(text) = std::str::from_utf8(text) else { return Ok(None) };
        let Ok(parsed) = MacroString::parse(text, Place::Explanation) else { return Ok(None) };
        let name = self.name_for(&parsed, domain)?;
        let explanation = parsed.expand(&self.facts(domain, &name));
        let printable = explanation.bytes().all(|octet| matches!(octet, b' '..=b'~'));
        Ok(Some(explanation).filter(|text| printable && !text.is_empty() && text.len() <= 450))
    }

    fn target_or(&self, spec: &Option<MacroString>, domain: &str) -> Result<String, Stop> {
        spec.as_ref().map_or_else(|| Ok(domain.to_owned()), |spec| self.target(spec, domain))
    }

    fn target(&self, spec: &MacroString, domain: &str) -> Result<String, Stop> {
        let name = self.name_for(spec, domain)?;
        Ok(spec.expand_domain(&self.facts(domain, &name)))
    }

    /// The value of `%{p}`, looked up only where the macro string has it.
    fn name_for(&self, spec: &MacroString, domain: &str) -> Result<String, Stop> {
        let name = if spec.needs_validated_name() { self.validated_name(domain)? } else { None };
        Ok(name.unwrap_or_default())
    }

    fn facts<'b>(&'b self, domain: &'b str, validated_name: &'b str) -> MacroFacts<'b> {
        let query = &self.evaluation.query;
        MacroFacts {
            sender_local: &query.sender_local,
            sender_domain: &query.sender_domain,
            domain,
            ip: query.ip,
            helo: &query.helo,
            validated_name,
            receiver: &query.receiver,
            now_s: query.now_s,
        }
    }

    fn lookup(&self, question: Question) -> Result<&'a Reply, Stop> {
        self.known(question).map(|known| known.map_or(&Reply::NoName, |known| &known.reply))
    }

    /// None for a name that cannot exist.
    fn known(&self, question: Question) -> Result<Option<&'a Known>, Stop> {
        if !is_askable(&question.name) {
            return Ok(None);
        }
        self.evaluation.known.get(&question).map(Some).ok_or(Stop::Ask(question))
    }

    fn policy(&self, domain: &str) -> Result<&'a Policy, Stop> {
        let known = self.known(Question::new(Kind::Txt, domain))?;
        Ok(known.map_or(&Policy::None, |known| known.policy.get_or_init(|| Policy::read(&known.reply))))
    }

    fn policy_of_term(&mut self, domain: &str) -> Result<&'a Policy, Stop> {
        let policy = self.policy(domain)?;
        let void = self.lookup(Question::new(Kind::Txt, domain))?.is_void();
        self.note_void(void)?;
        Ok(policy)
    }

    /// A domain that include or redirect names must have a record (RFC 7208 §5.2, §6.1).
    fn record(&self, policy: &'a Policy, domain: &str) -> Result<&'a Record, Stop> {
        match policy {
            Policy::Record(record) => Ok(record),
            Policy::Failed => Err(temporary(domain)),
            Policy::Broken(problem) => {
                Err(Stop::Error(Verdict::Permerror, format!("record of {domain}: {problem}")))
            }
            Policy::None => Err(Stop::Error(Verdict::Permerror, format!("{domain} has no record"))),
        }
    }

    fn count_lookup(&mut self) -> Result<(), Stop> {
        self.lookups += 1;
        if self.lookups > self.evaluation.limits.lookups {
            return Err(Stop::Error(Verdict::Permerror, "too many lookups".to_owned()));
        }
        Ok(())
    }

    fn count_void(&mut self, question: Question) -> Result<&'a Reply, Stop> {
        let reply = self.lookup(question)?;
        self.note_void(reply.is_void())?;
        Ok(reply)
    }

    fn note_void(&mut self, void: bool) -> Result<(), Stop> {
        self.void_lookups += u32::from(void);
        if self.void_lookups > self.evaluation.limits.void_lookups {
            return Err(Stop::Error(Verdict::Permerror, "too many lookups without a record".to_owned()));
        }
        Ok(())
    }
}

impl Policy {
    fn read(reply: &Reply) -> Policy {
        let texts = match reply {
            Reply::Failed => return Policy::Failed,
            Reply::Texts(texts) => texts,
            _ => return Policy::None,
        };
        let mut records = texts.iter().filter(|text| Record::is_one(text));
        match (records.next(), records.next()) {
            (None, _) => Policy::None,
            (Some(_), Some(_)) => Policy::Broken("several records".to_owned()),
            (Some(text), None) => Record::parse(text).map_or_else(Policy::Broken, Policy::Record),
        }
    }
}

fn temporary(domain: &str) -> Stop {
    Stop::Error(Verdict::Temperror, format!("{domain} cannot be looked up now"))
}
