//! Readers of the logs, as strict as an operator's scripts: each takes exactly what the format's description
//! allows and says what is wrong with anything else.

/// The letter of a mainlog line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Reception,
    Delivery,
    Transient,
    Permanent,
    Heartbeat,
}

/// The fields of a mainlog line that tests ask for; what a type does not have is empty.
#[derive(Clone, Debug)]
pub struct MainLine {
    pub kind: Type,
    pub message: String,
    pub batch: String,
    pub connection: String,
    /// The recipient's of a reception, else the routing domain.
    pub domain: String,
    pub sender_domain: String,
    pub protocol: String,
    pub binding: String,
    pub stage: u8,
    pub retries: u32,
    pub seconds: f64,
    pub peer: String,
    pub text: String,
}

const STAGES: std::ops::RangeInclusive<u8> = 0..=22;
const CLASSES: [u8; 20] = [1, 10, 20, 21, 22, 23, 24, 25, 30, 40, 50, 51, 52, 53, 54, 60, 70, 80, 90, 100];
const NOBODY: &str = "00/00-00000-00000000";

type Checked<T> = Result<T, String>;

/// A line without its line feed.
pub fn parse_mainlog(line: &str) -> Checked<MainLine> {
    let letter = line.split('@').nth(4).ok_or_else(|| format!("no type: {line}"))?;
    let (kind, count, limit) = match letter {
        "R" => (Type::Reception, 14, usize::MAX),
        "D" => (Type::Delivery, 12, usize::MAX),
        "T" => (Type::Transient, 14, 14),
        "P" => (Type::Permanent, 14, 14),
        "M1" => (Type::Heartbeat, 5, usize::MAX),
        _ => return Err(format!("unknown type {letter}: {line}")),
    };
    let fields: Vec<&str> = line.splitn(limit, '@').collect();
    check(fields.len() == count, &format!("{count} fields"), line)?;
    timestamp(fields[0]).map_err(|wrong| format!("{wrong}: {line}"))?;
    let read = match kind {
        Type::Heartbeat => {
            check(fields[1..4].iter().all(|field| field.is_empty()), "no ids", line).map(|()| blank(kind))
        }
        Type::Reception => reception(&fields),
        Type::Delivery => delivery(&fields),
        Type::Transient | Type::Permanent => failure(kind, &fields),
    };
    read.map_err(|wrong| format!("{wrong}: {line}"))
}

fn blank(kind: Type) -> MainLine {
    let empty = String::new;
    MainLine {
        kind,
        message: empty(),
        batch: empty(),
        connection: empty(),
        domain: empty(),
        sender_domain: empty(),
        protocol: empty(),
        binding: empty(),
        stage: 0,
        retries: 0,
        seconds: 0.0,
        peer: empty(),
        text: empty(),
    }
}

/// The ids that stand at the same place in all types.
fn opening(kind: Type, fields: &[&str]) -> Checked<MainLine> {
    for id in &fields[1..4] {
        identity(id)?;
    }
    check(fields[1] != NOBODY && fields[2] != NOBODY, "message and batch of somebody", fields[1])?;
    let [message, batch, connection] = [fields[1], fields[2], fields[3]].map(str::to_owned);
    Ok(MainLine { message, batch, connection, ..blank(kind) })
}

fn reception(fields: &[&str]) -> Checked<MainLine> {
    check(!fields[5].is_empty(), "a recipient", fields[5])?;
    check(fields[7].is_empty() == fields[8].is_empty(), "sender and domain both or none", fields[8])?;
    check(fields[9] == "unknown" || is_address(fields[9]), "a source", fields[9])?;
    number(fields[10])?;
    check(["esmtp", "rest", "internal"].contains(&fields[11]), "a protocol", fields[11])?;
    binding(fields[12], fields[13])?;
    Ok(MainLine {
        domain: fields[6].to_owned(),
        sender_domain: fields[8].to_owned(),
        peer: fields[9].to_owned(),
        protocol: fields[11].to_owned(),
        binding: fields[13].to_owned(),
        ..opening(Type::Reception, fields)?
    })
}

fn delivery(fields: &[&str]) -> Checked<MainLine> {
    number(fields[6])?;
    binding(fields[7], fields[8])?;
    check(is_address(fields[11]), "the accepting address", fields[11])?;
    Ok(MainLine {
        domain: fields[5].to_owned(),
        binding: fields[8].to_owned(),
        retries: number(fields[9])? as u32,
        seconds: seconds(fields[10], 3)?,
        peer: fields[11].to_owned(),
        ..opening(Type::Delivery, fields)?
    })
}

fn failure(kind: Type, fields: &[&str]) -> Checked<MainLine> {
    number(fields[6])?;
    binding(fields[7], fields[8])?;
    check(fields[12].is_empty() || is_address(fields[12]), "an address or nothing", fields[12])?;
    reply(fields[13], if kind == Type::Transient { &['4'] } else { &['4', '5'] })?;
    Ok(MainLine {
        domain: fields[5].to_owned(),
        binding: fields[8].to_owned(),
        stage: stage(fields[9])?,
        retries: number(fields[10])? as u32,
        seconds: seconds(fields[11], 2)?,
        peer: fields[12].to_owned(),
        text: fields[13].to_owned(),
        ..opening(kind, fields)?
    })
}

/// Sixteen fields, or a heartbeat.
pub fn parse_bouncelog(line: &str) -> Checked<()> {
    let fields: Vec<&str> = line.splitn(16, '@').collect();
    timestamp(fields[0]).map_err(|wrong| format!("{wrong}: {line}"))?;
    if fields[1..] == ["", "", "", "M1"] {
        return Ok(());
    }
    check(fields.len() == 16, "16 fields", line)?;
    let read = || {
        for id in &fields[1..4] {
            identity(id)?;
        }
        check(["B", "T"].contains(&fields[4]), "B or T", fields[4])?;
        check(!fields[5].is_empty() && !fields[6].is_empty(), "a recipient", fields[5])?;
        check(fields[7].is_empty() == fields[8].is_empty(), "sender and domain both or none", fields[8])?;
        binding(fields[9], fields[10])?;
        stage(fields[11])?;
        let class = fields[12].parse().map_err(|_| format!("no class: {}", fields[12]))?;
        check(CLASSES.contains(&class), "a known class", fields[12])?;
        number(fields[13])?;
        check(fields[14].is_empty() || is_address(fields[14]), "an address or nothing", fields[14])?;
        reply(fields[15], &['4', '5'])
    };
    read().map_err(|wrong: String| format!("{wrong}: {line}"))
}

/// `KEY=value` in fixed order, then the text of the reply without its code.
pub fn parse_rejectlog(line: &str) -> Checked<()> {
    let read = || {
        let (time, rest) = line.split_once(": ").ok_or("no time")?;
        timestamp(time)?;
        if rest == "Marker 1" {
            return Ok(());
        }
        let mut rest = Rest(rest);
        rest.socket("R")?;
        rest.socket("L")?;
        identity(rest.quoted("C")?)?;
        for key in ["PATH", "PATH_GRP", "P"] {
            check(!rest.quoted(key)?.is_empty(), "a name", key)?;
        }
        let code = rest.word("E")?;
        check(code.len() == 3 && code.starts_with(['4', '5']), "a code of refusal", code)?;
        rest.word("M")?;
        rest.dictionary("CTXCONN")?;
        rest.dictionary("CTXMESS")?;
        check(!rest.0.is_empty(), "a text", rest.0)?;
        let coded = rest.0.get(..4).is_some_and(|start| start.trim_end().parse::<u16>().is_ok());
        check(!coded, "a text without code", rest.0)
    };
    read().map_err(|wrong: String| format!("{wrong}: {line}"))
}

/// What is left of a rejectlog line.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn key(&mut self, key: &str, opening: &str) -> Checked<()> {
        let start = format!("{key}={opening}");
        let wrong = || format!("{start} expected at {}", self.0);
        self.0 = self.0.strip_prefix(&*start).ok_or_else(wrong)?;
        Ok(())
    }

    fn until(&mut self, end: &str) -> Checked<&'a str> {
        let (value, rest) = self.0.split_once(end).ok_or_else(|| format!("{end} expected in {}", self.0))?;
        self.0 = rest;
        Ok(value)
    }

    fn quoted(&mut self, key: &str) -> Checked<&'a str> {
        self.key(key, "\"")?;
        self.until("\" ")
    }

    fn word(&mut self, key: &str) -> Checked<&'a str> {
        self.key(key, "")?;
        self.until(" ")
    }

    fn socket(&mut self, key: &str) -> Checked<()> {
        let socket = self.quoted(key)?;
        check(socket.parse::<std::net::SocketAddr>().is_ok(), "an endpoint", socket)
    }

    /// `[k=v,k="v v"] `: bare values hold nothing that could end them.
    fn dictionary(&mut self, key: &str) -> Checked<()> {
        self.key(key, "[")?;
        if let Some(rest) = self.0.strip_prefix("] ") {
            self.0 = rest;
            return Ok(());
        }
        loop {
            let name = self.value(&['='])?;
            check(!name.is_empty(), "a key", self.0)?;
            self.value(&[',', ']'])?;
            let ended = self.0.starts_with("] ");
            self.0 = self.0.get(if ended { 2 } else { 1 }..).ok_or("a dictionary that does not end")?;
            if ended {
                return Ok(());
            }
        }
    }

    /// A bare or quoted word; what ends it stays, except an equals sign.
    fn value(&mut self, ends: &[char]) -> Checked<&'a str> {
        let text = self.0;
        let end = match text.strip_prefix('"') {
            None => text.find(ends).ok_or_else(|| format!("no end of {text}"))?,
            Some(inside) => {
                let mut escaped = false;
                let quote = inside.find(|character| {
                    let found = character == '"' && !escaped;
                    escaped = character == '\\' && !escaped;
                    found
                });
                quote.ok_or_else(|| format!("no closing quote in {text}"))? + 2
            }
        };
        let value = &text[..end];
        let bare = !value.starts_with('"');
        check(!(bare && value.contains([' ', '"', '[', ','])), "a value to be quoted", value)?;
        check(text[end..].starts_with(ends), "the end of a value", text)?;
        self.0 = text[end..].strip_prefix('=').unwrap_or(&text[end..]);
        Ok(value)
    }
}

fn check(is_right: bool, expected: &str, found: &str) -> Checked<()> {
    if is_right { Ok(()) } else { Err(format!("expected {expected}, found `{found}`")) }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(text: &str) -> Checked<u64> {
    check(digits(text), "a number", text)?;
    text.parse().map_err(|_| format!("too large: {text}"))
}

/// Whole seconds of this century.
fn timestamp(text: &str) -> Checked<()> {
    check(text.len() == 10 && digits(text), "a timestamp", text)
}

/// Decimal seconds with so many places.
fn seconds(text: &str, places: usize) -> Checked<f64> {
    let (whole, part) = text.split_once('.').ok_or_else(|| format!("no decimals in {text}"))?;
    check(digits(whole) && digits(part) && part.len() == places, "seconds", text)?;
    text.parse().map_err(|_| format!("no seconds: {text}"))
}

fn stage(text: &str) -> Checked<u8> {
    let stage = text.parse().map_err(|_| format!("no stage: {text}"))?;
    check(STAGES.contains(&stage), "a known stage", text).map(|()| stage)
}

fn binding(group: &str, binding: &str) -> Checked<()> {
    check(!group.is_empty() && !binding.is_empty(), "binding group and binding", binding)
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

/// `HH/HH-PPPPP-HHHHHHHH`
fn identity(text: &str) -> Checked<()> {
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
    };
    let parts: Vec<&str> = text.split('-').collect();
    let counter = parts[0].split_once('/').is_some_and(|(high, low)| is_hex(high, 2) && is_hex(low, 2));
    let is_right = matches!(parts[..], [_, process, second] if process.len() >= 5 && digits(process) && is_hex(second, 8));
    check(counter && is_right, "an identity", text)
}

/// A code of one of the classes, a blank, a text.
fn reply(text: &str, classes: &[char]) -> Checked<()> {
    let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
    check(code.len() == 3 && digits(code) && code.starts_with(classes), "a reply", text)?;
    check(!rest.is_empty(), "a text after the code", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_the_description_are_read() {
        const IDS: &str = "A1/04-30911-6E14B207@A1/04-30911-5E14B207@9F/04-30911-4E14B207";
        for (rest, kind) in [
            ("R@bob@alpha.example@news@sender.example@198.51.100.3@8123@esmtp@pool1@out-a", Type::Reception),
            ("R@bob@alpha.example@@@unknown@8123@internal@pool1@out-a", Type::Reception),
            ("D@alpha.example@8301@pool1@out-a@0@1.102@192.0.2.10", Type::Delivery),
            ("T@a.example@0@g@b@12@0@30.41@192.0.2.10@451 4.4.2 [internal] no banner", Type::Transient),
            ("P@a.example@44@g@b@5@1@809.20@@550 5.1.1 no such user@here", Type::Permanent),
        ] {
            let line = parse_mainlog(&format!("1770244190@{IDS}@{rest}")).unwrap();
            assert_eq!((line.kind, &*line.batch), (kind, "A1/04-30911-5E14B207"));
        }
        assert!(parse_mainlog("1770244200@@@@M1").is_ok());
        parse_bouncelog(&format!(
            "1770245100@{IDS}@B@bob@alpha.example@news@sender.example@pool1@out-a@5@10@8123@192.0.2.10@550 5.1.1 x"
        ))
        .unwrap();
        parse_rejectlog(
            "1770244300: R=\"203.0.113.9:40122\" L=\"198.51.100.1:25\" C=\"5B/00-30911-0C9E77A1\" \
             PATH=\"default\" PATH_GRP=\"default\" P=\"awaiting rcptto\" E=550 M=scriptlet \
             CTXCONN=[pathway=default,note=\"a \\\"b\\\", c]\"] CTXMESS=[] relaying denied",
        )
        .unwrap();
    }

    #[test]
    fn whatever_else_is_refused() {
        const IDS: &str = "A1/04-30911-6E14B207@A1/04-30911-5E14B207@9F/04-30911-4E14B207";
        for wrong in [
            "",
            "1770244200@@@@M",
            "1770244200.5@@@@M1",
            &format!("1770244190@{IDS}@D@alpha.example@8301@pool1@out-a@0@1.1@192.0.2.10"),
            &format!("1770244190@{IDS}@D@alpha.example@8301@pool1@out-a@0@1.102@"),
            &format!("1770244190@{IDS}@D@alpha.example@8301@pool1@out-a@0@1.102@192.0.2.10@more"),
            &format!("1770244190@{IDS}@T@a.example@0@g@b@12@0@30.41@192.0.2.10@550 5.0.0 final"),
            &format!("1770244190@{IDS}@T@a.example@0@g@b@23@0@30.41@192.0.2.10@451 later"),
            "1770244190@a1/04-30911-6E14B207@x@y@D@alpha.example@8301@pool1@out-a@0@1.102@192.0.2.10",
        ] {
            assert!(parse_mainlog(wrong).is_err(), "{wrong}");
            assert!(parse_bouncelog(wrong).is_err(), "{wrong}");
            assert!(parse_rejectlog(wrong).is_err(), "{wrong}");
        }
        let dictionary = |inside: &str| {
            let mut rest = Rest(inside);
            rest.dictionary("C").map(|()| rest.0.to_owned())
        };
        assert_eq!(dictionary("C=[a=b] x"), Ok("x".into()));
        assert!(dictionary("C=[a=b c] x").is_err());
        assert!(dictionary("C=[a] x").is_err());
    }
}
