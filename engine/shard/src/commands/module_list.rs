//! `module list`

use crate::Shard;
use crate::operator::Operator;
use crate::settings::Site;
use config::Stanza;
use console::{Command, Document, Record, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "module list",
    "",
    "Lists the modules that are loaded, in the order in which they are asked.",
);

const ROW: &str = "Module: {module}
    Scope_Name: {scope_name}
    Instance_Name: {instance_name}
    Enabled: {enabled}
    API: {api}
    Name: {scope_name}";

/// The module stanzas that something here obeys.
fn loaded(site: &Site) -> impl Iterator<Item = Stanza<'_>> {
    let is_logger =
        |name: &str| ["ec_logger", "bounce_logger"].iter().any(|known| known.eq_ignore_ascii_case(name));
    site.snapshot.modules().filter(move |stanza| {
        is_logger(stanza.keyword()) || policy_modules::named(stanza.keyword()).is_some()
    })
}

/// Whether there is such a module, of that name if one was given.
pub fn find<W: World>(shard: &Shard<W>, scope: &str, instance: Option<&str>) -> Result<(), Refused> {
    let site = shard.site();
    let mut found = loaded(&site).filter(|stanza| stanza.keyword().eq_ignore_ascii_case(scope));
    match found.any(|stanza| instance.is_none_or(|instance| stanza.name() == instance)) {
        true => Ok(()),
        false => Err(Refused(format!(
            "no module {scope}{}",
            instance.map(|name| format!(":{name}")).unwrap_or_default()
        ))),
    }
}

pub(super) async fn run<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Rc<Operator>,
) -> Result<Document, Refused> {
    request.operands().end()?;
    let site = shard.site();
    let rows: Vec<Record> = loaded(&site).map(|stanza| {
        let (scope, instance) = (stanza.keyword().to_ascii_lowercase(), stanza.name());
        let address = if instance.is_empty() { scope.clone() } else { format!("{scope}:{instance}") };
        let enabled = config::ModuleOptions::resolve(&stanza).enabled;
        record! { module: address, scope_name: scope, instance_name: instance, enabled: enabled, api: "impetus" }
    }).collect();
    Ok(Document::new().rows("modules", ROW, rows))
}
