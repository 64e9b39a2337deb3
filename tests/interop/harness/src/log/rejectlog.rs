//! The rejectlog: keys in fixed order, dictionaries, and a text that is not quoted.

use super::fields::{Checked, check, identity, timestamp};

/// `KEY=value` in fixed order, then the text of the reply without its code.
pub fn parse_rejectlog(line: &str) -> Checked<()> {
    let read = || {
        let (time, rest) = line.split_once(": ").ok_or("no time")?;
        timestamp(time)?;
        if rest == "Marker 1" {
            return Ok(());
        }
        let mut rest = Rest(rest);
        rest.socket("R")?;
        rest.socket("L")?;
        identity(rest.quoted("C")?)?;
        for key in ["PATH", "PATH_GRP", "P"] {
            check(!rest.quoted(key)?.is_empty(), "a name", key)?;
        }
        let code = rest.word("E")?;
        check(code.len() == 3 && code.starts_with(['4', '5']), "a code of refusal", code)?;
        rest.word("M")?;
        rest.dictionary("CTXCONN")?;
        rest.dictionary("CTXMESS")?;
        check(!rest.0.is_empty(), "a text", rest.0)?;
        let coded = rest.0.get(..4).is_some_and(|start| start.trim_end().parse::<u16>().is_ok());
        check(!coded, "a text without code", rest.0)
    };
    read().map_err(|wrong: String| format!("{wrong}: {line}"))
}

/// What is left of a rejectlog line.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn key(&mut self, key: &str, opening: &str) -> Checked<()> {
        let start = format!("{key}={opening}");
        let wrong = || format!("{start} expected at {}", self.0);
        self.0 = self.0.strip_prefix(&*start).ok_or_else(wrong)?;
        Ok(())
    }

    fn until(&mut self, end: &str) -> Checked<&'a str> {
        let (value, rest) = self.0.split_once(end).ok_or_else(|| format!("{end} expected in {}", self.0))?;
        self.0 = rest;
        Ok(value)
    }

    fn quoted(&mut self, key: &str) -> Checked<&'a str> {
        self.key(key, "\"")?;
        self.until("\" ")
    }

    fn word(&mut self, key: &str) -> Checked<&'a str> {
        self.key(key, "")?;
        self.until(" ")
    }

    fn socket(&mut self, key: &str) -> Checked<()> {
        let socket = self.quoted(key)?;
        check(socket.parse::<std::net::SocketAddr>().is_ok(), "an endpoint", socket)
    }

    /// `[k=v,k="v v"] `: bare values hold nothing that could end them.
    fn dictionary(&mut self, key: &str) -> Checked<()> {
        self.key(key, "[")?;
        if let Some(rest) = self.0.strip_prefix("] ") {
            self.0 = rest;
            return Ok(());
        }
        loop {
            let name = self.value(&['='])?;
            check(!name.is_empty(), "a key", self.0)?;
            self.value(&[',', ']'])?;
            let ended = self.0.starts_with("] ");
            self.0 = self.0.get(if ended { 2 } else { 1 }..).ok_or("a dictionary that does not end")?;
            if ended {
                return Ok(());
            }
        }
    }

    /// A bare or quoted word; what ends it stays, except an equals sign.
    fn value(&mut self, ends: &[char]) -> Checked<&'a str> {
        let text = self.0;
        let end = match text.strip_prefix('"') {
            None => text.find(ends).ok_or_else(|| format!("no end of {text}"))?,
            Some(inside) => {
                let mut escaped = false;
                let quote = inside.find(|character| {
                    let found = character == '"' && !escaped;
                    escaped = character == '\\' && !escaped;
                    found
                });
                quote.ok_or_else(|| format!("no closing quote in {text}"))? + 2
            }
        };
        let value = &text[..end];
        let bare = !value.starts_with('"');
        check(!(bare && value.contains([' ', '"', '[', ','])), "a value to be quoted", value)?;
        check(text[end..].starts_with(ends), "the end of a value", text)?;
        self.0 = text[end..].strip_prefix('=').unwrap_or(&text[end..]);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_ends_where_it_says() {
        let dictionary = |inside: &str| {
            let mut rest = Rest(inside);
            rest.dictionary("C").map(|()| rest.0.to_owned())
        };
        assert_eq!(dictionary("C=[a=b] x"), Ok("x".into()));
        assert!(dictionary("C=[a=b c] x").is_err());
        assert!(dictionary("C=[a] x").is_err());
    }
}
