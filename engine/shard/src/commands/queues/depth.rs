//! How much waits for each domain, over all its queues: gathered in pieces on each shard, added up row by row
//! as the rows are shown.

use crate::Shard;
use crate::selection::{Selection, walk};
use console::{Document, Record, record};
use std::collections::{BTreeMap, btree_map};
use std::iter::Peekable;
use std::rc::Rc;
use world::World;

/// Domains that a shard has rows for; mail of further ones is in the totals alone. A row takes 100 bytes.
const DOMAINS_SHOWN: usize = 200_000;

pub const ROW: &str = "Domain: {domain:>30}  C:{connections:>3}  A:{active:>7}  D:{delayed:>6}  S:{sent:>6}";
const TOTAL: &str =
    "                                Total:  C:{connections:>4}  A:{active:>7}  D:{delayed:>6}  S:{sent:>7}";

/// What waits, and what was sent since the queues were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub connections: u64,
    pub active: u64,
    pub delayed: u64,
    pub sent: u64,
}

impl Depth {
    pub fn add(&mut self, other: Depth) {
        self.connections += other.connections;
        self.active += other.active;
        self.delayed += other.delayed;
        self.sent += other.sent;
    }

    pub fn record(self) -> Record {
        let Depth { connections, active, delayed, sent } = self;
        record! { connections: connections, active: active, delayed: delayed, sent: sent }
    }
}

/// What one shard has: rows by domain, and the sum of all, those without a row too.
#[derive(Debug, Default)]
pub struct Depths {
    rows: BTreeMap<Box<str>, Depth>,
    total: Depth,
    left_out: u64,
}

impl Depths {
    pub async fn gather<W: World>(shard: &Rc<Shard<W>>, selection: &Selection) -> Depths {
        let mut depths = Depths::default();
        walk(shard, |queue| {
            if selection.covers(queue.binding, queue.domain) {
                let depth = Depth {
                    connections: queue.connections.into(),
                    active: queue.active as u64,
                    delayed: queue.delayed as u64,
                    sent: queue.delivered,
                };
                depths.put(queue.domain, depth);
            }
        })
        .await;
        depths
    }

    fn put(&mut self, domain: &str, depth: Depth) {
        self.total.add(depth);
        let is_full = self.rows.len() >= DOMAINS_SHOWN;
        match self.rows.get_mut(domain) {
            Some(known) => known.add(depth),
            None if is_full => self.left_out += 1,
            None => drop(self.rows.insert(domain.into(), depth)),
        }
    }
}

/// Rows of those for which `shown` holds, then the sum of all.
pub fn document(parts: Vec<Depths>, shown: impl Fn(&Depth) -> bool + 'static) -> Document {
    let total = total(&parts).record();
    rows_in(Document::new(), parts, shown).record("total", TOTAL, total)
}

/// As `domain all` shows it.
pub fn summary(parts: Vec<Depths>) -> Document {
    const TOTALS: &str = "Totals: C:{connections:>4}  A:{active:>7}  D:{delayed:>6}  S:{sent:>6}";
    let total = total(&parts).record();
    rows_in(Document::new().text("Domain summary:"), parts, |_| true).record("total", TOTALS, total)
}

fn total(parts: &[Depths]) -> Depth {
    let mut total = Depth::default();
    parts.iter().for_each(|part| total.add(part.total));
    total
}

fn rows_in(document: Document, parts: Vec<Depths>, shown: impl Fn(&Depth) -> bool + 'static) -> Document {
    let left_out: u64 = parts.iter().map(|part| part.left_out).sum();
    let sums = Sums(parts.into_iter().map(|part| part.rows.into_iter().peekable()).collect());
    let rows = sums.map(move |(domain, depth)| {
        let Depth { connections, active, delayed, sent } = depth;
        shown(&depth).then(|| {
            record! { domain: domain, connections: connections, active: active, delayed: delayed, sent: sent }
        })
    });
    let document = document.chosen_rows("domains", ROW, rows);
    match left_out {
        0 => document,
        _ => document.say(format!("{left_out} queues of further domains are in the totals only")),
    }
}

/// The rows of all shards in the order of their domains, equal ones as one.
struct Sums(Vec<Peekable<btree_map::IntoIter<Box<str>, Depth>>>);

impl Iterator for Sums {
    type Item = (Box<str>, Depth);

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.0.iter_mut().filter_map(|rows| rows.peek().map(|row| &row.0)).min()?.clone();
        let mut sum = Depth::default();
        for rows in &mut self.0 {
            sum.add(rows.next_if(|row| row.0 == first).map_or_else(Depth::default, |row| row.1));
        }
        Some((first, sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use console::Format;

    fn depths(rows: &[(&str, u64, u64, u64, u64)]) -> Depths {
        let mut depths = Depths::default();
        for (domain, connections, active, delayed, sent) in rows {
            let [connections, active, delayed, sent] = [*connections, *active, *delayed, *sent];
            depths.put(domain, Depth { connections, active, delayed, sent });
        }
        depths
    }

    #[test]
    fn rows_and_totals_stand_in_the_documented_columns() {
        let sample = || {
            depths(&[
                ("alpha.example", 4, 210, 12, 9120),
                ("beta.example", 0, 133, 871, 402),
                ("small.example", 57, 4777, 8151, 764_578),
            ])
        };
        let text = document(vec![sample()], |depth| depth.active > 100 && depth.connections < 50);
        assert_eq!(
            text.to_text(Format::Text),
            "\
Domain:                  alpha.example  C:  4  A:    210  D:    12  S:  9120
Domain:                   beta.example  C:  0  A:    133  D:   871  S:   402
                                Total:  C:  61  A:   5120  D:  9034  S: 774100
"
        );
    }

    #[test]
    fn what_the_shards_have_is_added_up_by_domain() {
        let parts = vec![
            depths(&[("alpha.example", 4, 200, 8, 1), ("gamma.example", 0, 1, 0, 0)]),
            Depths::default(),
            depths(&[("alpha.example", 0, 10, 0, 0), ("beta.example", 1, 2, 3, 4)]),
        ];
        assert_eq!(
            summary(parts).to_text(Format::Text),
            "\
Domain summary:
Domain:                  alpha.example  C:  4  A:    210  D:     8  S:     1
Domain:                   beta.example  C:  1  A:      2  D:     3  S:     4
Domain:                  gamma.example  C:  0  A:      1  D:     0  S:     0
Totals: C:   5  A:    213  D:    11  S:     5
"
        );
    }

    #[test]
    fn the_queues_of_a_domain_are_one_row() {
        let depths = depths(&[("a.example", 1, 2, 3, 4), ("a.example", 1, 2, 3, 4)]);
        assert_eq!(depths.rows.len(), 1);
        assert_eq!(depths.total, Depth { connections: 2, active: 4, delayed: 6, sent: 8 });
    }
}
