//! Traps of SNMP (spec sieve.md §5.5; RFC 3416 §4.2.6 in messages of RFC 1901).
//!
//! The law: a trap is one datagram that nobody acknowledges: it is sent from a side thread, and its loss is no fault.

use super::network::may_wait;
use crate::aside;
use crate::fault::Fault;
use crate::machine::Call;
use crate::value::{Hash, Value};
use crate::word::{Got, Kind, Word, needs};
use policy_api::Pool;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

pub(super) static WORDS: &[Word] = &[Word::wait("snmp_trap", send).takes(&[needs("trap", Kind::Hash)]).doc(
    "Sends a trap of SNMP v2c. Keys of the hash: address, port (162), community (Public), mib (its object identifier), \
     and for a variable in it trapvar (its value), trapvar.type (string, integer, counter, gauge or ip) and trapvar.mib.",
)];

/// Octets of a variable's value: a datagram is one piece.
const LONGEST: usize = 1000;

const INTEGER: u8 = 0x02;
const TEXT: u8 = 0x04;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const ADDRESS: u8 = 0x40;
const COUNTER: u8 = 0x41;
const GAUGE: u8 = 0x42;
const TICKS: u8 = 0x43;
const TRAP: u8 = 0xa7;

/// `sysUpTime.0` and `snmpTrapOID.0` (RFC 3418).
const UP_TIME: &str = "1.3.6.1.2.1.1.3.0";
const TRAP_ID: &str = "1.3.6.1.6.3.1.1.4.1.0";

fn send(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    may_wait(call)?;
    let trap = call.hash(0)?.clone();
    let (number, hundredths) = (call.scene.host.chance() >> 33, call.scene.host.now().micros() / 10_000);
    let octets = message(&trap, number as u32, hundredths as u32)?;
    let address: IpAddr = match text(&trap, "address") {
        Some(address) => address.parse().map_err(|_| format!("the address '{address}' is no IP address"))?,
        None => return Err(Fault::new("the hash has no address")),
    };
    let port =
        text(&trap, "port").map_or(Ok(162), |port| port.parse().map_err(|_| "the port is no number"))?;
    let to = SocketAddr::new(address, port);
    // A rehearsal sends nothing.
    if call.scene.host.is_watched() {
        call.scene.host.did(&call.place(), &format!("snmp_trap to {to}"));
        return Ok(Got::Value(Value::default()));
    }
    let work = move || {
        let from: IpAddr =
            if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let sent = UdpSocket::bind((from, 0)).and_then(|socket| socket.send_to(&octets, to));
        sent.map(drop).map_err(|error| format!("{to}: {error}"))
    };
    Ok(Got::Later(aside::work_on(call.scene.host, Pool::Io, work, |()| Value::default())))
}

fn text(trap: &Hash, key: &str) -> Option<String> {
    trap.get(key).map(|value| value.text().trim().to_owned()).filter(|text| !text.is_empty())
}

/// `hundredths`: of a second, as a clock of this host counts them.
fn message(trap: &Hash, number: u32, hundredths: u32) -> Result<Vec<u8>, Fault> {
    let id = text(trap, "mib").ok_or("the hash has no mib")?;
    let mut variables = variable(UP_TIME, value(TICKS, &unsigned(hundredths)))?;
    variables.extend(variable(TRAP_ID, value(OBJECT, &object(&id)?))?);
    if let Some(shown) = trap.get("trapvar").map(Value::text) {
        let name = text(trap, "trapvar.mib").ok_or("the hash has a trapvar without its trapvar.mib")?;
        let kind = text(trap, "trapvar.type").unwrap_or_else(|| "string".to_owned());
        variables.extend(variable(&name, typed(&kind, &shown)?)?);
    }
    let mut trap_octets = value(INTEGER, &unsigned(number));
    // No error, of no variable.
    trap_octets.extend([value(INTEGER, &[0]), value(INTEGER, &[0]), value(SEQUENCE, &variables)].concat());
    let community = text(trap, "community").unwrap_or_else(|| "Public".to_owned());
    // Version 2c is written as 1.
    let parts = [value(INTEGER, &[1]), value(TEXT, community.as_bytes()), value(TRAP, &trap_octets)];
    Ok(value(SEQUENCE, &parts.concat()))
}

fn variable(name: &str, of: Vec<u8>) -> Result<Vec<u8>, Fault> {
    Ok(value(SEQUENCE, &[value(OBJECT, &object(name)?), of].concat()))
}

fn typed(kind: &str, shown: &str) -> Result<Vec<u8>, Fault> {
    let wrong = |what: &str| Fault::new(format!("the trapvar '{}' is no {what}", shown.escape_debug()));
    let number = |what: &str| shown.trim().parse::<u32>().map_err(|_| wrong(what));
    Ok(match kind.to_ascii_lowercase().as_str() {
        "string" if shown.len() <= LONGEST => value(TEXT, shown.as_bytes()),
        "string" => return Err(Fault::new(format!("the trapvar has more than {LONGEST} octets"))),
        "integer" => {
            let number: i32 = shown.trim().parse().map_err(|_| wrong("integer"))?;
            value(INTEGER, &signed(number))
        }
        "counter" => value(COUNTER, &unsigned(number("counter")?)),
        "gauge" => value(GAUGE, &unsigned(number("gauge")?)),
        "ip" => {
            let address: Ipv4Addr = shown.trim().parse().map_err(|_| wrong("IPv4 address"))?;
            value(ADDRESS, &address.octets())
        }
        other => {
            let known = "string, integer, counter, gauge or ip";
            return Err(Fault::new(format!("the trapvar.type '{other}' is none of {known}")));
        }
    })
}

/// A value of ASN.1's basic encoding: tag, length, octets.
fn value(tag: u8, octets: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match octets.len() {
        short @ ..0x80 => out.push(short as u8),
        long => {
            let length = long.to_be_bytes();
            let zeros = length.iter().take_while(|octet| **octet == 0).count();
            out.push(0x80 | (length.len() - zeros) as u8);
            out.extend_from_slice(&length[zeros..]);
        }
    }
    out.extend_from_slice(octets);
    out
}

/// As few octets as keep the sign.
fn signed(number: i32) -> Vec<u8> {
    shortest(i64::from(number))
}

fn unsigned(number: u32) -> Vec<u8> {
    shortest(i64::from(number))
}

fn shortest(number: i64) -> Vec<u8> {
    let octets = number.to_be_bytes();
    let is_needless = |pair: &&[u8]| {
        let sign = if pair[1] & 0x80 == 0 { 0x00 } else { 0xff };
        pair[0] == sign
    };
    let needless = octets.windows(2).take_while(is_needless).count();
    octets[needless..].to_vec()
}

/// `1.3.6.1.4.1…`, with or without a dot before it.
fn object(text: &str) -> Result<Vec<u8>, Fault> {
    let wrong = || Fault::new(format!("'{}' is no object identifier (1.3.6.1.…)", text.escape_debug()));
    let digits = text.strip_prefix('.').unwrap_or(text).split('.');
    let numbers: Vec<u32> = digits.map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
    let [first @ ..=2, second @ ..=39, rest @ ..] = numbers.as_slice() else { return Err(wrong()) };
    if rest.len() > 126 {
        return Err(wrong());
    }
    let mut out = vec![(first * 40 + second) as u8];
    for number in rest {
        // Seven bits at a time, the first bit says that more follow.
        let groups = (1..5).rev().map(|group| number >> (7 * group)).filter(|bits| *bits > 0);
        out.extend(groups.map(|bits| 0x80 | (bits & 0x7f) as u8));
        out.push((number & 0x7f) as u8);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trap(pairs: &[(&str, &str)]) -> Hash {
        Hash::new(pairs.iter().map(|(key, text)| ((*key).into(), Value::from(*text))).collect())
    }

    #[test]
    fn a_trap_is_a_message_of_version_2c() {
        let octets = message(
            &trap(&[
                ("mib", "1.3.6.1.4.1.19552.1"),
                ("trapvar", "300"),
                ("trapvar.type", "gauge"),
                ("trapvar.mib", ".1.3.6.1.4.1.19552.2"),
            ]),
            7,
            128,
        );
        let expected: &[u8] = &[
            0x30, 0x52, 0x02, 0x01, 0x01, 0x04, 0x06, b'P', b'u', b'b', b'l', b'i', b'c', 0xa7, 0x45, 0x02,
            0x01, 0x07, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00, 0x30, 0x3a, // The variables:
            0x30, 0x0e, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x02, 0x01, 0x01, 0x03, 0x00, 0x43, 0x02, 0x00,
            0x80, //
            0x30, 0x17, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x06, 0x03, 0x01, 0x01, 0x04, 0x01, 0x00, 0x06, 0x09,
            0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0x98, 0x60, 0x01, //
            0x30, 0x0f, 0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0x98, 0x60, 0x02, 0x42, 0x02, 0x01,
            0x2c,
        ];
        assert_eq!(octets.unwrap(), expected);
    }

    #[test]
    fn values_have_as_many_octets_as_they_need() {
        for (number, octets) in [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[0, 128]),
            (-1, &[255]),
            (-129, &[255, 127]),
            (65_536, &[1, 0, 0]),
        ] {
            assert_eq!(signed(number), octets, "{number}");
        }
        assert_eq!(unsigned(u32::MAX), [0, 255, 255, 255, 255]);
        assert_eq!(value(TEXT, &[b'x'; 200])[..3], [TEXT, 0x81, 200]);
        assert_eq!(value(TEXT, &[b'x'; 300])[..4], [TEXT, 0x82, 1, 44]);
        assert_eq!(object("1.3.4294967295").unwrap(), [0x2b, 0x8f, 0xff, 0xff, 0xff, 0x7f]);
    }

    #[test]
    fn what_is_no_trap_says_why() {
        for (pairs, text) in [
            (&[("port", "162")][..], "no mib"),
            (&[("mib", "sysDescr")], "is no object identifier"),
            (&[("mib", "1")], "is no object identifier"),
            (&[("mib", "1.40.1")], "is no object identifier"),
            (&[("mib", "1.3.6"), ("trapvar", "x")], "without its trapvar.mib"),
            (
                &[("mib", "1.3.6"), ("trapvar", "x"), ("trapvar.mib", "1.3.7"), ("trapvar.type", "gauge")],
                "no gauge",
            ),
            (
                &[("mib", "1.3.6"), ("trapvar", "x"), ("trapvar.mib", "1.3.7"), ("trapvar.type", "ip")],
                "no IPv4",
            ),
            (
                &[("mib", "1.3.6"), ("trapvar", "x"), ("trapvar.mib", "1.3.7"), ("trapvar.type", "float")],
                "none of",
            ),
        ] {
            let fault = message(&trap(pairs), 1, 1).unwrap_err();
            assert!(fault.text.contains(text), "{pairs:?}: {fault}");
        }
    }
}
