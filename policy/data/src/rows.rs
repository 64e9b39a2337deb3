//! Questions and answers in the words of databases: cells, rows, parameters, faults.

use policy_api::WorkFault;
use std::borrow::Cow;
use std::fmt;

/// One value of a database.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Octets(Vec<u8>),
}

impl Cell {
    /// None for NULL; octets that are no UTF-8 are replaced.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Cell::Null => None,
            Cell::Integer(number) => Some(number.to_string().into()),
            Cell::Real(number) => Some(number.to_string().into()),
            Cell::Text(text) => Some(text.into()),
            Cell::Octets(octets) => Some(String::from_utf8_lossy(octets)),
        }
    }

    /// Anything but NULL, zero, an empty text and `false`.
    pub fn is_true(&self) -> bool {
        match self {
            Cell::Null => false,
            Cell::Integer(number) => *number != 0,
            Cell::Real(number) => *number != 0.0,
            Cell::Text(text) => {
                let text = text.trim();
                !matches!(text, "" | "f") && !text.eq_ignore_ascii_case("false") && text.parse() != Ok(0.0)
            }
            Cell::Octets(octets) => !octets.is_empty(),
        }
    }

    /// Octets that it takes in memory, about.
    pub fn weight(&self) -> usize {
        32 + match self {
            Cell::Text(text) => text.len(),
            Cell::Octets(octets) => octets.len(),
            _ => 0,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Cell::Integer(number)
    }
}

/// What stands for the placeholders of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameters {
    /// For `?`, in order.
    Ordered(Vec<Cell>),
    /// For `:name` and `$name`; what a query does not use is no error.
    Named(Vec<(String, Cell)>),
}

impl Parameters {
    pub const NONE: Parameters = Parameters::Ordered(Vec::new());

    pub fn named<'a>(pairs: impl IntoIterator<Item = (&'a str, Cell)>) -> Self {
        Parameters::Named(pairs.into_iter().map(|(name, cell)| (name.to_owned(), cell)).collect())
    }

    /// Under which the answer to a query is remembered: no two questions have the same.
    pub(crate) fn key(&self, query: &str) -> Box<[u8]> {
        let mut key = Vec::with_capacity(query.len() + 32);
        let mut add = |mark: u8, octets: &[u8]| {
            key.push(mark);
            key.extend_from_slice(&octets.len().to_le_bytes());
            key.extend_from_slice(octets);
        };
        let mut add_cell = |cell: &Cell| match cell {
            Cell::Null => add(b'n', b""),
            Cell::Integer(number) => add(b'i', &number.to_le_bytes()),
            Cell::Real(number) => add(b'r', &number.to_bits().to_le_bytes()),
            Cell::Text(text) => add(b't', text.as_bytes()),
            Cell::Octets(octets) => add(b'o', octets),
        };
        match self {
            Parameters::Ordered(cells) => cells.iter().for_each(&mut add_cell),
            Parameters::Named(pairs) => {
                // A script's table has no order.
                let mut pairs: Vec<_> = pairs.iter().collect();
                pairs.sort_by(|a, b| a.0.cmp(&b.0));
                for (name, cell) in pairs {
                    add_cell(&Cell::Octets(name.as_bytes().to_vec()));
                    add_cell(cell);
                }
            }
        }
        add(b'q', query.as_bytes());
        key.into()
    }
}

/// An answer: as many cells in each row as there are columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Names, in the case of the database; a column may have none.
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

impl Rows {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The number of a column, by its name in any case.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.eq_ignore_ascii_case(name))
    }

    /// The first cell of the first row.
    pub fn first(&self) -> Option<&Cell> {
        self.rows.first()?.first()
    }

    /// The cells of one column, from the top.
    pub fn cells(&self, column: usize) -> impl Iterator<Item = &Cell> {
        self.rows.iter().filter_map(move |row| row.get(column))
    }

    pub fn weight(&self) -> usize {
        let columns = self.columns.iter().map(|name| 32 + name.len()).sum::<usize>();
        columns + self.rows.iter().map(|row| 32 + row.iter().map(Cell::weight).sum::<usize>()).sum::<usize>()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataFault {
    /// No stanza has that name.
    Unknown(Box<str>),
    /// Nobody has defined that table of blocks.
    NoTable(Box<str>),
    /// The URI names a driver that is not here, or is none.
    Driver(Box<str>),
    /// It cannot be opened; another URI may do.
    Unreachable(Box<str>),
    /// The database says what is wrong with the query, or with itself.
    Failed(Box<str>),
    /// More rows or octets than an answer may have.
    TooLarge,
    /// The side threads did not do it.
    Work(WorkFault),
}

impl fmt::Display for DataFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DataFault::Unknown(name) => write!(f, "there is no Datasource \"{name}\" with a uri"),
            DataFault::NoTable(name) => write!(f, "there is no CIDR list \"{name}\""),
            DataFault::Driver(text) | DataFault::Unreachable(text) | DataFault::Failed(text) => {
                f.write_str(text)
            }
            DataFault::TooLarge => {
                f.write_str("the answer is too large; expected at most 1000000 rows and 64 MiB")
            }
            DataFault::Work(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for DataFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_questions_have_different_keys() {
        let ordered = |cells: &[Cell]| Parameters::Ordered(cells.to_vec());
        let one = |cell: Cell| Parameters::named([("a", cell)]);
        let questions = [
            (ordered(&[]), "q"),
            (ordered(&[]), "qq"),
            (ordered(&["ab".into(), "c".into()]), "q"),
            (ordered(&["a".into(), "bc".into()]), "q"),
            (ordered(&["1".into()]), "q"),
            (ordered(&[1.into()]), "q"),
            (ordered(&[Cell::Real(1.0)]), "q"),
            (ordered(&[Cell::Null]), "q"),
            (one("b".into()), "q"),
            (one("".into()), "q"),
        ];
        let mut keys: Vec<_> = questions.iter().map(|(parameters, query)| parameters.key(query)).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), questions.len());
        let forwards = Parameters::named([("a", 1.into()), ("b", 2.into())]);
        let backwards = Parameters::named([("b", 2.into()), ("a", 1.into())]);
        assert_eq!(forwards.key("q"), backwards.key("q"));
    }

    #[test]
    fn truth_is_what_databases_say_of_it() {
        let table: [(Cell, bool); 10] = [
            (Cell::Null, false),
            (0.into(), false),
            ((-1).into(), true),
            (Cell::Real(0.0), false),
            ("0".into(), false),
            ("".into(), false),
            ("False".into(), false),
            ("t".into(), true),
            ("1".into(), true),
            ("yes".into(), true),
        ];
        for (cell, expected) in table {
            assert_eq!(cell.is_true(), expected, "{cell:?}");
        }
    }
}
