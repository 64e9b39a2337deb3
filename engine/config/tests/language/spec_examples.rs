//! The examples of spec config-language.md §15 load, and mean what they say.

use crate::declared::{InboundOptions, Method, OutboundOptions, registry};
use config::{Endpoint, Inbound, MemoryLoader, Retries, Scope, Snapshot};

const A: &str = r##"# pathway first so that the listener can name it
Pathway "partners" {
  relay_domains           = ( "example.org" "*.example.org" )
  RFC2822_Lone_LF_in_Body = "fix"
  inbound_throttle_messages = "500/10"
}
ESMTP_Listener {
  SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "STARTTLS" )
  Idle_Time = 300
  Peer "192.0.2.0/24" { Open_Relay = true }
  Listen ":25" {
    TLS_Certificate = /etc/impetus/tls/mx.pem      # bare path: accepted
    Peer "192.0.2.7" {
      pathway = "partners"
      Context = [
        customer   = "acme"
        trusted_mx = yes
        "__bypass_spf_v1" = "true"
      ]
    }
    Peer 2001:db8:10::/48 { always_deny = on }
  }
  Listen "[*]:587" { Enable = "false"  Concurrency = 1 }
  Listen "/var/run/impetus/smtp.sock" { File_Mode = 0666 }
}
"##;

const B: &str = r##"max_outbound_connections = 40
binding_group "shared" {
  outbound_throttle_messages = "600/60"      /* one counter for the whole group */
  binding "vip-1" { bind_address = 192.0.2.11  ehlo_hostname = "out1.example.net" }
  binding "vip-2" {
    bind_address = "2001:db8::12"
    domain "/(?:^|[.])(?:bigmail|huge-mail)\.example$/" {
      max_deliveries_per_connection = 20
      scope_max_outbound_connections = 8
    }
    domain bigmail.example { max_outbound_connections = 4 }
  }
  domain "bigmail.example" { retry_interval = 600 }
}
binding_group "shared" {            # reopened: merged with the above
  suspend_delivery = disabled
}
binding "default" { suspend_delivery = true }
host "mx1.bigmail.example" { max_outbound_connections = 10 }
Host /^mx[0-9]+\.huge-mail\.example$/ { max_outbound_connections = 5 }
domain "[IPv6:2001:db8::99]" { delivery_method = LMTP  lmtp_port = 2003 }
domain "192.0.2.99" {}
"##;

const C: &str = r##"Prohibited_Hosts = ( "127.0.0.0/8", 0.0.0.0, "::1" )
Skip_Hosts       = ()
routes = ( "smtp://198.51.100.5?pref=10&port=2525" "smtp://[2001:db8::5]?pref=10" "__mx__" )
Domain "legacy.example" { Gateway = "[2001:db8::25]" Routes = () Max_Retries = none }
Blackhole = off
connection_allocation_aggressiveness = 0.5
spool_mode = 0640
"##;

const D: &str = r##"Security {
  user = impetus  group = impetus
  Capabilities = "cap_net_bind_service+ep"
  Supplemental_Groups = ( mail ssl-cert )
}
ThreadPool accept-pool { Concurrency = 4 }
Control_Listener {
  Enable_Authentication = "true"
  AuthDigestMD5Parameters [ uri = digest:///etc/impetus/console_passwd  log_authentication = "true" ]
  AuthorizationParameters = [ uri = "groups:///etc/impetus/console_roles" ]
  Listen "/tmp/2025"  { Enable_Authentication = false }
  Listen "127.0.0.1:2025" { Enable_Authorization = true  Timeout = 120 }
}
Authorization {
  Role "ops"  { allow = ( "^config (get|eval|show)" "^summary$" ) }
  Role "root" { allow = ".*" }
}
"##;

const E: &str = r##"alerting {}
Datasource "authdb" { uri = ( "sqlite:/var/lib/impetus/auth.db" )  cache_life = 360 }
auth_ds {
  Scheme "web" {
    Authenticate {
      cache = "authdb"
      query = "SELECT 1 FROM users
                WHERE login = :user AND secret = :pass"
      map [ user = "%{username}"  pass = "%{password}" ]
    }
  }
}
scriptlet "scriptlet" { script "policy" { source = "site.policy" } }
scriptlet "scriptlet" { script_ttl = 300 }
spf_v1 "spf1"
{
  enabled = false
  debug_level = NOTICE
}
bounce_logger "main" { bouncelog = "/var/log/impetus/bouncelog.ec"  bouncelog_mode = 0644 }
"##;

const F: &str = r##"include "conf.d"
readonly_include "https://config.example.net/shared/domains.conf"
Local_Changes_File = "local_changes.conf"
Domain "example.net" { include "example.net.options" }
"##;

const G: &str = r##"adaptive { operational_log_level = "notice" }
adaptive_sweep_rule "complaints" {
  codes = ( "fbl:abuse" )  low_threshold = 0.2  high_threshold = 0.5
  high_action = ( "suspend" "4 hours" )
}
domain "bigmail.example" { adaptive_max_outbound_connections = ( 5 50 ) }
url_ripper "u1" { base = "multi.example"  bits = [ 0.0.0.2 = "list2"  "0.0.0.4" = "list3" ] }
SNMP { State = disabled  Address = 127.0.0.1:8162  Community = "Public" }
"##;

const H: &str = r##"Esmtp_Listener = {
  Listen "*:25" {
    Peer "0.0.0.0/0" { context = [ my_key = "my value" ] }
    Peer "10.0.0.0/32" { context = [ trusted_mx = "yes" ] }
  }
}
"##;

fn loaded(text: &str) -> Snapshot {
    let loader = MemoryLoader::default()
        .with("main.conf", text)
        .with("conf.d/10.conf", "hostname = one")
        .with("conf.d/20.conf", "hostname = two")
        .with("https://config.example.net/shared/domains.conf", "domain far.example { retry_interval = 9 }")
        .with("example.net.options", "retry_interval = 5");
    match config::load("main.conf", &loader, &registry(), &[""]) {
        Ok((snapshot, _)) => snapshot,
        Err(complaints) => panic!("{}", complaints.iter().map(|one| format!("{one}\n")).collect::<String>()),
    }
}

#[test]
fn every_example_loads_and_is_printed_and_read_again() {
    for text in [A, B, C, D, E, F, G, H] {
        loaded(text);
        let (tree, complaints) = config::parse("example", text).expect("an example parses");
        assert!(complaints.is_empty(), "{complaints:?}");
        assert_eq!(config::parse("printed", &tree.to_string()).map(|(tree, _)| tree), Ok(tree));
    }
}

fn client(snapshot: &Snapshot, endpoint: &str, peer: &str, pathway: &str) -> InboundOptions {
    let endpoint: Endpoint = endpoint.parse().expect("an endpoint");
    InboundOptions::resolve(&snapshot.inbound(Inbound {
        listener: Scope::EsmtpListener,
        endpoint: &endpoint,
        peer: Some(peer.parse().expect("an address")),
        pathway: Some(pathway),
    }))
}

#[test]
fn example_a_tells_clients_apart() {
    let snapshot = loaded(A);
    let partner = client(&snapshot, "*:25", "192.0.2.7", "partners");
    assert_eq!((&*partner.pathway, partner.open_relay, partner.idle_time.as_secs()), ("partners", true, 300));
    assert_eq!(partner.context.get("customer"), Some("acme"));
    assert!(partner.context.is_true("__bypass_spf_v1"));
    assert_eq!(&*partner.relay_domains, ["example.org".into(), "*.example.org".into()]);
    assert!(partner.inbound_throttle_messages.is_some_and(|throttle| throttle.events == 500));
    let stranger = client(&snapshot, ":25", "198.51.100.9", "default");
    assert!(!stranger.open_relay && !stranger.always_deny && stranger.context.is_empty());
    assert_eq!(stranger.tls_certificate.as_deref(), Some("/etc/impetus/tls/mx.pem"));
    assert!(client(&snapshot, ":25", "2001:db8:10::1", "default").always_deny);
    assert!(!client(&snapshot, "[*]:587", "::1", "default").enable);
    assert_eq!(client(&snapshot, "/var/run/impetus/smtp.sock", "::1", "default").file_mode, 0o666);
}

#[test]
fn examples_b_and_c_route_mail() {
    let snapshot = loaded(B);
    let options = |binding, domain| OutboundOptions::resolve(&snapshot.outbound("shared", binding, domain));
    assert_eq!(options("vip-2", "bigmail.example").max_outbound_connections, 4);
    assert_eq!(options("vip-2", "bigmail.example").max_deliveries_per_connection, 20);
    assert_eq!(options("vip-2", "x.huge-mail.example").max_outbound_connections, 40);
    assert_eq!(options("vip-1", "bigmail.example").retry_interval.as_secs(), 600);
    assert_eq!(
        options("vip-1", "a").outbound_throttle_messages,
        options("vip-2", "b").outbound_throttle_messages
    );
    let literal = snapshot.outbound("default", "default", "[ipv6:2001:DB8:0::99]");
    assert_eq!(OutboundOptions::resolve(&literal).delivery_method, Method::Lmtp);
    assert!(snapshot.bindings().eq([("default", "default"), ("shared", "vip-1"), ("shared", "vip-2")]));
    let snapshot = loaded(C);
    let legacy = OutboundOptions::resolve(&snapshot.outbound("default", "default", "legacy.example"));
    assert_eq!((legacy.max_retries, legacy.routes.len()), (Retries::None, 0));
    assert!(legacy.prohibited_hosts.contains("127.0.0.9".parse().expect("an address")));
    assert!(OutboundOptions::resolve(&snapshot.global()).routes.len() == 3);
}

#[test]
fn examples_d_to_h_are_walked_through() {
    let snapshot = loaded(D);
    let roles = snapshot.stanzas("authorization").flat_map(|stanza| stanza.stanzas("role"));
    assert!(roles.map(|role| role.name()).eq(["ops", "root"]));
    assert!(snapshot.stanzas("threadpool").any(|pool| pool.name() == "accept-pool"));
    assert!(snapshot.stanzas("threadpool").any(|pool| pool.name() == "SwapOut"));
    let snapshot = loaded(E);
    let modules = snapshot.modules().map(|module| module.keyword());
    assert!(modules.eq(["alerting", "auth_ds", "scriptlet", "spf_v1", "bounce_logger"]));
    let auth = snapshot.module("auth_ds", "").expect("the stanza");
    let authenticate = auth.stanzas("scheme").flat_map(|scheme| scheme.stanzas("authenticate")).next();
    let query = authenticate.expect("the stanza").value("query").expect("the option").value.to_string();
    assert!(query.starts_with("\"SELECT 1 FROM users\\n"), "{query}");
    let snapshot = loaded(F);
    let near = OutboundOptions::resolve(&snapshot.outbound("default", "default", "example.net"));
    let far = OutboundOptions::resolve(&snapshot.outbound("default", "default", "far.example"));
    assert_eq!((near.retry_interval.as_secs(), far.retry_interval.as_secs()), (5, 9));
    let rules = loaded(G);
    let collected =
        rules.outbound("default", "default", "bigmail.example").collected(Scope::AdaptiveSweepRule);
    assert!(collected.iter().map(|rule| rule.name()).eq(["complaints"]));
    let context = client(&loaded(H), ":25", "10.0.0.0", "default").context;
    assert_eq!(context.get("trusted_mx"), Some("yes"));
}
