//! The types of option values (spec config-language.md §4.2). A type is a word for the reference, a Rust
//! value, and the one place that reads the text.

mod list;
mod pattern;
mod reference;

pub(crate) use list::network;
pub use list::{Cidrs, ColonList, Dictionary, List, Networks};
pub use pattern::{Pattern, Regex};
pub use reference::{Counted, CounterRef, Throttle, ThrottleRef};

use crate::{Choice, Declared, Expected, OptionType, Value};
use std::marker::PhantomData;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// The text of a scalar. Types that take lists have their own way.
pub fn scalar(raw: &Value) -> Result<&str, Expected> {
    match raw {
        Value::Scalar(word) => Ok(&word.text),
        Value::List(_) => Err(Expected::fixed("a single value, not a list")),
        Value::Dictionary(_) => Err(Expected::fixed("a single value, not a dictionary")),
    }
}

fn number<N: FromStr>(raw: &Value, expected: &'static str) -> Result<N, Expected> {
    let text = scalar(raw)?;
    // Rust reads "+5"; the language does not.
    let parsed = if text.starts_with('+') { None } else { text.parse().ok() };
    parsed.ok_or(Expected::fixed(expected))
}

/// `true false yes no on off enabled disabled 1 0`, in any case.
pub enum Bool {}

const BOOLEANS: [(&str, bool); 10] = [
    ("true", true),
    ("false", false),
    ("yes", true),
    ("no", false),
    ("on", true),
    ("off", false),
    ("enabled", true),
    ("disabled", false),
    ("1", true),
    ("0", false),
];

pub(crate) fn truth(text: &str) -> Option<bool> {
    BOOLEANS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| *value)
}

impl OptionType for Bool {
    type Value = bool;
    const NAME: &'static str = "bool";
    const WORDS: &'static [&'static str] = &["true", "false"];
    fn read(raw: &Value, _: Declared<'_>) -> Result<bool, Expected> {
        truth(scalar(raw)?)
            .ok_or(Expected::fixed("true or false (also yes, no, on, off, enabled, disabled, 1, 0)"))
    }
}

/// Signed; `-1` often means unlimited.
pub enum Integer {}

impl OptionType for Integer {
    type Value = i64;
    const NAME: &'static str = "int";
    fn read(raw: &Value, _: Declared<'_>) -> Result<i64, Expected> {
        number(raw, "a whole number")
    }
}

/// Bytes or a count, never negative. Suffixes such as K are refused: Momentum has none.
pub enum Size {}

impl OptionType for Size {
    type Value = u64;
    const NAME: &'static str = "size";
    fn read(raw: &Value, _: Declared<'_>) -> Result<u64, Expected> {
        number(raw, "a whole number that is not negative, without a unit")
    }
}

pub enum Float {}

impl OptionType for Float {
    type Value = f64;
    const NAME: &'static str = "float";
    fn read(raw: &Value, _: Declared<'_>) -> Result<f64, Expected> {
        const EXPECTED: &str = "a decimal fraction such as 0.2";
        // Rust also reads "inf", "NaN" and exponents.
        match scalar(raw)?.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-')) {
            true => number(raw, EXPECTED),
            false => Err(Expected::fixed(EXPECTED)),
        }
    }
}

/// A time. What zero means is the option's own affair, so it is kept.
pub enum Seconds {}

impl OptionType for Seconds {
    type Value = Duration;
    const NAME: &'static str = "time";
    const UNIT: &'static str = "seconds";
    fn read(raw: &Value, _: Declared<'_>) -> Result<Duration, Expected> {
        number(raw, "a whole number of seconds, without a unit").map(Duration::from_secs)
    }
}

pub enum Milliseconds {}

impl OptionType for Milliseconds {
    type Value = Duration;
    const NAME: &'static str = "time";
    const UNIT: &'static str = "milliseconds";
    fn read(raw: &Value, _: Declared<'_>) -> Result<Duration, Expected> {
        number(raw, "a whole number of milliseconds, without a unit").map(Duration::from_millis)
    }
}

/// Permission bits, octal with or without a leading zero.
pub enum Perms {}

impl OptionType for Perms {
    type Value = u32;
    const NAME: &'static str = "octal";
    fn read(raw: &Value, _: Declared<'_>) -> Result<u32, Expected> {
        let text = scalar(raw)?;
        let octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        let bits = if octal { u32::from_str_radix(text, 8).ok() } else { None };
        bits.filter(|bits| *bits <= 0o7777).ok_or(Expected::fixed("octal permission bits such as 0640"))
    }
}

/// Any text, the empty one too.
pub enum Text {}

impl OptionType for Text {
    type Value = Arc<str>;
    const NAME: &'static str = "string";
    fn read(raw: &Value, _: Declared<'_>) -> Result<Arc<str>, Expected> {
        scalar(raw).map(Arc::from)
    }
}

/// `""` is no value.
pub struct Optional<T>(PhantomData<T>);

pub type OptionalText = Optional<Text>;

impl<T: OptionType> OptionType for Optional<T> {
    type Value = Option<T::Value>;
    const NAME: &'static str = T::NAME;
    const UNIT: &'static str = T::UNIT;
    const WORDS: &'static [&'static str] = T::WORDS;
    const SHARED: bool = T::SHARED;
    fn read(raw: &Value, declared: Declared<'_>) -> Result<Option<T::Value>, Expected> {
        match raw {
            Value::Scalar(word) if word.text.is_empty() => Ok(None),
            _ => T::read(raw, declared).map(Some),
        }
    }
}

/// An address without a port, without brackets (§4.3).
pub enum IpAddress {}

impl OptionType for IpAddress {
    type Value = IpAddr;
    const NAME: &'static str = "address";
    fn read(raw: &Value, _: Declared<'_>) -> Result<IpAddr, Expected> {
        scalar(raw)?.parse().map_err(|_| Expected::fixed("an IP address, without brackets"))
    }
}

/// `ip:port`, `[v6]:port`, `*:port`, `:port`, or the path of a socket.
pub enum SocketAddress {}

impl OptionType for SocketAddress {
    type Value = crate::Endpoint;
    const NAME: &'static str = "endpoint";
    fn read(raw: &Value, _: Declared<'_>) -> Result<crate::Endpoint, Expected> {
        scalar(raw)?.parse()
    }
}

/// How often a message is tried again (`max_retries`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retries {
    /// From message_expiration and retry_interval.
    Auto,
    None,
    Count(u32),
}

impl OptionType for Retries {
    type Value = Retries;
    const NAME: &'static str = "auto, none or int";
    fn read(raw: &Value, _: Declared<'_>) -> Result<Retries, Expected> {
        match scalar(raw)? {
            text if text.eq_ignore_ascii_case("auto") => Ok(Retries::Auto),
            text if text.eq_ignore_ascii_case("none") => Ok(Retries::None),
            _ => number(raw, "auto, none or a number of retries").map(Retries::Count),
        }
    }
}

/// For `choices!`: one of the names in any case, or one of the numbers.
pub fn read_choice<C: Choice>(raw: &Value) -> Result<C, Expected> {
    let text = scalar(raw)?;
    let number: Option<i64> = text.parse().ok();
    let known = C::CHOICES
        .iter()
        .find(|(name, internal, _)| name.eq_ignore_ascii_case(text) || number == Some(*internal));
    known
        .map(|(_, _, choice)| *choice)
        .ok_or_else(|| Expected::one_of(text, C::CHOICES.iter().map(|(name, _, _)| *name)))
}

/// For `words!`: the position of the word, which is also its number.
pub fn read_word(raw: &Value, words: &'static [&'static str]) -> Result<usize, Expected> {
    let text = scalar(raw)?;
    let named = words.iter().position(|word| word.eq_ignore_ascii_case(text));
    let numbered = || text.parse().ok().filter(|number| *number < words.len());
    named.or_else(numbered).ok_or_else(|| Expected::one_of(text, words.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InstanceId, Span, Word};

    fn read<T: OptionType>(text: &str) -> Option<T::Value> {
        let raw = Value::Scalar(Word { text: text.into(), span: Span::default() });
        T::read(&raw, Declared { option: "test", instance: &InstanceId::default() }).ok()
    }

    #[test]
    fn truth_has_ten_spellings_in_any_case() {
        for (text, value) in BOOLEANS {
            assert_eq!(read::<Bool>(text), Some(value));
            assert_eq!(read::<Bool>(&text.to_uppercase()), Some(value));
        }
        for text in ["", "2", "t", "truth", "none"] {
            assert_eq!(read::<Bool>(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_strictly() {
        for (text, value) in [("5", Some(5)), ("-1", Some(-1)), ("+1", None), ("1K", None), ("", None)] {
            assert_eq!(read::<Integer>(text), value, "{text}");
        }
        for (text, value) in [("18446744073709551615", Some(u64::MAX)), ("-1", None), ("4 ", None)] {
            assert_eq!(read::<Size>(text), value, "{text}");
        }
        for (text, value) in
            [("0.2", Some(0.2)), ("-3", Some(-3.0)), ("inf", None), ("1e3", None), (".", None)]
        {
            assert_eq!(read::<Float>(text), value, "{text}");
        }
        for (text, value) in [("0640", Some(0o640)), ("775", Some(0o775)), ("888", None), ("17777", None)] {
            assert_eq!(read::<Perms>(text), value, "{text}");
        }
    }

    #[test]
    fn times_keep_zero_and_their_unit() {
        assert_eq!(read::<Seconds>("0"), Some(Duration::ZERO));
        assert_eq!(read::<Milliseconds>("250"), Some(Duration::from_millis(250)));
        assert_eq!(
            (read::<Seconds>("soon"), read::<Seconds>("4 hours"), read::<Seconds>("-1")),
            (None, None, None)
        );
    }

    #[test]
    fn retries_are_auto_none_or_a_number() {
        for (text, value) in [
            ("Auto", Some(Retries::Auto)),
            ("none", Some(Retries::None)),
            ("3", Some(Retries::Count(3))),
            ("-1", None),
        ] {
            assert_eq!(read::<Retries>(text), value, "{text}");
        }
    }

    crate::choices! {
        enum Policy { Ignore = 0: "ignore" | "none", Fix = 2: "fix" }
    }

    #[test]
    fn a_choice_is_a_name_in_any_case_or_its_number() {
        for (text, value) in [
            ("IGNORE", Some(Policy::Ignore)),
            ("none", Some(Policy::Ignore)),
            ("2", Some(Policy::Fix)),
            ("1", None),
        ] {
            assert_eq!(read::<Policy>(text), value, "{text}");
        }
    }

    #[test]
    fn an_empty_word_is_no_value_only_where_that_is_said() {
        assert_eq!(read::<OptionalText>(""), Some(None));
        assert_eq!(read::<Optional<IpAddress>>("2001:DB8::1"), Some(Some("2001:db8::1".parse().unwrap())));
        assert_eq!(read::<IpAddress>(""), None);
        assert_eq!(read::<IpAddress>("[::1]"), None);
    }
}
