//! The documented text of a record, as a template: `Domain: {domain:>30}  C:{connections:>3}`.
//!
//! `{name}` is a value; after a colon may stand `<` or `>` and a width in characters, `.` and decimals, or
//! `date` (`2026-02-04 22:29:50`, UTC) or `date@` (`2026-02-04@22:29:50`). `{{` is a brace. The law: a line
//! that names a value which the record lacks is left out.

use crate::value::{Record, Value};
use mail::Time;

/// Appends the record; the template needs no final line feed.
pub fn fill(template: &str, record: &Record, out: &mut String) {
    for line in template.lines() {
        let length = out.len();
        match fill_line(line, record, out) {
            Some(()) => out.push('\n'),
            None => out.truncate(length),
        }
    }
}

fn fill_line(line: &str, record: &Record, out: &mut String) -> Option<()> {
    let mut rest = line;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('{') {
            out.push('{');
            rest = after;
            continue;
        }
        let end = rest.find('}').unwrap_or_else(|| panic!("a brace of a layout is not closed: {line}"));
        let (name, style) = rest[..end].split_once(':').unwrap_or((&rest[..end], ""));
        show(record.get(name)?, style, out);
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Some(())
}

fn show(value: &Value, style: &str, out: &mut String) {
    if let (Value::Time(time), Some(separator)) = (value, style.strip_prefix("date")) {
        return out.push_str(&date(*time, if separator.is_empty() { " " } else { separator }));
    }
    let aligned = style.starts_with(['<', '>']);
    let (side, numbers) = if aligned { style.split_at(1) } else { ("<", style) };
    let (width, decimals) = numbers.split_once('.').unwrap_or((numbers, "2"));
    let number = |text: &str| if text.is_empty() { 0 } else { text.parse().expect("a number in a layout") };
    let (text, width) = (text_of(value, number(decimals)), number(width));
    let blanks = width.saturating_sub(text.chars().count());
    let (before, after) = if side == ">" { (blanks, 0) } else { (0, blanks) };
    out.extend(std::iter::repeat_n(' ', before));
    out.push_str(&text);
    out.extend(std::iter::repeat_n(' ', after));
}

fn text_of(value: &Value, decimals: usize) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Count(count) => count.to_string(),
        Value::Real(real) => format!("{real:.decimals$}"),
        Value::Flag(flag) => flag.to_string(),
        Value::Time(time) => time.secs().to_string(),
        Value::List(values) => {
            values.iter().map(|value| text_of(value, decimals)).collect::<Vec<_>>().join(", ")
        }
        Value::Record(record) => {
            let fields = record.0.iter().map(|(name, value)| format!("{name}={}", text_of(value, decimals)));
            fields.collect::<Vec<_>>().join(" ")
        }
    }
}

/// `2026-02-04 22:29:50`, UTC.
pub fn date(time: Time, separator: &str) -> String {
    let (days, second) = (time.secs() / 86_400, time.secs() % 86_400);
    // Proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record;

    fn filled(template: &str, record: &Record) -> String {
        let mut out = String::new();
        fill(template, record, &mut out);
        out
    }

    #[test]
    fn values_stand_where_and_as_wide_as_the_template_says() {
        let record = record! {
            domain: "alpha.example", count: 4u64, rate: 7.714, at: Time::from_secs(1_770_244_190), on: true,
            list: vec!["a".to_owned(), "b".to_owned()], inner: record! { x: 1u64 },
        };
        for (template, text) in [
            ("Domain: {domain:>20}  C:{count:>3}", "Domain:        alpha.example  C:  4\n"),
            ("{domain:<15}|{count}", "alpha.example  |4\n"),
            ("{domain:>3}", "alpha.example\n"),
            ("{rate}/{rate:.1}/{rate:>7.3}/{rate:.0}", "7.71/7.7/  7.714/8\n"),
            ("{at} {at:date} {at:date@}", "1770244190 2026-02-04 22:29:50 2026-02-04@22:29:50\n"),
            ("{on} {{{list}} {inner}", "true {a, b} x=1\n"),
            ("a\nb {count}\n", "a\nb 4\n"),
        ] {
            assert_eq!(filled(template, &record), text, "{template}");
        }
    }

    #[test]
    fn a_line_without_its_value_is_left_out() {
        let record = record! { a: 1u64 };
        assert_eq!(filled("{a}\nx {b} y\n\nz", &record), "1\n\nz\n");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_798_761_599, "2026-12-31 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(date(Time::from_secs(seconds), " "), text);
        }
    }
}
