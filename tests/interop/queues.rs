//! What an operator sees of queues and messages through the console, and what orders do to them.

use crate::PLACE;
use harness::{Server, Setup, Sink, Type, eventually, letter};

const SUSPENDED: &str = "Domain waits.example { suspend_delivery = true }\n\
                         Domain moved.example { suspend_delivery = true }\n";

fn console(server: &Server, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    server.console(&words).well().out
}

/// The answer of a command that is not carried out.
fn refusal(server: &Server, line: &str) -> String {
    let ended = server.console(&line.split(' ').collect::<Vec<_>>());
    assert_ne!(ended.code(), Some(0), "{line}: {}", ended.out);
    format!("{}{}", ended.out, ended.err)
}

/// The identities of the messages received for a recipient.
fn ids(server: &Server, recipient: &str) -> Vec<String> {
    let (local, domain) = recipient.split_once('@').expect("an address");
    let log = server.folder.read("mainlog.ec");
    let received = format!("@R@{local}@{domain}@");
    let lines = log.lines().filter(|line| line.contains(&received));
    lines.filter_map(|line| line.split('@').nth(1)).map(str::to_owned).collect()
}

fn queued(name: &str, sink: &Sink, recipients: &[&str]) -> Server {
    let server = Server::start(&Setup { settings: SUSPENDED, ..Setup::new(PLACE, name, sink.port()) });
    for recipient in recipients {
        server.accept("me@sender.example", &[recipient], &letter("queued"));
    }
    let expected = recipients.len();
    eventually("all are logged", || server.count_of(Type::Reception) == expected);
    server
}

#[test]
fn what_waits_is_shown_as_documented() {
    let sink = Sink::start();
    let mut server = queued("shown", &sink, &["a@waits.example", "b@waits.example", "c@moved.example"]);
    let row = |domain: &str, active: usize| {
        format!("Domain: {domain:>30}  C:  0  A:{active:>7}  D:     0  S:     0\n")
    };
    let total = format!("{:>38}  C:   0  A:{:>7}  D:     0  S:      0\n", "Total:", 3);
    assert_eq!(console(&server, "active 1"), row("waits.example", 2) + &total);
    assert_eq!(console(&server, "delayed 0"), total);
    let all = row("moved.example", 1) + &row("waits.example", 2);
    let totals = "Totals: C:   0  A:      3  D:     0  S:     0\n";
    for command in ["domain all", "domains"] {
        assert_eq!(console(&server, command), format!("Domain summary:\n{all}{totals}"));
    }
    assert_eq!(console(&server, "binding active default 0"), all + &total);
    assert!(console(&server, "binding active other 0").ends_with("A:      0  D:     0  S:      0\n"));
    let mailq = console(&server, "mailq --limit 1");
    assert_eq!(mailq.lines().count(), 3, "{mailq}");
    assert!(mailq.lines().last().is_some_and(|line| line.contains("waits.example")), "{mailq}");

    let id = ids(&server, "a@waits.example").pop().expect("it was received");
    let queue = console(&server, "showqueue waits.example");
    assert_eq!(queue.lines().count(), 4, "{queue}");
    assert!(queue.contains(&format!("[active/default] {id} Created: ")), "{queue}");
    assert!(queue.contains("\n  From: <me@sender.example> To: <a@waits.example>\n"), "{queue}");
    assert_eq!(console(&server, "showqueue binding all waits.example 1,1").lines().count(), 2);

    let details = console(&server, &format!("message details {id}"));
    for line in [
        format!("Message: {id}"),
        "               Retries: 0".to_owned(),
        "          Received Via: SMTP 127.0.0.1 (IPv4)".to_owned(),
        "                Sender: me@sender.example".to_owned(),
        "             Recipient: a@waits.example".to_owned(),
    ] {
        assert!(details.lines().any(|known| known == line), "{line} in {details}");
    }
    assert!(!details.contains("Code:"), "nothing was said of it yet: {details}");
    assert!(console(&server, &format!("message details body {id}")).contains("Subject: queued"));
    assert!(refusal(&server, "message details 00/00-00001-00000000").contains("is not in any queue"));
    assert!(refusal(&server, "message details nonsense").contains("expected a message id of the form"));
    server.stop();
}

#[test]
fn failed_mail_is_bounced_unless_it_is_failed_quietly() {
    let sink = Sink::start();
    let to = ["a@waits.example", "b@waits.example", "c@waits.example", "d@moved.example", "e@moved.example"];
    let mut server = queued("failed", &sink, &to);
    let dry = console(&server, "fail domain --dry-run waits.example");
    assert_eq!(dry.lines().count(), 4, "{dry}");
    assert!(dry.ends_with("[dry-run] waits.example: 3 messages would be failed.\n"), "{dry}");
    assert!(dry.contains("domain=waits.example from=<me@sender.example> to=<b@waits.example>"), "{dry}");

    let id = ids(&server, "a@waits.example").pop().expect("it was received");
    assert_eq!(console(&server, &format!("message fail {id}")), format!("Message {id} failed.\n"));
    let bounce = sink.wait_for(1).pop().expect("a notice");
    assert!(bounce.text().contains("manually failed."), "{}", bounce.text());
    let filter = "--meta rcptto_localpart b";
    assert_eq!(
        console(&server, &format!("fail domain quiet {filter} waits.example")),
        "waits.example purged. 1 messages failed.\n"
    );
    assert_eq!(
        console(&server, "fail domain waits.example 550 5.1.1 gone"),
        "waits.example purged, 1 messages failed.\n"
    );
    let bounces = sink.wait_for(2);
    assert!(bounces[1].text().contains("550 5.1.1 gone"), "{}", bounces[1].text());
    assert!(refusal(&server, "fail domain all").contains("binding fail domain <binding> all"));
    assert!(refusal(&server, "fail all").contains("needs --meta"));
    assert_eq!(
        console(&server, "binding fail domain quiet default all"),
        "All domains purged.  2 messages failed.\n"
    );
    eventually("nothing is left", || server.count("queued_messages") == 0);
    assert_eq!(server.count("permanent_failures"), 5);
    assert_eq!(sink.count(), 2);
    server.stop();
}

#[test]
fn moved_mail_stays_where_it_was_moved_over_a_restart() {
    let sink = Sink::start();
    let to: Vec<String> = (0..20).map(|number| format!("u{number}@waits.example")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    let mut server = queued("moved", &sink, &to);
    let dry = console(&server, "reroute queue --dry-run waits.example moved.example");
    assert!(dry.ends_with("waits.example: 20 messages would be moved to 'moved.example'.\n"), "{dry}");
    assert_eq!(
        console(&server, "reroute queue waits.example Moved.Example"),
        "Moved 20 messages from 'waits.example' to 'moved.example'\n"
    );
    let in_place = |server: &Server| {
        let queue = console(server, "mailq --domain moved.example");
        queue.lines().last().is_some_and(|line| line.split_whitespace().nth(2) == Some("20"))
    };
    eventually("all are in the other queue", || in_place(&server));
    server.stop();
    let spooled = server.spool("ls").well().out;
    assert_eq!(spooled.matches("moved to default moved.example").count(), 20, "{spooled}");
    server.launch();
    server.wait_for_banner();
    eventually("they are where they were", || in_place(&server));
    // With another number of shards the other one adopts them.
    server.stop();
    server.set_shards(1);
    server.launch();
    server.wait_for_banner();
    eventually("they are where they were", || in_place(&server));
    server.configure("");
    server.signal("HUP");
    assert_eq!(sink.wait_for(20).len(), 20);
    eventually("all are settled", || server.count("queued_messages") == 0);
    server.stop();
    let log = server.mainlog();
    let delivered: Vec<_> = log.iter().filter(|line| line.kind == Type::Delivery).collect();
    assert!(delivered.iter().all(|line| line.domain == "moved.example"), "{delivered:?}");
}

#[test]
fn mail_moves_to_the_binding_that_the_policy_of_today_chooses() {
    let sink = Sink::start();
    let mut server = Server::prepare(&Setup::new(PLACE, "rebound", sink.port()));
    let rule = |server: &Server, binding: &str, suspended: bool| {
        let script = format!(
            "require('msys.core')\nlocal site = {{}}\n\
             function site:validate_set_binding(msg)\n  msg:binding('{binding}')\n  return msys.core.VALIDATE_CONT\nend\n\
             msys.registerModule('site', site)\n"
        );
        server.folder.write("site.lua", script);
        let source = server.folder.file("site.lua");
        server.configure(&format!(
            "Binding out-a {{ Bind_Address = 127.0.0.2 }}\nBinding out-b {{ Bind_Address = 127.0.0.3 }}\n\
             Domain waits.example {{ suspend_delivery = {suspended} }}\n\
             scriptlet scriptlet {{ script site {{ source = \"{}\" }} }}\n",
            source.display()
        ));
    };
    rule(&server, "out-a", true);
    server.launch();
    server.wait_for_banner();
    for number in 0..5 {
        let recipient = format!("u{number}@waits.example");
        server.accept("me@sender.example", &[&recipient], &letter("bound"));
    }
    let waiting = |server: &Server, binding: &str| {
        let queues = console(server, "mailq --domain waits.example");
        let row = queues.lines().find(|line| line.starts_with(&format!("default/{binding} ")));
        row.and_then(|row| row.split_whitespace().nth(2)?.parse().ok()).unwrap_or(0)
    };
    eventually("all are queued", || waiting(&server, "out-a") == 5);
    rule(&server, "out-b", true);
    assert!(console(&server, "config reload").contains("OK"));
    let rehearsed = console(&server, "rebind --dry-run out-a");
    assert!(rehearsed.ends_with("[dry-run] out-a: 5 messages would change their binding.\n"), "{rehearsed}");
    assert_eq!(waiting(&server, "out-a"), 5, "a rehearsal moves nothing");
    assert_eq!(console(&server, "rebind out-a waits.example"), "Rebound 5 messages.\n");
    eventually("all have moved", || waiting(&server, "out-b") == 5 && waiting(&server, "out-a") == 0);
    // The move is in the journal.
    server.stop();
    server.launch();
    server.wait_for_banner();
    eventually("they are where they were", || waiting(&server, "out-b") == 5);
    rule(&server, "out-b", false);
    assert!(console(&server, "config reload").contains("OK"));
    let peers: Vec<String> = sink.wait_for(5).iter().map(|mail| mail.client.ip().to_string()).collect();
    assert_eq!(peers, ["127.0.0.3"; 5]);
    server.stop();
}

#[test]
fn a_delayed_message_shows_what_was_said_and_is_tried_when_it_is_ordered() {
    let sink = Sink::ruled(|line| {
        line.starts_with("RCPT TO:<later@").then(|| "451 4.7.1 come back later".to_owned())
    });
    let mut server = Server::start(&Setup::new(PLACE, "delayed", sink.port()));
    server.accept("me@sender.example", &["later@one.example"], &letter("delayed"));
    eventually("it was put off", || server.count("transient_failures") == 1);
    eventually("it is logged", || server.count_of(Type::Reception) == 1);
    assert!(console(&server, "delayed 0").contains("one.example  C:"), "{}", console(&server, "delayed 0"));
    let id = ids(&server, "later@one.example").pop().expect("it was received");
    let details = console(&server, &format!("message details {id}"));
    assert!(details.contains("                  Code: 451 4.7.1 come back later\n"), "{details}");
    assert!(details.contains("               Retries: 1\n"), "{details}");
    assert!(console(&server, "showqueue one.example").contains(&format!("[delayed/default] {id} ")));
    assert_eq!(console(&server, "flush domain all"), "all flushed.  1 messages requeued.\n");
    eventually("it was tried again", || server.count("transient_failures") == 2);
    let retried = console(&server, &format!("message retry {id}"));
    assert_eq!(retried, "Message requeued for delivery\n");
    eventually("and again", || server.count("transient_failures") == 3);
    assert_eq!(
        console(&server, "binding flush domain default one.example"),
        "one.example flushed.  1 messages requeued.\n"
    );
    eventually("and once more", || server.count("transient_failures") == 4);
    server.stop();
}

#[test]
fn mail_is_held_while_it_is_suspended_by_order_and_put_off_by_delay() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "suspended", sink.port()));
    assert_eq!(console(&server, "suspend --domain Held.Example"), "domain held.example suspended.\n");
    assert_eq!(console(&server, "suspend --binding other"), "binding other suspended.\n");
    server.accept("me@sender.example", &["a@held.example"], &letter("held"));
    server.accept("me@sender.example", &["b@free.example"], &letter("free"));
    sink.wait_for(1);
    let list = console(&server, "suspensions");
    assert!(list.contains("domain held.example, since 20") && list.ends_with("2 suspensions\n"), "{list}");
    assert_eq!(console(&server, "delay 3600 --domain none.example"), "No messages for none.example found.\n");
    assert_eq!(console(&server, "delay 3600 --domain held.example"), "Delayed 1 messages.\n");
    assert!(refusal(&server, "delay 3600").contains("needs --domain"));
    assert!(refusal(&server, "delay soon --domain a.example").contains("from 1 to"));
    assert!(refusal(&server, "resume --domain free.example").contains("not suspended by order"));
    assert_eq!(console(&server, "resume --domain held.example"), "domain held.example resumed.\n");
    eventually("both are logged", || server.count_of(Type::Reception) == 2);
    let id = ids(&server, "a@held.example").pop().expect("it was received");
    let details = console(&server, &format!("message details {id}"));
    assert!(details.contains("451 4.4.1 [internal] manually delayed domain"), "{details}");
    assert!(details.contains("               Retries: 0\n"), "{details}");
    assert_eq!(sink.count(), 1, "it is put off for an hour");
    assert_eq!(
        console(&server, "flush domain held.example"),
        "held.example flushed.  1 messages requeued.\n"
    );
    sink.wait_for(2);
    server.stop();
}

#[test]
fn the_console_says_why_mail_does_not_move() {
    let sink = Sink::ruled(|line| {
        line.starts_with("RCPT TO:<later@").then(|| "451 4.7.1 come back later".to_owned())
    });
    let settings = "Domain held.example { suspend_delivery = true }\n\
                    Domain slow.example { outbound_throttle_messages = \"1/3600\" }\n\
                    Domain gone.example { }\n\
                    Domain dark.example { blackhole = false }\n";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "why", sink.port()) });
    server.names.change(
        "gone.example 60 MX 10 mx.gone.example\nmx.gone.example 60 A 127.0.0.9\n\
         *.example 60 MX 10 sink.example\nsink.example 60 A 127.0.0.1\n",
    );
    for to in ["a@held.example", "b@slow.example", "c@slow.example", "later@one.example", "d@gone.example"] {
        server.accept("me@sender.example", &[to], &letter("why"));
    }
    sink.wait_for(1);
    eventually("all are logged", || server.count_of(Type::Reception) == 5);
    eventually("one was put off", || console(&server, "delayed 0").contains("one.example"));
    let why = |line: &str| console(&server, &format!("why {line}"));
    let held = why("default held.example");
    assert!(held.starts_with("Queue of held.example on default:\n  suspend_delivery is set at "), "{held}");
    assert!(held.contains("server.conf:") && held.contains("no attempts are made"), "{held}");
    eventually("the throttle is reached", || why("default slow.example").contains("waiting until"));
    let slow = why("default slow.example");
    for part in ["for outbound_throttle_messages = 1/3600, set at ", "server.conf:", "Domain:slow.example:"] {
        assert!(slow.contains(part), "{part} in {slow}");
    }
    let id = ids(&server, "later@one.example").pop().expect("it was received");
    let later = why(&id);
    assert!(
        later.starts_with(&format!("Message {id}, for one.example on default:\n  next attempt at 20")),
        "{later}"
    );
    assert!(later.contains("after 1 failed attempt; last said: 451 4.7.1 come back later"), "{later}");
    let queue = why("default one.example");
    assert!(queue.contains("last said at 20") && queue.contains("451 4.7.1 come back later"), "{queue}");
    eventually("the host has refused", || {
        why("default gone.example").contains("has not taken a connection since")
    });
    let gone = why("default gone.example");
    assert!(gone.contains("host mx.gone.example [127.0.0.9]"), "{gone}");
    console(&server, "suspend --domain gone.example");
    let suspended = why("default gone.example");
    assert!(suspended.contains("domain gone.example: suspended by "), "{suspended}");
    assert!(refusal(&server, "why default nobody.example").contains("no mail is queued for nobody.example"));
    assert!(refusal(&server, "why other nobody.example").contains("does not have"));

    let json = server.console(&["--format", "json", "why", "default", "held.example"]).well().out;
    assert!(json.contains("\"option\":\"suspend_delivery\"") && json.contains("\"set_at\":"), "{json}");
    let thin = server.subcommand("why", &["default", "held.example"]).well().out;
    assert_eq!(thin, held);
    assert_eq!(server.subcommand("why", &[&id]).well().out, why(&id));

    let domain = console(&server, "domain held.example");
    assert!(domain.starts_with("Domain held.example {\n  suspend_delivery = true\n}\n"), "{domain}");
    assert!(domain.contains("        Active:          1\n"), "{domain}");
    let domain = console(&server, "domain one.example");
    for part in [
        "Domain 'one.example' has 1 MXs and a TTL of ",
        "\n =>     [127.0.0.1] IPv4 (",
        "\n        Delayed:         1\nDeliveries:         0\n",
    ] {
        assert!(domain.contains(part), "{part} in {domain}");
    }
    let summary = console(&server, "binding summary default");
    assert!(summary.starts_with("Summary Statistics For Binding default\n"), "{summary}");
    assert!(summary.contains("        Received Messages:      5\n"), "{summary}");
    assert!(summary.contains("        Successfully Delivered Messages:      1\n"), "{summary}");
    let rebound = console(&server, "rebind all");
    assert_eq!(rebound, "Rebound 4 messages.\n", "policy chooses the same binding again");
    assert!(refusal(&server, "domain nobody.example").contains("no mail is queued for it"));
    server.stop();
}

#[test]
fn a_host_at_its_limit_delays_no_mail_and_is_named() {
    let sink = Sink::start();
    let settings = "Host narrow.example { outbound_throttle_connections = \"1/3600\" }\n";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "narrow", sink.port()) });
    server.names.change("*.example 60 MX 10 narrow.example\nnarrow.example 60 A 127.0.0.1\n");
    server.accept("me@sender.example", &["a@one.example"], &letter("first"));
    sink.wait_for(1);
    server.accept("me@sender.example", &["b@two.example"], &letter("second"));
    eventually("the limit is met", || console(&server, "why default two.example").contains("at its limits"));
    let why = console(&server, "why default two.example");
    assert!(
        why.contains("host narrow.example [127.0.0.1] takes no further connection: outbound_throttle_connections = 1/3600"),
        "{why}"
    );
    assert!(why.contains("set at ") && why.contains("server.conf:"), "{why}");
    assert!(!why.contains("failed"), "nobody has failed: {why}");
    server.stop();
    assert_eq!(server.count_of(Type::Transient), 0, "no attempt was made, so none failed");
}

#[test]
fn what_is_said_on_a_connection_is_traced_to_a_file() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "traced", sink.port()));
    let file = server.folder.path().join("trace.log").display().to_string();
    assert_eq!(
        console(&server, &format!("trace smtp add * Traced.Example {file}")),
        "Registered smtp tracer #1\n"
    );
    assert_eq!(console(&server, &format!("trace smtp add other * {file}2")), "Registered smtp tracer #2\n");
    assert!(refusal(&server, "trace smtp add * * trace.log").contains("absolute path"));
    let list = console(&server, "trace smtp list");
    let first =
        format!("[     1]  binding: *\n           domain: traced.example\n             file: {file} @ -\n");
    assert!(list.starts_with(&first) && list.contains("binding: other\n           domain: *\n"), "{list}");
    server.accept("me@sender.example", &["a@traced.example"], &letter("traced"));
    server.accept("me@sender.example", &["b@other.example"], &letter("not traced"));
    sink.wait_for(2);
    let read = || server.folder.read("trace.log");
    eventually("the reply is in the file", || read().matches("<<< 250").count() >= 3);
    let text = read();
    for part in [" *** connected\n", " <<< 220", " >>> EHLO ", " >>> MAIL FROM:<me@sender.example>"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(text.lines().all(|line| line.contains(" default/traced.example 127.0.0.1 ")), "{text}");
    assert!(text.contains(" >>> Subject: traced\n") && !text.contains("not traced"), "{text}");
    assert!(server.folder.read("trace.log2").is_empty());
    assert_eq!(console(&server, "trace smtp remove 1"), "Removed smtp tracer #1\n");
    assert!(refusal(&server, "trace smtp remove 1").contains("no smtp tracer 1"));
    server.stop();
}

#[test]
fn a_curfew_holds_mail_says_so_and_ends_when_its_schedule_does() {
    const SETTINGS: &str = "curfew {\n Schedule_File = FOLDER/quiet\n Timezone = Asia/Kolkata\n}\n";
    let sink = Sink::start();
    let mut server = Server::prepare(&Setup::new(PLACE, "curfew", sink.port()));
    server
        .folder
        .write("quiet", "# binding domain on|off min hour dom month dow\n* Quiet.example on * * * * *\n");
    let schedule = server.folder.path().join("quiet").display().to_string();
    server.configure(&SETTINGS.replace("FOLDER", &server.folder.path().display().to_string()));
    server.launch();
    server.wait_for_banner();
    for recipient in ["you@quiet.example", "you@loud.example"] {
        server.accept("me@sender.example", &[recipient], &letter("queued"));
    }
    eventually("the other domain has its mail", || server.count_of(Type::Delivery) == 1);

    let why = console(&server, "why default quiet.example");
    assert!(why.contains("domain quiet.example: held since "), "{why}");
    assert!(why.contains(&format!(" by curfew, {schedule}:2, until it is over")), "{why}");
    assert!(console(&server, "suspensions").contains(&format!("by curfew, {schedule}:2")));
    assert!(refusal(&server, "resume --domain quiet.example").contains("not suspended by order"));
    assert_eq!(console(&server, "curfew status"), "curfew: 1 rule(s) active; tz=Asia/Kolkata\n");
    assert_eq!(
        console(&server, "curfew show"),
        "curfew: 1 rule(s), tz=Asia/Kolkata\n[1] binding=* domain=quiet.example minute=* hour=* mday=* month=* wday=*\n"
    );
    assert_eq!(
        console(&server, "curfew check default Quiet.Example"),
        "curfew: binding=default domain=quiet.example suspended=yes\n"
    );

    // A broken schedule leaves everything as it is; one without the rule lets the mail go.
    server.folder.write("quiet", "* quiet.example maybe * * * * *\n");
    assert!(refusal(&server, "curfew reload").contains("quiet: line 1: 'maybe' is neither on nor off"));
    assert!(console(&server, "curfew check default quiet.example").contains("suspended=yes"));
    assert_eq!(server.count_of(Type::Delivery), 1);
    server.folder.write("quiet", "* quiet.example off * * * * *\n");
    assert_eq!(console(&server, "curfew reload"), "curfew: 0 rule(s) active; tz=Asia/Kolkata\n");
    eventually("what was held is delivered", || server.count_of(Type::Delivery) == 2);

    // It comes back with the configuration, and goes with it.
    server.folder.write("quiet", "default * on * * * * *\n");
    assert!(console(&server, "config reload").starts_with("OK, configuration "));
    server.accept("me@sender.example", &["you@loud.example"], &letter("queued"));
    eventually("it is queued", || server.count_of(Type::Reception) == 3);
    assert!(console(&server, "why default loud.example").contains("binding default: held since"));
    server.configure("");
    console(&server, "config reload");
    eventually("nothing is held any more", || server.count_of(Type::Delivery) == 3);
    let paniclog = server.folder.read("paniclog.ec");
    assert!(
        paniclog.contains(&format!("curfew: binding=default domain=* ({schedule}:1) begins")),
        "{paniclog}"
    );
    server.kill();
}

#[test]
fn commands_run_at_their_times_and_outlive_a_reload_and_a_restart() {
    let sink = Sink::start();
    let mut server = Server::prepare(&Setup::new(PLACE, "sched", sink.port()));
    let store = server.folder.path().join("jobs.sqlite").display().to_string();
    server.configure(&format!("sched {{ backing_store = \"{store}\" }}\n"));
    server.launch();
    server.wait_for_banner();
    assert_eq!(console(&server, "sched in 1 suspend --domain quiet.example"), "mta-000000001\n");
    eventually("it is done by sched", || {
        console(&server, "suspensions").contains("domain quiet.example, since ")
    });
    assert!(console(&server, "suspensions").contains(" by sched"));
    let acctlog = server.folder.read("acctlog.ec");
    assert!(acctlog.contains("suspend --domain quiet.example"), "{acctlog}");
    assert!(refusal(&server, "sched in 5 no such thing").contains("no"));
    for line in ["sched every 3600 summary reset", "sched in 3600 flush domain all", "sched in 7200 version"]
    {
        console(&server, line);
    }
    assert_eq!(console(&server, "sched delete mta-000000004"), "mta-000000004 deleted\n");
    let list = console(&server, "sched list");
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["JOB ID", "NEXT RUN TIME", "REC", "COMMAND"], "{list}");
    assert_eq!((rows[1][0], rows[1][2], rows[1][3]), ("mta-000000002", "y", "summary reset"), "{list}");
    assert_eq!((rows.len(), rows[2][0], rows[2][3]), (3, "mta-000000003", "flush domain all"), "{list}");
    console(&server, "config reload");
    assert_eq!(console(&server, "sched list"), list);
    server.stop();
    server.launch();
    server.wait_for_banner();
    assert_eq!(console(&server, "sched list"), list);
    server.stop();
}
