//! What the client of a rehearsal says: one command after each reply, until it is refused or all is said.

use super::{Letter, Login};

/// What is said next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Ehlo,
    Auth,
    Mail,
    /// The recipient with this index.
    Rcpt(usize),
    Data,
    Message,
    Quit,
    Nothing,
}

pub(super) struct Client {
    helo: String,
    login: Option<Login>,
    letter: Letter,
    mechanism: &'static str,
    next: Next,
    accepted: usize,
    /// Since the last command.
    heard: Vec<u8>,
    offers_eight_bits: bool,
}

/// As it goes over the wire, and as it is shown.
pub(super) struct Said {
    pub octets: Vec<u8>,
    pub shown: String,
}

impl Client {
    pub fn new(helo: String, login: Option<Login>, letter: Letter, mechanism: &'static str) -> Self {
        Client {
            helo,
            login,
            letter,
            mechanism,
            next: Next::Ehlo,
            accepted: 0,
            heard: Vec::new(),
            offers_eight_bits: false,
        }
    }

    pub fn heard(&mut self, octets: &[u8]) {
        self.heard.extend_from_slice(octets);
    }

    /// The reply to the last command.
    pub fn reply(&mut self) -> String {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.heard)).replace("\r\n", "\n");
        let reply = text.trim_end().to_owned();
        self.take(&reply);
        reply
    }

    /// Goes on, or gives up.
    fn take(&mut self, reply: &str) {
        let is_good = reply.starts_with(['2', '3']);
        if self.next == Next::Auth || self.next == Next::Mail {
            // The reply to EHLO; AUTH offers nothing more.
            self.offers_eight_bits |= reply
                .lines()
                .any(|line| line.get(4..).is_some_and(|keyword| keyword.eq_ignore_ascii_case("8BITMIME")));
        }
        match self.next {
            Next::Rcpt(index) if index > 0 => self.accepted += usize::from(is_good),
            Next::Data => self.accepted += usize::from(is_good),
            Next::Quit | Next::Nothing => {}
            _ if !is_good => self.next = Next::Quit,
            _ => {}
        }
        if self.next == Next::Data && self.accepted == 0 {
            self.next = Next::Quit;
        }
    }

    /// None: all is said.
    pub fn next(&mut self) -> Option<Said> {
        let plain = |text: String| Said { octets: format!("{text}\r\n").into_bytes(), shown: text };
        let (said, next) = match self.next {
            Next::Ehlo => {
                let next = if self.login.is_some() { Next::Auth } else { Next::Mail };
                (plain(format!("EHLO {}", self.helo)), next)
            }
            Next::Auth => {
                let Login { user, proof } = self.login.as_ref()?;
                let said = match proof {
                    None => Said {
                        shown: format!("AUTH {} (as {user})", self.mechanism),
                        ..plain(format!("AUTH {}", self.mechanism))
                    },
                    Some(proof) => Said {
                        shown: format!("AUTH PLAIN (as {user}, with a password)"),
                        ..plain(format!("AUTH PLAIN {proof}"))
                    },
                };
                (said, Next::Mail)
            }
            Next::Mail => {
                let eight_bits = self.offers_eight_bits && !self.letter.message.is_ascii();
                let parameter = if eight_bits { " BODY=8BITMIME" } else { "" };
                (plain(format!("MAIL FROM:<{}>{parameter}", self.letter.sender)), Next::Rcpt(0))
            }
            Next::Rcpt(index) => {
                let next =
                    if index + 1 < self.letter.recipients.len() { Next::Rcpt(index + 1) } else { Next::Data };
                (plain(format!("RCPT TO:<{}>", self.letter.recipients[index])), next)
            }
            Next::Data => (plain("DATA".into()), Next::Message),
            Next::Message => {
                let shown = format!("(the message, {} octets)", self.letter.message.len());
                (Said { octets: stuffed(&self.letter.message), shown }, Next::Quit)
            }
            Next::Quit => (plain("QUIT".into()), Next::Nothing),
            Next::Nothing => return None,
        };
        self.next = next;
        Some(said)
    }
}

/// Dots doubled, and the final one (RFC 5321 §4.5.2).
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn client(user: Option<&str>, recipients: &[&str], message: &'static [u8]) -> Client {
        let recipients = recipients.iter().map(|recipient| (*recipient).to_owned()).collect();
        let letter = Letter { sender: "a@b".into(), recipients, message: Bytes::from_static(message) };
        let login = user.map(|user| Login { user: user.to_owned(), proof: None });
        Client::new("c.example".into(), login, letter, "PLAIN")
    }

    /// The first words of what it says to these replies.
    fn said(mut client: Client, replies: &[&str]) -> String {
        let mut words = Vec::new();
        for reply in replies {
            client.heard(reply.as_bytes());
            client.reply();
            let Some(said) = client.next() else { break };
            words.push(said.shown.split(' ').next().unwrap().to_owned());
        }
        words.join(" ")
    }

    #[test]
    fn it_goes_on_until_nobody_can_get_the_message() {
        let one = || client(None, &["c@d"], b"x\r\n");
        let two = || client(Some("ann"), &["c@d", "e@f"], b"x\r\n");
        let ok = "250 ok\r\n";
        for (client, replies, expected) in [
            (
                one(),
                &["220 hi\r\n", ok, ok, ok, "354 go\r\n", ok, "221 bye\r\n"][..],
                "EHLO MAIL RCPT DATA (the QUIT",
            ),
            (one(), &["554 no\r\n", "221 bye\r\n"], "QUIT"),
            (one(), &["220 hi\r\n", "550 no\r\n", "221 bye\r\n"], "EHLO QUIT"),
            (one(), &["220 hi\r\n", ok, "550 no\r\n"], "EHLO MAIL QUIT"),
            (one(), &["220 hi\r\n", ok, ok, "550 no\r\n"], "EHLO MAIL RCPT QUIT"),
            (one(), &["220 hi\r\n", ok, ok, ok, "451 no\r\n"], "EHLO MAIL RCPT DATA QUIT"),
            (two(), &["220 hi\r\n", ok, "535 no\r\n"], "EHLO AUTH QUIT"),
            (
                two(),
                &["220 hi\r\n", ok, "235 yes\r\n", ok, "550 no\r\n", ok, "354 go\r\n"],
                "EHLO AUTH MAIL RCPT RCPT DATA (the",
            ),
            (
                two(),
                &["220 hi\r\n", ok, "235 yes\r\n", ok, ok, "550 no\r\n", "354 go\r\n"],
                "EHLO AUTH MAIL RCPT RCPT DATA (the",
            ),
            (
                two(),
                &["220 hi\r\n", ok, "235 yes\r\n", ok, "550 no\r\n", "550 no\r\n"],
                "EHLO AUTH MAIL RCPT RCPT QUIT",
            ),
        ] {
            assert_eq!(said(client, replies), expected, "{replies:?}");
        }
    }

    #[test]
    fn eight_bits_are_announced_where_they_are_offered() {
        for (offers, parameter) in
            [("250-h\r\n250-8BITMIME\r\n250 SIZE\r\n", " BODY=8BITMIME"), ("250 h\r\n", "")]
        {
            let mut client = client(None, &["c@d"], "gr\u{fc}n\r\n".as_bytes());
            for reply in ["220 hi\r\n", offers] {
                client.heard(reply.as_bytes());
                client.reply();
                if client.next == Next::Ehlo {
                    client.next();
                }
            }
            assert_eq!(client.next().unwrap().shown, format!("MAIL FROM:<a@b>{parameter}"));
        }
    }

    #[test]
    fn dots_are_doubled_and_the_last_line_ends() {
        for (message, wire) in
            [("a\r\n", "a\r\n.\r\n"), (".\r\n..b", "..\r\n...b\r\n.\r\n"), ("", ".\r\n"), ("x", "x\r\n.\r\n")]
        {
            assert_eq!(String::from_utf8(stuffed(message.as_bytes())).unwrap(), wire);
        }
    }
}
