//! Databases that another program has written: users of AUTH, aliases, and what the console says of the sources.

use crate::PLACE;
use crate::python::PYTHON;
use harness::{Server, Setup, Sink, are_installed, free_port, run};
use std::process::Command;

const SWAKS: &str = "/usr/bin/swaks";
const CRAM: &str = "/usr/share/perl5/Digest/HMAC_MD5.pm";

/// `pen cil` under crypt(3), as `openssl passwd -6` makes it, and in clear.
const TABLES: &str = "create table users (name text, form text, pass text);\
    insert into users values ('tim', 'ucrypt', 'HASH'), ('ann', 'clear', 'pencil');\
    create table aliases (name text, target text);\
    insert into aliases values ('team@here.example', 'ann@here.example'), ('team@here.example', 'all@here.example'),\
    ('all@here.example', 'bob@elsewhere.example'), ('all@here.example', 'team@here.example');";

/// A server that relays for the users of a table, and for `here.example`, whose recipients may be aliases.
fn server(name: &str, sink: &Sink) -> Server {
    let server = Server::prepare(&Setup::new(PLACE, name, sink.port()));
    let hash =
        run(Command::new("/usr/bin/openssl").args(["passwd", "-6", "-salt", "grain", "pen cil"])).well();
    let database = server.folder.file("site.sqlite");
    let program = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.executescript(sys.argv[2])";
    let tables = TABLES.replace("HASH", hash.out.trim());
    run(Command::new(PYTHON).args(["-c", program]).arg(&database).arg(tables)).well();
    server.configure(&format!(
        r#"Relay_Hosts = ( 192.0.2.0/24 )
Relay_Domains = ( here.example )
Datasource "site" {{ uri = ( "sqlite:{}" ) cache_life = 600 }}
ds_core {{ }}
auth_ds {{
  Scheme "table" {{
    Authenticate {{
      cache = "site"
      query = "select pass, form from users where name = :name"
      map = [ name = "%{{username}}" ]
      returns_password = true
      type_column = "form"
    }}
  }}
}}
alias "a" {{
  Scheme "table" {{ cache = "site" query = "select target from aliases where name = :name" map = [ name = "%{{rcptto}}" ] }}
}}
Domain "here.example" {{ Alias_Schemes = ( "table" ) }}
ESMTP_Listener {{
  smtp_extensions = ( "AUTH CRAM-MD5 PLAIN" ENHANCEDSTATUSCODES )
  AuthPlainParameters = [ uri = "table://" ]
  AuthCramMD5Parameters = [ uri = "table://" ]
}}
"#,
        database.display()
    ));
    server
}

#[test]
fn users_of_a_table_log_in_with_swaks_and_strangers_do_not() {
    if !are_installed(&[SWAKS, PYTHON, CRAM]) {
        return;
    }
    let sink = Sink::start();
    let mut server = server("datasource-users", &sink);
    server.set_shards(1);
    server.launch();
    server.wait_for_banner();
    let swaks = |mechanism: &str, user: &str, password: &str| {
        let address = server.address().to_string();
        let to = format!("{user}-{mechanism}@elsewhere.example");
        let fixed = ["--server", &address, "--from", "me@sender.example", "--to", &to];
        let proof = ["--auth", mechanism, "--auth-user", user, "--auth-password", password];
        run(Command::new(SWAKS).args(fixed).args(proof))
    };
    let mut passed = 0;
    for (mechanism, user, password, expected) in [
        ("PLAIN", "tim", "pen cil", "235 2.7.0"),
        ("PLAIN", "tim", "pencil", "535 5.7.8"),
        ("PLAIN", "ann", "pencil", "235 2.7.0"),
        ("PLAIN", "nobody", "pencil", "535 5.7.8"),
        ("PLAIN", "tim' or '1'='1", "pen cil", "535 5.7.8"),
        ("CRAM-MD5", "ann", "pencil", "235 2.7.0"),
        ("CRAM-MD5", "ann", "pen cil", "535 5.7.8"),
    ] {
        let said = swaks(mechanism, user, password);
        assert!(said.out.contains(expected), "{mechanism} {user}: {}", said.out);
        passed += usize::from(expected.starts_with('2'));
    }
    sink.wait_for(passed);
    let stats = server.console(&["ds_core", "stats"]).well().out;
    assert!(stats.contains("site: 4 elements; lookups 3 hit, 4 miss"), "{stats}");
    let flushed = server.console(&["ds_core", "flush", "site"]).well().out;
    assert!(flushed.contains("flushed 4 entries from cache 'site'"), "{flushed}");
    std::fs::write(server.folder.file("site.sqlite"), "this is no database any more, whatever it was before")
        .unwrap();
    let said = swaks("PLAIN", "tim", "pen cil");
    assert!(said.out.contains("454 4.7.0"), "a source that fails is no refusal for good: {}", said.out);
    let complaint = server.folder.read("paniclog.ec");
    assert!(complaint.contains("auth_ds: table: file is not a database"), "{complaint}");
    server.kill();
}

#[test]
fn an_alias_reaches_everybody_once() {
    if !are_installed(&[PYTHON]) {
        return;
    }
    let sink = Sink::start();
    let mut server = server("datasource-aliases", &sink);
    server.launch();
    server.wait_for_banner();
    server.accept("me@sender.example", &["team@here.example", "cid@here.example"], "Subject: x\r\n\r\nx\r\n");
    let mut reached: Vec<String> =
        sink.wait_for(2).into_iter().flat_map(|letter| letter.recipients).collect();
    reached.sort();
    assert_eq!(reached, ["ann@here.example", "bob@elsewhere.example", "cid@here.example"]);
    server.stop();
}

#[test]
fn static_routes_sends_all_mail_to_one_port() {
    let sink = Sink::start();
    let settings = format!("static_routes {{ target = \"{}\" }}\n", sink.address());
    let setup = Setup { settings: &settings, ..Setup::new(PLACE, "static-routes", free_port()) };
    let mut server = Server::start(&setup);
    server.accept(
        "me@sender.example",
        &["a@one.example", "b@no.such.name.invalid"],
        "Subject: x\r\n\r\nx\r\n",
    );
    let mut reached: Vec<String> =
        sink.wait_for(2).into_iter().flat_map(|letter| letter.recipients).collect();
    reached.sort();
    assert_eq!(reached, ["a@one.example", "b@no.such.name.invalid"]);
    server.stop();
}
