//! The packets of the milter protocol, version 6, as filters of Sendmail and Postfix speak it: a length, a
//! letter, data.

use bytes::{BufMut, Bytes, BytesMut};

pub(super) const VERSION: u32 = 6;

/// Octets of a packet that a filter may send: a whole new body comes in pieces of at most 64 KiB.
pub(super) const PACKET: usize = 1 << 17;
/// Octets of a piece of body that we send.
pub(super) const BODY_PIECE: usize = 65_535;

/// What we let a filter do: fields, body, recipients, sender, quarantine is answered as a refusal for now.
pub(super) mod action {
    pub const ADD_FIELDS: u32 = 0x01;
    pub const CHANGE_BODY: u32 = 0x02;
    pub const ADD_RECIPIENTS: u32 = 0x04;
    pub const DELETE_RECIPIENTS: u32 = 0x08;
    pub const CHANGE_FIELDS: u32 = 0x10;
    pub const QUARANTINE: u32 = 0x20;
    pub const ALL: u32 =
        ADD_FIELDS | CHANGE_BODY | ADD_RECIPIENTS | DELETE_RECIPIENTS | CHANGE_FIELDS | QUARANTINE;
}

/// Steps that a filter does not want, or does not answer.
pub(super) mod step {
    pub const NO_CONNECT: u32 = 0x01;
    pub const NO_HELO: u32 = 0x02;
    pub const NO_MAIL: u32 = 0x04;
    pub const NO_RCPT: u32 = 0x08;
    pub const NO_BODY: u32 = 0x10;
    pub const NO_FIELDS: u32 = 0x20;
    pub const NO_EOH: u32 = 0x40;
    pub const SILENT_FIELDS: u32 = 0x80;
    pub const NO_DATA: u32 = 0x200;
    pub const SKIP: u32 = 0x400;
    pub const SILENT_CONNECT: u32 = 0x1000;
    pub const SILENT_HELO: u32 = 0x2000;
    pub const SILENT_MAIL: u32 = 0x4000;
    pub const SILENT_RCPT: u32 = 0x8000;
    pub const SILENT_DATA: u32 = 0x1_0000;
    pub const SILENT_EOH: u32 = 0x4_0000;
    pub const SILENT_BODY: u32 = 0x8_0000;
    pub const LEADING_SPACE: u32 = 0x10_0000;
    pub const ALL: u32 = NO_CONNECT
        | NO_HELO
        | NO_MAIL
        | NO_RCPT
        | NO_BODY
        | NO_FIELDS
        | NO_EOH
        | SILENT_FIELDS
        | NO_DATA
        | SKIP
        | SILENT_CONNECT
        | SILENT_HELO
        | SILENT_MAIL
        | SILENT_RCPT
        | SILENT_DATA
        | SILENT_EOH
        | SILENT_BODY
        | LEADING_SPACE;
}

/// What a filter answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Options {
        version: u32,
        actions: u32,
        steps: u32,
    },
    Continue,
    Accept,
    Reject,
    Discard,
    Tempfail,
    /// `550 5.7.1 text`
    Reply(String),
    /// It is still at it.
    Progress,
    /// It wants no more of the body.
    Skip,
    AddField(String, String),
    InsertField(u32, String, String),
    /// The n-th field of the name, from 1; an empty value deletes it.
    ChangeField(u32, String, String),
    ReplaceBody(Bytes),
    AddRecipient(String),
    DeleteRecipient(String),
    Quarantine(String),
    /// A letter that we do not know, or data that do not fit it.
    Unknown(u8),
}

pub(super) fn packet(letter: u8, data: &[&[u8]]) -> Bytes {
    let length = 1 + data.iter().map(|piece| piece.len()).sum::<usize>();
    let mut packet = BytesMut::with_capacity(4 + length);
    packet.put_u32(length as u32);
    packet.put_u8(letter);
    data.iter().for_each(|piece| packet.put_slice(piece));
    packet.freeze()
}

/// Takes the first whole packet out; an error is a length that no filter needs.
pub(super) fn take(received: &mut BytesMut) -> Result<Option<Answer>, u32> {
    let Some(head) = received.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*head);
    if length == 0 || length as usize > PACKET {
        return Err(length);
    }
    if received.len() < 4 + length as usize {
        return Ok(None);
    }
    let mut packet = received.split_to(4 + length as usize).freeze();
    let data = packet.split_off(5);
    Ok(Some(answer(packet[4], data)))
}

fn answer(letter: u8, data: Bytes) -> Answer {
    let words = || data.split(|octet| *octet == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    let number =
        |at: usize| data.get(at..at + 4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]));
    let field = |from: usize| {
        let data = data.get(from..)?;
        let mut words =
            data.split(|octet| *octet == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        Some((words.next()?, words.next()?))
    };
    let first = || words().next().unwrap_or_default();
    let known = match letter {
        b'O' => (|| Some(Answer::Options { version: number(0)?, actions: number(4)?, steps: number(8)? }))(),
        b'c' => Some(Answer::Continue),
        b'a' => Some(Answer::Accept),
        b'r' => Some(Answer::Reject),
        b'd' => Some(Answer::Discard),
        b't' => Some(Answer::Tempfail),
        b'y' => Some(Answer::Reply(first())),
        b'p' => Some(Answer::Progress),
        b's' => Some(Answer::Skip),
        b'h' => field(0).map(|(name, value)| Answer::AddField(name, value)),
        b'i' => number(0).zip(field(4)).map(|(at, (name, value))| Answer::InsertField(at, name, value)),
        b'm' => number(0).zip(field(4)).map(|(at, (name, value))| Answer::ChangeField(at, name, value)),
        b'b' => Some(Answer::ReplaceBody(data.clone())),
        b'+' | b'2' => Some(Answer::AddRecipient(first())),
        b'-' => Some(Answer::DeleteRecipient(first())),
        b'q' => Some(Answer::Quarantine(first())),
        _ => None,
    };
    known.unwrap_or(Answer::Unknown(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_whole_however_they_came_in() {
        let stream: Vec<u8> = [
            packet(b'c', &[]),
            packet(b'y', &[b"550 5.7.1 no\0"]),
            packet(b'm', &[&2u32.to_be_bytes(), b"Subject\0new\0"]),
            packet(b'O', &[&6u32.to_be_bytes(), &1u32.to_be_bytes(), &0u32.to_be_bytes()]),
            packet(b'm', &[b"xx"]),
        ]
        .concat();
        let expected = [
            Answer::Continue,
            Answer::Reply("550 5.7.1 no".into()),
            Answer::ChangeField(2, "Subject".into(), "new".into()),
            Answer::Options { version: 6, actions: 1, steps: 0 },
            Answer::Unknown(b'm'),
        ];
        for size in 1..stream.len() {
            let mut received = BytesMut::new();
            let mut found = Vec::new();
            for piece in stream.chunks(size) {
                received.extend_from_slice(piece);
                while let Some(answer) = take(&mut received).unwrap() {
                    found.push(answer);
                }
            }
            assert_eq!(found, expected);
        }
        for length in [0u32, PACKET as u32 + 1, u32::MAX] {
            assert_eq!(take(&mut BytesMut::from(&length.to_be_bytes()[..])), Err(length));
        }
    }
}
