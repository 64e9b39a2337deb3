//! fbl: marks outgoing mail with whom it went to, and reads the mark back from complaints that come in as mail
//! (spec module-details.md, logs.md §6; ARF is RFC 5965).
//!
//! The law: a complaint is foreign text: nothing of it reaches a log or a search without a bound.

use bounce::{feedback, quoted_field};
use bytes::Bytes;
use config::{Bool, Instances, List, ModuleSyntax, Optional, OptionalText, Regex, Stanza, Text};
use content::transfer::{decode_base64, encode_base64};
use content::{Content, Place};
use mail::{Contexts, MessageId, Phase, Reply};
use policy_api::{Answer, Ask, Finding, Host, Make, Module, ModuleDef, Pool, Verdict};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

config::choices! {
    /// What becomes of a complaint.
    pub enum Disposition { Blackhole = 0: "blackhole", Pass = 1: "pass" }
}

config::choices! {
    pub enum Insertion { Disabled = 0: "disabled", Enabled = 1: "enabled" }
}

config::options! {
    pub struct FblOptions {
        /// True: complaints are logged, and mail of scopes with enable_fbl_header_insertion is marked.
        auto_log: Bool = "false", in [module];
        /// The log.
        log_path: Text = "/var/log/ecelerity/fbllog.ec", in [module];
        /// Patterns of the addresses that complaints come to; their domains must be relay_domains.
        addresses: List<Regex> = "", in [module];
        /// Field that marks mail.
        header_name: Text = "X-MSFBL", in [module];
        /// What the mark holds besides: a text with %{vctx_mess:key} and %{vctx_conn:key}.
        user_string: OptionalText = "", in [module];
        /// What becomes of a complaint that has been read.
        message_disposition: Disposition = "blackhole", in [module];
        /// Message variable without which mail is not marked.
        condition: OptionalText = "", in [module];
    }
}

config::options! {
    pub struct InsertionOptions {
        /// Whether mail of this scope gets the field that complaints are recognised by.
        enable_fbl_header_insertion: Optional<Insertion> = "", in [binding, binding_group, domain, global], tier 2;
    }
}

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "fbl",
        instances: Instances::Any,
        options: &[FblOptions::DEFINITIONS, InsertionOptions::DEFINITIONS],
        stanzas: &[],
    },
    &[Phase::DataSpoolEachRcpt, Phase::FinalValidation],
    make,
);

const DISCARDED: Reply = Reply::fixed(550, (5, 7, 1), "[internal] discarded by policy");

/// Digits of a line of a mark: with the name of its field it stays short.
const PIECE: usize = 60;
/// Octets of a mark that a complaint may bring.
const MARK: usize = 4096;
/// Octets of a complaint above which a side thread reads it.
const LARGE: usize = 128 * 1024;
/// A complaint has an upper bound; what is larger is none.
const LARGEST: usize = 16 << 20;

fn make(stanza: Stanza<'_>, _: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let options = FblOptions::resolve(&stanza);
    let complaint = |text: String| Finding::at(stanza, text);
    let log = options.log_path.strip_prefix("file://").unwrap_or(&options.log_path);
    if !log.starts_with('/') {
        return Err(complaint(format!("log_path: '{log}': expected the full name of a file")));
    }
    if Content::default().put_field(Place::First, &options.header_name, "x").is_err() {
        return Err(complaint(format!("header_name: '{}' is no name of a field", options.header_name)));
    }
    let user_string = Template::parse(options.user_string.as_deref().unwrap_or(""))
        .map_err(|problem| complaint(format!("user_string: {problem}")))?;
    Ok(Rc::new(Fbl { log: log.into(), user_string, options, latest: RefCell::default() }))
}

struct Fbl {
    options: FblOptions,
    log: PathBuf,
    user_string: Template,
    latest: RefCell<Option<Latest>>,
}

/// A complaint to several addresses is read once.
struct Latest {
    batch: MessageId,
    /// Kept, so that no other message comes to stand at the same place.
    body: Bytes,
    complaint: Option<Rc<Complaint>>,
}

/// What a complaint says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Complaint {
    kind: String,
    mark: Mark,
}

/// Whom a message went to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    local: String,
    domain: String,
    binding: String,
    group: String,
    user: String,
}

impl Module for Fbl {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        if ask.phase == Phase::FinalValidation {
            self.mark(ask, &**host);
        } else if self.is_for_complaints(ask) {
            return Answer::Later(Box::pin(self.take(ask, host)));
        }
        Answer::Now(Verdict::Continue)
    }
}

impl Fbl {
    fn is_for_complaints(&self, ask: &Ask<'_>) -> bool {
        let recipient = ask.message.recipient.as_ref().map_or("", |recipient| recipient.as_str());
        self.options.addresses.iter().any(|pattern| pattern.matches(recipient.as_bytes()))
    }

    /// A complaint that has come in.
    async fn take(&self, ask: &mut Ask<'_>, host: &Rc<dyn Host>) -> Verdict {
        host.counter("fbl:complaints").add(1);
        match self.complaint(ask, host).await {
            Some(complaint) if self.options.auto_log => self.log(&complaint, ask, &**host),
            Some(_) => {}
            None => host.counter("fbl:unmarked").add(1),
        }
        if self.options.message_disposition == Disposition::Blackhole {
            ask.disposition.discard(Some(DISCARDED));
            return Verdict::Done;
        }
        Verdict::Continue
    }

    async fn complaint(&self, ask: &Ask<'_>, host: &Rc<dyn Host>) -> Option<Rc<Complaint>> {
        let (batch, body) = (ask.message.batch, ask.message.content.body().clone());
        let is_it = |latest: &&Latest| latest.batch == batch && latest.body.as_ptr() == body.as_ptr();
        if let Some(latest) = self.latest.borrow().as_ref().filter(is_it) {
            return latest.complaint.clone();
        }
        let (content, name) = (ask.message.content.clone(), self.options.header_name.clone());
        let complaint = match content.len() {
            ..LARGE => read(&content, &name),
            LARGE..LARGEST => {
                let job = Box::new(move || Box::new(read(&content, &name)) as Box<dyn std::any::Any + Send>);
                let done = host.work(Pool::Cpu, job).await.ok()?;
                done.downcast::<Option<Complaint>>().ok().and_then(|complaint| *complaint)
            }
            _ => None,
        };
        let complaint = complaint.map(Rc::new);
        self.latest.replace(Some(Latest { batch, body, complaint: complaint.clone() }));
        complaint
    }

    /// `ts@mid@F@local@domain@binding@group@kind@fbl_domain@user` (spec logs.md §6).
    fn log(&self, complaint: &Complaint, ask: &Ask<'_>, host: &dyn Host) {
        let Mark { local, domain, binding, group, user } = &complaint.mark;
        let came_to = ask.message.recipient.as_ref().map_or("", |recipient| recipient.domain());
        let (at, id, kind) = (host.now().secs(), ask.message.id, &complaint.kind);
        let line = format!("{at}@{id}@F@{local}@{domain}@{binding}@{group}@{kind}@{came_to}@{user}");
        host.log(&self.log, 0o644, &line);
    }

    /// Marks mail that leaves.
    fn mark(&self, ask: &mut Ask<'_>, host: &dyn Host) {
        let message = &mut *ask.message;
        let Some(recipient) = message.recipient.as_ref().filter(|_| self.options.auto_log) else { return };
        let condition = self.options.condition.as_deref();
        if condition.is_some_and(|key| ask.contexts.message.get(key).is_none()) {
            return;
        }
        let domain = message.routing_domain.as_deref().map_or_else(|| recipient.folded_domain(), Into::into);
        let scope = InsertionOptions::resolve(&host.outbound(&message.binding, &domain));
        if scope.enable_fbl_header_insertion != Some(Insertion::Enabled) {
            return;
        }
        let mark = Mark {
            local: recipient.local().to_owned(),
            domain: recipient.domain().to_owned(),
            binding: message.binding.to_string(),
            group: message.binding_group.to_string(),
            user: self.user_string.fill(ask.contexts),
        };
        // The name has been checked, and base64 in lines is a value that can be written.
        let _ = message.content.put_field(Place::First, &self.options.header_name, &mark.encoded());
    }
}

impl Mark {
    /// Base64 in pieces, between which the field is folded.
    fn encoded(&self) -> String {
        let Mark { local, domain, binding, group, user } = self;
        let text = encode_base64(format!("{local}@{domain}@{binding}@{group}@{user}").as_bytes());
        let digits: Vec<u8> = text.into_iter().filter(u8::is_ascii_graphic).collect();
        let pieces = digits.chunks(PIECE).map(String::from_utf8_lossy);
        pieces.collect::<Vec<_>>().join(" ")
    }

    fn decoded(value: &str) -> Option<Mark> {
        let octets = decode_base64(&value.as_bytes()[..value.len().min(MARK)]);
        let text: String = String::from_utf8_lossy(&octets).chars().filter(|c| !c.is_control()).collect();
        // A quoted local part may hold what separates the others.
        let quoted = text.strip_prefix('"').and_then(|rest| rest.find("\"@")).map_or(0, |at| at + 2);
        let at = quoted + text[quoted..].find('@')?;
        let mut rest = text[at + 1..].splitn(4, '@').map(str::to_owned);
        Some(Mark {
            local: text[..at].to_owned(),
            domain: rest.next()?,
            binding: rest.next()?,
            group: rest.next()?,
            user: rest.next().unwrap_or_default(),
        })
    }
}

/// None: nothing in it says whose message it complains about.
fn read(content: &Content, name: &str) -> Option<Complaint> {
    let report = feedback(content);
    let attached = report.as_ref().and_then(|report| report.original_field(name));
    let mark = Mark::decoded(&attached.or_else(|| quoted_field(content, name))?)?;
    let kind = report.map(|report| report.kind).unwrap_or_default();
    let of_a_word = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    Some(Complaint { kind: kind.chars().filter(of_a_word).take(64).collect(), mark })
}

/// A text with places for context variables.
#[derive(Debug, Default, PartialEq, Eq)]
struct Template(Vec<Piece>);

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    OfMessage(Box<str>),
    OfConnection(Box<str>),
}

impl Template {
    fn parse(text: &str) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("%{") {
            pieces.push(Piece::Text(before.into()));
            let (name, behind) = after.split_once('}').ok_or("'%{' without its '}'")?;
            pieces.push(match name.split_once(':') {
                None => Piece::OfMessage(name.into()),
                Some(("vctx_mess", key)) => Piece::OfMessage(key.into()),
                Some(("vctx_conn", key)) => Piece::OfConnection(key.into()),
                Some(_) => {
                    return Err(format!("%{{{name}}}: expected %{{vctx_mess:key}} or %{{vctx_conn:key}}"));
                }
            });
            rest = behind;
        }
        pieces.push(Piece::Text(rest.into()));
        Ok(Template(pieces))
    }

    /// A variable that is not set is an empty text.
    fn fill(&self, contexts: &Contexts) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.to_string(),
            Piece::OfMessage(key) => contexts.message.get(key).unwrap_or("").to_owned(),
            Piece::OfConnection(key) => contexts.connection.get(key).unwrap_or("").to_owned(),
        };
        self.0.iter().map(piece).collect()
    }
}

#[cfg(test)]
mod tests;
