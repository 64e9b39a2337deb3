//! The parameters of MAIL (RFC 5321 §4.1.1.11): a table of keywords.

use super::{Settings, replies};
use mail::Reply;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    pub size: Option<u64>,
    /// None where BODY= was not given.
    pub eight_bit: Option<bool>,
}

/// A keyword, whether it is offered, and what its value does.
struct Parameter {
    keyword: &'static str,
    offered: fn(&Settings) -> bool,
    take: fn(&mut Parameters, &[u8]) -> Option<()>,
}

const OF_MAIL: [Parameter; 2] = [
    Parameter { keyword: "SIZE", offered: |settings| !settings.hide_size, take: size },
    Parameter { keyword: "BODY", offered: |_| true, take: body },
];

/// Reads what follows the path of MAIL.
pub(super) fn of_mail(rest: &[u8], settings: &Settings) -> Result<Parameters, Reply> {
    let mut parameters = Parameters::default();
    for word in words(rest, settings).map_err(|NotWords| replies::MAIL_SYNTAX)? {
        let (keyword, value) = match memchr::memchr(b'=', word) {
            Some(equals) => (&word[..equals], &word[equals + 1..]),
            None => (word, &b""[..]),
        };
        let known = OF_MAIL.iter().find(|known| known.keyword.as_bytes().eq_ignore_ascii_case(keyword));
        let known = known.filter(|known| (known.offered)(settings)).ok_or(replies::MAIL_PARAMETER)?;
        (known.take)(&mut parameters, value).ok_or(replies::PARAMETER_VALUE)?;
    }
    Ok(parameters)
}

/// RCPT has none: whatever follows its path is refused.
pub(super) fn of_rcpt(rest: &[u8], settings: &Settings) -> Result<(), Reply> {
    let mut words = words(rest, settings).map_err(|NotWords| replies::RCPT_SYNTAX)?;
    if words.next().is_some() { Err(replies::RCPT_PARAMETER) } else { Ok(()) }
}

struct NotWords;

/// One blank before each word; more of them, or some behind the last, only where blanks are forgiven.
fn words<'a>(rest: &'a [u8], settings: &Settings) -> Result<impl Iterator<Item = &'a [u8]>, NotWords> {
    let forgiven = settings.rfc2821_allow_whitespace_in_envelope;
    let rest = if forgiven { rest.trim_ascii_end() } else { rest };
    let proper = forgiven || !(rest.ends_with(b" ") || rest.windows(2).any(|pair| pair == b"  "));
    if !proper || !matches!(rest.first(), None | Some(b' ')) {
        return Err(NotWords);
    }
    Ok(rest.split(|octet| *octet == b' ').filter(|word| !word.is_empty()))
}

/// RFC 1870 §3: one to twenty digits, given once.
fn size(parameters: &mut Parameters, value: &[u8]) -> Option<()> {
    let sound = (1..=20).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    if !sound || parameters.size.is_some() {
        return None;
    }
    let digit = |size: u64, digit: &u8| size.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    parameters.size = Some(value.iter().fold(0, digit));
    Some(())
}

/// RFC 6152 §3.
fn body(parameters: &mut Parameters, value: &[u8]) -> Option<()> {
    let eight_bit = match value {
        _ if value.eq_ignore_ascii_case(b"7BIT") => false,
        _ if value.eq_ignore_ascii_case(b"8BITMIME") => true,
        _ => return None,
    };
    parameters.eight_bit.replace(eight_bit).is_none().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_once_and_only_if_known_and_sound() {
        let settings = Settings::default();
        for (rest, expected) in [
            ("", Ok((None, None))),
            (" SIZE=100", Ok((Some(100), None))),
            (" body=8bitmime SIZE=0", Ok((Some(0), Some(true)))),
            (" BODY=7BIT", Ok((None, Some(false)))),
            (" SIZE=99999999999999999999", Ok((Some(u64::MAX), None))),
            (" SIZE=999999999999999999999", Err(replies::PARAMETER_VALUE)),
            (" SIZE=", Err(replies::PARAMETER_VALUE)),
            (" SIZE", Err(replies::PARAMETER_VALUE)),
            (" SIZE=1x", Err(replies::PARAMETER_VALUE)),
            (" SIZE=1 SIZE=1", Err(replies::PARAMETER_VALUE)),
            (" BODY=BINARYMIME", Err(replies::PARAMETER_VALUE)),
            (" BODY=7BIT BODY=7BIT", Err(replies::PARAMETER_VALUE)),
            (" RET=FULL", Err(replies::MAIL_PARAMETER)),
            (" =", Err(replies::MAIL_PARAMETER)),
            ("SIZE=1", Err(replies::MAIL_SYNTAX)),
            (" ", Err(replies::MAIL_SYNTAX)),
            ("  SIZE=1", Err(replies::MAIL_SYNTAX)),
            (" SIZE=1 ", Err(replies::MAIL_SYNTAX)),
        ] {
            let taken = of_mail(rest.as_bytes(), &settings);
            assert_eq!(taken.map(|taken| (taken.size, taken.eight_bit)), expected, "{rest}");
        }
    }

    #[test]
    fn blanks_are_forgiven_and_size_hidden_where_the_settings_say_so() {
        let settings =
            Settings { rfc2821_allow_whitespace_in_envelope: true, hide_size: true, ..Settings::default() };
        assert_eq!(of_mail(b"  BODY=7BIT  ", &settings).map(|taken| taken.eight_bit), Ok(Some(false)));
        assert_eq!(of_mail(b" SIZE=1", &settings), Err(replies::MAIL_PARAMETER));
        assert_eq!(of_rcpt(b"  ", &settings), Ok(()));
        assert_eq!(of_rcpt(b" NOTIFY=NEVER", &settings), Err(replies::RCPT_PARAMETER));
        assert_eq!(of_rcpt(b" ", &Settings::default()), Err(replies::RCPT_SYNTAX));
    }
}
