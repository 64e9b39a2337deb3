//! Which functions of a module are called at which phase, with what (spec policy.md §2).

use crate::call::Call;
use crate::machine::Machine;
use crate::value::{Accept, EcString, Msg, Shown, Vctx};
use mail::Phase;
use mlua::{AnyUserData, Lua, MultiValue, Value};
use std::cell::RefCell;
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    Accept,
    Vctx,
    Msg,
    /// The command line, with CRLF.
    Line,
    /// The recipients of the transaction.
    Recipients,
    AuthInfo,
    AuthStatus,
}

use Argument::{Accept as Ac, AuthInfo, AuthStatus, Line, Msg as M, Recipients, Vctx as V};

pub struct Callout {
    pub name: &'static str,
    pub phase: Phase,
    pub arguments: &'static [Argument],
    /// What it returns decides; of the others it is not looked at.
    pub decides: bool,
}

const fn decides(name: &'static str, phase: Phase, arguments: &'static [Argument]) -> Callout {
    Callout { name, phase, arguments, decides: true }
}

const fn void(name: &'static str, phase: Phase, arguments: &'static [Argument]) -> Callout {
    Callout { name, phase, arguments, decides: false }
}

/// In the order in which they are called.
pub static CALLOUTS: [Callout; 23] = [
    decides("core_validate_accept", Phase::Accept, &[Ac, V]),
    decides("validate_connect", Phase::Connect, &[Ac, V]),
    decides("core_validate_connect", Phase::Connect, &[Ac, V]),
    decides("validate_ehlo", Phase::Ehlo, &[Line, Ac, V]),
    void("core_validate_auth_hook", Phase::Auth, &[V, AuthInfo, AuthStatus]),
    void("core_validate_auth", Phase::Auth, &[V, AuthInfo, AuthStatus]),
    decides("validate_mailfrom", Phase::Mailfrom, &[Line, Ac, V]),
    decides("validate_rcptto", Phase::Rcptto, &[M, Line, Ac, V]),
    decides("validate_data", Phase::Data, &[M, Ac, V]),
    decides("validate_rcptto_list", Phase::RcpttoList, &[Recipients, V]),
    decides("validate_rcptto_list_final", Phase::RcpttoListFinal, &[Recipients, V]),
    decides("validate_data_spool", Phase::DataSpool, &[M, Ac, V]),
    void("core_pre_msg_each_rcpt", Phase::DataSpoolEachRcpt, &[M, Ac]),
    decides("validate_data_spool_each_rcpt", Phase::DataSpoolEachRcpt, &[M, Ac, V]),
    decides("core_validate_data_spool_each_rcpt", Phase::DataSpoolEachRcpt, &[M, Ac, V]),
    void("core_post_validate_data_spool_each_rcpt_v1", Phase::DataSpoolEachRcpt, &[M, Ac, V]),
    void("core_post_msg_each_rcpt", Phase::DataSpoolEachRcpt, &[M, Ac, V]),
    void("msg_gen_data_spool", Phase::MsgGenDataSpool, &[M]),
    decides("validate_set_binding", Phase::SetBinding, &[M]),
    void("core_post_validate_set_binding", Phase::SetBinding, &[M]),
    void("core_final_validation2", Phase::FinalValidation, &[M, Ac, V]),
    void("core_final_validation", Phase::FinalValidation, &[M, Ac, V]),
    void("core_post_final_validation", Phase::FinalValidation, &[M, Ac, V]),
];

/// The objects that stand for one session in all its callouts.
pub type Lasting = Rc<RefCell<Vec<(Argument, AnyUserData)>>>;

/// The objects of one question; shared by all its callouts. What they show ends with it.
pub struct Objects {
    made: Vec<(Argument, Value)>,
    lasting: Option<Lasting>,
}

impl Objects {
    /// Those of a session are used again, where there is one.
    pub fn new(lasting: Option<Lasting>) -> Self {
        Objects { made: Vec::with_capacity(4), lasting }
    }

    pub fn arguments(
        &mut self,
        machine: &Machine,
        call: &Rc<Call>,
        wanted: &[Argument],
    ) -> mlua::Result<MultiValue> {
        wanted.iter().map(|argument| self.object(machine, call, *argument)).collect()
    }

    fn object(&mut self, machine: &Machine, call: &Rc<Call>, argument: Argument) -> mlua::Result<Value> {
        if let Some((_, value)) = self.made.iter().find(|(known, _)| *known == argument) {
            return Ok(value.clone());
        }
        let lua = &machine.lua;
        let context = |key: &str| {
            let contexts = call.letter.contexts.borrow();
            lua.create_string(contexts.connection.get(key).unwrap_or_default()).map(Value::String)
        };
        let value = match argument {
            Argument::Accept => self.lend(lua, argument, call, Accept, |accept| &accept.0)?,
            Argument::Vctx => self.lend(lua, argument, call, Vctx, |vctx| &vctx.0)?,
            Argument::Msg => self.lend(lua, argument, &call.letter, Msg, |msg| &msg.0)?,
            Argument::Line => {
                let line = EcString::default();
                line.0.replace([call.line.as_bytes(), b"\r\n"].concat());
                Value::UserData(lua.create_any_userdata(line)?)
            }
            Argument::Recipients => {
                let message = call.letter.message.borrow();
                Value::Table(
                    lua.create_sequence_from(message.recipients.iter().map(|address| address.as_str()))?,
                )
            }
            Argument::AuthInfo => context("auth_user")?,
            Argument::AuthStatus => context("auth_status")?,
        };
        self.made.push((argument, value.clone()));
        Ok(value)
    }

    /// The session's object of a kind, if it shows nothing now, else a new one; it shows this from here on.
    fn lend<T: 'static, S>(
        &self,
        lua: &Lua,
        argument: Argument,
        shown: &Rc<S>,
        object: fn(Shown<S>) -> T,
        slot: fn(&T) -> &Shown<S>,
    ) -> mlua::Result<Value> {
        if let Some(lasting) = &self.lasting
            && let Some((_, known)) = lasting.borrow().iter().find(|(known, _)| *known == argument)
            && slot(&*known.borrow::<T>()?).lend(shown)
        {
            return Ok(Value::UserData(known.clone()));
        }
        let made = lua.create_any_userdata(object(Shown::new(shown.clone())))?;
        if let Some(lasting) = &self.lasting {
            let mut lasting = lasting.borrow_mut();
            if lasting.iter().all(|(known, _)| *known != argument) {
                lasting.push((argument, made.clone()));
            }
        }
        Ok(Value::UserData(made))
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        fn take_back<T: 'static, S>(object: &Value, slot: fn(&T) -> &Shown<S>) {
            if let Some(Ok(object)) = object.as_userdata().map(|object| object.borrow::<T>()) {
                slot(&*object).take_back();
            }
        }
        for (argument, value) in &self.made {
            match argument {
                Argument::Accept => take_back::<Accept, _>(value, |accept| &accept.0),
                Argument::Vctx => take_back::<Vctx, _>(value, |vctx| &vctx.0),
                Argument::Msg => take_back::<Msg, _>(value, |msg| &msg.0),
                Argument::Line | Argument::Recipients | Argument::AuthInfo | Argument::AuthStatus => {}
            }
        }
    }
}
