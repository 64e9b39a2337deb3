//! Plays the cases of `tests/cases`: one callout each, with what it must leave behind.
//!
//! A case is `--- name [phase]`, the body of the callout, and lines `--> what value` that must hold:
//! `code`, `done`, `failed`, `mess k=v`, `conn k=v`, `content`, `lacks`, `recipients`, `sender`, `recipient`,
//! `injected`, `outgoing`, `reported`, `paused`, `logged`, `heard` (by the HTTP server). In texts `\r`, `\n` stand for line ends.

use bytes::Bytes;
use content::Content;
use data::{DatasourceOptions, Datasources};
use lua::{Script, load_beside};
use mail::{Address, Phase};
use policy_api::audit::{Monitor, Monitors};
use policy_api::testing::{Conversation, Peer};
use policy_api::{
    Endpoint, Host, Later, Module, Probe, ProbeFault, ProbeStage, Probed, RecipientProbe, Record, Services,
    Sources, Verdict,
};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

const MESSAGE: &str = "Received: from a by b\r\nFrom: Ann <ann+list@a.example>\r\nTo: \"Bob B\" <bob@b.example>, c@c.example\r\n\
    Subject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=\r\nX-Test: one\r\nX-Test: two\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=\"edge\"\r\n\r\n\
    --edge\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nsch=F6n und gut\r\n\
    --edge\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n--edge--\r\n";

/// Callouts by phase, with their parameters.
const CALLOUTS: [(&str, Phase, &str); 10] = [
    ("connect", Phase::Connect, "validate_connect(ac, vctx)"),
    ("ehlo", Phase::Ehlo, "validate_ehlo(str, ac, vctx)"),
    ("mailfrom", Phase::Mailfrom, "validate_mailfrom(str, ac, vctx)"),
    ("rcptto", Phase::Rcptto, "validate_rcptto(msg, str, ac, vctx)"),
    ("data", Phase::Data, "validate_data(msg, ac, vctx)"),
    ("rcptto_list", Phase::RcpttoList, "validate_rcptto_list(list, vctx)"),
    ("data_spool", Phase::DataSpool, "validate_data_spool(msg, ac, vctx)"),
    ("each_rcpt", Phase::DataSpoolEachRcpt, "validate_data_spool_each_rcpt(msg, ac, vctx)"),
    ("set_binding", Phase::SetBinding, "validate_set_binding(msg)"),
    ("final_validation", Phase::FinalValidation, "core_final_validation(msg, ac, vctx)"),
];

const PRELUDE: &str = "local function show(v) return msys.dumper.Dumper(v) end \
    function eq(got, want) if show(got) ~= show(want) then error('got ' .. show(got) .. ', want ' .. show(want), 2) end end \
    local M = {} function M:";

/// Knows bob, takes no senders for early, is not there for late, and refuses all others.
struct OtherServer;

impl RecipientProbe for OtherServer {
    fn ask(&self, probe: Probe, _: &Rc<dyn Host>) -> Later<Result<Probed, ProbeFault>> {
        let said = |stage, code, text: &str| Ok(Probed { stage, reply: mail::Reply::verbatim(code, text) });
        Box::pin(std::future::ready(match probe.recipient.split('@').next() {
            Some("bob") => said(ProbeStage::Recipient, 250, "ok"),
            Some("early") => said(ProbeStage::Sender, 550, "no senders"),
            Some("late") => Err(ProbeFault::Unreachable("timed out".to_owned())),
            _ => said(ProbeStage::Recipient, 550, "no such user"),
        }))
    }
}

fn module(source: &str) -> Result<Rc<dyn Module>, String> {
    let mut sources = Sources::default();
    sources.insert("/site/case.lua", source.as_bytes());
    sources.insert(
        "/site/lib/rules.lua",
        &b"module('lib.rules', package.seeall)\nfunction twice(n) return 2 * n end\n"[..],
    );
    sources.insert("/site/lib/broken.lua", &b"local x = 1\n\nerror('boom')\n"[..]);
    let script = Script { name: "case".into(), source: "case".into(), place: "site.conf:1".into() };
    let services: Rc<Services> = Rc::default();
    let uri: Arc<str> = format!("sqlite:{}", database_path().display()).into();
    let options = DatasourceOptions { uri: [uri].into(), ..DatasourceOptions::defaults().clone() };
    Datasources::with([("site".to_owned(), options)]).offer(&services);
    services.offer("inbound_audit", Monitors(vec![Monitor::parse("60,4").unwrap()]));
    services.offer::<Rc<dyn RecipientProbe>>("smtp_rcptto_proxy", Rc::new(OtherServer));
    let loaded = load_beside(&Arc::new(sources), vec!["/site".into()], &[script], &services);
    loaded.map_err(|finding| finding.to_string())
}

/// A server of HTTP.
const WEB: Endpoint = Endpoint::Inet(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 80)), 80));

/// A key made for these tests, and its public half.
const KEY: &str = include_str!("keys/test.pem");
const PUBLIC: &str = include_str!("keys/test.pub");

fn database_path() -> PathBuf {
    std::env::temp_dir().join(format!("impetus-lua-{}.sqlite", std::process::id()))
}

/// An empty table in a file that goes with the test.
fn database() -> PathBuf {
    let path = database_path();
    let _ = fs::remove_file(&path);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("create table users (name text, quota integer)", []).unwrap();
    path
}

fn conversation(phase: Phase) -> Conversation {
    let mut conversation = Conversation::default();
    let host = &conversation.host;
    host.name("two.example", [Record::A([192, 0, 2, 1].into()), Record::A([192, 0, 2, 2].into())]);
    host.name("mx.example", [Record::Mx { preference: 10, exchange: "mail.mx.example".into() }]);
    host.text("text.example", "v=spf1 -all");
    host.fault("slow.example", policy_api::RecordKind::A, policy_api::LookupFault::Timeout);
    host.sessions.set(3);
    host.name("www.example", [Record::A([192, 0, 2, 80].into())]);
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Two: a\r\nX-Two: b\r\nContent-Length: 5\r\n\r\nhello";
    let peer = Peer { answers: [Bytes::from(answer)].into(), ..Peer::default() };
    host.peers.borrow_mut().insert(WEB, peer);
    for (option, value) in [("destination", "/var/log/chunks"), ("timestamp_format", "%M:%H:%S")] {
        host.options.borrow_mut().insert(format!("chunk_logger:/{option}"), value.into());
    }
    host.options.borrow_mut().insert("binding:default/max_retries".into(), "7".into());
    host.text("s1._domainkey.a.example", &format!("v=DKIM1; k=rsa; p={}", PUBLIC.trim()));
    conversation.line = match phase {
        Phase::Ehlo => "EHLO client.example",
        Phase::Mailfrom => "MAIL FROM:<ann@a.example>",
        _ => "RCPT TO:<bob@b.example>",
    }
    .into();
    let message = &mut conversation.message;
    message.sender = Some(Address::new("ann", "a.example"));
    message.recipients = vec![Address::new("bob", "b.example"), Address::new("c", "c.example")];
    message.recipient = Some(Address::new("bob", "b.example"));
    message.content = Content::new(Bytes::from_static(MESSAGE.as_bytes()));
    conversation.contexts.connection.set("known", "yes");
    conversation.contexts.message.set("empty", "");
    conversation
}

fn unescaped(text: &str) -> String {
    text.replace("\\r", "\r").replace("\\n", "\n")
}

fn holds(what: &str, value: &str, verdict: &Verdict, after: &Conversation) -> Result<(), String> {
    let lossy = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let pair = || value.split_once('=').ok_or("k=v expected");
    let same = |got: String| if got == value { Ok(()) } else { Err(format!("{what} is {got:?}")) };
    let content = lossy(&after.message.content.octets());
    let shown = |address: &Option<Address>| {
        address.as_ref().map(|address| address.as_str().to_owned()).unwrap_or_default()
    };
    let list = |list: &[Address]| list.iter().map(|address| address.as_str()).collect::<Vec<_>>().join(",");
    match what {
        "done" => (*verdict == Verdict::Done).then_some(()).ok_or(format!("{verdict:?}")),
        "failed" => match verdict {
            Verdict::Failed(text) if text.contains(value) => Ok(()),
            other => Err(format!("{other:?}")),
        },
        "code" => same(after.disposition.reply.as_ref().map(|reply| reply.to_string()).unwrap_or_default()),
        "discard" => {
            same(after.disposition.discard.as_ref().map(|reply| reply.to_string()).unwrap_or_default())
        }
        "disconnect" => same(after.disposition.disconnect.to_string()),
        "tarpit" => same(after.disposition.tarpit.as_secs_f64().to_string()),
        "mess" => {
            let (key, value) = pair()?;
            let got = after.contexts.message.get(key);
            (got == Some(value)).then_some(()).ok_or(format!("{key} is {got:?}"))
        }
        "conn" => {
            let (key, value) = pair()?;
            let got = after.contexts.connection.get(key);
            (got == Some(value)).then_some(()).ok_or(format!("{key} is {got:?}"))
        }
        "content" => content.contains(&unescaped(value)).then_some(()).ok_or(content),
        "lacks" => (!content.contains(&unescaped(value))).then_some(()).ok_or(content),
        "untouched" => (content == MESSAGE).then_some(()).ok_or(content),
        "sender" => same(shown(&after.message.sender)),
        "recipient" => same(shown(&after.message.recipient)),
        "recipients" => same(list(&after.message.recipients)),
        "binding" => same(after.message.binding.to_string()),
        "group" => same(after.message.binding_group.to_string()),
        "priority" => same(after.message.priority.to_string()),
        "routing" => same(after.message.routing_domain.as_deref().unwrap_or_default().to_owned()),
        "added" => same(after.session.capabilities_added.join(",")),
        "removed" => same(after.session.capabilities_removed.join(",")),
        "status" => same(after.message.code.as_ref().map(|reply| reply.to_string()).unwrap_or_default()),
        "paused" => same(after.host.paused.get().as_secs_f64().to_string()),
        "reported" => {
            let lines = after.host.reported();
            lines.iter().any(|line| line.contains(value)).then_some(()).ok_or(format!("{lines:?}"))
        }
        "heard" => {
            let heard = lossy(&after.host.peers.borrow()[&WEB].heard.borrow());
            heard.contains(&unescaped(value)).then_some(()).ok_or(heard)
        }
        "logged" => {
            let logged = after.host.logged.borrow();
            let lines: Vec<String> =
                logged.iter().map(|(file, line)| format!("{} {line}", file.display())).collect();
            lines.iter().any(|line| line == value).then_some(()).ok_or(format!("{lines:?}"))
        }
        "injected" => {
            let injected = after.host.injected.borrow();
            let texts: Vec<String> = injected
                .iter()
                .map(|new| format!("{} > {}", shown(&new.sender), list(&new.recipients)))
                .collect();
            same(texts.join("; "))
        }
        "outgoing" => {
            let texts: Vec<String> = after
                .message
                .outgoing
                .iter()
                .map(|new| format!("{} > {}", shown(&new.sender), list(&new.recipients)))
                .collect();
            same(texts.join("; "))
        }
        "outgoing_content" => {
            let text = after.message.outgoing.first().map(|new| lossy(&new.content)).unwrap_or_default();
            text.contains(&unescaped(value)).then_some(()).ok_or(text)
        }
        other => Err(format!("unknown expectation {other}")),
    }
}

fn play(title: &str, text: &str) -> Result<(), String> {
    let phase = title.split(['[', ']']).nth(1).unwrap_or("data");
    let (_, phase, head) = CALLOUTS.iter().find(|(name, ..)| *name == phase).ok_or("unknown phase")?;
    let (expected, body): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("--> "));
    let expected: Vec<(&str, &str)> =
        expected.iter().map(|line| line[4..].split_once(' ').unwrap_or((&line[4..], ""))).collect();
    let key: String = KEY.lines().filter(|line| !line.starts_with('-')).collect();
    let file = database_path().with_extension("txt").display().to_string();
    let source = format!(
        "KEY = '{key}' FILE = '{file}' {PRELUDE}{head} do {}\nend return msys.core.VALIDATE_CONT end msys.registerModule('case', M)",
        body.join("\n")
    );
    let module = match module(&source) {
        Ok(module) => module,
        Err(error) => {
            let said = expected.iter().any(|(what, value)| *what == "refused" && error.contains(value));
            return if said { Ok(()) } else { Err(format!("it does not load: {error}")) };
        }
    };
    let mut conversation = conversation(*phase);
    let verdict = conversation.ask(&*module, *phase);
    let fails = expected.iter().any(|(what, _)| *what == "failed");
    if let (Verdict::Failed(text), false) = (&verdict, fails) {
        return Err(text.to_string());
    }
    expected.iter().try_for_each(|(what, value)| {
        holds(what, value, &verdict, &conversation).map_err(|got| format!("--> {what} {value}: {got}"))
    })
}

#[test]
fn every_case_leaves_behind_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let only = std::env::var("CASE").ok();
    let database = database();
    let (mut played, mut failed) = (0, Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for case in text.split("\n--- ").skip(1) {
            let (title, body) = case.split_once('\n').unwrap();
            if only.as_ref().is_some_and(|only| !title.contains(only.as_str())) {
                continue;
            }
            played += 1;
            if let Err(error) = play(title, body) {
                failed.push(format!("{}: {title}:\n    {error}", path.file_name().unwrap().display()));
            }
        }
    }
    fs::remove_file(&database).unwrap();
    let _ = fs::remove_file(database.with_extension("txt"));
    assert!(failed.is_empty(), "{} of {played} failed:\n{}", failed.len(), failed.join("\n"));
    assert!(played > 0);
}
