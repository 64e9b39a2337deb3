//! `suspend`

use crate::Shard;
use console::{Command, Document, Refused, Request};
use mail::address::fold_domain;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "suspend",
    "all | [--binding <binding>] [--domain <domain>]",
    "Makes no attempts for a binding, a domain, a domain on a binding, or at all, until resume.",
)
.changes()
.explained(
    "Messages stay and age. A restart forgets the order; suspend_delivery in the configuration stays.",
);

/// What a suspension is about.
pub struct Scope {
    binding: Option<String>,
    domain: Option<String>,
}

impl Scope {
    pub fn read(request: &Request) -> Result<Scope, Refused> {
        let mut operands = request.operands();
        let binding = operands.value(&["--binding", "-b"])?;
        let domain = operands.value(&["--domain", "-d"])?.map(|domain| fold_domain(&domain));
        let rest = operands.rest()?;
        let is_all = rest == ["all"];
        match (&binding, &domain) {
            (None, None) if is_all => {}
            (None, None) => return Err(request.usage()),
            _ if rest.is_empty() => {}
            _ => return Err(request.usage()),
        }
        Ok(Scope { binding, domain })
    }

    pub fn scope(&self) -> bindings::Scope<'_> {
        match (self.binding.as_deref(), self.domain.as_deref()) {
            (None, None) => bindings::Scope::All,
            (Some(binding), None) => bindings::Scope::Binding(binding),
            (None, Some(domain)) => bindings::Scope::Domain(domain),
            (Some(binding), Some(domain)) => bindings::Scope::Queue { binding, domain },
        }
    }
}

/// As sentences name it.
pub fn spoken(scope: bindings::Scope<'_>) -> String {
    match scope {
        bindings::Scope::All => "all deliveries".to_owned(),
        bindings::Scope::Binding(binding) => format!("binding {binding}"),
        bindings::Scope::Domain(domain) => format!("domain {domain}"),
        bindings::Scope::Queue { binding, domain } => format!("domain {domain} on binding {binding}"),
    }
}

pub async fn ask<W: World>(shard: Rc<Shard<W>>, request: Arc<Request>) -> Result<(), Refused> {
    let scope = Scope::read(&request)?;
    let now = shard.world.now();
    let order = bindings::Order {
        authority: bindings::Authority::Operator,
        by: request.user.as_str().into(),
        at: now,
    };
    let suspended = shard.schedule.borrow_mut().suspend(scope.scope(), order, now);
    suspended.map_err(|_| {
        let most = bindings::suspension::SUSPENSIONS_AT_MOST;
        Refused::new(format!("there are {most} suspensions already: suspend a wider scope"))
    })
}

pub async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    _: Vec<()>,
) -> Result<Document, Refused> {
    let scope = Scope::read(&request)?;
    Ok(Document::said(format!("{} suspended.", spoken(scope.scope()))))
}
