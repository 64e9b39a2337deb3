//! Protocol v1 of the control connection (spec console.md §1): requests are lines, replies are frames.
//!
//! A client begins with the line `\x01IMPETUS/1`; the server then says HELLO. Any other first byte is plain
//! text for people and scripts: replies are lines, a dot before those that begin with one, ended by a dot. The
//! law: a reply ends with an empty frame or a lone dot, and nothing else looks like it.

/// The first line of a client that speaks frames.
pub const OPENING: &str = "\u{1}IMPETUS/1";

/// The longest frame; a longer one is a fault of the other side.
pub const FRAME_LIMIT: usize = 1 << 20;

/// Of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Ok,
    Err,
    /// The server waits for a line that goes on with the command.
    More,
}

impl Status {
    const SIGNS: [(Status, u8); 3] = [(Status::Ok, b'+'), (Status::Err, b'-'), (Status::More, b'?')];

    fn sign(self) -> u8 {
        Status::SIGNS.iter().find(|(status, _)| *status == self).map_or(b'-', |(_, sign)| *sign)
    }

    fn of(sign: u8) -> Option<Status> {
        Status::SIGNS.iter().find(|(_, known)| *known == sign).map(|(status, _)| *status)
    }
}

/// How replies are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Framed,
    Plain,
}

impl Mode {
    /// Appends a piece of a reply; plain pieces end where lines end.
    pub fn piece(self, text: &str, status: Status, out: &mut Vec<u8>) {
        match self {
            Mode::Framed => {
                for part in text.as_bytes().chunks(FRAME_LIMIT) {
                    frame(part, status, out);
                }
            }
            Mode::Plain => {
                for line in text.lines() {
                    out.extend(line.starts_with('.').then_some(b'.'));
                    out.extend_from_slice(line.as_bytes());
                    out.push(b'\n');
                }
            }
        }
    }

    /// Ends a reply.
    pub fn end(self, status: Status, out: &mut Vec<u8>) {
        match self {
            Mode::Framed => frame(b"", status, out),
            Mode::Plain => out.extend_from_slice(b".\n"),
        }
    }
}

fn frame(bytes: &[u8], status: Status, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{} {}\n", bytes.len(), char::from(status.sign())).as_bytes());
    out.extend_from_slice(bytes);
}

/// The head of a frame, without its line feed: length and status.
pub fn frame_head(line: &str) -> Option<(usize, Status)> {
    let (length, sign) = line.split_once(' ')?;
    let length = length.parse().ok().filter(|length| *length <= FRAME_LIMIT)?;
    match sign.as_bytes() {
        [sign] => Some((length, Status::of(*sign)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_ends_once_whatever_its_text_says() {
        for (text, framed, plain) in [
            ("", "0 +\n", ".\n"),
            ("two\n", "4 +\ntwo\n0 +\n", "two\n.\n"),
            ("a\n\n.\n.b", "7 +\na\n\n.\n.b0 +\n", "a\n\n..\n..b\n.\n"),
        ] {
            for (mode, wire) in [(Mode::Framed, framed), (Mode::Plain, plain)] {
                let mut out = Vec::new();
                mode.piece(text, Status::Ok, &mut out);
                mode.end(Status::Ok, &mut out);
                assert_eq!(String::from_utf8(out).expect("text"), wire);
            }
        }
    }

    #[test]
    fn the_head_of_a_frame_is_a_length_and_a_sign() {
        for (head, expected) in [
            ("0 +", Some((0, Status::Ok))),
            ("12 -", Some((12, Status::Err))),
            ("3 ?", Some((3, Status::More))),
            ("3 !", None),
            ("3", None),
            ("x +", None),
            ("3 ++", None),
            ("99999999 +", None),
        ] {
            assert_eq!(frame_head(head), expected, "{head}");
        }
    }
}
