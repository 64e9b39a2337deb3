//! The line that separates the parts of a notice: made of the notice's identity, absent from its content.

use mail::MessageId;
use memchr::memmem;

/// `=_ID_n_=` with the least `n` that occurs in none of the parts. The end mark keeps `…_1` from being the
/// beginning of `…_12` (RFC 2046 §5.1.1: a delimiter is recognised by its beginning).
pub(crate) fn boundary(id: MessageId, parts: &[&[u8]]) -> String {
    let prefix = format!("=_{id}_");
    let finder = memmem::Finder::new(&prefix);
    let mut taken: Vec<u64> = parts
        .iter()
        .flat_map(|part| finder.find_iter(part).map(|at| number(&part[at + prefix.len()..])))
        .collect();
    taken.sort_unstable();
    taken.dedup();
    // Sorted without repetition: the first number that does not stand at its own place is missing.
    let free = taken.iter().zip(0..).position(|(number, place)| *number != place).unwrap_or(taken.len());
    format!("{prefix}{free}_=")
}

/// The digits that follow; as many as a boundary of ours could have.
fn number(text: &[u8]) -> u64 {
    let digits = text.iter().take(18).take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| 10 * number + u64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boundary_occurs_in_no_part_whatever_the_content_tries() {
        let id = MessageId { second: 0x702B_41E6, process: 30_911, counter: 0x401A };
        let plain = boundary(id, &[b"hello"]);
        assert_eq!(plain, "=_A1/04-30911-6E14B207_0_=");
        let hostile: String = (0..1_000).rev().map(|n| format!("\r\n--=_{id}_{n}_=--")).collect();
        for (content, number) in [
            (format!("--{plain}"), 1),
            (hostile, 1_000),
            (format!("=_{id}_=_{id}_ =_{id}_1"), 2),
            (format!("=_{id}_99999999999999999999999_="), 0),
        ] {
            let chosen = boundary(id, &[b"first", content.as_bytes()]);
            assert_eq!(chosen, format!("=_{id}_{number}_="));
            assert!(!content.contains(&chosen));
            assert!(chosen.len() <= 70, "RFC 2046 §5.1.1");
        }
    }
}
