//! SMTP smuggling: what ends a message for some other server ends none for us.
//!
//! The law: only CRLF.CRLF ends the data (RFC 5321 §4.1.1.4), whatever the options say of lone CR and LF.

use crate::PLACE;
use harness::{Client, Letter, Server, Setup, Sink};

/// Ends of data that servers have been seen to believe in.
const FALSE_ENDS: [&str; 12] = [
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\r",
    "\n.\r",
    "\r.\n",
    "\r\n\0.\r\n",
    "\r\r\n.\r\r\n",
    "\n\r.\n\r",
    "\r\n.\0\r\n",
];

/// One transaction with a second one hidden behind a false end. The reply to the real end.
fn smuggle(client: &mut Client, false_end: &str) -> u16 {
    client
        .write(b"MAIL FROM:<outer@sender.example>\r\nRCPT TO:<outer@here.example>\r\nDATA\r\n")
        .expect("sent");
    for code in [250, 250, 354] {
        assert_eq!(client.reply().expect("a reply").code, code);
    }
    let text = format!(
        "Subject: outer\r\n\r\nbefore{false_end}MAIL FROM:<inner@sender.example>\r\n\
         RCPT TO:<inner@here.example>\r\nDATA\r\nSubject: inner\r\n\r\nsmuggled\r\n.\r\n"
    );
    client.write(text.as_bytes()).expect("sent");
    let end = client.reply().expect("a reply");
    // Were there a second transaction, its replies would come before this one.
    assert_eq!(client.command("NOOP smuggled").expect("a reply").code, 250, "{false_end:?}");
    assert_eq!(client.command("VRFY somebody").expect("a reply").code / 100, 2, "{false_end:?}");
    end.code
}

fn smuggle_all(name: &str, option: &str) -> (Vec<u16>, Vec<Letter>) {
    let sink = Sink::start();
    let settings =
        format!("rfc2822_lone_lf_in_body = \"{option}\"\nrfc2822_lone_lf_in_headers = \"{option}\"");
    let mut server = Server::start(&Setup { settings: &settings, ..Setup::new(PLACE, name, sink.port()) });
    let codes: Vec<u16> = FALSE_ENDS.iter().map(|end| smuggle(&mut server.client(), end)).collect();
    let accepted = codes.iter().filter(|code| **code == 250).count();
    let letters = sink.wait_for(accepted);
    server.stop();
    assert_eq!(sink.count(), accepted, "one message for each that was accepted");
    (codes, letters)
}

fn assert_none_is_smuggled(letters: &[Letter]) {
    for letter in letters {
        assert_eq!(letter.recipients, ["outer@here.example"]);
        assert_eq!(letter.sender, "outer@sender.example");
        let text = letter.text();
        assert!(text.contains("smuggled\r\n"), "the message is whole: {text}");
    }
}

#[test]
fn nothing_is_smuggled_past_the_default() {
    let (codes, letters) = smuggle_all("smuggle", "pedantic");
    for (code, end) in codes.iter().zip(FALSE_ENDS) {
        let is_bare = end.replace("\r\n", "").contains(['\r', '\n']);
        assert!(!is_bare || *code == 550, "{end:?}: {code}");
    }
    assert_none_is_smuggled(&letters);
}

#[test]
fn nothing_is_smuggled_when_line_ends_are_repaired() {
    let (_, letters) = smuggle_all("smuggle-fix", "fix");
    assert!(letters.len() >= 9, "{} messages", letters.len());
    assert_none_is_smuggled(&letters);
    for letter in letters {
        let bare = letter.text().replace("\r\n", "");
        assert!(!bare.contains(['\r', '\n']), "{bare:?}");
    }
}

#[test]
fn nothing_is_smuggled_when_line_ends_are_ignored() {
    let (_, letters) = smuggle_all("smuggle-ignore", "ignore");
    assert!(letters.len() >= 9, "{} messages", letters.len());
    assert_none_is_smuggled(&letters);
}
