//! Lua values and ours: texts in any shape, addresses, the classes of the host's objects.

use crate::call::{Call, Letter};
use crate::machine::{Machine, made};
use mail::Address;
use mlua::{AnyUserData, Error, FromLua, Lua, MultiValue, Table, UserDataRegistry, Value};
use std::cell::RefCell;
use std::rc::Rc;

/// A mutable text of the host.
#[derive(Clone, Default)]
pub struct EcString(pub Rc<RefCell<Vec<u8>>>);

/// The connection, as `ac`.
pub struct Accept(pub Shown<Call>);
/// `vctx`
pub struct Vctx(pub Shown<Call>);
/// `mc`
pub struct Construct(pub Shown<Call>);
/// `msg`; of the call, or a script's own.
pub struct Msg(pub Shown<Letter>);

/// What an object of a script shows while it may: those of a session show its callout of the moment, and nothing
/// between two.
pub struct Shown<T>(RefCell<Option<Rc<T>>>);

impl<T> Shown<T> {
    pub fn new(shown: Rc<T>) -> Self {
        Shown(RefCell::new(Some(shown)))
    }

    pub fn get(&self) -> Option<Rc<T>> {
        self.0.borrow().clone()
    }

    /// For fields: `name` says which one it is.
    pub fn shown(&self, name: &str) -> mlua::Result<Rc<T>> {
        self.get().ok_or_else(|| over(name))
    }

    /// False: it shows something else already.
    pub fn lend(&self, shown: &Rc<T>) -> bool {
        let mut slot = self.0.borrow_mut();
        let is_free = slot.is_none();
        if is_free {
            *slot = Some(shown.clone());
        }
        is_free
    }

    pub fn take_back(&self) {
        self.0.take();
    }
}

pub fn over(name: &str) -> Error {
    Error::runtime(format!("{name}: its callout has ended"))
}

/// Octets that a script gives as a string, a number, a text of the host or an id.
#[derive(Clone, Debug, Default)]
pub struct Octets(pub Vec<u8>);

/// The same, as UTF-8; what is not is replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(pub String);

impl FromLua for Octets {
    fn from_lua(value: Value, lua: &Lua) -> mlua::Result<Self> {
        match &value {
            Value::String(text) => Ok(Octets(text.as_bytes().to_vec())),
            Value::UserData(object) if object.is::<EcString>() => {
                Ok(Octets(object.borrow::<EcString>()?.0.borrow().clone()))
            }
            Value::Integer(_) | Value::Number(_) => {
                let text = lua.coerce_string(value)?.map(|text| text.as_bytes().to_vec());
                Ok(Octets(text.unwrap_or_default()))
            }
            Value::Boolean(truth) => Ok(Octets(truth.to_string().into_bytes())),
            Value::UserData(_) => Ok(Octets(value.to_string()?.into_bytes())),
            other => Err(Error::runtime(format!("string expected, got {}", other.type_name()))),
        }
    }
}

impl FromLua for Text {
    fn from_lua(value: Value, lua: &Lua) -> mlua::Result<Self> {
        let octets = Octets::from_lua(value, lua)?.0;
        Ok(Text(
            String::from_utf8(octets)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        ))
    }
}

/// The object that a method was called on, and the other arguments.
pub fn this<T: 'static, R>(
    mut arguments: MultiValue,
    name: &str,
    with: impl FnOnce(&T) -> R,
) -> mlua::Result<(R, MultiValue)> {
    let object = arguments.pop_front().unwrap_or(Value::Nil);
    let wrong =
        || Error::runtime(format!("{name} was called on a {}: write it with a colon", type_of(&object)));
    let object = object.as_userdata().ok_or_else(wrong)?;
    let result = with(&*object.borrow::<T>().map_err(|_| wrong())?);
    Ok((result, arguments))
}

/// `local@domain`, with or without brackets; empty and `<>` are the null sender.
pub fn address(text: &str) -> mlua::Result<Option<Address>> {
    let text = text.trim();
    let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    if text.is_empty() {
        return Ok(None);
    }
    let wrong =
        || Error::runtime(format!("'{}' is no address of the form local@domain", text.escape_debug()));
    let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
    let in_domain = |c: char| c.is_alphanumeric() || "-._[]:".contains(c);
    let in_local = |c: char| !c.is_control() && (c != ' ' || local.starts_with('"')) && !"<>".contains(c);
    let right = !local.is_empty()
        && !domain.is_empty()
        && text.len() <= 320
        && domain.chars().all(in_domain)
        && local.chars().all(in_local);
    if right { Ok(Some(Address::new(local, domain))) } else { Err(wrong()) }
}

/// One address, several between commas, or a table of them.
pub fn addresses(value: &Value, lua: &Lua) -> mlua::Result<Vec<Address>> {
    let mut found = Vec::new();
    let mut add = |text: &str| -> mlua::Result<()> {
        for one in text.split(',').filter(|one| !one.trim().is_empty()) {
            found.extend(address(one)?);
        }
        Ok(())
    };
    match value {
        Value::Table(list) => {
            for pair in list.pairs::<Value, Text>() {
                add(&pair?.1.0)?;
            }
        }
        other => add(&Text::from_lua(other.clone(), lua)?.0)?,
    }
    Ok(found)
}

pub fn shown(address: Option<&Address>) -> String {
    address.map(|address| address.as_str().to_owned()).unwrap_or_default()
}

/// Classes by the name that scripts see, for `msys.type` and for adding methods.
const CLASSES: &str = "impetus classes";

/// Makes the class of `T`: its methods are a table that scripts may add to.
pub fn class<T: 'static>(
    machine: &Machine,
    name: &'static str,
    fields: impl FnOnce(&mut UserDataRegistry<T>),
) -> mlua::Result<()> {
    use mlua::{UserDataFields as _, UserDataMethods as _};
    let methods = methods(machine, name)?;
    machine.lua.register_userdata_type::<T>(|registry| {
        registry.add_meta_field("__index", methods);
        registry.add_meta_field("__type", name);
        registry.add_meta_field("__name", name);
        registry.add_meta_function("__eq", |_, (a, b): (AnyUserData, AnyUserData)| {
            Ok(a.to_pointer() == b.to_pointer())
        });
        fields(registry);
    })
}

/// The table of a class's methods.
pub fn methods(machine: &Machine, class: &str) -> mlua::Result<Table> {
    let lua = &machine.lua;
    let classes = match lua.named_registry_value::<Value>(CLASSES)? {
        Value::Table(classes) => classes,
        _ => {
            let made = lua.create_table()?;
            lua.set_named_registry_value(CLASSES, &made)?;
            made
        }
    };
    match classes.get::<Value>(class)? {
        Value::Table(methods) => Ok(methods),
        _ => {
            let made = lua.create_table()?;
            classes.set(class, &made)?;
            Ok(made)
        }
    }
}

/// As `msys.type` names it.
pub fn type_of(value: &Value) -> String {
    match value {
        Value::UserData(object) => {
            object.type_name().map_or_else(|_| "userdata".to_owned(), |name| name.to_string_lossy())
        }
        other => other.type_name().to_owned(),
    }
}

/// A number, whatever the machine holds it as.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

/// One value as an answer.
pub fn one(lua: &Lua, value: impl mlua::IntoLua) -> mlua::Result<MultiValue> {
    made(lua, || Ok(MultiValue::from_iter([value.into_lua(lua)?])))
}

pub fn none() -> mlua::Result<MultiValue> {
    Ok(MultiValue::new())
}
