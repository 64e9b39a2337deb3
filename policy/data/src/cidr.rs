//! Tables of address blocks by name (spec module-details.md, cidrdb): who defines them, asks them, has them read anew.
//!
//! The law: tables are read and built on side threads; while one is read anew, the old one answers.

mod blocks;
mod definition;
mod rbldnsd;

pub use definition::{Column, Definition, Origin, Want};

use crate::pending::Pending;
use crate::{DataFault, Datasources, Parameters, Rows};
use blocks::{Blocks, Builder, Mark};
use ipnet::IpNet;
use mail::Time;
use policy_api::{Host, Later, Level, Pool, Services};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::future::ready;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// What a table says of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub is_listed: bool,
    /// The value of the block, or the table's default value for those who are not listed.
    pub value: Option<String>,
}

/// The tables of one generation on one shard: scripts define them, scripts and the console ask.
#[derive(Clone, Default)]
pub struct CidrTables(Rc<Inner>);

#[derive(Default)]
struct Inner {
    sources: Datasources,
    tables: RefCell<BTreeMap<Box<str>, Rc<Table>>>,
}

const NAME: &str = "cidrdb";
/// Octets of a file.
const MOST_OCTETS: u64 = 256 << 20;
/// Until a table that could not be read is tried again.
const PENANCE: Duration = Duration::from_secs(15);

impl CidrTables {
    /// Those of the generation, made when first asked for.
    pub fn of(services: &Services) -> CidrTables {
        if let Some(found) = services.find::<CidrTables>(NAME) {
            return (*found).clone();
        }
        let inner = Inner { sources: Datasources::of(services), tables: RefCell::default() };
        let made = CidrTables(Rc::new(inner));
        services.offer(NAME, made.clone());
        made
    }

    /// Replaces a table of that name, unless it is defined so already. It is read when it is first asked.
    pub fn define(&self, name: &str, definition: Definition) {
        if self.0.tables.borrow().get(name).is_some_and(|table| table.definition == definition) {
            return;
        }
        self.0.tables.borrow_mut().insert(name.into(), Rc::new(Table::new(name, definition)));
    }

    pub fn query(
        &self,
        host: &Rc<dyn Host>,
        name: &str,
        address: IpAddr,
    ) -> Later<Result<Listing, DataFault>> {
        let Some(table) = self.0.tables.borrow().get(name).cloned() else { return unknown(name) };
        let (host, sources) = (host.clone(), self.0.sources.clone());
        Box::pin(async move {
            let blocks = table.blocks(&host, &sources).await?;
            Ok(table.listing(&blocks, address))
        })
    }

    pub fn is_defined(&self, name: &str) -> bool {
        self.0.tables.borrow().contains_key(name)
    }

    pub fn len(&self) -> usize {
        self.0.tables.borrow().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads a table anew; whoever asks meanwhile gets the old one's answer.
    pub fn reload(&self, host: &Rc<dyn Host>, name: &str) -> Later<Result<(), DataFault>> {
        let Some(table) = self.0.tables.borrow().get(name).cloned() else { return unknown(name) };
        let (host, sources) = (host.clone(), self.0.sources.clone());
        Box::pin(async move { table.load(&host, &sources).await.map(|_| ()) })
    }

    /// Names, and the time until each is read anew; none for those that are not.
    pub fn list(&self, now: Time) -> Vec<(String, Option<Duration>)> {
        let tables = self.0.tables.borrow();
        let left = |table: &Table| {
            let refreshes = table.definition.refresh > Duration::ZERO;
            refreshes.then(|| table.due.get().map_or(Duration::ZERO, |due| due.since(now)))
        };
        tables.iter().map(|(name, table)| (name.to_string(), left(table))).collect()
    }
}

fn unknown<T: 'static>(name: &str) -> Later<Result<T, DataFault>> {
    Box::pin(ready(Err(DataFault::NoTable(name.into()))))
}

type Loaded = Result<Rc<Blocks>, DataFault>;

struct Table {
    name: Rc<[u8]>,
    definition: Definition,
    blocks: RefCell<Option<Rc<Blocks>>>,
    /// When it is to be read anew; none before the first time.
    due: Cell<Option<Time>>,
    /// Why the last reading failed.
    fault: RefCell<Option<DataFault>>,
    pending: Pending<Loaded>,
}

impl Table {
    fn new(name: &str, definition: Definition) -> Self {
        Table {
            name: name.as_bytes().into(),
            definition,
            blocks: RefCell::default(),
            due: Cell::new(None),
            fault: RefCell::default(),
            pending: Pending::default(),
        }
    }

    fn listing(&self, blocks: &Blocks, address: IpAddr) -> Listing {
        let found = blocks.find(address);
        let value = match found {
            Some(Mark::Value(text)) => Some(&**text),
            Some(_) => None,
            None => self.definition.default_value.as_deref(),
        };
        let filled = |text: &str| match self.definition.interpolate {
            true => text.replace('$', &address.to_canonical().to_string()),
            false => text.to_owned(),
        };
        Listing { is_listed: found.is_some(), value: value.map(filled) }
    }

    /// The blocks that hold now.
    async fn blocks(&self, host: &Rc<dyn Host>, sources: &Datasources) -> Loaded {
        let current = self.blocks.borrow().clone();
        let is_due = self.due.get().is_none_or(|due| due <= host.now());
        match (current, self.pending.of(&self.name)) {
            (Some(blocks), None) if !is_due => Ok(blocks),
            (Some(blocks), Some(_)) => Ok(blocks),
            (Some(blocks), None) => Ok(self.load(host, sources).await.unwrap_or(blocks)),
            (None, _) => {
                let fault = self.fault.borrow().clone().filter(|_| !is_due);
                match fault {
                    Some(fault) => Err(fault),
                    None => self.load(host, sources).await,
                }
            }
        }
    }

    /// Reads it, or waits for the one who does.
    async fn load(&self, host: &Rc<dyn Host>, sources: &Datasources) -> Loaded {
        while let Some(asked) = self.pending.of(&self.name) {
            if let Some(answer) = asked.answer().await {
                return answer;
            }
        }
        let asking = self.pending.begin(&self.name);
        let answer = self.read(host, sources).await.map(Rc::new);
        match &answer {
            Ok(blocks) => {
                self.blocks.replace(Some(blocks.clone()));
                self.fault.take();
                let refreshes = self.definition.refresh > Duration::ZERO;
                let next = if refreshes { host.now() + self.definition.refresh } else { Time::NEVER };
                self.due.set(Some(next));
            }
            Err(fault) => {
                self.say(host, &fault.to_string());
                self.fault.replace(Some(fault.clone()));
                self.due.set(Some(host.now() + PENANCE));
            }
        }
        asking.answered(&answer);
        answer
    }

    async fn read(&self, host: &Rc<dyn Host>, sources: &Datasources) -> Result<Blocks, DataFault> {
        let (built, remark) = match &self.definition.origin {
            Origin::Empty => (Blocks::default(), None),
            Origin::Rbldnsd { path, want } => {
                let (path, want) = (path.to_string(), *want);
                aside(host, Pool::Io, move || from_file(&path, want)).await?
            }
            Origin::Datasource { name, query, blocks, values } => {
                let source = sources.named(name).ok_or_else(|| DataFault::Unknown(name.clone()))?;
                let rows = source.all(host, query, Parameters::NONE).await?;
                let (blocks, values) = (blocks.clone(), values.clone());
                aside(host, Pool::Cpu, move || from_rows(rows, &blocks, values.as_ref())).await?
            }
        };
        if let Some(remark) = remark {
            self.say(host, &remark);
        }
        Ok(built)
    }

    fn say(&self, host: &Rc<dyn Host>, text: &str) {
        let name = String::from_utf8_lossy(&self.name);
        host.report(Level::Error, &format!("cidrdb: {name}: {text}"));
    }
}

/// Blocks, and what was wrong with some of them.
type Built = Result<(Blocks, Option<String>), DataFault>;

async fn aside(host: &Rc<dyn Host>, pool: Pool, job: impl FnOnce() -> Built + Send + 'static) -> Built {
    let job = Box::new(move || -> Box<dyn Any + Send> { Box::new(job()) });
    match host.work(pool, job).await.map_err(DataFault::Work)?.downcast::<Built>() {
        Ok(built) => *built,
        Err(_) => Err(DataFault::Failed("the side thread has answered something else".into())),
    }
}

fn from_file(path: &str, want: Want) -> Built {
    let unreachable = |text: &str| DataFault::Unreachable(format!("{path}: {text}").into());
    let known = fs::metadata(path).map_err(|error| unreachable(&error.to_string()))?;
    if known.len() > MOST_OCTETS {
        return Err(unreachable("larger than 256 MiB"));
    }
    let octets = fs::read(path).map_err(|error| unreachable(&error.to_string()))?;
    let mut builder = Builder::default();
    let remarks = rbldnsd::read(&String::from_utf8_lossy(&octets), want, &mut builder);
    if remarks.is_full {
        return Err(DataFault::TooLarge);
    }
    let remark = remarks.first.map(|(line, why)| {
        format!("{path}:{line}: {why} ({} lines like it are left out in all)", remarks.lines)
    });
    Ok((builder.build(), remark))
}

fn from_rows(rows: Rows, blocks: &Column, values: Option<&Column>) -> Built {
    let number = |column: &Column| match column {
        Column::Number(number) if *number < rows.columns.len() => Ok(*number),
        Column::Number(number) => {
            Err(DataFault::Failed(format!("the query has no column {}", number + 1).into()))
        }
        Column::Name(name) => {
            let missing = || DataFault::Failed(format!("the query has no column '{name}'").into());
            rows.column(name).ok_or_else(missing)
        }
    };
    let (block_at, value_at) = (number(blocks)?, values.map(number).transpose()?);
    let (mut builder, mut wrong, mut first) = (Builder::default(), 0, None);
    for row in &rows.rows {
        let text = row.get(block_at).and_then(crate::Cell::text).unwrap_or_default();
        let Some(block) = block_of(text.trim()) else {
            wrong += 1;
            first.get_or_insert_with(|| text.into_owned());
            continue;
        };
        let value = value_at.and_then(|at| row.get(at)?.text());
        let mark = value.map_or(Mark::Listed, |text| Mark::Value(text.into()));
        if !builder.add(block, mark) {
            return Err(DataFault::TooLarge);
        }
    }
    let remark = first.map(|text| {
        format!("'{}' is no address or block ({wrong} rows like it are left out in all)", text.escape_debug())
    });
    Ok((builder.build(), remark))
}

fn block_of(text: &str) -> Option<IpNet> {
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    net.map(|net| net.trunc())
}

#[cfg(test)]
mod tests;
