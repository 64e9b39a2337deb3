//! The drivers `http:` and `iowrapper:`: an answer is what is found under a URI that the query makes of its values (spec
//! module-details.md §F).
//!
//! The law: a value cannot become more than a value. In a URL it is percent-encoded, in the name of a file it is one
//! part of a path.

use crate::http::{Reader, Response, Url, escape, exchange, request};
use crate::{Cell, DataFault, Parameters, Question, Rows};
use policy_api::{Host, Pool, aside};
use serde_json::Value;
use std::io::Read;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// All of a request and its answer.
const LONGEST: Duration = Duration::from_secs(10);
/// Octets of a file.
const LARGEST: u64 = 8 << 20;
/// Octets of JSON that a shard reads itself; more is read by a side thread.
const SMALL: usize = 16 << 10;

/// What a query is appended to; empty: it is a URI by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fetch(Arc<str>);

impl Fetch {
    /// `http://host[:port][/path]`
    pub fn http(uri: &str) -> Result<Fetch, String> {
        Url::parse(uri).map(|_| Fetch(uri.trim_end_matches('/').into()))
    }

    pub fn anything() -> Fetch {
        Fetch("".into())
    }

    pub async fn ask(&self, host: &Rc<dyn Host>, question: &Question) -> Result<Rows, DataFault> {
        let is_url = |text: &str| text.len() >= 7 && text.as_bytes()[..7].eq_ignore_ascii_case(b"http://");
        let (query, is_bare) = (&*question.query, self.0.is_empty());
        if is_bare && !is_url(query) && !query.to_ascii_lowercase().starts_with("https:") {
            let path = expanded(query, &question.parameters, part_of_path)?;
            return of_file(host, path.strip_prefix("file://").unwrap_or(&path)).await;
        }
        let query = expanded(query, &question.parameters, |text| Ok(escape(text.as_bytes())))?;
        let slash = if is_bare || query.is_empty() || query.starts_with(['/', '?']) { "" } else { "/" };
        let url = Url::parse(&format!("{}{slash}{query}", self.0)).map_err(failed)?;
        let octets = request("GET", &url, &[], None);
        let answer = exchange(host, &url, octets, Reader::new("GET"), LONGEST).await;
        let answer = answer.map_err(|problem| DataFault::Unreachable(problem.into()))?;
        match answer.status {
            200..=299 if !is_bare && is_json(&answer) => table(host, answer.body, question.rows).await,
            200..=299 => Ok(one(answer.body)),
            // Nobody has that name.
            404 | 410 => Ok(Rows::default()),
            status => Err(failed(format!("{}:{} answered {status} {}", url.host, url.port, answer.reason))),
        }
    }
}

fn failed(text: impl Into<Box<str>>) -> DataFault {
    DataFault::Failed(text.into())
}

/// The query with its values in the places of `$name` and `:name`.
fn expanded(
    query: &str,
    parameters: &Parameters,
    encode: impl Fn(&str) -> Result<String, DataFault>,
) -> Result<String, DataFault> {
    let values = match parameters {
        Parameters::Named(values) => values.as_slice(),
        Parameters::Ordered(values) if values.is_empty() => &[],
        Parameters::Ordered(_) => return Err(failed("expected values with names, for $name in the query")),
    };
    let (mut out, mut rest) = (String::with_capacity(query.len()), query);
    while let Some(at) = rest.find(['$', ':']) {
        let (before, marked) = rest.split_at(at);
        let (mark, behind) = marked.split_at(1);
        let end = behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
        let (name, after) = behind.split_at(end);
        out.push_str(before);
        match values.iter().find(|(known, _)| !name.is_empty() && known == name) {
            Some((_, cell)) => out.push_str(&encode(&cell.text().unwrap_or_default())?),
            // A colon may be that of a port.
            None if mark == ":" || name.is_empty() => out.extend([mark, name]),
            None => return Err(failed(format!("there is no value for ${name}"))),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn part_of_path(text: &str) -> Result<String, DataFault> {
    if text.is_empty() || text == "." || text == ".." || text.contains(['/', '\0']) {
        let text = text.escape_debug();
        return Err(failed(format!("'{text}' cannot be a part of the name of a file")));
    }
    Ok(text.to_owned())
}

async fn of_file(host: &Rc<dyn Host>, path: &str) -> Result<Rows, DataFault> {
    let path = path.to_owned();
    let read = move || {
        let problem = |error: std::io::Error| format!("{path}: {error}");
        // A pipe or a device could keep the thread for ever.
        if !std::fs::metadata(&path).map_err(problem)?.is_file() {
            return Err(format!("{path}: is no plain file"));
        }
        let mut content = Vec::new();
        let file = std::fs::File::open(&path).map_err(problem)?;
        file.take(LARGEST + 1).read_to_end(&mut content).map_err(problem)?;
        if content.len() as u64 > LARGEST {
            return Err(format!("{path}: larger than {} MiB", LARGEST >> 20));
        }
        Ok(content)
    };
    let content = aside(&**host, Pool::Io, read).await.map_err(DataFault::Work)?;
    content.map(one).map_err(|problem| DataFault::Unreachable(problem.into()))
}

/// One row of one column.
fn one(content: Vec<u8>) -> Rows {
    let cell = match String::from_utf8(content) {
        Ok(text) => Cell::Text(text),
        Err(other) => Cell::Octets(other.into_bytes()),
    };
    Rows { columns: vec!["content".to_owned()], rows: vec![vec![cell]] }
}

fn is_json(answer: &Response) -> bool {
    let field = answer.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    field.is_some_and(|(_, value)| {
        let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        kind == "application/json" || kind.ends_with("+json")
    })
}

async fn table(host: &Rc<dyn Host>, body: Vec<u8>, most: Option<usize>) -> Result<Rows, DataFault> {
    let rows = if body.len() <= SMALL {
        rows_of(&body, most)
    } else {
        aside(&**host, Pool::Cpu, move || rows_of(&body, most)).await.map_err(DataFault::Work)?
    };
    rows.map_err(failed)
}

/// A list is rows, an object is a row with a column for each name, anything else a row of one column.
fn rows_of(body: &[u8], most: Option<usize>) -> Result<Rows, String> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| format!("the answer is no JSON: {error}"))?;
    let mut items = match value {
        Value::Array(items) => items,
        Value::Null => Vec::new(),
        item => vec![item],
    };
    items.truncate(most.unwrap_or(usize::MAX));
    let mut columns: Vec<String> = Vec::new();
    for name in items.iter().filter_map(Value::as_object).flat_map(|object| object.keys()).take(MOST_CELLS) {
        if columns.len() < MOST_COLUMNS && !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    if columns.is_empty() {
        columns.push("content".to_owned());
    }
    if items.len().saturating_mul(columns.len()) > MOST_CELLS {
        return Err(format!("the answer has more than {MOST_CELLS} cells"));
    }
    let row = |item: Value| match item {
        Value::Object(mut object) => {
            columns.iter().map(|name| object.remove(name).map_or(Cell::Null, cell_of)).collect()
        }
        other => {
            let mut row = vec![Cell::Null; columns.len()];
            row[0] = cell_of(other);
            row
        }
    };
    let rows = items.into_iter().map(row).collect();
    Ok(Rows { columns, rows })
}

/// Of a table made of JSON.
const MOST_CELLS: usize = 1_000_000;
const MOST_COLUMNS: usize = 256;

fn cell_of(value: Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(is_true) => Cell::Integer(i64::from(is_true)),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Cell::Integer(number),
            None => Cell::Real(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Cell::Text(text),
        nested => Cell::Text(nested.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy_api::Endpoint;
    use policy_api::testing::{FakeHost, Peer, run};

    /// What a server at 192.0.2.7:80 that says this was asked, and the rows.
    fn asked(
        fetch: &Fetch,
        query: &str,
        values: Parameters,
        says: &str,
    ) -> (String, Result<Rows, DataFault>) {
        let fake = FakeHost::new();
        let peer = Peer { answers: [says.to_owned().into()].into(), ..Peer::default() };
        let heard = peer.heard.clone();
        fake.peers.borrow_mut().insert(Endpoint::Inet(([192, 0, 2, 7], 80).into()), peer);
        let host: Rc<dyn Host> = fake;
        let question = Question {
            query: query.to_owned(),
            parameters: values,
            rows: Some(100),
            charset: "utf-8".into(),
        };
        let rows = run(fetch.ask(&host, &question));
        let line = String::from_utf8_lossy(&heard.borrow()).lines().next().unwrap_or_default().to_owned();
        (line, rows)
    }

    fn json(body: &str) -> String {
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }

    #[test]
    fn a_query_is_a_target_below_the_uri_and_values_are_encoded() {
        let fetch = Fetch::http("http://192.0.2.7/base/").unwrap();
        let value = || Parameters::named([("name", "a/../b c&d".into()), ("n", 4.into())]);
        for (query, line) in [
            ("/user/$name", "GET /base/user/a%2F..%2Fb%20c%26d HTTP/1.1"),
            ("user?name=:name&n=$n", "GET /base/user?name=a%2F..%2Fb%20c%26d&n=4 HTTP/1.1"),
            ("?x:y=$n", "GET /base?x:y=4 HTTP/1.1"),
            ("", "GET /base HTTP/1.1"),
        ] {
            assert_eq!(asked(&fetch, query, value(), &json("[]")).0, line, "{query}");
        }
        for (query, values, problem) in [
            ("/$other", value(), "there is no value for $other"),
            ("/$name", Parameters::Ordered(vec![1.into()]), "expected values with names"),
        ] {
            let (line, rows) = asked(&fetch, query, values, &json("[]"));
            assert!(line.is_empty() && rows.unwrap_err().to_string().contains(problem), "{query}");
        }
    }

    #[test]
    fn json_is_a_table_and_anything_else_is_one_cell() {
        let fetch = Fetch::http("http://192.0.2.7").unwrap();
        let text = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        for (says, columns, rows) in [
            (
                json(r#"[{"a":1,"b":"x"},{"b":null,"c":true}]"#),
                "a b c",
                "[[Integer(1), Text(\"x\"), Null], [Null, Null, Integer(1)]]",
            ),
            (json(r#"{"a":1.5,"b":[1,2]}"#), "a b", "[[Real(1.5), Text(\"[1,2]\")]]"),
            (json(r#"["x","y"]"#), "content", "[[Text(\"x\")], [Text(\"y\")]]"),
            (json("null"), "content", "[]"),
            (text("plain"), "content", "[[Text(\"plain\")]]"),
            ("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n".to_owned(), "", "[]"),
        ] {
            let found = asked(&fetch, "/x", Parameters::NONE, &says).1.unwrap();
            assert_eq!(
                (found.columns.join(" ").as_str(), format!("{:?}", found.rows).as_str()),
                (columns, rows)
            );
        }
        for (says, problem) in [
            (json("[1,"), "no JSON"),
            (
                "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n".to_owned(),
                "192.0.2.7:80 answered 500 Broken",
            ),
            ("SMTP\r\n\r\n".to_owned(), ""),
        ] {
            let fault = asked(&fetch, "/x", Parameters::NONE, &says).1.unwrap_err();
            assert!(fault.to_string().contains(problem), "{fault}");
        }
        let away = Fetch::http("http://192.0.2.8").unwrap();
        let fault = asked(&away, "/x", Parameters::NONE, "").1.unwrap_err();
        assert!(matches!(fault, DataFault::Unreachable(_)), "another URI may do: {fault}");
    }

    #[test]
    fn an_iowrapper_reads_urls_and_files_and_no_value_leaves_its_folder() {
        let folder = std::env::temp_dir().join(format!("impetus-fetch-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("ann"), "hello").unwrap();
        let query = format!("file://{}/$name", folder.display());
        let ask =
            |name: &str| asked(&Fetch::anything(), &query, Parameters::named([("name", name.into())]), "").1;
        assert_eq!(ask("ann").unwrap().first(), Some(&"hello".into()));
        for name in ["../ann", "..", ""] {
            assert!(
                ask(name).unwrap_err().to_string().contains("cannot be a part of the name of a file"),
                "{name}"
            );
        }
        assert!(ask("bob").unwrap_err().to_string().contains("bob: No such file"));
        std::fs::remove_dir_all(&folder).unwrap();
        let value = Parameters::named([("q", "a b".into())]);
        let (line, rows) = asked(&Fetch::anything(), "http://192.0.2.7:80/x?q=$q", value, &json("[1]"));
        assert_eq!(line, "GET /x?q=a%20b HTTP/1.1");
        assert_eq!(rows.unwrap().first(), Some(&"[1]".into()), "content is content");
        let (_, rows) = asked(&Fetch::anything(), "https://192.0.2.7/", Parameters::NONE, "");
        assert!(rows.unwrap_err().to_string().contains("https is not available here"));
    }
}
