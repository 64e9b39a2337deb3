//! antivirus: scans for viruses with the engines nested in its stanza (spec module-details.md, antivirus).
//!
//! The law: what could not be scanned is never passed off as clean. With `action = reject` it is refused for
//! now; with `pass` the context says that the scan failed.

mod stats;

use crate::clamav::{ClamavOptions, Clamd};
use crate::seats::Seats;
use bytes::Bytes;
use config::{
    Bool, Instances, Integer, Lookup, ModuleSyntax, OptionalText, Seconds, Stanza, StanzaSyntax, Text,
};
use content::Content;
use mail::{Phase, Time};
use policy_api::{
    Answer, Ask, Finding, Host, Later, Make, Module, ModuleDef, Scan, Verdict, VirusScanner, note_scan,
};
use std::rc::Rc;

config::choices! {
    pub enum Action { Pass = 0: "pass", Reject = 1: "reject" }
}

config::options! {
    /// Of the framework; an engine's stanza may say otherwise.
    pub struct ScanOptions {
        /// What happens to infected messages, and to those that cannot be scanned.
        action: Action = "pass", in [module];
        /// Context variable of the result; the engine's name and _status if unset. Its companion ends in _info.
        context_variable: OptionalText = "", in [module];
        /// A message with this context variable is not scanned.
        skip_context_variable: Text = "skip_virus_check", in [module];
        /// Reply code when a scan fails and the action is reject.
        error_code: Integer = "451", in [module];
        /// Seconds for a scan, waiting for its turn included.
        timeout: Seconds = "10", in [module];
        /// Scans at once, all shards together; 0 unlimited.
        max_concurrency: Integer = "0", in [module];
        /// True: each part is scanned, decoded, by itself.
        mime_decompose: Bool = "false", in [module];
    }
}

pub(crate) const UNBUILT: &[config::OptionDef] = config::definitions! {
    /// Virus results remembered.
    cache_size: Integer = "1000", in [module], tier 1 Ignored("every message is scanned");
    /// Folder for what is scanned.
    file_base: OptionalText = "", in [module], tier 1 Ignored("contents go to the engine as a stream");
    /// True: evasive constructions count as viruses.
    paranoid: Bool = "false", in [module], tier 1 Ignored("the engine's own configuration decides this");
    /// Pool that scans.
    pool: OptionalText = "", in [module], tier 1 Ignored("engines are asked over sockets, without threads");
    /// True: what came over the wire is scanned, not what policy made of it.
    use_wire_rep: Bool = "true", in [module], tier 1 Approximated("the message is scanned as policy has it at the data phase");
};

const ENGINES: &[StanzaSyntax] = &[StanzaSyntax {
    keyword: "clamav",
    named: true,
    options: &[ScanOptions::DEFINITIONS, ClamavOptions::DEFINITIONS, UNBUILT],
    stanzas: &[],
}];

pub static MODULE: ModuleDef = ModuleDef {
    commands: &[&stats::COMMAND, &stats::VERSION],
    ..ModuleDef::new(
        ModuleSyntax {
            name: "antivirus",
            instances: Instances::Any,
            options: &[ScanOptions::DEFINITIONS, UNBUILT],
            stanzas: ENGINES,
        },
        &[Phase::Data],
        |stanza, make| Antivirus::make(stanza, make).map(|module| Rc::new(module) as Rc<dyn Module>),
    )
};

/// What an engine's stanza does not say, the framework's does.
struct Within<'a> {
    engine: Stanza<'a>,
    framework: Stanza<'a>,
}

impl Lookup for Within<'_> {
    fn find(&self, option: &'static config::OptionDef) -> Option<config::Found<'_>> {
        self.engine.find(option).or_else(|| self.framework.find(option))
    }
}

struct Antivirus {
    engines: Vec<Rc<Engine>>,
}

struct Engine {
    scanner: Rc<dyn VirusScanner>,
    options: ScanOptions,
    seats: Seats,
    /// Of its result; the companion ends in _info.
    variable: String,
    /// Of its counters.
    prefix: String,
}

impl Antivirus {
    fn make(stanza: Stanza<'_>, make: &Make<'_>) -> Result<Antivirus, Finding> {
        let engines = stanza.stanzas("clamav").map(|engine| {
            let options = Within { engine, framework: stanza };
            let (scan, clamav) = (ScanOptions::resolve(&options), ClamavOptions::resolve(&options));
            Engine::clamav(scan, clamav, stanza.name(), make)
        });
        Ok(Antivirus { engines: engines.collect::<Result<_, _>>()? })
    }

    async fn scan(&self, ask: &mut Ask<'_>, host: &Rc<dyn Host>) -> Verdict {
        for engine in &self.engines {
            if ask.contexts.message.get(&engine.options.skip_context_variable).is_some() {
                continue;
            }
            let scan = engine.scan_content(&ask.message.content, host).await;
            if engine.settle(scan, ask, host) == Verdict::Done {
                return Verdict::Done;
            }
        }
        Verdict::Continue
    }
}

impl Module for Antivirus {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        if self.engines.is_empty() {
            return Answer::Now(Verdict::Continue);
        }
        Answer::Later(Box::pin(self.scan(ask, host)))
    }
}

impl Engine {
    pub fn clamav(
        options: ScanOptions,
        clamav: ClamavOptions,
        instance: &str,
        make: &Make<'_>,
    ) -> Result<Rc<Engine>, Finding> {
        let daemon = crate::daemon::endpoint(&clamav.daemon)
            .map_err(|problem| Finding::new("", format!("clamav: daemon: {problem}")))?;
        let scanner: Rc<dyn VirusScanner> = Rc::new(Clamd { daemon, timeout: options.timeout });
        let variable = match &options.context_variable {
            Some(name) => name.to_string(),
            None => format!("{}_status", scanner.engine()),
        };
        let seats = Seats::shared(options.max_concurrency, make.shard, make.shards);
        let prefix = stats::prefix(instance, scanner.engine());
        let engine = Rc::new(Engine { scanner, seats, variable, prefix, options });
        let offered = Rc::new(Offered(engine.clone()));
        make.services.offer::<Rc<dyn VirusScanner>>(engine.scanner.engine(), offered);
        Ok(engine)
    }

    /// A message, whole or part by part.
    async fn scan_content(&self, content: &Content, host: &Rc<dyn Host>) -> Scan {
        let began = host.now();
        let scan = self.scan_parts(content, host).await;
        self.count("messages", 1, host);
        self.count("message_us", micros(began, host), host);
        self.count("viruses", u64::from(matches!(scan, Scan::Infected(_))), host);
        scan
    }

    fn count(&self, what: &str, more: u64, host: &Rc<dyn Host>) {
        host.counter(&format!("{}{what}", self.prefix)).add(more);
    }

    async fn scan_parts(&self, content: &Content, host: &Rc<dyn Host>) -> Scan {
        let Some(_seat) = self.seats.take(host, self.options.timeout).await else {
            return Scan::Failed("too many scans are waiting".into());
        };
        if !self.options.mime_decompose {
            return self.scanner.scan(content.octets(), host).await;
        }
        let tree = content.tree();
        let leaves = tree.walk(tree.root()).into_iter().filter(|part| tree.children(*part).is_empty());
        for leaf in leaves {
            let began = host.now();
            let scan = self.scanner.scan(tree.decoded(leaf).into(), host).await;
            self.count("parts", 1, host);
            self.count("part_us", micros(began, host), host);
            if scan != Scan::Clean {
                return scan;
            }
        }
        Scan::Clean
    }

    /// Notes the result, and refuses what must be refused.
    fn settle(&self, scan: Scan, ask: &mut Ask<'_>, host: &Rc<dyn Host>) -> Verdict {
        if let Scan::Failed(why) = &scan {
            let engine = self.scanner.engine();
            host.report(policy_api::Level::Error, &format!("antivirus: {engine}: {why}"));
        }
        note_scan(&scan, &self.variable, &mut ask.contexts.message);
        if self.options.action == Action::Pass {
            return Verdict::Continue;
        }
        match scan {
            Scan::Clean => return Verdict::Continue,
            Scan::Failed(_) => {
                let code = u16::try_from(self.options.error_code).unwrap_or(451);
                ask.disposition
                    .set_code(code, format!("{}.7.1 virus scan failed, please try later", code / 100));
            }
            Scan::Infected(name) => ask.disposition.set_code(550, format!("5.7.1 infected: {name}")),
            Scan::Unscannable(why) => ask.disposition.set_code(550, format!("5.7.1 unscannable: {why}")),
        }
        Verdict::Done
    }
}

fn micros(began: Time, host: &Rc<dyn Host>) -> u64 {
    host.now().since(began).as_micros().try_into().unwrap_or(u64::MAX)
}

/// The engine for scripts and other modules.
struct Offered(Rc<Engine>);

impl VirusScanner for Offered {
    fn engine(&self) -> &'static str {
        self.0.scanner.engine()
    }

    fn scan(&self, content: Bytes, host: &Rc<dyn Host>) -> Later<Scan> {
        self.0.scanner.scan(content, host)
    }

    fn version(&self, host: &Rc<dyn Host>) -> Later<Result<String, String>> {
        self.0.scanner.version(host)
    }

    fn scan_message(&self, content: &Content, host: &Rc<dyn Host>) -> Later<Scan> {
        let (engine, content, host) = (self.0.clone(), content.clone(), host.clone());
        Box::pin(async move { engine.scan_content(&content, &host).await })
    }

    fn variable(&self) -> String {
        self.0.variable.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy_api::testing::{Conversation, Peer};
    use policy_api::{Endpoint, Services, Sources};
    use std::sync::Arc;

    const DAEMON: &str = "127.0.0.1:3310";

    fn ask(options: ScanOptions, reply: &'static [u8]) -> (Conversation, Verdict, Vec<u8>) {
        let (sources, services) = (Arc::new(Sources::default()), Rc::new(Services::default()));
        let make = Make {
            sources: &sources,
            services: &services,
            hostname: "mx.example",
            debug_level: policy_api::Level::Error,
            shard: 0,
            shards: 1,
        };
        let clamav = ClamavOptions { daemon: DAEMON.into() };
        let module = Antivirus { engines: vec![Engine::clamav(options, clamav, "t", &make).unwrap()] };
        let offered = services.find::<Rc<dyn VirusScanner>>("clamav").unwrap();
        assert_eq!(offered.variable(), "clamav_status");
        let mut conversation = Conversation::default();
        let peer = Peer { answers: [reply.into()].into(), ..Peer::default() };
        let heard = peer.heard.clone();
        let address = Endpoint::Inet(DAEMON.parse().unwrap());
        if !reply.is_empty() {
            conversation.host.peers.borrow_mut().insert(address, peer);
        }
        conversation.message.content = Content::new((&b"Subject: x\r\n\r\nbody\r\n"[..]).into());
        let verdict = conversation.ask(&module, Phase::Data);
        let heard = heard.borrow().clone();
        (conversation, verdict, heard)
    }

    #[test]
    fn what_an_engine_says_is_noted_and_refused_as_the_action_says() {
        for (reply, action, status, info, code) in [
            (&b"stream: OK\0"[..], "reject", None, None, None),
            (b"stream: Empty file\0", "reject", None, None, None),
            (
                b"stream: Eicar-Signature FOUND\0",
                "reject",
                Some("infected"),
                Some("Eicar-Signature"),
                Some(550),
            ),
            (b"stream: Eicar-Signature FOUND\0", "pass", Some("infected"), Some("Eicar-Signature"), None),
            (b"INSTREAM size limit exceeded. ERROR\0", "reject", Some("error"), Some("error"), Some(451)),
            (b"", "reject", Some("error"), Some("error"), Some(451)),
            (b"", "pass", Some("error"), Some("error"), None),
            (b"cut o", "reject", Some("error"), Some("error"), Some(451)),
        ] {
            let action = if action == "reject" { Action::Reject } else { Action::Pass };
            let options = ScanOptions { action, ..ScanOptions::defaults().clone() };
            let (asked, verdict, _) = ask(options, reply);
            let message = &asked.contexts.message;
            let shown = String::from_utf8_lossy(reply);
            assert_eq!(
                (message.get("clamav_status"), message.get("clamav_status_info")),
                (status, info),
                "{shown}"
            );
            assert_eq!((asked.code(), verdict == Verdict::Done), (code, code.is_some()), "{shown}");
        }
    }

    #[test]
    fn the_content_goes_out_as_chunks_and_a_skipped_message_not_at_all() {
        let (_, _, heard) = ask(ScanOptions::defaults().clone(), b"stream: OK\0");
        let content = b"Subject: x\r\n\r\nbody\r\n";
        let expected =
            [&b"zINSTREAM\0"[..], &(content.len() as u32).to_be_bytes(), content, &0u32.to_be_bytes()]
                .concat();
        assert_eq!(heard, expected);
        let options = ScanOptions { mime_decompose: true, ..ScanOptions::defaults().clone() };
        let (_, _, heard) = ask(options, b"stream: OK\0");
        assert!(heard.ends_with(&[&6u32.to_be_bytes()[..], b"body\r\n", &0u32.to_be_bytes()].concat()));
    }

    #[test]
    fn the_console_asks_the_engine_what_it_is() {
        for (reply, expected) in
            [(&b"ClamAV 1.0.7/27465/Fri Nov 27\0"[..], "ClamAV 1.0.7/27465/Fri Nov 27"), (b"", "clamd at ")]
        {
            let (sources, services) = (Arc::new(Sources::default()), Rc::new(Services::default()));
            let make = Make {
                sources: &sources,
                services: &services,
                hostname: "mx.example",
                debug_level: policy_api::Level::Error,
                shard: 0,
                shards: 1,
            };
            let clamav = ClamavOptions { daemon: DAEMON.into() };
            let engine = Engine::clamav(ScanOptions::defaults().clone(), clamav, "t", &make).unwrap();
            let module: Rc<dyn Module> = Rc::new(Antivirus { engines: vec![engine] });
            let conversation = Conversation::default();
            let peer = Peer { answers: [reply.into()].into(), ..Peer::default() };
            let heard = peer.heard.clone();
            if !reply.is_empty() {
                conversation.host.peers.borrow_mut().insert(Endpoint::Inet(DAEMON.parse().unwrap()), peer);
            }
            let told = conversation.order(&module, &stats::VERSION, &[]).unwrap();
            let policy_api::Cell::Text(said) = &told.rows[0][1].1 else { panic!("{told:?}") };
            assert!(said.starts_with(expected), "{said}");
            assert_eq!(heard.borrow().as_slice(), if reply.is_empty() { &b""[..] } else { b"zVERSION\0" });
        }
    }
}
