//! Every phase × every decision × number of recipients, against the rules of spec policy.md §2 to §4 as a table.
//! `expected` says what follows from the table; nothing here knows how the engine comes to it.

use crate::scene::{Outcome, play, transaction};

/// What a decision at a phase is about.
#[derive(Clone, Copy, Debug, PartialEq)]
enum About {
    Greeting,
    Hello,
    Login,
    Sender,
    Recipient,
    /// The message, for all its recipients.
    Message,
    /// The message of one recipient.
    Single,
    /// The same, when nobody is answered any more.
    Binding,
    Signature,
}
use About::{Binding, Greeting, Hello, Login, Message, Recipient, Sender, Signature, Single};

struct Row {
    option: &'static str,
    about: About,
    /// `P=` of the reject log.
    state: &'static str,
    /// What the phase may decide and change.
    may: &'static [&'static str],
}

const fn row(option: &'static str, about: About, state: &'static str, may: &'static [&'static str]) -> Row {
    Row { option, about, state, may }
}

/// Spec policy.md §2 (what may be done) and §4 (whom a code is for).
const PHASES: [Row; 13] = [
    row("accept", Greeting, "just connected", &["code"]),
    row("connect", Greeting, "just connected", &["code", "capabilities"]),
    row("ehlo", Hello, "awaiting ehlo/helo", &["code", "capabilities"]),
    row("auth", Login, "awaiting mailfrom", &["code"]),
    row("mailfrom", Sender, "awaiting mailfrom", &["code", "list"]),
    row("rcptto", Recipient, "awaiting rcptto", &["code", "list", "routing", "new", "discard"]),
    row("data", Message, "reading body", &["code", "list", "sender", "content", "new", "discard"]),
    row("rcptto_list", Message, "rcptto list response", &["code", "list"]),
    row("rcptto_list_final", Message, "rcptto list final response", &["code"]),
    row(
        "data_spool",
        Message,
        "async body response",
        &["code", "list", "sender", "content", "new", "discard"],
    ),
    row(
        "data_spool_each_rcpt",
        Single,
        "async body response",
        &["code", "sender", "recipient", "content", "routing", "new", "discard"],
    ),
    row("set_binding", Binding, "async body response", &["binding", "new"]),
    row("final_validation", Signature, "async body response", &["content"]),
];

/// A right, what takes it, and the words of the complaint if a phase has not got it.
const CHANGES: [(&str, &str, &str); 12] = [
    ("code", "tarpit 20", "the code"),
    // A disconnect behind the ordinary reply: what it has promised holds.
    ("code", "leave", "the code"),
    ("discard", "discard 554 5.7.1 dropped", "whether the message is discarded"),
    ("capabilities", "capability XFOO", "the capabilities"),
    ("list", "add x@[10.1.0.1]", "the list of recipients"),
    ("list", "remove r1", "the list of recipients"),
    ("recipient", "recipient y@[10.1.0.1]", "the recipient"),
    ("sender", "sender v@[10.1.0.1]", "the sender"),
    ("content", "field X-Changed: yes", "the content"),
    ("routing", "routing [10.1.0.1]", "the routing domain"),
    ("binding", "priority", "the binding"),
    ("new", "send z@[10.1.0.1]", "new messages"),
];

/// Codes with which a phase ends, and whether the connection does. `ours` is a success in the words of policy.
const CODES: [(&str, u16, &str, bool); 7] = [
    ("code 550 5.7.1 no", 550, "5.7.1 no", false),
    ("code 451 4.7.1 later", 451, "4.7.1 later", false),
    ("code 550 5.7.1 first|5.7.1 second", 550, "5.7.1 first|5.7.1 second", false),
    ("disconnect 421 4.7.0 away", 421, "4.7.0 away", true),
    ("fail script:7: no such field", 421, ISSUE, true),
    ("panic on purpose", 421, ISSUE, true),
    ("wait; panic on purpose", 421, ISSUE, true),
];
const ISSUE: &str = "mx.sim.example temporary issue, please retry your message later";

const COUNTS: [usize; 3] = [1, 2, 5];

/// Places of the replies: greeting, EHLO, AUTH, MAIL, each RCPT, DATA, the final dot, NOOP.
const AUTH: usize = 2;
const MAIL: usize = 3;
const RCPT: usize = 4;

/// What a client hears and what becomes of its message.
#[derive(Debug)]
struct Expected {
    codes: Vec<u16>,
    /// Texts of replies, by their places.
    texts: Vec<(usize, String)>,
    reached: Vec<String>,
    /// Seconds that a reply is held back.
    held: Vec<u64>,
    /// Lines of the reject log.
    rejections: usize,
    complaint: Option<String>,
}

impl Expected {
    fn success(recipients: usize) -> Self {
        let mut codes = vec![220, 250, 235, 250];
        codes.extend(vec![250; recipients]);
        codes.extend([354, 250, 250]);
        Expected {
            held: vec![0; codes.len()],
            codes,
            texts: Vec::new(),
            reached: (1..=recipients).map(|number| format!("r{number}")).collect(),
            rejections: 0,
            complaint: None,
        }
    }

    /// From this place on the client hears the same to everything.
    fn onwards(&mut self, place: usize, code: u16) {
        self.codes[place..].fill(code);
    }

    /// After a reply that ends the connection nothing is heard.
    fn closed_behind(&mut self, place: usize) {
        self.codes.truncate(place + 1);
    }

    fn says(&mut self, place: usize, code: u16, text: &str) {
        self.codes[place] = code;
        let lines: Vec<&str> = text.split('|').collect();
        let last = lines.len() - 1;
        let line = |(number, line)| format!("{code}{}{line}", if number < last { '-' } else { ' ' });
        let lines: Vec<String> = lines.into_iter().enumerate().map(line).collect();
        self.texts.push((place, lines.join(" | ")));
    }
}

fn dot(recipients: usize) -> usize {
    RCPT + recipients + 1
}

/// The replies that a phase decides about.
fn places(about: About, recipients: usize, alone: bool) -> Vec<usize> {
    match about {
        Greeting => vec![0],
        Hello => vec![1],
        Login => vec![AUTH],
        Sender => vec![MAIL],
        Recipient if alone => vec![RCPT],
        Recipient => (RCPT..RCPT + recipients).collect(),
        Message | Single | Signature => vec![dot(recipients)],
        Binding => Vec::new(),
    }
}

/// A code that refuses, given at every turn of a phase, or for the first recipient `alone`.
fn refused(row: &Row, recipients: usize, alone: bool, code: (&str, u16, &str, bool)) -> Expected {
    let (script, code, text, closes) = code;
    let mut expected = Expected::success(recipients);
    let is_fault = text == ISSUE;
    let may = row.may.contains(&"code") || (is_fault && row.about == Signature);
    if is_fault {
        let said = script.rsplit_once("script").map_or("on purpose", |_| "no such field");
        expected.complaint = Some(format!("{said}\n"));
    }
    if !may {
        // set_binding has no session: a fault is written down.
        if !is_fault {
            expected.complaint = Some(format!("{} cannot change the code", row.option));
        }
        return expected;
    }
    let places = places(row.about, recipients, alone);
    expected.rejections = if closes { 1 } else { places.len() };
    places.iter().for_each(|place| expected.says(*place, code, text));
    let (first, data) = (places[0], RCPT + recipients);
    if closes {
        expected.closed_behind(first);
        expected.texts.truncate(1);
        expected.reached.clear();
        return expected;
    }
    match row.about {
        // RFC 5321 §3.1: nothing but QUIT is left.
        Greeting => {
            expected.onwards(1, 503);
            expected.reached.clear();
        }
        // A command that was refused; mail may come without it, but no AUTH.
        Hello => expected.codes[AUTH] = 503,
        Login => {}
        Sender => {
            expected.onwards(RCPT, 503);
            expected.onwards(data + 1, 500);
            expected.reached.clear();
        }
        Recipient if alone && recipients > 1 => drop(expected.reached.remove(0)),
        Recipient => {
            expected.codes[data] = 503;
            expected.onwards(data + 1, 500);
            expected.reached.clear();
        }
        // Some are taken: a success, and the sender is told of the others.
        Single if alone && recipients > 1 && code >= 500 => {
            expected.codes[dot(recipients)] = 250;
            expected.texts.clear();
            expected.reached.remove(0);
            expected.reached.push("s".into());
        }
        Message | Single | Signature | Binding => expected.reached.clear(),
    }
    expected
}

/// A success in other words: heard where one reply answers one decision.
fn approved(row: &Row, recipients: usize, alone: bool) -> (String, Expected) {
    let mut expected = Expected::success(recipients);
    let places = places(row.about, recipients, alone);
    let code = places.first().map_or(250, |place| expected.codes[*place]);
    if !row.may.contains(&"code") {
        expected.complaint = Some(format!("{} cannot change the code", row.option));
    } else if row.about != Single || recipients == 1 {
        places.iter().for_each(|place| expected.says(*place, code, "2.0.0 ours"));
    }
    (format!("code {code} 2.0.0 ours"), expected)
}

fn changed(row: &Row, recipients: usize, alone: bool, change: (&str, &str, &str)) -> Expected {
    let (right, script, words) = change;
    let mut expected = Expected::success(recipients);
    // How often the phase is asked, and with effect.
    let turns = match row.about {
        Recipient | Single | Binding | Signature if !alone => recipients,
        _ => 1,
    };
    // Before anybody is accepted, or in a copy, there is nobody on the list who could be removed.
    let is_listed = match row.about {
        Message => true,
        Recipient => turns > 1,
        _ => false,
    };
    if script.starts_with("remove") && !is_listed {
        return expected;
    }
    if !row.may.contains(&right) {
        expected.complaint = Some(format!("{} cannot change {words}", row.option));
        return expected;
    }
    let everybody = if alone { 1 } else { recipients };
    match script.split(' ').next().unwrap() {
        "tarpit" => {
            let cost = if row.about == Single { turns as u64 * 20 } else { 20 };
            places(row.about, recipients, alone).into_iter().for_each(|place| expected.held[place] = cost);
        }
        "leave" => {
            expected.closed_behind(places(row.about, recipients, alone)[0]);
            if !matches!(row.about, Message | Single) {
                expected.reached.clear();
            }
        }
        "discard" => {
            let gone = if matches!(row.about, Message) { recipients } else { everybody };
            expected.reached.drain(..gone);
            expected.rejections = turns;
        }
        "add" => expected.reached.extend(vec!["x".to_owned(); turns]),
        "remove" => drop(expected.reached.remove(0)),
        "recipient" => expected.reached[..everybody].fill("y".to_owned()),
        "send" => {
            expected.reached.extend(vec!["z".to_owned(); turns]);
            // What is sent meets set_binding as well.
            if row.about == Binding && !alone {
                expected.complaint = Some("a message that policy sends cannot send another one".into());
            }
        }
        _ => {}
    }
    expected
}

fn played(stanzas: &str, recipients: usize) -> Outcome {
    let mut commands = transaction(recipients);
    // Anybody is believed here.
    commands.insert(1, "AUTH PLAIN AHRpbQBwZW5jaWw=\r\n".to_owned());
    commands.push("NOOP\r\n".to_owned());
    let listener =
        "esmtp_listener { always_allow = true smtp_extensions = ( ENHANCEDSTATUSCODES \"AUTH PLAIN\" ) }";
    play(&format!("{listener}\n{stanzas}"), commands)
}

/// What is otherwise than expected.
fn check(row: &Row, script: &str, recipients: usize, alone: bool, expected: Expected) -> Result<(), String> {
    let script = match alone {
        true => script.split("; ").map(|decision| format!("r1: {decision}")).collect::<Vec<_>>().join("; "),
        false => script.to_owned(),
    };
    let outcome = played(&format!("scripted \"one\" {{ at_{} = \"{script}\" }}", row.option), recipients);
    let what = format!("{} × {script} × {recipients}", row.option);
    let agree = |part: &str, is: bool| match is {
        true => Ok(()),
        false => Err(format!("{what}, {part}: expected {expected:#?}\nand found {outcome:#?}")),
    };
    let codes: Vec<u16> = outcome.codes().into_iter().filter(|code| *code > 0).collect();
    agree("codes", codes == expected.codes)?;
    agree("texts", expected.texts.iter().all(|(place, text)| outcome.replies[*place].0 == *text))?;
    let is_as_long = |place: usize| {
        let (held, seconds) = (outcome.replies[place].1.as_secs(), expected.held[place]);
        (seconds..seconds + 10).contains(&held)
    };
    agree("times", (0..codes.len()).all(is_as_long))?;
    let mut reached = expected.reached.clone();
    reached.sort();
    agree("recipients", outcome.reached() == reached)?;
    let mut rejections = outcome.rejectlog.lines().filter(|line| line.contains("M=scripted"));
    agree("rejections", rejections.clone().count() == expected.rejections)?;
    agree("states", rejections.all(|line| line.contains(&format!("P=\"{}\"", row.state))))?;
    let is_said = match &expected.complaint {
        None => outcome.paniclog.is_empty(),
        Some(complaint) => outcome.paniclog.contains(complaint),
    };
    agree("complaint", is_said)?;
    outcome.assert_closed();
    Ok(())
}

/// Phases that know one recipient are asked for all of them, and for the first alone.
fn every_case(mut case: impl FnMut(&Row, usize, bool) -> Result<(), String>) {
    let mut wrong = Vec::new();
    for row in &PHASES {
        for recipients in COUNTS {
            wrong.extend(case(row, recipients, false).err());
            if matches!(row.about, Recipient | Single | Binding | Signature) {
                wrong.extend(case(row, recipients, true).err());
            }
        }
    }
    let firsts: Vec<&str> = wrong.iter().filter_map(|text| text.lines().next()).collect();
    assert!(wrong.is_empty(), "{} cases: {firsts:#?}\n{}", wrong.len(), wrong[0]);
}

#[test]
fn a_code_or_a_fault_at_any_phase_is_for_whom_the_table_says() {
    for code in CODES {
        every_case(|row, recipients, alone| {
            check(row, code.0, recipients, alone, refused(row, recipients, alone, code))
        });
    }
}

#[test]
fn a_success_in_the_words_of_policy_is_said_where_it_answers_one_decision() {
    every_case(|row, recipients, alone| {
        let (script, expected) = approved(row, recipients, alone);
        check(row, &script, recipients, alone, expected)
    });
}

#[test]
fn a_change_holds_at_the_phases_that_have_the_right_to_it_and_nowhere_else() {
    for change in CHANGES {
        every_case(|row, recipients, alone| {
            check(row, change.1, recipients, alone, changed(row, recipients, alone, change))
        });
    }
}

#[test]
fn done_ends_one_phase_and_no_later_one() {
    every_case(|row, recipients, alone| {
        // Of the first alone: the others are refused by who comes second.
        let (done, refusal) =
            if alone { ("r1: done", "r1: code 550 5.7.1 no") } else { ("done", "code 550 5.7.1 no") };
        let later = if row.about == Single { "" } else { "at_data_spool_each_rcpt = \"field X-Later: yes\"" };
        let second = if row.option == "set_binding" { "binding nobody" } else { refusal };
        let stanzas = format!(
            "scripted \"one\" {{ at_{0} = \"{done}\" }}\nscripted \"two\" {{ at_{0} = \"{second}\" {later} }}",
            row.option
        );
        let outcome = played(&stanzas, recipients);
        let success = Expected::success(recipients);
        let is_marked = |content: &str| later.is_empty() || content.contains("X-Later: yes");
        let all_marked = outcome.delivered.iter().all(|one| is_marked(&one.content));
        match outcome.codes() == success.codes && outcome.reached() == success.reached && all_marked {
            true => Ok(()),
            false => Err(format!("{} × {done} × {recipients}: {outcome:#?}", row.option)),
        }
    });
}
