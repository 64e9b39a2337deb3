//! Who a client of a session is: AUTH against files that were read with the configuration, or against modules
//! (spec inbound-smtp.md §5.1).
//!
//! Law: a store is searched, never parsed as a whole on a shard; what is not found takes the way of what is.

use crate::ask::{Verdict, ask_hook};
use crate::judge::Conversation;
use crate::options::InboundOptions;
use config::{Found, Snapshot, Stanza, Value};
use logs::{Accounted, Accounting, Event};
use mail::{Dictionary, Phase, Reply};
use policy_api::{Finding, Hook, HookKind, Sources};
use smtp::sasl::{Exchange, Mechanism, Secret, Turn};
use smtp::server::replies::{AUTHENTICATION_FAILED, AUTHENTICATION_UNAVAILABLE};
use smtp::server::{Judgement, Session};
use std::path::PathBuf;
use std::sync::Arc;
use world::World;

/// The options that name stores.
const PARAMETERS: [(&str, Mechanism); 4] = [
    ("authdigestmd5parameters", Mechanism::DigestMd5),
    ("authcrammd5parameters", Mechanism::CramMd5),
    ("authloginparameters", Mechanism::Login),
    ("authplainparameters", Mechanism::Plain),
];

/// What a listener knows of authentication.
#[derive(Debug, Default)]
pub(crate) struct Authentication {
    stores: Vec<Store>,
    /// `always_allow`: everybody passes, as `anonymous`.
    allows: bool,
    /// `always_deny`: nobody does.
    denies: bool,
}

/// Where one mechanism finds its users.
#[derive(Debug)]
struct Store {
    mechanism: Mechanism,
    uri: Box<str>,
    realm: Box<str>,
    content: Content,
    logs: bool,
}

#[derive(Debug)]
enum Content {
    /// `digest://`: `user:realm:hash`, or with `stored_cleartext` `user:realm:password`.
    Digests { file: Arc<[u8]>, in_clear: bool },
    /// `file://`: `user:password`.
    Passwords(Arc<[u8]>),
    /// Any other scheme: the modules know.
    Modules,
    /// The file could not be read: whoever asks may ask again later.
    Missing,
}

impl Authentication {
    /// A store whose file could not be read answers that it cannot tell; `findings` says why.
    pub fn new(options: &InboundOptions, sources: &Sources, hostname: &str) -> Self {
        let dictionaries = [
            &options.authdigestmd5parameters,
            &options.authcrammd5parameters,
            &options.authloginparameters,
            &options.authplainparameters,
        ];
        let named = PARAMETERS.into_iter().zip(dictionaries);
        let stores = named
            .filter_map(|((_, mechanism), parameters)| Store::new(mechanism, parameters, sources, hostname));
        Authentication { stores: stores.collect(), allows: options.always_allow, denies: options.always_deny }
    }

    /// What can be checked.
    pub fn mechanisms(&self) -> Vec<Mechanism> {
        if self.allows || self.denies {
            return Mechanism::ALL.to_vec();
        }
        self.stores.iter().map(|store| store.mechanism).collect()
    }

    fn store(&self, mechanism: Mechanism) -> Option<&Store> {
        self.stores.iter().find(|store| store.mechanism == mechanism)
    }
}

impl Store {
    fn new(
        mechanism: Mechanism,
        parameters: &Dictionary,
        sources: &Sources,
        hostname: &str,
    ) -> Option<Store> {
        let uri = parameters.get("uri")?;
        let content = match uri.split_once("://")? {
            ("digest", path) => sources.get(path).map_or(Content::Missing, |file| {
                let in_clear = parameters.is_true("stored_cleartext");
                Content::Digests { file: file.clone(), in_clear }
            }),
            ("file", path) => {
                sources.get(path).map_or(Content::Missing, |file| Content::Passwords(file.clone()))
            }
            _ => Content::Modules,
        };
        Some(Store {
            mechanism,
            uri: uri.into(),
            realm: parameters.get("realm").unwrap_or(hostname).into(),
            content,
            logs: parameters.is_true("log_authentication"),
        })
    }

    /// What the file says of a user.
    fn find(&self, user: &str) -> Option<Secret> {
        match &self.content {
            Content::Passwords(file) => line_of(file, &format!("{user}:")).map(Secret::Password),
            Content::Digests { file, in_clear } => {
                let rest = line_of(file, &format!("{user}:{}:", self.realm))?;
                if *in_clear {
                    return Some(Secret::Password(rest));
                }
                mail::md5::unhex(&rest)?.try_into().ok().map(Secret::Digest)
            }
            Content::Modules | Content::Missing => None,
        }
    }
}

/// What follows `start` on the line that begins with it.
fn line_of(file: &[u8], start: &str) -> Option<String> {
    let mut lines = file.split(|octet| *octet == b'\n');
    let rest = lines.find_map(|line| line.strip_prefix(start.as_bytes()))?;
    let rest = rest.strip_suffix(b"\r").unwrap_or(rest);
    Some(std::str::from_utf8(rest).ok()?.to_owned())
}

/// Every file that some listener takes users from.
pub(crate) fn files(stanza: Stanza<'_>) -> Vec<PathBuf> {
    named(stanza).iter().filter_map(|named| Some(file_of(named.uri.as_deref()?)?.into())).collect()
}

/// What is wrong with the stores that listeners name: nobody can authenticate against them.
pub(crate) fn findings(snapshot: &Snapshot, sources: &Sources) -> Vec<Finding> {
    let wrong = |named: &Named<'_>| match named.uri.as_deref() {
        None => Some("it names no store; expected uri = \"file:///path\", or another scheme".to_owned()),
        Some(uri) if !uri.contains("://") => Some(format!("'{uri}' is no store; expected SCHEME://…")),
        Some(uri) => file_of(uri).and_then(|path| sources.get(path).err()).map(|why| format!("{uri}: {why}")),
    };
    let complain = |named: Named<'_>| {
        let text = format!("'{}': {}", named.option, wrong(&named)?);
        let place = snapshot.objection(&named.found, &text).place;
        Some(Finding::new(place.map(|spot| spot.position.to_string()).unwrap_or_default(), text))
    };
    named(snapshot.root()).into_iter().filter_map(complain).collect()
}

/// A store as the configuration names it.
struct Named<'a> {
    option: &'static str,
    found: Found<'a>,
    uri: Option<String>,
}

fn named(stanza: Stanza<'_>) -> Vec<Named<'_>> {
    let mut all: Vec<Named<'_>> = stanza.children().flat_map(named).collect();
    for (option, _) in PARAMETERS {
        let Some(found) = stanza.value(option) else { continue };
        let Value::Dictionary(pairs) = found.value else { continue };
        let uri = pairs.iter().rfind(|(key, _)| key.text.eq_ignore_ascii_case("uri"));
        all.push(Named { option, uri: uri.map(|(_, uri)| uri.text.to_string()), found });
    }
    all
}

fn file_of(uri: &str) -> Option<&str> {
    uri.split_once("://").filter(|(scheme, _)| matches!(*scheme, "digest" | "file")).map(|(_, path)| path)
}

impl<W: World> Conversation<W> {
    /// One step of the exchange that the session wants to go on with.
    pub async fn authenticate(&mut self, session: &mut Session, stream: &W::Stream) {
        let settings = self.settings.clone();
        let authentication = &settings.authentication;
        let (mechanism, response, is_first) = session.sasl();
        let store = authentication.store(mechanism);
        if is_first {
            let realm = store.map_or(&*settings.site.hostname, |store| &store.realm);
            let nonce = format!("{:016x}{:016x}", self.shard.world.chance(), self.shard.world.chance());
            self.exchange = Some(Exchange::new(mechanism, realm, &nonce));
        }
        if store.is_some_and(|store| matches!(store.content, Content::Missing)) {
            self.exchange = None;
            self.auth_reply = Some(AUTHENTICATION_UNAVAILABLE);
        }
        let Some(mut exchange) = self.exchange.take() else {
            return self.end_authentication(None, "", mechanism, session, stream).await;
        };
        let mut turn = exchange.told(response);
        loop {
            turn = match turn {
                Turn::Challenge(text) => {
                    self.exchange = Some(exchange);
                    return session.challenge(&text, self.shard.world.now());
                }
                Turn::Check { user, password } => {
                    let is_right = match (authentication.denies, authentication.allows, store) {
                        (true, ..) => false,
                        (_, true, _) => true,
                        (.., Some(store)) => self.check(store, &user, &password).await,
                        _ => false,
                    };
                    exchange.checked(is_right)
                }
                Turn::Find { user } => {
                    let secret = match store.filter(|_| !authentication.denies) {
                        Some(store) => self.find(store, &user).await,
                        None => None,
                    };
                    exchange.found(secret)
                }
                Turn::Done { user } => {
                    let user = if authentication.allows { "anonymous" } else { &user };
                    return self.end_authentication(Some(user), user, mechanism, session, stream).await;
                }
                Turn::Failed { user } => {
                    // Whoever is let in need not prove anything.
                    let proved = (authentication.allows && !authentication.denies).then_some("anonymous");
                    return self.end_authentication(proved, &user, mechanism, session, stream).await;
                }
            };
        }
    }

    async fn check(&mut self, store: &Store, user: &str, password: &str) -> bool {
        if !matches!(store.content, Content::Modules) {
            let known = store.find(user).unwrap_or(Secret::Password(String::new()));
            return match known {
                Secret::Password(known) => {
                    !known.is_empty() && mail::md5::equal(known.as_bytes(), password.as_bytes())
                }
                Secret::Digest(known) => {
                    let given = mail::md5::md5(format!("{user}:{}:{password}", store.realm).as_bytes());
                    mail::md5::equal(&known, &given)
                }
            };
        }
        let host = self.host();
        let (mut passes, mut reply) = (None, None);
        let mut hook = Hook::PerformAuth {
            client: &self.client,
            contexts: &mut self.contexts,
            mechanism: store.mechanism.name(),
            uri: &store.uri,
            user,
            password,
            passes: &mut passes,
            reply: &mut reply,
        };
        ask_hook(&host, &mut hook).await;
        self.auth_reply = reply;
        passes.unwrap_or(false)
    }

    async fn find(&mut self, store: &Store, user: &str) -> Option<Secret> {
        if !matches!(store.content, Content::Modules) {
            return store.find(user);
        }
        let host = self.host();
        let (mut password, mut digest) = (None, None);
        let mut hook = Hook::FindPassword {
            uri: &store.uri,
            user,
            mechanism: store.mechanism.name(),
            realm: &store.realm,
            password: &mut password,
            digest: &mut digest,
        };
        ask_hook(&host, &mut hook).await;
        let known = password.map(|password: Box<str>| Secret::Password(password.into()));
        known.or(digest.map(Secret::Digest))
    }

    /// The variables, what policy says of it, the logs.
    pub async fn end_authentication(
        &mut self,
        proved: Option<&str>,
        user: &str,
        mechanism: Mechanism,
        session: &mut Session,
        stream: &W::Stream,
    ) {
        let state = session.state();
        let connection = &mut self.contexts.connection;
        connection.set("auth_name", mechanism.name());
        connection.set("auth_user", user);
        let failed = match &self.auth_reply {
            Some(reply) if reply.is_transient() => "error",
            _ => "fail",
        };
        connection.set("auth_status", if proved.is_some() { "pass" } else { failed });
        let mut verdict = self.judge_session(Phase::Auth, session, stream).await;
        if verdict.disposition.reply.is_none() {
            verdict.disposition.reply = self.auth_reply.take();
        }
        let passes = proved.is_some() && !verdict.disposition.refuses();
        if passes {
            self.contexts.connection.set("can_relay", "true");
            self.client.user = Some(user.into());
        } else {
            self.contexts.connection.set("auth_status", failed);
            let refusal = verdict.disposition.reply.get_or_insert(AUTHENTICATION_FAILED);
            if refusal.is_success() {
                *refusal = AUTHENTICATION_FAILED;
            }
            self.tell_of_failure(user, &verdict).await;
        }
        self.account(mechanism, user, passes);
        let judgement: Judgement = self.settle(verdict, state);
        session.authenticated(proved.filter(|_| passes), judgement, self.shard.world.now());
    }

    async fn tell_of_failure(&mut self, user: &str, verdict: &Verdict) {
        if !self.settings.site.pipeline.has_hook(HookKind::LogAuthFailure) {
            return;
        }
        let host = self.host();
        let reply: Reply = verdict.disposition.reply.clone().unwrap_or(AUTHENTICATION_FAILED);
        let (client, contexts) = (&self.client, &mut self.contexts);
        ask_hook(&host, &mut Hook::LogAuthFailure { client, contexts, user, reply: &reply }).await;
    }

    /// `log_authentication`
    fn account(&self, mechanism: Mechanism, user: &str, succeeded: bool) {
        if !self.settings.authentication.store(mechanism).is_some_and(|store| store.logs) {
            return;
        }
        self.shard.record(&Event::Accounting(Accounting {
            listener: &self.settings.endpoint.to_string(),
            peer: self.client.peer,
            user,
            what: Accounted::Authentication { succeeded },
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(uri: &str, in_clear: bool) -> Store {
        let mut sources = Sources::default();
        sources.insert("/p", &b"# users\nann:pencil\r\nbob:with:colon\n"[..]);
        let hash = mail::md5::hex(&mail::md5::md5(b"ann:r.example:pencil"));
        sources.insert("/d", format!("# users\nann:other:00\nann:r.example:{hash}\n").into_bytes());
        sources.insert("/c", &b"ann:r.example:pencil\n"[..]);
        let mut parameters = Dictionary::default();
        parameters.set("uri", uri);
        parameters.set("realm", "r.example");
        if in_clear {
            parameters.set("stored_cleartext", "true");
        }
        Store::new(Mechanism::DigestMd5, &parameters, &sources, "mx.example").unwrap()
    }

    #[test]
    fn users_are_found_by_their_whole_name() {
        let password = |text: &str| Some(Secret::Password(text.into()));
        let digest = Some(Secret::Digest(mail::md5::md5(b"ann:r.example:pencil")));
        for (uri, in_clear, user, expected) in [
            ("file:///p", false, "ann", password("pencil")),
            ("file:///p", false, "bob", password("with:colon")),
            ("file:///p", false, "an", None),
            ("file:///p", false, "# users\nann", None),
            ("file:///p", false, "", None),
            ("digest:///d", false, "ann", digest),
            ("digest:///d", false, "bob", None),
            ("digest:///c", true, "ann", password("pencil")),
            ("ac_auth://x", false, "ann", None),
        ] {
            assert_eq!(store(uri, in_clear).find(user), expected, "{uri} {user}");
        }
        let mut missing = Dictionary::default();
        missing.set("uri", "file:///missing");
        let store = Store::new(Mechanism::Plain, &missing, &Sources::default(), "mx.example").unwrap();
        assert!(matches!(store.content, Content::Missing) && store.find("ann").is_none());
    }
}
