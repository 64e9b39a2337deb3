//! spamassassin: asks spamd (spec module-details.md, spamassassin). Scripts call it; with `automatic` it
//! notes the result by itself at data_spool. It never refuses: what follows from a score, a script decides.

use crate::daemon::{endpoint, exchange};
use bytes::Bytes;
use config::{Bool, Instances, ModuleSyntax, Seconds, Size, Text};
use mail::{Contexts, Phase};
use policy_api::{
    Answer, Ask, Endpoint, Finding, Host, Later, Module, ModuleDef, SpamFilter, SpamReport, Verdict,
};
use std::rc::Rc;
use std::time::Duration;

config::options! {
    pub struct SpamassassinOptions {
        /// Where spamd listens: address:port, localhost:port or the path of its socket.
        daemon: Text = "localhost:783", in [module];
        /// Seconds for an answer.
        timeout: Seconds = "30", in [module];
        /// Bytes of a body that are sent; what is behind them is not looked at.
        max_size: Size = "51200", in [module];
        /// True: every message is asked about at data_spool; false: only scripts ask.
        automatic: Bool = "false", in [module], tier 0;
    }
}

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "spamassassin",
        instances: Instances::Singleton,
        options: &[SpamassassinOptions::DEFINITIONS],
        stanzas: &[],
    },
    &[Phase::DataSpool],
    |stanza, make| {
        let options = SpamassassinOptions::resolve(&stanza);
        let daemon = endpoint(&options.daemon)
            .map_err(|problem| Finding::new("", format!("spamassassin: daemon: {problem}")))?;
        let spamd = Rc::new(Spamd {
            daemon,
            timeout: options.timeout,
            max_size: usize::try_from(options.max_size).unwrap_or(usize::MAX),
        });
        make.services.offer::<Rc<dyn SpamFilter>>("spamassassin", spamd.clone());
        Ok(Rc::new(Spamassassin { spamd, automatic: options.automatic }))
    },
);

struct Spamassassin {
    spamd: Rc<Spamd>,
    automatic: bool,
}

struct Spamd {
    daemon: Endpoint,
    timeout: Duration,
    max_size: usize,
}

impl Module for Spamassassin {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        if !self.automatic {
            return Answer::Now(Verdict::Continue);
        }
        let judged = self.spamd.judge(ask.message.content.octets(), host);
        Answer::Later(Box::pin(async move {
            let report = judged.await;
            if let Err(problem) = &report {
                host.report(policy_api::Level::Error, &format!("spamassassin: {problem}"));
            }
            note(ask.contexts, &report);
            Verdict::Continue
        }))
    }
}

/// The context variables of a result.
pub fn note(contexts: &mut Contexts, report: &Result<SpamReport, String>) {
    let message = &mut contexts.message;
    let Ok(report) = report else { return message.set("spamc_status", "failed") };
    message.set("spamc_status", "ok");
    message.set("spamc_spam", if report.is_spam { "true" } else { "false" });
    message.set("spamc_score", &format!("{:.2}", report.score));
    message.set("spamc_thresh", &format!("{:.2}", report.threshold));
    message.set("spamc_symbols", &report.symbols.join(","));
}

impl SpamFilter for Spamd {
    fn judge(&self, content: Bytes, host: &Rc<dyn Host>) -> Later<Result<SpamReport, String>> {
        let body = content::Content::new(content.clone());
        let length = body.header_octets().len() + body.body().len().min(self.max_size);
        let head = format!("SYMBOLS SPAMC/1.2\r\nContent-length: {length}\r\n\r\n");
        let request = vec![Bytes::from(head), content.slice(..length)];
        let (daemon, timeout, host) = (self.daemon.clone(), self.timeout, host.clone());
        Box::pin(async move {
            let answer = exchange(&host, &daemon, timeout, request, None).await;
            let answer = answer.map_err(|error| format!("spamd at {daemon:?}: {error}"))?;
            read(&String::from_utf8_lossy(&answer)).ok_or_else(|| "spamd's answer makes no sense".to_owned())
        })
    }
}

/// `SPAMD/1.1 0 EX_OK`, fields of which `Spam: True ; 7.8 / 5.0` counts, an empty line, the symbols.
fn read(answer: &str) -> Option<SpamReport> {
    let (head, symbols) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let mut status = lines.next()?.split(' ');
    if !status.next()?.starts_with("SPAMD/") || status.next()? != "0" {
        return None;
    }
    let spam = lines.find_map(|line| line.strip_prefix("Spam:"))?;
    let (is_spam, scores) = spam.split_once(';')?;
    let (score, threshold) = scores.split_once('/')?;
    Some(SpamReport {
        is_spam: matches!(is_spam.trim(), "True" | "Yes"),
        score: score.trim().parse().ok()?,
        threshold: threshold.trim().parse().ok()?,
        symbols: symbols.trim().split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy_api::testing::{Conversation, Peer};

    fn ask(answer: &'static str) -> (Conversation, Vec<u8>) {
        let daemon = Endpoint::Inet("127.0.0.1:783".parse().unwrap());
        let spamd = Spamd { daemon: daemon.clone(), timeout: Duration::from_secs(1), max_size: 4 };
        let module = Spamassassin { spamd: Rc::new(spamd), automatic: true };
        let mut conversation = Conversation::default();
        let peer = Peer { answers: [answer.into()].into(), ..Peer::default() };
        let heard = peer.heard.clone();
        conversation.host.peers.borrow_mut().insert(daemon, peer);
        conversation.message.content = content::Content::new((&b"A: b\r\n\r\nlong body"[..]).into());
        assert_eq!(conversation.ask(&module, Phase::DataSpool), Verdict::Continue);
        let heard = heard.borrow().clone();
        (conversation, heard)
    }

    #[test]
    fn a_score_is_noted_and_a_failure_too() {
        let (asked, heard) =
            ask("SPAMD/1.1 0 EX_OK\r\nContent-length: 9\r\nSpam: True ; 7.8 / 5.0\r\n\r\nA_RULE,B_RULE\r\n");
        assert_eq!(heard, b"SYMBOLS SPAMC/1.2\r\nContent-length: 12\r\n\r\nA: b\r\n\r\nlong");
        let get = |key: &str| asked.contexts.message.get(key).map(str::to_owned);
        let expected = [
            ("spamc_status", "ok"),
            ("spamc_spam", "true"),
            ("spamc_score", "7.80"),
            ("spamc_thresh", "5.00"),
            ("spamc_symbols", "A_RULE,B_RULE"),
        ];
        for (key, value) in expected {
            assert_eq!(get(key).as_deref(), Some(value));
        }
        for answer in ["SPAMD/1.1 76 EX_PROTOCOL\r\n\r\n", "nonsense", "SPAMD/1.1 0 EX_OK\r\nSpam: x\r\n\r\n"]
        {
            let (asked, _) = ask(answer);
            assert_eq!(asked.contexts.message.get("spamc_status"), Some("failed"), "{answer}");
            assert_eq!(asked.contexts.message.get("spamc_spam"), None);
            assert_eq!(asked.host.reported().len(), 1);
        }
    }
}
