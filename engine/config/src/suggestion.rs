//! What may have been meant by a name that nobody knows.

/// Longer names are not compared: the work is bounded whatever the file holds.
const LONGEST_NAME: usize = 64;

/// The nearest of the candidates, if it is near enough to be a slip of the fingers.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST_NAME {
        return None;
    }
    let near = |candidate: &str| (name.len().max(candidate.len()) / 3).max(1);
    let scored = candidates
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= near(candidate))
        .map(|candidate| (distance(name.as_bytes(), candidate.as_bytes()), candidate))
        .filter(|(distance, candidate)| *distance <= near(candidate));
    scored.min().map(|(_, candidate)| candidate)
}

/// Edits between two names, case and the choice of `-` or `_` ignored; swapped neighbours are one edit.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let fold = |byte: u8| if byte == b'-' { b'_' } else { byte.to_ascii_lowercase() };
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for row in 1..=from.len() {
        let mut next = vec![row];
        for column in 1..=to.len() {
            let same = fold(from[row - 1]) == fold(to[column - 1]);
            let replaced = last[column - 1] + usize::from(!same);
            let mut best = replaced.min(last[column] + 1).min(next[column - 1] + 1);
            let swapped = row > 1
                && column > 1
                && fold(from[row - 1]) == fold(to[column - 2])
                && fold(from[row - 2]) == fold(to[column - 1]);
            if swapped {
                best = best.min(before[column - 2] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut last, next);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["idle_time", "relay_hosts", "relay_domains", "tls", "retry_interval"];
        for (name, expected) in [
            ("idle_tmie", Some("idle_time")),
            ("Idle-Time", Some("idle_time")),
            ("relay_host", Some("relay_hosts")),
            ("relaydomains", Some("relay_domains")),
            ("tsl", Some("tls")),
            ("retryinterval", Some("retry_interval")),
            ("quux", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known.iter().copied()), expected, "{name}");
        }
        assert_eq!(nearest(&"a".repeat(LONGEST_NAME + 1), known.iter().copied()), None);
    }
}
