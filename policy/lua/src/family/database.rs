//! `msys.db`: statements against a `Datasource`, on side threads; sqlite is the driver here.
//!
//! The law: a statement never runs on a shard, and what it answers is bounded.

use crate::call::{Call, Pending};
use crate::function::{Body, Definition, Family, Waiting, nothing};
use crate::value::{Text, number};
use mlua::{Error, FromLuaMulti, Lua, MultiValue, Table, Value};
use policy_api::{Job, Pool};
use rusqlite::types::{ToSqlOutput, Value as Cell, ValueRef};
use rusqlite::{Connection, OpenFlags, Statement};
use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

const fn later(name: &'static str, signature: &'static str, doc: &'static str, body: Waiting) -> Definition {
    Definition { name, signature, tier: 1, doc, body: Body::Later(body) }
}

pub static FAMILY: Family = Family {
    name: "database",
    definitions: &[
        later(
            "msys.db.query",
            "msys.db.query(datasource, query, [parameters], [{raise_error=true}])",
            "An iterator over the rows, each a table by column.",
            query,
        ),
        later(
            "msys.db.fetch_row",
            "msys.db.fetch_row(datasource, query, [parameters], [{raise_error=true}])",
            "The first row, or nil.",
            fetch_row,
        ),
        later(
            "msys.db.execute",
            "msys.db.execute(datasource, query, [parameters], [{raise_error=true}])",
            "Runs a statement that answers no rows.",
            execute,
        ),
    ],
    set_up: nothing,
};

/// Of one answer.
const MOST_ROWS: usize = 10_000;
const MOST_OCTETS: usize = 8 << 20;
/// A statement that runs longer is interrupted.
const LONGEST: Duration = Duration::from_secs(10);
/// Databases that one side thread keeps open.
const KEPT: usize = 8;

/// What is asked of the side thread.
struct Question {
    path: String,
    query: String,
    parameters: Parameters,
    rows: usize,
}

enum Parameters {
    Ordered(Vec<Cell>),
    Named(Vec<(String, Cell)>),
}

struct Answer {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

thread_local! {
    /// Open databases of a side thread, the last used at the end.
    static OPEN: RefCell<Vec<(String, Connection)>> = const { RefCell::new(Vec::new()) };
}

fn ask(question: Question) -> Result<Answer, String> {
    OPEN.with_borrow_mut(|open| {
        let connection = match open.iter().position(|(path, _)| *path == question.path) {
            Some(at) => open.remove(at).1,
            None => connect(&question.path)?,
        };
        let answer = run(&connection, &question).map_err(|error| error.to_string());
        if open.len() >= KEPT {
            open.remove(0);
        }
        open.push((question.path, connection));
        answer
    })
}

fn connect(path: &str) -> Result<Connection, String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags);
    let connection = opened.map_err(|error| format!("{path}: {error}"))?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(|error| error.to_string())?;
    Ok(connection)
}

fn run(connection: &Connection, question: &Question) -> rusqlite::Result<Answer> {
    let deadline = Instant::now() + LONGEST;
    connection.progress_handler(10_000, Some(move || Instant::now() > deadline));
    let mut statement = connection.prepare_cached(&question.query)?;
    bind(&mut statement, &question.parameters)?;
    let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut answer = Answer { columns, rows: Vec::new() };
    if answer.columns.is_empty() {
        statement.raw_execute()?;
        return Ok(answer);
    }
    let (mut rows, mut octets) = (statement.raw_query(), 0);
    while let Some(row) = rows.next()? {
        let cells: Vec<Cell> =
            (0..answer.columns.len()).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?;
        octets += cells.iter().map(weight).sum::<usize>();
        answer.rows.push(cells);
        if answer.rows.len() >= question.rows || octets > MOST_OCTETS {
            break;
        }
    }
    Ok(answer)
}

fn weight(cell: &Cell) -> usize {
    16 + match cell {
        Cell::Text(text) => text.len(),
        Cell::Blob(octets) => octets.len(),
        _ => 0,
    }
}

fn bind(statement: &mut Statement<'_>, parameters: &Parameters) -> rusqlite::Result<()> {
    match parameters {
        Parameters::Ordered(cells) => {
            for (at, cell) in cells.iter().enumerate() {
                statement.raw_bind_parameter(at + 1, cell)?;
            }
        }
        Parameters::Named(cells) => {
            for (name, cell) in cells {
                // What the statement does not use is no error: sites pass the same table to several.
                if let Some(at) = statement.parameter_index(&format!(":{name}"))? {
                    let value = ToSqlOutput::Borrowed(ValueRef::from(cell));
                    statement.raw_bind_parameter(at, value)?;
                }
            }
        }
    }
    Ok(())
}

fn cell(value: Value, lua: &Lua) -> mlua::Result<Cell> {
    Ok(match value {
        Value::Nil => Cell::Null,
        Value::Boolean(truth) => Cell::Integer(i64::from(truth)),
        Value::Integer(_) | Value::Number(_) => {
            let number = number(&value).unwrap_or_default();
            if number.fract() == 0.0 && number.abs() < 9e15 {
                Cell::Integer(number as i64)
            } else {
                Cell::Real(number)
            }
        }
        other => Cell::Text(Text::from_lua_multi(MultiValue::from_iter([other]), lua)?.0),
    })
}

fn parameters(table: Option<Table>, lua: &Lua) -> mlua::Result<Parameters> {
    let Some(table) = table else { return Ok(Parameters::Ordered(Vec::new())) };
    if table.raw_len() > 0 {
        let cells = table.sequence_values::<Value>().map(|value| cell(value?, lua));
        return Ok(Parameters::Ordered(cells.collect::<mlua::Result<_>>()?));
    }
    let named = table.pairs::<Text, Value>().map(|pair| {
        let (name, value) = pair?;
        Ok((name.0, cell(value, lua)?))
    });
    Ok(Parameters::Named(named.collect::<mlua::Result<_>>()?))
}

/// The file of a datasource: the first URI of its `uri`.
fn path(call: &Call, name: &str) -> mlua::Result<String> {
    let uri = call.host.option(&[("datasource", name)], "uri");
    let uri = uri.ok_or_else(|| Error::runtime(format!("there is no Datasource \"{name}\" with a uri")))?;
    let first = uri.trim_matches(['(', ')', ' ', '"']).split(['"', ' ', ',']).next().unwrap_or_default();
    match first.split_once(':') {
        Some(("sqlite", path)) => Ok(path.to_owned()),
        Some((driver, _)) => Err(Error::runtime(format!(
            "Datasource \"{name}\": the driver {driver} is not available here, use sqlite"
        ))),
        None => Err(Error::runtime(format!("Datasource \"{name}\": '{first}' is no URI"))),
    }
}

type Shape = fn(&Lua, Answer) -> mlua::Result<Value>;

fn start(
    lua: &Lua,
    call: &Rc<Call>,
    arguments: MultiValue,
    most: usize,
    shape: Shape,
) -> mlua::Result<Pending> {
    let (name, text, given, options) =
        <(Text, Text, Option<Table>, Option<Table>)>::from_lua_multi(arguments, lua)?;
    let raises =
        options.map_or(Ok(None), |options| options.get::<Option<bool>>("raise_error"))?.unwrap_or(true);
    let path = path(call, &name.0)?;
    let limit = call.host.option(&[("datasource", &name.0)], "max_rows").and_then(|text| text.parse().ok());
    let rows = most.min(limit.unwrap_or(MOST_ROWS)).min(MOST_ROWS);
    let question = Question { path, query: text.0, parameters: parameters(given, lua)?, rows };
    let job: Job = Box::new(move || -> Box<dyn Any + Send> { Box::new(ask(question)) });
    let (lua, work) = (lua.clone(), call.host.work(Pool::Io, job));
    Ok(Box::pin(async move {
        let done = work.await.map_err(|fault| fault.to_string());
        let answer = done.and_then(|done| match done.downcast::<Result<Answer, String>>() {
            Ok(answer) => *answer,
            Err(_) => Err("the side thread has answered something else".to_owned()),
        });
        match answer {
            Ok(answer) => Ok(MultiValue::from_iter([shape(&lua, answer)?])),
            Err(text) if raises => Err(Error::runtime(format!("{}: {text}", name.0))),
            Err(text) => Ok(MultiValue::from_iter([Value::Nil, Value::String(lua.create_string(&text)?)])),
        }
    }))
}

fn row(lua: &Lua, columns: &[String], cells: Vec<Cell>) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (at, (name, cell)) in columns.iter().zip(cells).enumerate() {
        let value = match cell {
            Cell::Null => Value::Nil,
            Cell::Integer(number) => Value::Number(number as f64),
            Cell::Real(number) => Value::Number(number),
            Cell::Text(text) => Value::String(lua.create_string(&text)?),
            Cell::Blob(octets) => Value::String(lua.create_string(&octets)?),
        };
        if name.is_empty() { table.raw_set(at + 1, value)? } else { table.raw_set(name.as_str(), value)? }
    }
    Ok(table)
}

fn query(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    start(lua, call, arguments, MOST_ROWS, |lua, answer| {
        let (columns, mut rows) = (answer.columns, answer.rows.into_iter());
        let next = lua.create_function_mut(move |lua, _: MultiValue| {
            rows.next().map(|cells| row(lua, &columns, cells)).transpose()
        })?;
        Ok(Value::Function(next))
    })
}

fn fetch_row(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    start(lua, call, arguments, 1, |lua, answer| {
        let Answer { columns, rows } = answer;
        let first = rows.into_iter().next().map(|cells| row(lua, &columns, cells)).transpose()?;
        Ok(first.map_or(Value::Nil, Value::Table))
    })
}

fn execute(lua: &Lua, call: &Rc<Call>, arguments: MultiValue) -> mlua::Result<Pending> {
    start(lua, call, arguments, 0, |_, _| Ok(Value::Boolean(true)))
}
