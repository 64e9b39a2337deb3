//! Data sources and tables of address blocks (spec sieve.md §5.5): `data` asks and remembers, the script waits.

use super::network::{finish, may_wait};
use crate::fault::Fault;
use crate::machine::Call;
use crate::scene::Scene;
use crate::value::{Hash, Text, Value};
use crate::word::{Flow, Got, Kind, Parameter, Tags, Word, may, needs};
use data::cidr::{Definition, Listing};
use data::{Answering, Cell, CidrTables, DataFault, Datasources, Parameters, Rows};
use policy_api::Later;
use std::collections::BTreeMap;
use std::net::IpAddr;

const QUERY: [Parameter; 3] =
    [needs("cache", Kind::Text), needs("query", Kind::Text), may("parameters", Kind::Any)];
const TABLE: [Parameter; 1] = [needs("name", Kind::Text)];
const BY_ADDRESS: Tags = Tags { ip: true, ..Tags::NONE };

pub(super) static WORDS: &[Word] = &[
    Word::wait("ds_fetch", |call| fetch(call, first_row)).takes(&QUERY).doc(
        "The first row that a query of a Datasource finds, as a list. Parameters: a list for ?, a hash for :name. \
         The connection variable datasource_error says what went wrong.",
    ),
    Word::wait("ds_fetch_hash", |call| fetch(call, first_hash))
        .takes(&QUERY)
        .doc("The same as a hash of its columns."),
    Word::wait("ds_fetch_flat", |call| fetch(call, all_cells))
        .takes(&QUERY)
        .doc("All rows, one behind the other, as a list."),
    Word::wait("ds_execute", execute).takes(&QUERY).doc("A statement that finds no rows."),
    Word::action("define_cidr", define)
        .takes(&[
            needs("name or hash", Kind::Any),
            may("datasource", Kind::Text),
            may("query", Kind::Text),
            may("refresh", Kind::Number),
        ])
        .doc("Defines a table of address blocks; nothing changes if it is defined so."),
    Word::wait("query_cidr", query_table)
        .takes(&TABLE)
        .tagged(BY_ADDRESS)
        .doc("What a table says of the client, or another address: a value, or true or false."),
    Word::wait("reload_cidr", reload).takes(&TABLE).doc("Reads a table of address blocks anew."),
    Word::test("check_cidr", check_table)
        .takes(&TABLE)
        .tagged(BY_ADDRESS)
        .doc("Whether a table has the client, or another address; false for a table with values."),
];

/// Tables of one shard, which a script may name as it likes.
const MOST_TABLES: usize = 1000;

fn sources(call: &Call<'_, '_>) -> Datasources {
    Datasources::of(&call.scene.shared.services)
}

fn tables(call: &Call<'_, '_>) -> CidrTables {
    CidrTables::of(&call.scene.shared.services)
}

fn parameters(value: Option<&Value>) -> Parameters {
    let cell = |text: Text| Cell::Text(text.to_string());
    match value {
        None => Parameters::NONE,
        Some(Value::Hash(hash)) => Parameters::Named(
            hash.iter().map(|(name, value)| (name.to_string(), cell(value.text()))).collect(),
        ),
        Some(other) => Parameters::Ordered(other.texts().iter().cloned().map(cell).collect()),
    }
}

/// The variable that says what went wrong, gone after a success.
fn note(scene: &mut Scene<'_>, fault: Option<&DataFault>) {
    let variables = &mut scene.contexts.connection;
    match fault {
        Some(fault) => variables.set("datasource_error", &fault.to_string()),
        None => drop(variables.remove("datasource_error")),
    }
}

fn answered(answer: Answering, shape: fn(&Rows) -> Value) -> Got {
    Got::Later(Box::pin(async move {
        let answer = answer.await;
        finish(move |scene| {
            note(scene, answer.as_ref().err());
            Ok(shape(answer.as_deref().unwrap_or(&Rows::default())))
        })
    }))
}

fn fetch(call: &mut Call<'_, '_>, shape: fn(&Rows) -> Value) -> Result<Got, Fault> {
    may_wait(call)?;
    let (name, query) = (call.text(0), call.text(1));
    let answer = sources(call).query(call.scene.host, &name, &query, parameters(call.get(2)));
    Ok(answered(answer, shape))
}

fn execute(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    may_wait(call)?;
    let (name, query) = (call.text(0), call.text(1));
    let answer = sources(call).execute(call.scene.host, &name, &query, parameters(call.get(2)));
    Ok(answered(answer, |_| Value::default()))
}

fn text(cell: &Cell) -> Text {
    cell.text().unwrap_or_default().as_ref().into()
}

fn first_row(rows: &Rows) -> Value {
    rows.rows.first().into_iter().flatten().map(text).collect()
}

/// Columns of one name are one list.
fn first_hash(rows: &Rows) -> Value {
    let mut columns: BTreeMap<Text, Vec<Text>> = BTreeMap::new();
    for (name, cell) in rows.columns.iter().zip(rows.rows.first().into_iter().flatten()) {
        columns.entry(name.as_str().into()).or_default().push(text(cell));
    }
    let value = |mut texts: Vec<Text>| match texts.len() {
        1 => Value::Text(texts.remove(0)),
        _ => texts.into_iter().collect(),
    };
    Value::Hash(Hash::new(columns.into_iter().map(|(name, texts)| (name, value(texts))).collect()))
}

fn all_cells(rows: &Rows) -> Value {
    rows.rows.iter().flatten().map(text).collect()
}

fn define(call: &mut Call<'_, '_>) -> Result<Flow, Fault> {
    let (name, pairs) = match call.value(0) {
        Value::Hash(hash) => {
            let name = hash.get("cidrname").map_or_else(|| "".into(), Value::text);
            let mut pairs: Vec<_> = hash.iter().map(|(key, value)| (key.to_string(), value.text())).collect();
            if !hash.contains_key("dstype") {
                pairs.push(("dstype".into(), "dslayer".into()));
            }
            (name, pairs)
        }
        name => {
            let (Some(source), Some(query)) = (call.optional(1), call.optional(2)) else {
                return Err(Fault::new("a table needs a datasource and a query, or a hash"));
            };
            let mut pairs = vec![
                ("dstype".to_owned(), "dslayer".into()),
                ("cachename".into(), source),
                ("query".into(), query),
            ];
            pairs.extend(call.optional(3).map(|refresh| ("refresh".to_owned(), refresh)));
            (name.text(), pairs)
        }
    };
    if name.is_empty() {
        return Err(Fault::new("the table has no name"));
    }
    let pairs = pairs.iter().map(|(key, value)| (&**key, &**value));
    let definition = Definition::of(pairs).map_err(|fault| format!("table '{name}': {fault}"))?;
    let tables = tables(call);
    if !tables.is_defined(&name) && tables.len() >= MOST_TABLES {
        return Err(Fault::new(format!("there are more than {MOST_TABLES} tables of address blocks")));
    }
    tables.define(&name, definition);
    Ok(Flow::On)
}

/// Asks a table, and makes a value of what it says.
fn ask(call: &mut Call<'_, '_>, shape: fn(Listing) -> Value) -> Result<Got, Fault> {
    may_wait(call)?;
    let name = call.text(0);
    let address: IpAddr = match call.of_tag(call.form.ip).map(Value::text) {
        Some(text) => text.trim().parse().map_err(|_| Fault::new(format!("'{text}' is no IP address")))?,
        None => call.scene.client.peer.map(|peer| peer.ip()).ok_or("there is no client")?,
    };
    let listing: Later<Result<Listing, DataFault>> =
        tables(call).query(call.scene.host, &name, address.to_canonical());
    Ok(Got::Later(Box::pin(async move {
        let listing = listing.await;
        finish(move |_| listing.map(shape).map_err(|fault| Fault::new(fault.to_string())))
    })))
}

fn query_table(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    ask(call, |listing| listing.value.map_or(Value::from(listing.is_listed), Value::from))
}

fn check_table(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    ask(call, |listing| Value::from(listing.is_listed && listing.value.is_none()))
}

fn reload(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    may_wait(call)?;
    let name = call.text(0);
    let reloaded = tables(call).reload(call.scene.host, &name);
    Ok(Got::Later(Box::pin(async move {
        let reloaded = reloaded.await;
        finish(move |_| reloaded.map(|()| Value::default()).map_err(|fault| Fault::new(fault.to_string())))
    })))
}
