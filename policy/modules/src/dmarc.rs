//! dmarc: whether the domain of From answers for a message, by SPF and DKIM (RFC 7489), and on request what it asks for.
//! A module of ours; spf_v1 and dkim_validate before it spare it their work, but it needs neither.

use crate::identity::{
    add_results, dkim_results, dkim_verified, dmarc_evaluated, domains_of, note_dkim, spf_outcome, spf_query,
};
use authentication::Verdict as Found;
use authentication::dmarc::{Authenticated, Outcome, Policy};
use authentication::results::Results;
use config::{Bool, Instances, ModuleSyntax, Text};
use mail::Phase;
use policy_api::{Answer, Ask, Host, Module, ModuleDef, Verdict};
use std::rc::Rc;

config::options! {
    pub struct DmarcOptions {
        /// True: a message whose domain of From asks to have it rejected is answered 550.
        enforce: Bool = "false", in [module];
        /// False: no Authentication-Results field is added.
        add_authentication_results: Bool = "true", in [module];
        /// Message variable of the verdict. `_domain`, `_policy` (published) and `_disposition` (asked for) stand
        /// beside it.
        context_variable: Text = "dmarc_status", in [module];
        /// The context variable of spf_v1; without its value SPF is looked up here.
        spf_context_variable: Text = "spf_status", in [module];
    }
}

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "dmarc",
        instances: Instances::Singleton,
        options: &[DmarcOptions::DEFINITIONS],
        stanzas: &[],
    },
    &[Phase::Data],
    |stanza, make| {
        Ok(Rc::new(Dmarc { options: DmarcOptions::resolve(&stanza), hostname: make.hostname.into() }))
    },
);

struct Dmarc {
    options: DmarcOptions,
    hostname: Box<str>,
}

impl Module for Dmarc {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        Answer::Later(Box::pin(self.evaluate(ask, host)))
    }
}

impl Dmarc {
    async fn evaluate(&self, ask: &mut Ask<'_>, host: &Rc<dyn Host>) -> Verdict {
        let from = match author_domain(ask) {
            Ok(from) => from,
            Err(problem) => return self.refuse_author(ask, problem),
        };
        let mut results = Results::new(&self.hostname);
        let mut authenticated = Authenticated::default();
        self.spf(ask, host, &mut authenticated, &mut results).await;
        dkim(ask, host, &mut authenticated, &mut results).await;
        let evaluation = dmarc_evaluated(&**host, &from).await;
        // The same message draws the same number when it is sent again.
        let draw = u8::try_from(u64::from(ask.message.batch.counter) % 100).unwrap_or(0);
        let outcome = evaluation.outcome(&authenticated, draw);
        self.note(ask, &from, &outcome);
        results.add(
            "dmarc",
            outcome.verdict,
            None,
            &[
                ("header.from", &from),
                ("policy.dmarc", outcome.record.as_ref().map_or("", |_| outcome.published.as_str())),
            ],
        );
        if self.options.add_authentication_results {
            add_results(ask, &self.hostname, &results.into_value());
        }
        if self.options.enforce && outcome.disposition == Policy::Reject {
            let text =
                format!("5.7.1 {from} asks to have messages rejected that it does not answer for (DMARC)");
            ask.disposition.set_code(550, text);
            return Verdict::Done;
        }
        Verdict::Continue
    }

    /// From must name one domain, or nobody can answer for it (RFC 7489 §6.6.1).
    fn refuse_author(&self, ask: &mut Ask<'_>, problem: &'static str) -> Verdict {
        ask.contexts.message.set(&self.options.context_variable, Found::Permerror.as_str());
        if !self.options.enforce {
            return Verdict::Continue;
        }
        ask.disposition.set_code(550, format!("5.7.1 {problem}"));
        Verdict::Done
    }

    /// What spf_v1 has noted, or what SPF says now.
    async fn spf(
        &self,
        ask: &mut Ask<'_>,
        host: &Rc<dyn Host>,
        authenticated: &mut Authenticated,
        results: &mut Results,
    ) {
        let variable = &*self.options.spf_context_variable;
        let known =
            |suffix: &str| ask.contexts.message.get(&format!("{variable}{suffix}")).map(str::to_owned);
        let (status, domain) = match (known(""), known("_domain")) {
            (Some(status), Some(domain)) => (status, domain),
            _ => {
                let Some((query, is_helo)) = spf_query(ask, &self.hostname, host.now().secs(), None) else {
                    return;
                };
                let domain = query.sender_domain.to_string();
                let outcome = spf_outcome(&**host, query).await;
                let property = if is_helo { "smtp.helo" } else { "smtp.mailfrom" };
                results.add("spf", outcome.verdict, None, &[(property, &domain)]);
                (outcome.verdict.as_str().to_owned(), domain)
            }
        };
        match status.as_str() {
            "pass" => authenticated.spf = Some(domain.into()),
            "temperror" => authenticated.is_temporary = true,
            _ => {}
        }
    }

    fn note(&self, ask: &mut Ask<'_>, from: &str, outcome: &Outcome) {
        let variable = &*self.options.context_variable;
        let message = &mut ask.contexts.message;
        message.set(variable, outcome.verdict.as_str());
        message.set(&format!("{variable}_domain"), from);
        message.set(&format!("{variable}_policy"), outcome.published.as_str());
        message.set(&format!("{variable}_disposition"), outcome.disposition.as_str());
    }
}

/// What dkim_validate has noted, or what the signatures say now.
async fn dkim(
    ask: &mut Ask<'_>,
    host: &Rc<dyn Host>,
    authenticated: &mut Authenticated,
    results: &mut Results,
) {
    if ask.contexts.message.get("dkim_status").is_none() {
        let verifier = dkim_verified(&**host, ask.message.content.octets()).await;
        note_dkim(&verifier, &mut ask.contexts.message);
        dkim_results(&verifier, results);
    }
    let message = &ask.contexts.message;
    authenticated.is_temporary |= message.get("dkim_status") == Some("temperror");
    let domains = message.get("dkim_domains").unwrap_or("").split(' ').filter(|domain| !domain.is_empty());
    authenticated.dkim = domains.map(Into::into).collect();
}

fn author_domain(ask: &Ask<'_>) -> Result<String, &'static str> {
    if ask.message.content.header().named("From").count() > 1 {
        return Err("a message has one From field (RFC 5322)");
    }
    let mut domains = domains_of(&ask.message.content, &["From"]);
    domains.dedup();
    match domains.len() {
        1 => Ok(domains.remove(0)),
        0 => Err("From names no domain (RFC 5322)"),
        _ => Err("From names several domains"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use mail::Address;
    use policy_api::testing::Conversation;

    fn judged(enforce: bool, from: &str, sender: &str) -> (Conversation, Verdict) {
        let mut conversation = Conversation::default();
        conversation.host.text("good.example", "v=spf1 ip4:192.0.2.0/24 -all");
        conversation.host.text("_dmarc.good.example", "v=DMARC1; p=reject");
        conversation.message.sender = Some(Address::from_checked(sender));
        conversation.message.content.replace(Bytes::from(format!("{from}\r\nSubject: x\r\n\r\nx\r\n")));
        let options = DmarcOptions { enforce, ..DmarcOptions::defaults().clone() };
        let verdict = conversation.ask(&Dmarc { options, hostname: "mx.example.org".into() }, Phase::Data);
        (conversation, verdict)
    }

    #[test]
    fn what_the_domain_asks_for_is_noted_and_done_on_request_only() {
        for (from, sender, status, disposition, code) in [
            ("From: a@good.example", "a@good.example", "pass", "none", None),
            ("From: \"x, y\" <a@news.good.example>", "b@good.example", "pass", "none", None),
            ("From: a@good.example", "a@bad.example", "fail", "reject", Some(550)),
            ("From: a@else.example", "a@good.example", "none", "none", None),
        ] {
            for enforce in [false, true] {
                let (conversation, verdict) = judged(enforce, from, sender);
                let message = &conversation.contexts.message;
                assert_eq!(message.get("dmarc_status"), Some(status), "{from} {sender}");
                assert_eq!(message.get("dmarc_status_disposition"), Some(disposition));
                assert_eq!(conversation.code(), code.filter(|_| enforce), "{from} {sender}");
                assert_eq!(verdict == Verdict::Done, enforce && code.is_some());
                let header =
                    String::from_utf8(conversation.message.content.header_octets().to_vec()).unwrap();
                assert!(
                    header.replace("\r\n ", " ").contains(&format!("dmarc={status} header.from=")),
                    "{header}"
                );
            }
        }
    }

    #[test]
    fn nobody_answers_for_several_authors() {
        for from in [
            "From: a@good.example\r\nFrom: b@good.example",
            "From: a@good.example, b@else.example",
            "To: x",
            "From: x",
        ] {
            for (enforce, code) in [(false, None), (true, Some(550))] {
                let (conversation, _) = judged(enforce, from, "a@good.example");
                assert_eq!(conversation.contexts.message.get("dmarc_status"), Some("permerror"), "{from}");
                assert_eq!(conversation.code(), code);
            }
        }
    }
}
