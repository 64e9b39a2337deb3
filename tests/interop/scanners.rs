//! Content scanners: clamd, spamd, and rspamd by its own protocol and as a mail filter.
//!
//! The law: each daemon is the test's own, with a configuration and data of its own, on loopback.

use crate::PLACE;
use harness::{Background, Folder, Server, Setup, Sink, are_installed, eventually, free_port, signal};
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

const CLAMD: &str = "/usr/sbin/clamd";
const SPAMD: &str = "/usr/sbin/spamd";
const RSPAMD: &str = "/usr/bin/rspamd";

/// What our own signature calls a virus.
const MARKER: &str = "A-MARKER-THAT-IS-NO-VIRUS";
/// The text that every spam filter knows as a test.
const GTUBE: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

fn letter(line: &str) -> String {
    format!("From: me@sender.example\r\nTo: you@here.example\r\nSubject: x\r\n\r\n{line}\r\n")
}

/// A folder that the daemons' own users may use.
fn public_folder(name: &str) -> Folder {
    let folder = Folder::new(std::env::temp_dir().to_str().expect("a name in UTF-8"), name);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
    folder
}

/// A daemon and its workers: asked to end, since one that is killed leaves its workers behind.
struct Daemon(Background);

impl Daemon {
    /// Starts it and waits until it listens on the port.
    fn start(command: &mut Command, port: u16) -> Daemon {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let daemon = Daemon(Background::start(quiet));
        eventually("the daemon listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.0.has_ended().is_none() {
            signal(self.0.process(), "TERM");
            self.0.ended();
        }
    }
}

fn clamd(folder: &Folder, port: u16) -> Daemon {
    let hex: String = MARKER.bytes().map(|octet| format!("{octet:02x}")).collect();
    folder.write("test.ndb", format!("Test.Marker:0:*:{hex}\n"));
    let path = folder.path().display();
    let text = format!(
        "Foreground yes\nDatabaseDirectory {path}\nTCPSocket {port}\nTCPAddr 127.0.0.1\nUser clamav\n"
    );
    let file = folder.write("clamd.conf", text);
    Daemon::start(Command::new(CLAMD).arg("-c").arg(file), port)
}

fn spamd(port: u16) -> Daemon {
    let arguments = ["-L", "-x", "-m", "1", "-u", "nobody", "-H", "/tmp", "-i", "127.0.0.1"];
    Daemon::start(Command::new(SPAMD).args(arguments).args(["-p", &port.to_string()]), port)
}

/// A worker, and a proxy that speaks milter.
fn rspamd(folder: &Folder, worker: u16, proxy: u16) -> Daemon {
    let tld = folder.write("tld", "example\n");
    let (path, tld) = (folder.path().display(), tld.display());
    let text = format!(
        r#"options {{ filters = ""; pidfile = "{path}/pid"; tempdir = "{path}"; url_tld = "{tld}";
  dns {{ nameserver = ["127.0.0.1:9"]; timeout = 100ms; retransmits = 1; }} enable_test_patterns = true; }}
logging {{ type = "file"; filename = "{path}/log"; level = "info"; }}
metric {{ name = "default"; actions {{ reject = 15; add_header = 6; greylist = 4; }} }}
worker "normal" {{ bind_socket = "127.0.0.1:{worker}"; count = 1; }}
worker "rspamd_proxy" {{ bind_socket = "127.0.0.1:{proxy}"; count = 1; milter = yes; timeout = 10s;
  upstream "local" {{ default = yes; hosts = "127.0.0.1:{worker}"; }} }}
"#
    );
    let file = folder.write("rspamd.conf", text);
    let mut command = Command::new(RSPAMD);
    let daemon =
        Daemon::start(command.args(["-f", "-u", "_rspamd", "-g", "_rspamd", "-c"]).arg(file), worker);
    eventually("the proxy listens", || TcpStream::connect(("127.0.0.1", proxy)).is_ok());
    daemon
}

/// What the server answers to a message with this line.
fn code(server: &Server, line: &str) -> u16 {
    let mut client = server.client();
    client.send("me@sender.example", &["you@here.example"], &letter(line)).expect("a reply").code
}

/// A server that has complained in its paniclog, as it should.
fn end(server: &mut Server) {
    server.signal("TERM");
    assert!(server.ended().success());
}

#[test]
fn clamd_finds_what_its_signatures_name_and_its_silence_is_a_temporary_failure() {
    if !are_installed(&[CLAMD]) {
        return;
    }
    let (folder, port, sink) = (public_folder("clamd"), free_port(), Sink::start());
    let clamd = clamd(&folder, port);
    let settings = format!(
        "clamav {{ }}\nantivirus \"main\" {{ action = reject timeout = 5 clamav \"c\" {{ daemon = \"127.0.0.1:{port}\" }} }}\n"
    );
    let mut server = Server::start(&Setup { settings: &settings, ..Setup::new(PLACE, "clamd", sink.port()) });
    assert_eq!(code(&server, "nothing to see"), 250);
    assert_eq!(code(&server, MARKER), 550);
    sink.wait_for(1);
    drop(clamd);
    assert_eq!(code(&server, "nothing to see"), 451);
    end(&mut server);
    assert_eq!(sink.count(), 1);
}

#[test]
fn spamd_scores_what_is_asked_and_never_refuses() {
    if !are_installed(&[SPAMD]) {
        return;
    }
    let (port, sink) = (free_port(), Sink::start());
    let spamd = spamd(port);
    let settings =
        format!("spamassassin {{ daemon = \"127.0.0.1:{port}\" automatic = true timeout = 20 }}\n");
    let mut server = Server::start(&Setup { settings: &settings, ..Setup::new(PLACE, "spamd", sink.port()) });
    assert_eq!(code(&server, GTUBE), 250);
    drop(spamd);
    assert_eq!(code(&server, GTUBE), 250);
    sink.wait_for(2);
    end(&mut server);
    let said = server.folder.read("paniclog.ec");
    assert_eq!(said.matches("spamassassin: spamd at").count(), 1, "{said}");
}

#[test]
fn rspamd_is_obeyed_by_its_own_protocol_and_as_a_mail_filter() {
    if !are_installed(&[RSPAMD]) {
        return;
    }
    let (folder, worker, proxy) = (public_folder("rspamd"), free_port(), free_port());
    let rspamd = rspamd(&folder, worker, proxy);
    let direct = format!("rspamd {{ daemon = \"127.0.0.1:{worker}\" }}\n");
    let filter = format!("milter \"rspamd\" {{ daemon = \"127.0.0.1:{proxy}\" }}\n");
    let mut servers = Vec::new();
    for (name, settings) in [("rspamd", direct), ("milter", filter)] {
        let sink = Sink::start();
        let server = Server::start(&Setup { settings: &settings, ..Setup::new(PLACE, name, sink.port()) });
        assert_eq!(code(&server, GTUBE) / 100, 5, "{name}");
        assert_eq!(code(&server, "an ordinary text"), 250, "{name}");
        sink.wait_for(1);
        servers.push((server, sink));
    }
    drop(rspamd);
    for (mut server, sink) in servers {
        assert_eq!(code(&server, "an ordinary text"), 451);
        end(&mut server);
        assert_eq!(sink.count(), 1);
    }
}
