//! url_ripper: asks a DNS list about the client, the domains of the envelope and of address fields, and the hosts of the
//! URLs in the text (spec module-details.md, seeds.md). Marks, never refuses: each answer adds to context variables.

use crate::identity::{domains_of, reply_to};
use authentication::{Kind, Question, Reply, is_host_name, organisational_domain, reversed};
use config::{Bool, ColonList, Dictionary as Pairs, Instances, Integer, ModuleSyntax, OptionalText, Stanza};
use content::Content;
use mail::{Dictionary, Phase, Time};
use memchr::memmem;
use policy_api::{Answer, Ask, Finding, Host, Later, LinkList, Make, Module, ModuleDef, Ripped, Verdict};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

config::options! {
    pub struct RipperOptions {
        /// The zone of the list.
        base: OptionalText = "", in [module];
        /// Context variables by bit: `0.0.0.1 = "key"` adds one to `key` for each answer that has a bit of the mask.
        bits: Pairs = "", in [module];
        /// Context variables by answer: `127.0.0.2 = "key"`.
        values: Pairs = "", in [module];
        /// True: the addresses of names are asked about, too.
        forward: Bool = "true", in [module];
        /// Questions about one message, at most.
        max_lookups: Integer = "100", in [module];
        /// Header fields whose addresses are looked at: `From:Sender`.
        address_headers: ColonList = "", in [module];
    }
}

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "url_ripper",
        instances: Instances::Many,
        options: &[RipperOptions::DEFINITIONS],
        stanzas: &[],
    },
    &[Phase::Connect, Phase::Ehlo, Phase::Mailfrom, Phase::Rcptto, Phase::Data],
    make,
);

fn make(stanza: Stanza<'_>, make: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let options = RipperOptions::resolve(&stanza);
    let complaint = |text: String| Finding::at(stanza, text);
    let Some(base) = options.base.as_deref().filter(|base| !base.is_empty()) else {
        return Err(complaint("base: the zone of a list is missing".to_owned()));
    };
    let table = |option: &str, pairs: &Dictionary| {
        let entry = |(address, key): (&str, &str)| match address.parse::<Ipv4Addr>() {
            Ok(address) => Ok((address, key.into())),
            Err(_) => Err(complaint(format!("{option}: {address} is no address such as 127.0.0.2"))),
        };
        pairs.iter().map(entry).collect::<Result<Vec<(Ipv4Addr, Box<str>)>, Finding>>()
    };
    let ripper = Rc::new(Ripper {
        base: base.trim_matches('.').into(),
        bits: table("bits", &options.bits)?,
        values: table("values", &options.values)?,
        lookups: u32::try_from(options.max_lookups).unwrap_or(0),
        spent: format!("#url_ripper_{}", stanza.name()).into(),
        options,
        known: RefCell::default(),
    });
    make.services.offer::<Rc<dyn LinkList>>(stanza.name(), ripper.clone());
    Ok(ripper)
}

struct Ripper {
    options: RipperOptions,
    base: Box<str>,
    bits: Vec<(Ipv4Addr, Box<str>)>,
    values: Vec<(Ipv4Addr, Box<str>)>,
    lookups: u32,
    /// Message variable: questions that the message has cost.
    spent: Box<str>,
    known: RefCell<Known>,
}

/// How long what the list has said of a name holds here. Names come in bursts, by the client and the sender; the cache
/// of the resolver knows how long answers hold, and is asked again then.
const HOLDS: Duration = Duration::from_secs(2);

/// Names whose answers are kept.
const KEPT: usize = 4096;

/// What the list has said lately, by name.
#[derive(Default)]
struct Known {
    names: HashMap<Box<str>, Heard>,
    since: Time,
}

/// Of one name: the questions that it costs, and what each has found.
type Heard = Rc<[(Rc<str>, Vec<Listed>)]>;

/// A name that is listed, and how.
type Listed = (String, Ipv4Addr);

impl Known {
    /// All go at once when they are old: by then, or when there are too many.
    fn at(&mut self, now: Time) -> &mut HashMap<Box<str>, Heard> {
        if now.since(self.since) >= HOLDS || self.names.len() >= KEPT {
            self.names.clear();
            self.since = now;
        }
        &mut self.names
    }
}

/// What one phase looks for, and what it has found.
#[derive(Default)]
struct Search {
    addresses: Vec<IpAddr>,
    domains: Vec<String>,
    /// With what each has found.
    asked: HashMap<Rc<str>, Vec<Listed>>,
    left: u32,
    answers: Vec<Listed>,
    /// What the name that is looked up has cost and brought; none if a part of that is not known.
    trail: Option<Vec<(Rc<str>, Vec<Listed>)>>,
}

impl Search {
    /// The answer to a question, which counts once however often it comes up.
    fn find(&mut self, question: &Rc<str>, found: &[Listed]) {
        if !self.asked.contains_key(question) {
            self.left -= 1;
            self.answers.extend_from_slice(found);
            self.asked.insert(question.clone(), found.to_vec());
        }
        self.trail.iter_mut().for_each(|trail| trail.push((question.clone(), found.to_vec())));
    }
}

/// A content of so many octets is searched in one step.
const AT_ONCE: usize = 64 << 10;

impl Module for Ripper {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        let mut search = self.begin(ask);
        let is_data = ask.phase == Phase::Data;
        if !is_data && self.remember(&mut search, &**host) {
            self.note(ask, search);
            return Answer::Now(Verdict::Continue);
        }
        Answer::Later(Box::pin(async move {
            if is_data {
                self.gather(&ask.message.content, host, &mut search).await;
                self.remember(&mut search, &**host);
            }
            self.look_up(&mut search, &**host).await;
            self.note(ask, search);
            Verdict::Continue
        }))
    }
}

impl Ripper {
    /// What a phase knows before the content that is worth a question.
    fn begin(&self, ask: &mut Ask<'_>) -> Search {
        let spent = ask.contexts.message.get(&self.spent).and_then(|spent| spent.parse().ok()).unwrap_or(0);
        let mut search = Search { left: self.lookups.saturating_sub(spent), ..Search::default() };
        match ask.phase {
            Phase::Connect => search.addresses.extend(ask.client.peer.map(|peer| peer.ip().to_canonical())),
            Phase::Ehlo if self.options.forward => {
                search.domains.extend(ask.contexts.connection.get("ehlo_domain").map(str::to_owned));
            }
            Phase::Mailfrom => {
                self.carry_over(ask);
                search.domains.extend(ask.message.sender.as_ref().map(mail::Address::folded_domain));
            }
            Phase::Rcptto => {
                search.domains.extend(ask.message.recipient.as_ref().map(mail::Address::folded_domain));
            }
            _ => {}
        }
        search
    }

    /// What was found about the client counts for each of its messages.
    fn carry_over(&self, ask: &mut Ask<'_>) {
        for (_, key) in self.bits.iter().chain(&self.values) {
            if let Some(count) = ask.contexts.connection.get(key) {
                ask.contexts.message.set(key, count);
            }
        }
    }

    /// What the content names; others have their turn between two parts of a long one.
    async fn gather(&self, content: &Content, host: &Rc<dyn Host>, search: &mut Search) {
        /// Octets of one part that are looked at.
        const MOST_OCTETS: usize = 1 << 20;
        search.domains.extend(domains_of(content, &self.options.address_headers));
        let tree = content.tree();
        for part in tree.texts(tree.root()) {
            let text = tree.decoded(part);
            for host_name in hosts(&text[..text.len().min(MOST_OCTETS)], self.lookups as usize) {
                match host_name.parse::<Ipv4Addr>() {
                    Ok(address) => search.addresses.push(address.into()),
                    Err(_) => search.domains.push(host_name),
                }
            }
            if content.len() > AT_ONCE {
                host.breathe().await;
            }
        }
    }

    /// Finds again what the list has said lately. Whether nothing is left to be asked; who watches sees every question.
    fn remember(&self, search: &mut Search, host: &dyn Host) -> bool {
        if host.is_watched() {
            return false;
        }
        let mut known = self.known.borrow_mut();
        let known = known.at(host.now());
        let mut unknown = Vec::new();
        for domain in std::mem::take(&mut search.domains) {
            match known.get(&*domain) {
                Some(heard) if heard.len() <= search.left as usize => {
                    heard.iter().for_each(|(question, found)| search.find(question, found));
                }
                _ => unknown.push(domain),
            }
        }
        search.domains = unknown;
        search.domains.is_empty() && search.addresses.is_empty()
    }

    async fn look_up(&self, search: &mut Search, host: &dyn Host) {
        for address in std::mem::take(&mut search.addresses) {
            self.ask_list(&reversed(address), search, host).await;
        }
        for domain in std::mem::take(&mut search.domains) {
            search.trail = Some(Vec::new());
            if is_host_name(&domain) {
                self.look_up_domain(&domain, search, host).await;
            }
            if let Some(heard) = search.trail.take() {
                // Of a name that stands there twice, the first trail is the whole one.
                let mut known = self.known.borrow_mut();
                known.at(host.now()).entry(domain.into()).or_insert_with(|| heard.into());
            }
        }
    }

    async fn look_up_domain(&self, domain: &str, search: &mut Search, host: &dyn Host) {
        self.ask_list(&organisational_domain(domain), search, host).await;
        if !self.options.forward {
            return;
        }
        let Some((question, reply)) = asked(Question::new(Kind::A, domain), search, host).await else {
            return;
        };
        search.find(&question, &[]);
        if let Reply::Addresses(addresses) = reply {
            for address in addresses {
                self.ask_list(&reversed(address), search, host).await;
            }
        }
    }

    async fn ask_list(&self, name: &str, search: &mut Search, host: &dyn Host) {
        let question = Question::new(Kind::A, &format!("{name}.{}", self.base));
        let Some((question, reply)) = asked(question, search, host).await else { return };
        let listed = name.trim_end_matches('.');
        let answers = if let Reply::Addresses(answers) = reply { answers } else { Vec::new() };
        let found = answers.into_iter().filter_map(|answer| match answer {
            IpAddr::V4(answer) => Some((listed.to_owned(), answer)),
            IpAddr::V6(_) => None,
        });
        search.find(&question, &found.collect::<Vec<_>>());
    }

    /// The context variables that the answers stand for, with the names that are listed.
    fn hits(&self, search: &Search) -> Vec<(Box<str>, String)> {
        let keys = |answer: Ipv4Addr| {
            let by_bit = self.bits.iter().filter(move |(mask, _)| u32::from(*mask) & u32::from(answer) != 0);
            by_bit.chain(self.values.iter().filter(move |(value, _)| *value == answer)).map(|(_, key)| key)
        };
        let answers = search.answers.iter();
        answers.flat_map(|(name, answer)| keys(*answer).map(|key| (key.clone(), name.clone()))).collect()
    }

    fn note(&self, ask: &mut Ask<'_>, search: Search) {
        let before_mail = matches!(ask.phase, Phase::Connect | Phase::Ehlo);
        let variables = if before_mail { &mut ask.contexts.connection } else { &mut ask.contexts.message };
        for (key, _) in self.hits(&search) {
            let count: u64 = variables.get(&key).and_then(|count| count.parse().ok()).unwrap_or(0);
            variables.set(&key, &(count + 1).to_string());
        }
        if !before_mail {
            variables.set(&self.spent, &(self.lookups - search.left).to_string());
        }
    }
}

/// For scripts, of a passive instance too.
impl LinkList for Ripper {
    fn rip(self: Rc<Self>, content: Content, spent: u32, host: Rc<dyn Host>) -> Later<Ripped> {
        Box::pin(async move {
            let mut search = Search { left: self.lookups.saturating_sub(spent), ..Search::default() };
            self.gather(&content, &host, &mut search).await;
            self.look_up(&mut search, &*host).await;
            Ripped { hits: self.hits(&search), spent: self.lookups - search.left }
        })
    }

    fn spent_variable(&self) -> &str {
        &self.spent
    }
}

/// Each question once, and no more than are left. What it has found is to be noted with its key.
async fn asked(question: Question, search: &mut Search, host: &dyn Host) -> Option<(Rc<str>, Reply)> {
    let key: Rc<str> = format!("{:?} {}", question.kind, question.name).into();
    if let Some(found) = search.asked.get(&key) {
        let known = (key, found.clone());
        search.trail.iter_mut().for_each(|trail| trail.push(known.clone()));
        return None;
    }
    if search.left == 0 {
        search.trail = None;
        return None;
    }
    let reply = reply_to(host, &question).await;
    if let Reply::Failed = reply {
        // It may be there in a moment.
        search.trail = None;
    }
    Some((key, reply))
}

/// The host names of the URLs in a text, in lower case, each once; entities and percent signs that hide them are
/// resolved.
fn hosts(text: &[u8], most: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for at in memmem::find_iter(text, b":") {
        let Some(scheme) = at.checked_sub(4).map(|start| &text[start..at]) else { continue };
        let is_web = scheme.eq_ignore_ascii_case(b"http") || (scheme.eq_ignore_ascii_case(b"ttps"));
        let rest = &text[at + 1..text.len().min(at + 1 + 1024)];
        let Some(authority) = rest.strip_prefix(b"//").filter(|_| is_web) else { continue };
        let plain = plain(authority);
        let end = plain.iter().position(|octet| b"/?#\"'<>\\ \t\r\n".contains(octet)).unwrap_or(plain.len());
        let authority = &plain[..end];
        let host = authority.rsplit(|octet| *octet == b'@').next().unwrap_or(b"");
        let host = host
            .split(|octet| !(octet.is_ascii_alphanumeric() || b".-_".contains(octet)))
            .next()
            .unwrap_or(b"");
        let host = String::from_utf8_lossy(host).trim_matches('.').to_ascii_lowercase();
        if is_host_name(&host) && seen.insert(host.clone()) {
            found.push(host);
            if found.len() >= most {
                break;
            }
        }
    }
    found
}

/// Numeric entities, `&amp;`, `&period;` and percent-encoding resolved, soft line breaks of quoted-printable are gone
/// already.
fn plain(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let (octet, next) = match first {
            b'%' => percent(after),
            b'&' => entity(after),
            _ => None,
        }
        .unwrap_or((*first, after));
        plain.push(octet);
        rest = next;
    }
    plain
}

fn percent(after: &[u8]) -> Option<(u8, &[u8])> {
    let digits = std::str::from_utf8(after.get(..2)?).ok()?;
    Some((u8::from_str_radix(digits, 16).ok()?, &after[2..]))
}

fn entity(after: &[u8]) -> Option<(u8, &[u8])> {
    let end = after.iter().take(10).position(|octet| *octet == b';')?;
    let name = std::str::from_utf8(&after[..end]).ok()?;
    let octet = match name.strip_prefix('#') {
        None if name.eq_ignore_ascii_case("amp") => b'&',
        None if name.eq_ignore_ascii_case("period") => b'.',
        None => return None,
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(digits) => u8::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        },
    };
    Some((octet, &after[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::tests::made;
    use bytes::Bytes;
    use mail::Address;
    use policy_api::Record;
    use policy_api::testing::Conversation;

    const STANZA: &str = "url_ripper \"r\" { base = \"multi.surbl.example\"
        bits [ 0.0.0.1 = \"list1_hits\"  0.0.0.2 = \"list2_hits\" ]
        values [ 127.0.0.2 = \"simple_hits\" ]
        address_headers = Return-Path:From:Sender
        LOOKUPS }";

    fn module(more: &str) -> Rc<dyn Module> {
        made(&STANZA.replace("LOOKUPS", more)).unwrap()
    }

    fn conversation(listed: &[(&str, &str)]) -> Conversation {
        let conversation = Conversation::default();
        for (name, answer) in listed {
            let records = [Record::A(answer.parse().unwrap())];
            let zone = if name.ends_with('.') {
                name.trim_end_matches('.').to_owned()
            } else {
                format!("{name}.multi.surbl.example")
            };
            conversation.host.name(&zone, records);
        }
        conversation
    }

    fn counts(variables: &Dictionary) -> [Option<&str>; 3] {
        ["list1_hits", "list2_hits", "simple_hits"].map(|key| variables.get(key))
    }

    #[test]
    fn each_phase_asks_about_what_it_knows() {
        let body = "From: <a@news.from.example>\r\n\r\nsee HTTP://User@Www.Link%2eexample:80/x and https://link&#46;example/\r\n";
        for (listed, phase, expected) in [
            (&[("1.2.0.192", "127.0.0.2")][..], Phase::Connect, [None, Some("1"), Some("1")]),
            (&[("helo.example", "127.0.0.3")], Phase::Ehlo, [Some("1"), Some("1"), None]),
            (&[("sender.example", "127.0.0.1")], Phase::Mailfrom, [Some("1"), None, None]),
            (
                &[("mail.sender.example.", "198.51.100.9"), ("9.100.51.198", "127.0.0.4")],
                Phase::Mailfrom,
                [None; 3],
            ),
            (
                &[("mail.sender.example.", "198.51.100.9"), ("9.100.51.198", "127.0.0.2")],
                Phase::Mailfrom,
                [None, Some("1"), Some("1")],
            ),
            (&[("to.example", "127.0.0.2")], Phase::Rcptto, [None, Some("1"), Some("1")]),
            (&[("from.example", "127.0.0.1")], Phase::Data, [Some("1"), None, None]),
            (&[("link.example", "127.0.0.2")], Phase::Data, [None, Some("1"), Some("1")]),
            (&[("else.example", "127.0.0.2")], Phase::Data, [None; 3]),
        ] {
            let mut conversation = conversation(listed);
            conversation.contexts.connection.set("ehlo_domain", "mx.helo.example");
            conversation.message.sender = Some(Address::new("a", "mail.sender.example"));
            conversation.message.recipient = Some(Address::new("b", "to.example"));
            conversation.message.content.replace(Bytes::from_static(body.as_bytes()));
            conversation.ask(&*module(""), phase);
            let contexts = &conversation.contexts;
            let variables = if matches!(phase, Phase::Connect | Phase::Ehlo) {
                &contexts.connection
            } else {
                &contexts.message
            };
            assert_eq!(
                counts(variables),
                expected,
                "{listed:?} {phase:?} {:?}",
                conversation.host.asked.borrow()
            );
        }
    }

    #[test]
    fn hits_of_the_client_count_for_each_of_its_messages() {
        let mut conversation = conversation(&[("1.2.0.192", "127.0.0.2")]);
        let module = module("");
        conversation.ask(&*module, Phase::Connect);
        for _ in 0..2 {
            conversation.contexts.message.clear();
            conversation.ask(&*module, Phase::Mailfrom);
            assert_eq!(counts(&conversation.contexts.message), [None, Some("1"), Some("1")]);
        }
    }

    #[test]
    fn a_message_full_of_links_costs_no_more_questions_than_allowed() {
        let links: String = (0..500).map(|index| format!("http://l{index}.example/ ")).collect();
        for (more, most) in [("max_lookups = 7", 7), ("", 100)] {
            let mut conversation = conversation(&[]);
            conversation.message.content.replace(Bytes::from(format!("A: b\r\n\r\n{links}{links}\r\n")));
            let module = module(more);
            conversation.ask(&*module, Phase::Data);
            conversation.ask(&*module, Phase::Data);
            assert_eq!(conversation.host.asked.borrow().len(), most);
        }
    }

    #[test]
    fn stanzas_that_ask_for_nothing_are_refused() {
        for text in ["url_ripper \"r\" { }", "url_ripper \"r\" { base = x.example\nbits [ one = \"k\" ] }"] {
            assert!(made(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_are_found_behind_what_hides_them() {
        for (text, expected) in [
            ("http://a.example", &["a.example"][..]),
            ("hxxp://a.example https:/b.example ftp://c.example", &[]),
            ("<a href=\"https://x&#x2e;example/y\">", &["x.example"]),
            ("http://paypal.example@evil.example/", &["evil.example"]),
            ("http://203.0.113.7/x http://localhost/ http://a..b/", &["203.0.113.7"]),
            ("http://%61.example http://A.example", &["a.example"]),
            ("http://", &[]),
            (":", &[]),
        ] {
            assert_eq!(hosts(text.as_bytes(), 10), expected, "{text}");
        }
    }
}
