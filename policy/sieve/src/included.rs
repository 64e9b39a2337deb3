//! Scripts whose names are known only in the run, or that stand elsewhere than in files: HTTP servers, datasources
//! (spec sieve.md §5.3, §6). They are compiled on side threads and kept for a time.
//!
//! The law: what is kept has a bound, and a script that cannot be had is a fault that says why and where.

use crate::aside;
use crate::compile::{Purpose, compile_for};
use crate::fault::Fault;
use crate::loader::Files;
use crate::machine::Loaded;
use crate::phase::Place;
use crate::program::Program;
use crate::scene::Scene;
use crate::value::Value;
use crate::word::{Finish, Wait};
use config::{Complaint, Severity};
use data::http::{Reader, Url, exchange, request};
use data::{Answering, Cell, Datasources, Parameters};
use mail::Time;
use policy_api::{Host, Later, Pool, Sources};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// For all of a request to an HTTP server.
const REQUEST: Duration = Duration::from_secs(30);
/// Where nobody can wait, scripts from files up to this many octets are compiled at once.
const AT_ONCE: usize = 16 * 1024;

/// Where the text of a script is.
#[derive(Debug, PartialEq)]
pub(crate) enum Origin {
    File(PathBuf),
    Http(Url),
    /// `:datasource:<name>:<query>`
    Datasource {
        name: String,
        query: String,
    },
}

impl Origin {
    /// By the URI, and the script that names it: files stand beside it.
    pub fn of(uri: &str, from: &str) -> Result<Origin, String> {
        if let Some(rest) = uri.strip_prefix(":datasource:") {
            return match rest.split_once(':') {
                Some((name, query)) if !name.is_empty() && !query.trim().is_empty() => {
                    Ok(Origin::Datasource { name: name.to_owned(), query: query.to_owned() })
                }
                _ => Err(format!("'{uri}' names no script (:datasource:<name>:<query>)")),
            };
        }
        match uri.strip_prefix("file://").unwrap_or(uri) {
            "" => Err("the name of the script is empty".to_owned()),
            bare if bare.contains("://") => Url::parse(bare).map(Origin::Http),
            bare => Ok(Origin::File(Path::new(from).parent().unwrap_or(Path::new("")).join(bare))),
        }
    }
}

/// What was asked for: the same URI may be another script elsewhere.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// A relative file is one of a folder.
    folder: Box<Path>,
    uri: Box<str>,
    parameters: Box<[Box<str>]>,
    place: Box<str>,
}

struct Kept {
    loaded: Rc<Loaded>,
    until: Time,
}

/// The compiled scripts of one shard.
pub(crate) struct Included {
    /// `cache_size`
    most: usize,
    /// `cache_life`
    life: Duration,
    comparator: Option<&'static str>,
    kept: RefCell<HashMap<Key, Kept>>,
}

/// At once, or behind a wait that leaves it in `Scene::included`.
pub(crate) enum Found {
    Here(Rc<Loaded>),
    Later(Wait),
}

impl Included {
    pub fn new(most: usize, life: Duration, comparator: Option<&'static str>) -> Included {
        Included { most: most.max(1), life, comparator, kept: RefCell::default() }
    }

    /// How many there were.
    pub fn flush(&self) -> usize {
        self.kept.take().len()
    }

    fn keep(&self, key: Key, loaded: Rc<Loaded>, now: Time) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() >= self.most && !kept.contains_key(&key) {
            kept.retain(|_, known| now < known.until);
        }
        if kept.len() >= self.most && !kept.contains_key(&key) {
            let oldest = kept.iter().min_by_key(|(_, known)| known.until).map(|(key, _)| key.clone());
            oldest.map(|oldest| kept.remove(&oldest));
        }
        kept.insert(key, Kept { loaded, until: now + self.life });
    }

    /// The first who finds a script too old fetches it anew; the others have the old one until that is done.
    fn fresh(&self, key: &Key, now: Time) -> Option<Rc<Loaded>> {
        let mut kept = self.kept.borrow_mut();
        let known = kept.get_mut(key)?;
        if now >= known.until {
            known.until = now + REQUEST;
            return None;
        }
        Some(known.loaded.clone())
    }
}

/// The script of a URI, for the script `from`.
pub(crate) fn find(
    scene: &Scene<'_>,
    from: &str,
    uri: &str,
    parameters: Option<&Value>,
) -> Result<Found, Fault> {
    let shared = scene.shared;
    let folder = Path::new(from).parent().unwrap_or(Path::new("")).into();
    let texts = parameters.map(|list| list.texts().iter().map(|text| Box::from(&**text)).collect());
    let key = Key {
        folder,
        uri: uri.into(),
        parameters: texts.unwrap_or_default(),
        place: scene.place_name().into(),
    };
    if let Some(loaded) = shared.included.fresh(&key, scene.host.now()) {
        return Ok(Found::Here(loaded));
    }
    let origin = Origin::of(uri, from)?;
    if !matches!(origin, Origin::Datasource { .. }) && !key.parameters.is_empty() {
        return Err(Fault::new(format!("'{uri}': only scripts from datasources take parameters")));
    }
    let compiling = Compiling {
        name: match &origin {
            Origin::File(path) => path.to_string_lossy().into_owned(),
            _ => uri.to_owned(),
        },
        place: scene.place,
        comparator: shared.included.comparator,
        sources: shared.sources.clone(),
    };
    if !scene.rights().suspend {
        return at_once(scene, key, &origin, &compiling);
    }
    let (host, text) = (scene.host.clone(), text(scene, origin, &key));
    Ok(Found::Later(Box::pin(async move {
        let made = compiled(&host, text, compiling).await;
        let finish: Finish = Box::new(move |scene: &mut Scene<'_>| {
            let loaded = Loaded::new(Arc::new(made?));
            scene.shared.included.keep(key, loaded.clone(), scene.host.now());
            scene.included = Some(loaded);
            Ok(Value::default())
        });
        finish
    })))
}

fn at_once(scene: &Scene<'_>, key: Key, origin: &Origin, compiling: &Compiling) -> Result<Found, Fault> {
    let Origin::File(path) = origin else {
        return Err(Fault::new(format!("a script cannot wait for '{}' in {}", key.uri, scene.place_name())));
    };
    let text = Files(&compiling.sources).text(path).map_err(|why| missing(&key.uri, &why))?;
    if text.len() > AT_ONCE {
        let place = scene.place_name();
        return Err(Fault::new(format!(
            "'{}' is larger than {AT_ONCE} octets, too large for {place}",
            key.uri
        )));
    }
    let loaded = Loaded::new(Arc::new(compiling.program(&text)?));
    scene.shared.included.keep(key, loaded.clone(), scene.host.now());
    Ok(Found::Here(loaded))
}

fn missing(uri: &str, why: &str) -> String {
    format!("cannot include '{uri}': {why}")
}

/// The text of a script, as it comes from where it is.
fn text(scene: &Scene<'_>, origin: Origin, key: &Key) -> Later<Result<String, String>> {
    let uri = key.uri.clone();
    match origin {
        Origin::File(path) => {
            let text = Files(&scene.shared.sources).text(&path).map_err(|why| missing(&uri, &why));
            Box::pin(std::future::ready(text))
        }
        Origin::Http(url) => {
            let host = scene.host.clone();
            Box::pin(async move { of_server(&host, &url).await.map_err(|why| missing(&uri, &why)) })
        }
        Origin::Datasource { name, query } => {
            let cells = key.parameters.iter().map(|text| Cell::Text(text.to_string()));
            let parameters = match key.parameters.is_empty() {
                true => Parameters::NONE,
                false => Parameters::Ordered(cells.collect()),
            };
            let sources = Datasources::of(&scene.shared.services);
            let answer = sources.query(scene.host, &name, &query, parameters);
            Box::pin(async move { of_source(answer).await.map_err(|why| missing(&uri, &why)) })
        }
    }
}

async fn of_server(host: &Rc<dyn Host>, url: &Url) -> Result<String, String> {
    let asked = request("GET", url, &[], None);
    let response = exchange(host, url, asked, Reader::new("GET"), REQUEST).await?;
    if response.status != 200 {
        return Err(format!("the server says {} {}", response.status, response.reason));
    }
    String::from_utf8(response.body).map_err(|_| "it is not UTF-8".to_owned())
}

/// The first column of the first row.
async fn of_source(answer: Answering) -> Result<String, String> {
    let rows = answer.await.map_err(|fault| fault.to_string())?;
    let text = rows.rows.first().and_then(|row| row.first()).and_then(Cell::text);
    text.map(|text| text.into_owned()).ok_or_else(|| "the query finds no script".to_owned())
}

/// On a side thread, where it holds up nobody.
async fn compiled(
    host: &Rc<dyn Host>,
    text: Later<Result<String, String>>,
    compiling: Compiling,
) -> Result<Program, Fault> {
    let text = text.await?;
    aside::done(host, Pool::Cpu, move || compiling.program(&text)).await
}

/// All that it takes to compile a script that is included.
struct Compiling {
    name: String,
    place: Place,
    comparator: Option<&'static str>,
    sources: Arc<Sources>,
}

impl Compiling {
    fn program(&self, text: &str) -> Result<Program, String> {
        let (loader, place) = (&Files(&self.sources), Some(self.place));
        let purpose = Purpose { place, loader, comparator: self.comparator, is_included: true };
        compile_for(&self.name, text, purpose).map_err(|findings| {
            let error = findings.iter().find(|finding| finding.severity == Severity::Error);
            error.map_or_else(|| "it does not compile".to_owned(), in_one_line)
        })
    }
}

/// For paniclog: `file:line:column: what`.
fn in_one_line(error: &Complaint) -> String {
    let place = error.place.as_ref().map(|spot| format!("{}: ", spot.position)).unwrap_or_default();
    let expected =
        error.expected.as_ref().map(|expected| format!("; expected {expected}")).unwrap_or_default();
    format!("{place}{}{expected}", error.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_says_where_a_script_is() {
        let file = |path: &str| Ok(Origin::File(path.into()));
        for (uri, expected) in [
            ("lib.siv", file("/etc/sieve/lib.siv")),
            ("/lib.siv", file("/lib.siv")),
            ("file:///lib.siv", file("/lib.siv")),
            (
                ":datasource:db:SELECT a FROM b WHERE c = ':'",
                Ok(Origin::Datasource { name: "db".into(), query: "SELECT a FROM b WHERE c = ':'".into() }),
            ),
            (":datasource:db", Err(":datasource:<name>:<query>")),
            (":datasource::x", Err(":datasource:<name>:<query>")),
            ("", Err("is empty")),
            ("https://a.example/", Err("https is not available here")),
            ("ftp://a.example/", Err("expected http://")),
        ] {
            match (Origin::of(uri, "/etc/sieve/main.siv"), expected) {
                (Ok(origin), Ok(expected)) => assert_eq!(origin, expected),
                (Err(said), Err(expected)) => assert!(said.contains(expected), "{uri}: {said}"),
                (got, _) => panic!("{uri}: {got:?}"),
            }
        }
    }

    #[test]
    fn no_more_than_so_many_are_kept_and_none_for_longer() {
        let included = Included::new(2, Duration::from_secs(10), None);
        let loaded = || Loaded::new(Arc::new(crate::compile::compile("x", "keep;").expect("a script")));
        let key = |uri: &str| Key {
            folder: Path::new("").into(),
            uri: uri.into(),
            parameters: Box::default(),
            place: "data".into(),
        };
        let second = Time::from_secs;
        included.keep(key("a"), loaded(), second(1));
        included.keep(key("b"), loaded(), second(2));
        included.keep(key("b"), loaded(), second(3));
        let has = |uri: &str, at: u64| included.fresh(&key(uri), second(at)).is_some();
        assert!(has("a", 10) && has("b", 12) && !has("none", 1));
        included.keep(key("c"), loaded(), second(4));
        assert!(!has("a", 5) && has("b", 5) && has("c", 5), "the oldest has made room");
        assert!(!has("b", 13) && has("b", 13), "one fetches it anew, the others wait for nobody");
        assert_eq!(included.flush(), 2);
    }
}
