//! Bounces that come in as mail (spec mail-flow.md §11.4): mail to a domain of bounce_domains is read, written
//! to the bounce log, and then delivered or dropped.
//!
//! Law: what is dropped was acknowledged on purpose, and says so in the reject log.

use crate::Shard;
use crate::judge::Conversation;
use crate::options::{BounceBehavior, IncomingBounceOptions};
use ::bounce::{Class, Reported, read};
use content::Content;
use logs::{Copy, Event, Failure};
use mail::{Address, Envelope, MessageId, Reception, Reply, SessionState, Stage, Time};
use std::collections::HashMap;
use std::rc::Rc;
use world::World;

const DISCARDED: Reply = Reply::fixed(550, (5, 7, 1), "[internal] discarded by policy");

/// Characters of a foreign diagnosis that are written down.
const DIAGNOSIS: usize = 400;

/// A bounce that was found among the copies of a transaction, to be written down once they are safe.
pub(crate) struct Incoming {
    envelope: Envelope,
    batch: MessageId,
    received: Time,
    size: u64,
    /// Of the body, whoever it came to.
    reports: Rc<[Reported]>,
    dropped: bool,
}

impl<W: World> Conversation<W> {
    /// Finds the bounces among the copies, and takes out those that are to be dropped.
    pub fn sort_out_bounces(&self, receptions: &mut Vec<Reception>) -> Vec<Incoming> {
        let mut found = Vec::new();
        if self.settings.bounce_domains.is_empty() {
            return found;
        }
        for reception in receptions.iter_mut() {
            let (batch, received) = (reception.batch, reception.received);
            let bodies = &reception.bodies;
            let mut read_already: HashMap<u16, Rc<[Reported]>> = HashMap::new();
            reception.envelopes.retain(|envelope| {
                let Some(options) = self.bounce_options(envelope) else { return true };
                let body = &bodies[usize::from(envelope.body)];
                let suppressed = &self.settings.site.bounce_suppress_list;
                let reports = read_already.entry(envelope.body).or_insert_with(|| {
                    read(&Content::new(body.clone()), |address| is_suppressed(suppressed, address)).into()
                });
                let reports = reports.clone();
                let dropped = options.bounce_behavior == BounceBehavior::Blackhole;
                let size = body.len() as u64;
                let envelope = envelope.clone();
                found.push(Incoming { envelope, batch, received, size, reports, dropped });
                !dropped
            });
        }
        receptions.retain(|reception| !reception.envelopes.is_empty());
        found
    }

    /// None: mail for this recipient is no bounce.
    fn bounce_options(&self, envelope: &Envelope) -> Option<IncomingBounceOptions> {
        let recipient = &envelope.recipient;
        let domain = recipient.folded_domain();
        if domain.is_empty() || !crate::relay::listed(&self.settings.bounce_domains, &domain) {
            return None;
        }
        let site = &self.settings.site;
        let view = site.snapshot.outbound(site.group_of(&envelope.binding), &envelope.binding, &domain);
        let options = IncomingBounceOptions::resolve(&view);
        let address = recipient.as_str().as_bytes();
        let is_bounce = options.bounce_pattern.as_ref().is_none_or(|pattern| pattern.matches(address));
        is_bounce.then_some(options)
    }

    /// Their lines in the logs.
    pub fn log_bounces(&self, found: &[Incoming]) {
        for incoming in found {
            let reported = incoming.reports.iter().filter(|report| is_written(report));
            reported.for_each(|report| log(&self.shard, self.group_of(incoming), incoming, report));
            if incoming.dropped {
                self.log_rejection(&DISCARDED, SessionState::AsyncBodyResponse, None);
            }
        }
    }

    fn group_of(&self, incoming: &Incoming) -> &str {
        self.settings.site.group_of(&incoming.envelope.binding)
    }
}

/// Commands to lists are none of the bounce log's business; neither is a report that all went well.
fn is_written(report: &Reported) -> bool {
    !matches!(report.class, Class::Subscribe)
        && !matches!(&*report.action, "delivered" | "relayed" | "expanded")
}

/// Names of `bounce_suppress_list`: addresses, and domains as `@domain`.
fn is_suppressed(list: &[String], address: &str) -> bool {
    let address = address.to_ascii_lowercase();
    list.iter().any(|entry| match entry.strip_prefix('@') {
        Some(domain) => address.rsplit_once('@').is_some_and(|(_, of)| of == domain),
        None => *entry == address,
    })
}

/// The original message is the copy of the log: its recipient is whom the bounce speaks of, its sender whom
/// the bounce came to.
fn log<W: World>(shard: &Shard<W>, group: &str, incoming: &Incoming, report: &Reported) {
    let unknown = Address::new("", "");
    let original = report.recipient.as_deref().map(Address::from_checked);
    let diagnosis: String = report.reply.text.chars().take(DIAGNOSIS).collect();
    let reply = Reply::verbatim(550, format!("[internal] [oob] {diagnosis}"));
    shard.record(&Event::OutOfBand(Failure {
        copy: Copy {
            id: incoming.envelope.id,
            batch: incoming.batch,
            received: incoming.received,
            sender: Some(&incoming.envelope.recipient),
            recipient: original.as_ref().unwrap_or(&unknown),
            binding_group: group,
            binding: &incoming.envelope.binding,
            size: incoming.size,
        },
        connection: MessageId::NONE,
        domain: &incoming.envelope.domain,
        sent: 0,
        stage: Stage::OutOfBandBounce,
        class: report.class.code(),
        retries: 0,
        peer: None,
        reply: &reply,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_domains_are_suppressed() {
        let list = ["postmaster@x.example".to_owned(), "@y.example".to_owned()];
        for (address, suppressed) in [
            ("Postmaster@X.example", true),
            ("other@x.example", false),
            ("any@y.example", true),
            ("any@sub.y.example", false),
        ] {
            assert_eq!(is_suppressed(&list, address), suppressed, "{address}");
        }
    }
}
