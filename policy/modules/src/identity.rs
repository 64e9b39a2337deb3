//! What modules learn about who sent a message, and how they write it down. Drives the deciders of `authentication`.

use authentication::dkim::{Limits, Verifier, Want};
use authentication::results::{Results, server_of};
use authentication::spf::{Evaluation, Outcome, Query};
use authentication::{Kind, Reply, dkim, dmarc, spf};
use bytes::Bytes;
use content::{Content, Place, address};
use mail::Dictionary;
use policy_api::{Ask, Host, LookupFault, Question, Record, RecordKind};
use std::net::IpAddr;

/// Asks the host what a decider asks.
pub async fn reply_to(host: &dyn Host, question: &authentication::Question) -> Reply {
    let kind = match question.kind {
        Kind::A => RecordKind::A,
        Kind::Aaaa => RecordKind::Aaaa,
        Kind::Mx => RecordKind::Mx,
        Kind::Txt => RecordKind::Txt,
        Kind::Ptr => RecordKind::Ptr,
    };
    let records = match host.lookup(Question::new(&*question.name, kind)).await {
        Ok(answers) => answers.records,
        Err(LookupFault::NxDomain | LookupFault::BadName) => return Reply::NoName,
        Err(LookupFault::NoData) => return Reply::NoData,
        Err(LookupFault::ServFail | LookupFault::Timeout) => return Reply::Failed,
    };
    let mut addresses: Vec<IpAddr> = Vec::new();
    let (mut exchangers, mut texts, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for record in records {
        match record {
            Record::A(address) => addresses.push(address.into()),
            Record::Aaaa(address) => addresses.push(address.into()),
            Record::Mx { preference, exchange } => exchangers.push((preference, exchange)),
            Record::Txt(text) => texts.push(text.to_vec()),
            Record::Ptr(name) => names.push(name),
            Record::Ns(_) | Record::Cname(_) => {}
        }
    }
    match question.kind {
        Kind::A | Kind::Aaaa => Reply::Addresses(addresses),
        Kind::Mx => Reply::Exchangers(exchangers),
        Kind::Txt => Reply::Texts(texts),
        Kind::Ptr => Reply::Names(names),
    }
}

/// The question of SPF about this client and sender; none without an address to judge. The flag: HELO is the identity.
pub fn spf_query(
    ask: &Ask<'_>,
    receiver: &str,
    now_s: u64,
    default_rule: Option<spf::Record>,
) -> Option<(Query, bool)> {
    let ip = ask.client.peer?.ip();
    let helo = ask.contexts.connection.get("ehlo_domain").unwrap_or("");
    let (local, domain, is_helo) = match &ask.message.sender {
        Some(sender) if !sender.domain().is_empty() => (sender.local(), sender.domain(), false),
        _ => ("postmaster", helo, true),
    };
    let query = Query {
        ip,
        sender_local: local.into(),
        sender_domain: domain.into(),
        helo: helo.into(),
        receiver: receiver.into(),
        now_s,
        default_rule,
    };
    Some((query, is_helo))
}

/// Evaluates SPF.
pub async fn spf_outcome(host: &dyn Host, query: Query) -> Outcome {
    let mut evaluation = Evaluation::new(query, spf::Limits::default());
    while let Some(question) = evaluation.want() {
        let reply = reply_to(host, question).await;
        evaluation.answered(reply);
    }
    evaluation.outcome().expect("nothing is wanted any more").clone()
}

/// Verifies all DKIM signatures.
pub async fn dkim_verified(host: &dyn Host, message: Bytes) -> Verifier {
    let mut verifier = Verifier::new(message, host.now().secs(), Limits::default());
    while let Some(want) = verifier.want() {
        match want {
            Want::Ask(question) => {
                let reply = reply_to(host, question).await;
                verifier.answered(&reply);
            }
            Want::Compute => {
                verifier.compute();
                host.breathe().await;
            }
        }
    }
    verifier
}

/// Where the DMARC policy of a domain of From leads.
pub async fn dmarc_evaluated(host: &dyn Host, from: &str) -> dmarc::Evaluation {
    let mut evaluation = dmarc::Evaluation::new(from);
    while let Some(question) = evaluation.want() {
        let reply = reply_to(host, question).await;
        evaluation.answered(&reply);
    }
    evaluation
}

/// Notes what DKIM found: `dkim_status` is pass if one signature passes, else what became of the first one;
/// `dkim_domains` are the domains that passed.
pub fn note_dkim(verifier: &Verifier, variables: &mut Dictionary) {
    let results = || verifier.results();
    let passed = || results().filter(|checked| checked.verdict == authentication::Verdict::Pass);
    let status =
        passed().next().or(results().next()).map_or(authentication::Verdict::None, |first| first.verdict);
    variables.set("dkim_status", status.as_str());
    variables.set("dkim_domains", &dkim_domains(verifier).join(" "));
}

/// The domains whose signatures pass.
pub fn dkim_domains(verifier: &Verifier) -> Vec<String> {
    let passed = verifier.results().filter(|checked| checked.verdict == authentication::Verdict::Pass);
    let mut domains: Vec<String> =
        passed.filter_map(|checked| checked.signature).map(|read| read.domain.to_string()).collect();
    domains.dedup();
    domains
}

/// One line of results for each signature (RFC 8601 §2.7.1).
pub fn dkim_results(verifier: &Verifier, results: &mut Results) {
    if verifier.results().len() == 0 {
        results.add("dkim", authentication::Verdict::None, None, &[]);
    }
    for checked in verifier.results().filter(|checked| checked.fault != Some(dkim::Fault::TooMany)) {
        let mut properties = Vec::new();
        if let Some(signature) = checked.signature {
            properties.push(("header.d", &*signature.domain));
            properties.push(("header.i", &*signature.identity));
            properties.push(("header.s", &*signature.selector));
            properties.push(("header.a", signature.algorithm.as_str()));
        }
        results.add("dkim", checked.verdict, checked.fault.map(dkim::Fault::as_str), &properties);
    }
}

const AUTHENTICATION_RESULTS: &str = "Authentication-Results";

/// Puts a results field on top, after taking away those that a stranger wrote in our name (RFC 8601 §5), once.
pub fn add_results(ask: &mut Ask<'_>, server: &str, value: &str) {
    const CLEANED: &str = "#authentication_results_cleaned";
    if ask.contexts.message.get(CLEANED).is_none() {
        remove_forged(&mut ask.message.content, server);
        ask.contexts.message.set(CLEANED, "true");
    }
    put_first(&mut ask.message.content, AUTHENTICATION_RESULTS, value);
}

/// All values are made of printable ASCII here, so nothing can refuse them.
pub fn put_first(content: &mut Content, name: &str, value: &str) {
    content.put_field(Place::First, name, value).expect("a value without line ends");
}

fn remove_forged(content: &mut Content, server: &str) {
    let is_forged = |field: &content::Field<'_>| {
        field.is_named(AUTHENTICATION_RESULTS)
            && server_of(&String::from_utf8_lossy(&field.value()))
                .is_some_and(|name| name.eq_ignore_ascii_case(server))
    };
    if !content.header().named(AUTHENTICATION_RESULTS).any(|field| is_forged(&field)) {
        return;
    }
    let mut octets = Vec::with_capacity(content.len());
    for field in content.header().fields().filter(|field| !is_forged(field)) {
        octets.extend_from_slice(field.raw());
    }
    octets.extend_from_slice(b"\r\n");
    octets.extend_from_slice(content.body());
    content.replace(octets.into());
}

/// The domains of the mailboxes of some fields, in lower case.
pub fn domains_of(content: &Content, fields: &[impl AsRef<str>]) -> Vec<String> {
    let mut domains = Vec::new();
    for field in content.header().named_one_of(fields) {
        let mailboxes = address::parse_list(&String::from_utf8_lossy(&field.value()));
        domains.extend(mailboxes.into_iter().map(|mailbox| mail::address::fold_domain(&mailbox.domain)));
    }
    domains.retain(|domain| !domain.is_empty());
    domains
}
