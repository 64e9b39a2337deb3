//! Complaints that arrive as mail: the Abuse Reporting Format (RFC 5965), and reports that only attach the
//! message complained about.

use crate::read::returned_header;
use content::address::parse_list;
use content::{Content, Header};

/// Octets of a body that are searched for the header of the message complained about.
const SEARCHED: usize = 256 * 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// `abuse`, `fraud`, …; empty for a report that is not ARF.
    pub kind: String,
    pub user_agent: String,
    pub original_sender: Option<String>,
    pub original_recipients: Vec<String>,
    pub source_ip: Option<String>,
    /// The message complained about, as far as the report has it: its header at least.
    pub original: Vec<u8>,
}

/// None if the message has neither a feedback report nor another message in it.
pub fn feedback(content: &Content) -> Option<Feedback> {
    let tree = content.tree();
    let report = tree
        .walk(tree.root())
        .into_iter()
        .find(|part| tree.content_type(*part).value == "message/feedback-report");
    let original = returned_header(&tree);
    if report.is_none() && original.is_none() {
        return None;
    }
    let octets = report.map(|part| tree.decoded(part)).unwrap_or_default();
    let fields = Header::new(&octets);
    let text = |name: &str| fields.first(name).map(|field| field.text());
    let address = |name: &str| text(name).and_then(|value| Some(parse_list(&value).first()?.address()));
    let recipients = fields.named("Original-Rcpt-To").flat_map(|field| parse_list(&field.text()));
    Some(Feedback {
        kind: text("Feedback-Type").unwrap_or_default().to_ascii_lowercase(),
        user_agent: text("User-Agent").unwrap_or_default(),
        original_sender: address("Original-Mail-From"),
        original_recipients: recipients.map(|mailbox| mailbox.address()).collect(),
        source_ip: text("Source-IP"),
        original: original.unwrap_or_default(),
    })
}

impl Feedback {
    /// A field of the message complained about.
    pub fn original_field(&self, name: &str) -> Option<String> {
        Content::new(self.original.clone().into()).field(name).map(|field| field.text())
    }
}

/// A field anywhere in the lines of a message: for reports that quote the original as plain text.
pub fn quoted_field(content: &Content, name: &str) -> Option<String> {
    let body = &content.body()[..content.body().len().min(SEARCHED)];
    let mut lines = body.split(|octet| *octet == b'\n').map(|line| line.trim_ascii_end()).peekable();
    while let Some(line) = lines.next() {
        let line = line.trim_ascii_start();
        let value = line.get(name.len()..).and_then(|rest| rest.strip_prefix(b":"));
        let Some(value) = value.filter(|_| line[..name.len()].eq_ignore_ascii_case(name.as_bytes())) else {
            continue;
        };
        let mut value = String::from_utf8_lossy(value.trim_ascii()).into_owned();
        while let Some(folded) = lines.next_if(|next| matches!(next.first(), Some(b' ' | b'\t'))) {
            value.push_str(&String::from_utf8_lossy(folded.trim_ascii()));
        }
        return Some(value);
    }
    None
}
