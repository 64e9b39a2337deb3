//! Questions to the outside (spec sieve.md §5.5): names, sessions, files. The script waits, nobody else does.

use crate::aside;
use crate::fault::Fault;
use crate::machine::Call;
use crate::scene::Scene;
use crate::value::Value;
use crate::word::{Finish, Flow, Got, Kind, Word, may, needs};
use ipnet::IpNet;
use policy_api::{Answers, LookupFault, Pool, Question, Record, RecordKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

pub(super) static WORDS: &[Word] = &[
    Word::wait("ec_dns_lookup", lookup)
        .takes(&[
            needs("name", Kind::Text),
            needs("type", Kind::OneOf(&["a", "aaaa", "txt", "ptr", "ns", "mx", "cname"])),
            may("server", Kind::Text),
        ])
        .doc("The records of a name, or [\"\"]; the connection variable dns_status says why."),
    Word::wait("audit_connections_on_listener", sessions_on_listener)
        .takes(&[needs("[address]/mask", Kind::Text)])
        .doc("Sessions that a network, or that of the client, has open now, as a list of one."),
    Word::wait("audit_connections_on_service", sessions_of_service)
        .takes(&[needs("service", Kind::Text), needs("[address]/mask", Kind::Text)])
        .doc("As audit_connections_on_listener, of the service SMTP; others have no sessions."),
    Word::wait("audit_service", sessions_of_service)
        .takes(&[needs("service", Kind::Text), needs("[address]/mask", Kind::Text)])
        .doc("As audit_connections_on_service."),
    Word::action("ec_log_file", log_file)
        .takes(&[needs("file", Kind::Text), needs("text", Kind::Text)])
        .at("XBS")
        .doc("Appends a line to a file."),
    Word::wait("ec_interfaces", interfaces).doc("The IPv4 addresses of this host, as a list."),
    Word::wait("ec_mem_usage", memory).doc("Megabytes of memory that the engine uses."),
];

pub(super) fn finish(done: impl FnOnce(&mut Scene<'_>) -> Result<Value, Fault> + 'static) -> Finish {
    Box::new(done)
}

/// Only where the phase lets a module answer later.
pub(super) fn may_wait(call: &Call<'_, '_>) -> Result<(), Fault> {
    if call.scene.rights().suspend {
        return Ok(());
    }
    Err(Fault::new(format!("a script cannot wait in {}", call.scene.place_name())))
}

fn lookup(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    may_wait(call)?;
    let (name, kind) = (call.text(0), call.text(1));
    let kind = match kind.to_ascii_lowercase().as_str() {
        "a" => RecordKind::A,
        "aaaa" => RecordKind::Aaaa,
        "txt" => RecordKind::Txt,
        "ptr" => RecordKind::Ptr,
        "ns" => RecordKind::Ns,
        "mx" => RecordKind::Mx,
        "cname" => RecordKind::Cname,
        _ => return Err(Fault::new(format!("'{kind}' is no type of record (a, aaaa, txt, ptr, ns, mx)"))),
    };
    // The name of an address is asked for by the address itself, too.
    let mut question = match (kind, name.parse::<IpAddr>()) {
        (RecordKind::Ptr, Ok(address)) => Question::reverse(address),
        _ => Question::new(&*name, kind),
    };
    question.server =
        call.optional(2).filter(|server| !server.is_empty()).map(|server| at(&server)).transpose()?;
    let answer = call.scene.host.lookup(question);
    Ok(Got::Later(Box::pin(async move {
        let answer = answer.await;
        finish(move |scene| {
            scene.contexts.connection.set("dns_status", status(&answer));
            let texts = answer.map(records).unwrap_or_default();
            Ok(if texts.is_empty() { [""].into_iter().collect() } else { texts.into_iter().collect() })
        })
    })))
}

/// A server: an address, with or without a port.
fn at(server: &str) -> Result<SocketAddr, Fault> {
    let bare = server.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
    bare.or_else(|_| server.parse())
        .map_err(|_| Fault::new(format!("'{server}' is no name server's address")))
}

/// A name without such records is a success with an empty answer, as the RCODE has it.
fn status(answer: &Result<Answers, LookupFault>) -> &'static str {
    match answer {
        Ok(_) | Err(LookupFault::NoData) => "SUCCESS",
        Err(LookupFault::Timeout) => "SERVFAIL",
        Err(fault) => fault.name(),
    }
}

fn records(answers: Answers) -> Vec<String> {
    let mut records = answers.records;
    records.sort_by_key(|record| match record {
        Record::Mx { preference, .. } => *preference,
        _ => 0,
    });
    records.iter().map(shown).collect()
}

fn shown(record: &Record) -> String {
    match record {
        Record::A(address) => address.to_string(),
        Record::Aaaa(address) => address.to_string(),
        Record::Txt(text) => String::from_utf8_lossy(text).into_owned(),
        Record::Mx { exchange, .. } => exchange.clone(),
        Record::Ptr(name) | Record::Ns(name) | Record::Cname(name) => name.clone(),
    }
}

fn sessions_on_listener(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let network = network(call, &call.text(0))?;
    count(call, network)
}

/// Sessions are of SMTP; nothing else here has sessions that are counted.
fn sessions_of_service(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let (service, network) = (call.text(0), network(call, &call.text(1))?);
    if !["smtp", "esmtp", "esmtp_listener"].iter().any(|known| service.eq_ignore_ascii_case(known)) {
        return Ok(Got::Value(["0"].into_iter().collect()));
    }
    count(call, network)
}

/// `address/mask`, an address, or `/mask` of the client's own.
fn network(call: &Call<'_, '_>, text: &str) -> Result<IpNet, Fault> {
    let whole = |address: IpAddr| IpNet::from(address.to_canonical());
    let found = match text.strip_prefix('/') {
        Some(mask) => {
            let client = call.scene.client.peer.map(|peer| whole(peer.ip())).ok_or("there is no client")?;
            mask.parse().ok().and_then(|mask| IpNet::new(client.addr(), mask).ok())
        }
        None => text.parse().ok().or_else(|| text.parse().ok().map(whole)),
    };
    found.map(|net| net.trunc()).ok_or_else(|| {
        Fault::new(format!("'{text}' is no network (address/mask, an address, or /mask of the client)"))
    })
}

fn count(call: &mut Call<'_, '_>, network: IpNet) -> Result<Got, Fault> {
    may_wait(call)?;
    let sessions = call.scene.host.sessions(Some(network));
    Ok(Got::Later(Box::pin(async move {
        let sessions = sessions.await;
        finish(move |_| Ok([sessions.to_string()].into_iter().collect()))
    })))
}

/// By the writer of all logs: the script need not wait, and may stand where nobody waits.
fn log_file(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    /// What is read by others than the engine.
    const MODE: u32 = 0o644;
    let (name, text) = (call.text(0), call.text(1));
    let path = name.strip_prefix("file://").unwrap_or(&name);
    if path.contains("://") || !path.starts_with('/') {
        return Err(Fault::new(format!("'{name}' is no absolute path of a file")));
    }
    call.account.hold(text.len())?;
    call.scene.host.log(Path::new(path), MODE, &text);
    Ok(Flow::On)
}

fn memory(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    may_wait(call)?;
    let read = || std::fs::read_to_string(STATUS).map_err(|error| format!("{STATUS}: {error}"));
    let megabytes = |status: String| Value::Number(resident_megabytes(&status).to_string().into());
    Ok(Got::Later(aside::work_on(call.scene.host, Pool::Io, read, megabytes)))
}

/// The kernel's account of this process.
const STATUS: &str = "/proc/self/status";

/// `VmRSS:   123456 kB`, rounded up.
fn resident_megabytes(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim_end().parse::<u64>().ok());
    kilobytes.unwrap_or(0).div_ceil(1024)
}

/// The kernel's table of local addresses.
const LOCAL: &str = "/proc/net/fib_trie";

fn interfaces(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    may_wait(call)?;
    let read = || std::fs::read_to_string(LOCAL).map_err(|error| format!("{LOCAL}: {error}"));
    let list =
        |table: String| local_addresses(&table).into_iter().map(|address| address.to_string()).collect();
    Ok(Got::Later(aside::work_on(call.scene.host, Pool::Io, read, list)))
}

/// `|-- 192.0.2.1`, and below it `/32 host LOCAL`; each once, without those of loopback networks.
fn local_addresses(table: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in table.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL" {
            found.extend(last.filter(|address| !address.is_loopback() && !found.contains(address)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_the_kernel_says() {
        assert_eq!(resident_megabytes("Name:\tx\nVmRSS:\t    2049 kB\nThreads: 1\n"), 3);
        assert_eq!(resident_megabytes(""), 0);
    }

    #[test]
    fn local_addresses_are_those_that_the_kernel_calls_local() {
        let table = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 192.0.2.0/24 2 0 2\n        |-- 192.0.2.0\n           /24 link UNICAST\n        |-- 192.0.2.7\n           /32 host LOCAL\n        |-- 192.0.2.255\n           /32 link BROADCAST\nLocal:\n        |-- 127.0.0.1\n           /32 host LOCAL\n        |-- 192.0.2.7\n           /32 host LOCAL\n";
        assert_eq!(local_addresses(table), [Ipv4Addr::new(192, 0, 2, 7)]);
    }
}
