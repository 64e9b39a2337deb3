//! The name of a delivery, carried inside the message: what `load` was promised and `sink` received is the
//! same token.
//!
//! Law: a token has one spelling of fixed length, so that it is patched in place and found by its length.

/// `1f2e3d4c-0000000042`: the run in hexadecimal, a dash, the number of the delivery in decimal.
pub const TOKEN_BYTES: usize = RUN_DIGITS + 1 + NUMBER_DIGITS;
/// Numbers of deliveries stay below this.
pub const NUMBERS: u64 = 10_u64.pow(NUMBER_DIGITS as u32);
/// Opens the header line that carries the token of the message's first delivery.
pub const FIELD: &[u8] = b"X-Bench-Id: ";

const RUN_DIGITS: usize = 8;
const NUMBER_DIGITS: usize = 10;

/// One recipient's copy of one message. A message to three recipients takes three numbers in a row; its
/// header names the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token {
    pub run: u32,
    pub number: u64,
}

impl Token {
    pub fn bytes(self) -> [u8; TOKEN_BYTES] {
        assert!(self.number < NUMBERS, "the number fits its digits");
        let mut text = [b'-'; TOKEN_BYTES];
        let mut run = self.run;
        for place in text[..RUN_DIGITS].iter_mut().rev() {
            *place = b"0123456789abcdef"[(run & 15) as usize];
            run >>= 4;
        }
        let mut number = self.number;
        for place in text[RUN_DIGITS + 1..].iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
        text
    }

    /// Of exactly `TOKEN_BYTES` bytes.
    pub fn parse(text: &[u8]) -> Option<Token> {
        let (run, number) = text.split_at_checked(RUN_DIGITS)?;
        let number = number.strip_prefix(b"-")?;
        if number.len() != NUMBER_DIGITS {
            return None;
        }
        let run =
            run.iter().try_fold(0, |run: u32, digit| Some(run << 4 | char::from(*digit).to_digit(16)?))?;
        Some(Token { run, number: decimal(number)? })
    }
}

/// A decimal number of digits alone; none if empty or above 64 bits.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// The number that a recipient's local part ends with: `user42@d2.example` is 42.
pub(crate) fn number_of_recipient(address: &[u8]) -> Option<u64> {
    let local = &address[..memchr::memrchr(b'@', address).unwrap_or(address.len())];
    let digits = local.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    decimal(&local[local.len() - digits..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_what_it_wrote() {
        for (run, number, text) in [
            (0, 0, "00000000-0000000000"),
            (0x1f2e_3d4c, 42, "1f2e3d4c-0000000042"),
            (u32::MAX, NUMBERS - 1, "ffffffff-9999999999"),
        ] {
            let token = Token { run, number };
            assert_eq!(token.bytes(), text.as_bytes());
            assert_eq!(Token::parse(text.as_bytes()), Some(token));
        }
        for wrong in ["", "1f2e3d4c", "1f2e3d4c-42", "1f2e3d4c_0000000042", "1f2e3d4g-0000000042"] {
            assert_eq!(Token::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_recipient_is_numbered_by_the_end_of_its_local_part() {
        for (address, number) in [
            ("user42@d2.example", Some(42)),
            ("7@d2.example", Some(7)),
            ("postmaster@d2.example", None),
            ("user42", Some(42)),
            ("u1x@d2.example", None),
            ("user99999999999999999999999@d2.example", None),
        ] {
            assert_eq!(number_of_recipient(address.as_bytes()), number, "{address}");
        }
    }
}
