//! The rows of the jobs in an SQLite file.

use super::job::Job;
use data::{Cell, Parameters, Question, Rows, sqlite};
use policy_api::{Host, Pool, aside};
use std::rc::Rc;
use std::sync::Arc;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS jobs \
                     (id INTEGER PRIMARY KEY, next INTEGER NOT NULL, every INTEGER, command TEXT NOT NULL)";

/// The file; made if it is not there.
pub struct Store(pub Arc<str>);

impl Store {
    pub async fn load(&self, host: &Rc<dyn Host>) -> Result<Vec<Job>, String> {
        self.ask(host, TABLE, []).await?;
        let rows = self.ask(host, "SELECT id, next, every, command FROM jobs", []).await?;
        rows.rows.iter().map(|row| job(row).ok_or_else(|| format!("{}: {row:?} is no job", self.0))).collect()
    }

    pub async fn add(&self, host: &Rc<dyn Host>, job: &Job) -> Result<(), String> {
        let every = job.every.map_or(Cell::Null, number);
        let values = [
            ("id", number(job.id)),
            ("next", number(job.next)),
            ("every", every),
            ("command", Cell::Text(job.command.clone())),
        ];
        let statement = "INSERT INTO jobs (id, next, every, command) VALUES (:id, :next, :every, :command)";
        self.ask(host, statement, values).await.map(drop)
    }

    pub async fn delete(&self, host: &Rc<dyn Host>, id: u64) -> Result<(), String> {
        self.ask(host, "DELETE FROM jobs WHERE id = :id", [("id", number(id))]).await.map(drop)
    }

    /// A job has begun; `next` is its next turn.
    pub async fn begun(&self, host: &Rc<dyn Host>, job: &Job, next: Option<u64>) -> Result<(), String> {
        let Some(next) = next else { return self.delete(host, job.id).await };
        let values = [("id", number(job.id)), ("next", number(next))];
        self.ask(host, "UPDATE jobs SET next = :next WHERE id = :id", values).await.map(drop)
    }

    async fn ask<const N: usize>(
        &self,
        host: &Rc<dyn Host>,
        query: &str,
        values: [(&str, Cell); N],
    ) -> Result<Rows, String> {
        let question = Question {
            query: query.to_owned(),
            parameters: Parameters::named(values),
            rows: None,
            charset: "utf-8".into(),
        };
        let path = self.0.clone();
        let asked = aside(&**host, Pool::Io, move || sqlite::ask_or_make(&path, &question)).await;
        asked.map_err(|fault| fault.to_string())?.map_err(|fault| format!("{}: {fault}", self.0))
    }
}

fn number(number: u64) -> Cell {
    Cell::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn job(row: &[Cell]) -> Option<Job> {
    let number = |cell: &Cell| match cell {
        Cell::Integer(number) => u64::try_from(*number).ok(),
        _ => None,
    };
    let [id, next, every, Cell::Text(command)] = row else { return None };
    let every = match every {
        Cell::Null => None,
        some => Some(number(some).filter(|seconds| *seconds > 0)?),
    };
    Some(Job { id: number(id)?, next: number(next)?, every, command: command.clone() })
}
