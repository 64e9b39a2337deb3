//! The values that stand in the fields of logs, each checked in full.

/// The value, or what is wrong with it.
pub type Checked<T> = Result<T, String>;

const STAGES: std::ops::RangeInclusive<u8> = 0..=22;

pub fn check(is_right: bool, expected: &str, found: &str) -> Checked<()> {
    if is_right { Ok(()) } else { Err(format!("expected {expected}, found `{found}`")) }
}

pub fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

pub fn number(text: &str) -> Checked<u64> {
    check(digits(text), "a number", text)?;
    text.parse().map_err(|_| format!("too large: {text}"))
}

/// Whole seconds of this century.
pub fn timestamp(text: &str) -> Checked<()> {
    check(text.len() == 10 && digits(text), "a timestamp", text)
}

/// Decimal seconds with so many places.
pub fn seconds(text: &str, places: usize) -> Checked<f64> {
    let (whole, part) = text.split_once('.').ok_or_else(|| format!("no decimals in {text}"))?;
    check(digits(whole) && digits(part) && part.len() == places, "seconds", text)?;
    text.parse().map_err(|_| format!("no seconds: {text}"))
}

pub fn stage(text: &str) -> Checked<u8> {
    let stage = text.parse().map_err(|_| format!("no stage: {text}"))?;
    check(STAGES.contains(&stage), "a known stage", text).map(|()| stage)
}

pub fn binding(group: &str, binding: &str) -> Checked<()> {
    check(!group.is_empty() && !binding.is_empty(), "binding group and binding", binding)
}

pub fn is_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

/// `HH/HH-PPPPP-HHHHHHHH`
pub fn identity(text: &str) -> Checked<()> {
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
    };
    let parts: Vec<&str> = text.split('-').collect();
    let counter = parts[0].split_once('/').is_some_and(|(high, low)| is_hex(high, 2) && is_hex(low, 2));
    let is_right = matches!(parts[..], [_, process, second] if process.len() >= 5 && digits(process) && is_hex(second, 8));
    check(counter && is_right, "an identity", text)
}

/// A code of one of the classes, a blank, a text.
pub fn reply(text: &str, classes: &[char]) -> Checked<()> {
    let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
    check(code.len() == 3 && digits(code) && code.starts_with(classes), "a reply", text)?;
    check(!rest.is_empty(), "a text after the code", text)
}
