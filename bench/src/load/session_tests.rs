//! Transcripts of `load`'s side of a connection.

use super::*;

/// Plays the transcript: `S` is told, `C` must be what the session writes, `M` gives it message N, `V` is
/// the verdict, `Q` says goodbye, `X` must be the end. Content shows as its length.
fn play(pipelining: bool, recipients: usize, transcript: &str) -> Session {
    let script = Script {
        run: 0xab,
        hello: "me.example".into(),
        sender: "s@b.example".into(),
        recipient: Template::parse("u{n}@d").unwrap(),
        recipients,
        pipelining,
    };
    let mut session = Session::new(Rc::new(script));
    let mut letter = Letter::new(600, "s@b.example", "today");
    for line in transcript.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (who, what) = line.split_at_checked(2).unwrap_or((line, ""));
        match who.trim() {
            "S" => {
                assert_eq!(session.want(), Want::Read, "{line}");
                for text in what.split('|') {
                    session.read(format!("{text}\r\n").as_bytes(), &mut letter);
                }
            }
            "C" => {
                assert_eq!(session.want(), Want::Write, "{line}");
                let text = session.take_output().concat();
                session.wrote();
                let text = String::from_utf8(text).unwrap();
                let shown = if text.len() > 500 {
                    text.len().to_string()
                } else {
                    text.trim_end().replace("\r\n", "|")
                };
                assert_eq!(shown, what);
            }
            "M" => session.message(what.parse().unwrap()),
            "V" => assert_eq!(format!("{:?} {:?}", session.take_verdict(), session.accepted()), what),
            "Q" => session.quit(),
            "X" => assert_eq!(session.want(), Want::Close, "{line}"),
            _ => panic!("{line}"),
        }
    }
    session
}

const HELLO: &str = "
    S 220 hello
    C EHLO me.example
    S 250-there|250-PIPELINING|250 SIZE
";

fn after_hello(pipelining: bool, recipients: usize, transcript: &str) -> Session {
    play(pipelining, recipients, &format!("{HELLO}{transcript}"))
}

#[test]
fn a_pipelined_envelope_is_one_write_and_messages_follow_each_other() {
    after_hello(
        true,
        1,
        "M 7
         C MAIL FROM:<s@b.example>|RCPT TO:<u7@d>|DATA
         S 250 ok|250 ok|354 go
         C 603
         S 250 queued
         V Accepted [true]
         M 8
         C MAIL FROM:<s@b.example>|RCPT TO:<u8@d>|DATA
         S 250 ok
         S 250 ok|354 go
         C 603
         S 452 full
         V Refused(452) [true]
         Q
         C QUIT
         S 221 bye
         X",
    );
}

#[test]
fn without_pipelining_each_command_waits_for_its_reply() {
    for (asked, offer) in [(false, HELLO.to_owned()), (true, HELLO.replace("PIPELINING", "8BITMIME"))] {
        play(
            asked,
            2,
            &format!(
                "{offer}
                 M 4
                 C MAIL FROM:<s@b.example>
                 S 250 ok
                 C RCPT TO:<u4@d>
                 S 550 no
                 C RCPT TO:<u5@d>
                 S 250 ok
                 C DATA
                 S 354 go
                 C 603
                 S 250 queued
                 V Accepted [false, true]"
            ),
        );
    }
}

#[test]
fn a_refused_envelope_is_reset_and_the_connection_goes_on() {
    let mail = "C MAIL FROM:<s@b.example>";
    for (pipelining, transcript) in [
        (false, format!("{mail}\n S 451 later\n V Refused(451) []\n C RSET\n S 250 ok")),
        (
            false,
            format!(
                "{mail}\n S 250 ok\n C RCPT TO:<u1@d>\n S 550 no\n V Refused(550) [false]\n C RSET\n S 250 ok"
            ),
        ),
        (
            true,
            format!(
                "{mail}|RCPT TO:<u1@d>|DATA\n S 250 ok|550 no|503 no\n V Refused(550) [false]\n C RSET\n S 250 ok"
            ),
        ),
        (
            true,
            format!(
                "{mail}|RCPT TO:<u1@d>|DATA\n S 250 ok|250 ok|451 no\n V Refused(451) [true]\n C RSET\n S 250 ok"
            ),
        ),
        // The server grants DATA though it has refused all recipients.
        (
            true,
            format!(
                "{mail}|RCPT TO:<u1@d>|DATA\n S 250 ok|550 no|354 go\n C .\n S 250 ok\n V Refused(550) [false]"
            ),
        ),
    ] {
        let session = after_hello(pipelining, 1, &format!("M 1\n{transcript}"));
        assert_eq!(session.want(), Want::Message, "{transcript}");
    }
}

#[test]
fn a_421_ends_the_connection_wherever_it_comes() {
    for (transcript, turned_away) in [
        ("S 421 busy\nX".to_owned(), Some(421)),
        ("S 220 hello\nC EHLO me.example\nS 421 busy\nX".to_owned(), Some(421)),
        (format!("{HELLO}M 1\nC MAIL FROM:<s@b.example>\nS 421 bye\nV Refused(421) []\nX"), None),
        ("S nonsense\nX".to_owned(), Some(0)),
    ] {
        assert_eq!(play(false, 1, &transcript).turned_away(), turned_away, "{transcript}");
    }
}

#[test]
fn a_broken_connection_leaves_a_message_in_doubt_only_once_content_was_sent() {
    let envelope = "M 1\nC MAIL FROM:<s@b.example>|RCPT TO:<u1@d>|DATA";
    for (transcript, loss) in [
        (String::new(), Loss::Nothing),
        (envelope.to_owned(), Loss::NotSent),
        (format!("{envelope}\nS 250 ok|250 ok"), Loss::NotSent),
        (format!("{envelope}\nS 250 ok|250 ok|354 go"), Loss::InDoubt),
        (format!("{envelope}\nS 250 ok|250 ok|354 go\nC 603"), Loss::InDoubt),
        (format!("{envelope}\nS 250 ok|250 ok|354 go\nC 603\nS 250 ok\nV Accepted [true]"), Loss::Nothing),
    ] {
        let mut session = after_hello(true, 1, &transcript);
        assert_eq!(session.lost(), loss, "{transcript}");
        assert_eq!(session.want(), Want::Close);
    }
}

#[test]
fn replies_may_be_cut_anywhere() {
    let script = Script {
        run: 1,
        hello: "me".into(),
        sender: "s@b".into(),
        recipient: Template::parse("u{n}@d").unwrap(),
        recipients: 1,
        pipelining: true,
    };
    let mut session = Session::new(Rc::new(script));
    let mut letter = Letter::new(600, "s@b", "today");
    for (replies, want) in
        [("220-one\r\n220 two\r\n", Want::Write), ("250-there\r\n250 PIPELINING\r\n", Want::Message)]
    {
        for byte in replies.bytes() {
            session.read(&[byte], &mut letter);
        }
        assert_eq!(session.want(), want);
        if want == Want::Write {
            session.take_output();
            session.wrote();
        }
    }
    session.message(1);
    let whole = session.take_output().concat();
    assert!(whole.ends_with(b"DATA\r\n"), "pipelining was understood");
}
