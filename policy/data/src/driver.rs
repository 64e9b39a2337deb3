//! What a URI stands for, and who answers a question to it.

use crate::fetch::Fetch;
use crate::{DataFault, Parameters, Rows, sqlite};
use config::nearest;
use policy_api::{Host, Pool, aside};
use std::rc::Rc;
use std::sync::Arc;

/// What is asked.
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
const ELSEWHERE: [&str; 7] = ["odbc", "pgsql", "mysql", "ldap", "ldaps", "csv", "cdb"];
/// Those that are, and ours.
const HERE: [&str; 3] = ["sqlite", "http", "iowrapper"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    Sqlite(Arc<str>),
    Fetch(Fetch),
}

impl Driver {
    pub fn of(uri: &str) -> Result<Driver, DataFault> {
        let wrong = |text: String| Err(DataFault::Driver(text.into()));
        match uri.split_once(':') {
            Some(("sqlite", path)) => Ok(Driver::Sqlite(path.trim_start_matches("//").into())),
            Some(("http" | "https", _)) => Fetch::http(uri).map(Driver::Fetch).or_else(wrong),
            Some(("iowrapper", "")) => Ok(Driver::Fetch(Fetch::anything())),
            Some(("iowrapper", rest)) => {
                wrong(format!("'{rest}' behind iowrapper: is not read, the query is the URI"))
            }
            Some((name, _)) if ELSEWHERE.contains(&name) => {
                wrong(format!("the driver {name} is not available here, use sqlite"))
            }
            Some((name, _)) => {
                let meant = nearest(name, HERE.into_iter().chain(ELSEWHERE));
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
        match self {
            Driver::Sqlite(path) => {
                let (path, question) = (path.clone(), question.clone());
                aside(&**host, pool, move || sqlite::ask(&path, &question)).await.map_err(DataFault::Work)?
            }
            Driver::Fetch(fetch) => fetch.ask(host, question).await,
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
            ("http:/x", Err("'http:/x': is no URL")),
            (
                "https://a.example/",
                Err(
                    "'https://a.example/': https is not available here, use http towards a proxy of your own",
                ),
            ),
            ("iowrapper:/x", Err("'/x' behind iowrapper: is not read, the query is the URI")),
            ("/var/db", Err("'/var/db' is no URI, expected sqlite:/path")),
        ] {
            let expected = expected.map(|path| Driver::Sqlite(path.into()));
            assert_eq!(Driver::of(uri).map_err(|fault| fault.to_string()), expected.map_err(str::to_owned));
        }
    }
}
