//! The real server among programs that are not ours: what other software sends, takes and expects of it.
//!
//! The law: a missing program fails its test; `tests/interop/install` installs them all.

use harness::{Place, Server, Setup, Sink, letter};

const PLACE: Place = harness::place!();

#[test]
fn a_message_goes_its_whole_way() {
    let sink = Sink::start();
    let mut server = Server::start(&Setup::new(PLACE, "whole-way", sink.port()));
    server.accept("me@sender.example", &["you@recipient.example"], &letter("whole-way"));
    let letters = sink.wait_for(1);
    assert_eq!(letters[0].recipients, ["you@recipient.example"]);
    server.stop();
}
