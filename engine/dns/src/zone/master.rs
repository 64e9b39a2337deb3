//! Master files (RFC 1035 §5), as name servers are fed with them: `$ORIGIN`, `$TTL`, comments, parentheses, quoted
//! strings, owners and names relative to the origin.
//!
//! Law: what is not understood is an error with its line; only SOA is passed over, since `Zone` writes its own.

use super::{Entry, NotAZone, STRING_OCTETS, Zone, parse_data, parse_fate};
use crate::Name;
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::TXT;

/// Seconds, where neither the record nor `$TTL` says any.
const DEFAULT_TTL: u32 = 3600;

impl Zone {
    /// Names that do not end in a dot are relative to `$ORIGIN`, and complete before there is one. Beside A, AAAA,
    /// TXT, MX, PTR, NS and CNAME it takes the misfortunes of `Zone::parse`.
    pub fn parse_master(text: &str) -> Result<Zone, NotAZone> {
        let mut reader = Reader::default();
        for line in lines(text)? {
            let number = line.number;
            reader.take(line).map_err(|why| NotAZone { line: number, why })?;
        }
        Ok(reader.zone)
    }
}

/// A word of a line; quotes are taken off, escapes resolved.
#[derive(Debug, Default)]
struct Word {
    octets: Vec<u8>,
    quoted: bool,
}

/// An entry: one line, or several in parentheses.
#[derive(Debug)]
struct Line {
    number: usize,
    /// It begins with a blank: the owner is that of the entry before.
    goes_on: bool,
    words: Vec<Word>,
}

#[derive(Default)]
struct Reader {
    zone: Zone,
    origin: String,
    ttl: Option<u32>,
    owner: Option<Name>,
}

impl Reader {
    fn take(&mut self, line: Line) -> Result<(), &'static str> {
        let mut words = line.words.into_iter().peekable();
        let first = words.peek().filter(|word| !word.quoted && !line.goes_on).map(Word::text).transpose()?;
        match first {
            Some("$ORIGIN") => {
                let name = words.nth(1).ok_or("$ORIGIN wants a name")?;
                self.origin = self.name(name.text()?)?.as_str().to_owned();
                return Ok(());
            }
            Some("$TTL") => {
                let time = words.nth(1).ok_or("$TTL wants a time")?;
                self.ttl = Some(seconds(time.text()?).ok_or("$TTL wants seconds, or a time as 1h30m")?);
                return Ok(());
            }
            Some(directive) if directive.starts_with('$') => {
                return Err("of the directives, $ORIGIN and $TTL are understood");
            }
            Some(owner) => {
                self.owner = Some(self.name(owner)?);
                words.next();
            }
            None => {}
        }
        let owner = self.owner.clone().ok_or("the first entry has no owner")?;
        let mut ttl = None;
        let kind = loop {
            let word = words.next().ok_or("there is no record type")?;
            let text = word.text()?.to_ascii_uppercase();
            match text.as_str() {
                "IN" => {}
                "CH" | "HS" | "CS" => return Err("the class is IN"),
                _ if ttl.is_none() && text.starts_with(|first: char| first.is_ascii_digit()) => {
                    ttl = Some(seconds(&text).ok_or("the time to live is no number of seconds")?);
                }
                _ => break text,
            }
        };
        let ttl = ttl.or(self.ttl).unwrap_or(DEFAULT_TTL);
        let data: Vec<Word> = words.collect();
        if kind != "SOA" {
            let entry = self.entry(&kind, ttl, data)?;
            self.zone.names.entry(owner).or_default().push(entry);
        }
        Ok(())
    }

    fn entry(&self, kind: &str, ttl: u32, data: Vec<Word>) -> Result<Entry, &'static str> {
        let texts = || data.iter().map(Word::text).collect::<Result<Vec<_>, _>>();
        if kind == "TXT" {
            if data.is_empty() {
                return Err("TXT wants a string");
            }
            let pieces = data.iter().flat_map(|word| match word.octets.len() {
                0 => vec![&[][..]],
                _ => word.octets.chunks(STRING_OCTETS).collect(),
            });
            return Ok(Entry::Record { ttl, data: RData::TXT(TXT::from_bytes(pieces.collect())) });
        }
        let texts = texts()?;
        if let Some(entry) = parse_fate(kind, &texts.join(" ")) {
            return entry;
        }
        let data = match (kind, &texts[..]) {
            ("A" | "AAAA", [address]) => (*address).to_owned(),
            ("CNAME" | "NS" | "PTR", [name]) => self.name(name)?.to_string(),
            ("MX", [preference, name]) => format!("{preference} {}", self.name(name)?),
            ("MX", _) => return Err("MX wants a preference and a name"),
            ("A" | "AAAA" | "CNAME" | "NS" | "PTR", _) => return Err("the data is one word"),
            _ => return Err("this type is not answered here; A AAAA CNAME MX NS PTR TXT are"),
        };
        Ok(Entry::Record { ttl, data: parse_data(kind, &data)? })
    }

    fn name(&self, text: &str) -> Result<Name, &'static str> {
        let complete = match text {
            "@" => self.origin.clone(),
            _ if text.ends_with('.') || self.origin.is_empty() => text.to_owned(),
            _ => format!("{text}.{}", self.origin),
        };
        let complete = if complete.is_empty() { "." } else { &complete };
        Name::new(complete).map_err(|_| "there should be a domain name")
    }
}

impl Word {
    fn text(&self) -> Result<&str, &'static str> {
        std::str::from_utf8(&self.octets).map_err(|_| "only strings of TXT may hold any octets")
    }
}

/// Seconds, or numbers with units as other servers write them: `1h30m`.
fn seconds(text: &str) -> Option<u32> {
    let mut sum = 0u32;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
        let number: u32 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next();
        let factor = match unit.map(|unit| unit.to_ascii_lowercase()) {
            None | Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86_400,
            Some('w') => 604_800,
            Some(_) => return None,
        };
        sum = sum.checked_add(number.checked_mul(factor)?)?;
        rest = &rest[end + unit.map_or(0, char::len_utf8)..];
    }
    (!text.is_empty()).then_some(sum)
}

/// Splits the text into entries of words (RFC 1035 §5.1).
fn lines(text: &str) -> Result<Vec<Line>, NotAZone> {
    let mut lines = Vec::new();
    let mut open: Option<Line> = None;
    let mut depth = 0u32;
    for (number, text) in (1..).zip(text.lines()) {
        let fault = |why| NotAZone { line: number, why };
        let mut line = open.take().unwrap_or_else(|| Line {
            number,
            goes_on: text.starts_with([' ', '\t']),
            words: Vec::new(),
        });
        let mut octets = text.bytes().peekable();
        while let Some(octet) = octets.next() {
            match octet {
                b' ' | b'\t' | b'\r' => {}
                b';' => break,
                b'(' => depth += 1,
                b')' => depth = depth.checked_sub(1).ok_or_else(|| fault("a parenthesis closes nothing"))?,
                b'"' => line.words.push(quoted(&mut octets).map_err(fault)?),
                _ => line.words.push(plain(octet, &mut octets).map_err(fault)?),
            }
        }
        if depth > 0 {
            open = Some(line);
        } else if !line.words.is_empty() {
            lines.push(line);
        }
    }
    match open {
        Some(line) => Err(NotAZone { line: line.number, why: "a parenthesis is not closed" }),
        None => Ok(lines),
    }
}

type Octets<'a> = std::iter::Peekable<std::str::Bytes<'a>>;

fn quoted(octets: &mut Octets<'_>) -> Result<Word, &'static str> {
    let mut word = Word { quoted: true, ..Word::default() };
    loop {
        match octets.next() {
            Some(b'"') => return Ok(word),
            Some(b'\\') => word.octets.push(escaped(octets)?),
            Some(octet) => word.octets.push(octet),
            None => return Err("a quoted string is not closed on its line"),
        }
    }
}

fn plain(first: u8, octets: &mut Octets<'_>) -> Result<Word, &'static str> {
    let mut word = Word::default();
    let mut next = Some(first);
    while let Some(octet) = next {
        word.octets.push(if octet == b'\\' { escaped(octets)? } else { octet });
        next = octets.next_if(|octet| !matches!(octet, b' ' | b'\t' | b'\r' | b';' | b'(' | b')' | b'"'));
    }
    Ok(word)
}

/// `\DDD`, or any other character as it is.
fn escaped(octets: &mut Octets<'_>) -> Result<u8, &'static str> {
    let first = octets.next().ok_or("a backslash ends the line")?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    const WRONG: &str = "a backslash wants three digits up to 255, or one character";
    let mut value = u32::from(first - b'0');
    for _ in 0..2 {
        let digit = octets.next().filter(u8::is_ascii_digit).ok_or(WRONG)?;
        value = value * 10 + u32::from(digit - b'0');
    }
    u8::try_from(value).map_err(|_| WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::Carrier;
    use crate::{Answer, Kind, Question, Record, packet};

    const FILE: &str = r#"
; A zone as a name server has it.
$TTL 1h
$ORIGIN example.org.
@        IN SOA ns hostmaster ( 2026112701 ; serial
             3h 15m 1w 5m )
         IN NS  ns
         MX  10 mx
    300  IN MX 20 mx.elsewhere.example.
mx       IN 60 A 192.0.2.1
         AAAA 2001:db8::1
ns   60  CNAME mx
*.bl     A 127.0.0.2
s._domainkey TXT ( "v=DKIM1; k=rsa; "
                   "p=ab\"c\059" )
bare     TXT one two
1.2.0.192.in-addr.arpa. PTR mx
broken   SERVFAIL
$ORIGIN sub
a        A 192.0.2.9
"#;

    fn asked(name: &str, kind: Kind) -> Answer {
        let question = Question::new(Name::new(name).unwrap(), kind);
        let zone = Zone::parse_master(FILE).unwrap();
        let reply = zone.answer(&packet::ask(&question, 7, true, false), Carrier::Datagram).unwrap();
        match packet::read(&reply, 7, &question) {
            packet::Reading::Whole(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_master_file_answers_what_its_entries_say() {
        let name = |text: &str| Name::new(text).unwrap();
        let one = |record, ttl| Answer::Records { records: [record].into(), ttl };
        for (question, kind, answer) in [
            ("mx.example.org", Kind::A, one(Record::A([192, 0, 2, 1].into()), 60)),
            ("mx.example.org", Kind::Aaaa, one(Record::Aaaa("2001:db8::1".parse().unwrap()), 3600)),
            ("example.org", Kind::Ns, one(Record::Ns(name("ns.example.org")), 3600)),
            ("ns.example.org", Kind::A, one(Record::A([192, 0, 2, 1].into()), 60)),
            ("2.0.0.127.bl.example.org", Kind::A, one(Record::A([127, 0, 0, 2].into()), 3600)),
            (
                "s._domainkey.example.org",
                Kind::Txt,
                one(Record::Txt((*b"v=DKIM1; k=rsa; p=ab\"c;").into()), 3600),
            ),
            ("bare.example.org", Kind::Txt, one(Record::Txt((*b"onetwo").into()), 3600)),
            ("1.2.0.192.in-addr.arpa", Kind::Ptr, one(Record::Ptr(name("mx.example.org")), 3600)),
            ("a.sub.example.org", Kind::A, one(Record::A([192, 0, 2, 9].into()), 3600)),
        ] {
            assert_eq!(asked(question, kind), answer, "{question} {kind:?}");
        }
        let Answer::Records { records, ttl } = asked("example.org", Kind::Mx) else { panic!() };
        assert_eq!((records.len(), ttl), (2, 300));
        assert!(matches!(asked("broken.example.org", Kind::A), Answer::Failed(_)));
        assert!(matches!(asked("nothing.example.org", Kind::A), Answer::NoName { .. }));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, line, why) in [
            ("a A 192.0.2.1\nb A 192.0.2.256\n", 2, "the data is no IPv4 address"),
            (" A 192.0.2.1", 1, "the first entry has no owner"),
            ("a ( A\n192.0.2.1\n", 1, "a parenthesis is not closed"),
            ("a A 192.0.2.1 )", 1, "a parenthesis closes nothing"),
            ("a TXT \"open", 1, "a quoted string is not closed on its line"),
            ("a 60", 1, "there is no record type"),
            ("\na SRV 0 0 25 b", 2, "this type is not answered here; A AAAA CNAME MX NS PTR TXT are"),
            ("a MX mx", 1, "MX wants a preference and a name"),
            ("a A 192.0.2.1 192.0.2.2", 1, "the data is one word"),
            ("a CH A 192.0.2.1", 1, "the class is IN"),
            ("$INCLUDE other", 1, "of the directives, $ORIGIN and $TTL are understood"),
            ("$TTL soon", 1, "$TTL wants seconds, or a time as 1h30m"),
            ("a..b A 192.0.2.1", 1, "there should be a domain name"),
            ("a TXT \\300", 1, "a backslash wants three digits up to 255, or one character"),
        ] {
            assert_eq!(Zone::parse_master(text).unwrap_err(), NotAZone { line, why }, "{text}");
        }
    }

    #[test]
    fn times_have_units() {
        for (text, time) in [("0", Some(0)), ("1h30m", Some(5400)), ("1W", Some(604_800)), ("1y", None)] {
            assert_eq!(seconds(text), time, "{text}");
        }
        assert_eq!((seconds(""), seconds("h"), seconds("99999999999")), (None, None, None));
    }
}
