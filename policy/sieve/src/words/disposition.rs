//! What becomes of the message or the session (spec sieve.md §5.1). Each of these is counted.

use super::network::{finish, may_wait};
use crate::fault::Fault;
use crate::machine::Call;
use crate::scene::{mailbox, sender};
use crate::statistics::class;
use crate::value::Value;
use crate::word::{Flow, Got, Kind, Word, may, needs};
use mail::Reply;
use policy_api::{Delivery, IN_MAILBOX, MailboxFault, Mailboxes, NO_MAILBOX, NewMessage};
use std::rc::Rc;
use std::time::Duration;

/// Behind these nothing more of Sieve runs in the phase.
pub(super) const ENDING: [&str; 10] = [
    "keep",
    "ec_keep",
    "discard",
    "ec_discard",
    "reject",
    "ec_reject",
    "redirect",
    "ec_redirect",
    "ec_action",
    "ec_maildir",
];

pub(super) static WORDS: &[Word] = &[
    Word::action("keep", keep).doc("Accepts; no further script of this phase runs."),
    Word::action("ec_keep", keep)
        .takes(&[may("reason", Kind::Text)])
        .doc("As keep; the reason is the counter."),
    Word::action("discard", discard).at("RDXS").doc("The client sees success; nothing is delivered."),
    Word::action("ec_discard", discard)
        .takes(&[may("reason", Kind::Text)])
        .at("RDXS")
        .doc("As discard; the reason goes to the reject log."),
    Word::action("reject", reject).takes(&[needs("text", Kind::Text)]).doc("Refuses with 550 and the text."),
    Word::action("ec_reject", reject)
        .takes(&[needs("text", Kind::Text), may("counter", Kind::Text)])
        .doc("Refuses with 550 and the text."),
    Word::action("redirect", redirect)
        .takes(&[needs("address", Kind::Text)])
        .at("DRXS")
        .doc("Replaces the recipient of the envelope."),
    Word::action("ec_redirect", redirect)
        .takes(&[needs("address", Kind::Text), may("counter", Kind::Text)])
        .at("DRXS")
        .doc("Replaces the recipient of the envelope."),
    Word::action("ec_action", answer)
        .takes(&[needs("code", Kind::Code), needs("text", Kind::Text), may("counter", Kind::Text)])
        .doc("Answers with a code and a text, which may have several lines."),
    Word::action("ec_disconnect", disconnect)
        .takes(&[may("code", Kind::Code), may("text", Kind::Text), may("counter", Kind::Text)])
        .doc("As ec_action, then closes; without arguments it closes behind whatever is answered."),
    Word::action("ec_tarpit", tarpit)
        .takes(&[needs("seconds", Kind::Number), may("counter", Kind::Text)])
        .doc("Delays the reply; costs a timer. The script goes on."),
    Word::action("ec_inc_counter", count).takes(&[needs("counter", Kind::Text)]).doc("Counts an event."),
    Word::action("ec_error_mode", error_mode)
        .takes(&[needs("mode", Kind::OneOf(&["fail", "continue"]))])
        .doc("What happens when an action of this script fails."),
    Word::action("add_recipient", add_recipient)
        .takes(&[needs("address", Kind::Text)])
        .at("DMRSX")
        .doc("A further recipient, whom nobody sees in the message."),
    Word::action("ec_rewrite_mailfrom", rewrite_sender)
        .takes(&[needs("address", Kind::Text), may("counter", Kind::Text)])
        .at("DXSR")
        .doc("Replaces the sender of the envelope; \"\" is the null sender."),
    Word::wait("ec_maildir", maildir)
        .takes(&[needs("address", Kind::Text)])
        .at("X")
        .doc("Puts the message into the maildir of an address, by the module maildir, and nowhere else."),
    Word::action("ec_set_binding", binding)
        .takes(&[needs("name", Kind::Text)])
        .at("B")
        .doc("The message leaves by this binding."),
    Word::action("ec_set_binding_group", binding_group)
        .takes(&[needs("name", Kind::Text)])
        .at("B")
        .doc("The message leaves by a member of this group."),
    Word::action("ec_set_routing_gateway", gateway)
        .takes(&[needs("host", Kind::Text)])
        .at("RX")
        .doc("The message goes to this host or domain instead of that of its recipient."),
];

/// Longest delay that a script can ask for; a client waits five minutes at most (RFC 5321 §4.5.3.2).
const LONGEST_DELAY: u64 = 300;

fn keep(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let counter = call.counter(0);
    call.scene.count(&counter, "informational");
    Ok(Flow::End)
}

fn discard(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    call.permit(call.scene.rights().discard, "the fate of a message")?;
    let reason = call.optional(0);
    let counter = call.place();
    call.scene.count(&counter, "informational");
    call.scene.disposition.discard(reason.as_deref().and_then(reply_of));
    Ok(Flow::End)
}

/// A reason that begins with a code.
fn reply_of(text: &str) -> Option<Reply> {
    let (code, rest) = text.split_once(' ')?;
    let code = code.parse().ok().filter(|code| (400..600).contains(code))?;
    Some(Reply::verbatim(code, rest))
}

fn reject(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let (text, counter) = (call.text(0), call.counter(1));
    refuse(call, 550, &text, &counter)
}

fn answer(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let (code, text, counter) = (call.code(0)?, call.text(1), call.counter(2));
    refuse(call, code, &text, &counter)
}

fn refuse(call: &mut Call<'_, '_>, code: u16, text: &str, counter: &str) -> Result<Flow, Fault> {
    call.permit(call.scene.rights().code, "the reply")?;
    call.scene.count(counter, class(code));
    call.scene.disposition.set_code(code, lines(text));
    Ok(Flow::End)
}

/// The lines of a reply, without the line end of a multi-line text.
fn lines(text: &str) -> String {
    text.trim_end_matches(['\r', '\n']).replace('\r', "")
}

fn disconnect(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    call.permit(call.scene.rights().code, "the reply")?;
    call.scene.disposition.disconnect = true;
    if call.count() == 0 {
        return Ok(Flow::On);
    }
    let (code, counter) = (call.code(0)?, call.counter(2));
    let text = call.optional(1).unwrap_or_else(|| "closing connection".into());
    refuse(call, code, &text, &counter)
}

/// Where nobody waits for a reply it is counted, and costs nothing (spec policy.md §4.1).
fn tarpit(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let seconds = call.number(0)?;
    if seconds < 0.0 {
        return Err(Fault::new(format!("a delay of {seconds} seconds")));
    }
    let counter = call.counter(1);
    call.scene.count(&counter, "informational");
    if call.scene.rights().code {
        call.scene.disposition.tarpit(Duration::from_secs_f64(seconds.min(LONGEST_DELAY as f64)));
    }
    Ok(Flow::On)
}

fn count(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let counter = call.text(0);
    call.scene.count(&counter, "informational");
    Ok(Flow::On)
}

fn error_mode(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let mode = call.text(0);
    let goes_on = match mode.to_ascii_lowercase().as_str() {
        "fail" => false,
        "continue" => true,
        _ => return Err(Fault::new(format!("'{mode}' is no error mode (fail or continue)"))),
    };
    call.set_error_mode(goes_on);
    Ok(Flow::On)
}

/// Where the list is closed, because each copy is on its own way already, the new one gets this copy as a message of
/// its own.
fn add_recipient(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let address = mailbox(&call.text(0))?;
    let rights = call.scene.rights();
    let message = &mut *call.scene.message;
    let is_there = message.recipients.contains(&address) || message.recipient.as_ref() == Some(&address);
    if rights.recipients || rights.redirect {
        message.recipients.extend((!is_there).then_some(address));
        return Ok(Flow::On);
    }
    call.permit(rights.recipient, "the list of recipients")?;
    if is_there {
        return Ok(Flow::On);
    }
    let content = call.scene.message.content.octets();
    call.account.hold(content.len())?;
    let copy = NewMessage {
        sender: call.scene.message.sender.clone(),
        recipients: vec![address],
        content,
        contexts: call.scene.contexts.clone(),
        ..NewMessage::default()
    };
    super::new_mail::enclose(call, copy)?;
    Ok(Flow::On)
}

fn redirect(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let address = mailbox(&call.text(0))?;
    let counter = call.counter(1);
    let rights = call.scene.rights();
    let message = &mut call.scene.message;
    if rights.recipient && message.recipient.is_some() {
        message.recipient = Some(address);
    } else if rights.redirect {
        message.recipients = vec![address];
    } else {
        call.permit(false, "the recipient")?;
    }
    call.scene.count(&counter, "informational");
    Ok(Flow::End)
}

fn rewrite_sender(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    call.permit(call.scene.rights().sender, "the sender")?;
    let (address, counter) = (sender(&call.text(0))?, call.counter(1));
    call.scene.count(&counter, "informational");
    call.scene.message.sender = address;
    Ok(Flow::On)
}

/// Sieve ends when it is there: the copy goes nowhere else, or is refused for want of a mailbox.
fn maildir(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    call.permit(call.scene.rights().discard, "the fate of a message")?;
    may_wait(call)?;
    let recipient = mailbox(&call.text(0))?;
    let mailboxes = call.scene.shared.services.find::<Rc<dyn Mailboxes>>("maildir");
    let mailboxes = mailboxes.ok_or("the configuration has no maildir")?;
    let content = call.scene.message.content.octets();
    call.account.look(content.len())?;
    let message = &call.scene.message;
    let delivery = Delivery { id: message.id, sender: message.sender.clone(), recipient, content };
    let (delivered, counter) = (mailboxes.deliver(delivery, call.scene.host), call.place());
    Ok(Got::Later(Box::pin(async move {
        let delivered = delivered.await;
        finish(move |scene| {
            let class = match delivered {
                Ok(()) => {
                    scene.disposition.discard(Some(IN_MAILBOX));
                    class(IN_MAILBOX.code)
                }
                Err(MailboxFault::Unknown) => {
                    scene.disposition.reply = Some(NO_MAILBOX);
                    class(NO_MAILBOX.code)
                }
                Err(MailboxFault::Unwritten(why)) => return Err(Fault::new(why)),
            };
            scene.count(&counter, class);
            scene.ends = true;
            Ok(Value::default())
        })
    })))
}

fn binding(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let name = call.text(0);
    if call.scene.host.knows_binding(&name) {
        call.scene.message.binding = (&*name).into();
        call.scene.message.binding_group = "".into();
    } else {
        unknown(call, "binding", &name);
    }
    Ok(Flow::On)
}

fn binding_group(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let name = call.text(0);
    if call.scene.host.knows_binding_group(&name) {
        call.scene.message.binding_group = (&*name).into();
    } else {
        unknown(call, "binding group", &name);
    }
    Ok(Flow::On)
}

/// No fault: the message keeps the binding that it has.
fn unknown(call: &mut Call<'_, '_>, what: &str, name: &str) {
    let text = format!("{}: there is no {what} '{name}'", call.place());
    call.scene.report(policy_api::Level::Error, &text);
}

fn gateway(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    call.permit(call.scene.rights().routing_domain, "the gateway")?;
    let host = call.text(0);
    if host.is_empty() || host.bytes().any(|octet| octet <= b' ') {
        return Err(Fault::new(format!("'{host}' is no host")));
    }
    call.scene.message.routing_domain = Some((&*host).into());
    Ok(Flow::On)
}
