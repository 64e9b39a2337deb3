//! The fields that we put in front of a message: Return-Path, Received, and a missing Date or Message-ID
//! (RFC 5321 §4.4, spec inbound-smtp.md §7).

use mail::{MessageId, Time};
use smtp::server::{Body, Draft};
use std::io::Write;
use std::net::SocketAddr;

/// What the options say.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// `rfc2822_trace_headers`: Received and Return-Path.
    pub trace_headers: bool,
    /// `rfc2822_date_header` is ifneeded.
    pub add_date: bool,
    /// `rfc2822_messageid_header` is ifneeded.
    pub add_message_id: bool,
    /// The name after `by`, and the right side of a Message-ID that we make.
    pub received_hostname: String,
    /// Product and version, in parentheses.
    pub software: String,
}

/// One message's facts.
pub struct Trace<'a> {
    /// None on a Unix socket.
    pub client: Option<SocketAddr>,
    pub helo: &'a str,
    pub settings: &'a TraceSettings,
    pub batch: MessageId,
    pub received: Time,
    /// Return-Path too; if not, whoever knows the sender of each copy writes it.
    pub return_path: bool,
    /// Who has authenticated himself.
    pub user: Option<&'a str>,
}

/// Prepends to the draft's body what the settings ask for and the header lacks.
pub fn write(draft: &mut Draft, trace: &Trace<'_>) {
    let settings = trace.settings;
    let mut fields = Vec::with_capacity(512);
    if settings.trace_headers {
        if draft.facts.return_path {
            remove_return_path(&mut draft.body, draft.facts.header_length);
        }
        let sender = draft.sender.as_ref().map_or("", |sender| sender.as_str());
        if trace.return_path {
            fields.extend_from_slice(return_path(sender).as_bytes());
        }
        push_received(&mut fields, sender, trace);
    }
    if let Some(user) = trace.user {
        // RFC 8601 §2.7.4.
        let (host, user) = (&settings.received_hostname, quoted(user));
        push(&mut fields, format_args!("Authentication-Results: {host}; auth=pass smtp.auth={user}\r\n"));
    }
    if settings.add_date && !draft.facts.date {
        push(&mut fields, format_args!("Date: {}\r\n", trace.received));
    }
    if settings.add_message_id && !draft.facts.message_id {
        let left = trace.batch.to_string().replace('/', ".");
        push(&mut fields, format_args!("Message-ID: <{left}@{}>\r\n", settings.received_hostname));
    }
    draft.body.prepend(&fields);
}

/// A value that may hold anything (RFC 8601 §2.2): what would end it or its line is left out.
fn quoted(value: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "@._-+".contains(character);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    let kept = value.chars().filter(|character| !character.is_control() && !matches!(character, '"' | '\\'));
    format!("\"{}\"", kept.collect::<String>())
}

/// The field for one sender; the null sender is empty.
pub fn return_path(sender: &str) -> String {
    format!("Return-Path: <{sender}>\r\n")
}

fn push_received(fields: &mut Vec<u8>, sender: &str, trace: &Trace<'_>) {
    match trace.client {
        Some(client) => {
            let (address, port, helo) = (client.ip(), client.port(), trace.helo);
            push(fields, format_args!("Received: from [{address}] ([{address}:{port}] helo={helo})\r\n"));
        }
        None => push(fields, format_args!("Received: from local (helo={})\r\n", trace.helo)),
    }
    let TraceSettings { received_hostname, software, .. } = trace.settings;
    push(fields, format_args!("\tby {received_hostname} (envelope-from <{sender}>)\r\n"));
    push(fields, format_args!("\t({software}) with ESMTP\r\n\tid {}; {}\r\n", trace.batch, trace.received));
}

fn push(fields: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = fields.write_fmt(text);
}

/// Return-Path is ours to write, and stands once: a client's own is taken out with its folded lines.
fn remove_return_path(body: &mut Body, header_length: usize) {
    let content = body.content();
    let mut kept = Body::default();
    kept.reserve(content.len());
    let mut inside = false;
    let mut at = 0;
    while at < header_length {
        let line_end = memchr_newline(&content[at..header_length]).map_or(header_length, |end| at + end + 1);
        let line = &content[at..line_end];
        let continues = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        inside = if continues { inside } else { is_return_path(line) };
        if !inside {
            kept.push(line);
        }
        at = line_end;
    }
    kept.push(&content[at..]);
    *body = kept;
}

fn memchr_newline(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}

fn is_return_path(line: &[u8]) -> bool {
    const NAME: &[u8] = b"return-path:";
    line.len() >= NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::Address;
    use smtp::server::HeaderFacts;

    fn traced(content: &str, facts: HeaderFacts) -> String {
        let settings = TraceSettings {
            trace_headers: true,
            add_date: true,
            add_message_id: true,
            received_hostname: "mx.example".into(),
            software: "ecelerity 1".into(),
        };
        let mut draft = Draft { sender: Some(Address::new("a", "b.example")), facts, ..Draft::default() };
        draft.body.push(content.as_bytes());
        let trace = Trace {
            client: Some("192.0.2.1:4711".parse().unwrap()),
            helo: "client.example",
            settings: &settings,
            batch: MessageId { second: 1, process: 2, counter: 3 },
            received: Time::from_secs(0),
            return_path: true,
            user: None,
        };
        write(&mut draft, &trace);
        String::from_utf8(draft.body.content().to_vec()).unwrap()
    }

    const TRACE: &str = "Return-Path: <a@b.example>\r\n\
        Received: from [192.0.2.1] ([192.0.2.1:4711] helo=client.example)\r\n\
        \tby mx.example (envelope-from <a@b.example>)\r\n\
        \t(ecelerity 1) with ESMTP\r\n\
        \tid 30/00-00002-10000000; Thu, 01 Jan 1970 00:00:00 +0000\r\n";

    #[test]
    fn what_the_header_lacks_is_put_in_front() {
        let added = "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n\
            Message-ID: <30.00-00002-10000000@mx.example>\r\n";
        let content = "Subject: x\r\n\r\nbody\r\n";
        let facts = HeaderFacts { header_length: 12, ..HeaderFacts::default() };
        assert_eq!(traced(content, facts), format!("{TRACE}{added}{content}"));
        let complete = HeaderFacts { date: true, message_id: true, ..facts };
        assert_eq!(traced(content, complete), format!("{TRACE}{content}"));
    }

    #[test]
    fn a_return_path_of_the_client_is_replaced() {
        let header = "Subject: x\r\nReturn-path:\r\n <old@c.example>\r\nDate: now\r\n";
        let rest = "\r\nReturn-Path: in the body\r\n";
        let facts = HeaderFacts {
            return_path: true,
            date: true,
            message_id: true,
            header_length: header.len(),
            ..HeaderFacts::default()
        };
        let expected = format!("{TRACE}Subject: x\r\nDate: now\r\n{rest}");
        assert_eq!(traced(&format!("{header}{rest}"), facts), expected);
    }
}
