//! Messages that a script sends (spec sieve.md §5.1). They are admitted with the message that caused them, or
//! at once where there is none.

use crate::fault::Fault;
use crate::machine::Call;
use crate::scene::{mailbox, sender};
use crate::statistics::class;
use crate::value::Value;
use crate::word::{Finish, Got, Kind, Word, may, needs};
use bytes::Bytes;
use policy_api::NewMessage;

pub(super) static WORDS: &[Word] = &[
    Word::wait("ec_forward", forward)
        .takes(&[
            needs("from", Kind::Text),
            needs("to", Kind::Texts),
            needs("text", Kind::Text),
            may("subject", Kind::Text),
            may("counter", Kind::Text),
        ])
        .at("DXSB")
        .doc("A new message with this one attached; this one goes on."),
    Word::wait("generate_mail_raw", raw)
        .takes(&[needs("from", Kind::Text), needs("to", Kind::Texts), needs("message", Kind::Text)])
        .doc("Sends a complete message, header and body."),
];

/// Recipients of one new message, and messages that one message causes.
const MOST: usize = 100;

fn raw(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let content = with_line_ends(&call.text(2));
    call.account.hold(content.len())?;
    send(call, content.into())
}

fn forward(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let original = call.scene.message.content.octets();
    call.account.hold(original.len() + 1024)?;
    let subject = call.optional(3).map(|subject| subject.to_string()).unwrap_or_else(|| {
        let field = call.scene.message.content.field("Subject");
        format!("Fwd: {}", field.map(|field| field.text()).unwrap_or_default())
    });
    let boundary = super::message::boundary(call.scene);
    let mut header = String::new();
    let now = call.scene.host.now().to_string();
    let to = call.texts(1).join(", ");
    let content_type = format!("multipart/mixed; boundary=\"{boundary}\"");
    for (name, value) in [
        ("From", &*call.text(0)),
        ("To", &to),
        ("Subject", &subject),
        ("Date", &now),
        ("MIME-Version", "1.0"),
        ("Content-Type", &content_type),
    ] {
        header.push_str(&super::header::written(name, value)?);
    }
    let mut content = header.into_bytes();
    let intro = format!(
        "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    );
    content.extend_from_slice(intro.as_bytes());
    content.extend_from_slice(&with_line_ends(&call.text(2)));
    content.extend_from_slice(format!("\r\n--{boundary}\r\nContent-Type: message/rfc822\r\n\r\n").as_bytes());
    content.extend_from_slice(&original);
    content.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let counter = call.counter(4);
    call.scene.count(&counter, class(250));
    send(call, content.into())
}

fn send(call: &mut Call<'_, '_>, content: Bytes) -> Result<Got, Fault> {
    let recipients = call.texts(1);
    if recipients.len() > MOST {
        return Err(Fault::new(format!("more than {MOST} recipients of a new message")));
    }
    let message = NewMessage {
        sender: sender(&call.text(0))?,
        recipients: recipients.iter().map(|text| mailbox(text)).collect::<Result<_, _>>()?,
        content,
        contexts: call.scene.contexts.clone(),
        ..NewMessage::default()
    };
    if message.recipients.is_empty() {
        return Err(Fault::new("a new message needs a recipient"));
    }
    if call.scene.rights().outgoing {
        enclose(call, message)?;
        return Ok(Got::Value(Value::default()));
    }
    if !call.scene.rights().suspend {
        return Err(Fault::new(format!("no mail can be sent in {}", call.scene.place_name())));
    }
    let injected = call.scene.host.inject(message);
    Ok(Got::Later(Box::pin(async move {
        match injected.await {
            Ok(_) => finished(),
            Err(fault) => Box::new(move |_: &mut crate::scene::Scene<'_>| Err(Fault::new(fault.to_string()))),
        }
    })))
}

/// It is admitted with the message that is under way, and only with it.
pub(super) fn enclose(call: &mut Call<'_, '_>, message: NewMessage) -> Result<(), Fault> {
    let outgoing = &mut call.scene.message.outgoing;
    if outgoing.len() >= MOST {
        return Err(Fault::new(format!("more than {MOST} new messages of one message")));
    }
    outgoing.push(message);
    Ok(())
}

fn finished() -> Finish {
    Box::new(|_| Ok(Value::default()))
}

/// Script files end their lines as they like; mail ends them with CRLF.
pub(super) fn with_line_ends(text: &str) -> Vec<u8> {
    text.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes()
}
