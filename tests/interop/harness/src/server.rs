//! The server under test: its configuration, its process, what it wrote.
//!
//! The law: a server that is stopped ends with status 0 within the bound, and every line of its logs has the
//! form that its format promises.

use crate::client::Client;
use crate::folder::Folder;
use crate::log::{MainLine, Type, parse_bouncelog, parse_mainlog, parse_rejectlog};
use crate::name_server::NameServer;
use crate::patience::poll;
use crate::ports::free_port;
use crate::program::{Background, Ended, run, signal};
use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

/// Where the program and the folder for temporary files are: the test target knows, `place!()` asks it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub program: &'static str,
    pub folder: &'static str,
}

#[macro_export]
macro_rules! place {
    () => {
        $crate::Place { program: env!("CARGO_BIN_EXE_impetus"), folder: env!("CARGO_TARGET_TMPDIR") }
    };
}

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    pub place: Place,
    pub name: &'a str,
    /// Lines of the name server; `*.example` goes to 127.0.0.1 unless the test says otherwise.
    pub zone: &'a str,
    /// More of the configuration, after what every test needs.
    pub settings: &'a str,
    pub remote_smtp_port: u16,
    pub shards: usize,
}

pub const EVERYTHING_TO_LOOPBACK: &str = "*.example 60 MX 10 sink.example\nsink.example 60 A 127.0.0.1\n";

impl<'a> Setup<'a> {
    pub fn new(place: Place, name: &'a str, remote_smtp_port: u16) -> Self {
        Setup { place, name, zone: EVERYTHING_TO_LOOPBACK, settings: "", remote_smtp_port, shards: 2 }
    }
}

pub struct Server {
    place: Place,
    shards: usize,
    /// Stopped before its folder goes.
    process: Option<Background>,
    pub names: NameServer,
    pub folder: Folder,
    port: u16,
    remote_smtp_port: u16,
}

impl Server {
    /// Starts it and waits until it greets.
    #[track_caller]
    pub fn start(setup: &Setup<'_>) -> Server {
        let mut server = Server::prepare(setup);
        server.launch();
        server.wait_for_banner();
        server
    }

    /// All but the process.
    pub fn prepare(setup: &Setup<'_>) -> Server {
        let folder = Folder::new(setup.place.folder, setup.name);
        let names = NameServer::start(setup.zone);
        folder.write("resolv.conf", format!("nameserver 127.0.0.1:{}\n", names.port()));
        let server = Server {
            place: setup.place,
            shards: setup.shards,
            process: None,
            names,
            folder,
            port: free_port(),
            remote_smtp_port: setup.remote_smtp_port,
        };
        server.configure(setup.settings);
        server
    }

    /// Writes the configuration anew; a running server learns of it by SIGHUP.
    pub fn configure(&self, settings: &str) {
        let folder = self.folder.path().display();
        let (port, remote_smtp_port) = (self.port, self.remote_smtp_port);
        let text = format!(
            r#"hostname = "mta.example"
ESMTP_Listener {{
  Listen "127.0.0.1:{port}" {{ }}
}}
Relay_Hosts = ( 127.0.0.0/8 ::1 )
Control_Listener {{
  Listen "{folder}/control.sock" {{ }}
}}
spoolbase = "{folder}/spool"
spool_segment_size = 4194304
resolv_conf = "{folder}/resolv.conf"
remote_smtp_port = {remote_smtp_port}
# Set, so that loopback addresses from DNS may be delivered to.
prohibited_hosts = ( 192.0.2.0/24 )
ec_logger "ec_logger" {{
  mainlog = "{folder}/mainlog.ec"
  rejectlog = "{folder}/rejectlog.ec"
  paniclog = "{folder}/paniclog.ec"
  acctlog = "{folder}/acctlog.ec"
  heartbeat = 1
}}
bounce_logger "bounce_logger" {{
  bouncelog = "{folder}/bouncelog.ec"
  heartbeat = 1
}}
{settings}
"#
        );
        self.folder.write("server.conf", text);
    }

    /// How many shards it will have when it is launched next.
    pub fn set_shards(&mut self, shards: usize) {
        self.shards = shards;
    }

    /// Starts the process again, on the same spool.
    #[track_caller]
    pub fn launch(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        self.process = Some(Background::start(&mut self.command()));
    }

    /// `impetus run` with the configuration of this server; what it says goes to a file.
    pub fn command(&self) -> Command {
        let said = OpenOptions::new().create(true).append(true).open(self.folder.file("said"));
        let said = said.expect("files can be written in the folder of the test");
        let mut command = Command::new(self.place.program);
        // A shard needs a core of its own.
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
        let shards = self.shards.min(cores).to_string();
        command.args(["run", "-c", "server.conf", "--shards", &shards]);
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        command
    }

    #[track_caller]
    pub fn wait_for_banner(&mut self) {
        let address = self.address();
        let greeted = poll(|| {
            if let Some(status) = self.process.as_mut().and_then(Background::has_ended) {
                panic!("the server ended with {status}: {}", self.said());
            }
            Client::connect(address).ok().map(|client| client.banner)
        });
        match greeted {
            Some(banner) => assert_eq!(banner.code, 220, "{}", banner.text),
            None => panic!("the server does not greet: {}", self.said()),
        }
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A client that has said EHLO.
    #[track_caller]
    pub fn client(&self) -> Client {
        let mut client = Client::connect(self.address()).expect("the server answers");
        assert_eq!(client.banner.code, 220);
        assert_eq!(client.command("EHLO client.example").expect("EHLO is answered").code, 250);
        client
    }

    /// One message that must be accepted.
    #[track_caller]
    pub fn accept(&self, sender: &str, recipients: &[&str], content: &str) {
        let reply = self.client().send(sender, recipients, content).expect("the server answers");
        assert_eq!(reply.code, 250, "{}", reply.text);
    }

    pub fn signal(&self, name: &str) {
        let process = self.process.as_ref().expect("it runs");
        signal(process.process(), name);
    }

    /// Its number.
    pub fn process(&self) -> u32 {
        self.process.as_ref().expect("it runs").process()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// Waits for the end of a server that was told to end.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        self.process.take().expect("it runs").ended()
    }

    /// SIGTERM; status 0, nothing in the paniclog, and every line of every log as it should be.
    #[track_caller]
    pub fn stop(&mut self) {
        self.signal("TERM");
        let status = self.ended();
        assert_eq!(status.code(), Some(0), "{}", self.said());
        self.check_logs();
    }

    #[track_caller]
    pub fn check_logs(&self) {
        self.mainlog();
        for (name, parse) in [
            ("bouncelog.ec", parse_bouncelog as fn(&str) -> Result<(), String>),
            ("rejectlog.ec", parse_rejectlog),
        ] {
            for line in self.folder.read(name).lines() {
                parse(line).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
            }
        }
        assert_eq!(self.folder.read("paniclog.ec"), "");
        let said = self.said();
        assert!(!said.contains("panicked"), "{said}");
    }

    /// All whole lines so far.
    #[track_caller]
    pub fn mainlog(&self) -> Vec<MainLine> {
        let text = self.folder.read("mainlog.ec");
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let parse = |line| parse_mainlog(line).unwrap_or_else(|wrong| panic!("mainlog: {wrong}"));
        whole.lines().map(parse).collect()
    }

    /// Lines of one type in the mainlog.
    #[track_caller]
    pub fn count_of(&self, kind: Type) -> usize {
        self.mainlog().iter().filter(|line| line.kind == kind).count()
    }

    /// What it said on standard error, over all its lives.
    pub fn said(&self) -> String {
        self.folder.read("said")
    }

    /// One console command.
    #[track_caller]
    pub fn console(&self, words: &[&str]) -> Ended {
        run(Command::new(self.place.program).args(["console", "--socket"]).arg(self.socket()).args(words))
    }

    /// A subcommand that is a client of the console.
    #[track_caller]
    pub fn subcommand(&self, name: &str, words: &[&str]) -> Ended {
        run(Command::new(self.place.program).args([name, "--socket"]).arg(self.socket()).args(words))
    }

    /// A number of `counters`.
    #[track_caller]
    pub fn count(&self, name: &str) -> u64 {
        let summary = self.console(&["counters"]).well().out;
        let words = summary.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let found =
            words.filter(|words| words.first() == Some(&name)).find_map(|words| words.get(1)?.parse().ok());
        found.unwrap_or_else(|| panic!("no {name} in {summary}"))
    }

    /// `impetus spool VERB` on the spool of a server that does not run.
    #[track_caller]
    pub fn spool(&self, verb: &str) -> Ended {
        run(Command::new(self.place.program).args(["spool", verb]).arg(self.folder.file("spool")))
    }

    fn socket(&self) -> PathBuf {
        self.folder.file("control.sock")
    }
}
