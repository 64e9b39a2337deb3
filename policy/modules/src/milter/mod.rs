//! milter: asks a mail filter (the milter protocol of Sendmail and Postfix) about each message and does what
//! it says. Not in Momentum.
//!
//! The whole conversation takes place at the data phase: the filter hears of connection, names and
//! recipients then, and what it says of them is answered at the end of data; a recipient that it refuses
//! beside others is refused at data_spool_each_rcpt.

mod packets;

use crate::daemon::{WhenDown, endpoint};
use bytes::{Bytes, BytesMut};
use config::{Bool, Instances, ModuleSyntax, Seconds, Text};
use content::{Content, Place};
use mail::{Address, Phase, Reply};
use packets::{Answer as Said, action, packet, step};
use policy_api::{Answer, Ask, Connection, Endpoint, Finding, Host, Module, ModuleDef, Verdict};
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

config::options! {
    pub struct MilterOptions {
        /// Where the filter listens: address:port, localhost:port or the path of its socket.
        daemon: Text = "127.0.0.1:8891", in [module], tier 0;
        /// Seconds for each of its answers.
        timeout: Seconds = "30", in [module], tier 0;
        /// What becomes of messages while it does not answer.
        when_down: WhenDown = "tempfail", in [module], tier 0;
        /// False: it may refuse, but not change anything.
        may_change: Bool = "true", in [module], tier 0;
    }
}

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "milter",
        instances: Instances::Many,
        options: &[MilterOptions::DEFINITIONS],
        stanzas: &[],
    },
    &[Phase::Data, Phase::DataSpoolEachRcpt],
    |stanza, make| {
        let options = MilterOptions::resolve(&stanza);
        let daemon = endpoint(&options.daemon)
            .map_err(|problem| Finding::new("", format!("milter: daemon: {problem}")))?;
        let refusals = format!("#milter_refused_{}", stanza.name());
        Ok(Rc::new(Milter { options, daemon, hostname: make.hostname.into(), refusals }))
    },
);

/// Answers that one message may get: a filter that never ends is cut off.
const ANSWERS: usize = 10_000;

struct Milter {
    options: MilterOptions,
    daemon: Endpoint,
    hostname: Box<str>,
    /// Message variable with the recipients that it refuses, and why, for data_spool_each_rcpt.
    refusals: String,
}

/// How the filter's part ended.
enum Outcome {
    /// Its changes hold.
    Passed,
    Refused(Reply),
    Discarded,
}

impl Module for Milter {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        if ask.phase == Phase::DataSpoolEachRcpt {
            return Answer::Now(self.refuse_recipient(ask));
        }
        Answer::Later(Box::pin(async move {
            match self.converse(ask, host).await {
                Ok(Outcome::Passed) => Verdict::Continue,
                Ok(Outcome::Discarded) => {
                    ask.disposition.discard(None);
                    Verdict::Done
                }
                Ok(Outcome::Refused(reply)) => {
                    ask.disposition.reply = Some(reply);
                    Verdict::Done
                }
                Err(error) => self.is_down(&error, ask, host),
            }
        }))
    }
}

impl Milter {
    fn is_down(&self, error: &io::Error, ask: &mut Ask<'_>, host: &Rc<dyn Host>) -> Verdict {
        host.report(policy_api::Level::Error, &format!("milter: filter at {:?}: {error}", self.daemon));
        let Some(reply) = self.options.when_down.reply("the mail filter") else { return Verdict::Continue };
        ask.disposition.reply = Some(reply);
        Verdict::Done
    }

    fn refuse_recipient(&self, ask: &mut Ask<'_>) -> Verdict {
        let refused = ask.contexts.message.get(&self.refusals).unwrap_or("");
        let recipient = ask.message.recipient.as_ref().map_or("", |recipient| recipient.as_str());
        let known = refused
            .lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(address, _)| *address == recipient);
        let Some((_, reply)) = known else { return Verdict::Continue };
        ask.disposition.reply = Some(reply_of(reply));
        Verdict::Done
    }

    async fn converse(&self, ask: &mut Ask<'_>, host: &Rc<dyn Host>) -> io::Result<Outcome> {
        let connection = host.dial(self.daemon.clone(), self.options.timeout).await?;
        let mut talk = Talk {
            connection,
            received: BytesMut::new(),
            within: self.options.timeout,
            answers: 0,
            steps: 0,
        };
        talk.negotiate(if self.options.may_change { action::ALL } else { 0 }).await?;
        let outcome = self.tell(&mut talk, ask).await?;
        // It may have closed already; whether it hears this or not, its part is over.
        let _ = talk.send(packet(b'Q', &[])).await;
        Ok(outcome)
    }

    /// Step by step, until it decides.
    async fn tell(&self, talk: &mut Talk, ask: &mut Ask<'_>) -> io::Result<Outcome> {
        for (skipped, silent, packets) in self.opening(ask) {
            if let Some(outcome) = talk.step(skipped, silent, packets).await? {
                return Ok(outcome);
            }
        }
        if let Some(outcome) = self.tell_recipients(talk, ask).await? {
            return Ok(outcome);
        }
        let content = ask.message.content.clone();
        let ends = [(step::NO_DATA, step::SILENT_DATA, vec![packet(b'T', &[])])];
        let fields = fields(&content, talk.steps & step::LEADING_SPACE != 0);
        let fields = fields.into_iter().map(|field| (step::NO_FIELDS, step::SILENT_FIELDS, vec![field]));
        let eoh = [(step::NO_EOH, step::SILENT_EOH, vec![packet(b'N', &[])])];
        for (skipped, silent, packets) in ends.into_iter().chain(fields).chain(eoh) {
            if let Some(outcome) = talk.step(skipped, silent, packets).await? {
                return Ok(outcome);
            }
        }
        if let Some(outcome) = talk.body(content.body()).await? {
            return Ok(outcome);
        }
        talk.send(packet(b'E', &[])).await?;
        self.changes(talk, ask).await
    }

    /// Connection, EHLO, sender; with the macros that filters look for.
    fn opening(&self, ask: &Ask<'_>) -> [(u32, u32, Vec<Bytes>); 3] {
        let client = ask.client;
        let (family, port, address) = match client.peer {
            Some(peer) if peer.ip().to_canonical().is_ipv4() => {
                (b"4", peer.port(), peer.ip().to_canonical().to_string())
            }
            Some(peer) => (b"6", peer.port(), format!("IPv6:{}", peer.ip())),
            None => (b"L", 0, "unix".to_owned()),
        };
        let name = format!("[{}]\0", address.trim_start_matches("IPv6:"));
        let connect =
            packet(b'C', &[name.as_bytes(), family, &port.to_be_bytes(), address.as_bytes(), b"\0"]);
        let helo = ask.contexts.connection.get("ehlo_domain").unwrap_or("").to_owned();
        let sender = ask.message.sender.as_ref().map_or("", |sender| sender.as_str());
        let user = client.user.as_deref().unwrap_or("");
        let batch = ask.message.batch.to_string();
        let macros = |letter: u8, pairs: &[(&str, &str)]| {
            let mut data = vec![letter];
            for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
                data.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
            }
            packet(b'D', &[&data])
        };
        let host: &str = &self.hostname;
        [
            (
                step::NO_CONNECT,
                step::SILENT_CONNECT,
                vec![macros(b'C', &[("j", host), ("{daemon_name}", "impetus"), ("v", "Impetus")]), connect],
            ),
            (step::NO_HELO, step::SILENT_HELO, vec![packet(b'H', &[helo.as_bytes(), b"\0"])]),
            (
                step::NO_MAIL,
                step::SILENT_MAIL,
                vec![
                    macros(b'M', &[("i", &batch), ("{auth_authen}", user), ("{mail_addr}", sender)]),
                    packet(b'M', &[format!("<{sender}>\0").as_bytes()]),
                ],
            ),
        ]
    }

    /// A refused recipient is remembered; when all are, so is the message.
    async fn tell_recipients(&self, talk: &mut Talk, ask: &mut Ask<'_>) -> io::Result<Option<Outcome>> {
        let mut refused = String::new();
        let mut last = None;
        let count = ask.message.recipients.len();
        let mut refusals = 0;
        for recipient in ask.message.recipients.clone() {
            let told = packet(b'R', &[format!("<{recipient}>\0").as_bytes()]);
            match talk.step(step::NO_RCPT, step::SILENT_RCPT, vec![told]).await? {
                None => {}
                Some(Outcome::Refused(reply)) => {
                    refusals += 1;
                    refused.push_str(&format!(
                        "{recipient} {} {}\n",
                        reply.code,
                        reply.text.replace('\n', " ")
                    ));
                    last = Some(reply);
                }
                Some(outcome) => return Ok(Some(outcome)),
            }
        }
        if refusals == count
            && let Some(reply) = last
        {
            return Ok(Some(Outcome::Refused(reply)));
        }
        if refusals > 0 {
            ask.contexts.message.set(&self.refusals, &refused);
        }
        Ok(None)
    }

    /// Behind the end of the message: changes, then the decision.
    async fn changes(&self, talk: &mut Talk, ask: &mut Ask<'_>) -> io::Result<Outcome> {
        let mut body: Option<Vec<u8>> = None;
        loop {
            let said = talk.answer().await?;
            let message = &mut *ask.message;
            let allowed = self.options.may_change;
            match said {
                Said::Progress => {}
                Said::AddField(name, value) if allowed => {
                    put(&mut message.content, Place::Last, &name, &value)
                }
                Said::InsertField(at, name, value) if allowed => {
                    let place = if at == 0 { Place::First } else { Place::Last };
                    put(&mut message.content, place, &name, &value);
                }
                Said::ChangeField(index, name, value) if allowed => {
                    change(&mut message.content, index, &name, &value)
                }
                Said::ReplaceBody(piece) if allowed => body.get_or_insert_default().extend_from_slice(&piece),
                Said::AddRecipient(address) if allowed => {
                    let address = Address::from_checked(address.trim_matches(['<', '>']));
                    if !message.recipients.contains(&address) {
                        message.recipients.push(address);
                    }
                }
                Said::DeleteRecipient(address) if allowed => {
                    let address = address.trim_matches(['<', '>']).to_owned();
                    message.recipients.retain(|known| !known.as_str().eq_ignore_ascii_case(&address));
                }
                // There is no place where a message could wait for a person: it is refused for now.
                Said::Quarantine(reason) => {
                    return Ok(Outcome::Refused(Reply::verbatim(451, format!("4.7.1 held: {reason}"))));
                }
                said => {
                    let Some(outcome) = decided(said)? else {
                        if let Some(body) = body {
                            message.content.set_body(body);
                        }
                        return Ok(Outcome::Passed);
                    };
                    return Ok(outcome);
                }
            }
        }
    }
}

fn put(content: &mut Content, place: Place, name: &str, value: &str) {
    // A filter's field that cannot be one is left out.
    let _ = content.put_field(place, name, value.trim_start());
}

/// The n-th field of a name gets a new value, or goes.
fn change(content: &mut Content, index: u32, name: &str, value: &str) {
    let count = content.header().named(name).count();
    let index = (index.max(1) - 1) as usize;
    if index >= count {
        if !value.is_empty() {
            put(content, Place::Last, name, value);
        }
        return;
    }
    let mut fields: Vec<Vec<u8>> = Vec::new();
    let mut seen = 0;
    for field in content.header().fields() {
        let is_it = field.is_named(name) && {
            seen += 1;
            seen == index + 1
        };
        if !is_it {
            fields.push(field.raw().to_vec());
        } else if !value.is_empty() {
            let mut one = Content::default();
            put(&mut one, Place::Last, name, value);
            fields.extend(one.header().fields().map(|field| field.raw().to_vec()));
        }
    }
    let mut octets = fields.concat();
    octets.extend_from_slice(b"\r\n");
    octets.extend_from_slice(content.body());
    content.replace(octets.into());
}

/// A field for each packet, without its line end.
fn fields(content: &Content, leading_space: bool) -> Vec<Bytes> {
    let fields = content.header().fields().filter(|field| !field.name().is_empty());
    let one = |field: content::Field<'_>| {
        // Filters know line ends as LF.
        let value: Vec<u8> = field.raw_value().iter().copied().filter(|octet| *octet != b'\r').collect();
        let value = if leading_space { &value[..] } else { value.strip_prefix(b" ").unwrap_or(&value) };
        packet(b'L', &[field.name().as_bytes(), b"\0", value, b"\0"])
    };
    fields.map(one).collect()
}

/// None: it goes on.
fn decided(said: Said) -> io::Result<Option<Outcome>> {
    Ok(Some(match said {
        Said::Continue | Said::Accept => return Ok(None),
        Said::Reject => Outcome::Refused(Reply::verbatim(550, "5.7.1 message refused by the mail filter")),
        Said::Tempfail => Outcome::Refused(Reply::verbatim(451, "4.7.1 please try later")),
        Said::Discard => Outcome::Discarded,
        Said::Reply(text) => Outcome::Refused(reply_of(&text)),
        other => {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("an answer out of turn: {other:?}")));
        }
    }))
}

/// A refusal with a code that is none is one for now.
fn reply_of(text: &str) -> Reply {
    let code = text.get(..3).and_then(|code| code.parse().ok()).filter(|code| (400..600).contains(code));
    match code {
        Some(code) => Reply::verbatim(code, text[3..].trim_start_matches([' ', '-'])),
        None => Reply::verbatim(451, "4.7.1 please try later"),
    }
}

/// One conversation with the filter.
struct Talk {
    connection: Box<dyn Connection>,
    received: BytesMut,
    within: Duration,
    answers: usize,
    steps: u32,
}

impl Talk {
    async fn negotiate(&mut self, actions: u32) -> io::Result<()> {
        let ours = [packets::VERSION, actions, step::ALL].map(u32::to_be_bytes);
        self.send(packet(b'O', &[&ours[0], &ours[1], &ours[2]])).await?;
        match self.answer().await? {
            // Whatever it says that it will change, only what we offered is carried out.
            Said::Options { version: 2.., steps, .. } => {
                self.steps = steps & step::ALL;
                Ok(())
            }
            other => Err(io::Error::new(ErrorKind::InvalidData, format!("it does not negotiate: {other:?}"))),
        }
    }

    /// One step, unless the filter does without it; its decision, if it makes one.
    async fn step(&mut self, skipped: u32, silent: u32, packets: Vec<Bytes>) -> io::Result<Option<Outcome>> {
        if self.steps & skipped != 0 {
            return Ok(None);
        }
        for packet in packets {
            self.send(packet).await?;
        }
        if self.steps & silent != 0 {
            return Ok(None);
        }
        loop {
            match self.answer().await? {
                Said::Progress => {}
                // It has seen enough: the message passes as it is.
                Said::Accept => return Ok(Some(Outcome::Passed)),
                said => return decided(said),
            }
        }
    }

    async fn body(&mut self, body: &Bytes) -> io::Result<Option<Outcome>> {
        if self.steps & step::NO_BODY != 0 {
            return Ok(None);
        }
        let mut rest = body.clone();
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(packets::BODY_PIECE));
            self.send(packet(b'B', &[&piece])).await?;
            if self.steps & step::SILENT_BODY != 0 {
                continue;
            }
            match self.answer().await? {
                Said::Skip => return Ok(None),
                Said::Accept => return Ok(Some(Outcome::Passed)),
                Said::Progress => {}
                said => {
                    if let Some(outcome) = decided(said)? {
                        return Ok(Some(outcome));
                    }
                }
            }
        }
        Ok(None)
    }

    async fn send(&mut self, packet: Bytes) -> io::Result<()> {
        self.connection.write(packet, self.within).await
    }

    async fn answer(&mut self) -> io::Result<Said> {
        self.answers += 1;
        if self.answers > ANSWERS {
            return Err(io::Error::new(ErrorKind::InvalidData, "it has no end"));
        }
        loop {
            let taken = packets::take(&mut self.received).map_err(|length| {
                io::Error::new(ErrorKind::InvalidData, format!("a packet of {length} octets"))
            })?;
            if let Some(answer) = taken {
                return Ok(answer);
            }
            let bytes = self.connection.read(self.within).await?;
            if bytes.is_empty() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.received.extend_from_slice(&bytes);
        }
    }
}

#[cfg(test)]
mod tests;
