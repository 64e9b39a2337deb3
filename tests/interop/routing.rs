//! Where the operator sends mail, and from which of our addresses.

use crate::PLACE;
use harness::{Client, Letter, Server, Setup, Sink, Type, free_port, letter};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

fn send_one(server: &Server, recipient: &str) {
    server.accept("me@sender.example", &[recipient], &letter("routed"));
}

fn source(letter: &Letter) -> IpAddr {
    letter.client.ip()
}

#[test]
fn a_gateway_takes_all_mail_of_its_domain() {
    let port = free_port();
    let hub = Sink::at(([127, 0, 0, 31], port).into(), |_| None);
    let rest = Sink::at(([127, 0, 0, 1], port).into(), |_| None);
    let zone = "hub.example 60 A 127.0.0.31\n*.example 60 MX 10 sink.example\nsink.example 60 A 127.0.0.1\n";
    let settings = "Domain customer.example { gateway = \"hub.example\" }";
    let mut server = Server::start(&Setup { zone, settings, ..Setup::new(PLACE, "gateway", port) });
    send_one(&server, "you@customer.example");
    send_one(&server, "you@other.example");
    assert_eq!(hub.wait_for(1)[0].recipients, ["you@customer.example"]);
    assert_eq!(rest.wait_for(1)[0].recipients, ["you@other.example"]);
    server.stop();
    // The queue has the gateway's name.
    let log = server.mainlog();
    let domains: Vec<_> =
        log.iter().filter(|line| line.kind == Type::Delivery).map(|line| &*line.domain).collect();
    assert!(domains.contains(&"hub.example") && domains.contains(&"other.example"), "{domains:?}");
}

#[test]
fn a_connection_is_introduced_as_the_operator_wants() {
    let names = Arc::new(Mutex::new(Vec::new()));
    let heard = names.clone();
    let sink = Sink::ruled(move |line| {
        heard.lock().expect("nobody panics").extend(line.strip_prefix("EHLO ").map(str::to_owned));
        None
    });
    let settings = "Domain plain.example { }\nDomain literal.example { ehlo_hostname = out.example }\n\
                    Domain message.example { ehlo_hostname = __message__ }";
    let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "introduced", sink.port()) });
    for (number, (sender, recipient, name)) in [
        ("me@sender.example", "a@plain.example", "mta.example"),
        ("me@sender.example", "b@literal.example", "out.example"),
        ("me@sender.example", "c@message.example", "sender.example"),
    ]
    .into_iter()
    .enumerate()
    {
        server.accept(sender, &[recipient], &letter("hello"));
        sink.wait_for(number + 1);
        assert_eq!(
            names.lock().expect("nobody panics").last().map(String::as_str),
            Some(name),
            "{recipient}"
        );
    }
    server.stop();
}

#[test]
fn mail_comes_in_over_ipv6() {
    let sink = Sink::start();
    let here = SocketAddr::from((Ipv6Addr::LOCALHOST, free_port()));
    let settings = format!("ESMTP_Listener {{ Listen \"{here}\" {{ }} }}");
    let mut server =
        Server::start(&Setup { settings: &settings, ..Setup::new(PLACE, "ipv6-in", sink.port()) });
    let mut client = Client::connect(here).expect("the server answers");
    client.command("EHLO client.example").expect("a reply");
    let reply = client.send("me@sender.example", &["you@here.example"], &letter("six")).expect("a reply");
    assert_eq!(reply.code, 250, "{}", reply.text);
    let received = sink.wait_for(1)[0].field("Received").expect("a Received field");
    assert!(received.starts_with("from [::1] (["), "{received}");
    server.stop();
    let log = server.mainlog();
    assert_eq!(log.iter().find(|line| line.kind == Type::Reception).expect("received").peer, "::1");
}

#[test]
fn a_gateway_can_be_an_address() {
    let port = free_port();
    let hub = Sink::at(([127, 0, 0, 32], port).into(), |_| None);
    let settings = "gateway = \"127.0.0.32\"";
    let mut server = Server::start(&Setup { zone: "", settings, ..Setup::new(PLACE, "gateway-ip", port) });
    send_one(&server, "you@anywhere.example");
    hub.wait_for(1);
    server.stop();
}

#[test]
fn routes_are_tried_in_their_order() {
    let (dead, alive) = (free_port(), Sink::start());
    let settings = format!(
        "Domain routed.example {{ routes = ( \"smtp://127.0.0.33:{dead}\" \"smtp://127.0.0.1:{}\" ) }}",
        alive.port()
    );
    let mut server =
        Server::start(&Setup { zone: "", settings: &settings, ..Setup::new(PLACE, "routes", free_port()) });
    send_one(&server, "you@routed.example");
    assert_eq!(alive.wait_for(1)[0].recipients, ["you@routed.example"]);
    server.stop();
}

#[test]
fn a_domain_can_have_a_port_of_its_own() {
    let (usual, special) = (Sink::start(), Sink::start());
    let settings = format!("Domain special.example {{ remote_smtp_port = {} }}", special.port());
    let mut server = Server::start(&Setup { settings: &settings, ..Setup::new(PLACE, "port", usual.port()) });
    send_one(&server, "you@special.example");
    send_one(&server, "you@usual.example");
    assert_eq!(special.wait_for(1)[0].recipients, ["you@special.example"]);
    assert_eq!(usual.wait_for(1)[0].recipients, ["you@usual.example"]);
    server.stop();
}

#[test]
fn mail_leaves_from_the_bind_address() {
    for (settings, expected) in [
        ("bind_address = \"127.0.0.2\"", "127.0.0.2"),
        ("bind_address = \"127.0.0.2\"\nBinding default { bind_address = \"127.0.0.3\" }", "127.0.0.3"),
        ("", "127.0.0.1"),
    ] {
        let sink = Sink::start();
        let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "source", sink.port()) });
        send_one(&server, "you@here.example");
        assert_eq!(source(&sink.wait_for(1)[0]).to_string(), expected, "{settings}");
        server.stop();
    }
}

#[test]
fn mail_goes_over_ipv6_when_it_may() {
    let port = free_port();
    let six = Sink::at(SocketAddr::from((Ipv6Addr::LOCALHOST, port)), |_| None);
    let four = Sink::at(([127, 0, 0, 1], port).into(), |_| None);
    let zone = "*.example 60 MX 10 both.example\nboth.example 60 A 127.0.0.1\nboth.example 60 AAAA ::1\n";
    let mut server = Server::start(&Setup {
        zone,
        settings: "use_ipv6 = true\nprefer_ipv6_mxs = true",
        ..Setup::new(PLACE, "ipv6", port)
    });
    send_one(&server, "you@here.example");
    assert_eq!(source(&six.wait_for(1)[0]), IpAddr::from(Ipv6Addr::LOCALHOST));
    server.stop();
    assert_eq!(
        server.mainlog().iter().find(|line| line.kind == Type::Delivery).expect("delivered").peer,
        "::1"
    );

    let mut server = Server::start(&Setup { zone, ..Setup::new(PLACE, "ipv4", port) });
    send_one(&server, "you@here.example");
    four.wait_for(1);
    server.stop();
}

#[test]
fn prohibited_addresses_are_not_delivered_to() {
    // Unset, loopback addresses are prohibited that the DNS gave.
    for settings in ["prohibited_hosts = ( 127.0.0.0/8 )", "prohibited_hosts = ( )"] {
        let sink = Sink::start();
        let mut server = Server::start(&Setup { settings, ..Setup::new(PLACE, "prohibited", sink.port()) });
        send_one(&server, "you@here.example");
        harness::eventually("message and notice have failed", || server.count("permanent_failures") == 2);
        server.stop();
        assert_eq!(sink.count(), 0, "{settings}");
        let log = server.mainlog();
        let mut failed = log.iter().filter(|line| line.kind == Type::Permanent);
        assert!(failed.all(|line| line.text == "551 5.4.6 [internal] Private/Loopback Address"), "{log:?}");
    }
}
