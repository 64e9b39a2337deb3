//! `%{…}` of `msys.expandMacro` (spec policy.md §8). What is not known stays as it is written.

use crate::call::Call;
use mail::Time;

/// Octets that a text may grow to.
const LARGEST: usize = 8 << 20;

pub fn expand(call: &Call, text: &str) -> mlua::Result<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("%{") {
        let Some(length) = rest[start..].find('}') else { break };
        out.push_str(&rest[..start]);
        let whole = &rest[start..start + length + 1];
        match value(call, &whole[2..whole.len() - 1]) {
            Some(value) => out.push_str(&value),
            None => out.push_str(whole),
        }
        if out.len() > LARGEST {
            return Err(mlua::Error::runtime("the expanded text is larger than 8 MiB"));
        }
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn value(call: &Call, name: &str) -> Option<String> {
    let (space, name) = name.split_once(':').unwrap_or(("", name));
    let contexts = call.letter.contexts.borrow();
    let set = |value: Option<&str>| Some(value.unwrap_or_default().to_owned());
    match (space, name) {
        ("vctx_conn", key) => set(contexts.connection.get(key)),
        ("vctx_mess", key) => set(contexts.message.get(key)),
        ("", "i") => {
            Some(call.client.peer.map(|peer| peer.ip().to_canonical().to_string()).unwrap_or_default())
        }
        ("", "t") => Some(call.host.now().secs().to_string()),
        ("", key) => contexts.message.get(key).map(str::to_owned),
        ("rfc822", "date") => Some(date(call.host.now())),
        ("rfc2822", what) => content(call, what),
        _ => None,
    }
}

/// `headers`, `body[,n]`, `message[,n]`, `text[,n]`, `part,n`; n are lines, with `b` octets.
fn content(call: &Call, what: &str) -> Option<String> {
    let (what, limit) = what.split_once(',').map_or((what, None), |(what, limit)| (what, Some(limit)));
    call.letter.flush();
    let message = call.letter.message.borrow();
    let lossy = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let text = match what {
        "headers" => lossy(message.content.header_octets()),
        "body" => lossy(message.content.body()),
        "message" => lossy(&message.content.octets()),
        "text" => {
            let tree = message.content.tree();
            tree.texts(tree.root()).into_iter().map(|part| tree.text(part)).collect()
        }
        "part" => {
            let tree = message.content.tree();
            let number: usize = limit?.parse().ok()?;
            let part = tree.walk(tree.root()).get(number).copied()?;
            return Some(lossy(&tree.raw(part)));
        }
        _ => return None,
    };
    Some(match limit {
        None => text,
        Some(limit) => match limit.strip_suffix('b') {
            Some(octets) => lossy(&text.as_bytes()[..octets.parse::<usize>().ok()?.min(text.len())]),
            None => text.split_inclusive('\n').take(limit.parse().ok()?).collect(),
        },
    })
}

/// RFC 5322 §3.3, in UTC.
pub fn date(time: Time) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, seconds) = (time.secs() / 86_400, time.secs() % 86_400);
    // Days to civil date; the year begins in March.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = (month + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let (weekday, name) = (DAYS[(days % 7) as usize], MONTHS[month as usize]);
    format!("{weekday}, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} +0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_rfc_5322() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (1_796_079_599, "Mon, 30 Nov 2026 22:59:59 +0000"),
        ] {
            assert_eq!(date(Time::from_secs(seconds)), text);
        }
    }
}
