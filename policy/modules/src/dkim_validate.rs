//! dkim_validate: verifies the DKIM signatures of what comes in and says so in Authentication-Results
//! (spec module-details.md). Marks, never refuses.

use crate::identity::{add_results, dkim_domains, dkim_results, dkim_verified, note_dkim};
use authentication::results::Results;
use bytes::Bytes;
use config::{Instances, ModuleSyntax};
use mail::Phase;
use policy_api::{Answer, Ask, Host, Later, Module, ModuleDef, SignatureVerifier, Verdict};
use std::rc::Rc;

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax { name: "dkim_validate", instances: Instances::Any, options: &[], stanzas: &[] },
    &[Phase::Data],
    |_, make| {
        make.services.offer::<Rc<dyn SignatureVerifier>>("dkim_validate", Rc::new(ForScripts));
        Ok(Rc::new(DkimValidate { hostname: make.hostname.into() }))
    },
);

struct DkimValidate {
    hostname: Box<str>,
}

impl Module for DkimValidate {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        Answer::Later(Box::pin(async move {
            let verifier = dkim_verified(&**host, ask.message.content.octets()).await;
            note_dkim(&verifier, &mut ask.contexts.message);
            let mut results = Results::new(&self.hostname);
            dkim_results(&verifier, &mut results);
            add_results(ask, &self.hostname, &results.into_value());
            Verdict::Continue
        }))
    }
}

/// Verifies where the module is passive, or has not had its turn.
struct ForScripts;

impl SignatureVerifier for ForScripts {
    fn domains(&self, content: Bytes, host: &Rc<dyn Host>) -> Later<Vec<String>> {
        let host = host.clone();
        Box::pin(async move { dkim_domains(&dkim_verified(&*host, content).await) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy_api::testing::Conversation;

    /// RFC 8463 appendix A.3, its Ed25519 signature.
    const MESSAGE: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
";

    #[test]
    fn signatures_are_verified_and_reported() {
        for (text, status, domains, field) in [
            (MESSAGE.to_owned(), "pass", "football.example.com", "dkim=pass header.d=football.example.com"),
            (MESSAGE.replace("lost", "won"), "fail", "", "dkim=fail reason=\"body hash did not verify\""),
            ("From: a@b.example\n\nx\n".to_owned(), "none", "", "mx.example.org; dkim=none"),
        ] {
            let mut conversation = Conversation::default();
            let key = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
            conversation.host.text("brisbane._domainkey.football.example.com", key);
            conversation.message.content.replace(Bytes::from(text.replace('\n', "\r\n")));
            conversation.ask(&DkimValidate { hostname: "mx.example.org".into() }, Phase::Data);
            let variables = &conversation.contexts.message;
            assert_eq!(variables.get("dkim_status"), Some(status));
            assert_eq!(variables.get("dkim_domains"), Some(domains));
            let header = String::from_utf8(conversation.message.content.header_octets().to_vec()).unwrap();
            let unfolded = header.replace("\r\n ", " ").replace("\r\n\t", " ");
            assert!(
                unfolded.starts_with("Authentication-Results: mx.example.org; ") && unfolded.contains(field),
                "{unfolded}"
            );
            assert_eq!(conversation.code(), None);
        }
    }
}
