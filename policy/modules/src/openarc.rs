//! openarc: verifies the ARC chain of what comes in (RFC 8617; spec module-details.md), and seals what leaves when the
//! options of our own say with which key. Stands behind the module that signs with DKIM.

use crate::identity::reply_to;
use crate::signing::{hashed, signed};
use authentication::arc::{ChainVerifier, Sealing};
use authentication::dkim::{Recipe, Want};
use authentication::results::{Results, server_of};
use authentication::{Fields, PrivateKey, Verdict as Found};
use config::{ColonList, Instances, ModuleSyntax, OptionalText, Stanza};
use content::Content;
use mail::Phase;
use policy_api::{Answer, Ask, Finding, Host, Make, Module, ModuleDef, Verdict};
use std::rc::Rc;
use std::sync::Arc;

config::options! {
    pub struct OpenarcOptions {
        /// The domain that seals; without it chains are only verified.
        signing_domain: OptionalText = "", in [module];
        /// The selector of the key.
        selector: OptionalText = "", in [module];
        /// PEM file of the private key, RSA of 2048 to 4096 bits.
        keyfile: OptionalText = "", in [module];
        /// Header fields that are signed; empty: those that RFC 6376 recommends.
        headerlist: ColonList = "", in [module];
        /// Header fields signed once more than they occur.
        oversign_headerlist: ColonList = "", in [module];
    }
}

pub static MODULE: ModuleDef = ModuleDef {
    files: Some(|stanza| {
        OpenarcOptions::resolve(&stanza).keyfile.iter().map(|file| (&**file).into()).collect()
    }),
    ..ModuleDef::new(
        ModuleSyntax {
            name: "openarc",
            instances: Instances::Singleton,
            options: &[OpenarcOptions::DEFINITIONS],
            stanzas: &[],
        },
        &[Phase::DataSpool, Phase::FinalValidation],
        make,
    )
};

fn make(stanza: Stanza<'_>, make: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let options = OpenarcOptions::resolve(&stanza);
    let complaint = |text: String| Finding::at(stanza, text);
    let sealer = match (&options.signing_domain, &options.selector, &options.keyfile) {
        (None, None, None) => None,
        (Some(domain), Some(selector), Some(file)) => {
            let fault = |fault: String| complaint(format!("keyfile {file}: {fault}"));
            let pem = make.sources.get(&**file).map_err(fault)?;
            let key = PrivateKey::from_pem(pem).map_err(|found| fault(found.to_string()))?;
            let list = |list: &[Arc<str>]| list.iter().map(|name| (&**name).into()).collect();
            let mut recipe = Recipe::new(domain, selector);
            if !options.headerlist.is_empty() {
                recipe.names = list(&options.headerlist);
            }
            recipe.oversign = list(&options.oversign_headerlist);
            Some(Sealer { recipe, key: Arc::new(key) })
        }
        _ => return Err(complaint("signing_domain, selector and keyfile are needed together".to_owned())),
    };
    Ok(Rc::new(Openarc { sealer, hostname: make.hostname.into() }))
}

struct Openarc {
    sealer: Option<Sealer>,
    hostname: Box<str>,
}

struct Sealer {
    recipe: Recipe,
    key: Arc<PrivateKey>,
}

impl Module for Openarc {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        match (ask.phase, &self.sealer) {
            (Phase::DataSpool, _) => Answer::Later(Box::pin(async move {
                verify(ask, host).await;
                Verdict::Continue
            })),
            (_, Some(sealer)) => Answer::Later(Box::pin(async move {
                if ask.contexts.message.get("arc_cv").is_none() {
                    verify(ask, host).await;
                }
                let sealed = sealer.seal(ask, host, &self.hostname).await;
                ask.contexts.message.set("arc_seal", sealed);
                Verdict::Continue
            })),
            _ => Answer::Now(Verdict::Continue),
        }
    }
}

async fn verify(ask: &mut Ask<'_>, host: &Rc<dyn Host>) {
    let mut chain = ChainVerifier::new(ask.message.content.octets(), host.now().secs());
    while let Some(want) = chain.want() {
        match want {
            Want::Ask(question) => {
                let reply = reply_to(&**host, question).await;
                chain.answered(&reply);
            }
            Want::Compute => {
                chain.compute();
                host.breathe().await;
            }
        }
    }
    let verdict = chain.outcome().map_or(Found::None, |outcome| outcome.verdict);
    ask.contexts.message.set("arc_cv", verdict.as_str());
}

impl Sealer {
    /// `arc_seal`: ok, or skip where nothing can be added to the chain.
    async fn seal(&self, ask: &mut Ask<'_>, host: &Rc<dyn Host>, hostname: &str) -> &'static str {
        let chain = match ask.contexts.message.get("arc_cv") {
            Some("none") => Found::None,
            Some("pass") => Found::Pass,
            // Who meets a failed chain has nothing to add to it that anybody would believe.
            _ => return "skip",
        };
        let message = ask.message.content.octets();
        let fields = Fields::of(&message);
        let body = hashed(&message[fields.body()..], self.recipe.body_canon, host).await;
        let results = our_results(&ask.message.content, hostname, chain);
        let (algorithm, now_s) = (self.key.algorithm(), host.now().secs());
        let sealing = Sealing::new(&self.recipe, &message, &fields, &body, algorithm, &results, chain, now_s);
        let Some(sealing) = sealing else { return "skip" };
        let signature = signed(sealing.octets().to_vec(), self.key.clone(), host).await;
        let seal = sealing.signed(&signature, &message, &fields);
        let signature = signed(seal.octets().to_vec(), self.key.clone(), host).await;
        ask.message.content.prepend_written(seal.sealed(&signature).as_bytes());
        "ok"
    }
}

/// What this host has found, from its own Authentication-Results fields, and the chain.
fn our_results(content: &Content, hostname: &str, chain: Found) -> String {
    let mut results = Results::new(hostname);
    results.add("arc", chain, None, &[]);
    let mut value = results.into_value();
    for field in content.header().named("Authentication-Results") {
        let text = String::from_utf8_lossy(&field.value()).into_owned();
        let is_ours = server_of(&text).is_some_and(|name| name.eq_ignore_ascii_case(hostname));
        if let Some((_, methods)) =
            text.split_once(';').filter(|(_, methods)| is_ours && methods.trim() != "none")
        {
            value.push_str("; ");
            value.push_str(methods.trim());
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::tests::{made, outgoing};
    use policy_api::testing::Conversation;

    const STANZA: &str = "openarc { signing_domain = a.example\nselector = s\nkeyfile = /k/rsa }";

    fn passed(conversation: &mut Conversation, module: &dyn Module) {
        conversation.ask(module, Phase::DataSpool);
        conversation.ask(module, Phase::FinalValidation);
    }

    #[test]
    fn chains_are_verified_and_sealed_hop_by_hop() {
        let module = made(STANZA).unwrap();
        let mut conversation = outgoing("j@a.example");
        for (verified, sealed, instances) in [("none", "ok", 1), ("pass", "ok", 2)] {
            conversation.contexts.message.clear();
            passed(&mut conversation, &*module);
            let variables = &conversation.contexts.message;
            assert_eq!(variables.get("arc_cv"), Some(verified));
            assert_eq!(variables.get("arc_seal"), Some(sealed));
            assert_eq!(conversation.message.content.header().named("ARC-Seal").count(), instances);
        }
        conversation.message.content.set_body(&b"changed\r\n"[..]);
        conversation.contexts.message.clear();
        passed(&mut conversation, &*module);
        assert_eq!(conversation.contexts.message.get("arc_cv"), Some("fail"));
        assert_eq!(conversation.contexts.message.get("arc_seal"), Some("skip"));
    }

    #[test]
    fn our_results_are_sealed_and_those_of_others_are_not() {
        let module = made(STANZA).unwrap();
        let mut conversation = outgoing("j@a.example");
        crate::identity::put_first(
            &mut conversation.message.content,
            "Authentication-Results",
            "mx.example.org; spf=pass smtp.mailfrom=a.example",
        );
        crate::identity::put_first(
            &mut conversation.message.content,
            "Authentication-Results",
            "other.example; spf=fail",
        );
        passed(&mut conversation, &*module);
        let sealed =
            conversation.message.content.header().first("ARC-Authentication-Results").unwrap().text();
        assert_eq!(
            sealed.replace('\t', " "),
            "i=1; mx.example.org; arc=none; spf=pass smtp.mailfrom=a.example"
        );
    }

    #[test]
    fn half_a_sealer_refuses_the_configuration_and_none_verifies_only() {
        for text in [
            "openarc { selector = s }",
            "openarc { signing_domain = a.example\nselector = s\nkeyfile = /k/none }",
        ] {
            assert!(made(text).is_err(), "{text}");
        }
        let module = made("openarc { }").unwrap();
        let mut conversation = outgoing("j@a.example");
        passed(&mut conversation, &*module);
        assert_eq!(conversation.contexts.message.get("arc_cv"), Some("none"));
        assert_eq!(conversation.contexts.message.get("arc_seal"), None);
    }
}
