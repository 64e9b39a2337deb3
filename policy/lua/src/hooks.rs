//! Hooks: questions to scripts that belong to no phase (spec policy.md §9).
//!
//! The law: what a hook lends is put back, whatever the script does; what a script answers is all that changes.

use crate::call::{Call, Failure};
use crate::callouts::{Argument, Objects};
use crate::chores::call_alone;
use crate::family::constants::{AUTH_ERROR, AUTH_OK, BOUNCES_OK};
use crate::instance::Instance;
use crate::machine::Machine;
use crate::value::{EcString, number};
use mail::Reply;
use mlua::{Function, IntoLua, MultiValue, Table, Value};
use policy_api::{Client, Credentials, Hook, HookKind, Host, Verdict};
use std::rc::Rc;

/// A function of a module that is called at a hook.
pub struct HookCallout {
    pub name: &'static str,
    pub kind: HookKind,
    /// What it gets, in order.
    arguments: &'static [Given],
}

#[derive(Clone, Copy)]
enum Given {
    Object(Argument),
    /// Seconds since 1970.
    Now,
    /// The queue: a table with `domain`.
    Queue,
    /// The reply that is logged.
    Note,
    /// The number of the session's state, as the reject log names it.
    State,
    Empty,
    User,
    Password,
    /// Text that the script writes.
    Response,
    /// `{ [0] = number }` in which the script answers.
    Answer,
    Domain,
}

use Argument::{Accept as Ac, Msg, Vctx};
use Given::{Answer, Domain, Empty, Note, Now, Object, Password, Queue, Response, State, User};

const fn at(name: &'static str, kind: HookKind, arguments: &'static [Given]) -> HookCallout {
    HookCallout { name, kind, arguments }
}

impl HookCallout {
    /// It answers in a table; else what it returns is all.
    fn answers(&self) -> bool {
        self.arguments.iter().any(|given| matches!(given, Answer))
    }
}

/// In the order in which they are called.
pub static HOOKS: [HookCallout; 13] = [
    at("ac_auth_perform_auth", HookKind::PerformAuth, &[User, Password, Object(Ac), Response]),
    at("ac_auth_log_auth_failure", HookKind::LogAuthFailure, &[User, Object(Ac), Response]),
    at("core_pre_ec_can_relay_to", HookKind::CanRelayTo, &[Domain, Answer, Empty]),
    at("core_config_get_domain_relay", HookKind::CanRelayTo, &[Domain]),
    at("core_log_rejection", HookKind::LogRejection, &[Now, Object(Ac), Object(Vctx), State, Note, Empty]),
    at("core_log_reception_v1", HookKind::LogReception, &[Object(Ac), Object(Msg), Now, Empty]),
    at("core_log_delivery_v1", HookKind::LogDelivery, &[Object(Msg), Queue, Now, Note]),
    at("core_log_transient_failure_v1", HookKind::LogTransientFailure, &[Object(Msg), Queue, Now, Note]),
    at("core_log_permanent_failure_v1", HookKind::LogPermanentFailure, &[Object(Msg), Queue, Now, Note]),
    at("core_generate_bounces", HookKind::GenerateBounces, &[Object(Msg), Answer]),
    at("outbound_smtp_auth_config", HookKind::OutboundAuth, &[Object(Msg), Object(Ac), Object(Vctx)]),
    at("core_server_esmtp_session_abort", HookKind::SessionAbort, &[Object(Ac)]),
    at("validate_dealloc", HookKind::SessionEnd, &[]),
];

/// Every hook that has a function, for the definition of the module.
pub const KINDS: [HookKind; 12] = [
    HookKind::PerformAuth,
    HookKind::LogAuthFailure,
    HookKind::CanRelayTo,
    HookKind::LogRejection,
    HookKind::LogReception,
    HookKind::LogDelivery,
    HookKind::LogTransientFailure,
    HookKind::LogPermanentFailure,
    HookKind::GenerateBounces,
    HookKind::OutboundAuth,
    HookKind::SessionAbort,
    HookKind::SessionEnd,
];

/// What was taken out of a hook while scripts look at it.
struct Lent {
    call: Rc<Call>,
    objects: Objects,
    response: EcString,
    answer: Table,
}

impl Lent {
    fn take(hook: &mut Hook<'_>, machine: &Machine, host: &Rc<dyn Host>) -> mlua::Result<Lent> {
        let answer = machine.lua.create_table()?;
        answer.raw_set(0, i64::from(matches!(hook, Hook::GenerateBounces { enabled: true, .. })))?;
        let client = client(hook).cloned();
        let mut call = Call::new(None, host);
        if let Some(client) = client {
            call.client = client;
        }
        let (message, contexts) = parts(hook);
        if let Some(message) = message {
            call.letter.message.replace(std::mem::take(message));
        }
        if let Some(contexts) = contexts {
            call.letter.contexts.replace(std::mem::take(contexts));
        }
        if let Some(reply) = logged(hook) {
            call.letter.message.borrow_mut().code.get_or_insert_with(|| reply.clone());
        }
        Ok(Lent { call: Rc::new(call), objects: Objects::new(None), response: EcString::default(), answer })
    }

    fn give_back(&self, hook: &mut Hook<'_>) {
        self.call.letter.flush();
        self.call.end();
        let mut said = self.call.letter.message.take();
        // The reply that was lent as the message's own is not its own.
        if said.code.as_ref() == logged(hook) {
            said.code = None;
        }
        let (message, contexts) = parts(hook);
        if let Some(message) = message {
            *message = said;
        }
        if let Some(contexts) = contexts {
            *contexts = self.call.letter.contexts.take();
        }
    }

    fn arguments(
        &mut self,
        hook: &Hook<'_>,
        machine: &Machine,
        wanted: &[Given],
    ) -> mlua::Result<MultiValue> {
        wanted.iter().map(|given| self.argument(hook, machine, *given)).collect()
    }

    fn argument(&mut self, hook: &Hook<'_>, machine: &Machine, given: Given) -> mlua::Result<Value> {
        let lua = &machine.lua;
        match given {
            Object(argument) => {
                let values = self.objects.arguments(machine, &self.call, &[argument])?;
                Ok(values.into_iter().next().unwrap_or(Value::Nil))
            }
            Now => Ok(Value::Number(self.call.host.now().micros() as f64 / 1e6)),
            Queue => {
                let queue = lua.create_table()?;
                let message = self.call.letter.message.borrow();
                queue.raw_set("domain", message.routing_domain.as_deref().unwrap_or_default())?;
                Ok(Value::Table(queue))
            }
            Note => logged(hook).map(ToString::to_string).unwrap_or_default().into_lua(lua),
            State => match hook {
                Hook::LogRejection { state, .. } => (*state as u8).into_lua(lua),
                _ => Ok(Value::Nil),
            },
            Empty => "".into_lua(lua),
            User => user(hook).into_lua(lua),
            Password => match hook {
                Hook::PerformAuth { password, .. } => password.into_lua(lua),
                _ => Ok(Value::Nil),
            },
            Response => {
                if let Hook::LogAuthFailure { reply, .. } = hook {
                    self.response.0.replace(reply.to_string().into_bytes());
                }
                lua.create_any_userdata(self.response.clone()).map(Value::UserData)
            }
            Answer => Ok(Value::Table(self.answer.clone())),
            Domain => match hook {
                Hook::CanRelayTo { recipient, .. } => recipient.domain().into_lua(lua),
                _ => Ok(Value::Nil),
            },
        }
    }

    /// What the script has written as the reply.
    fn reply(&self) -> Option<Reply> {
        let octets = self.response.0.borrow();
        let text = String::from_utf8_lossy(&octets);
        let code = text.get(..3)?.parse().ok().filter(|code| (200..600).contains(code))?;
        Some(Reply::verbatim(code, crate::family::reply_text(text[3..].trim())))
    }
}

fn client<'h>(hook: &'h Hook<'_>) -> Option<&'h Client> {
    match hook {
        Hook::PerformAuth { client, .. }
        | Hook::LogAuthFailure { client, .. }
        | Hook::CanRelayTo { client, .. }
        | Hook::LogRejection { client, .. }
        | Hook::LogReception { client, .. }
        | Hook::SessionAbort { client, .. }
        | Hook::SessionEnd { client, .. } => Some(client),
        _ => None,
    }
}

type Parts<'h> = (Option<&'h mut policy_api::Message>, Option<&'h mut mail::Contexts>);

fn parts<'h>(hook: &'h mut Hook<'_>) -> Parts<'h> {
    match hook {
        Hook::PerformAuth { contexts, .. }
        | Hook::LogAuthFailure { contexts, .. }
        | Hook::CanRelayTo { contexts, .. }
        | Hook::LogRejection { contexts, .. }
        | Hook::SessionAbort { contexts, .. }
        | Hook::SessionEnd { contexts, .. } => (None, Some(contexts)),
        Hook::LogReception { message, contexts, .. }
        | Hook::LogDelivery { message, contexts, .. }
        | Hook::LogTransientFailure { message, contexts, .. }
        | Hook::LogPermanentFailure { message, contexts, .. }
        | Hook::GenerateBounces { message, contexts, .. }
        | Hook::OutboundAuth { message, contexts, .. } => (Some(message), Some(contexts)),
        _ => (None, None),
    }
}

fn logged<'h>(hook: &'h Hook<'_>) -> Option<&'h Reply> {
    match hook {
        Hook::LogRejection { reply, .. }
        | Hook::LogDelivery { reply, .. }
        | Hook::LogTransientFailure { reply, .. }
        | Hook::LogPermanentFailure { reply, .. } => Some(reply),
        _ => None,
    }
}

fn user<'h>(hook: &'h Hook<'_>) -> &'h str {
    match hook {
        Hook::PerformAuth { user, .. } | Hook::LogAuthFailure { user, .. } => user,
        _ => "",
    }
}

/// Which modules have a function for which hook.
pub fn turns(instance: &Instance) -> [Vec<(usize, &'static HookCallout)>; HookKind::COUNT] {
    let mut turns: [Vec<(usize, &'static HookCallout)>; HookKind::COUNT] = Default::default();
    for callout in &HOOKS {
        for (module, registered) in instance.modules.iter().enumerate() {
            if matches!(registered.functions.get::<Value>(callout.name), Ok(Value::Function(_))) {
                turns[callout.kind as usize].push((module, callout));
            }
        }
    }
    turns
}

/// Asks the functions of a hook, until one has decided.
pub async fn ask(
    instance: &Instance,
    turns: &[(usize, &'static HookCallout)],
    hook: &mut Hook<'_>,
    host: &Rc<dyn Host>,
) -> Verdict {
    let scheme = match hook {
        Hook::PerformAuth { uri, .. } => {
            uri.split_once("://").map(|(scheme, rest)| (scheme.to_owned(), rest.to_owned()))
        }
        _ => None,
    };
    if let Some((scheme, rest)) = scheme
        && scheme != "ac_auth"
    {
        return match instance.authenticator(&scheme) {
            Some(table) => authenticate(instance, &table, &rest, hook, host).await,
            None => Verdict::Continue,
        };
    }
    let mut lent = match Lent::take(hook, &instance.machine, host) {
        Ok(lent) => lent,
        Err(error) => return Failure::of(&error).verdict("hook"),
    };
    let mut verdict = Verdict::Continue;
    for (module, callout) in turns {
        let module = &instance.modules[*module];
        let result = call(instance, module, callout, &mut lent, hook).await;
        match result {
            Ok(values) if decides(callout, &values, &lent, hook) => verdict = Verdict::Done,
            Ok(_) => continue,
            Err(failure) => {
                verdict = failure.verdict(&format!("{} of module {}", callout.name, module.name));
            }
        }
        break;
    }
    lent.give_back(hook);
    if let Hook::OutboundAuth { contexts, credentials, .. } = hook {
        let get =
            |name: &str| contexts.message.get(&format!("outbound_smtp_auth_{name}")).unwrap_or_default();
        if !get("user").is_empty() {
            **credentials = Some(Credentials {
                user: get("user").into(),
                password: get("pass").into(),
                mechanism: get("type").into(),
            });
        }
    }
    verdict
}

async fn call(
    instance: &Instance,
    module: &crate::instance::Registered,
    callout: &HookCallout,
    lent: &mut Lent,
    hook: &Hook<'_>,
) -> Result<MultiValue, Failure> {
    let prepare = |lent: &mut Lent| -> mlua::Result<(Function, MultiValue)> {
        let mut arguments = lent.arguments(hook, &instance.machine, callout.arguments)?;
        arguments.push_front(Value::Table(instance.receiver(&lent.call, module)?));
        Ok((module.functions.get(callout.name)?, arguments))
    };
    let (function, arguments) = prepare(lent).map_err(|error| Failure::of(&error))?;
    call_alone(&instance.machine, &lent.call, function, arguments).await
}

/// What the function has answered; whether nobody else is asked.
fn decides(callout: &HookCallout, values: &MultiValue, lent: &Lent, hook: &mut Hook<'_>) -> bool {
    let first = values.front();
    let answer = first.and_then(number).map_or(0, |number| number as i64);
    let is_set = |value: &Value| match value {
        Value::Nil | Value::Boolean(false) => false,
        other => number(other) != Some(0.0),
    };
    match hook {
        Hook::PerformAuth { passes, reply, .. } => {
            **passes = Some(answer == AUTH_OK);
            **reply = lent.reply();
            true
        }
        Hook::CanRelayTo { permits, .. } => {
            let handled = first.is_some_and(is_set);
            if handled {
                let said = lent.answer.raw_get::<Value>(0).unwrap_or(Value::Nil);
                **permits = Some(!callout.answers() || is_set(&said));
            }
            handled
        }
        Hook::GenerateBounces { enabled, .. } => {
            let said = values.get(1).cloned().or_else(|| lent.answer.raw_get::<Value>(0).ok());
            **enabled = said.as_ref().is_some_and(is_set);
            answer == BOUNCES_OK
        }
        _ => false,
    }
}

/// `table:authenticate(rest of the URI, parameters, user, password)` of `msys.registerAuth`.
async fn authenticate(
    instance: &Instance,
    table: &Table,
    rest: &str,
    hook: &mut Hook<'_>,
    host: &Rc<dyn Host>,
) -> Verdict {
    let lua = &instance.machine.lua;
    let prepare = |hook: &Hook<'_>| -> mlua::Result<(Function, MultiValue)> {
        let Hook::PerformAuth { user, password, .. } = hook else {
            unreachable!("no other hook has a scheme")
        };
        let arguments = MultiValue::from_iter([
            Value::Table(table.clone()),
            rest.into_lua(lua)?,
            Value::Table(lua.create_table()?),
            user.into_lua(lua)?,
            password.into_lua(lua)?,
        ]);
        Ok((table.get("authenticate")?, arguments))
    };
    let (function, arguments) = match prepare(hook) {
        Ok(prepared) => prepared,
        Err(error) => return Failure::of(&error).verdict("hook"),
    };
    let lent = match Lent::take(hook, &instance.machine, host) {
        Ok(lent) => lent,
        Err(error) => return Failure::of(&error).verdict("hook"),
    };
    let result = call_alone(&instance.machine, &lent.call, function, arguments).await;
    lent.give_back(hook);
    let Hook::PerformAuth { passes, reply, .. } = hook else { unreachable!("no other hook has a scheme") };
    match result {
        Ok(values) => {
            let answer = values.front().and_then(number).map_or(0, |number| number as i64);
            **passes = Some(answer == AUTH_OK);
            if answer == AUTH_ERROR {
                **reply = Some(Reply::fixed(454, (4, 7, 0), "Temporary authentication failure"));
            }
            Verdict::Done
        }
        Err(failure) => failure.verdict("authenticate"),
    }
}
