//! What a trusted client wants to have believed: another client, another address, variables (spec
//! inbound-smtp.md §4).
//!
//! Law: whoever is named is judged by the configuration that holds for his own address.

use crate::judge::Conversation;
use mail::{Contexts, Dictionary, Reply};
use smtp::server::replies::OK;
use smtp::server::{Amendment, Introduction, Session};
use std::net::{IpAddr, SocketAddr};
use world::World;

/// Variables of a connection context that XSETCONTEXT may bring it to.
const VARIABLES: usize = 256;
const TOO_MANY_VARIABLES: Reply = Reply::fixed(452, (4, 3, 1), "too many context variables");

impl<W: World> Conversation<W> {
    pub fn amend(&mut self, session: &mut Session) {
        let now = self.shard.world.now();
        match session.amendment().clone() {
            Amendment::Client(introduction) => self.reintroduce(&introduction, session),
            Amendment::RemoteIp(address) => {
                self.readdress(address, session);
                session.amended(&OK, now);
            }
            Amendment::SetContext(pairs) => {
                let connection = &mut self.contexts.connection;
                if connection.len() + pairs.len() > VARIABLES {
                    return session.amended(&TOO_MANY_VARIABLES, now);
                }
                pairs.iter().for_each(|(key, value)| connection.set(key, value));
                self.follow_pathway(session);
                session.amended(&OK, now);
            }
            Amendment::DumpContext => session.amended(&Reply::verbatim(250, dump(&self.contexts)), now),
        }
    }

    /// As if this client had just connected.
    fn reintroduce(&mut self, introduction: &Introduction, session: &mut Session) {
        let (ip, port) =
            (self.client.peer.map(|peer| peer.ip()), self.client.peer.map_or(0, |peer| peer.port()));
        let ip = introduction.address.or(ip);
        let peer = ip.map(|ip| SocketAddr::new(ip, introduction.port.unwrap_or(port)));
        let settings = self.settings.site.listener(&self.settings.endpoint, ip);
        let user = introduction.login.clone().flatten();
        self.begin_anew(settings.clone(), peer);
        let (ip, port) = introduction.local;
        self.client.local = match (self.client.local, ip) {
            (Some(local), ip) => {
                Some(SocketAddr::new(ip.unwrap_or(local.ip()), port.unwrap_or(local.port())))
            }
            (None, ip) => ip.map(|ip| SocketAddr::new(ip, port.unwrap_or(0))),
        };
        self.client.user = user.as_deref().map(Into::into);
        let connection = &mut self.contexts.connection;
        if let Some(name) = &introduction.helo {
            connection.set("ehlo_domain", name);
        }
        if let Some(user) = &user {
            connection.set("auth_user", user);
            connection.set("auth_status", "pass");
            connection.set("can_relay", "true");
        }
        session.reintroduced(settings.session.clone(), peer, introduction, self.shard.world.now());
        session.waive_authentication(self.contexts.connection.is_true("can_relay"));
    }

    /// The same client, whatever it is at, with another address.
    fn readdress(&mut self, ip: IpAddr, session: &mut Session) {
        let peer = SocketAddr::new(ip, self.client.peer.map_or(0, |peer| peer.port()));
        let settings = self.settings.site.listener(&self.settings.endpoint, Some(ip));
        let is_trusted = settings.relay.trusts(Some(ip));
        self.client.peer = Some(peer);
        if self.client.user.is_none() {
            self.contexts.connection.set("can_relay", if is_trusted { "true" } else { "false" });
        }
        session.readdressed(peer);
        session.follow(settings.session.clone());
        session.waive_authentication(is_trusted);
        self.settings = settings;
        self.follow_pathway(session);
    }
}

/// All variables, a line each.
fn dump(contexts: &Contexts) -> String {
    let mut text = String::new();
    let mut put = |name: &str, dictionary: &Dictionary| {
        for (key, value) in dictionary.iter() {
            let clean = |text: &str| text.replace(|character: char| character.is_control(), "?");
            text.push_str(&format!("[{name}] {} {}\n", clean(key), clean(value)));
        }
    };
    put("connection", &contexts.connection);
    put("message", &contexts.message);
    text + "XDUMPCONTEXT complete"
}
