//! What each phase may change (spec policy.md §2 and §4): the one table that the engine enforces and that
//! languages consult to raise the right error early.

use crate::Message;
use content::Content;
use mail::{Address, Phase};

/// True: a change made in this phase holds. Anything else is put back as it was, and reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// `set_code`, `disconnect`, `tarpit`.
    pub code: bool,
    pub discard: bool,
    /// EHLO capabilities.
    pub capabilities: bool,
    pub sender: bool,
    /// The list.
    pub recipients: bool,
    /// The list, by the words of Sieve that may stand behind its last look (spec sieve.md §5.1: redirect,
    /// add_recipient).
    pub redirect: bool,
    /// The recipient of a copy.
    pub recipient: bool,
    pub content: bool,
    pub routing_domain: bool,
    /// Binding, group and priority.
    pub binding: bool,
    /// Forwards and new messages.
    pub outgoing: bool,
    /// The module may answer later.
    pub suspend: bool,
}

const NONE: Rights = Rights {
    code: true,
    discard: false,
    capabilities: false,
    sender: false,
    recipients: false,
    redirect: false,
    recipient: false,
    content: false,
    routing_domain: false,
    binding: false,
    outgoing: false,
    suspend: true,
};

impl Rights {
    pub const fn of(phase: Phase) -> Rights {
        match phase {
            Phase::Accept => Rights { suspend: false, ..NONE },
            Phase::Connect | Phase::Ehlo => Rights { capabilities: true, ..NONE },
            Phase::Auth => NONE,
            Phase::Mailfrom => Rights { recipients: true, ..NONE },
            // A vendor sample discards here, although no page says so.
            Phase::Rcptto => {
                Rights { recipients: true, routing_domain: true, outgoing: true, discard: true, ..NONE }
            }
            Phase::Data => Rights {
                sender: true,
                recipients: true,
                redirect: true,
                content: true,
                discard: true,
                outgoing: true,
                ..NONE
            },
            Phase::RcpttoList => Rights { recipients: true, ..NONE },
            Phase::RcpttoListFinal => NONE,
            Phase::DataSpool => {
                Rights { sender: true, redirect: true, content: true, discard: true, outgoing: true, ..NONE }
            }
            Phase::DataSpoolEachRcpt | Phase::MsgGenDataSpool => Rights {
                sender: true,
                recipient: true,
                content: true,
                discard: true,
                routing_domain: true,
                outgoing: true,
                ..NONE
            },
            Phase::SetBinding => {
                Rights { code: false, binding: true, outgoing: true, suspend: false, ..NONE }
            }
            // Signatures. Codes are ignored: the hook is void.
            Phase::FinalValidation => Rights { code: false, content: true, suspend: false, ..NONE },
        }
    }

    /// What has to be put back if it is changed. Costs nothing where everything may be.
    pub fn keep(self, message: &Message) -> Kept {
        Kept {
            sender: (!self.sender).then(|| message.sender.clone()),
            recipients: (!(self.recipients || self.redirect)).then(|| message.recipients.clone()),
            recipient: (!self.recipient).then(|| message.recipient.clone()),
            content: (!self.content).then(|| message.content.clone()),
            routing_domain: (!self.routing_domain).then(|| message.routing_domain.clone()),
            binding: (!self.binding)
                .then(|| (message.binding.clone(), message.binding_group.clone(), message.priority)),
            outgoing: (!self.outgoing).then_some(message.outgoing.len()),
        }
    }
}

/// The parts of a message that a phase may not change, as they were.
#[derive(Debug)]
pub struct Kept {
    sender: Option<Option<Address>>,
    recipients: Option<Vec<Address>>,
    recipient: Option<Option<Address>>,
    content: Option<Content>,
    routing_domain: Option<Option<Box<str>>>,
    binding: Option<(Box<str>, Box<str>, bool)>,
    outgoing: Option<usize>,
}

impl Kept {
    /// Puts back what was changed without right; its names, in the order of the table. Asked after each module of a
    /// phase: what is kept is what the next one finds.
    pub fn restore(&self, message: &mut Message) -> Vec<&'static str> {
        let mut restored = Vec::new();
        let mut put = |name, changed| {
            if changed {
                restored.push(name);
            }
        };
        put("the sender", back(&mut message.sender, self.sender.as_ref()));
        put("the list of recipients", back(&mut message.recipients, self.recipients.as_ref()));
        put("the recipient", back(&mut message.recipient, self.recipient.as_ref()));
        put("the content", back(&mut message.content, self.content.as_ref()));
        put("the routing domain", back(&mut message.routing_domain, self.routing_domain.as_ref()));
        if let Some((binding, group, priority)) = &self.binding {
            let changed = back(&mut message.binding, Some(binding))
                | back(&mut message.binding_group, Some(group))
                | back(&mut message.priority, Some(priority));
            put("the binding", changed);
        }
        if let Some(length) = self.outgoing {
            put("new messages", message.outgoing.len() > length);
            message.outgoing.truncate(length);
        }
        restored
    }
}

fn back<T: PartialEq + Clone>(value: &mut T, kept: Option<&T>) -> bool {
    match kept {
        Some(kept) if *value != *kept => {
            value.clone_from(kept);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn what_a_phase_may_not_change_is_put_back() {
        let all = [
            "the sender",
            "the list of recipients",
            "the recipient",
            "the content",
            "the routing domain",
            "the binding",
            "new messages",
        ];
        for phase in Phase::ALL {
            let rights = Rights::of(phase);
            let mut message = Message::default();
            let kept = rights.keep(&message);
            message.sender = Some(Address::new("a", "b.example"));
            message.recipients.push(Address::new("c", "d.example"));
            message.recipient = Some(Address::new("e", "f.example"));
            message.content.replace(Bytes::from_static(b"A: b\r\n\r\n"));
            message.routing_domain = Some("r.example".into());
            message.binding = "x".into();
            message.priority = true;
            message.outgoing.push(crate::NewMessage::default());
            let allowed = [
                rights.sender,
                rights.recipients || rights.redirect,
                rights.recipient,
                rights.content,
                rights.routing_domain,
                rights.binding,
                rights.outgoing,
            ];
            let forbidden: Vec<_> =
                all.into_iter().zip(allowed).filter(|(_, may)| !may).map(|(name, _)| name).collect();
            assert_eq!(kept.restore(&mut message), forbidden, "{}", phase.name());
            assert_eq!(message.content.is_empty(), !rights.content, "{}", phase.name());
            assert_eq!(message.outgoing.is_empty(), !rights.outgoing, "{}", phase.name());
            assert_eq!(message.priority, rights.binding, "{}", phase.name());
        }
    }
}
