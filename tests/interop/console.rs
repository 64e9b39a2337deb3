//! The console from outside: plain text over a socket, Python's DIGEST-MD5, our client in scripts and at a
//! terminal, and what acctlog keeps of it.

use crate::PLACE;
use crate::python::{PYTHON, script};
use harness::{Server, Setup, Sink, eventually, free_port, letter, run, run_with_input};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;

/// md5 of `ops:Momentum Console:secret`, as htdigest writes it.
const DIGEST: &str = "# console users\nops:Momentum Console:37ff71ecbb17be72d87ce0b53a604cc4\n";
const ROLES: &str = "users:ops,cyd\n";

/// A server with a console of both kinds, and the port of the second.
fn guarded(name: &str, sink: &Sink) -> (Server, u16) {
    let port = free_port();
    let mut server = Server::prepare(&Setup::new(PLACE, name, sink.port()));
    let folder = server.folder.path().display().to_string();
    server.folder.write("digest", DIGEST);
    server.folder.write("plain", "ann:pencil\n");
    server.folder.write("roles", ROLES);
    let mut verifier = Command::new(PLACE.program);
    verifier.args(["console", "--scram", "cyd"]).env("EC_CONSOLE_PASSWORD", "pencil");
    server.folder.write("scram", run(&mut verifier).well().out);
    server.configure(&format!(
        r#"Control_Listener {{
  Enable_Authentication = true
  AuthDigestMD5Parameters = [ uri = "digest://{folder}/digest"  log_authentication = "true" ]
  AuthScramSHA256Parameters = [ uri = "scram://{folder}/scram" ]
  AuthLoginParameters = [ uri = "file://{folder}/plain" ]
  AuthorizationParameters = [ uri = "groups://{folder}/roles" ]
  Listen "127.0.0.1:{port}" {{ Enable_Authorization = true }}
}}
Authorization {{ Role "users" {{ allow = ( "^summary$" "^authz id$" "^counter list" ) }} }}"#
    ));
    server.launch();
    server.wait_for_banner();
    (server, port)
}

struct Plain {
    stream: BufReader<UnixStream>,
}

impl Plain {
    fn open(server: &Server) -> Plain {
        let stream = UnixStream::connect(server.folder.file("control.sock")).expect("a console");
        Plain { stream: BufReader::new(stream) }
    }

    fn ask(&mut self, line: &str) -> String {
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes()).expect("sent");
        let mut answer = String::new();
        loop {
            let mut line = String::new();
            assert!(self.stream.read_line(&mut line).expect("an answer") > 0, "closed after {answer}");
            if line == ".\n" {
                return answer;
            }
            answer.push_str(line.strip_prefix('.').unwrap_or(&line));
        }
    }
}

#[test]
fn a_script_talks_plain_text_to_the_socket() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "console-plain", sink.port()));
    let mut plain = Plain::open(&server);
    for (line, answer) in [
        ("", ""),
        ("# a note", ""),
        ("authz id", "User: root\nRoles: \n"),
        ("dance", "Unknown command: dance. Try help.\n"),
        ("sumary", "Unknown command: sumary. Did you mean summary?\n"),
        ("flush domain", "usage: flush domain <domain|all>\n"),
        ("flush domain here.example --dry-run", "flush domain has no dry run\n"),
        ("flush domain here.example", "here.example flushed.  0 messages requeued.\n"),
        ("counter add /site/greylisted 77", "/site/greylisted has grown by 77.\n"),
        (
            "counter add greylisted 1",
            "the name of a counter begins with a slash and has at most 256 octets\n",
        ),
        ("summary reset", "statistics cleared.\n"),
        ("dig here.example", "submitted\n"),
        ("dns_cache lookup never.example A", "Cached result not found, try a submit.\n"),
        ("count outbound 192.0.2.0/24", "0 sessions\n"),
        ("counter reset /none", "there is no counter /none\n"),
        ("bounce_logger:bounce_logger reopen logs", "Logs reopened.\n"),
        ("ec_logger:second reopen logs", "no module ec_logger:second\n"),
    ] {
        assert_eq!(plain.ask(line), answer, "{line}");
    }
    let counters = plain.ask("counter list");
    assert!(counters.contains("\n77 ") && counters.ends_with("1 counters listed.\n"), "{counters}");
    assert!(plain.ask("dns_cache submit sink.example A").starts_with("Submitted"));
    eventually("the name servers have answered", || {
        plain.ask("dns_cache lookup sink.example A").contains(" IN A 127.0.0.1\n")
    });
    assert!(plain.ask("version").contains("\n# ecelerity version: "));
    plain.stream.get_mut().write_all(b"quit\n").expect("sent");
    let mut rest = String::new();
    while plain.stream.read_line(&mut rest).is_ok_and(|bytes| bytes > 0) {}
    assert_eq!(rest, ".\n");
    server.stop();
}

#[test]
fn what_the_summary_shows_was_counted() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "console-summary", sink.port()));
    server.accept("me@sender.example", &["a@here.example", "b@here.example"], &letter("summary"));
    sink.wait_for(1);
    eventually("both are settled", || server.count("deliveries") == 2);
    let mut client = server.client();
    let mut plain = Plain::open(&server);
    let summary = plain.ask("summary");
    for line in [
        "Summary Statistics",
        "        Inbound Concurrency:       1",
        "        Active Domains:       1",
        "        Total Queue Size:      0",
        "        DNS MX Queries:      1",
        "        Successfully Delivered Messages:      2",
        "        Received Messages:      2",
    ] {
        assert!(summary.lines().any(|shown| shown == line), "{line} is not in\n{summary}");
    }
    let json = plain.ask("--format json summary");
    assert!(json.contains("\"received_messages\":2,"), "{json}");
    assert!(plain.ask("show inbound").contains(" IPv4 127.0.0.1:"));
    assert_eq!(plain.ask("count SMTP 127.0.0.0/8"), "1 sessions\n");
    plain.ask("summary reset");
    assert!(plain.ask("summary").contains("        Received Messages:      0\n"));
    assert_eq!(client.command("QUIT").expect("a reply").code, 221);
    eventually("nobody is there any more", || plain.ask("count SMTP 127.0.0.0/8") == "0 sessions\n");
    server.stop();
}

#[test]
fn who_proves_to_be_an_operator_may_do_what_the_roles_allow() {
    let sink = Sink::start();
    let (mut server, port) = guarded("console-guarded", &sink);
    let digest = |user: &str, password: &str, commands: &[&str]| {
        let mut command = Command::new(PYTHON);
        command.arg(script("digest.py")).args([&port.to_string(), user, password]).args(commands);
        run(&mut command).well().out
    };
    assert_eq!(
        digest("ops", "secret", &["authz id", "shutdown", "counter list"]),
        "Authenticated as ops\nUser: ops\nRoles: users\nNot Authorized for this command\n\
         VALUE       RESET_TIME       SEMANTICS COUNTER\n0 counters listed.\n"
    );
    assert_eq!(digest("ops", "guess", &[]), "Authentication failed\n");
    let client = |user: &str, password: &str, command: &str| {
        let mut console = Command::new(PLACE.program);
        console.args(["console", &format!("{user}@127.0.0.1:{port}")]).args(command.split(' '));
        run(console.env("EC_CONSOLE_PASSWORD", password))
    };
    for (user, password, command, status, text) in [
        ("ops", "secret", "authz id", 0, "User: ops\n"),
        ("cyd", "pencil", "authz id", 0, "User: cyd\n"),
        // A password goes nowhere in clear text while something better is offered.
        ("ann", "pencil", "authz id", 3, ""),
        ("ops", "secret", "flush domain all", 4, "Not Authorized for this command\n"),
        ("ops", "secret", "dance", 1, "Unknown command: dance. Try help.\n"),
        ("ops", "wrong", "summary", 3, ""),
        ("eve", "secret", "summary", 3, ""),
    ] {
        let ended = client(user, password, command);
        assert_eq!(ended.code(), Some(status), "{user} {command}: {}{}", ended.out, ended.err);
        assert!(ended.out.starts_with(text), "{}", ended.out);
    }
    let nobody = run(Command::new(PLACE.program).args(["console", "/nonexistent/2025", "pid"]));
    assert_eq!(nobody.code(), Some(2));
    server.stop();
    let kept = server.folder.read("acctlog.ec");
    let has = |end: &str| kept.lines().any(|line| line.ends_with(end));
    for end in
        ["@ops@1", "@ops@0", "@eve@0", "@ops@1@authz id@users", "@ops@0@shutdown", "@ops@0@flush domain all"]
    {
        assert!(has(end), "{end} is not in\n{kept}");
    }
}

#[test]
fn commands_come_from_standard_input_and_the_worst_decides_the_status() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "console-batch", sink.port()));
    let socket = server.folder.file("control.sock");
    let batch = |input: &str| {
        run_with_input(Command::new(PLACE.program).arg("console").arg(&socket), input.as_bytes())
    };
    let ended = batch("authz id\nsummary reset\nquit\ndance\n");
    assert_eq!((ended.code(), &*ended.out), (Some(0), "User: root\nRoles: \nstatistics cleared.\n"));
    let ended = batch("dance\nsummary reset\n");
    assert_eq!(ended.code(), Some(1), "{}", ended.out);
    assert!(ended.out.ends_with("statistics cleared.\n"), "{}", ended.out);
    server.stop();
    assert!(server.folder.read("acctlog.ec").lines().any(|line| line.ends_with("@root@1@summary reset")));
}

#[test]
fn a_person_at_a_terminal_has_banner_prompt_completion_and_history() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "console-terminal", sink.port()));
    let socket = server.folder.file("control.sock");
    // Completes a command, then its operand; goes back in the history; leaves.
    let steps = "wait # ecelerity version: \nwait control.sock> \n\
                 type summ\\t\\x20reset\\r\nwait statistics cleared.\nwait control.sock> \n\
                 type flush do\\tal\\t\\r\nwait all flushed.  0 messages requeued.\nwait control.sock> \n\
                 type \\x10\\x10\\r\nwait statistics cleared.\nwait control.sock> \ntype quit\\r\n";
    let mut terminal = Command::new(PYTHON);
    terminal.arg(script("terminal.py")).args([PLACE.program, "console"]).arg(&socket);
    terminal.env("HOME", server.folder.path()).env("TERM", "xterm").env("NO_COLOR", "1");
    let ended = run_with_input(&mut terminal, steps.as_bytes());
    assert_eq!(ended.code(), Some(0), "{}{}", ended.out, ended.err);
    let history = server.folder.read(".ec_console_history");
    assert!(
        history.lines().any(|line| line == "flush domain all " || line == "flush domain all"),
        "{history}"
    );
    server.stop();
}
