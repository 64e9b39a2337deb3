//! `config …` and `write config`: all of them ask the keeper of the configuration, on whose thread files are read
//! and large answers are made. The session's transaction goes with the question and comes back.

use crate::Shard;
use crate::keeper::{Answer, Asker, Request as KeeperRequest};
use crate::operator::Operator;
use config::{Said, Verb};
use console::{Command, Document, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

/// A module with a definition and its `run` for each command.
macro_rules! family {
    ($($module:ident $verb:ident $effect:ident $name:literal $arguments:literal $summary:literal)*) => {$(
        pub(super) mod $module {
            use super::*;

            pub const COMMAND: Command = family!(@ $effect Command::new($name, $arguments, $summary));

            pub async fn run<W: World>(
                shard: Rc<Shard<W>>,
                request: Arc<Request>,
                operator: Rc<Operator>,
            ) -> Result<Document, Refused> {
                ask(shard, request, operator, Verb::$verb).await
            }
        }
    )*};
    (@ reads $command:expr) => { $command };
    (@ changes $command:expr) => { $command.changes() };
}

family! {
    begin Begin reads "config begin" "" "Opens a transaction of this session."
    begin_from_scratch BeginFromScratch reads "config begin from scratch" ""
        "Opens a transaction on an empty configuration."
    set Set changes "config set" "[scope [name]]... <option> [=] <value>"
        "Sets a value, at once or in the open transaction."
    unset Unset changes "config unset" "[scope [name]]... [option]"
        "Removes a value, or a scope with all that stands in it."
    commit Commit changes "config commit" "" "Puts the open transaction in force; the first to commit wins."
    rollback Rollback reads "config rollback" "" "Drops the open transaction."
    replay Replay reads "config replay" "" "Shows the commands that made the open transaction."
    get Get reads "config get" "[scope [name]]... <option>" "Shows a value that is set in that very scope."
    eval Eval reads "config eval" "[scope [name]]... <option>" "Shows the value that applies in a scope."
    show Show reads "config show" "[scope [name]]... [option]" "Shows a scope; those inside it in short."
    showrecurse ShowRecurse reads "config showrecurse" "[scope [name]]..." "Shows a scope with all that stands in it."
    locate Locate reads "config locate" "<scope> [name]" "Shows where instances of a scope stand."
    reload Reload changes "config reload" "[file]"
        "Reads the files anew; changes that were not written back are lost."
    writeback Writeback changes "config writeback" "[file]"
        "Saves changes in the files that they belong to, or in one other."
    write Write reads "write config" "[file]" "Shows the running configuration, or writes it to a file."
}

async fn ask<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    operator: Rc<Operator>,
    verb: Verb,
) -> Result<Document, Refused> {
    let text = operands(&request).to_owned();
    let transaction = operator.transaction.take();
    let ticket = shard.kept.open();
    let from = Asker { shard: shard.index, ticket };
    let asked = shard.common.keeper.ask(KeeperRequest::Command { verb, text, transaction, from });
    if let Err(refused) = asked {
        if let KeeperRequest::Command { transaction, .. } = refused {
            operator.transaction.replace(transaction);
        }
        shard.kept.close(ticket);
        return Err(Refused::new("the keeper of the configuration is busy, or there is none; try again"));
    }
    let Answer { said, warnings, transaction } =
        shard.kept.wait(ticket).await.ok_or_else(|| Refused::new("the keeper gave no answer"))?;
    operator.transaction.replace(transaction);
    let document = document(said.map_err(Refused)?);
    Ok(warnings.into_iter().fold(document, Document::say))
}

/// What was typed behind the command, as it was: quotes and brackets mean what they mean in a file.
fn operands(request: &Request) -> &str {
    let words = request.command.length();
    (0..words).fold(request.line.trim(), |rest, _| {
        rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start())
    })
}

fn document(said: Said) -> Document {
    let pair = |layout, (option, value)| {
        Document::new().record("", layout, record! { option: option, value: value })
    };
    match said {
        Said::Nothing => Document::new(),
        Said::Pair(known) => pair("{option} = {value}", known),
        Said::Effective(known) => pair("        {option} = {value}", known),
        Said::Unset(name, None) => Document::said(format!("\"{name}\" has been unset.")),
        Said::Unset(name, Some((option, value))) => Document::said(format!(
            "\"{name}\" has been unset. Effective value is now:"
        ))
        .record("", "        {option} = {value}", record! { option: option, value: value }),
        Said::Text(text) => Document::said(text),
        Said::Located(found) => {
            let rows = found.into_iter().map(|(instance, path)| record! { instance: instance, path: path });
            Document::new().rows("instances", "{instance}\n  is at {path}", rows)
        }
    }
}
