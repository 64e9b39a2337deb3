//! Every way to fail, at every step of the conversation, for one to three recipients: who hears what.

use bytes::Bytes;
use mail::{Address, Outcome, Reply, Stage, Time};
use smtp::client::{MAX_LINE_BYTES, PIPELINE_WINDOW, Session, Settings, Transaction, Want};
use std::rc::Rc;

const NOW: Time = Time::from_secs(1_000);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Banner,
    Hello,
    Mail,
    Rcpt(usize),
    Data,
    SendingBody,
    Confirmation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Ended,
    Lost,
    TimedOut,
    Transient,
    Permanent,
    Goodbye,
    Garbage,
    TooLong,
}

const FAULTS: [Fault; 8] = [
    Fault::Ended,
    Fault::Lost,
    Fault::TimedOut,
    Fault::Transient,
    Fault::Permanent,
    Fault::Goodbye,
    Fault::Garbage,
    Fault::TooLong,
];

impl Fault {
    /// What the peer says instead of the reply, if it says anything.
    fn line(self) -> Option<String> {
        Some(match self {
            Fault::Ended | Fault::Lost | Fault::TimedOut => return None,
            Fault::Transient => "450 later\r\n".to_owned(),
            Fault::Permanent => "550 never\r\n".to_owned(),
            Fault::Goodbye => "421 closing\r\n".to_owned(),
            Fault::Garbage => "HTTP/1.1 400 Bad Request\r\n".to_owned(),
            Fault::TooLong => format!("250 {}", "x".repeat(MAX_LINE_BYTES)),
        })
    }

    /// The reply recorded for it, where silence and nonsense are recorded as `unanswered`.
    fn reply(self, unanswered: &'static str) -> Reply {
        match self {
            Fault::Transient => Reply::plain(450, "later"),
            Fault::Permanent => Reply::plain(550, "never"),
            Fault::Goodbye => Reply::plain(421, "closing"),
            _ => Reply::fixed(451, (4, 4, 2), unanswered),
        }
    }

    /// The peer says no, rather than nothing or nonsense.
    fn is_answer(self) -> bool {
        self.is_refusal() || matches!(self, Fault::Goodbye)
    }

    /// The peer refuses, and the connection goes on.
    fn is_refusal(self) -> bool {
        matches!(self, Fault::Transient | Fault::Permanent)
    }
}

/// Stage and text of an unanswered step (spec inbound-smtp.md §9.2, logs.md §10).
fn unanswered(step: Step) -> (Stage, &'static str) {
    match step {
        Step::Banner => (Stage::ReadingBanner, "[internal] no banner"),
        Step::Hello => (Stage::DuringEhlo, "[internal] no HELO/EHLO response"),
        Step::Mail => (Stage::DuringMailFrom, "[internal] no MAIL FROM response"),
        Step::Rcpt(_) => (Stage::DuringRcptTo, "[internal] no RCPT TO response"),
        Step::Data => (Stage::DuringData, "[internal] no DATA response"),
        Step::SendingBody => (Stage::SendingBody, "[internal] send BODY failed"),
        Step::Confirmation => (Stage::ReadingConfirmation, "[internal] no BODY response"),
    }
}

/// The stage of a step that was answered with no, where it is another one (logs.md §2 and §10).
fn answered(step: Step) -> Option<Stage> {
    match step {
        Step::Hello => Some(Stage::AfterEhlo),
        Step::Mail => Some(Stage::AfterMailFrom),
        Step::Rcpt(_) => Some(Stage::AfterRcptTo),
        Step::Data => Some(Stage::AfterData),
        Step::Banner | Step::SendingBody | Step::Confirmation => None,
    }
}

/// Stage of the failure, and the text if nobody gave one.
fn failed_at(step: Step, fault: Fault) -> (Stage, &'static str) {
    let (during, text) = unanswered(step);
    (answered(step).filter(|_| fault.is_answer()).unwrap_or(during), text)
}

/// What the specification wants: the same with and without pipelining.
fn expected(step: Step, fault: Fault, recipients: usize) -> Vec<Outcome> {
    let (stage, text) = failed_at(step, fault);
    let failed = match fault.reply(text) {
        reply if reply.code >= 500 => Outcome::Refused { stage, reply },
        reply => Outcome::Deferred { stage, reply },
    };
    match step {
        Step::Rcpt(refused) if fault.is_refusal() => {
            let mut outcomes = vec![Outcome::Delivered(Reply::plain(250, "stored")); recipients];
            outcomes[refused] = failed;
            outcomes
        }
        _ => vec![failed; recipients],
    }
}

/// A peer that grants everything up to the step that fails.
struct Peer {
    failing: Step,
    fault: Fault,
    recipients: usize,
    offers: &'static str,
    due: Vec<Step>,
    in_body: bool,
}

impl Peer {
    fn hears(&mut self, sent: &[u8]) {
        let mut rest = std::str::from_utf8(sent).expect("only ASCII is sent here");
        while let Some((line, after)) = rest.split_once("\r\n") {
            rest = after;
            match line {
                "." => {
                    self.in_body = false;
                    self.due.push(Step::Confirmation);
                }
                _ if self.in_body => {}
                "DATA" => self.due.push(Step::Data),
                _ if line.starts_with("EHLO") || line.starts_with("HELO") => self.due.push(Step::Hello),
                _ if line.starts_with("MAIL") => self.due.push(Step::Mail),
                _ if line.starts_with("RCPT") => {
                    let number = line.as_bytes()[b"RCPT TO:<".len()] - b'0';
                    self.due.push(Step::Rcpt(usize::from(number)));
                }
                _ => panic!("unexpected command {line:?}"),
            }
        }
    }

    /// What it says next: one line of wire, or nothing when the fault is silent.
    fn says(&mut self) -> Option<String> {
        let step = self.due.remove(0);
        let nobody = step == Step::Data
            && self.fault.is_refusal()
            && (self.failing == Step::Mail || (self.failing == Step::Rcpt(0) && self.recipients == 1));
        if step == self.failing {
            return self.fault.line();
        }
        Some(match step {
            Step::Data if nobody => "503 nobody\r\n".to_owned(),
            Step::Data => {
                self.in_body = true;
                "354 go\r\n".to_owned()
            }
            Step::Hello => self.offers.to_owned(),
            Step::Confirmation => "250 stored\r\n".to_owned(),
            _ => "250 fine\r\n".to_owned(),
        })
    }
}

/// Plays until the session reports or closes.
fn converse(step: Step, fault: Fault, recipients: usize, pipelined: bool) -> Session {
    let offers = if pipelined { "250-hi\r\n250 PIPELINING\r\n" } else { "250 hi\r\n" };
    let due = vec![Step::Banner];
    let mut peer = Peer { failing: step, fault, recipients, offers, due, in_body: false };
    let mut session = Session::new(Rc::new(Settings::default()), NOW);
    loop {
        match session.want() {
            Want::Report | Want::Close => return session,
            Want::Transaction { .. } => session.start(transaction(recipients), NOW),
            Want::Write { .. } => {
                let sent = session.take_output().concat();
                if step == Step::SendingBody && session.stage() == Stage::SendingBody {
                    match fault {
                        Fault::TimedOut => session.timed_out(NOW),
                        _ => session.lost(NOW),
                    }
                    continue;
                }
                if sent == b"QUIT\r\n" {
                    session.lost(NOW);
                    continue;
                }
                peer.hears(&sent);
                session.wrote(NOW);
            }
            Want::Read { .. } => match (peer.says(), fault) {
                (Some(line), _) => session.read(line.as_bytes(), NOW),
                (None, Fault::Ended) => session.ended(NOW),
                (None, Fault::Lost) => session.lost(NOW),
                (None, _) => session.timed_out(NOW),
            },
        }
    }
}

fn transaction(recipients: usize) -> Transaction {
    Transaction {
        sender: Some(Address::new("a", "x.example")),
        recipients: (0..recipients).map(|number| Address::new(&number.to_string(), "y.example")).collect(),
        body: Bytes::from_static(b"Subject: x\r\n\r\nhello\r\n"),
        eight_bit: false,
        credentials: None,
    }
}

#[test]
fn each_failure_concerns_exactly_those_it_should() {
    for recipients in 1..=3 {
        let mut steps = vec![Step::Mail, Step::Data, Step::SendingBody, Step::Confirmation];
        steps.extend((0..recipients).map(Step::Rcpt));
        for (step, fault) in steps.iter().flat_map(|step| FAULTS.map(|fault| (*step, fault))) {
            let only_breaks = step == Step::SendingBody;
            if only_breaks && !matches!(fault, Fault::Lost | Fault::TimedOut) {
                continue;
            }
            for pipelined in [false, true] {
                let case = format!("{fault:?} at {step:?} of {recipients}, pipelined: {pipelined}");
                let mut session = converse(step, fault, recipients, pipelined);
                assert_eq!(session.want(), Want::Report, "{case}");
                let report = session.take_report();
                assert_eq!(report.outcomes, expected(step, fault, recipients), "{case}");
                let stays = matches!(session.want(), Want::Transaction { .. });
                assert_eq!(stays, fault.is_refusal(), "{case}: the connection can be used again");
                assert_eq!(session.can_take_more(), stays, "{case}");
                assert_eq!(session.failure(), None, "{case}: the messages were told");
            }
        }
    }
}

#[test]
fn a_failure_before_the_first_mail_is_the_connections_own() {
    for (step, fault) in
        [Step::Banner, Step::Hello].iter().flat_map(|step| FAULTS.map(|fault| (*step, fault)))
    {
        let case = format!("{fault:?} at {step:?}");
        let session = converse(step, fault, 1, true);
        assert_eq!(session.want(), Want::Close, "{case}");
        let (stage, text) = failed_at(step, fault);
        assert_eq!(session.failure(), Some((stage, fault.reply(text))), "{case}");
        assert_eq!(session.stage(), Stage::NotConnected, "{case}");
        assert!(!session.can_take_more(), "{case}");
    }
}

#[test]
#[should_panic(expected = "the session is idle")]
fn a_transaction_before_the_banner_is_out_of_turn() {
    let mut session = Session::new(Rc::new(Settings::default()), NOW);
    session.start(transaction(1), NOW);
}

#[test]
#[should_panic(expected = "only what is wanted is written")]
fn writing_what_was_not_wanted_is_out_of_turn() {
    Session::new(Rc::new(Settings::default()), NOW).wrote(NOW);
}

#[test]
fn a_batch_beyond_the_window_is_asked_in_groups_and_loses_nobody() {
    let settings = Settings { max_recipients_per_batch: 0, ..Settings::default() };
    let mut session = Session::new(Rc::new(settings), NOW);
    let mut groups = Vec::new();
    let mut answer = "220 hi\r\n".to_owned();
    let recipients = 2 * PIPELINE_WINDOW + 50;
    while session.want() != Want::Report {
        match session.want() {
            Want::Transaction { .. } => session.start(transaction(recipients), NOW),
            Want::Read { .. } => session.read(std::mem::take(&mut answer).as_bytes(), NOW),
            _ => {
                let sent = session.take_output().concat();
                let is_content = session.stage() == Stage::SendingBody;
                let commands = sent.iter().filter(|byte| **byte == b'\n').count();
                answer = match sent.first_chunk() {
                    Some(b"EHLO") => "250-hi\r\n250 PIPELINING\r\n".to_owned(),
                    _ if is_content => "250 stored\r\n".to_owned(),
                    _ if sent.ends_with(b"DATA\r\n") => "250 ok\r\n".repeat(commands - 1) + "354 go\r\n",
                    _ => "250 ok\r\n".repeat(commands),
                };
                groups.push(if is_content { 0 } else { commands });
                session.wrote(NOW);
            }
        }
    }
    // EHLO; MAIL and recipients; recipients; recipients and DATA; content.
    assert_eq!(groups, [1, PIPELINE_WINDOW, PIPELINE_WINDOW, 52, 0]);
    let stored = vec![Outcome::Delivered(Reply::plain(250, "stored")); recipients];
    assert_eq!(session.take_report().outcomes, stored);
}
