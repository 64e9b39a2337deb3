//! dnsbl: whether the client's address is on lists that are asked through the DNS (RFC 5782). A module of ours, beside
//! url_ripper for those who only want the client looked up.

use crate::identity::reply_to;
use authentication::{Kind, Question, Reply, reversed};
use config::{ColonList, Instances, ModuleSyntax, OptionalText, Stanza, Text};
use mail::Phase;
use policy_api::{Answer, Ask, Finding, Host, Make, Module, ModuleDef, Verdict};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

config::options! {
    pub struct DnsblOptions {
        /// Zones of the lists, asked in this order: `( "bl.example" )`.
        zones: ColonList = "", in [module];
        /// Connection variable that gets the zones in which the client is listed; it is not set otherwise. The variable
        /// with `:ZONE` behind its name gets the answers of that zone.
        context_variable: Text = "dnsbl", in [module];
        /// A complete reply, code first, to a client that is listed; empty: the variable is all.
        reject: OptionalText = "", in [module];
    }
}

/// Each zone costs a question before the banner.
const MOST_ZONES: usize = 32;

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "dnsbl",
        instances: Instances::Any,
        options: &[DnsblOptions::DEFINITIONS],
        stanzas: &[],
    },
    &[Phase::Connect],
    make,
);

fn make(stanza: Stanza<'_>, _: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let options = DnsblOptions::resolve(&stanza);
    let complaint = |text: String| Err(Finding::at(stanza, text));
    if options.zones.len() > MOST_ZONES {
        return complaint(format!("zones: {} of them, expected at most {MOST_ZONES}", options.zones.len()));
    }
    let code = options.reject.as_ref().map(|reply| reply.split(' ').next().unwrap_or("").parse::<u16>());
    if code.is_some_and(|code| !matches!(code, Ok(400..=599))) {
        return complaint("reject: expected a reply with its code, such as \"554 5.7.1 listed\"".to_owned());
    }
    Ok(Rc::new(Dnsbl { options }))
}

struct Dnsbl {
    options: DnsblOptions,
}

impl Module for Dnsbl {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        match ask.client.peer.map(|peer| peer.ip().to_canonical()) {
            Some(ip) if is_public(ip) => Answer::Later(Box::pin(self.look_up(ask, host, ip))),
            _ => Answer::Now(Verdict::Continue),
        }
    }
}

impl Dnsbl {
    async fn look_up(&self, ask: &mut Ask<'_>, host: &Rc<dyn Host>, ip: IpAddr) -> Verdict {
        let DnsblOptions { zones, context_variable, reject } = &self.options;
        let mut listed: Vec<&str> = Vec::new();
        for zone in zones.iter() {
            let question = Question::new(Kind::A, &format!("{}.{zone}", reversed(ip)));
            let Reply::Addresses(answers) = reply_to(&**host, &question).await else { continue };
            let hits: Vec<String> =
                answers.into_iter().filter(is_listing).map(|answer| answer.to_string()).collect();
            if !hits.is_empty() {
                ask.contexts.connection.set(&format!("{context_variable}:{zone}"), &hits.join(" "));
                listed.push(zone);
            }
        }
        if listed.is_empty() {
            return Verdict::Continue;
        }
        ask.contexts.connection.set(context_variable, &listed.join(" "));
        host.counter("dnsbl:listed").add(1);
        let Some((code, text)) = reject.as_ref().map(|reply| reply.split_once(' ').unwrap_or((reply, "")))
        else {
            return Verdict::Continue;
        };
        ask.disposition.disconnect(code.parse().unwrap_or(554), text);
        Verdict::Done
    }
}

/// 127.0.0.0/8 lists (RFC 5782 §2.3), but 127.255.255.0/24 says that the list does not want to be asked, and other
/// addresses come from name servers that answer everything.
fn is_listing(answer: &IpAddr) -> bool {
    match answer {
        IpAddr::V4(address) => {
            let octets = address.octets();
            octets[0] == 127 && octets[..3] != [127, 255, 255]
        }
        IpAddr::V6(_) => false,
    }
}

/// Lists know nothing of addresses that mean something else everywhere.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            !ip.is_loopback() && !ip.is_private() && !ip.is_link_local() && ip != Ipv4Addr::UNSPECIFIED
        }
        IpAddr::V6(ip) => {
            !ip.is_loopback() && !ip.is_unspecified() && !ip.is_unique_local() && !ip.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy_api::testing::Conversation;
    use policy_api::{LookupFault, Record, RecordKind};

    fn module(reject: Option<&str>) -> Dnsbl {
        let zones = ["bl.example", "slow.example", "other.example"].map(Into::into).into();
        Dnsbl {
            options: DnsblOptions { zones, context_variable: "dnsbl".into(), reject: reject.map(Into::into) },
        }
    }

    #[test]
    fn listed_clients_are_noted_and_on_request_sent_away() {
        let reply = Some("554 5.7.1 listed");
        for (answers, reject, noted, code) in [
            (&["127.0.0.2", "127.0.0.10"][..], None, Some("127.0.0.2 127.0.0.10"), None),
            (&["127.0.0.2"], reply, Some("127.0.0.2"), Some(554)),
            (&["127.255.255.254"], reply, None, None),
            (&["192.0.2.80"], reply, None, None),
            (&[], reply, None, None),
        ] {
            let mut conversation = Conversation::default();
            conversation.client.peer = Some(([198, 51, 100, 7], 1).into());
            let records = answers.iter().map(|answer| Record::A(answer.parse().unwrap()));
            conversation.host.name("7.100.51.198.bl.example", records);
            conversation.host.fault("7.100.51.198.slow.example", RecordKind::A, LookupFault::Timeout);
            conversation.ask(&module(reject), Phase::Connect);
            let connection = &conversation.contexts.connection;
            assert_eq!(connection.get("dnsbl:bl.example"), noted, "{answers:?}");
            assert_eq!(connection.get("dnsbl"), noted.map(|_| "bl.example"));
            assert_eq!(conversation.code(), code);
        }
    }

    #[test]
    fn addresses_of_our_own_networks_are_not_asked_for() {
        for (peer, questions) in
            [("127.0.0.1", 0), ("10.1.2.3", 0), ("::1", 0), ("198.51.100.1", 3), ("2001:db8::1", 3)]
        {
            let mut conversation = Conversation::default();
            conversation.client.peer = Some((peer.parse::<IpAddr>().unwrap(), 1).into());
            conversation.ask(&module(None), Phase::Connect);
            assert_eq!(conversation.host.asked.borrow().len(), questions, "{peer}");
        }
    }
}
