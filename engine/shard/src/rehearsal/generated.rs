//! A generated message for each of its recipients, through the entry that HTTP has.

use super::offline::Offline;
use super::transcript::{Exchange, Transcript};
use super::{Letter, Notebook, all_told, closed};
use crate::Shard;
use crate::generate::{Generated, Generation};
use mail::{Address, Contexts, Reply};
use smtp::address::{Path, Rules, path};
use std::rc::Rc;
use world::World;

/// As the listeners take them where nobody asks for strictness.
const RULES: Rules = Rules {
    allow_ip_literal: true,
    pedantic: false,
    blanks_inside: false,
    blanks_before: false,
    unqualified: true,
};

pub(super) async fn play<W: World>(
    shard: &Rc<Shard<Offline<W>>>,
    notebook: &Rc<Notebook>,
    variables: &[(String, String)],
    letter: Letter,
) -> Result<Transcript, String> {
    let mut contexts = Contexts::default();
    variables.iter().for_each(|(key, value)| contexts.message.set(key, value));
    let sender = address(&letter.sender)?;
    let site = shard.site();
    let mut exchanges = Vec::new();
    for recipient in &letter.recipients {
        let generated = Generated {
            sender: sender.clone(),
            recipient: address(recipient)?.ok_or("a generated message wants a recipient")?,
            content: letter.message.clone(),
            contexts: contexts.clone(),
        };
        let begun = shard.world.now();
        let reply = match shard.generate(&site, generated).await {
            Ok(Generation::Queued(id)) => Reply::verbatim(250, format!("queued as {id}")),
            Ok(Generation::Discarded(_)) => Reply::verbatim(250, "discarded"),
            Err(refusal) => refusal,
        };
        let took = shard.world.now().since(begun);
        all_told(shard).await;
        let (steps, held) = notebook.turn_over();
        let command = format!("(a generated message for <{recipient}>)");
        exchanges.push(Exchange { command, steps, reply: reply.to_string(), held, took });
    }
    Ok(closed(shard, notebook, exchanges))
}

/// None is the null sender.
fn address(text: &str) -> Result<Option<Address>, String> {
    match path(format!("<{text}>").as_bytes(), RULES) {
        Ok((Path::Null, b"")) => Ok(None),
        Ok((Path::Mailbox(address), b"")) => Ok(Some(address)),
        _ => Err(format!("<{text}> is not an address")),
    }
}
