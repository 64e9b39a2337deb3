//! What a running script sees and changes: the question that the engine asks, and what the instance keeps
//! between runs.

use crate::fault::Fault;
use crate::included::Included;
use crate::keys::Keys;
use crate::limits::Account;
use crate::machine::Loaded;
use crate::pattern::Patterns;
use crate::phase::Place;
use crate::throttle::Throttles;
use crate::value::{List, Text};
use bytes::Bytes;
use content::address::{self, Component};
use mail::{Address, Contexts, Phase, Reply};
use policy_api::{
    Ask, Client, Disposition, Host, Level, Message, Rights, Services, SessionRequests, Sources,
};
use std::rc::Rc;
use std::sync::Arc;

/// What all scripts of an instance share on one shard.
pub(crate) struct Shared {
    /// Name of the module's instance.
    pub instance: Box<str>,
    pub hostname: Box<str>,
    pub patterns: Patterns,
    pub throttles: Throttles,
    pub keys: Keys,
    pub included: Included,
    /// The files that were read for the configuration.
    pub sources: Arc<Sources>,
    /// What other modules offer.
    pub services: Rc<Services>,
}

pub(crate) struct Scene<'a> {
    pub place: Place,
    /// `data_phase1`, or the name of the hook.
    pub script: &'a str,
    pub client: &'a Client,
    pub contexts: &'a mut Contexts,
    pub message: &'a mut Message,
    pub session: &'a mut SessionRequests,
    pub disposition: &'a mut Disposition,
    pub host: &'a Rc<dyn Host>,
    pub shared: &'a Shared,
    rights: Rights,
    /// What a hook is about.
    pub told: Option<&'a Reply>,
    /// What was waited for ends Sieve for this phase.
    pub ends: bool,
    /// The script that was waited for.
    pub included: Option<Rc<Loaded>>,
    decoded: Decoded,
}

/// What the script has asked of header fields: most scripts ask for the same few again and again.
#[derive(Default)]
struct Decoded {
    /// The header that they are of; edits make another one.
    header: Bytes,
    fields: Vec<(Text, Aspect, List)>,
}

/// What a script wants to know of the fields of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aspect {
    /// Their values, unfolded and decoded.
    Values,
    /// This part of all addresses in them.
    Addresses(Component),
}

/// Names kept.
const MOST_DECODED: usize = 32;

impl<'a> Scene<'a> {
    pub fn new(
        script: &'a str,
        ask: &'a mut Ask<'_>,
        host: &'a Rc<dyn Host>,
        shared: &'a Shared,
    ) -> Scene<'a> {
        Scene {
            place: Place::At(ask.phase),
            script,
            client: ask.client,
            contexts: ask.contexts,
            message: ask.message,
            session: ask.session,
            disposition: ask.disposition,
            host,
            shared,
            rights: Rights::of(ask.phase),
            told: None,
            ends: false,
            included: None,
            decoded: Decoded::default(),
        }
    }

    /// As `new`, where something has happened and nothing but this can be changed.
    pub fn at_hook(self, rights: Rights, told: Option<&'a Reply>) -> Scene<'a> {
        Scene { place: Place::Hook, rights, told, ..self }
    }

    /// For people: the phase, or the hook.
    pub fn place_name(&self) -> &str {
        match self.place {
            Place::At(phase) => phase.name(),
            Place::Hook => self.script,
        }
    }

    pub fn phase(&self) -> Phase {
        match self.place {
            Place::At(phase) => phase,
            Place::Hook => Phase::FinalValidation,
        }
    }

    pub fn rights(&self) -> Rights {
        self.rights
    }

    /// Counts an event under `<script>:<counter> (<class>)`; `sieve stats` shows it.
    pub fn count(&self, counter: &str, class: &str) {
        let path = crate::statistics::path(&self.shared.instance, self.script, counter, class);
        self.host.counter(&path).add(1);
    }

    pub fn report(&self, level: Level, text: &str) {
        self.host.report(level, &format!("sieve:{}: {text}", self.shared.instance));
    }

    /// What all fields of a name say.
    pub fn fields(&mut self, name: &Text, aspect: Aspect, account: &mut Account) -> Result<List, Fault> {
        let header = self.message.content.header_octets();
        let known = &mut self.decoded;
        if known.header.as_ptr() != header.as_ptr() || known.header.len() != header.len() {
            *known = Decoded { header: header.clone(), fields: Vec::new() };
        }
        let is_asked = |(known, seen, _): &&(Text, Aspect, List)| known == name && *seen == aspect;
        if let Some((.., values)) = known.fields.iter().find(is_asked) {
            account.step(1)?;
            return Ok(values.clone());
        }
        account.look(header.len())?;
        let named = self.message.content.header().named(name);
        let values: List = Rc::new(match aspect {
            Aspect::Values => named.map(|field| field.text().into()).collect(),
            Aspect::Addresses(part) => {
                let lists =
                    named.flat_map(|field| address::parse_list(&String::from_utf8_lossy(&field.value())));
                lists.filter_map(|mailbox| mailbox.component(part)).map(Into::into).collect()
            }
        });
        if known.fields.len() >= MOST_DECODED {
            known.fields.clear();
        }
        known.fields.push((name.clone(), aspect, values.clone()));
        Ok(values)
    }

    /// From mailfrom on.
    pub fn has_envelope(&self) -> bool {
        self.phase() >= Phase::Mailfrom
    }

    /// The recipients that this phase is about.
    pub fn recipients(&self) -> Vec<&Address> {
        match &self.message.recipient {
            Some(recipient) => vec![recipient],
            None => self.message.recipients.iter().collect(),
        }
    }
}

/// An address that a script gives: `<a@b.example>` or without the brackets.
pub(crate) fn mailbox(text: &str) -> Result<Address, Fault> {
    let bare = text.trim();
    let bare = bare.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(bare);
    let fits = |part: &str| !part.is_empty() && !part.bytes().any(|octet| octet <= b' ' || octet == 0x7f);
    match bare.rsplit_once('@') {
        Some((local, domain)) if fits(local) && fits(domain) && !domain.contains(['<', '>', ',', ';']) => {
            Ok(Address::new(local, domain))
        }
        _ => Err(Fault::new(format!("'{text}' is no mail address"))),
    }
}

/// As `mailbox`; the empty one is the null sender.
pub(crate) fn sender(text: &str) -> Result<Option<Address>, Fault> {
    match text.trim() {
        "" | "<>" => Ok(None),
        text => mailbox(text).map(Some),
    }
}
