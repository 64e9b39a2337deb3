//! Transcripts of the sink's side of a connection.

use super::*;
use crate::token::Token;

const BODY: &str = "X-Bench-Id: 00000001-0000000007||hello|.|";
const ENVELOPE: &str = "MAIL FROM:<s@b>|RCPT TO:<u7@d>|RCPT TO:<u8@d>|DATA|";

/// Plays the transcript: `C` is what the client sends, `S` what the sink must write, `P` a pause that must
/// be wanted and passes, `X` the end. A line end is written as `|`.
fn play(faults: &[&str], transcript: &str) -> Tally {
    let faults: Vec<_> = faults.iter().map(|text| Fault::parse(text).unwrap()).collect();
    let setup = Setup::new("sink.example", &["PIPELINING".into()], &faults, 1);
    let mut tally = Tally::default();
    let mut session = Session::new(Rc::new(setup), 1, &mut tally);
    for line in transcript.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (who, what) = line.split_at_checked(2).unwrap_or((line, ""));
        match who.trim() {
            "C" => {
                assert_eq!(session.want(), Want::Read, "{line}");
                let text = what.replace("ENVELOPE", ENVELOPE).replace("BODY", BODY).replace('|', "\r\n");
                session.read(text.as_bytes(), &mut tally);
            }
            "S" => {
                assert_eq!(session.want(), Want::Write, "{line}");
                let text = session.take_output();
                let codes = text.split(|byte| *byte == b'\n').filter(|line| line.len() > 3);
                let codes: Vec<_> =
                    codes.map(|line| String::from_utf8_lossy(&line[..4]).trim().to_owned()).collect();
                assert_eq!(codes.join(" "), what);
            }
            "P" => {
                let Want::Pause(pause) = session.want() else { panic!("{line}") };
                assert_eq!(pause.as_secs().to_string(), what);
                session.paused(&mut tally);
            }
            "X" => assert_eq!(session.want(), Want::Close, "{line}"),
            _ => panic!("{line}"),
        }
    }
    tally
}

#[test]
fn a_pipelined_message_is_two_writes_and_each_recipient_is_a_delivery() {
    let tally = play(
        &[],
        "S 220
         C EHLO me|
         S 250- 250
         C ENVELOPE
         S 250 250 250 354
         C BODY
         S 250
         C ENVELOPEBODYQUIT|
         S 250 250 250 354 250 221
         X",
    );
    assert_eq!((tally.messages, tally.deliveries, tally.ledger.len()), (2, 4, 2));
    assert_eq!(tally.ledger.duplicates(), 2);
    assert!(tally.ledger.contains(Token { run: 1, number: 8 }));
    assert_eq!(tally.bytes, 2 * (BODY.replace('|', "\r\n").len() as u64 - 3));
}

#[test]
fn commands_may_be_cut_anywhere_and_in_any_case() {
    let text = format!("helo me|{ENVELOPE}{BODY}rset|noop|bogus|quit|").replace('|', "\r\n");
    let mut tally = Tally::default();
    let mut session = Session::new(Rc::new(Setup::new("s", &[], &[], 1)), 1, &mut tally);
    let mut written = session.take_output().to_vec();
    for byte in text.bytes() {
        session.read(&[byte], &mut tally);
        if session.want() == Want::Write {
            written.extend_from_slice(&session.take_output());
        }
    }
    let written = String::from_utf8(written).unwrap();
    let codes: Vec<_> = written.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes.join(" "), "220 250 250 250 250 354 250 250 250 500 221");
    assert_eq!(tally.ledger.len(), 2);
}

#[test]
fn commands_out_of_order_are_refused() {
    play(
        &[],
        "S 220\nC RCPT TO:<a@b>|\nS 503\nC DATA|\nS 503\nC MAIL FROM:<>|MAIL FROM:<>|DATA|\nS 250 503 503",
    );
}

#[test]
fn every_fault_changes_one_reply() {
    for (fault, transcript, messages) in [
        ("1:421@connect", "S 421\nX", 0),
        ("1:close@connect", "X", 0),
        ("1:502@ehlo", "S 220\nC EHLO me|\nS 502\nC HELO me|\nS 502", 0),
        ("1:450@mail", "S 220\nC ENVELOPE\nS 450 503 503 503", 0),
        ("1:550@rcpt", "S 220\nC ENVELOPE\nS 250 550 550 503", 0),
        ("1:451@data", "S 220\nC ENVELOPE\nS 250 250 250 451\nC RSET|ENVELOPE\nS 250 250 250 250 451", 0),
        ("1:552@dot", "S 220\nC ENVELOPEBODY\nS 250 250 250 354 552\nC ENVELOPE\nS 250 250 250 354", 0),
        ("1:close@data", "S 220\nC ENVELOPE\nS 250 250 250\nX", 0),
        ("1:close@dot", "S 220\nC ENVELOPEBODY\nS 250 250 250 354\nX", 0),
        ("1:lose@dot", "S 220\nC ENVELOPEBODY\nS 250 250 250 354\nX", 1),
        ("1:tarpit=9@connect", "P 9\nS 220", 0),
        ("1:tarpit=2@rcpt", "S 220\nC ENVELOPE\nS 250\nP 2\nS 250\nP 2\nS 250 354\nC BODY\nS 250", 1),
        ("1:tarpit=3@dot", "S 220\nC ENVELOPEBODY\nS 250 250 250 354\nP 3\nS 250", 1),
        (
            "1:slow=4@data",
            "S 220\nC ENVELOPE\nS 250 250 250 354\nP 4\nC X-Bench-Id: 00000001-0000000007||\nP 4\nC .|\nS 250\nC NOOP|\nS 250",
            1,
        ),
    ] {
        let tally = play(&[fault], transcript);
        assert_eq!(tally.messages, messages, "{fault}");
        assert!(tally.faults > 0, "{fault}");
    }
}

#[test]
fn an_endless_line_ends_the_connection() {
    let long = "x".repeat(LINE_BYTES + 1);
    play(&[], &format!("S 220\nC {long}\nS 500\nX"));
}
