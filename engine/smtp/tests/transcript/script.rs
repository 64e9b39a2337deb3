//! The words of a transcript and their order.

use super::driver::Driver;
use mail::{Phase, Reply};
use smtp::sasl::Mechanism;
use smtp::server::{BareLineEnds, DateHeader, EarlyTalk, Judgement, LineLength, MissingHeaders, Settings};
use std::time::Duration;

/// How the octets between two expectations reach the session.
#[derive(Clone, Copy, Debug)]
pub enum Split {
    Whole,
    Bytes,
    /// Pieces of random length, from this seed.
    Random(u64),
}

pub enum Step {
    Send(Vec<u8>),
    Expect(Vec<u8>),
    /// Of the message stored last.
    Body(Vec<u8>),
    Envelope(String),
    Header(String),
    Judge(Phase, Judgement),
    Commit(Reply),
    Early(Vec<u8>),
    Time(u64),
    Stop,
    Reconfigured,
    End,
    Lost,
    Add(String),
    Remove(String),
    Idle,
    Closed,
    State(String),
}

pub struct Script {
    pub settings: Settings,
    steps: Vec<Step>,
    whole_only: bool,
}

impl Script {
    pub fn parse(text: &str) -> Result<Script, String> {
        let settings = Settings {
            banner_hostname: "mx.example".into(),
            static_banner: Some("220 ready".into()),
            software: "ecelerity 4".into(),
            ..Settings::default()
        };
        let mut script = Script { settings, steps: Vec::new(), whole_only: false };
        for (number, line) in text.lines().enumerate() {
            script.line(line).map_err(|complaint| format!("line {}: {complaint}: {line}", number + 1))?;
        }
        Ok(script)
    }

    pub fn allows(&self, split: &Split) -> bool {
        !self.whole_only || matches!(split, Split::Whole)
    }

    pub fn play(&self, split: Split) -> Result<(), String> {
        let mut driver = Driver::new(self.settings.clone(), split);
        for step in &self.steps {
            driver.step(step)?;
        }
        driver.end()
    }

    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        let step = match mark {
            "C:" => Step::Send(octets(rest, "\r\n")?),
            "c:" => Step::Send(octets(rest, "")?),
            "S:" => Step::Expect(octets(rest, "\r\n")?),
            "B:" => Step::Body(octets(rest, "\r\n")?),
            "b:" => Step::Body(octets(rest, "")?),
            "@whole" => {
                self.whole_only = true;
                return Ok(());
            }
            "@set" => return set(&mut self.settings, rest),
            "@judge" => judgement(rest)?,
            "@commit" => Step::Commit(reply(rest)?),
            "@early" => Step::Early(octets(rest, "\r\n")?),
            "@time" => Step::Time(rest.parse().map_err(|_| "not a number of seconds")?),
            "@stop" => Step::Stop,
            "@reconfigured" => Step::Reconfigured,
            "@end" => Step::End,
            "@lost" => Step::Lost,
            "@add" => Step::Add(rest.into()),
            "@remove" => Step::Remove(rest.into()),
            "@idle" => Step::Idle,
            "@closed" => Step::Closed,
            "@state" => Step::State(rest.into()),
            "@envelope" => Step::Envelope(rest.into()),
            "@header" => Step::Header(rest.into()),
            _ => return Err("unheard of"),
        };
        match (self.steps.last_mut(), step) {
            (Some(Step::Send(sent)), Step::Send(more)) => sent.extend(more),
            (Some(Step::Expect(expected)), Step::Expect(more)) => expected.extend(more),
            (Some(Step::Body(body)), Step::Body(more)) => body.extend(more),
            (_, step) => self.steps.push(step),
        }
        Ok(())
    }
}

/// `\r \n \t \\ \xNN` and `\{600x}`: the octet `x` 600 times.
fn octets(text: &str, end: &str) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = rest[at + 1..].chars().next().ok_or("a backslash at the end")?;
        rest = &rest[at + 1 + escape.len_utf8()..];
        match escape {
            'r' => out.push(b'\r'),
            'n' => out.push(b'\n'),
            't' => out.push(b'\t'),
            '\\' => out.push(b'\\'),
            'x' => {
                let (digits, behind) = rest.split_at_checked(2).ok_or("two digits")?;
                out.push(u8::from_str_radix(digits, 16).map_err(|_| "two digits")?);
                rest = behind;
            }
            '{' => {
                let (inside, behind) = rest.split_once('}').ok_or("no closing brace")?;
                let (count, octet) = inside.split_at(inside.len() - 1);
                let count: usize = count.parse().map_err(|_| "not a count")?;
                out.extend(std::iter::repeat_n(octet.as_bytes()[0], count));
                rest = behind;
            }
            _ => return Err("an escape that is not one"),
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out.extend_from_slice(end.as_bytes());
    Ok(out)
}

/// `550 5.7.1 text`: as policy gives it, the enhanced code within the text; `|` divides lines.
fn reply(text: &str) -> Result<Reply, &'static str> {
    let (code, text) = text.split_once(' ').ok_or("a code and a text")?;
    Ok(Reply::verbatim(code.parse().map_err(|_| "not a code")?, text.replace('|', "\n")))
}

/// `rcptto [disconnect] [pause=SECONDS] [REPLY]`
fn judgement(text: &str) -> Result<Step, &'static str> {
    let (name, mut rest) = text.split_once(' ').unwrap_or((text, ""));
    let phase = Phase::ALL.into_iter().find(|phase| phase.name() == name).ok_or("no such phase")?;
    let mut judgement = Judgement::default();
    while let Some((word, behind)) = rest.split_once(' ').or((!rest.is_empty()).then_some((rest, ""))) {
        if word == "disconnect" {
            judgement.disconnect = true;
        } else if let Some(seconds) = word.strip_prefix("pause=") {
            judgement.pause = Duration::from_secs(seconds.parse().map_err(|_| "not a number of seconds")?);
        } else {
            judgement.reply = Some(reply(rest)?);
            break;
        }
        rest = behind;
    }
    Ok(Step::Judge(phase, judgement))
}

fn set(settings: &mut Settings, text: &str) -> Result<(), &'static str> {
    let (name, value) = text.split_once('=').ok_or("a name and a value")?;
    let number = || value.parse::<u32>().map_err(|_| "not a number");
    let time = || number().map(|seconds| (seconds > 0).then(|| Duration::from_secs(seconds.into())));
    let truth = || value.parse::<bool>().map_err(|_| "not a truth");
    let line_ends = || match value {
        "refuse" => Ok(BareLineEnds::Refuse),
        "accept" => Ok(BareLineEnds::Accept),
        "fix" => Ok(BareLineEnds::Fix),
        _ => Err("no such choice"),
    };
    match name {
        "static_banner" => settings.static_banner = (!value.is_empty()).then(|| value.into()),
        "software" => settings.software = value.into(),
        "extensions" => settings.extensions = value.split(',').map(String::from).collect(),
        "mechanisms" => settings.mechanisms = value.split(',').filter_map(Mechanism::named).collect(),
        "require_authentication" => settings.require_authentication = truth()?,
        "hide_size" => settings.hide_size = truth()?,
        "idle_time" => settings.idle_time = time()?,
        "command_time" => settings.command_time = time()?,
        "message_time" => settings.message_time = time()?,
        "max_message_size" => settings.max_message_size = Some(number()?.into()),
        "max_recipients_per_message" => settings.max_recipients_per_message = Some(number()?),
        "max_recipients_per_connection" => settings.max_recipients_per_connection = Some(number()?),
        "max_receptions_per_connection" => settings.max_receptions_per_connection = Some(number()?),
        "max_errors" => settings.max_errors = Some(number()?),
        "max_commands" => settings.max_commands = Some(number()?),
        "require_ehlo" => settings.require_ehlo = truth()?,
        "allow_null_envelope_sender" => settings.allow_null_envelope_sender = truth()?,
        "allow_ip_literal" => settings.allow_ip_literal = truth()?,
        "pedantic" => settings.rfc2821_pedantic_address_rules = truth()?,
        "trailing_whitespace" => settings.allow_trailing_whitespace_in_commands = truth()?,
        "envelope_whitespace" => settings.rfc2821_allow_whitespace_in_envelope = truth()?,
        "unqualified_sender" => settings.allow_unqualified_sender = truth()?,
        "unqualified_recipient" => settings.allow_unqualified_recipient = truth()?,
        "line_ends_in_headers" => settings.bare_line_ends_in_headers = line_ends()?,
        "line_ends_in_body" => settings.bare_line_ends_in_body = line_ends()?,
        "refuse_lines_over" => settings.rfc2822_max_line_length = LineLength::Refuse(number()? as usize),
        "fold_lines_over" => settings.rfc2822_max_line_length = LineLength::Fold(number()? as usize),
        "missing_headers" if value == "allow" => settings.rfc2822_missing_headers = MissingHeaders::Allow,
        "date_header" if value == "refuse" => settings.rfc2822_date_header = DateHeader::Refuse,
        "early_talk" => settings.early_talk = EarlyTalk::Refuse(reply(value)?),
        "reconfig_message" => settings.reconfig_message = value.into(),
        _ => return Err("no such setting"),
    }
    Ok(())
}
