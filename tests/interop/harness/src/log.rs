//! Readers of the logs, as strict as an operator's scripts: each takes exactly what the format's description
//! allows and says what is wrong with anything else.

mod fields;
mod rejectlog;

pub use rejectlog::parse_rejectlog;

use fields::{Checked, binding, check, identity, is_address, number, reply, seconds, stage, timestamp};

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

const CLASSES: [u8; 20] = [1, 10, 20, 21, 22, 23, 24, 25, 30, 40, 50, 51, 52, 53, 54, 60, 70, 80, 90, 100];
const NOBODY: &str = "00/00-00000-00000000";

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
    }
}
