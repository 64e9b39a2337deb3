//! DMARC (RFC 7489): whether a domain of From answers for a message, and what it wants done if not.

use crate::Verdict;
use crate::name::{is_host_name, organisational_domain};
use crate::question::{Kind, Question, Reply};
use crate::tags::Tags;

/// What a domain asks for (RFC 7489 §6.3, `p=`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    #[default]
    None,
    Quarantine,
    Reject,
}

impl Policy {
    pub fn as_str(self) -> &'static str {
        match self {
            Policy::None => "none",
            Policy::Quarantine => "quarantine",
            Policy::Reject => "reject",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let all = [Policy::None, Policy::Quarantine, Policy::Reject];
        all.into_iter().find(|policy| policy.as_str().eq_ignore_ascii_case(name))
    }

    /// The next weaker one, for those messages that `pct=` leaves out (RFC 7489 §6.6.4).
    fn weaker(self) -> Self {
        match self {
            Policy::Reject => Policy::Quarantine,
            Policy::Quarantine | Policy::None => Policy::None,
        }
    }
}

/// A record (RFC 7489 §6.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub policy: Policy,
    /// `sp=`: for subdomains of the organisational domain
    pub subdomain_policy: Policy,
    /// `adkim=s`
    pub dkim_is_strict: bool,
    /// `aspf=s`
    pub spf_is_strict: bool,
    /// `pct=`
    pub percent: u8,
    /// `rua=`, `ruf=`: addresses of reports, as they stand
    pub aggregate_reports: Vec<String>,
    pub failure_reports: Vec<String>,
    /// `fo=`
    pub failure_options: Box<str>,
}

impl Record {
    /// Whether a TXT record claims to be DMARC: `v=DMARC1` comes first, in these letters.
    pub fn is_one(text: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(text) else { return false };
        let first = text.split(';').next().and_then(|tag| tag.split_once('='));
        first.is_some_and(|(name, value)| name.trim() == "v" && value.trim() == "DMARC1")
    }

    /// None if the record says nothing usable. A record without `p=` that asks for reports counts as `p=none`
    /// (RFC 7489 §6.6.3).
    pub fn parse(text: &[u8]) -> Option<Record> {
        const MAX_OCTETS: usize = 8192;
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= MAX_OCTETS)?;
        let tags = Tags::parse(text)?;
        let reports = |tag| -> Vec<String> {
            let list = tags.get(tag).unwrap_or("").split(',').map(str::trim);
            list.filter(|address| address.contains(':')).map(str::to_owned).take(16).collect()
        };
        let aggregate_reports = reports("rua");
        let policy = match tags.get("p").map(Policy::named) {
            Some(Some(policy)) => policy,
            _ if !aggregate_reports.is_empty() => Policy::None,
            _ => return None,
        };
        let subdomain_policy = match tags.get("sp").map(Policy::named) {
            Some(Some(policy)) => policy,
            None => policy,
            Some(None) if !aggregate_reports.is_empty() => Policy::None,
            Some(None) => return None,
        };
        let is_strict = |tag| tags.get(tag).is_some_and(|mode| mode.eq_ignore_ascii_case("s"));
        let percent =
            tags.get("pct").and_then(|percent| percent.parse().ok()).filter(|percent| *percent <= 100);
        Some(Record {
            policy,
            subdomain_policy,
            dkim_is_strict: is_strict("adkim"),
            spf_is_strict: is_strict("aspf"),
            percent: percent.unwrap_or(100),
            aggregate_reports,
            failure_reports: reports("ruf"),
            failure_options: tags.get("fo").unwrap_or("0").into(),
        })
    }
}

/// What SPF and DKIM have found: domains that passed.
#[derive(Clone, Debug, Default)]
pub struct Authenticated {
    /// The domain of MAIL FROM, or of HELO with a null sender, if SPF passed for it
    pub spf: Option<Box<str>>,
    /// `d=` of each signature that verified
    pub dkim: Vec<Box<str>>,
    /// SPF or a signature could not be judged for now.
    pub is_temporary: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub verdict: Verdict,
    /// What the domain asks for this message, `pct=` already drawn; none unless the verdict is fail.
    pub disposition: Policy,
    /// What the record says, without drawing.
    pub published: Policy,
    pub spf_aligned: bool,
    pub dkim_aligned: bool,
    /// Where the record stands: the domain of From, or its organisational domain.
    pub policy_domain: Option<Box<str>>,
    pub record: Option<Record>,
}

/// A decider: `want`, `answered`, then `outcome`.
pub struct Evaluation {
    from: Box<str>,
    organisation: Box<str>,
    state: State,
}

enum State {
    /// The record of the domain itself, then of its organisational domain (RFC 7489 §6.6.3).
    Own(Question),
    Organisation(Question),
    Found {
        at: Box<str>,
        record: Record,
    },
    Nothing(Verdict),
}

impl Evaluation {
    /// `from`: the domain of the one address of From. No domain: no policy applies.
    pub fn new(from: &str) -> Self {
        let from = from.trim_end_matches('.').to_ascii_lowercase();
        let organisation = organisational_domain(&from);
        let state = match is_host_name(&from) {
            true => State::Own(question(&from)),
            false => State::Nothing(Verdict::None),
        };
        Evaluation { from: from.into(), organisation: organisation.into(), state }
    }

    pub fn want(&self) -> Option<&Question> {
        match &self.state {
            State::Own(question) | State::Organisation(question) => Some(question),
            State::Found { .. } | State::Nothing(_) => None,
        }
    }

    pub fn answered(&mut self, reply: &Reply) {
        let is_own = matches!(self.state, State::Own(_));
        let found = match reply {
            Reply::Failed => Err(Verdict::Temperror),
            Reply::Texts(texts) => one_record(texts),
            _ => Ok(None),
        };
        let at = if is_own { &self.from } else { &self.organisation };
        self.state = match found {
            Err(verdict) => State::Nothing(verdict),
            Ok(Some(record)) => State::Found { at: at.clone(), record },
            Ok(None) if is_own && self.organisation != self.from => {
                State::Organisation(question(&self.organisation))
            }
            Ok(None) => State::Nothing(Verdict::None),
        };
    }

    /// `draw` is 0 to 99, by chance or by the message: `pct=` compares with it.
    pub fn outcome(&self, authenticated: &Authenticated, draw: u8) -> Outcome {
        let State::Found { at, record } = &self.state else {
            let verdict = if let State::Nothing(verdict) = self.state { verdict } else { Verdict::None };
            return Outcome {
                verdict,
                disposition: Policy::None,
                published: Policy::None,
                spf_aligned: false,
                dkim_aligned: false,
                policy_domain: None,
                record: None,
            };
        };
        let aligned = |domain: &str, is_strict: bool| match is_strict {
            true => domain.eq_ignore_ascii_case(&self.from),
            false => organisational_domain(domain) == *self.organisation,
        };
        let spf_aligned =
            authenticated.spf.as_ref().is_some_and(|domain| aligned(domain, record.spf_is_strict));
        let dkim_aligned = authenticated.dkim.iter().any(|domain| aligned(domain, record.dkim_is_strict));
        let published = if **at == *self.from { record.policy } else { record.subdomain_policy };
        let verdict = match spf_aligned || dkim_aligned {
            true => Verdict::Pass,
            false if authenticated.is_temporary => Verdict::Temperror,
            false => Verdict::Fail,
        };
        let disposition = match verdict {
            Verdict::Fail if draw < record.percent => published,
            Verdict::Fail => published.weaker(),
            _ => Policy::None,
        };
        let (policy_domain, record) = (Some(at.clone()), Some(record.clone()));
        Outcome { verdict, disposition, published, spf_aligned, dkim_aligned, policy_domain, record }
    }
}

fn question(domain: &str) -> Question {
    Question::new(Kind::Txt, &format!("_dmarc.{domain}"))
}

/// Several records are as good as none (RFC 7489 §6.6.3); a broken one is an error.
fn one_record(texts: &[Vec<u8>]) -> Result<Option<Record>, Verdict> {
    let mut records = texts.iter().filter(|text| Record::is_one(text));
    match (records.next(), records.next()) {
        (Some(text), None) => Record::parse(text).map(Some).ok_or(Verdict::Permerror),
        _ => Ok(None),
    }
}
