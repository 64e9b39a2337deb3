//! The frame of an answer: lines of text, then a line that says how it went.
//!
//! The law: only the last line is a dot and a status; a line of text that starts with a dot gets a second.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Ok,
    Err,
}

impl Status {
    /// What ends the answer.
    pub const fn trailer(self) -> &'static str {
        match self {
            Status::Ok => ".OK\n",
            Status::Err => ".ERR\n",
        }
    }

    /// The status, if this line (without its end) is the last of an answer.
    pub fn of_line(line: &str) -> Option<Status> {
        [Status::Ok, Status::Err].into_iter().find(|status| status.trailer().trim_end() == line)
    }
}

/// Appends a whole answer. `text` needs no final line feed.
pub fn write_answer(out: &mut Vec<u8>, text: &str, status: Status) {
    for line in text.lines() {
        out.extend(line.starts_with('.').then_some(b'.'));
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(status.trailer().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_once_whatever_its_text_says() {
        for (text, status, wire) in [
            ("", Status::Ok, ".OK\n"),
            ("2 messages", Status::Ok, "2 messages\n.OK\n"),
            ("a\n\n.OK\n.\n", Status::Err, "a\n\n..OK\n..\n.ERR\n"),
        ] {
            let mut out = Vec::new();
            write_answer(&mut out, text, status);
            let read = String::from_utf8(out).expect("text");
            assert_eq!(read, wire);
            let ends: Vec<_> = read.lines().filter_map(Status::of_line).collect();
            assert_eq!(ends, [status]);
        }
    }
}
