//! rspamd: asks an rspamd worker about each message and does what it says. Not in Momentum.

use crate::daemon::{WhenDown, endpoint, exchange};
use bytes::Bytes;
use config::{Bool, Instances, Integer, ModuleSyntax, OptionalText, Seconds, Text};
use mail::Phase;
use policy_api::{Answer, Ask, Endpoint, Finding, Host, Module, ModuleDef, Verdict};
use serde_json::Value;
use std::rc::Rc;

config::options! {
    pub struct RspamdOptions {
        /// Where a worker listens: address:port, localhost:port or the path of its socket.
        daemon: Text = "127.0.0.1:11333", in [module], tier 0;
        /// Seconds for an answer.
        timeout: Seconds = "10", in [module], tier 0;
        /// The worker's password, if it wants one.
        password: OptionalText = "", in [module], tier 0;
        /// Whether its actions are carried out; false only notes them in the context.
        obey: Bool = "true", in [module], tier 0;
        /// What becomes of messages while it does not answer.
        when_down: WhenDown = "tempfail", in [module], tier 0;
        /// Reply code to a message that it rejects.
        reject_code: Integer = "550", in [module], tier 0;
        /// Field that a message gets which it wants marked.
        header: Text = "X-Spam", in [module], tier 0;
    }
}

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "rspamd",
        instances: Instances::Singleton,
        options: &[RspamdOptions::DEFINITIONS],
        stanzas: &[],
    },
    &[Phase::Data],
    |stanza, _| {
        let options = RspamdOptions::resolve(&stanza);
        let daemon = endpoint(&options.daemon)
            .map_err(|problem| Finding::new("", format!("rspamd: daemon: {problem}")))?;
        Ok(Rc::new(Rspamd { options, daemon }))
    },
);

struct Rspamd {
    options: RspamdOptions,
    daemon: Endpoint,
}

/// What it answers.
#[derive(Debug, PartialEq)]
struct Judgement {
    action: String,
    score: f64,
    required_score: f64,
    symbols: Vec<String>,
    /// The text of a rejection, if it names one.
    message: Option<String>,
}

impl Module for Rspamd {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        Answer::Later(Box::pin(async move {
            let request = vec![Bytes::from(self.head(ask)), ask.message.content.octets()];
            let answer = exchange(host, &self.daemon, self.options.timeout, request, None).await;
            let judgement = answer.map_err(|error| error.to_string()).and_then(|answer| read(&answer));
            match judgement {
                Ok(judgement) => self.obey(judgement, ask),
                Err(problem) => self.is_down(&problem, ask, host),
            }
        }))
    }
}

impl Rspamd {
    /// HTTP/1.0: the answer ends with the connection.
    fn head(&self, ask: &Ask<'_>) -> String {
        let message = &ask.message;
        let mut head = format!(
            "POST /checkv2 HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n",
            message.content.len()
        );
        let mut field = |name: &str, value: &str| {
            // A field must stay one line, whatever the client has sent.
            let value: String = value.chars().filter(|c| !c.is_control()).collect();
            head.push_str(&format!("{name}: {value}\r\n"));
        };
        if let Some(peer) = ask.client.peer {
            field("IP", &peer.ip().to_canonical().to_string());
        }
        field("Helo", ask.contexts.connection.get("ehlo_domain").unwrap_or(""));
        field("From", message.sender.as_ref().map_or("", |sender| sender.as_str()));
        message.recipients.iter().for_each(|recipient| field("Rcpt", recipient.as_str()));
        field("Queue-Id", &message.batch.to_string());
        if let Some(user) = &ask.client.user {
            field("User", user);
        }
        if let Some(password) = &self.options.password {
            field("Password", password);
        }
        head.push_str("\r\n");
        head
    }

    fn obey(&self, judgement: Judgement, ask: &mut Ask<'_>) -> Verdict {
        let context = &mut ask.contexts.message;
        context.set("rspamd_status", "ok");
        context.set("rspamd_action", &judgement.action);
        context.set("rspamd_score", &format!("{:.2}", judgement.score));
        context.set("rspamd_required_score", &format!("{:.2}", judgement.required_score));
        context.set("rspamd_symbols", &judgement.symbols.join(","));
        if !self.options.obey {
            return Verdict::Continue;
        }
        let code = u16::try_from(self.options.reject_code).unwrap_or(550);
        match judgement.action.as_str() {
            "reject" => {
                let text = judgement.message.unwrap_or_else(|| "spam message rejected".to_owned());
                ask.disposition.set_code(code, format!("{}.7.1 {text}", code / 100));
            }
            "soft reject" | "greylist" => {
                let text = judgement.message.unwrap_or_else(|| "try again later".to_owned());
                ask.disposition.set_code(451, format!("4.7.1 {text}"));
            }
            "add header" | "rewrite subject" => {
                let value = format!("Yes, score={:.2}", judgement.score);
                // The name is the operator's: one that cannot be written leaves the message as it is.
                let _ = ask.message.content.put_field(content::Place::Instead, &self.options.header, &value);
                return Verdict::Continue;
            }
            _ => return Verdict::Continue,
        }
        Verdict::Done
    }

    fn is_down(&self, problem: &str, ask: &mut Ask<'_>, host: &Rc<dyn Host>) -> Verdict {
        host.report(policy_api::Level::Error, &format!("rspamd: {problem}"));
        ask.contexts.message.set("rspamd_status", "failed");
        let Some(reply) = self.options.when_down.reply("the content filter") else {
            return Verdict::Continue;
        };
        ask.disposition.reply = Some(reply);
        Verdict::Done
    }
}

fn read(answer: &[u8]) -> Result<Judgement, String> {
    let at = memchr::memmem::find(answer, b"\r\n\r\n").ok_or("its answer has no end of header")?;
    let status = answer.split(|octet| *octet == b'\r').next().unwrap_or_default();
    let status = String::from_utf8_lossy(status).into_owned();
    if status.split(' ').nth(1) != Some("200") {
        return Err(format!("it answered {status}"));
    }
    let body: Value = serde_json::from_slice(&answer[at + 4..])
        .map_err(|error| format!("its answer is no JSON: {error}"))?;
    let number = |name: &str| body.get(name).and_then(Value::as_f64);
    let symbols = body.get("symbols").and_then(Value::as_object);
    Ok(Judgement {
        action: body.get("action").and_then(Value::as_str).ok_or("its answer has no action")?.to_owned(),
        score: number("score").unwrap_or(0.0),
        required_score: number("required_score").unwrap_or(0.0),
        symbols: symbols.map(|symbols| symbols.keys().cloned().collect()).unwrap_or_default(),
        message: body
            .pointer("/messages/smtp_message")
            .and_then(Value::as_str)
            .map(|text| text.chars().filter(|c| !c.is_control()).collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use content::Content;
    use mail::Address;
    use policy_api::testing::{Conversation, Peer};

    fn ask(options: RspamdOptions, answer: &str) -> (Conversation, String) {
        let daemon = Endpoint::Inet("127.0.0.1:11333".parse().unwrap());
        let module = Rspamd { options, daemon: daemon.clone() };
        let mut conversation = Conversation::default();
        if !answer.is_empty() {
            let answer = Bytes::from(answer.to_owned());
            let peer = Peer { answers: [answer].into(), ..Peer::default() };
            conversation.host.peers.borrow_mut().insert(daemon.clone(), peer);
        }
        let heard = conversation.host.peers.borrow().get(&daemon).map(|peer| peer.heard.clone());
        conversation.contexts.connection.set("ehlo_domain", "client.example\r\nX: y");
        conversation.message.sender = Some(Address::new("a", "sender.example"));
        conversation.message.recipients = vec![Address::new("b", "here.example")];
        conversation.message.content = Content::new((&b"A: b\r\n\r\nbody\r\n"[..]).into());
        conversation.ask(&module, Phase::Data);
        let heard = heard.map(|heard| String::from_utf8_lossy(&heard.borrow()).into_owned());
        (conversation, heard.unwrap_or_default())
    }

    fn answer(action: &str, more: &str) -> String {
        format!(
            "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{{\"action\":\"{action}\",\"score\":7.5,\"required_score\":15.0,\"symbols\":{{\"A\":{{}},\"B\":{{}}}}{more}}}"
        )
    }

    #[test]
    fn its_actions_are_carried_out() {
        let defaults = || RspamdOptions::defaults().clone();
        let down_passes = RspamdOptions { when_down: WhenDown::Accept, ..defaults() };
        let down_refuses = RspamdOptions { when_down: WhenDown::Reject, ..defaults() };
        let only_notes = RspamdOptions { obey: false, ..defaults() };
        for (options, answer, code, status) in [
            (defaults(), answer("no action", ""), None, "ok"),
            (defaults(), answer("reject", ""), Some(550), "ok"),
            (defaults(), answer("soft reject", ""), Some(451), "ok"),
            (defaults(), answer("greylist", ""), Some(451), "ok"),
            (only_notes, answer("reject", ""), None, "ok"),
            (defaults(), "HTTP/1.0 500 no\r\n\r\n".into(), Some(451), "failed"),
            (defaults(), "HTTP/1.0 200 OK\r\n\r\n{".into(), Some(451), "failed"),
            (defaults(), String::new(), Some(451), "failed"),
            (down_passes, String::new(), None, "failed"),
            (down_refuses, String::new(), Some(550), "failed"),
        ] {
            let (asked, _) = ask(options, &answer);
            assert_eq!(asked.code(), code, "{answer}");
            assert_eq!(asked.contexts.message.get("rspamd_status"), Some(status), "{answer}");
        }
    }

    #[test]
    fn it_is_told_of_the_envelope_and_may_mark_the_message() {
        let (asked, heard) = ask(RspamdOptions::defaults().clone(), &answer("add header", ""));
        assert!(heard.starts_with("POST /checkv2 HTTP/1.0\r\n"), "{heard}");
        for line in [
            "IP: 192.0.2.1",
            "Helo: client.exampleX: y",
            "From: a@sender.example",
            "Rcpt: b@here.example",
            "Content-Length: 14",
        ] {
            assert!(heard.contains(&format!("\r\n{line}\r\n")), "{line} in {heard}");
        }
        assert!(heard.ends_with("\r\n\r\nA: b\r\n\r\nbody\r\n"));
        let marked = asked.message.content.field("x-spam").map(|field| field.text());
        assert_eq!(marked.as_deref(), Some("Yes, score=7.50"));
        assert_eq!(asked.contexts.message.get("rspamd_symbols"), Some("A,B"));
        let text = answer("reject", ",\"messages\":{\"smtp_message\":\"not\\r\\nhere\"}");
        let (asked, _) = ask(RspamdOptions::defaults().clone(), &text);
        assert_eq!(asked.disposition.reply.unwrap().text, "5.7.1 nothere");
    }
}
