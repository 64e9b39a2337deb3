//! Who may come to the console, and what they may do there (spec console.md §1).
//!
//! The law: files are read by the program when it loads a configuration; a shard has them as values.

use crate::Shard;
use crate::options::{ControlOptions, RoleOptions};
use config::{Endpoint, Inbound, Scope, Snapshot, Stanza};
use console::{Door, Mechanism, Role, Stores};
use mail::Dictionary;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use world::{Stream, World};

/// The realm of password files that name none (console.md §1); `EC_DIGEST_REALM` overrides it.
pub const REALM: &str = "Momentum Console";

/// What the files say that Control_Listener names, and the names of the users of this host.
#[derive(Debug, Default)]
pub struct Access {
    stores: Stores,
    users: HashMap<u32, String>,
    realm: String,
}

impl Access {
    /// Reads every file that the configuration names with `read`; and what is wrong with them. `secret` is random.
    pub fn load(
        snapshot: &Snapshot,
        read: impl Fn(&str) -> io::Result<String>,
        realm: Option<String>,
        secret: [u8; 16],
    ) -> (Access, Vec<String>) {
        let mut access = Access {
            stores: Stores::new(secret),
            realm: realm.unwrap_or_else(|| REALM.to_owned()),
            ..Access::default()
        };
        // Unknown users go by their number.
        for line in read("/etc/passwd").unwrap_or_default().lines() {
            let mut fields = line.split(':');
            if let (Some(name), Some(Ok(number))) = (fields.next(), fields.nth(1).map(str::parse)) {
                access.users.entry(number).or_insert_with(|| name.to_owned());
            }
        }
        let mut problems = Vec::new();
        for uri in uris(snapshot) {
            let problem = match uri.split_once("://") {
                Some((scheme @ ("digest" | "file" | "scram" | "groups"), path)) => match read(path) {
                    Ok(text) => bad_lines(&access.stores.add(scheme, &uri, &text)),
                    Err(error) => Some(error.to_string()),
                },
                _ => Some("expected digest://, file://, scram:// or groups:// and an absolute path".into()),
            };
            problems.extend(problem.map(|problem| format!("Control_Listener: {uri}: {problem}")));
        }
        (access, problems)
    }

    /// What awaits who has connected to this endpoint.
    fn door(
        &self,
        options: &ControlOptions,
        endpoint: &str,
        peer: Option<SocketAddr>,
        user: Option<u32>,
    ) -> Door {
        let mut stores = self.stores.clone();
        for (mechanism, parameters) in mechanisms(options) {
            let realm = parameters.get("realm").unwrap_or(&self.realm);
            if let Some(uri) = parameters.get("uri") {
                stores.offer(mechanism, uri, realm);
            }
        }
        if let Some(uri) = options.authorizationparameters.get("uri") {
            stores.take_groups(uri);
        }
        let is_local = peer.is_none_or(|peer| peer.ip().to_canonical().is_loopback());
        let is_open = !options.enable_authentication.unwrap_or(false) && is_local;
        let known = match (user, peer) {
            (Some(number), None) => {
                Some(self.users.get(&number).cloned().unwrap_or_else(|| number.to_string()))
            }
            (None, None) => Some("local".to_owned()),
            _ => (options.always_allow || is_open).then(|| "anonymous".to_owned()),
        };
        Door {
            endpoint: endpoint.to_owned(),
            software: crate::SOFTWARE.to_owned(),
            user: known,
            is_denied: options.always_deny,
            stores,
            nonce: String::new(),
        }
    }
}

fn bad_lines(numbers: &[usize]) -> Option<String> {
    let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
    (!numbers.is_empty()).then(|| format!("these lines make no sense: {}", numbers.join(", ")))
}

fn mechanisms(options: &ControlOptions) -> [(Mechanism, &Dictionary); 3] {
    [
        (Mechanism::ScramSha256, &options.authscramsha256parameters),
        (Mechanism::DigestMd5, &options.authdigestmd5parameters),
        (Mechanism::Login, &options.authloginparameters),
    ]
}

/// Every file that the stanzas of Control_Listener name.
fn uris(snapshot: &Snapshot) -> BTreeSet<String> {
    fn collect(stanza: Stanza<'_>, uris: &mut BTreeSet<String>) {
        let options = ControlOptions::resolve(&stanza);
        let dictionaries = mechanisms(&options).map(|(_, dictionary)| dictionary);
        let groups: &Dictionary = &options.authorizationparameters;
        uris.extend(
            dictionaries.into_iter().chain([groups]).filter_map(|found| found.get("uri").map(str::to_owned)),
        );
        stanza.children().for_each(|child| collect(child, uris));
    }
    let mut uris = BTreeSet::new();
    snapshot.stanzas("control_listener").for_each(|stanza| collect(stanza, &mut uris));
    uris
}

impl<W: World> Shard<W> {
    /// What holds for who has connected to this endpoint.
    pub(crate) fn control_options(&self, endpoint: &Endpoint, peer: Option<IpAddr>) -> ControlOptions {
        let site = self.site();
        let inbound = Inbound { listener: Scope::ControlListener, endpoint, peer, pathway: None };
        ControlOptions::resolve(&site.snapshot.inbound(inbound))
    }

    pub(crate) fn door(&self, options: &ControlOptions, endpoint: &Endpoint, stream: &W::Stream) -> Door {
        let access: Arc<Access> = self.access.borrow().clone();
        let door = access.door(options, &endpoint.to_string(), stream.peer(), stream.peer_user());
        Door { nonce: format!("{:016x}{:016x}", self.world.chance(), self.world.chance()), ..door }
    }

    /// The roles of the Authorization stanza, in their order.
    pub(crate) fn roles(&self) -> Vec<Role> {
        let site = self.site();
        let stanzas = site.snapshot.stanzas("authorization");
        let roles = stanzas.flat_map(|stanza| stanza.stanzas("role").collect::<Vec<_>>());
        let rules = roles.map(|role| {
            let allow = RoleOptions::resolve(&role).allow;
            Role {
                name: role.name().to_owned(),
                allows: Box::new(move |line| allow.iter().any(|pattern| pattern.matches(line.as_bytes()))),
            }
        });
        rules.collect()
    }
}

/// Whether the parameters in force ask for accounting of authentication.
pub(crate) fn logs_authentication(options: &ControlOptions) -> bool {
    let is_true =
        |value: Option<&str>| value.is_some_and(|value| matches!(value, "true" | "on" | "1" | "enabled"));
    mechanisms(options).iter().any(|(_, parameters)| is_true(parameters.get("log_authentication")))
}
