//! One source: whom it asks, and what it remembers.

use crate::cache::{Cache, Key};
use crate::driver::Driver;
use crate::pending::Pending;
use crate::{Answering, DataFault, DatasourceOptions, Parameters, Question, Rows, Statistics};
use policy_api::{Host, Pool};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

pub struct Datasource {
    options: DatasourceOptions,
    drivers: Vec<Result<Driver, DataFault>>,
    /// Whose turn it is.
    turn: Cell<usize>,
    cache: RefCell<Cache>,
    pending: Pending<Result<Rc<Rows>, DataFault>>,
}

impl Datasource {
    pub fn new(options: DatasourceOptions) -> Rc<Self> {
        let size = usize::try_from(options.cache_size).unwrap_or(0);
        let life = options.cache_life;
        Rc::new(Datasource {
            drivers: options.uri.iter().map(|uri| Driver::of(uri)).collect(),
            options,
            turn: Cell::new(0),
            cache: RefCell::new(Cache::new(size, life)),
            pending: Pending::default(),
        })
    }

    /// The rows that a query finds, remembered or asked for. `fresh`: not remembered.
    pub fn query(
        self: &Rc<Self>,
        host: &Rc<dyn Host>,
        query: &str,
        parameters: Parameters,
        fresh: bool,
    ) -> Answering {
        let (source, host) = (self.clone(), host.clone());
        let rows = usize::try_from(self.options.max_rows).ok();
        let question = self.question(query, parameters, rows);
        if fresh || self.options.no_cache {
            return Box::pin(async move { source.ask(&host, &question).await.map(Rc::new) });
        }
        Box::pin(async move { source.remember(&host, &question).await })
    }

    /// Runs a statement that answers no rows.
    pub fn execute(self: &Rc<Self>, host: &Rc<dyn Host>, query: &str, parameters: Parameters) -> Answering {
        let (source, host) = (self.clone(), host.clone());
        let question = self.question(query, parameters, Some(0));
        Box::pin(async move { source.ask(&host, &question).await.map(Rc::new) })
    }

    /// All rows, whatever `max_rows` says, and nothing is remembered.
    pub(crate) async fn all(
        &self,
        host: &Rc<dyn Host>,
        query: &str,
        parameters: Parameters,
    ) -> Result<Rows, DataFault> {
        self.ask(host, &self.question(query, parameters, None)).await
    }

    /// Forgets all answers; how many there were.
    pub fn flush(&self) -> usize {
        self.cache.borrow_mut().flush()
    }

    pub fn statistics(&self) -> Statistics {
        self.cache.borrow().statistics()
    }

    /// What is wrong with its URIs.
    pub fn faults(&self) -> impl Iterator<Item = &DataFault> {
        self.drivers.iter().filter_map(|driver| driver.as_ref().err())
    }

    fn question(&self, query: &str, parameters: Parameters, rows: Option<usize>) -> Arc<Question> {
        let charset = self.options.assume_charset.clone();
        Arc::new(Question { query: query.to_owned(), parameters, rows, charset })
    }

    async fn remember(&self, host: &Rc<dyn Host>, question: &Arc<Question>) -> Result<Rc<Rows>, DataFault> {
        let key: Key = question.parameters.key(&question.query).into();
        let found = self.cache.borrow_mut().find(&key, host.now());
        if let Some(rows) = found {
            return Ok(rows);
        }
        while let Some(asked) = self.pending.of(&key) {
            self.cache.borrow_mut().counts.pending += 1;
            if let Some(answer) = asked.answer().await {
                return answer;
            }
        }
        let asking = self.pending.begin(&key);
        let answer = self.ask(host, question).await.map(Rc::new);
        if let Ok(rows) = &answer {
            self.cache.borrow_mut().insert(&key, rows.clone(), host.now());
        }
        asking.answered(&answer);
        answer
    }

    /// The URIs take turns; one that cannot be reached is passed over.
    async fn ask(&self, host: &Rc<dyn Host>, question: &Arc<Question>) -> Result<Rows, DataFault> {
        let pool = if self.options.pool.eq_ignore_ascii_case("cpu") { Pool::Cpu } else { Pool::Io };
        let first = self.turn.replace(self.turn.get().wrapping_add(1));
        let mut fault = DataFault::Driver("its uri is empty, expected sqlite:/path".into());
        for number in 0..self.drivers.len() {
            let driver = &self.drivers[first.wrapping_add(number) % self.drivers.len()];
            let answer = match driver {
                Ok(driver) => driver.ask(host, pool, question).await,
                Err(fault) => Err(fault.clone()),
            };
            match answer {
                Ok(rows) => return Ok(rows),
                Err(next @ (DataFault::Unreachable(_) | DataFault::Driver(_))) => fault = next,
                Err(fault) => return Err(fault),
            }
        }
        Err(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cell;
    use policy_api::testing::{FakeHost, run};
    use std::path::PathBuf;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    /// A database of three users; the file goes with it.
    struct Database(PathBuf);

    impl Database {
        fn new(name: &str) -> Self {
            let file = format!("impetus-data-{}-{name}.sqlite", std::process::id());
            let path = std::env::temp_dir().join(file);
            let _ = std::fs::remove_file(&path);
            let connection = rusqlite::Connection::open(&path).unwrap();
            let text = "create table users (name text, quota integer); \
                insert into users values ('ann', 3), ('bob', 7), (cast(x'67fc6e' as text), null)";
            connection.execute_batch(text).unwrap();
            Database(path)
        }

        fn uri(&self) -> Arc<str> {
            format!("sqlite:{}", self.0.display()).into()
        }

        fn source(&self, change: impl FnOnce(&mut DatasourceOptions)) -> Rc<Datasource> {
            let mut options = DatasourceOptions::defaults().clone();
            options.uri = [self.uri()].into();
            change(&mut options);
            Datasource::new(options)
        }
    }

    impl Drop for Database {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn host() -> (Rc<FakeHost>, Rc<dyn Host>) {
        let fake = FakeHost::new();
        (fake.clone(), fake)
    }

    fn texts(rows: &Rows) -> Vec<String> {
        rows.cells(0).map(|cell| cell.text().unwrap_or("NULL".into()).into_owned()).collect()
    }

    const BY_NAME: &str = "select quota from users where name = :name";

    #[test]
    fn an_answer_is_remembered_for_its_life_and_an_empty_one_too() {
        let database = Database::new("life");
        let source = database.source(|options| options.cache_life = Duration::from_secs(60));
        let (fake, host) = host();
        let ask = |name: &str, fresh| {
            texts(
                &run(source.query(&host, BY_NAME, Parameters::named([("name", name.into())]), fresh))
                    .unwrap(),
            )
        };
        assert_eq!((ask("ann", false), ask("eve", false)), (vec!["3".to_owned()], vec![]));
        let change = "insert into users values ('eve', 1); ";
        run(source.execute(&host, change, Parameters::NONE)).unwrap();
        run(source.execute(&host, "update users set quota = 4 where name = 'ann'", Parameters::NONE))
            .unwrap();
        assert_eq!((ask("ann", false), ask("eve", false)), (vec!["3".to_owned()], vec![]));
        assert_eq!(ask("ann", true), ["4"], "a fresh answer is asked for");
        run(host.pause(Duration::from_secs(61)));
        assert_eq!((ask("ann", false), ask("eve", false)), (vec!["4".to_owned()], vec!["1".to_owned()]));
        let counted = source.statistics();
        assert_eq!((counted.hits, counted.misses, counted.expired, counted.elements), (2, 4, 2, 2));
        assert_eq!((source.flush(), source.statistics().elements), (2, 0));
        let forgetful = database.source(|options| options.no_cache = true);
        let all = "select name from users order by quota";
        run(forgetful.query(&host, all, Parameters::NONE, false)).unwrap();
        assert_eq!(forgetful.statistics(), Statistics::default());
        assert!(fake.reported().is_empty());
    }

    #[test]
    fn rows_are_bounded_and_texts_are_utf_8() {
        let database = Database::new("rows");
        let (_, host) = host();
        let all = "select name from users order by quota desc";
        for (max_rows, expected) in [(2, &["bob", "ann"][..]), (-1, &["bob", "ann", "g\u{fc}n"]), (0, &[])] {
            let source = database.source(|options| options.max_rows = max_rows);
            assert_eq!(texts(&run(source.query(&host, all, Parameters::NONE, false)).unwrap()), expected);
        }
        let source = database.source(|options| options.max_rows = -1);
        let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n";
        let answer = run(source.query(&host, endless, Parameters::NONE, false));
        assert_eq!(answer.unwrap_err(), DataFault::TooLarge);
        let both = Parameters::Ordered(vec!["ann".into(), Cell::Real(2.5)]);
        let answer = run(source.query(&host, "select ? || ?", both, false)).unwrap();
        assert_eq!(texts(&answer), ["ann2.5"]);
        let unbound = run(source.query(&host, "select ? || ?", Parameters::NONE, false)).unwrap();
        assert_eq!(unbound.first(), Some(&Cell::Null), "no value is left from the last question");
    }

    #[test]
    fn a_source_that_cannot_be_reached_is_passed_over_and_others_say_why() {
        let database = Database::new("turns");
        let (_, host) = host();
        let count = "select count(*) from users";
        let of = |uris: &[&str]| {
            let uris: Vec<Arc<str>> = uris.iter().map(|uri| (*uri).into()).collect();
            let source = database.source(|options| options.uri = uris.into());
            let answers: Vec<_> = (0..2)
                .map(|_| match run(source.query(&host, count, Parameters::NONE, true)) {
                    Ok(rows) => texts(&rows).concat(),
                    Err(fault) => fault.to_string(),
                })
                .collect();
            answers
        };
        let good = database.uri();
        assert_eq!(of(&["sqlite:/none/such.db", &good]), ["3", "3"]);
        assert!(
            of(&["sqlite:/none/such.db"])[0].contains("/none/such.db"),
            "{:?}",
            of(&["sqlite:/none/such.db"])
        );
        assert_eq!(of(&["pgsql:host=a"])[0], "the driver pgsql is not available here, use sqlite");
        assert_eq!(of(&[])[0], "its uri is empty, expected sqlite:/path");
        let source = database.source(|_| ());
        let wrong = run(source.query(&host, "select nothing", Parameters::NONE, false)).unwrap_err();
        assert!(wrong.to_string().contains("nothing"), "{wrong}");
    }

    #[test]
    fn one_asks_for_all_who_have_the_same_question() {
        let database = Database::new("pending");
        let source = database.source(|_| ());
        let (_, host) = host();
        let parameters = || Parameters::named([("name", "ann".into())]);
        let key: Key = parameters().key(BY_NAME).into();
        let mut context = Context::from_waker(Waker::noop());
        let asking = source.pending.begin(&key);
        let mut first = source.query(&host, BY_NAME, parameters(), false);
        let mut second = source.query(&host, BY_NAME, parameters(), false);
        assert!(first.as_mut().poll(&mut context).is_pending());
        let fault = DataFault::Failed("asked by somebody".into());
        asking.answered(&Err(fault.clone()));
        assert_eq!(first.as_mut().poll(&mut context), Poll::Ready(Err(fault)));

        let asking = source.pending.begin(&key);
        assert!(second.as_mut().poll(&mut context).is_pending());
        drop(asking);
        assert_eq!(texts(&run(second).unwrap()), ["3"], "who waits asks if the other has gone");
        assert_eq!(source.statistics().pending, 2);
    }
}
