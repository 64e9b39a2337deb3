//! Tells a watching host which line of a script has changed something (`impetus policy trace`).
//!
//! Law: costs nothing until it is asked for: only then the methods are wrapped, for the rest of the machine's life.

use crate::machine::{Machine, current};
use crate::value;
use mlua::{Function, MultiValue, Value};

/// Methods that change something when they get so many arguments, the object among them.
const CHANGING: [(&str, &str, usize); 28] = [
    ("ac", "esmtp_capability_add", 1),
    ("ac", "esmtp_capability_remove", 1),
    ("msg", "binding", 2),
    ("msg", "binding_group", 2),
    ("msg", "body", 2),
    ("msg", "body_replace", 1),
    ("msg", "build", 1),
    ("msg", "code", 2),
    ("msg", "context_delete", 1),
    ("msg", "context_set", 1),
    ("msg", "discard", 1),
    ("msg", "forward", 1),
    ("msg", "header", 3),
    ("msg", "mailfrom", 2),
    ("msg", "raw", 2),
    ("msg", "raw_replace", 1),
    ("msg", "rcptto", 2),
    ("msg", "routing_domain", 2),
    ("msg", "set_code", 1),
    ("msg", "text_replace", 1),
    ("vctx", "add_recipient", 1),
    ("vctx", "delete", 1),
    ("vctx", "disconnect", 1),
    ("vctx", "recipient_list", 2),
    ("vctx", "remove_recipient", 1),
    ("vctx", "set", 1),
    ("vctx", "set_code", 1),
    ("vctx", "tarpit", 1),
];

/// Octets of an argument that are told.
const SHOWN: usize = 60;

pub fn watch(machine: &Machine) -> mlua::Result<()> {
    for (class, method, arguments) in CHANGING {
        let methods = value::methods(machine, class)?;
        if let Some(function) = methods.get::<Option<Function>>(method)? {
            methods.set(method, telling(machine, format!("{class}:{method}"), arguments, function)?)?;
        }
    }
    Ok(())
}

fn telling(machine: &Machine, name: String, least: usize, function: Function) -> mlua::Result<Function> {
    machine.lua.create_function(move |lua, arguments: MultiValue| {
        if arguments.len() >= least
            && let Some(call) = current(lua)
        {
            // The function itself is at the top, the script below it.
            let place = lua.inspect_stack(1, |frame| {
                let source = frame.source().short_src.unwrap_or_default().into_owned();
                format!("{source}:{}", frame.current_line().unwrap_or(0))
            });
            let shown: Vec<_> = arguments.iter().skip(1).map(shown).collect();
            call.host.did(&place.unwrap_or_default(), &format!("{name}({})", shown.join(", ")));
        }
        function.call::<MultiValue>(arguments)
    })
}

fn shown(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => {
            let text = text.to_string_lossy();
            let cut: String = text.chars().take(SHOWN).collect();
            format!("{cut:?}{}", if cut.len() < text.len() { "…" } else { "" })
        }
        other => value::type_of(other),
    }
}
