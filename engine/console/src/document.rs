//! An answer: one description of the data, shown as the documented text or as JSON, piece by piece.
//!
//! The law: rows are made when they are shown, so an answer of a hundred thousand rows is never in memory as
//! text; the driver takes a piece, sends it, and lets others have their turn.

use crate::json;
use crate::layout::fill;
use crate::request::Format;
use crate::value::{Record, Value};
use std::fmt;

/// Octets of a piece, about: a hundred rows.
const PIECE: usize = 8 * 1024;
/// Rows that are looked at for a piece, at most: many may be left out.
const LOOKED_AT: usize = 512;

/// What a command answers. Made in the order in which the text shows it.
#[derive(Default)]
pub struct Document {
    items: Vec<Item>,
    /// What `say` said, for JSON.
    said: String,
}

type Rows = Box<dyn Iterator<Item = Option<Record>>>;

enum Item {
    /// Shown in text only.
    Text(String),
    Record {
        name: &'static str,
        layout: &'static str,
        record: Record,
    },
    Rows {
        name: &'static str,
        layout: &'static str,
        rows: Rows,
    },
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a document of {} items", self.items.len())
    }
}

impl Document {
    pub fn new() -> Document {
        Document::default()
    }

    /// A sentence: text, and the member `message` of JSON.
    pub fn said(line: impl Into<String>) -> Document {
        Document::new().say(line)
    }

    pub fn say(mut self, line: impl Into<String>) -> Document {
        let line = line.into();
        self.said.push_str(if self.said.is_empty() { "" } else { "\n" });
        self.said.push_str(&line);
        self.text(line)
    }

    /// Lines that only the text has: headings and rules.
    pub fn text(mut self, lines: impl Into<String>) -> Document {
        self.items.push(Item::Text(lines.into()));
        self
    }

    /// One record under a name of its own, or, if the name is empty, among the members of the answer.
    pub fn record(mut self, name: &'static str, layout: &'static str, record: Record) -> Document {
        self.items.push(Item::Record { name, layout, record });
        self
    }

    /// Records of one kind: an array of JSON. Names are unique within a document.
    pub fn rows(
        self,
        name: &'static str,
        layout: &'static str,
        rows: impl IntoIterator<Item = Record, IntoIter: 'static>,
    ) -> Document {
        self.chosen_rows(name, layout, rows.into_iter().map(Some))
    }

    /// As `rows`; None is a row that is looked at and not shown, so that looking at many takes turns too.
    pub fn chosen_rows(
        mut self,
        name: &'static str,
        layout: &'static str,
        rows: impl Iterator<Item = Option<Record>> + 'static,
    ) -> Document {
        self.items.push(Item::Rows { name, layout, rows: Box::new(rows) });
        self
    }

    /// A value that only JSON has.
    pub fn data(self, name: &'static str, value: impl Into<Value>) -> Document {
        self.record("", "", Record::new().with(name, value))
    }

    pub fn show(self, format: Format) -> Pieces {
        let items = self.items.into_iter();
        match format {
            Format::Text => Pieces { items, rows: None, json: None },
            Format::Json => {
                let said = (!self.said.is_empty()).then_some(self.said);
                Pieces { items, rows: None, json: Some(Json { stage: Stage::Opening, said }) }
            }
        }
    }

    /// All of it at once, for tests and small answers.
    pub fn to_text(self, format: Format) -> String {
        self.show(format).collect()
    }
}

/// The answer as it is sent, in pieces that each cost about the same; one may be empty.
pub struct Pieces {
    items: std::vec::IntoIter<Item>,
    rows: Option<(&'static str, Rows, bool)>,
    json: Option<Json>,
}

struct Json {
    stage: Stage,
    said: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    /// No member yet.
    First,
    Members,
    Closed,
}

impl Iterator for Pieces {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut out = String::new();
        for _ in 0..LOOKED_AT {
            if out.len() >= PIECE {
                break;
            }
            if !self.step(&mut out) {
                return (!out.is_empty()).then_some(out);
            }
        }
        Some(out)
    }
}

impl Pieces {
    /// Shows one row or one item; false when nothing is left.
    fn step(&mut self, out: &mut String) -> bool {
        if let Some((layout, rows, is_first)) = &mut self.rows {
            match (rows.next(), &self.json) {
                (Some(None), _) => {}
                (Some(Some(row)), None) => fill(layout, &row, out),
                (Some(Some(row)), Some(_)) => {
                    out.push_str(if std::mem::take(is_first) { "" } else { "," });
                    json::record(&row, out);
                }
                (None, json) => {
                    out.push_str(if json.is_some() { "]" } else { "" });
                    self.rows = None;
                }
            }
            return true;
        }
        if let Some(json) = &mut self.json {
            json.open(out);
        }
        match self.items.next() {
            Some(item) => self.show(item, out),
            None => return self.json.as_mut().is_some_and(|json| json.close(out)),
        }
        true
    }

    fn show(&mut self, item: Item, out: &mut String) {
        match (item, &mut self.json) {
            (Item::Text(text), None) => {
                out.push_str(&text);
                out.push_str(if text.ends_with('\n') || text.is_empty() { "" } else { "\n" });
            }
            (Item::Text(_), Some(_)) => {}
            (Item::Record { layout, record, .. }, None) => fill(layout, &record, out),
            (Item::Record { name: "", record, .. }, Some(json)) => {
                if !record.0.is_empty() {
                    json.separate(out);
                    json::members(&record, out);
                }
            }
            (Item::Record { name, record, .. }, Some(json)) => {
                json.separate(out);
                json::member(name, out);
                json::record(&record, out);
            }
            (Item::Rows { name, layout, rows }, json) => {
                if let Some(json) = json {
                    json.separate(out);
                    json::member(name, out);
                    out.push('[');
                }
                self.rows = Some((layout, rows, true));
            }
        }
    }
}

impl Json {
    fn open(&mut self, out: &mut String) {
        if self.stage == Stage::Opening {
            out.push('{');
            self.stage = Stage::First;
        }
    }

    fn separate(&mut self, out: &mut String) {
        out.push_str(if self.stage == Stage::Members { "," } else { "" });
        self.stage = Stage::Members;
    }

    /// False: it was closed before.
    fn close(&mut self, out: &mut String) -> bool {
        if self.stage == Stage::Closed {
            return false;
        }
        if let Some(said) = self.said.take() {
            self.separate(out);
            json::member("message", out);
            json::value(&Value::Text(said), out);
        }
        out.push_str("}\n");
        self.stage = Stage::Closed;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record;

    const ROW: &str = "Domain: {domain:>15}  A:{active:>3}";

    fn domains(count: u64) -> Document {
        let rows = (0..count).map(|active| record! { domain: format!("d{active}.example"), active: active });
        Document::new().text("Domain summary:").rows("domains", ROW, rows).record(
            "totals",
            "Totals: A:{active:>3}",
            record! { active: 3u64 },
        )
    }

    #[test]
    fn one_description_is_shown_as_text_and_as_json() {
        type Made = fn() -> Document;
        let cases: [(Made, &str, &str); 5] = [
            (
                || domains(2),
                "Domain summary:\nDomain:      d0.example  A:  0\nDomain:      d1.example  A:  1\nTotals: A:  3\n",
                "{\"domains\":[{\"domain\":\"d0.example\",\"active\":0},\
                 {\"domain\":\"d1.example\",\"active\":1}],\"totals\":{\"active\":3}}\n",
            ),
            (
                || domains(0),
                "Domain summary:\nTotals: A:  3\n",
                "{\"domains\":[],\"totals\":{\"active\":3}}\n",
            ),
            (Document::new, "", "{}\n"),
            (
                || Document::said("done").say("and \"dusted\"\u{7}"),
                "done\nand \"dusted\"\u{7}\n",
                "{\"message\":\"done\\nand \\\"dusted\\\"\\u0007\"}\n",
            ),
            (
                || {
                    let flushed = record! { name: "all", count: 3u64 };
                    Document::new()
                        .record("", "{name} flushed.  {count} messages.", flushed)
                        .data("extra", 1.5)
                },
                "all flushed.  3 messages.\n",
                "{\"name\":\"all\",\"count\":3,\"extra\":1.5}\n",
            ),
        ];
        for (make, text, json) in cases {
            assert_eq!(make().to_text(Format::Text), text);
            assert_eq!(make().to_text(Format::Json), json);
        }
    }

    #[test]
    fn a_long_answer_comes_in_pieces_and_its_rows_are_made_as_it_goes() {
        for format in [Format::Text, Format::Json] {
            let pieces: Vec<String> = domains(10_000).show(format).collect();
            assert!(pieces.len() > 10, "{} pieces", pieces.len());
            assert!(pieces.iter().all(|piece| piece.len() < PIECE + 200));
            assert_eq!(pieces.concat(), domains(10_000).to_text(format));
        }
    }

    #[test]
    fn looking_at_rows_that_are_not_shown_takes_turns_too() {
        let rows = (0..10_000u64).map(|n| (n == 9_999).then(|| record! { domain: "last", active: n }));
        let document = || Document::new().chosen_rows("domains", ROW, rows.clone());
        assert!(document().show(Format::Text).count() > 10_000 / LOOKED_AT);
        assert_eq!(document().to_text(Format::Text), "Domain:            last  A:9999\n");
    }
}
