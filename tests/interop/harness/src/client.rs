//! A client that does what the test says, right or wrong, byte by byte.

use crate::patience::PATIENCE;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};

/// A server's reply, all lines of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    /// Without codes; joined by line feeds.
    pub text: String,
}

pub struct Client {
    stream: BufReader<TcpStream>,
    pub banner: Reply,
}

impl Client {
    /// Connects and reads the banner.
    pub fn connect(server: impl ToSocketAddrs) -> io::Result<Client> {
        let stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut client =
            Client { stream: BufReader::new(stream), banner: Reply { code: 0, text: String::new() } };
        client.banner = client.reply()?;
        Ok(client)
    }

    /// Bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    pub fn reply(&mut self) -> io::Result<Reply> {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let wrong = || io::Error::new(io::ErrorKind::InvalidData, line.clone());
            let whole = line.strip_suffix("\r\n").ok_or_else(wrong)?;
            let code = whole.get(..3).and_then(|code| code.parse().ok()).ok_or_else(wrong)?;
            text.push_str(whole.get(4..).unwrap_or(""));
            match whole.as_bytes().get(3) {
                Some(b'-') => text.push('\n'),
                Some(b' ') | None => return Ok(Reply { code, text }),
                Some(_) => return Err(wrong()),
            }
        }
    }

    pub fn command(&mut self, line: &str) -> io::Result<Reply> {
        self.write(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// One transaction; the reply is the one that decided. `content` has CRLF lines and is dot-stuffed here.
    pub fn send(&mut self, sender: &str, recipients: &[&str], content: &str) -> io::Result<Reply> {
        let mut lines = vec![format!("MAIL FROM:<{sender}>")];
        lines.extend(recipients.iter().map(|recipient| format!("RCPT TO:<{recipient}>")));
        for line in lines {
            let reply = self.command(&line)?;
            if reply.code != 250 {
                return Ok(reply);
            }
        }
        let reply = self.command("DATA")?;
        if reply.code != 354 {
            return Ok(reply);
        }
        let stuffed = if content.starts_with('.') { format!(".{content}") } else { content.to_owned() };
        let mut wire = stuffed.replace("\r\n.", "\r\n..");
        wire.push_str(".\r\n");
        self.write(wire.as_bytes())?;
        self.reply()
    }
}

/// A small complete message.
pub fn letter(subject: &str) -> String {
    format!(
        "From: sender@sender.example\r\nTo: list@recipient.example\r\nSubject: {subject}\r\n\
         Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <{subject}@sender.example>\r\n\r\n\
         The text of {subject}.\r\n"
    )
}
