//! Foreign text in a notice: no control bytes, lines broken at blanks, an end to everything.

/// Preferred length of a line, in bytes.
const WIDTH: usize = 76;
/// A word without blanks is cut into pieces of this many bytes, far below the 998 of a line.
const WORD_LIMIT: usize = 500;
/// Bytes of a foreign text that a notice repeats.
const TEXT_LIMIT: usize = 4096;

/// Appends `text`, whose first line continues the current one at `column`; further lines start with
/// `indent`. No line end is appended. Control characters count as blanks, several blanks as one.
pub(crate) fn folded(out: &mut Vec<u8>, text: &str, mut column: usize, indent: &str) {
    let text = &text[..cut(text, TEXT_LIMIT)];
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    for (index, piece) in words.flat_map(pieces).enumerate() {
        if index > 0 && column + 1 + piece.len() > WIDTH {
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(indent.as_bytes());
            column = indent.len();
        } else if index > 0 {
            out.push(b' ');
            column += 1;
        }
        out.extend_from_slice(piece.as_bytes());
        column += piece.len();
    }
}

fn pieces(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(cut(rest, WORD_LIMIT));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The last place at or before `limit` that does not split a character.
fn cut(text: &str, limit: usize) -> usize {
    (0..=limit.min(text.len())).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        folded(&mut out, text, 0, "  ");
        String::from_utf8(out).expect("text").split("\r\n").map(str::to_owned).collect()
    }

    #[test]
    fn text_is_broken_at_blanks_and_long_words_are_cut() {
        assert_eq!(lines("one\r\n two\0three"), ["one two three"]);
        assert_eq!(lines(" \r\n"), [""]);
        let words = lines(&"word ".repeat(40));
        assert!(words.iter().all(|line| line.len() <= WIDTH) && words[1].starts_with("  word word"));
        let endless = lines(&"é".repeat(TEXT_LIMIT));
        assert!(endless.iter().all(|line| line.len() <= WORD_LIMIT + 2));
        assert_eq!(endless.concat().matches('é').count(), TEXT_LIMIT / 2);
    }
}
