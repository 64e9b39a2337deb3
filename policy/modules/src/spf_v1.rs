//! spf_v1: whether the sender's domain lets this client send (RFC 7208; spec module-details.md). Marks, never refuses:
//! the verdict is a context variable for policy.

use crate::identity::{add_results, put_first, spf_outcome, spf_query};
use authentication::Verdict as Found;
use authentication::results::Results;
use authentication::spf::{Outcome, Record, received_spf};
use config::{Bool, Instances, Integer, ModuleSyntax, Stanza, Text};
use mail::Phase;
use policy_api::{Answer, Ask, Finding, Host, Make, Module, ModuleDef, Verdict};
use std::rc::Rc;

config::options! {
    pub struct SpfOptions {
        /// Terms that stand for the record of a domain without one, which is then neutral; empty: it is `none`.
        default_rule: Text = "?all", in [module];
        /// False: no Received-SPF field is added.
        add_headers: Bool = "true", in [module];
        /// False: no Authentication-Results field is added.
        add_authentication_results: Bool = "true", in [module];
        /// Message variable of the verdict. `_domain` (who was judged) and `_explanation` stand beside it.
        context_variable: Text = "spf_status", in [module];
        /// Explanation of a failure whose domain gives none.
        fail_fallback_string: Text = "SPF validation failure", in [module];
        /// Explanation of a soft failure.
        softfail_fallback_string: Text = "SPF validation soft failure", in [module];
        /// Explanation where the sender's domain does not exist.
        nxdomain_override_string: Text = "Could not resolve sender's domain", in [module];
        /// Explanation where name servers fail.
        temperror_override_string: Text = "Temporary SPF failure", in [module];
    }
}

const FIXED: &[config::OptionDef] = config::definitions! {
    /// Fixed since version 3.0.
    pass_code: Integer = "250", in [module], tier 1 Ignored("spf_v1 never changes a reply; policy does, by the context variable");
    /// Fixed since version 3.0.
    fail_code: Integer = "250", in [module], tier 1 Ignored("spf_v1 never changes a reply; policy does, by the context variable");
    /// Fixed since version 3.0.
    softfail_code: Integer = "250", in [module], tier 1 Ignored("spf_v1 never changes a reply; policy does, by the context variable");
    /// Fixed since version 3.0.
    unknown_code: Integer = "250", in [module], tier 1 Ignored("spf_v1 never changes a reply; policy does, by the context variable");
    /// Fixed since version 3.0.
    permerror_code: Integer = "250", in [module], tier 1 Ignored("spf_v1 never changes a reply; policy does, by the context variable");
    /// Fixed since version 3.0.
    nxdomain_code: Integer = "250", in [module], tier 1 Ignored("spf_v1 never changes a reply; policy does, by the context variable");
};

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "spf_v1",
        instances: Instances::Many,
        options: &[SpfOptions::DEFINITIONS, FIXED],
        stanzas: &[],
    },
    &[Phase::Mailfrom, Phase::Data],
    make,
);

fn make(stanza: Stanza<'_>, make: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let options = SpfOptions::resolve(&stanza);
    let default_rule = match options.default_rule.trim() {
        "" => None,
        rule => Some(Record::rule(rule).map_err(|fault| {
            Finding::at(stanza, format!("default_rule: {fault}; expected terms of SPF such as ?all"))
        })?),
    };
    Ok(Rc::new(Spf::new(options, default_rule, make.hostname)))
}

struct Spf {
    options: SpfOptions,
    default_rule: Option<Record>,
    hostname: Box<str>,
    keys: Keys,
}

/// Message variables beside that of the verdict.
struct Keys {
    domain: String,
    explanation: String,
    /// The fields, from MAIL FROM until there is a header that they can be written to.
    received: String,
    results: String,
}

impl Module for Spf {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        if ask.phase == Phase::Data {
            self.write(ask);
            return Answer::Now(Verdict::Continue);
        }
        let rule = self.default_rule.clone();
        let Some((query, is_helo)) = spf_query(ask, &self.hostname, host.now().secs(), rule) else {
            return Answer::Now(Verdict::Continue);
        };
        Answer::Later(Box::pin(async move {
            let outcome = spf_outcome(&**host, query.clone()).await;
            let message = &mut ask.contexts.message;
            message.set(&self.options.context_variable, outcome.verdict.as_str());
            message.set(&self.keys.domain, &query.sender_domain);
            let explanation = self.explanation(&outcome);
            if !explanation.is_empty() {
                message.set(&self.keys.explanation, explanation);
            }
            // The fields can only be written when there is a header, and then the facts are gone.
            message.set(&self.keys.received, &received_spf(&outcome, &query, is_helo));
            let mut results = Results::new(&self.hostname);
            let property = if is_helo { "smtp.helo" } else { "smtp.mailfrom" };
            results.add("spf", outcome.verdict, None, &[(property, &query.sender_domain)]);
            message.set(&self.keys.results, &results.into_value());
            Verdict::Continue
        }))
    }
}

impl Spf {
    fn new(options: SpfOptions, default_rule: Option<Record>, hostname: &str) -> Self {
        let variable = &*options.context_variable;
        let keys = Keys {
            domain: format!("{variable}_domain"),
            explanation: format!("{variable}_explanation"),
            received: format!("#{variable}_received"),
            results: format!("#{variable}_results"),
        };
        Spf { options, default_rule, hostname: hostname.into(), keys }
    }

    fn explanation<'a>(&'a self, outcome: &'a Outcome) -> &'a str {
        let options = &self.options;
        match outcome.verdict {
            Found::Temperror => &options.temperror_override_string,
            _ if outcome.no_such_domain => &options.nxdomain_override_string,
            Found::Fail => outcome.explanation.as_deref().unwrap_or(&options.fail_fallback_string),
            Found::Softfail => &options.softfail_fallback_string,
            _ => "",
        }
    }

    fn write(&self, ask: &mut Ask<'_>) {
        let mut take = |key: &str| {
            let value = ask.contexts.message.get(key).map(str::to_owned);
            ask.contexts.message.remove(key);
            value
        };
        let (received, results) = (take(&self.keys.received), take(&self.keys.results));
        if let Some(value) = results.filter(|_| self.options.add_authentication_results) {
            add_results(ask, &self.hostname, &value);
        }
        if let Some(value) = received.filter(|_| self.options.add_headers) {
            put_first(&mut ask.message.content, "Received-SPF", &value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use mail::Address;
    use policy_api::testing::Conversation;

    fn module(options: SpfOptions) -> Spf {
        let default_rule =
            Record::rule(&options.default_rule).ok().filter(|_| !options.default_rule.is_empty());
        Spf::new(options, default_rule, "mx.example.org")
    }

    fn conversation(sender: Option<(&str, &str)>) -> Conversation {
        let mut conversation = Conversation::default();
        conversation.host.text("good.example", "v=spf1 ip4:192.0.2.0/24 -all");
        conversation.host.text("bad.example", "v=spf1 exp=why.example -all");
        conversation.host.text("why.example", "not %{i} for %{d}");
        conversation.host.text("plain.example", "v=spf1 ~all");
        conversation.contexts.connection.set("ehlo_domain", "good.example");
        conversation.message.sender = sender.map(|(local, domain)| Address::new(local, domain));
        conversation
    }

    #[test]
    fn the_verdict_is_a_variable_and_the_client_hears_nothing() {
        for (sender, status, domain, explanation) in [
            (Some(("a", "good.example")), "pass", "good.example", None),
            (Some(("a", "bad.example")), "fail", "bad.example", Some("not 192.0.2.1 for bad.example")),
            (Some(("a", "plain.example")), "softfail", "plain.example", Some("SPF validation soft failure")),
            (
                Some(("a", "gone.example")),
                "neutral",
                "gone.example",
                Some("Could not resolve sender's domain"),
            ),
            (None, "pass", "good.example", None),
        ] {
            let mut conversation = conversation(sender);
            let verdict = conversation.ask(&module(SpfOptions::defaults().clone()), Phase::Mailfrom);
            let message = &conversation.contexts.message;
            assert_eq!(verdict, Verdict::Continue);
            assert_eq!(conversation.code(), None);
            assert_eq!(message.get("spf_status"), Some(status), "{sender:?}");
            assert_eq!(message.get("spf_status_domain"), Some(domain));
            assert_eq!(message.get("spf_status_explanation"), explanation);
        }
    }

    #[test]
    fn fields_are_added_when_there_is_a_header_and_forged_ones_go() {
        for (add_headers, add_authentication_results) in
            [(true, true), (false, true), (true, false), (false, false)]
        {
            let options =
                SpfOptions { add_headers, add_authentication_results, ..SpfOptions::defaults().clone() };
            let module = module(options);
            let mut conversation = conversation(Some(("a", "good.example")));
            conversation.ask(&module, Phase::Mailfrom);
            let forged = b"Authentication-Results: (x) MX.example.org; spf=pass\r\nAuthentication-Results: else; none\r\nA: b\r\n\r\nx\r\n";
            conversation.message.content.replace(Bytes::from_static(forged));
            conversation.ask(&module, Phase::Data);
            let octets = conversation.message.content.octets();
            let text = String::from_utf8(octets.to_vec()).unwrap().replace("\r\n ", " ");
            assert_eq!(
                text.contains("Received-SPF: pass (mx.example.org: domain of good.example"),
                add_headers,
                "{text}"
            );
            let results = "Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=good.example\r\n";
            assert_eq!(text.contains(results), add_authentication_results, "{text}");
            assert_eq!(text.contains("(x)"), !add_authentication_results);
            assert!(text.contains("Results: else; none\r\nA: b\r\n\r\nx\r\n"), "{text}");
            assert!(conversation.contexts.message.iter().all(|(key, _)| !key.ends_with("_received")));
        }
    }
}
