//! What a URI stands for, and a question to it on a side thread.

use crate::{DataFault, Parameters, Rows, sqlite};
use config::nearest;
use policy_api::{Host, Job, Pool};
use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

/// What is asked of the side thread.
#[derive(Clone, Debug)]
pub struct Question {
    pub query: String,
    pub parameters: Parameters,
    /// Rows to answer; those behind are left out. None: all.
    pub rows: Option<usize>,
    /// Of texts that are not UTF-8.
    pub charset: Arc<str>,
}

/// Drivers of Momentum that are not here.
const ELSEWHERE: [&str; 8] = ["odbc", "pgsql", "mysql", "ldap", "ldaps", "csv", "cdb", "iowrapper"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    Sqlite(Arc<str>),
}

impl Driver {
    pub fn of(uri: &str) -> Result<Driver, DataFault> {
        let wrong = |text: String| Err(DataFault::Driver(text.into()));
        match uri.split_once(':') {
            Some(("sqlite", path)) => Ok(Driver::Sqlite(path.trim_start_matches("//").into())),
            Some((name, _)) if ELSEWHERE.contains(&name) => {
                wrong(format!("the driver {name} is not available here, use sqlite"))
            }
            Some((name, _)) => {
                let meant = nearest(name, ["sqlite"].into_iter().chain(ELSEWHERE));
                let hint = meant.map(|meant| format!(", did you mean {meant}?")).unwrap_or_default();
                wrong(format!("there is no driver {name}{hint}"))
            }
            None => wrong(format!("'{uri}' is no URI, expected sqlite:/path")),
        }
    }

    pub async fn ask(
        &self,
        host: &Rc<dyn Host>,
        pool: Pool,
        question: &Arc<Question>,
    ) -> Result<Rows, DataFault> {
        let Driver::Sqlite(path) = self;
        let (path, question) = (path.clone(), question.clone());
        let job: Job = Box::new(move || -> Box<dyn Any + Send> { Box::new(sqlite::ask(&path, &question)) });
        let done = host.work(pool, job).await.map_err(DataFault::Work)?;
        match done.downcast::<Result<Rows, DataFault>>() {
            Ok(answer) => *answer,
            Err(_) => Err(DataFault::Failed("the side thread has answered something else".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_names_a_driver_or_says_what_is_wrong() {
        for (uri, expected) in [
            ("sqlite:/var/db", Ok("/var/db")),
            ("sqlite:///var/db", Ok("/var/db")),
            ("pgsql:host=a", Err("the driver pgsql is not available here, use sqlite")),
            ("sqllite:/a", Err("there is no driver sqllite, did you mean sqlite?")),
            ("/var/db", Err("'/var/db' is no URI, expected sqlite:/path")),
        ] {
            let expected = expected.map(|path| Driver::Sqlite(path.into()));
            assert_eq!(Driver::of(uri).map_err(|fault| fault.to_string()), expected.map_err(str::to_owned));
        }
    }
}
