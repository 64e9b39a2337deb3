//! auth_ds: users of AUTH in data sources, one URI scheme for each stanza `Scheme` (spec module-details.md, auth_ds).
//!
//! The law: a source that fails costs its client a temporary refusal, never an entry.

use crate::stored_password::Kind;
use crate::template::Template;
use config::{Bool, Dictionary, Instances, ModuleSyntax, OptionDef, OptionalText, Stanza, StanzaSyntax};
use data::{Cell, DataFault, Datasources, Parameters, Rows};
use mail::Reply;
use policy_api::{Answer, Finding, Hook, HookKind, Host, Level, Make, Module, ModuleDef, Pool, Verdict};
use std::borrow::Cow;
use std::rc::Rc;

config::options! {
    pub struct AuthenticateOptions {
        /// The data source that knows the users.
        cache: OptionalText = "", in [module];
        /// What is asked: `SELECT password FROM users WHERE name = :user`.
        query: OptionalText = "", in [module];
        /// Value of each placeholder; `%{username}`, `%{password}`, `%{realm}` and `%{crypt}` (clear, hmac_md5 or
        /// digest-md5) are filled in.
        map: Dictionary = "", in [module];
        /// True: the answer holds the stored password, which is compared here. False: the first cell of the first row
        /// says whether the user is one.
        returns_password: Bool = "false", in [module];
        /// Column of the password; the first if unset.
        password_column: OptionalText = "", in [module];
        /// How passwords are stored: clear, digest-md5, md5, md5_hex, md5_base64, sha1_hex, sha1_base64, smd5, ssha1,
        /// rfc2307 or ucrypt; clear if neither this nor `type_column` is set.
        r#type: OptionalText = "", in [module];
        /// Column that says how this one is stored.
        type_column: OptionalText = "", in [module];
        /// What the values of that column mean; a value that is not here names its form itself.
        type_map: Dictionary = "", in [module];
    }
}

/// Groups are for roles of the console, which are named by user here.
const GROUPS: &[OptionDef] = config::definitions! {
    /// Data source to ask.
    cache: OptionalText = "", in [module], tier 1 Coming("groups of users of the console");
    /// The question.
    query: OptionalText = "", in [module], tier 1 Coming("groups of users of the console");
    /// What stands for each parameter of the question.
    map: Dictionary = "", in [module], tier 1 Coming("groups of users of the console");
    /// Column of the groups; the first if unset.
    group_column: OptionalText = "", in [module], tier 1 Coming("groups of users of the console");
};

static IN_SCHEME: [StanzaSyntax; 3] = [
    StanzaSyntax {
        keyword: "Authenticate",
        named: false,
        options: &[AuthenticateOptions::DEFINITIONS],
        stanzas: &[],
    },
    StanzaSyntax { keyword: "QueryGroups", named: false, options: &[GROUPS], stanzas: &[] },
    StanzaSyntax { keyword: "EnumGroups", named: false, options: &[GROUPS], stanzas: &[] },
];

static SCHEME: [StanzaSyntax; 1] =
    [StanzaSyntax { keyword: "Scheme", named: true, options: &[], stanzas: &IN_SCHEME }];

pub static MODULE: ModuleDef = ModuleDef {
    hooks: &[HookKind::PerformAuth, HookKind::FindPassword],
    ..ModuleDef::new(
        ModuleSyntax { name: "auth_ds", instances: Instances::Singleton, options: &[], stanzas: &SCHEME },
        &[],
        make,
    )
};

const NAMES: [&str; 4] = ["username", "password", "realm", "crypt"];

fn make(stanza: Stanza<'_>, make: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let sources = Datasources::of(make.services);
    let mut schemes = Vec::new();
    for named in stanza.stanzas("scheme") {
        for inner in named.stanzas("authenticate") {
            schemes.push(Scheme::new(named.name(), inner, &sources)?);
        }
    }
    Ok(Rc::new(AuthDs { schemes, sources, realm: make.hostname.into() }))
}

struct AuthDs {
    schemes: Vec<Scheme>,
    sources: Datasources,
    /// Of passwords that are hashed with one, where the client names none.
    realm: Box<str>,
}

struct Scheme {
    name: Box<str>,
    cache: Box<str>,
    query: Box<str>,
    map: Vec<(String, Template)>,
    password: Option<Stored>,
}

/// Where the password stands, if the answer holds it.
struct Stored {
    column: Option<Box<str>>,
    form: Form,
}

enum Form {
    Always(Kind),
    Column { name: Box<str>, meanings: Vec<(Box<str>, Kind)> },
}

/// Who wants to be let in.
struct Claim<'a> {
    user: &'a str,
    password: &'a str,
    realm: &'a str,
    crypt: &'a str,
}

impl Scheme {
    fn new(name: &str, stanza: Stanza<'_>, sources: &Datasources) -> Result<Scheme, Finding> {
        let options = AuthenticateOptions::resolve(&stanza);
        let wrong = |text: String| Finding::at(stanza, format!("auth_ds scheme \"{name}\": {text}"));
        let needed = |value: &Option<std::sync::Arc<str>>, option: &str| {
            value.as_deref().map(Box::from).ok_or_else(|| wrong(format!("{option} is missing")))
        };
        let cache: Box<str> = needed(&options.cache, "cache")?;
        if sources.named(&cache).is_none() {
            return Err(wrong(DataFault::Unknown(cache).to_string()));
        }
        let map = options.map.iter().map(|(key, value)| Ok((key.to_owned(), Template::new(value, &NAMES)?)));
        let map = map.collect::<Result<_, String>>().map_err(|text| wrong(format!("map: {text}")))?;
        let stored = || -> Result<Stored, String> {
            let meanings = options.type_map.iter().map(|(key, kind)| Ok((key.into(), Kind::named(kind)?)));
            let form = match (&options.type_column, &options.r#type) {
                (Some(column), _) => Form::Column {
                    name: (**column).into(),
                    meanings: meanings.collect::<Result<_, String>>()?,
                },
                (None, Some(kind)) => Form::Always(Kind::named(kind)?),
                (None, None) => Form::Always(Kind::Clear),
            };
            Ok(Stored { column: options.password_column.as_deref().map(Box::from), form })
        };
        Ok(Scheme {
            name: name.into(),
            query: needed(&options.query, "query")?,
            map,
            password: options.returns_password.then(stored).transpose().map_err(wrong)?,
            cache,
        })
    }

    fn parameters(&self, claim: &Claim<'_>) -> Parameters {
        let value = |name: &str| match name {
            "username" => Cow::Owned(claim.user.to_owned()),
            "password" => Cow::Owned(claim.password.to_owned()),
            "realm" => Cow::Owned(claim.realm.to_owned()),
            _ => Cow::Owned(claim.crypt.to_owned()),
        };
        let filled = self.map.iter().map(|(key, template)| (key.clone(), Cell::from(template.fill(value))));
        Parameters::Named(filled.collect())
    }
}

impl Stored {
    /// The stored password and its form; none: there is no such user.
    fn find(&self, rows: &Rows) -> Result<Option<(String, Kind)>, String> {
        let column =
            |name: &str| rows.column(name).ok_or_else(|| format!("the answer has no column '{name}'"));
        let at = self.column.as_deref().map_or(Ok(0), column)?;
        let Some(row) = rows.rows.first() else { return Ok(None) };
        let text = |at: usize| row.get(at).and_then(Cell::text).map(Cow::into_owned);
        let Some(password) = text(at) else { return Ok(None) };
        let kind = match &self.form {
            Form::Always(kind) => *kind,
            Form::Column { name, meanings } => {
                let word = text(column(name)?).unwrap_or_default();
                let meant = meanings.iter().find(|(key, _)| key.eq_ignore_ascii_case(&word));
                meant.map_or_else(|| Kind::named(&word), |(_, kind)| Ok(*kind))?
            }
        };
        Ok(Some((password, kind)))
    }
}

impl Module for AuthDs {
    fn hook<'a>(&'a self, hook: &'a mut Hook<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        let (Hook::PerformAuth { uri, .. } | Hook::FindPassword { uri, .. }) = &*hook else {
            return Answer::Now(Verdict::Continue);
        };
        let name = uri.split_once("://").map_or("", |(name, _)| name);
        let Some(scheme) = self.schemes.iter().find(|scheme| scheme.name.eq_ignore_ascii_case(name)) else {
            return Answer::Now(Verdict::Continue);
        };
        Answer::Later(Box::pin(async move {
            if let Err(text) = self.answer(scheme, hook, host).await {
                host.report(Level::Error, &format!("auth_ds: {}: {text}", scheme.name));
                if let Hook::PerformAuth { passes, reply, .. } = hook {
                    **passes = Some(false);
                    **reply = Some(Reply::fixed(454, (4, 7, 0), "Temporary authentication failure"));
                }
            }
            Verdict::Done
        }))
    }
}

impl AuthDs {
    async fn answer(&self, scheme: &Scheme, hook: &mut Hook<'_>, host: &Rc<dyn Host>) -> Result<(), String> {
        match hook {
            Hook::PerformAuth { user, password, passes, .. } => {
                let claim = Claim { user, password, realm: &self.realm, crypt: "clear" };
                **passes = Some(self.check(scheme, &claim, host).await?);
            }
            Hook::FindPassword { user, mechanism, realm, password, digest, .. } => {
                let crypt = if *mechanism == "CRAM-MD5" { "hmac_md5" } else { "digest-md5" };
                let claim = Claim { user, password: "", realm, crypt };
                match self.stored(scheme, &claim, host).await? {
                    Some((known, Kind::Clear)) => **password = Some(known.into()),
                    Some((known, Kind::DigestMd5)) => {
                        **digest = mail::md5::unhex(&known).and_then(|octets| octets.try_into().ok());
                    }
                    Some((_, kind)) => {
                        return Err(format!("{mechanism} needs clear passwords or digest-md5, not {kind:?}"));
                    }
                    None => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn rows(
        &self,
        scheme: &Scheme,
        claim: &Claim<'_>,
        host: &Rc<dyn Host>,
    ) -> Result<Rc<Rows>, String> {
        let answer = self.sources.query(host, &scheme.cache, &scheme.query, scheme.parameters(claim)).await;
        answer.map_err(|fault| fault.to_string())
    }

    /// None: no such user, or the source keeps passwords to itself.
    async fn stored(
        &self,
        scheme: &Scheme,
        claim: &Claim<'_>,
        host: &Rc<dyn Host>,
    ) -> Result<Option<(String, Kind)>, String> {
        let Some(stored) = &scheme.password else { return Ok(None) };
        stored.find(&*self.rows(scheme, claim, host).await?)
    }

    async fn check(&self, scheme: &Scheme, claim: &Claim<'_>, host: &Rc<dyn Host>) -> Result<bool, String> {
        if scheme.password.is_none() {
            let rows = self.rows(scheme, claim, host).await?;
            return Ok(rows.first().is_some_and(Cell::is_true));
        }
        let Some((known, kind)) = self.stored(scheme, claim, host).await? else { return Ok(false) };
        if !kind.is_slow(&known) {
            return Ok(kind.verify(&known, claim.user, claim.realm, claim.password));
        }
        let (user, realm, password) =
            (claim.user.to_owned(), claim.realm.to_owned(), claim.password.to_owned());
        let job = move || -> Box<dyn std::any::Any + Send> {
            Box::new(kind.verify(&known, &user, &realm, &password))
        };
        let done = host.work(Pool::Cpu, Box::new(job)).await.map_err(|fault| fault.to_string())?;
        Ok(done.downcast::<bool>().is_ok_and(|is_right| *is_right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::{Database, made};
    use policy_api::Client;
    use policy_api::testing::{Conversation, run};

    const USERS: &str = "create table users (name text, pass text, form text); insert into users values \
        ('ann', 'secret', 'plain'), ('bob', '5ebe2294ecd0e0f08eab7690d2a6ee69', 'md5'), \
        ('cid', '$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.', 'ucrypt'), \
        ('dan', 'c0376b98fbfd46ea74f457f803f64625', 'digest-md5'), ('eve', 'secret', 'rot13'), ('fay', null, 'plain')";

    fn scheme(inside: &str) -> String {
        format!("auth_ds {{ Scheme \"db\" {{ Authenticate {{ cache = \"users\" {inside} }} }} }}")
    }

    struct Asked {
        passes: Option<bool>,
        reply: Option<u16>,
        reported: Vec<String>,
    }

    fn ask(module: &Rc<dyn Module>, uri: &str, user: &str, password: &str) -> Asked {
        let mut conversation = Conversation::default();
        let host: Rc<dyn Host> = conversation.host.clone();
        let client: &Client = &conversation.client;
        let (mut passes, mut reply) = (None, None);
        let mut hook = Hook::PerformAuth {
            client,
            contexts: &mut conversation.contexts,
            mechanism: "PLAIN",
            uri,
            user,
            password,
            passes: &mut passes,
            reply: &mut reply,
        };
        if let Answer::Later(answer) = module.hook(&mut hook, &host) {
            run(answer);
        }
        Asked { passes, reply: reply.map(|reply| reply.code), reported: conversation.host.reported() }
    }

    #[test]
    fn a_user_is_who_the_source_says_is_one() {
        let database = Database::new("truth", USERS);
        let query = "query = \"select count(*) from users where name = :user and pass = :pass\" \
            map = [ user = \"%{username}\" pass = \"%{password}\" ]";
        let module = made(&MODULE, &(database.stanza("users") + &scheme(query))).unwrap();
        for (uri, user, password, expected) in [
            ("db://", "ann", "secret", Some(true)),
            ("DB://x", "ann", "secret", Some(true)),
            ("db://", "ann", "wrong", Some(false)),
            ("db://", "nobody", "secret", Some(false)),
            ("db://", "ann' or '1'='1", "x' or '1'='1", Some(false)),
            ("other://", "ann", "secret", None),
        ] {
            let asked = ask(&module, uri, user, password);
            assert_eq!((asked.passes, asked.reply), (expected, None), "{uri} {user} {password}");
        }
    }

    #[test]
    fn a_stored_password_is_compared_in_its_form() {
        let database = Database::new("stored", USERS);
        let query = "query = \"select form, pass from users where name = :user\" map = [ user = \"%{username}\" ] \
            returns_password = true password_column = \"pass\" type_column = \"form\" type_map = [ plain = \"clear\" ]";
        let module = made(&MODULE, &(database.stanza("users") + &scheme(query))).unwrap();
        for (user, password, expected) in [
            ("ann", "secret", true),
            ("ann", "Secret", false),
            ("ann", "", false),
            ("bob", "secret", true),
            ("bob", "5ebe2294ecd0e0f08eab7690d2a6ee69", false),
            ("cid", "secret", true),
            ("cid", "other", false),
            ("fay", "", false),
            ("nobody", "", false),
        ] {
            let asked = ask(&module, "db://", user, password);
            assert_eq!((asked.passes, asked.reply), (Some(expected), None), "{user} {password}");
        }
        let asked = ask(&module, "db://", "eve", "secret");
        assert_eq!((asked.passes, asked.reply), (Some(false), Some(454)));
        assert!(asked.reported[0].starts_with("auth_ds: db: 'rot13' is no form"), "{:?}", asked.reported);
    }

    #[test]
    fn a_source_that_fails_is_a_temporary_refusal() {
        let database = Database::new("down", "create table other (name text)");
        let query = "query = \"select 1 from users where name = :user\" map = [ user = \"%{username}\" ]";
        let module = made(&MODULE, &(database.stanza("users") + &scheme(query))).unwrap();
        let asked = ask(&module, "db://", "ann", "secret");
        assert_eq!((asked.passes, asked.reply), (Some(false), Some(454)));
        assert!(asked.reported[0].contains("no such table"), "{:?}", asked.reported);
    }

    #[test]
    fn mechanisms_that_prove_knowledge_get_what_is_stored() {
        let database = Database::new("find", USERS);
        let query = "query = \"select pass, form, :crypt from users where name = :user\" \
            map = [ user = \"%{username}\" crypt = \"%{crypt}\" ] returns_password = true type_column = \"form\" \
            type_map = [ plain = \"clear\" ]";
        let module = made(&MODULE, &(database.stanza("users") + &scheme(query))).unwrap();
        let hash = mail::md5::md5(b"ann:r:secret");
        for (user, clear, hashed) in
            [("ann", Some("secret"), None), ("dan", None, Some(hash)), ("bob", None, None), ("x", None, None)]
        {
            let host: Rc<dyn Host> = policy_api::testing::FakeHost::new();
            let (mut password, mut digest) = (None, None);
            let mut hook = Hook::FindPassword {
                uri: "db://",
                user,
                mechanism: "DIGEST-MD5",
                realm: "r",
                password: &mut password,
                digest: &mut digest,
            };
            let Answer::Later(answer) = module.hook(&mut hook, &host) else { panic!("it asks") };
            run(answer);
            assert_eq!((password.as_deref(), digest), (clear, hashed), "{user}");
        }
    }

    #[test]
    fn a_scheme_that_cannot_work_is_refused_with_its_place() {
        let database = Database::new("wrong", USERS);
        for (inside, expected) in [
            ("map = [ a = \"%{username}\" ]", "query is missing"),
            ("query = \"q\" map = [ a = \"%{nonce}\" ]", "map: %{nonce} is not known here"),
            ("query = \"q\" returns_password = true type = \"rot13\"", "'rot13' is no form of passwords"),
            ("query = \"q\" returns_password = true type = \"hmac_md5\"", "keep clear passwords"),
        ] {
            let finding = made(&MODULE, &(database.stanza("users") + &scheme(inside))).err().expect(inside);
            assert!(finding.place.starts_with("/test.conf:2"), "{finding}");
            assert!(finding.text.contains(expected), "{finding}");
        }
        let finding = made(&MODULE, &scheme("query = \"q\"")).err().unwrap();
        assert!(finding.text.ends_with("there is no Datasource \"users\" with a uri"), "{finding}");
    }
}
