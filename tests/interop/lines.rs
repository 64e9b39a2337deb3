//! Long lines: what `rfc2822_max_line_length` and its policy make of them.

use crate::PLACE;
use harness::{Server, Setup, Sink};

#[test]
fn a_limit_of_ones_own_leaves_folds_or_refuses_longer_lines() {
    let long = "word ".repeat(40);
    for (policy, code, longest) in [("none", 250, 199), ("fix", 250, 100), ("reject", 550, 0)] {
        let sink = Sink::start();
        let settings =
            format!("rfc2822_max_line_length = 100\nrfc2822_max_line_length_policy = \"{policy}\"\n");
        let name = format!("lines-{policy}");
        let mut server =
            Server::start(&Setup { settings: &settings, ..Setup::new(PLACE, &name, sink.port()) });
        let mut client = server.client();
        client.write(b"MAIL FROM:<a@sender.example>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n").expect("sent");
        for expected in [250, 250, 354] {
            assert_eq!(client.reply().expect("a reply").code, expected);
        }
        client.write(format!("Subject: x\r\n\r\n{}\r\n.\r\n", long.trim_end()).as_bytes()).expect("sent");
        assert_eq!(client.reply().expect("a reply").code, code, "{policy}");
        if code == 250 {
            let letter = &sink.wait_for(1)[0];
            let text = letter.text();
            let body = text.split("\r\n\r\n").nth(1).expect("a body");
            assert_eq!(body.lines().map(str::len).max(), Some(longest), "{policy}: {body}");
        }
        server.stop();
    }
}
