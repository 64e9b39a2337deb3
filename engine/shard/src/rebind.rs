//! Which queue policy would choose now for a copy that waits: set_binding asked again (spec mail-flow.md §4).

use crate::Shard;
use crate::ask::Asking;
use crate::host::PolicyHost;
use crate::parcel::Kept;
use crate::settings::Site;
use crate::tell::{client_of, contexts_of, message_of};
use mail::QueueName;
use std::rc::Rc;
use world::World;

/// None: there is none, and the copy stays where it is. What policy edits besides is not kept.
pub(crate) async fn queue_for<W: World>(
    shard: &Rc<Shard<W>>,
    site: &Rc<Site>,
    content: &Kept,
    copy: u32,
    current: &QueueName,
) -> Option<QueueName> {
    let envelope = &content.envelopes[copy as usize];
    let mut contexts = contexts_of(content, envelope);
    let client = client_of(content);
    let mut message = message_of(content, envelope);
    let host = PolicyHost::new(shard, site);
    let mut asking =
        Asking { shard, site, client: &client, contexts: &mut contexts, host: &host, stream: None };
    let binding = asking.rebind(&mut message).await?;
    let domain = match &message.routing_domain {
        Some(domain) => site.queue_of_domain(&binding, domain),
        // A domain that policy or an operator has chosen before stays.
        None if *current.domain != *site.routing_domain(&current.binding, &envelope.recipient) => {
            current.domain.clone()
        }
        None => site.routing_domain(&binding, &envelope.recipient),
    };
    Some(QueueName { binding, domain })
}
