//! Who may come in: what the files named by the `Auth…Parameters` say. Read at the loading of a
//! configuration, by whoever loads it; here they are text.

use crate::mechanism::Mechanism;
use crate::mechanism::{Verifier, read_verifier};
use ring::hmac;
use std::collections::HashMap;
use std::sync::Arc;

/// One file, by its scheme.
#[derive(Debug)]
enum Store {
    /// `digest://`: hashes by (user, realm), as htdigest writes them.
    Digest(HashMap<(String, String), String>),
    /// `file://`: passwords in clear text.
    File(HashMap<String, String>),
    /// `scram://`: verifiers of RFC 5803.
    Scram(HashMap<String, Verifier>),
    /// `groups://`: the roles of each user.
    Groups(HashMap<String, Vec<String>>),
}

/// All files of a configuration, by URI; and which of them one listener uses. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Stores {
    stores: HashMap<String, Arc<Store>>,
    offered: Vec<(Mechanism, Arc<Store>)>,
    groups: Option<Arc<Store>>,
    realm: String,
    secret: [u8; 16],
}

impl Stores {
    /// `secret` is random: unknown users get salts made with it.
    pub fn new(secret: [u8; 16]) -> Stores {
        Stores { secret, ..Stores::default() }
    }

    /// Reads the text of a file; the lines that make no sense, by number.
    pub fn add(&mut self, scheme: &str, uri: &str, text: &str) -> Vec<usize> {
        let mut bad = Vec::new();
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let mut store = match scheme {
            "digest" => Store::Digest(HashMap::new()),
            "scram" => Store::Scram(HashMap::new()),
            "groups" => Store::Groups(HashMap::new()),
            _ => Store::File(HashMap::new()),
        };
        for (number, line) in lines {
            if store.line(line).is_none() {
                bad.push(number);
            }
        }
        self.stores.insert(uri.to_owned(), Arc::new(store));
        bad
    }

    /// Offers a mechanism whose users stand in this file. False: the file was not added.
    pub fn offer(&mut self, mechanism: Mechanism, uri: &str, realm: &str) -> bool {
        let Some(store) = self.stores.get(uri) else { return false };
        self.offered.push((mechanism, store.clone()));
        if mechanism == Mechanism::DigestMd5 {
            self.realm = realm.to_owned();
        }
        true
    }

    /// Takes the roles from this file.
    pub fn take_groups(&mut self, uri: &str) -> bool {
        self.groups = self.stores.get(uri).cloned();
        self.groups.is_some()
    }

    /// What is offered, the best first.
    pub fn mechanisms(&self) -> Vec<Mechanism> {
        Mechanism::ALL.into_iter().filter(|mechanism| self.store(*mechanism).is_some()).collect()
    }

    /// The roles of a user.
    pub fn roles(&self, user: &str) -> Vec<String> {
        match self.groups.as_deref() {
            Some(Store::Groups(roles)) => roles.get(user).cloned().unwrap_or_default(),
            _ => Vec::new(),
        }
    }

    fn store(&self, mechanism: Mechanism) -> Option<&Store> {
        self.offered.iter().find(|(offered, _)| *offered == mechanism).map(|(_, store)| &**store)
    }

    pub(crate) fn realm(&self) -> &str {
        &self.realm
    }

    pub(crate) fn digest(&self, user: &str, realm: &str) -> Option<&str> {
        match self.store(Mechanism::DigestMd5)? {
            Store::Digest(hashes) => hashes.get(&(user.to_owned(), realm.to_owned())).map(String::as_str),
            _ => None,
        }
    }

    pub(crate) fn password(&self, user: &str) -> Option<&str> {
        match self.store(Mechanism::Login)? {
            Store::File(passwords) => passwords.get(user).map(String::as_str),
            _ => None,
        }
    }

    pub(crate) fn verifier(&self, user: &str) -> Option<&Verifier> {
        match self.store(Mechanism::ScramSha256)? {
            Store::Scram(verifiers) => verifiers.get(user),
            _ => None,
        }
    }

    pub(crate) fn invented_salt(&self, user: &str) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.secret);
        hmac::sign(&key, user.as_bytes()).as_ref()[..16].to_vec()
    }
}

impl Store {
    /// Takes a line; none if it makes no sense.
    fn line(&mut self, line: &str) -> Option<()> {
        let (first, rest) = line.split_once(':').filter(|(first, _)| !first.is_empty())?;
        match self {
            Store::File(passwords) => {
                passwords.insert(first.to_owned(), rest.to_owned());
            }
            Store::Digest(hashes) => {
                let (realm, hash) = rest.rsplit_once(':')?;
                let is_hash = hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
                let key = (first.to_owned(), realm.to_owned());
                is_hash.then(|| hashes.insert(key, hash.to_ascii_lowercase()))?;
            }
            Store::Scram(verifiers) => {
                verifiers.insert(first.to_owned(), read_verifier(rest)?);
            }
            // `role:user1,user2` or `role:unused:user1,user2`.
            Store::Groups(roles) => {
                let members = rest.rsplit_once(':').map_or(rest, |(_, members)| members);
                for user in members.split(',').map(str::trim).filter(|user| !user.is_empty()) {
                    roles.entry(user.to_owned()).or_default().push(first.to_owned());
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_line_by_line_and_bad_lines_are_named() {
        let mut stores = Stores::default();
        let hash = "0123456789ABCDEF0123456789abcdef";
        for (scheme, text, bad) in [
            ("digest", format!("# users\nann:Momentum Console:{hash}\n\nbob:short\nbob:r:xyz\n"), vec![4, 5]),
            ("file", "ann:a:b\nnothing\n:x\n".into(), vec![2, 3]),
            ("scram", "ann:SCRAM-SHA-256$1:YQ==$YQ==:YQ==\nbob:pencil\n".into(), vec![2]),
            ("groups", "ops:ann,bob\nusers:x: ann , cyd\nnothing".into(), vec![3]),
        ] {
            assert_eq!(stores.add(scheme, scheme, &text), bad, "{scheme}");
        }
        assert!(stores.offer(Mechanism::DigestMd5, "digest", "Momentum Console"));
        assert!(stores.offer(Mechanism::Login, "file", ""));
        assert!(stores.offer(Mechanism::ScramSha256, "scram", ""));
        assert!(!stores.offer(Mechanism::Login, "missing", ""));
        assert_eq!(stores.mechanisms(), Mechanism::ALL);
        assert_eq!(stores.digest("ann", "Momentum Console"), Some(&*hash.to_ascii_lowercase()));
        assert_eq!(stores.digest("ann", "another"), None);
        assert_eq!(stores.password("ann"), Some("a:b"));
        assert!(stores.verifier("ann").is_some() && stores.verifier("bob").is_none());
        assert!(stores.roles("ann").is_empty(), "no groups are taken yet");
        assert!(stores.take_groups("groups"));
        for (user, roles) in [("ann", vec!["ops", "users"]), ("bob", vec!["ops"]), ("dan", vec![])] {
            assert_eq!(stores.roles(user), roles);
        }
    }
}
