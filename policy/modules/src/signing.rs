//! Signs with DKIM what the configuration says (spec module-details.md): which domain answers for a message, with which
//! keys. Shared by `opendkim` and the older `dkim_sign`. Keys are read off the shards, when the configuration is loaded.

use crate::identity::domains_of;
use authentication::dkim::{Algorithm, BodyHash, Canon, Recipe, Unsigned};
use authentication::{Fields, PrivateKey};
use bytes::Bytes;
use config::{Bool, ColonList, Found, Integer, Lookup, OptionDef, OptionalText, Stanza};
use content::Content;
use mail::MessageId;
use policy_api::{Ask, Finding, Host, Level, Make, Pool, Sources};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

config::words! {
    Canonicalization = "simple" | "relaxed"
    Digest = "rsa-sha1" | "rsa-sha256" | "ed25519-sha256"
}

config::options! {
    pub struct SignatureOptions {
        /// How the body is made canonical.
        body_canon: Canonicalization = "simple", in [module];
        /// How the header is made canonical.
        header_canon: Canonicalization = "simple", in [module];
        /// True: the signature says how long the body is, and what follows it is not signed.
        body_length_limit: Bool = "false", in [module];
        /// The algorithm. rsa-sha256 stands for that of the key; rsa-sha1 is refused (RFC 8301).
        digest: Digest = "rsa-sha256", in [module];
        /// PEM file of the private key, RSA of 2048 to 4096 bits or Ed25519; %{d} is the signing domain, %{s} the
        /// selector.
        key: OptionalText = "", in [module];
        /// The selector; several of them give as many signatures, each with its key.
        selector: ColonList = "", in [module];
        /// Context variable, of the message or of the connection, without which nothing is signed.
        sign_condition: OptionalText = "", in [module];
        /// Header fields that are signed, in this order; From is in any case.
        headerlist: ColonList = "", in [module];
        /// True: the signature quotes the fields that it signs.
        copy_headers: Bool = "false", in [module];
        /// Agent or user named in the signature, within the signing domain.
        identity: OptionalText = "", in [module];
        /// Hours that the signature is good for; 0 unlimited.
        lifetime: Integer = "0", in [module];
    }
}

config::options! {
    pub struct SignOptions {
        /// Whether the module opendkim signs mail of this scope.
        opendkim_sign: Bool = "true", in [binding, binding_group, domain, global], tier 2;
    }
}

config::options! {
    pub struct DomainOptions {
        /// The domain that signs for this one, one of its parents.
        base_domain: OptionalText = "", in [module];
    }
}

/// Of the module, and of a domain.
pub const UNBUILT: &[OptionDef] = config::definitions! {
    /// Keys remembered.
    keycache_size: Integer = "2048", in [module], tier 1 Ignored("keys are read when the configuration is loaded");
    /// Seconds that a key is remembered.
    pos_keycache_ttl: config::Seconds = "300", in [module], tier 1 Ignored("keys are read when the configuration is loaded");
    /// Seconds that a missing key is remembered.
    neg_keycache_ttl: config::Seconds = "3600", in [module], tier 1 Ignored("keys are read when the configuration is loaded");
    /// True: says that the domain is only trying.
    testing: Bool = "false", in [module], tier 1 Ignored("the key's record in the DNS says so, by t=y");
};

pub const UNBUILT_OF_DOMAIN: &[OptionDef] = config::definitions! {
    /// The same as keycache_size.
    key_cache_size: Integer = "2048", in [module], tier 1 Ignored("keys are read when the configuration is loaded");
};

/// The stanza of a domain over that of its module.
#[derive(Clone, Copy)]
struct Nested<'a>(Stanza<'a>, Stanza<'a>);

impl Lookup for Nested<'_> {
    fn find(&self, option: &'static OptionDef) -> Option<Found<'_>> {
        Lookup::find(&self.0, option).or_else(|| Lookup::find(&self.1, option))
    }
}

/// What one domain signs with.
struct Site {
    options: SignatureOptions,
    base_domain: Option<Box<str>>,
}

/// Which fields to sign, beyond the options of a signature.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub sign: Vec<Box<str>>,
    pub skip: Vec<Box<str>>,
    pub oversign: Vec<Box<str>>,
}

/// An instance of a signing module.
pub struct Signer {
    module: &'static str,
    domains: HashMap<String, Site>,
    /// For domains without a stanza of theirs.
    general: Site,
    names: Names,
    sources: Arc<Sources>,
    keys: RefCell<HashMap<PathBuf, Option<Arc<PrivateKey>>>>,
    recent: RefCell<VecDeque<Recent>>,
}

/// A signed copy of a message: its siblings, whose octets are the same, get the same fields.
struct Recent {
    batch: MessageId,
    domain: Box<str>,
    header: Bytes,
    body: Bytes,
    fields: Rc<str>,
}

/// Copies remembered; each keeps its body alive.
const RECENT: usize = 4;

/// The files that a stanza names; the folder where a name is only known with the message.
pub fn files(stanza: Stanza<'_>, domain_keyword: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let general = SignatureOptions::resolve(&stanza);
    if let Some(key) = &general.key {
        let fixed = key.split("%{").next().unwrap_or("");
        let folder = fixed.rfind('/').map_or("", |slash| &fixed[..slash]);
        match (key.contains("%{"), folder) {
            (false, _) => files.push(PathBuf::from(&**key)),
            (true, "") => {}
            (true, folder) => files.push(folder.into()),
        }
    }
    for (domain, site) in sites(stanza, domain_keyword) {
        files.extend(site.key_files(&domain).into_iter().map(|(_, path)| path));
    }
    files
}

fn sites(stanza: Stanza<'_>, domain_keyword: &str) -> Vec<(String, Site)> {
    let site = |child: Stanza<'_>| Site {
        options: SignatureOptions::resolve(&Nested(child, stanza)),
        base_domain: DomainOptions::resolve(&child).base_domain.as_deref().map(Into::into),
    };
    stanza
        .stanzas(domain_keyword)
        .map(|child| (mail::address::fold_domain(child.name()), site(child)))
        .collect()
}

impl Site {
    fn signing_domain<'a>(&'a self, domain: &'a str) -> &'a str {
        self.base_domain.as_deref().unwrap_or(domain)
    }

    /// Selector and file of each signature.
    fn key_files(&self, domain: &str) -> Vec<(Box<str>, PathBuf)> {
        let Some(key) = &self.options.key else { return Vec::new() };
        let file = |selector: &str| {
            key.replace("%{d}", self.signing_domain(domain)).replace("%{s}", selector).into()
        };
        self.options.selector.iter().map(|selector| ((&**selector).into(), file(selector))).collect()
    }
}

impl Signer {
    /// Refuses a configuration whose keys cannot be used.
    pub fn new(
        module: &'static str,
        stanza: Stanza<'_>,
        make: &Make<'_>,
        domain_keyword: &str,
        names: Names,
    ) -> Result<Signer, Finding> {
        let complaint = |text: String| Finding::at(stanza, text);
        let signer = Signer {
            module,
            domains: sites(stanza, domain_keyword).into_iter().collect(),
            general: Site { options: SignatureOptions::resolve(&stanza), base_domain: None },
            names,
            sources: make.sources.clone(),
            keys: RefCell::default(),
            recent: RefCell::default(),
        };
        let no_domain = String::new();
        let general = std::iter::once((&no_domain, &signer.general));
        for (domain, site) in general.chain(&signer.domains) {
            let options = &site.options;
            if options.digest == 0 {
                return Err(complaint(
                    "digest = rsa-sha1: nobody verifies it (RFC 8301); expected rsa-sha256".to_owned(),
                ));
            }
            let is_pattern = options.key.as_ref().is_some_and(|key| key.contains("%{d}"));
            if domain.is_empty() && is_pattern {
                continue;
            }
            if domain.is_empty() && (options.key.is_none() || options.selector.is_empty()) {
                continue;
            }
            for (_, file) in site.key_files(domain) {
                let key = signer
                    .load(&file)
                    .map_err(|fault| complaint(format!("key {}: {fault}", file.display())))?;
                if options.digest == 2 && key.algorithm() != Algorithm::Ed25519Sha256 {
                    return Err(complaint(format!(
                        "key {}: RSA, but digest = ed25519-sha256",
                        file.display()
                    )));
                }
                signer.keys.borrow_mut().insert(file, Some(Arc::new(key)));
            }
        }
        Ok(signer)
    }

    fn load(&self, file: &PathBuf) -> Result<PrivateKey, String> {
        PrivateKey::from_pem(self.sources.get(file)?).map_err(|fault| fault.to_string())
    }

    /// A key by its file; what cannot be used is reported once.
    fn key(&self, file: &PathBuf, host: &dyn Host) -> Option<Arc<PrivateKey>> {
        if let Some(known) = self.keys.borrow().get(file) {
            return known.clone();
        }
        let loaded = self.load(file).map(Arc::new);
        if let Err(fault) = &loaded {
            host.report(
                Level::Warning,
                &format!("{}: key {}: {fault}; not signed", self.module, file.display()),
            );
        }
        let loaded = loaded.ok();
        self.remember(file.clone(), loaded.clone());
        loaded
    }

    fn remember(&self, file: PathBuf, key: Option<Arc<PrivateKey>>) {
        /// Domains that a stranger can name are without end.
        const MOST_KEYS: usize = 65_536;
        let mut keys = self.keys.borrow_mut();
        if keys.len() < MOST_KEYS {
            keys.insert(file, key);
        }
    }

    /// Signs the message in hand, if somebody is there who signs for it.
    pub async fn sign(&self, ask: &mut Ask<'_>, host: &Rc<dyn Host>) {
        let Some(domain) = responsible_domain(&ask.message.content) else { return };
        let site = self.domains.get(&domain).unwrap_or(&self.general);
        if !site.condition_holds(ask) || !wants_signatures(ask, &**host) {
            return;
        }
        if let Some(fields) = self.recently(ask, &domain) {
            ask.message.content.prepend_written(fields.as_bytes());
            return;
        }
        let (header, body) =
            (ask.message.content.header_octets().clone(), ask.message.content.body().clone());
        let fields: Rc<str> = self.signatures(&ask.message.content, site, &domain, host).await.into();
        if fields.is_empty() {
            return;
        }
        ask.message.content.prepend_written(fields.as_bytes());
        host.counter("dkim:signed").add(1);
        let mut recent = self.recent.borrow_mut();
        recent.truncate(RECENT - 1);
        recent.push_front(Recent { batch: ask.message.batch, domain: domain.into(), header, body, fields });
    }

    fn recently(&self, ask: &Ask<'_>, domain: &str) -> Option<Rc<str>> {
        let content = &ask.message.content;
        let body = content.body();
        let recent = self.recent.borrow();
        let same = recent.iter().find(|signed| {
            signed.batch == ask.message.batch
                && *signed.domain == *domain
                && (signed.body.as_ptr(), signed.body.len()) == (body.as_ptr(), body.len())
                && signed.header == content.header_octets()
        });
        same.map(|signed| signed.fields.clone())
    }

    /// The fields of all signatures, the one of the last selector on top.
    async fn signatures(&self, content: &Content, site: &Site, domain: &str, host: &Rc<dyn Host>) -> String {
        let mut signed = String::new();
        let message = content.octets();
        let fields = Fields::of(&message);
        let mut body = None;
        for (selector, file) in site.key_files(domain) {
            let Some(key) = self.key(&file, &**host) else { continue };
            let recipe = self.recipe(site, domain, &selector);
            let hash = match &mut body {
                Some(hash) => hash,
                none => none.insert(hashed(&message[fields.body()..], recipe.body_canon, host).await),
            };
            let unsigned = recipe.unsigned(&message, &fields, hash, key.algorithm(), host.now().secs());
            signed = signature(unsigned, key, host).await + &signed;
        }
        signed
    }

    fn recipe(&self, site: &Site, domain: &str, selector: &str) -> Recipe {
        let options = &site.options;
        let canon = |index: usize| if index == 0 { Canon::Simple } else { Canon::Relaxed };
        Recipe {
            domain: site.signing_domain(domain).into(),
            selector: selector.into(),
            identity: options.identity.as_deref().map(Into::into),
            header_canon: canon(options.header_canon),
            body_canon: canon(options.body_canon),
            names: self.names.sign.clone(),
            skip: self.names.skip.clone(),
            oversign: self.names.oversign.clone(),
            body_length: options.body_length_limit,
            copy_headers: options.copy_headers,
            lifetime_s: u64::try_from(options.lifetime)
                .ok()
                .filter(|hours| *hours > 0)
                .map(|hours| hours * 3600),
        }
    }
}

impl Site {
    fn condition_holds(&self, ask: &Ask<'_>) -> bool {
        let Some(condition) = self.options.sign_condition.as_deref() else { return true };
        ask.contexts.message.get(condition).or(ask.contexts.connection.get(condition)).is_some()
    }
}

/// The domain of Sender, or else of From (spec module-details.md).
fn responsible_domain(content: &Content) -> Option<String> {
    domains_of(content, &["Sender"])
        .into_iter()
        .next()
        .or_else(|| domains_of(content, &["From"]).into_iter().next())
}

/// `opendkim_sign` of the scopes that a copy belongs to.
fn wants_signatures(ask: &Ask<'_>, host: &dyn Host) -> bool {
    let message = &ask.message;
    let own = || message.recipient.as_ref().map(mail::Address::folded_domain).unwrap_or_default();
    let domain = message.routing_domain.as_deref().map_or_else(own, Into::into);
    SignOptions::resolve(&host.outbound(&message.binding, &domain)).opendkim_sign
}

/// Hashes a body in steps, others having their turn between two of them.
pub async fn hashed(body: &[u8], canon: Canon, host: &Rc<dyn Host>) -> BodyHash {
    let mut hash = BodyHash::new(canon, None);
    while !hash.is_over() {
        hash.step(body);
        host.breathe().await;
    }
    hash
}

async fn signature(unsigned: Unsigned, key: Arc<PrivateKey>, host: &Rc<dyn Host>) -> String {
    let signature = signed(unsigned.octets.clone(), key, host).await;
    unsigned.signed(&signature)
}

/// Most of a millisecond with RSA, so that is done on a side thread; here if they have too much to do.
pub async fn signed(octets: Vec<u8>, key: Arc<PrivateKey>, host: &Rc<dyn Host>) -> Vec<u8> {
    if key.algorithm() == Algorithm::Ed25519Sha256 {
        return key.sign(&octets);
    }
    let octets = Arc::new(octets);
    let (theirs, octets_there) = (key.clone(), octets.clone());
    let done = host.work(Pool::Cpu, Box::new(move || Box::new(theirs.sign(&octets_there)))).await;
    match done.map(|signature| signature.downcast::<Vec<u8>>()) {
        Ok(Ok(signature)) => *signature,
        _ => {
            let signature = key.sign(&octets);
            host.breathe().await;
            signature
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use authentication::Verdict as Found;
    use authentication::dkim::{Limits, Verifier, Want};
    use config::{MemoryLoader, Registry, Snapshot};
    use mail::{Address, Phase};
    use policy_api::testing::{Conversation, FakeHost, run};
    use policy_api::{Module, Services};

    pub const RSA: &[u8] = include_bytes!("../../authentication/tests/keys/rsa2048.pem");
    const SHORT: &[u8] = include_bytes!("../../authentication/tests/keys/rsa1024.pem");
    pub const ED25519: &[u8] = include_bytes!("../../authentication/tests/keys/ed25519.pem");

    /// A configuration of all modules.
    pub fn loaded(text: &str) -> Snapshot {
        let syntaxes: Vec<_> = crate::MODULES.iter().map(|module| module.syntax).collect();
        let registry = Registry::new(&[], &syntaxes);
        let loader = MemoryLoader::default().with("/c.conf", text);
        config::load("/c.conf", &loader, &registry, &[]).unwrap().0
    }

    /// The module that the first stanza of a configuration makes, with the keys that it asked for.
    pub fn made(text: &str) -> Result<Rc<dyn Module>, Finding> {
        let snapshot = loaded(text);
        let stanza = snapshot.modules().next().unwrap();
        let definition = crate::named(stanza.keyword()).unwrap();
        let mut sources = Sources::default();
        for file in definition.files.map(|files| files(stanza)).unwrap_or_default() {
            match file.to_str().unwrap() {
                "/k/rsa" => sources.insert(file, RSA),
                "/k/short" => sources.insert(file, SHORT),
                "/k/ed" => sources.insert(file, ED25519),
                "/k" => ["rsa", "ed"]
                    .map(|name| (file.join(name), if name == "rsa" { RSA } else { ED25519 }))
                    .into_iter()
                    .for_each(|(path, key)| sources.insert(path, key)),
                _ => {}
            }
        }
        let make = Make {
            sources: &Arc::new(sources),
            services: &Rc::new(Services::default()),
            hostname: "mx.example.org",
            debug_level: Level::Error,
            shard: 0,
            shards: 1,
        };
        (definition.make)(stanza, &make)
    }

    pub fn outgoing(from: &str) -> Conversation {
        let mut conversation = Conversation::default();
        let text = format!("From: {from}\r\nTo: x@y.example\r\nSubject: hello\r\n\r\nHi.\r\n");
        conversation.message.content.replace(Bytes::from(text));
        conversation.message.recipient = Some(Address::new("x", "y.example"));
        for (name, pem) in [("rsa", RSA), ("ed", ED25519), ("s", RSA)] {
            let record = PrivateKey::from_pem(pem).unwrap().public_record();
            for domain in ["a.example", "parent.example"] {
                conversation.host.text(&format!("{name}._domainkey.{domain}"), &record);
            }
        }
        conversation
    }

    /// Domain and verdict of each signature.
    fn verified(conversation: &Conversation) -> Vec<(String, Found)> {
        let host: &FakeHost = &conversation.host;
        let mut verifier = Verifier::new(conversation.message.content.octets(), 0, Limits::default());
        while let Some(want) = verifier.want() {
            match want {
                Want::Ask(question) => {
                    let reply = run(crate::identity::reply_to(host, question));
                    verifier.answered(&reply);
                }
                Want::Compute => verifier.compute(),
            }
        }
        let results = verifier.results();
        results.map(|checked| (checked.signature.unwrap().domain.to_string(), checked.verdict)).collect()
    }

    #[test]
    fn the_configuration_says_who_signs_with_what() {
        let pass = |domains: &[&str]| {
            domains.iter().map(|domain| ((*domain).to_owned(), Found::Pass)).collect::<Vec<_>>()
        };
        for (stanza, from, expected) in [
            ("key = /k/rsa selector = s headerlist = ( from subject )", "j@a.example", pass(&["a.example"])),
            ("key = \"/k/%{s}\" selector = ( rsa ed )", "j@a.example", pass(&["a.example", "a.example"])),
            (
                "dkim_domain \"a.example\" { key = /k/ed selector = ed }",
                "J <j@A.example>",
                pass(&["a.example"]),
            ),
            ("dkim_domain \"a.example\" { key = /k/ed selector = ed }", "j@b.example", vec![]),
            (
                "key = /k/rsa selector = s dkim_domain \"a.example\" { base_domain = parent.example }",
                "=?utf-8?q?J=2C_X?= <j@a.example>",
                pass(&["parent.example"]),
            ),
            (
                "header_canon = relaxed body_canon = relaxed key = /k/rsa selector = s",
                "j@a.example",
                pass(&["a.example"]),
            ),
            ("key = \"/k/%{d}\" selector = s", "j@a.example", vec![]),
            ("selector = s", "j@a.example", vec![]),
        ] {
            let module = made(&format!("opendkim \"o\" {{ {} }}", stanza.replace(" ", "\n"))).unwrap();
            let mut conversation = outgoing(from);
            conversation.ask(&*module, Phase::FinalValidation);
            assert_eq!(verified(&conversation), expected, "{stanza}");
        }
    }

    #[test]
    fn keys_that_cannot_be_used_refuse_the_configuration() {
        for (stanza, expected) in [
            ("key = /k/short selector = s", "2048 to 4096 bits"),
            ("key = /k/none selector = s", "no such file"),
            ("dkim_domain \"a.example\" { key = /k/none selector = s }", "no such file"),
            ("key = /k/rsa selector = s digest = rsa-sha1", "RFC 8301"),
            ("key = /k/rsa selector = s digest = ed25519-sha256", "RSA, but"),
        ] {
            let Err(finding) = made(&format!("opendkim \"o\" {{ {} }}", stanza.replace(" ", "\n"))) else {
                panic!("{stanza} is refused");
            };
            let text = finding.to_string();
            assert!(text.starts_with("/c.conf:1:") && text.contains(expected), "{text}");
        }
    }

    #[test]
    fn conditions_and_scopes_decide_whether_a_message_is_signed() {
        for (key, scope, signed) in [
            (None, None, false),
            (Some("auth_user"), None, true),
            (Some("auth_user"), Some(""), false),
            (Some("auth_user"), Some("domain y.example {"), false),
            (Some("auth_user"), Some("domain else.example {"), true),
            (Some("auth_user"), Some("binding b {"), false),
        ] {
            let text = "opendkim \"o\" { key = /k/rsa\nselector = s\nsign_condition = auth_user }";
            let mut conversation = outgoing("j@a.example");
            conversation.message.binding = "b".into();
            if let Some(key) = key {
                conversation.contexts.connection.set(key, "x");
            }
            if let Some(scope) = scope {
                let end = if scope.is_empty() { "" } else { "}" };
                let text = format!("{scope}\nopendkim_sign = false\n{end}\n");
                assert!(conversation.host.configuration.set(loaded(&text)).is_ok());
            }
            conversation.ask(&*made(text).unwrap(), Phase::FinalValidation);
            assert_eq!(verified(&conversation).len() == 1, signed, "{key:?} {scope:?}");
        }
    }

    #[test]
    fn copies_of_one_message_share_their_signature_and_others_do_not() {
        let module = made("opendkim \"o\" { key = /k/rsa\nselector = s }").unwrap();
        let mut conversation = outgoing("j@a.example");
        let original = conversation.message.content.clone();
        let mut changed = original.clone();
        changed.set_body(Bytes::from_static(b"Ho.\r\n"));
        let counter =
            conversation.host.counters.borrow().get("dkim:signed").map_or(0, |counter| counter.get());
        assert_eq!(counter, 0);
        for (content, signed) in [(&original, 1), (&original, 1), (&changed, 2), (&original, 2)] {
            conversation.message.content = content.clone();
            conversation.ask(&*module, Phase::FinalValidation);
            assert_eq!(verified(&conversation), [("a.example".to_owned(), Found::Pass)]);
            assert_eq!(conversation.host.counters.borrow()["dkim:signed"].get(), signed);
        }
    }
}
