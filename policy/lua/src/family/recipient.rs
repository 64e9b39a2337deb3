//! `msys.beta.rcptto_proxy`: whether another server takes a recipient. The module smtp_rcptto_proxy asks.

use crate::call::{Call, Pending};
use crate::function::{Body, Definition, Family, nothing};
use crate::machine::Machine;
use crate::value::{Text, number};
use mlua::{Error, FromLua as _, FromLuaMulti, Lua, MultiValue, Table, Value};
use policy_api::{Probe, ProbeServer, ProbeStage, Probed, RecipientProbe};
use std::rc::Rc;
use std::time::Duration;

pub static FAMILY: Family = Family {
    name: "recipient",
    definitions: &[Definition {
        name: "msys.beta.rcptto_proxy.query",
        signature: "msys.beta.rcptto_proxy.query({rcptto=, host=, [mailfrom=\"\"], [port=25], [timeout=60]})",
        tier: 2,
        doc: "true if the server takes the recipient; else false and why, `fail` where it refuses the recipient.",
        body: Body::Later(query),
    }],
    set_up: nothing,
};

fn query(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    let options = Table::from_lua_multi(arguments, lua)?;
    let text = |name: &str| -> mlua::Result<String> {
        match options.get::<Value>(name)? {
            Value::Nil => Ok(String::new()),
            value => Ok(Text::from_lua(value, lua)?.0),
        }
    };
    let whole = |name: &str, most: f64, otherwise: u16| -> mlua::Result<u16> {
        let given = number(&options.get::<Value>(name)?);
        Ok(given.map_or(otherwise, |given| given.clamp(1.0, most) as u16))
    };
    let (name, recipient) = (text("host")?, text("rcptto")?);
    if name.is_empty() || recipient.is_empty() {
        return Err(Error::runtime("msys.beta.rcptto_proxy.query needs host and rcptto"));
    }
    let probe = Probe {
        server: ProbeServer::Host { name: name.into(), port: whole("port", 65535.0, 25)? },
        sender: text("mailfrom")?.into(),
        recipient: recipient.into(),
        within: Duration::from_secs(whole("timeout", 300.0, 60)?.into()),
    };
    let services = Machine::of(lua)?.services.borrow().clone();
    let found = services.and_then(|services| services.find::<Rc<dyn RecipientProbe>>("smtp_rcptto_proxy"));
    let prober =
        found.ok_or_else(|| Error::runtime("msys.beta.rcptto_proxy needs the module smtp_rcptto_proxy"))?;
    let (lua, asked) = (lua.clone(), prober.ask(probe, &call.host));
    Ok(Box::pin(async move {
        let problem = match asked.await {
            Ok(Probed { stage: ProbeStage::Recipient, reply }) if reply.is_success() => {
                return Ok(MultiValue::from_iter([Value::Boolean(true)]));
            }
            Ok(Probed { stage: ProbeStage::Recipient, .. }) => "fail".to_owned(),
            Ok(Probed { reply, .. }) => reply.to_string(),
            Err(fault) => fault.to_string(),
        };
        Ok(MultiValue::from_iter([Value::Boolean(false), Value::String(lua.create_string(problem)?)]))
    }))
}
