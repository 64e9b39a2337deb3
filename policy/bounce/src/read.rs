//! What a bounce that arrives as mail says: whose message failed, and why (RFC 3464; else by guessing).
//!
//! The law: a report that keeps to the RFC is believed; a text is only searched where there is none.

use crate::class::Class;
use crate::classify::classify;
use content::address::{Mailbox, parse_list};
use content::{Content, Header, PartId, Tree};
use mail::Reply;

/// Recipients that one report may speak of; those beyond are left out.
pub const RECIPIENTS: usize = 100;
/// Octets of a text without structure that are searched.
const SEARCHED: usize = 16 * 1024;

/// What a report says of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The recipient of the message that failed, as far as the report names one.
    pub recipient: Option<String>,
    /// `failed`, `delayed`, `delivered`, `relayed`, `expanded`; empty where nothing says it.
    pub action: String,
    pub reply: Reply,
    pub class: Class,
}

/// Reads a bounce. `suppressed` names addresses that are never taken for the original recipient
/// (`bounce_suppress_list`). There is always at least one entry.
pub fn read(content: &Content, suppressed: impl Fn(&str) -> bool) -> Vec<Reported> {
    let tree = content.tree();
    let mut reports = structured(&tree);
    if reports.is_empty() {
        reports.push(guessed(content, &tree));
    }
    for report in &mut reports {
        report.recipient = report.recipient.take().filter(|address| !suppressed(address));
        if report.recipient.is_none() {
            report.recipient = returned_recipient(&tree).filter(|address| !suppressed(address));
        }
        if report.recipient.is_none() && report.class == Class::InvalidRecipient {
            report.class = Class::NoRecipient;
        }
    }
    reports
}

/// The part that a report has for machines (RFC 3464 §2), if it is one.
fn status_octets(tree: &Tree) -> Option<Vec<u8>> {
    let parts = tree.walk(tree.root());
    let status = parts.into_iter().find(|part| {
        matches!(
            tree.content_type(*part).value.as_str(),
            "message/delivery-status" | "message/global-delivery-status"
        )
    })?;
    Some(tree.decoded(status))
}

/// Name and text of the fields of a report: first those of the message, then those of each recipient. None: it is
/// no report of RFC 3464.
pub fn status_fields(content: &Content) -> Option<Vec<Vec<(String, String)>>> {
    let octets = status_octets(&content.tree())?;
    let fields = |group| Header::new(group).fields().map(|field| (field.name().to_owned(), field.text()));
    Some(groups(&octets).take(RECIPIENTS + 1).map(|group| fields(group).collect()).collect())
}

/// The recipients of message/delivery-status (RFC 3464 §2).
fn structured(tree: &Tree) -> Vec<Reported> {
    let Some(octets) = status_octets(tree) else { return Vec::new() };
    groups(&octets).skip(1).filter_map(|group| reported(Header::new(group))).take(RECIPIENTS).collect()
}

/// Blocks of fields between empty lines.
fn groups(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = octets.trim_ascii_start();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memmem::find(rest, b"\r\n\r\n").map_or(rest.len(), |at| at + 2);
        let (group, after) = rest.split_at(end);
        rest = after.trim_ascii_start();
        Some(group)
    })
}

fn reported(group: Header<'_>) -> Option<Reported> {
    let text = |name: &str| group.first(name).map(|field| field.text());
    let address = |name: &str| text(name).and_then(|value| typed(&value).1.map(str::to_owned));
    let action = text("Action").unwrap_or_default().to_ascii_lowercase();
    let recipient = address("Original-Recipient").or_else(|| address("Final-Recipient"));
    if action.is_empty() && recipient.is_none() {
        return None;
    }
    let status = text("Status").unwrap_or_default();
    let diagnostic = text("Diagnostic-Code").unwrap_or_default();
    let reply = reply_of(&status, &diagnostic, &action);
    let class = match action.as_str() {
        "delayed" => Class::TransientFailure,
        _ => classify(&reply),
    };
    Some(Reported { recipient: recipient.map(bare), action, reply, class })
}

/// `rfc822; ann@x.example` → type and value; a value without a type is one of no type.
fn typed(value: &str) -> (&str, Option<&str>) {
    let (kind, text) = value.split_once(';').unwrap_or(("", value));
    let text = text.trim();
    (kind.trim(), (!text.is_empty()).then_some(text))
}

fn bare(address: String) -> String {
    address.trim_matches(['<', '>', ' ']).to_owned()
}

/// The reply that the diagnostic quotes; else one that says what the status says.
fn reply_of(status: &str, diagnostic: &str, action: &str) -> Reply {
    let (kind, text) = typed(diagnostic);
    let text = text.unwrap_or("");
    if let Some(reply) = quoted_reply(text).filter(|_| kind.is_empty() || kind.eq_ignore_ascii_case("smtp")) {
        return reply;
    }
    let code = match status.as_bytes().first() {
        Some(b'4') => 450,
        Some(b'2') => 250,
        _ if action == "delayed" => 450,
        _ => 550,
    };
    let words: Vec<&str> = [status.trim(), text].into_iter().filter(|part| !part.is_empty()).collect();
    Reply::verbatim(code, words.join(" "))
}

/// `550 5.1.1 no such user`, `550-5.1.1 no …`: the code with what follows.
fn quoted_reply(text: &str) -> Option<Reply> {
    let digits = text.get(..3)?;
    let code: u16 = digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse().ok())??;
    let rest = text[3..].strip_prefix([' ', '-']).or(text[3..].is_empty().then_some(""))?;
    matches!(code, 200..=599).then(|| Reply::verbatim(code, rest.trim()))
}

/// A bounce without a report: an answering machine, a list's command, or a text that quotes a reply.
fn guessed(content: &Content, tree: &Tree) -> Reported {
    let field = |name: &str| content.field(name).map(|field| field.text()).unwrap_or_default();
    let subject = field("Subject").to_ascii_lowercase();
    let failed = parse_list(&field("X-Failed-Recipients")).first().map(Mailbox::address);
    let (action, class_by_header) = match by_header(&field, &subject) {
        Some(class) => (String::new(), Some(class)),
        None => ("failed".to_owned(), None),
    };
    let text = searched_text(tree);
    let reply = lines(&text).find_map(reply_in_line).unwrap_or_else(|| {
        let excerpt: String = lines(&text).take(4).collect::<Vec<_>>().join(" ").chars().take(200).collect();
        Reply::verbatim(550, excerpt)
    });
    let class = class_by_header.unwrap_or_else(|| match classify(&reply) {
        Class::Undetermined => by_whole_text(&text),
        class => class,
    });
    let recipient = failed.or_else(|| lines(&text).find_map(address_in_line));
    Reported { recipient, action, reply, class }
}

fn by_header(field: &impl Fn(&str) -> String, subject: &str) -> Option<Class> {
    const AUTOMATIC: [&str; 6] =
        ["out of office", "auto reply", "auto-reply", "autoreply", "automatic reply", "vacation"];
    let automatic = field("Auto-Submitted").to_ascii_lowercase().starts_with("auto-replied")
        || !field("X-Autoreply").is_empty()
        || !field("X-Autorespond").is_empty()
        || field("Precedence").eq_ignore_ascii_case("auto_reply")
        || AUTOMATIC.iter().any(|words| subject.contains(words));
    match subject.trim() {
        "unsubscribe" | "remove" => Some(Class::Unsubscribe),
        "subscribe" => Some(Class::Subscribe),
        _ if automatic => Some(Class::AutoReply),
        _ => None,
    }
}

/// What is readable, without the message that came back.
fn searched_text(tree: &Tree) -> String {
    let returned = returned_part(tree);
    let inside = |part: PartId| {
        std::iter::successors(Some(part), |part| tree.parent(*part)).any(|part| Some(part) == returned)
    };
    let first = tree.texts(tree.root()).into_iter().find(|part| !inside(*part));
    let mut text = first.map(|part| tree.text(part)).unwrap_or_default();
    let mut end = text.len().min(SEARCHED);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// A reply code of failure at the start of a word, with something behind it.
fn reply_in_line(line: &str) -> Option<Reply> {
    let starts = line.char_indices().filter(|(at, c)| {
        matches!(c, '4' | '5')
            && !line[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '.')
    });
    starts
        .filter_map(|(at, _)| quoted_reply(&line[at..]))
        .find(|reply| reply.code >= 400 && !reply.text.is_empty())
}

fn by_whole_text(text: &str) -> Class {
    let found = lines(text).map(|line| classify(&Reply::verbatim(550, line)));
    found.into_iter().find(|class| *class != Class::Undetermined).unwrap_or(Class::Undetermined)
}

fn address_in_line(line: &str) -> Option<String> {
    let words = line.split(|c: char| c.is_whitespace() || "<>()[],;:\"'".contains(c));
    let address = words.map(|word| word.trim_matches('.')).find(|word| {
        word.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
    });
    address.map(str::to_owned)
}

/// The message that came back, or its header.
pub(crate) fn returned_part(tree: &Tree) -> Option<PartId> {
    tree.walk(tree.root()).into_iter().skip(1).find(|part| {
        matches!(
            tree.content_type(*part).value.as_str(),
            "message/rfc822" | "text/rfc822-headers" | "message/global" | "message/global-headers"
        )
    })
}

/// The fields of the message that came back, as octets.
pub(crate) fn returned_header(tree: &Tree) -> Option<Vec<u8>> {
    returned_part(tree).map(|part| tree.decoded(part))
}

fn returned_recipient(tree: &Tree) -> Option<String> {
    let octets = returned_header(tree)?;
    let header = Content::new(octets.into());
    let to = header.field("X-Original-To").or_else(|| header.field("To"))?;
    let mut mailboxes = parse_list(&to.text());
    // One of several recipients would be a guess.
    (mailboxes.len() == 1).then(|| mailboxes.remove(0).address())
}
