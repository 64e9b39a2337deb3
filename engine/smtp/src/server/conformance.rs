//! What a complete message must look like (spec inbound-smtp.md §7), and the facts of its header.

use super::intake::Intake;
use super::{DateHeader, Draft, HeaderFacts, LineLength, MissingHeaders, Settings, replies};
use mail::Reply;

/// Shorter limits than this would fold every message to shreds; octets.
const SHORTEST_FOLD: usize = 78;

/// The verdict at the end of the data. On success the draft's facts are filled in.
pub(super) fn conclude(draft: &mut Draft, intake: &Intake, settings: &Settings) -> Result<(), Reply> {
    if let Some(trouble) = intake.trouble() {
        return Err(trouble.clone());
    }
    draft.eight_bit |= intake.eight_bit();
    draft.facts = examine(draft.body.content(), settings.rfc2822_missing_headers)?;
    if let LineLength::Fold(longest) = settings.rfc2822_max_line_length {
        let longest = longest.max(SHORTEST_FOLD);
        if intake.longest_line() > longest {
            let folded = fold(draft.body.content(), draft.facts.header_length, longest);
            draft.body.replace(&folded);
            draft.facts = examine(draft.body.content(), settings.rfc2822_missing_headers)?;
        }
    }
    if settings.rfc2822_date_header == DateHeader::Refuse && !draft.facts.date {
        return Err(replies::DATE_MISSING);
    }
    Ok(())
}

/// One pass over the header block.
fn examine(content: &[u8], missing: MissingHeaders) -> Result<HeaderFacts, Reply> {
    let mut facts = HeaderFacts::default();
    let mut at = 0;
    for line in lines(content) {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let continues = at > 0 && matches!(text.first(), Some(b' ' | b'\t'));
        match field_name(text) {
            _ if continues => {}
            Some(name) => facts.note(name),
            None => {
                let fields_end_here = text.is_empty() && at > 0;
                if !fields_end_here && missing == MissingHeaders::Refuse {
                    return Err(if at == 0 { replies::HEADERS_MISSING } else { replies::HEADER_INVALID });
                }
                facts.header_length = at;
                facts.body_start = if fields_end_here { at + line.len() } else { at };
                return Ok(facts);
            }
        }
        at += line.len();
    }
    if at == 0 && missing == MissingHeaders::Refuse {
        return Err(replies::HEADERS_MISSING);
    }
    facts.header_length = at;
    facts.body_start = at;
    Ok(facts)
}

/// Lines with their ends.
fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = content;
    std::iter::from_fn(move || {
        let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        let (line, behind) = rest.split_at(length);
        rest = behind;
        (!line.is_empty()).then_some(line)
    })
}

/// RFC 5322 §2.2: printable octets before a colon; blanks before the colon are its obsolete syntax.
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let colon = memchr::memchr(b':', line)?;
    let name = line[..colon].trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(name)
}

impl HeaderFacts {
    fn note(&mut self, name: &[u8]) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.len() {
            4 => {
                self.date |= is("Date");
                self.from |= is("From");
            }
            7 => self.subject |= is("Subject"),
            8 => self.received += u32::from(is("Received")),
            10 => self.message_id |= is("Message-ID"),
            11 => self.return_path |= is("Return-Path"),
            _ => {}
        }
    }
}

/// Cuts lines longer than `longest` octets: header fields before white space where there is some, else
/// with a blank put in; the body anywhere.
fn fold(content: &[u8], header_length: usize, longest: usize) -> Vec<u8> {
    let mut folded = Vec::with_capacity(content.len() + content.len() / longest * 3 + 3);
    let mut at = 0;
    for line in lines(content) {
        let in_header = at < header_length;
        at += line.len();
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let (mut rest, mut room) = (text, longest);
        while rest.len() > room {
            let blank = rest[1..=room].iter().rposition(|octet| matches!(octet, b' ' | b'\t'));
            let blank = blank.filter(|_| in_header);
            let (head, tail) = rest.split_at(blank.map_or(room, |blank| blank + 1));
            folded.extend_from_slice(head);
            folded.extend_from_slice(b"\r\n");
            room = longest;
            if in_header && blank.is_none() {
                folded.push(b' ');
                room -= 1;
            }
            rest = tail;
        }
        folded.extend_from_slice(rest);
        folded.extend_from_slice(&line[text.len()..]);
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_its_facts_and_where_it_ends() {
        let content =
            b"Received: a\r\n by b\r\nreceived : c\r\nDATE: now\r\nMessage-Id: <x>\r\n\r\nFrom: body\r\n";
        let facts = examine(content, MissingHeaders::Refuse).unwrap();
        assert_eq!((facts.received, facts.date, facts.message_id, facts.from), (2, true, true, false));
        assert_eq!(&content[facts.header_length..facts.body_start], b"\r\n");
        assert_eq!(&content[facts.body_start..], b"From: body\r\n");
    }

    #[test]
    fn what_begins_without_a_field_is_refused_or_all_body() {
        let whole = |content: &[u8]| (content.len(), content.len());
        for (content, refused, allowed) in [
            (&b""[..], Some(replies::HEADERS_MISSING), (0, 0)),
            (b"\r\nhello\r\n", Some(replies::HEADERS_MISSING), (0, 0)),
            (b"hello\r\n", Some(replies::HEADERS_MISSING), (0, 0)),
            (b" folded: x\r\n", Some(replies::HEADERS_MISSING), (0, 0)),
            (b": x\r\n", Some(replies::HEADERS_MISSING), (0, 0)),
            (b"From x Mon: y\r\n", Some(replies::HEADERS_MISSING), (0, 0)),
            (b"A: b\r\nhello\r\n", Some(replies::HEADER_INVALID), (6, 6)),
            (b"A: b\r\n\r\nhello\r\n", None, (6, 8)),
            (b"A: b\r\n", None, whole(b"A: b\r\n")),
        ] {
            assert_eq!(examine(content, MissingHeaders::Refuse).err(), refused, "{}", content.escape_ascii());
            let facts = examine(content, MissingHeaders::Allow).unwrap();
            assert_eq!((facts.header_length, facts.body_start), allowed, "{}", content.escape_ascii());
        }
    }

    #[test]
    fn folding_keeps_every_octet_and_leaves_no_long_line() {
        let content = format!(
            "A: {}\r\nB: {}\r\n\r\n{}\r\nshort\r\n",
            "word ".repeat(60),
            "x".repeat(300),
            "y".repeat(300)
        );
        let header_length = content.find("\r\n\r\n").unwrap() + 2;
        let folded = fold(content.as_bytes(), header_length, 78);
        let bare = |text: &[u8]| -> Vec<u8> {
            text.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect()
        };
        assert_eq!(bare(&folded), bare(content.as_bytes()));
        assert!(lines(&folded).all(|line| line.len() <= 80));
        let facts = examine(&folded, MissingHeaders::Refuse).unwrap();
        assert!(folded[facts.body_start..].starts_with(b"yyy"), "folded fields are still fields");
    }
}
