//! What a module has changed: everything that it may change, before and after. Decides.

use super::transcript::Change;
use content::{Content, Field};
use mail::{Address, Contexts, Dictionary, Reply};
use policy_api::{Ask, Disposition, NewMessage, SessionRequests};

/// All that a module may change, as it was.
pub(super) struct Before {
    contexts: Contexts,
    content: Content,
    texts: Vec<(&'static str, Option<String>)>,
    outgoing: usize,
    disposition: Disposition,
    requests: SessionRequests,
}

impl Before {
    pub fn of(ask: &Ask<'_>) -> Self {
        Before {
            contexts: ask.contexts.clone(),
            content: ask.message.content.clone(),
            texts: texts(ask),
            outgoing: ask.message.outgoing.len(),
            disposition: ask.disposition.clone(),
            requests: ask.session.clone(),
        }
    }

    pub fn changes(&self, ask: &Ask<'_>) -> Vec<Change> {
        let mut changes = of_contexts(&self.contexts, ask.contexts);
        of_content(&self.content, &ask.message.content, &mut changes);
        for ((what, before), (_, after)) in self.texts.iter().zip(texts(ask)) {
            push(&mut changes, what, before.clone(), after);
        }
        let new = ask.message.outgoing.iter().skip(self.outgoing);
        changes.extend(new.map(|message| change("new message", "", None, Some(summary(message)))));
        self.of_disposition(ask.disposition, &mut changes);
        for (what, before, after) in [
            ("capability", &self.requests.capabilities_added, &ask.session.capabilities_added),
            ("capability", &self.requests.capabilities_removed, &ask.session.capabilities_removed),
        ] {
            let is_removal = std::ptr::eq(after, &ask.session.capabilities_removed);
            for keyword in after.iter().skip(before.len()) {
                let keyword = Some(keyword.to_string());
                let (before, after) = if is_removal { (keyword, None) } else { (None, keyword) };
                changes.push(change(what, "", before, after));
            }
        }
        changes
    }

    fn of_disposition(&self, after: &Disposition, changes: &mut Vec<Change>) {
        let before = &self.disposition;
        let text = |reply: &Option<Reply>| reply.as_ref().map(Reply::to_string);
        let yes = |is: bool| is.then(|| "yes".to_owned());
        let time = |disposition: &Disposition| {
            Some(disposition.tarpit).filter(|time| !time.is_zero()).map(|time| format!("{time:?}"))
        };
        push(changes, "code", text(&before.reply), text(&after.reply));
        push(changes, "disconnect", yes(before.disconnect), yes(after.disconnect));
        push(changes, "tarpit", time(before), time(after));
        push(changes, "discard", text(&before.discard), text(&after.discard));
    }
}

/// The parts of a message that are one text.
fn texts(ask: &Ask<'_>) -> Vec<(&'static str, Option<String>)> {
    let message = &*ask.message;
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let address = |address: &Option<Address>| address.as_ref().and_then(|address| text(address.as_str()));
    let list: Vec<_> = message.recipients.iter().map(Address::as_str).collect();
    vec![
        ("sender", address(&message.sender)),
        ("recipient", address(&message.recipient)),
        ("recipients", text(&list.join(" "))),
        ("binding", text(&message.binding)),
        ("binding group", text(&message.binding_group)),
        ("priority", message.priority.then(|| "yes".to_owned())),
        ("routing domain", message.routing_domain.as_deref().and_then(text)),
        ("message code", message.code.as_ref().map(Reply::to_string)),
    ]
}

pub(super) fn summary(message: &NewMessage) -> String {
    let recipients: Vec<_> = message.recipients.iter().map(Address::as_str).collect();
    let sender = message.sender.as_ref().map_or("", |sender| sender.as_str());
    let content = Content::new(message.content.clone());
    let subject = content.field("Subject").map(|subject| subject.text()).unwrap_or_default();
    format!("from <{sender}> to <{}>, {} octets, \"{subject}\"", recipients.join("> <"), content.len())
}

fn change(what: &'static str, name: &str, before: Option<String>, after: Option<String>) -> Change {
    Change { what, name: name.to_owned(), before, after }
}

fn push(changes: &mut Vec<Change>, what: &'static str, before: Option<String>, after: Option<String>) {
    if before != after {
        changes.push(change(what, "", before, after));
    }
}

/// Keys set, replaced and deleted.
pub(super) fn of_contexts(before: &Contexts, after: &Contexts) -> Vec<Change> {
    let mut changes = Vec::new();
    for (what, before, after) in
        [("connection", &before.connection, &after.connection), ("message", &before.message, &after.message)]
    {
        of_dictionary(what, before, after, &mut changes);
    }
    changes
}

fn of_dictionary(what: &'static str, before: &Dictionary, after: &Dictionary, changes: &mut Vec<Change>) {
    for (key, _) in before.iter().filter(|(key, _)| after.get(key).is_none()) {
        changes.push(change(what, key, before.get(key).map(str::to_owned), None));
    }
    for (key, value) in after.iter().filter(|(key, value)| before.get(key) != Some(*value)) {
        changes.push(change(what, key, before.get(key).map(str::to_owned), Some(value.to_owned())));
    }
}

/// Name and value of a field on one line.
pub(super) fn shown(field: &Field<'_>) -> (String, String) {
    (field.name().to_owned(), String::from_utf8_lossy(&field.value()).into_owned())
}

/// Fields that are only in one of them; a field that was replaced shows with both values.
fn of_content(before: &Content, after: &Content, changes: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let fields = |content: &Content| content.header().fields().map(|field| shown(&field)).collect::<Vec<_>>();
    let (mut gone, mut new) = (fields(before), fields(after));
    gone.retain(|field| match new.iter().position(|other| other == field) {
        Some(place) => {
            new.remove(place);
            false
        }
        None => true,
    });
    for (name, value) in gone {
        let place = new.iter().position(|(other, _)| other.eq_ignore_ascii_case(&name));
        let replaced = place.map(|place| new.remove(place).1);
        changes.push(change("header", &name, Some(value), replaced));
    }
    changes.extend(new.into_iter().map(|(name, value)| change("header", &name, None, Some(value))));
    if before.body() != after.body() {
        let octets = |content: &Content| Some(format!("{} octets", content.body().len()));
        changes.push(change("body", "", octets(before), octets(after)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn texts(changes: &[Change]) -> Vec<String> {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        let line = |change: &Change| {
            format!("{} {} {} {}", change.what, change.name, or_none(&change.before), or_none(&change.after))
        };
        changes.iter().map(line).collect()
    }

    #[test]
    fn keys_are_set_replaced_and_deleted() {
        let (mut before, mut after) = (Contexts::default(), Contexts::default());
        for (key, value) in [("same", "1"), ("old", "1"), ("other", "1")] {
            before.connection.set(key, value);
        }
        for (key, value) in [("same", "1"), ("other", "2")] {
            after.connection.set(key, value);
        }
        after.message.set("new", "");
        let expected = ["connection old 1 -", "connection other 1 2", "message new - "];
        assert_eq!(texts(&of_contexts(&before, &after)), expected);
    }

    #[test]
    fn fields_are_added_removed_and_replaced_whatever_their_order() {
        let content = |text: &'static str| Content::new(Bytes::from_static(text.as_bytes()));
        let before = content("A: 1\r\nB: 2\r\nB: 3\r\nC: 4\r\n\r\nbody");
        for (after, expected) in [
            ("B: 3\r\nA: 1\r\nB: 2\r\nC: 4\r\n\r\nbody", &[][..]),
            ("A: 1\r\nB: 2\r\nC: 4\r\n\r\nbody", &["header B 3 -"]),
            ("A: 1\r\nB: 2\r\nb: 5\r\nC: 4\r\nD: 6\r\n\r\nbody", &["header B 3 5", "header D - 6"]),
            ("A: 1\r\nB: 2\r\nB: 3\r\nC: 4\r\n\r\nbodies", &["body  4 octets 6 octets"]),
        ] {
            let mut changes = Vec::new();
            of_content(&before, &content(after), &mut changes);
            assert_eq!(texts(&changes), expected, "{after}");
        }
    }
}
