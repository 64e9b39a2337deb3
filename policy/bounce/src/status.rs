//! The status code of RFC 3463 that a reply means: said by the peer, or derived from its basic code.

use mail::Reply;

/// Basic codes and the status they mean. Where RFC 5321 lets a code stand for many things (450, 550, 554)
/// nothing is claimed beyond the class: `x.0.0`.
const BY_BASIC_CODE: [(u16, (u8, u16, u16)); 17] = [
    (421, (4, 3, 2)),
    (432, (4, 7, 12)),
    (451, (4, 3, 0)),
    (452, (4, 3, 1)),
    (454, (4, 7, 0)),
    (500, (5, 5, 2)),
    (501, (5, 5, 4)),
    (502, (5, 5, 1)),
    (503, (5, 5, 1)),
    (504, (5, 5, 4)),
    (521, (5, 3, 2)),
    (530, (5, 7, 0)),
    (535, (5, 7, 8)),
    (551, (5, 1, 6)),
    (552, (5, 2, 2)),
    (553, (5, 1, 3)),
    (556, (5, 1, 10)),
];

/// Replies of peers keep their enhanced code at the start of the text.
pub fn status(reply: &Reply) -> (u8, u16, u16) {
    let class = match reply.code / 100 {
        2 => 2,
        5 => 5,
        _ => 4,
    };
    let by_basic_code = || {
        let row = BY_BASIC_CODE.iter().find(|(code, _)| *code == reply.code);
        row.map_or((class, 0, 0), |(_, status)| *status)
    };
    // A peer that contradicts itself (550 4.7.1) is believed in the code that the protocol acts on.
    let said = reply.enhanced.or_else(|| leading(&reply.text)).filter(|said| said.0 == class);
    said.unwrap_or_else(by_basic_code)
}

/// The enhanced code that a text starts with: `class.subject.detail`, one and up to three digits each
/// (RFC 3463 §2), followed by a blank or nothing. `#5.1.1`, as some print it, counts too.
pub(crate) fn leading(text: &str) -> Option<(u8, u16, u16)> {
    let word = text.trim_start().split([' ', '\t', '\r', '\n']).next()?;
    let word = word.trim_start_matches(['#', '(']).trim_end_matches([':', ')', '-', ',']);
    let mut parts = word.split('.').map(|part| {
        let is_number = (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.bytes().fold(0, |number: u16, digit| 10 * number + u16::from(digit - b'0')))
    });
    let (class, subject, detail) = (parts.next()??, parts.next()??, parts.next()??);
    (parts.next().is_none() && matches!(class, 2 | 4 | 5)).then_some((class as u8, subject, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peers_own_status_wins_over_the_basic_code() {
        for (code, text, expected) in [
            (550, "5.1.1 no such user", (5, 1, 1)),
            (550, "5.7.515 access denied", (5, 7, 515)),
            (550, "#5.1.0 Address rejected.", (5, 1, 0)),
            (550, "(5.2.1) disabled", (5, 2, 1)),
            (452, "4.2.2", (4, 2, 2)),
            (552, "5.3.4\ntoo big", (5, 3, 4)),
            (550, "no such user", (5, 0, 0)),
            (552, "quota", (5, 2, 2)),
            (421, "busy", (4, 3, 2)),
            (450, "later", (4, 0, 0)),
            // Not a status: an address, a number too long, another class than that of the code.
            (550, "5.1.1.1 blocked", (5, 0, 0)),
            (554, "5.7.1234 no", (5, 0, 0)),
            (550, "4.7.1 no", (5, 0, 0)),
            (451, "", (4, 3, 0)),
            (250, "2.1.5 fine", (2, 1, 5)),
        ] {
            assert_eq!(status(&Reply::verbatim(code, text)), expected, "{code} {text}");
        }
        assert_eq!(status(&Reply::fixed(554, (5, 4, 7), "expired")), (5, 4, 7));
    }
}
