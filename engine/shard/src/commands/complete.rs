//! `complete`, for clients: what may stand next on a line.

use super::commands;
use crate::Shard;
use crate::selection::walk;
use console::{Command, Document, Refused, Request, Thing, record};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command =
    Command::new("complete", "<line>", "Offers what may stand next on a line.").hidden().free();

/// More are no help to anybody.
const MOST: usize = 200;

pub(super) async fn ask<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
) -> Result<BTreeSet<String>, Refused> {
    let line = request.operands.first().ok_or_else(|| request.usage())?;
    let next = console::next(commands(), line);
    let mut found = BTreeSet::new();
    let offer = |found: &mut BTreeSet<String>, name: &str| {
        if found.len() < MOST && name.starts_with(&next.typed) {
            found.insert(name.to_owned());
        }
    };
    if shard.index == 0 {
        next.words.iter().for_each(|word| offer(&mut found, word));
        let site = shard.site();
        for thing in &next.things {
            match thing {
                Thing::Binding => {
                    site.snapshot.bindings().for_each(|(_, binding)| offer(&mut found, binding))
                }
                Thing::Option => {
                    let registry = crate::start::registry();
                    registry.options().for_each(|option| offer(&mut found, option.name));
                }
                Thing::Scope => {
                    config::CATALOGUE
                        .iter()
                        .for_each(|scope| offer(&mut found, &scope.keyword.to_ascii_lowercase()));
                }
                Thing::Domain => {}
            }
        }
    }
    if next.things.contains(&Thing::Domain) {
        walk(&shard, |queue| offer(&mut found, queue.domain)).await;
    }
    Ok(found)
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    _: Arc<Request>,
    parts: Vec<BTreeSet<String>>,
) -> Result<Document, Refused> {
    let words: BTreeSet<String> = parts.into_iter().flatten().collect();
    let rows = words.into_iter().take(MOST).map(|word| record! { word: word });
    Ok(Document::new().rows("words", "{word}", rows))
}
