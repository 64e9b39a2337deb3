//! The real server, killed.

use harness::{Place, Server, Setup, Sink};

const PLACE: Place = harness::place!();

#[test]
fn a_killed_server_starts_again() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "killed", sink.port()));
    server.kill();
    server.launch();
    server.wait_for_banner();
    server.stop();
}
