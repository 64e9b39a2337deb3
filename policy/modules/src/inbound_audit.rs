//! inbound_audit: counts connections, receptions and rejections of clients by address and network, in windows of
//! time (spec module-details.md). Decides nothing: scripts and the console read the numbers.

use config::{Instances, List, ModuleSyntax, OptionDef, Seconds, Text};
use mail::Phase;
use policy_api::audit::{Counted, Monitor, Monitors, add};
use policy_api::{Answer, Ask, Client, Hook, HookKind, Host, Module, ModuleDef, Tally, Verdict};
use std::rc::Rc;

mod command;

config::options! {
    pub struct AuditOptions {
        /// Windows of time, each "seconds,count": the current one and so many before it.
        monitors: List<Monitor> = "", in [module];
    }
}

const UNBUILT: &[OptionDef] = config::definitions! {
    /// Folder of series that are logged.
    log_dir: Text = "/var/log/ecelerity/audit_series_logs", in [module],
        tier 1 Ignored("series are not logged");
    /// Folder of series that outlive a restart.
    serialize_dir: Text = "/var/log/ecelerity/audit_series_persist", in [module],
        tier 1 Ignored("counting begins anew with each start");
    /// Seconds between looks for old windows.
    maintenance_interval: Seconds = "300", in [module], tier 1 Ignored("windows end by themselves");
};

/// Each costs some numbers for every client.
const MOST_MONITORS: usize = 16;

pub static MODULE: ModuleDef = ModuleDef {
    hooks: &[HookKind::LogReception, HookKind::LogRejection],
    commands: command::COMMANDS,
    ..ModuleDef::new(
        ModuleSyntax {
            name: "inbound_audit",
            instances: Instances::Any,
            options: &[AuditOptions::DEFINITIONS, UNBUILT],
            stanzas: &[],
        },
        &[Phase::Accept],
        |stanza, make| {
            let monitors = AuditOptions::resolve(&stanza).monitors.to_vec();
            if monitors.len() > MOST_MONITORS {
                let text = format!("monitors: {} of them, expected at most {MOST_MONITORS}", monitors.len());
                return Err(policy_api::Finding::at(stanza, text));
            }
            let audit = Audit::new(&monitors);
            make.services.offer("inbound_audit", Monitors(monitors));
            Ok(Rc::new(audit))
        },
    )
};

pub(crate) struct Audit {
    monitors: Vec<Monitor>,
    /// In the order of `Counted::ALL`, for each monitor.
    tallies: Vec<[Tally; Counted::ALL.len()]>,
}

impl Audit {
    fn new(monitors: &[Monitor]) -> Audit {
        let tallies = monitors.iter().map(|monitor| Counted::ALL.map(|what| monitor.tally(what)));
        Audit { tallies: tallies.collect(), monitors: monitors.to_vec() }
    }

    /// Clients on a Unix socket have no address to be counted by.
    fn count(&self, what: Counted, client: &Client, host: &dyn Host) {
        let Some(peer) = client.peer else { return };
        for tallies in &self.tallies {
            add(host, &tallies[what as usize], peer.ip(), 1);
        }
    }
}

impl Module for Audit {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        self.count(Counted::Connections, ask.client, &**host);
        Answer::Now(Verdict::Continue)
    }

    fn hook<'a>(&'a self, hook: &'a mut Hook<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        match hook {
            Hook::LogReception { client, .. } => self.count(Counted::Receptions, client, &**host),
            Hook::LogRejection { client, .. } => self.count(Counted::Rejections, client, &**host),
            _ => {}
        }
        Answer::Now(Verdict::Continue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::{Contexts, Reply};
    use policy_api::Message;
    use policy_api::audit::count;
    use policy_api::testing::{Conversation, run};

    #[test]
    fn connections_receptions_and_rejections_are_counted_apart() {
        let monitor = Monitor::parse("60,2").unwrap();
        let module = Audit::new(&[monitor]);
        let mut conversation = Conversation::default();
        let host: Rc<dyn Host> = conversation.host.clone();
        (0..3).for_each(|_| drop(conversation.ask(&module, Phase::Accept)));
        let (mut message, mut contexts) = (Message::default(), Contexts::default());
        let client = conversation.client.clone();
        for _ in 0..2 {
            let mut hook =
                Hook::LogReception { client: &client, message: &mut message, contexts: &mut contexts };
            assert!(matches!(module.hook(&mut hook, &host), Answer::Now(Verdict::Continue)));
        }
        let reply = Reply::verbatim(550, "no");
        let mut hook = Hook::LogRejection {
            client: &client,
            contexts: &mut contexts,
            state: mail::SessionState::JustConnected,
            reply: &reply,
        };
        assert!(matches!(module.hook(&mut hook, &host), Answer::Now(Verdict::Continue)));
        for (what, expected) in Counted::ALL.into_iter().zip([3, 2, 1]) {
            let network = "192.0.2.0/24".parse().unwrap();
            let counted = count(&host, &monitor.tally(what), network, (0, 2)).unwrap();
            assert_eq!(run(counted), expected, "{what:?}");
        }
    }
}
