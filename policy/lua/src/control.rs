//! Commands of the console that scripts have registered: `msys.registerControl`.
//!
//! The law: a command has the budget of a call, and what it prints goes to whoever asked.

use crate::call::{Call, Failure};
use crate::chores::call_alone;
use crate::instance::Instance;
use crate::module::Scriptlet;
use mlua::{Function, MultiValue, Table, Value};
use policy_api::{Cell, Later, ModuleCommand, Order, Told};

pub static COMMANDS: [&ModuleCommand; 1] = [&RUN];

static RUN: ModuleCommand = ModuleCommand::new(
    "scriptlet run",
    "<command> [argument...]",
    "Runs a command that a script has registered; its own name alone does too.",
    run,
)
.changes()
.head("{output}");

/// The function of the longest prefix of the words that a script has registered.
fn find(instance: &Instance, words: &[String]) -> Option<Function> {
    let known = instance.controls()?;
    let prefixes = (1..=words.len()).rev().map(|length| words[..length].join(" "));
    prefixes.filter_map(|prefix| known.raw_get::<Option<Function>>(prefix).ok().flatten()).next()
}

/// The line as one of `scriptlet run`, if a script knows it.
pub fn command_of(instance: &Instance, line: &str) -> Option<String> {
    let words: Vec<String> = line.split_whitespace().take(16).map(str::to_owned).collect();
    find(instance, &words).map(|_| format!("scriptlet run {}", line.trim()))
}

fn run(order: Order) -> Later<Result<Told, String>> {
    Box::pin(async move {
        let scriptlet = order.of::<Scriptlet>();
        let instance = scriptlet.instance();
        let Some(function) = find(&instance, &order.operands) else {
            return Err(format!("no script has registered the command {}", order.operands.join(" ")));
        };
        let call = Call::alone(&order.host);
        call.output.replace(Some(String::new()));
        let arguments = arguments(&instance, &order.operands).map_err(|error| Failure::of(&error).text)?;
        let result = call_alone(&instance.machine, &call, function, arguments).await;
        call.end();
        result.map_err(|failure| failure.text)?;
        let output = call.output.take().unwrap_or_default();
        Ok(Told::head(vec![("output", Cell::Text(output.trim_end().to_owned()))]))
    })
}

/// `cc`: argc, and argv from 0.
fn arguments(instance: &Instance, words: &[String]) -> mlua::Result<MultiValue> {
    let lua = &instance.machine.lua;
    let (cc, argv): (Table, Table) = (lua.create_table()?, lua.create_table()?);
    for (at, word) in words.iter().enumerate() {
        argv.raw_set(at, word.as_str())?;
    }
    cc.raw_set("argc", words.len())?;
    cc.raw_set("argv", argv)?;
    Ok(MultiValue::from_iter([Value::Table(cc)]))
}
