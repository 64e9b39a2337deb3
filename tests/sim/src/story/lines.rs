//! Lines of a conversation, taken from a stream.

use crate::SimStream;
use bytes::Bytes;
use mail::Time;
use std::io;
use world::Stream;

/// The end of one side's patience or of the connection.
pub struct Gone;

pub struct Lines {
    stream: SimStream,
    received: Vec<u8>,
}

impl Lines {
    pub fn new(stream: SimStream) -> Lines {
        Lines { stream, received: Vec::new() }
    }

    /// The next line without its end.
    pub async fn line(&mut self, deadline: Time) -> Result<String, Gone> {
        loop {
            if let Some(end) = self.received.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.received.drain(..end + 2).take(end).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            match self.stream.read(deadline).await {
                Ok(chunk) if !chunk.is_empty() => self.received.extend_from_slice(&chunk),
                _ => return Err(Gone),
            }
        }
    }

    /// A complete reply: the code of its last line.
    pub async fn reply(&mut self, deadline: Time) -> Result<u16, Gone> {
        loop {
            let line = self.line(deadline).await?;
            if line.as_bytes().get(3) != Some(&b'-') {
                return line.get(..3).and_then(|code| code.parse().ok()).ok_or(Gone);
            }
        }
    }

    /// A message up to its final dot, dots unstuffed.
    pub async fn content(&mut self, deadline: Time) -> Result<String, Gone> {
        let mut content = String::new();
        loop {
            let line = self.line(deadline).await?;
            if line == "." {
                return Ok(content);
            }
            content.push_str(line.strip_prefix('.').unwrap_or(&line));
            content.push_str("\r\n");
        }
    }

    /// An answer of the console in plain text, up to its dot.
    pub async fn answer(&mut self, deadline: Time) -> Result<String, Gone> {
        loop {
            let is_whole = self.received == b".\n" || self.received.ends_with(b"\n.\n");
            if is_whole {
                return Ok(String::from_utf8_lossy(&std::mem::take(&mut self.received)).into_owned());
            }
            match self.stream.read(deadline).await {
                Ok(chunk) if !chunk.is_empty() => self.received.extend_from_slice(&chunk),
                _ => return Err(Gone),
            }
        }
    }

    pub async fn send(&mut self, text: String, deadline: Time) -> Result<(), Gone> {
        let sent: io::Result<()> = self.stream.write(vec![Bytes::from(text)], deadline).await;
        sent.map_err(|_| Gone)
    }
}
