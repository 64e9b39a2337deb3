//! Who proves what to whom: swaks and smtplib log in to us, and we log in to aiosmtpd.

use crate::PLACE;
use crate::python::{Aiosmtpd, PYTHON, script};
use harness::{Server, Setup, Sink, Type, are_installed, eventually, run};
use std::process::Command;

const SWAKS: &str = "/usr/bin/swaks";
const AIOSMTPD: &str = "/usr/lib/python3/dist-packages/aiosmtpd";
/// What swaks needs for CRAM-MD5 and DIGEST-MD5.
const PERL: [&str; 2] = ["/usr/share/perl5/Authen/SASL.pm", "/usr/share/perl5/Digest/HMAC_MD5.pm"];

/// MD5 of `tim:mta.example:pen cil`, as htdigest stores it.
const DIGEST: &str = "tim:mta.example:HASH\n";

/// A server that relays for who has proved to be tim, with the password `pen cil`.
fn server(name: &str, sink: &Sink) -> Server {
    let server = Server::prepare(&Setup::new(PLACE, name, sink.port()));
    let passwords = server.folder.write("passwords", "# users\nann:other\ntim:pen cil\n");
    let digests =
        server.folder.write("digests", DIGEST.replace("HASH", &digest_of("tim:mta.example:pen cil")));
    let (passwords, digests) = (passwords.display(), digests.display());
    server.configure(&format!(
        "Relay_Hosts = ( 192.0.2.0/24 )\nRelay_Domains = ( here.example )\nESMTP_Listener {{\n\
         smtp_extensions = ( \"AUTH DIGEST-MD5 CRAM-MD5 LOGIN PLAIN\" ENHANCEDSTATUSCODES )\n\
         AuthPlainParameters = [ uri = \"file://{passwords}\" log_authentication = \"true\" ]\n\
         AuthLoginParameters = [ uri = \"digest://{digests}\" ]\n\
         AuthCramMD5Parameters = [ uri = \"file://{passwords}\" ]\n\
         AuthDigestMD5Parameters = [ uri = \"digest://{digests}\" ]\n}}\n"
    ));
    server
}

/// The hash that another program makes.
fn digest_of(text: &str) -> String {
    let program = "import hashlib, sys; print(hashlib.md5(sys.argv[1].encode()).hexdigest())";
    run(Command::new(PYTHON).args(["-c", program, text])).well().out.trim().to_owned()
}

#[test]
fn swaks_logs_in_with_every_mechanism() {
    if !are_installed(&[SWAKS, PYTHON, PERL[0], PERL[1]]) {
        return;
    }
    let sink = Sink::start();
    let mut server = server("swaks-auth", &sink);
    server.launch();
    server.wait_for_banner();
    let swaks = |mechanism: &str, password: &str| {
        let (address, to) = (server.address().to_string(), format!("{mechanism}@elsewhere.example"));
        run(Command::new(SWAKS).args(["--server", &address, "--helo", "client.example"]).args([
            "--from",
            "me@sender.example",
            "--to",
            &to,
            "--auth",
            mechanism,
            "--auth-user",
            "tim",
            "--auth-password",
            password,
        ]))
    };
    for (number, mechanism) in ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"].into_iter().enumerate() {
        let passed = swaks(mechanism, "pen cil").well();
        assert!(passed.out.contains("235 2.7.0 Authentication successful"), "{mechanism}: {}", passed.out);
        let letter = sink.wait_for(number + 1).pop().unwrap();
        assert_eq!(letter.recipients, [format!("{mechanism}@elsewhere.example")]);
        let proof = "mta.example; auth=pass smtp.auth=tim";
        assert_eq!(letter.field("Authentication-Results").as_deref(), Some(proof), "{mechanism}");
        let refused = swaks(mechanism, "pencil");
        assert!(refused.out.contains("535 5.7.8"), "{mechanism}: {}", refused.out);
        // swaks goes on without a proof only if it may.
        assert_ne!(refused.code(), Some(0), "{mechanism}");
    }
    let stranger = run(Command::new(SWAKS).args(["--server", &server.address().to_string()]).args([
        "--from",
        "me@sender.example",
        "--to",
        "you@elsewhere.example",
    ]));
    assert!(stranger.out.contains("550 5.7.1 relaying denied"), "{}", stranger.out);
    server.stop();
    assert_eq!(sink.count(), 4);
    let log = server.folder.read("acctlog.ec");
    assert!(log.contains("tim"), "log_authentication of PLAIN: {log}");
}

#[test]
fn smtplib_logs_in_with_every_mechanism_it_knows() {
    if !are_installed(&[PYTHON]) {
        return;
    }
    let sink = Sink::start();
    let mut server = server("smtplib-auth", &sink);
    server.launch();
    server.wait_for_banner();
    let mechanisms = ["CRAM-MD5", "PLAIN", "LOGIN"];
    let mut command = Command::new(PYTHON);
    command.arg(script("login.py")).arg(server.port().to_string()).args(["tim", "pen cil"]).args(mechanisms);
    let seen = run(&mut command).well().out;
    assert!(seen.contains("offered CRAM-MD5 DIGEST-MD5 LOGIN PLAIN"), "{seen}");
    for mechanism in mechanisms {
        for fact in [format!("{mechanism} 235 "), format!("{mechanism} refused 535 5.7.8")] {
            assert!(seen.contains(&fact), "`{fact}` is missing in:\n{seen}");
        }
    }
    sink.wait_for(mechanisms.len());
    server.stop();
}

#[test]
fn aiosmtpd_takes_mail_from_who_proves_himself() {
    if !are_installed(&[AIOSMTPD]) {
        return;
    }
    for (mechanism, name) in [("PLAIN", "auth-plain"), ("LOGIN", "auth-login")] {
        let receiver = Aiosmtpd::knowing(&["tim", "pen cil"]);
        let settings = format!(
            "outbound_smtp_auth_user = \"tim\"\noutbound_smtp_auth_pass = \"pen cil\"\n\
             outbound_smtp_auth_type = \"{mechanism}\"\n"
        );
        let mut server =
            Server::start(&Setup { settings: &settings, ..Setup::new(PLACE, name, receiver.port) });
        for number in 1..=2 {
            server.accept("me@sender.example", &["you@recipient.example"], "Subject: x\r\n\r\nx\r\n");
            eventually("aiosmtpd takes it", || receiver.folder.file(&format!("{number}.envelope")).exists());
            assert_eq!(receiver.folder.read(&format!("{number}.user")), "tim");
        }
        let attempts = receiver.folder.read("attempts");
        assert!(attempts.lines().all(|line| line == format!("{mechanism} tim")), "{attempts}");
        server.stop();
    }
}

#[test]
fn aiosmtpd_gets_nothing_from_who_has_the_wrong_password() {
    if !are_installed(&[AIOSMTPD]) {
        return;
    }
    let receiver = Aiosmtpd::knowing(&["tim", "pen cil"]);
    let settings = "outbound_smtp_auth_user = \"tim\"\noutbound_smtp_auth_pass = \"wrong\"\n";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "auth-wrong", receiver.port) });
    server.accept("me@sender.example", &["you@recipient.example"], "Subject: x\r\n\r\nx\r\n");
    eventually("the message waits", || server.count_of(Type::Transient) == 1);
    let failure = server.folder.read("mainlog.ec");
    assert!(failure.contains("535 5.7.8"), "{failure}");
    assert!(!receiver.folder.file("1.envelope").exists());
    server.stop();
}

#[test]
fn a_store_that_cannot_be_read_is_found_by_check_and_said_at_the_start() {
    let sink = Sink::start();
    let mut server = server("auth-missing", &sink);
    std::fs::remove_file(server.folder.file("passwords")).expect("it was there");
    let mut check = Command::new(PLACE.program);
    let checked = run(check.args(["check", "-c", "server.conf"]).current_dir(server.folder.path()));
    let said = checked.out + &checked.err;
    let why = "passwords: No such file or directory";
    assert!(said.contains("'authplainparameters': file://") && said.contains(why), "{said}");
    server.launch();
    server.wait_for_banner();
    let mut client = server.client();
    let reply = client.command("AUTH PLAIN AHRpbQBwZW4gY2ls").expect("it answers");
    assert_eq!((reply.code, &*reply.text), (454, "4.7.0 Temporary authentication failure"));
    eventually("the operator is told", || server.folder.read("paniclog.ec").contains(why));
    server.kill();
}
