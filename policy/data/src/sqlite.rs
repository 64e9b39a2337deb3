//! The driver `sqlite:`. All of it runs on side threads.
//!
//! The law: a statement has a time after which it is interrupted, and its answer a size.

use crate::{Cell, DataFault, Parameters, Question, Rows};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Error, OpenFlags, Statement};
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// Of one answer.
const MOST_ROWS: usize = 1_000_000;
const MOST_OCTETS: usize = 64 << 20;
/// A statement that runs longer is interrupted.
const LONGEST: Duration = Duration::from_secs(10);
/// How long it waits for another process's lock.
const PATIENCE: Duration = Duration::from_secs(5);
/// Databases that one side thread keeps open.
const KEPT: usize = 8;

thread_local! {
    /// Open databases of a side thread, the last used at the end.
    static OPEN: RefCell<Vec<(Box<str>, Connection)>> = const { RefCell::new(Vec::new()) };
}

/// Asks a database that exists. Blocks: not for a shard.
pub fn ask(path: &str, question: &Question) -> Result<Rows, DataFault> {
    with(path, false, |connection| run(connection, question))
}

/// The same with a database that is made if there is none.
pub fn ask_or_make(path: &str, question: &Question) -> Result<Rows, DataFault> {
    with(path, true, |connection| run(connection, question))
}

fn with(
    path: &str,
    make: bool,
    ask: impl FnOnce(&Connection) -> Result<Rows, DataFault>,
) -> Result<Rows, DataFault> {
    OPEN.with_borrow_mut(|open| {
        let connection = match open.iter().position(|(known, _)| **known == *path) {
            Some(at) => open.remove(at).1,
            None => connect(path, make)
                .map_err(|error| DataFault::Unreachable(format!("{path}: {error}").into()))?,
        };
        let answer = ask(&connection);
        if open.len() >= KEPT {
            open.remove(0);
        }
        open.push((path.into(), connection));
        answer
    })
}

fn connect(path: &str, make: bool) -> rusqlite::Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, make);
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

fn run(connection: &Connection, question: &Question) -> Result<Rows, DataFault> {
    let deadline = Instant::now() + LONGEST;
    connection.progress_handler(10_000, Some(move || Instant::now() > deadline));
    rows(connection, question).map_err(|error| match error {
        Stop::Database(Error::SqliteFailure(failure, _))
            if failure.code == rusqlite::ErrorCode::OperationInterrupted =>
        {
            DataFault::Failed(format!("the query was interrupted after {} s", LONGEST.as_secs()).into())
        }
        Stop::Database(error) => DataFault::Failed(error.to_string().into()),
        Stop::TooLarge => DataFault::TooLarge,
    })
}

enum Stop {
    Database(Error),
    TooLarge,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Database(error)
    }
}

fn rows(connection: &Connection, question: &Question) -> Result<Rows, Stop> {
    let mut statement = connection.prepare_cached(&question.query)?;
    bind(&mut statement, &question.parameters)?;
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut answer = Rows { columns, rows: Vec::new() };
    if answer.columns.is_empty() {
        statement.raw_execute()?;
        return Ok(answer);
    }
    let (mut rows, mut octets) = (statement.raw_query(), 0);
    while let Some(row) = rows.next()? {
        if question.rows.is_some_and(|most| answer.rows.len() >= most) {
            break;
        }
        let mut cells = Vec::with_capacity(answer.columns.len());
        for at in 0..answer.columns.len() {
            let cell = cell(row.get_ref(at)?, &question.charset);
            octets += cell.weight();
            cells.push(cell);
        }
        answer.rows.push(cells);
        if answer.rows.len() > MOST_ROWS || octets > MOST_OCTETS {
            return Err(Stop::TooLarge);
        }
    }
    Ok(answer)
}

fn cell(value: ValueRef<'_>, charset: &str) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(octets) => Cell::Text(match std::str::from_utf8(octets) {
            Ok(text) => text.to_owned(),
            Err(_) => content::charset::decode(octets, charset),
        }),
        ValueRef::Blob(octets) => Cell::Octets(octets.to_vec()),
    }
}

fn value(cell: &Cell) -> ToSqlOutput<'_> {
    match cell {
        Cell::Null => ToSqlOutput::Owned(Value::Null),
        Cell::Integer(number) => ToSqlOutput::Owned(Value::Integer(*number)),
        Cell::Real(number) => ToSqlOutput::Owned(Value::Real(*number)),
        Cell::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        Cell::Octets(octets) => ToSqlOutput::Borrowed(ValueRef::Blob(octets)),
    }
}

fn bind(statement: &mut Statement<'_>, parameters: &Parameters) -> rusqlite::Result<()> {
    // A statement that is used again still has the values of the last time.
    statement.clear_bindings();
    match parameters {
        Parameters::Ordered(cells) => {
            for (at, cell) in cells.iter().enumerate() {
                statement.raw_bind_parameter(at + 1, value(cell))?;
            }
        }
        Parameters::Named(cells) => {
            for (name, cell) in cells {
                for mark in [':', '$'] {
                    if let Some(at) = statement.parameter_index(&format!("{mark}{name}"))? {
                        statement.raw_bind_parameter(at, value(cell))?;
                    }
                }
            }
        }
    }
    Ok(())
}
