//! `impetus policy trace`: one message through the configured pipeline, without a server, and what every module did.
//!
//! Law: here are the command line and the printing; the judging is `shard::rehearsal`, which is the server's own.

mod outcome;
mod text;

use crate::arguments::Arguments;
use crate::configuration::{self, EX_CONFIG};
use crate::{run, show, usage};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use config::{Endpoint, Snapshot};
use dns::zone::Zone;
use outcome::Outcome;
use runtime::{PanicHook, run_on_thread};
use shard::rehearsal::{Entrance, Login, Script, Transcript, Visit, rehearse};
use shard::{Common, GlobalOptions};
use std::fs;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

/// Where the client seems to come from: any port of those that clients have.
const CLIENT_PORT: u16 = 40_000;

const WANTED: &str = "policy trace wants --client-ip IP, --from ADDRESS, --to ADDRESS (once for each recipient), and a \
                      file with the message, or - for standard input; or --generated instead of --client-ip";

struct Wish {
    file: Option<String>,
    json: bool,
    script: Script,
}

pub fn policy(mut arguments: Arguments) -> ExitCode {
    match arguments.next_word().as_deref() {
        Some("trace") => {}
        _ => return usage("policy can do: trace"),
    }
    let Wish { file, json, script } = match wish(arguments) {
        Ok(wish) => wish,
        Err(problem) => return usage(&problem),
    };
    let examined = configuration::examine(file.as_deref(), &shard::registry());
    let Some(snapshot) = examined.snapshot.filter(|_| !examined.rejected) else {
        configuration::print(&examined.complaints);
        return ExitCode::from(EX_CONFIG);
    };
    let transcript = match play(Arc::new(snapshot), script) {
        Ok(transcript) => transcript,
        Err(problem) => {
            eprintln!("impetus: {problem}");
            return ExitCode::from(EX_CONFIG);
        }
    };
    let outcome = Outcome::of(&transcript);
    let printed = match json {
        true => format!("{:#}\n", outcome::json(&transcript, &outcome)),
        false => text::text(&transcript, &outcome),
    };
    match (show(&printed), outcome.is_accepted()) {
        (ExitCode::SUCCESS, true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn wish(mut arguments: Arguments) -> Result<Wish, String> {
    let file = arguments.value(&["-c", "--config"])?;
    let json = arguments.one_of("--format", &["text", "json"])? == "json";
    let entrance = match arguments.flag("--generated") {
        true => Entrance::Generated(variables(&mut arguments)?),
        false => Entrance::Smtp(visit(&mut arguments)?),
    };
    let sender = address("--from", arguments.value(&["--from"])?.ok_or(WANTED)?)?;
    let mut recipients = Vec::new();
    while let Some(recipient) = arguments.value(&["--to"])? {
        recipients.push(address("--to", recipient)?);
    }
    let zone = arguments.value(&["--dns"])?.map(|file| zone(&file)).transpose()?;
    let may_connect = arguments.flag("--allow-network");
    let message = arguments.next_word().filter(|_| !recipients.is_empty()).ok_or(WANTED)?;
    arguments.end()?;
    let script = Script { entrance, sender, recipients, message: message_of(&message)?, zone, may_connect };
    Ok(Wish { file, json, script })
}

fn visit(arguments: &mut Arguments) -> Result<Visit, String> {
    let client: IpAddr = match arguments.value(&["--client-ip"])? {
        Some(text) => text.parse().map_err(|_| format!("--client-ip: {text} is not an IP address"))?,
        None => return Err(WANTED.into()),
    };
    let listener = arguments.value(&["--listener"])?.map(|text| {
        let parsed = text.parse::<Endpoint>();
        parsed.map_err(|expected| format!("--listener: {text} is not {}", expected.what))
    });
    let helo = word("--helo", arguments.value(&["--helo"])?.unwrap_or_else(|| "client.example".into()))?;
    let user = arguments.value(&["--auth"])?.map(|user| word("--auth", user)).transpose()?;
    let password = arguments.value(&["--password"])?;
    if password.is_some() && user.is_none() {
        return Err("--password wants --auth USER".into());
    }
    let login = user.map(|user| {
        let proof = password.map(|password| STANDARD.encode(format!("\0{user}\0{password}")));
        Login { user, proof }
    });
    let client = SocketAddr::new(client, CLIENT_PORT);
    Ok(Visit { listener: listener.transpose()?, client, helo, login })
}

/// `--set NAME=VALUE`, as often as one likes: variables of the message that whoever generates it gives to it.
fn variables(arguments: &mut Arguments) -> Result<Vec<(String, String)>, String> {
    let mut variables = Vec::new();
    while let Some(pair) = arguments.value(&["--set"])? {
        let pair = pair.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) = pair.ok_or("--set wants NAME=VALUE")?;
        variables.push((name.to_owned(), value.to_owned()));
    }
    Ok(variables)
}

/// What goes into a command as one word.
fn word(switch: &str, text: String) -> Result<String, String> {
    let is_word =
        !text.is_empty() && !text.chars().any(|character| character.is_control() || character == ' ');
    is_word.then_some(text).ok_or_else(|| format!("{switch} wants one word"))
}

/// With or without its angle brackets; `<>` is the null sender.
fn address(switch: &str, text: String) -> Result<String, String> {
    let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(&text);
    match inner.chars().any(|character| character.is_control() || matches!(character, '<' | '>')) {
        true => Err(format!("{switch}: {text:?} cannot be an address")),
        false => Ok(inner.to_owned()),
    }
}

fn zone(file: &str) -> Result<Zone, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("--dns: cannot read {file}: {error}"))?;
    Zone::parse_master(&text).map_err(|problem| format!("--dns: {file}:{}: {}", problem.line, problem.why))
}

/// With CRLF at the end of every line, as it goes over the wire.
fn message_of(file: &str) -> Result<Bytes, String> {
    let mut octets = Vec::new();
    let read = match file {
        "-" => std::io::stdin().lock().read_to_end(&mut octets).map(drop),
        _ => fs::read(file).map(|read| octets = read),
    };
    read.map_err(|error| format!("cannot read the message {file}: {error}"))?;
    let mut message = Vec::with_capacity(octets.len() + octets.len() / 32);
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                message.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                message.extend_from_slice(b"\r\n");
            }
            None => message.extend_from_slice(line),
        }
    }
    Ok(message.into())
}

fn play(snapshot: Arc<Snapshot>, script: Script) -> Result<Transcript, String> {
    let global = GlobalOptions::resolve(&snapshot.global());
    let resolv = fs::read_to_string(&*global.resolv_conf).unwrap_or_default();
    let (servers, _) = dns::Resolv::parse(&resolv);
    let chance = run::chance().map_err(|error| format!("no random numbers: {error}"))?;
    let common = Common::new(snapshot, 1, &run::hostname(), servers, std::process::id(), chance);
    let hook: PanicHook = Arc::new(|task: &str, message: &str| {
        eprintln!("impetus: task {task} panicked: {message}");
    });
    run_on_thread(hook, move |world| rehearse(world, common, script))
        .map_err(|error| format!("cannot start an executor: {error}"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_that_lacks_something_says_what_it_wants() {
        let wish = |line: &str| wish(Arguments::of_words(line.split_whitespace().map(str::to_owned)));
        for (line, problem) in [
            ("--from a@b --to c@d m", "policy trace wants --client-ip"),
            ("--client-ip 192.0.2.1 --to c@d m", "policy trace wants --client-ip"),
            ("--client-ip 192.0.2.1 --from a@b m", "policy trace wants --client-ip"),
            ("--client-ip 192.0.2.1 --from a@b --to c@d", "policy trace wants --client-ip"),
            ("--client-ip 192.0.2 --from a@b --to c@d m", "--client-ip: 192.0.2 is not an IP address"),
            ("--client-ip ::1 --from a@b --to c@d /nonexistent", "cannot read the message /nonexistent"),
            ("--client-ip ::1 --from a@b> --to c@d m", "--from: \"a@b>\" cannot be an address"),
            ("--client-ip ::1 --from a@b --to c@d --dns /nonexistent m", "--dns: cannot read /nonexistent"),
            ("--client-ip ::1 --from a@b --to c@d --listener x m", "--listener: x is not an endpoint"),
            ("--client-ip ::1 --password x --from a@b --to c@d m", "--password wants --auth USER"),
            ("--generated --set x --from a@b --to c@d m", "--set wants NAME=VALUE"),
            ("--generated --from a@b m", "policy trace wants --client-ip"),
        ] {
            let Err(said) = wish(line) else { panic!("{line} is a wish") };
            assert!(said.starts_with(problem), "{line}: {said}");
        }
    }
}
