//! What we prove ourselves with to the next host of a message: the options of its queue, what a module answers,
//! and the message's own variables; the later goes before the earlier (module-details.md, outbound_smtp_auth).

use crate::Shard;
use crate::options::ConversationOptions;
use crate::outbound::Outbound;
use crate::tell::{Occasion, What};
use mail::{Dictionary, Reception};
use policy_api::HookKind;
use smtp::client::Credentials;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

const USER: &str = "outbound_smtp_auth_user";
const PASSWORD: &str = "outbound_smtp_auth_pass";
const MECHANISM: &str = "outbound_smtp_auth_type";
const KEY: &str = "outbound_smtp_auth_key";

/// What the options of a queue say.
#[derive(Default)]
pub(crate) struct Login {
    /// Without a user: a message may name one.
    credentials: Option<Rc<Credentials>>,
    /// For the scripts that look for credentials.
    key: Option<Arc<str>>,
}

impl Login {
    pub fn of(options: &ConversationOptions) -> Self {
        let set = |text: &Option<Arc<str>>| text.clone().filter(|text| is_set(text));
        let text = |text: &Option<Arc<str>>| set(text).as_deref().unwrap_or("").into();
        let mechanism = options.outbound_smtp_auth_type.map_or("", |mechanism| mechanism.name()).into();
        let credentials = Credentials {
            user: text(&options.outbound_smtp_auth_user),
            password: text(&options.outbound_smtp_auth_pass),
            mechanism,
        };
        let said = !(credentials.user.is_empty() && credentials.password.is_empty());
        let credentials = said.then(|| Rc::new(credentials));
        Login { credentials, key: set(&options.outbound_smtp_auth_key) }
    }

    /// The credentials that fail are those of every message in the queue.
    pub fn is(&self, credentials: &Credentials) -> bool {
        self.credentials.as_deref() == Some(credentials)
    }
}

/// `false` is how the original says that an option is unset.
fn is_set(text: &str) -> bool {
    !text.is_empty() && !text.eq_ignore_ascii_case("false")
}

/// Whether two copies ask for the same credentials by their variables.
pub(crate) fn agree(reception: &Reception, one: u32, other: u32) -> bool {
    let variables = |copy: u32| &reception.contexts_of(&reception.envelopes[copy as usize]).message;
    let (one, other) = (variables(one), variables(other));
    std::ptr::eq(one, other)
        || [USER, PASSWORD, MECHANISM].into_iter().all(|key| one.get(key) == other.get(key))
}

impl<W: World> Shard<W> {
    pub(crate) async fn credentials(
        self: &Rc<Self>,
        outbound: &Outbound,
        reception: &Reception,
        copy: u32,
    ) -> Option<Rc<Credentials>> {
        let envelope = &reception.envelopes[copy as usize];
        let login = &outbound.login;
        let site = self.site();
        if !site.pipeline.has_hook(HookKind::OutboundAuth) {
            return overlaid(login.credentials.clone(), &reception.contexts_of(envelope).message);
        }
        let mut occasion = Occasion::of_copy(&site, reception, envelope, What::Credentials(None));
        if let (Some(key), None) = (&login.key, occasion.contexts.message.get(KEY)) {
            occasion.contexts.message.set(KEY, key);
        }
        let Some(told) = self.consult(&site, occasion).await else {
            return overlaid(login.credentials.clone(), &reception.contexts_of(envelope).message);
        };
        let said = match told.what {
            What::Credentials(Some(said)) => Some(Rc::new(Credentials {
                user: said.user,
                password: said.password,
                mechanism: said.mechanism,
            })),
            _ => login.credentials.clone(),
        };
        overlaid(said, &told.contexts.message)
    }
}

/// The credentials with what the variables of a message say instead.
fn overlaid(known: Option<Rc<Credentials>>, variables: &Dictionary) -> Option<Rc<Credentials>> {
    let of = |key| variables.get(key).filter(|text| is_set(text));
    let (user, password, mechanism) = (of(USER), of(PASSWORD), of(MECHANISM));
    if user.or(password).or(mechanism).is_none() {
        return known.filter(|known| !known.user.is_empty());
    }
    let known = known.as_deref();
    let either = |own: Option<&str>, known: Option<&Box<str>>| -> Box<str> {
        own.or(known.map(|known| &**known)).unwrap_or("").into()
    };
    let credentials = Credentials {
        user: either(user, known.map(|known| &known.user)),
        password: either(password, known.map(|known| &known.password)),
        mechanism: either(mechanism, known.map(|known| &known.mechanism)),
    };
    Some(credentials).filter(|known| !known.user.is_empty()).map(Rc::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(user: &str, password: &str, mechanism: &str) -> Option<Rc<Credentials>> {
        let (user, password, mechanism) = (user.into(), password.into(), mechanism.into());
        Some(Rc::new(Credentials { user, password, mechanism }))
    }

    #[test]
    fn variables_of_the_message_go_before_the_options() {
        let options = credentials("u", "p", "PLAIN");
        for (known, variables, expected) in [
            (options.clone(), vec![], options.clone()),
            (None, vec![], None),
            (options.clone(), vec![(USER, "v"), (PASSWORD, "q")], credentials("v", "q", "PLAIN")),
            (options.clone(), vec![(MECHANISM, "LOGIN")], credentials("u", "p", "LOGIN")),
            (options.clone(), vec![(USER, "false"), (PASSWORD, "")], options.clone()),
            (None, vec![(USER, "v"), (PASSWORD, "q")], credentials("v", "q", "")),
            (None, vec![(PASSWORD, "q")], None),
            (credentials("", "p", ""), vec![], None),
            (credentials("", "p", ""), vec![(USER, "v")], credentials("v", "p", "")),
        ] {
            let mut dictionary = Dictionary::default();
            variables.iter().for_each(|(key, value)| dictionary.set(key, value));
            assert_eq!(overlaid(known, &dictionary), expected, "{variables:?}");
        }
    }
}
