//! What may have been meant by a word that nobody knows.

/// More changes than these are another word.
const DISTANCE_LIMIT: usize = 2;

/// The candidate nearest to `typed`, if it is near; the first of several.
pub(crate) fn nearest<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let rated = candidates.map(|candidate| (distance(typed, candidate), candidate));
    let near = rated.filter(|(distance, candidate)| *distance <= DISTANCE_LIMIT.min(candidate.len() / 2));
    near.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements of bytes that turn one text into the other: row by row of the
/// table of prefixes.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, from) in left.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], above + 1);
        for (at, to) in right.bytes().enumerate() {
            let changed = diagonal + usize::from(from != to);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_the_changes() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("mailq", "mailq", 0),
            ("maliq", "mailq", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(
                (distance(left, right), distance(right, left)),
                (expected, expected),
                "{left} {right}"
            );
        }
    }

    #[test]
    fn only_what_is_near_is_suggested() {
        let names = || ["pid", "mailq", "summary"].into_iter();
        for (typed, expected) in [
            ("mailqq", Some("mailq")),
            ("sumary", Some("summary")),
            ("pidd", Some("pid")),
            ("quit", None),
            ("x", None),
        ] {
            assert_eq!(nearest(typed, names()), expected, "{typed}");
        }
    }
}
