//! smtp_auth_proxy: stores whose URI is `smtp_auth_proxy://` try a user's password at another mail server
//! (spec module-details.md; AUTH is RFC 4954). The password travels in clear: the way there must be trusted.

use crate::dialogue::{Dialogue, NoDialogue, addresses_of};
use crate::seats::Seats;
use config::{Instances, Integer, ModuleSyntax, OptionalText, Seconds};
use content::transfer::encode_base64;
use data::{Datasources, Parameters};
use mail::{Phase, Reply};
use policy_api::{Answer, Finding, Hook, HookKind, Host, Level, Module, ModuleDef, Services, Verdict};
use std::net::SocketAddr;
use std::rc::Rc;

config::options! {
    pub struct AuthProxyOptions {
        /// Name or address of the server.
        host: OptionalText = "", in [module];
        /// Its port.
        port: Integer = "25", in [module];
        /// Seconds for the attempt.
        timeout: Seconds = "60", in [module];
        /// Data source that names the server.
        ds_cache: OptionalText = "", in [module];
        /// The question for it, with `:username`, `:localpart` and `:domain`; the first column of the first row is the
        /// server, and `host` is it without a row.
        query: OptionalText = "", in [module];
    }
}

pub static MODULE: ModuleDef = ModuleDef {
    hooks: &[HookKind::PerformAuth],
    ..ModuleDef::new(
        ModuleSyntax {
            name: "smtp_auth_proxy",
            instances: Instances::Any,
            options: &[AuthProxyOptions::DEFINITIONS],
            stanzas: &[],
        },
        NO_PHASES,
        |stanza, make| {
            let options = AuthProxyOptions::resolve(&stanza);
            let complaint = |text: &str| Err(Finding::at(stanza, text.to_owned()));
            if options.ds_cache.is_some() != options.query.is_some() {
                return complaint("ds_cache and query: expected both or neither");
            }
            if options.host.is_none() && options.query.is_none() {
                return complaint("host: expected the server, or ds_cache and query that name it");
            }
            let Ok(port @ 1..) = u16::try_from(options.port) else {
                return complaint("port: expected a number from 1 to 65535");
            };
            Ok(Rc::new(AuthProxy {
                options,
                port,
                hostname: make.hostname.into(),
                services: make.services.clone(),
                seats: Seats::shared(ATTEMPTS, make.shard, make.shards),
            }))
        },
    )
};

const NO_PHASES: &[Phase] = &[];
const SCHEME: &str = "smtp_auth_proxy:";
/// Attempts of the process that are under way at a time.
const ATTEMPTS: i64 = 256;
const NOT_NOW: Reply = Reply::fixed(454, (4, 7, 0), "temporary authentication failure");

struct AuthProxy {
    options: AuthProxyOptions,
    port: u16,
    hostname: Box<str>,
    services: Rc<Services>,
    seats: Seats,
}

impl Module for AuthProxy {
    fn hook<'a>(&'a self, hook: &'a mut Hook<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        let Hook::PerformAuth { uri, user, password, passes, reply, .. } = hook else {
            return Answer::Now(Verdict::Continue);
        };
        if !uri.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME)) {
            return Answer::Now(Verdict::Continue);
        }
        Answer::Later(Box::pin(async move {
            let verdict = self.attempt(user, password, host).await;
            **passes = Some(verdict == Ok(true));
            if let Err(problem) = verdict {
                host.report(Level::Error, &format!("smtp_auth_proxy: {problem}"));
                **reply = Some(NOT_NOW);
            }
            Verdict::Done
        }))
    }
}

impl AuthProxy {
    /// Whether the server takes the password; an error if it has not said.
    async fn attempt(&self, user: &str, password: &str, host: &Rc<dyn Host>) -> Result<bool, String> {
        // Nobody's name or password, and what separates them in PLAIN (RFC 4616).
        if user.contains('\0') || password.contains('\0') {
            return Ok(false);
        }
        let deadline = host.now() + self.options.timeout;
        let seat = self.seats.take(host, self.options.timeout).await;
        let _seat = seat.ok_or("too many attempts are under way")?;
        let name = self.server_of(user, host).await?;
        let addresses = addresses_of(host, &name).await.map_err(|fault| format!("{name}: {fault}"))?;
        let mut problem = format!("{name} has no address");
        for address in addresses {
            let to = SocketAddr::new(address, self.port);
            match Dialogue::begin(host, to, deadline, &self.hostname).await {
                Ok(mut dialogue) => {
                    let said = authenticate(&mut dialogue, user, password).await;
                    dialogue.end().await;
                    return said.map_err(|problem| format!("{to}: {problem}"));
                }
                Err(NoDialogue::Refused(reply)) => problem = format!("{to}: {reply}"),
                Err(NoDialogue::Broken(error)) => problem = format!("{to}: {error}"),
            }
        }
        Err(problem)
    }

    async fn server_of(&self, user: &str, host: &Rc<dyn Host>) -> Result<String, String> {
        if let (Some(source), Some(query)) = (&self.options.ds_cache, &self.options.query) {
            let (local, domain) = user.rsplit_once('@').unwrap_or((user, ""));
            let parameters = Parameters::named([
                ("username", user.to_owned().into()),
                ("localpart", local.to_owned().into()),
                ("domain", domain.to_owned().into()),
            ]);
            let rows = Datasources::of(&self.services).query(host, source, query, parameters).await;
            let rows = rows.map_err(|fault| fault.to_string())?;
            if let Some(name) = rows.first().and_then(|cell| cell.text()).filter(|name| !name.is_empty()) {
                return Ok(name.into_owned());
            }
        }
        let fixed = self.options.host.as_deref().map(str::to_owned);
        fixed.ok_or_else(|| format!("nothing names a server for {user}"))
    }
}

async fn authenticate(dialogue: &mut Dialogue, user: &str, password: &str) -> Result<bool, String> {
    let offered = dialogue.offer("AUTH").unwrap_or_default();
    let lines = if offered.contains(&"PLAIN") {
        vec![format!("AUTH PLAIN {}", base64(&format!("\0{user}\0{password}")))]
    } else if offered.contains(&"LOGIN") {
        vec!["AUTH LOGIN".to_owned(), base64(user), base64(password)]
    } else {
        return Err("it offers neither AUTH PLAIN nor AUTH LOGIN".to_owned());
    };
    let last = lines.len() - 1;
    for (index, line) in lines.iter().enumerate() {
        let reply = dialogue.command(line).await.map_err(|error| error.to_string())?;
        match reply.code {
            334 if index < last => {}
            235 if index == last => return Ok(true),
            500..600 => return Ok(false),
            // What it quotes may be the password: the code must do.
            code => return Err(format!("it answers {code}")),
        }
    }
    Err("it does not come to an end".to_owned())
}

/// On one line.
fn base64(text: &str) -> String {
    let digits = encode_base64(text.as_bytes());
    digits.into_iter().filter(u8::is_ascii_graphic).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::tests::server;
    use mail::Contexts;
    use policy_api::testing::{Conversation, run};

    /// What becomes of an attempt: passes, the reply, what the server heard, what was reported.
    fn attempt(uri: &str, user: &str, says: &[&'static str]) -> (Option<bool>, Option<Reply>, String, usize) {
        let options =
            AuthProxyOptions { host: Some("127.0.0.1".into()), ..AuthProxyOptions::defaults().clone() };
        let module = AuthProxy {
            options,
            port: 2525,
            hostname: "mx.here.example".into(),
            services: Rc::default(),
            seats: Seats::shared(ATTEMPTS, 0, 1),
        };
        let conversation = Conversation::default();
        let heard = server(&conversation.host, "127.0.0.1:2525", says);
        let (mut passes, mut reply, mut contexts) = (None, None, Contexts::default());
        let mut hook = Hook::PerformAuth {
            client: &conversation.client,
            contexts: &mut contexts,
            mechanism: "PLAIN",
            uri,
            user,
            password: "secret",
            passes: &mut passes,
            reply: &mut reply,
        };
        let host: Rc<dyn Host> = conversation.host.clone();
        if let Answer::Later(answer) = module.hook(&mut hook, &host) {
            run(answer);
        }
        let heard = String::from_utf8_lossy(&heard.borrow()).into_owned();
        (passes, reply, heard, conversation.host.reported().len())
    }

    const PLAIN: [&str; 2] = ["220 hi\r\n", "250-hi\r\n250 AUTH LOGIN PLAIN\r\n"];
    const LOGIN: [&str; 2] = ["220 hi\r\n", "250-hi\r\n250 AUTH=LOGIN\r\n"];

    #[test]
    fn the_verdict_of_the_server_is_ours() {
        for (says, passes, code, problems) in [
            (&[PLAIN[0], PLAIN[1], "235 yes\r\n"][..], true, None, 0),
            (&[PLAIN[0], PLAIN[1], "535 no\r\n"], false, None, 0),
            (&[PLAIN[0], PLAIN[1], "454 later\r\n"], false, Some(454), 1),
            (&[PLAIN[0], PLAIN[1], "334 \r\n"], false, Some(454), 1),
            (&[LOGIN[0], LOGIN[1], "334 x\r\n", "334 y\r\n", "235 yes\r\n"], true, None, 0),
            (&[LOGIN[0], LOGIN[1], "334 x\r\n", "535 no\r\n"], false, None, 0),
            (&[LOGIN[0], LOGIN[1], "235 too early\r\n"], false, Some(454), 1),
            (&["220 hi\r\n", "250 hi\r\n"], false, Some(454), 1),
            (&["421 no\r\n"], false, Some(454), 1),
            (&[], false, Some(454), 1),
        ] {
            let (passed, reply, _, reported) = attempt("smtp_auth_proxy://", "ann@x.example", says);
            let found = (passed, reply.map(|reply| reply.code), reported);
            assert_eq!(found, (Some(passes), code, problems), "{says:?}");
        }
    }

    #[test]
    fn user_and_password_are_replayed_and_other_stores_are_left_alone() {
        let (_, _, heard, _) =
            attempt("SMTP_auth_proxy://x", "ann@x.example", &[PLAIN[0], PLAIN[1], "235 yes\r\n"]);
        assert!(heard.contains("\r\nAUTH PLAIN AGFubkB4LmV4YW1wbGUAc2VjcmV0\r\n"), "{heard}");
        let says = [LOGIN[0], LOGIN[1], "334 x\r\n", "334 y\r\n", "235 yes\r\n"];
        let (_, _, heard, _) = attempt("smtp_auth_proxy://", "ann", &says);
        assert!(heard.contains("\r\nAUTH LOGIN\r\nYW5u\r\nc2VjcmV0\r\n"), "{heard}");
        for (uri, user) in [("auth_ds://x", "ann"), ("file:///x", "ann")] {
            assert_eq!(attempt(uri, user, &says).0, None);
        }
        assert_eq!(attempt("smtp_auth_proxy://", "a\0b", &says).0, Some(false));
    }
}
