//! Tables from databases and files, through the fake host.

use super::*;
use crate::DatasourceOptions;
use policy_api::testing::{FakeHost, run};
use std::path::PathBuf;

/// A file that goes with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> File {
        let path = std::env::temp_dir().join(format!("impetus-cidr-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        File(path)
    }

    fn text(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

struct Scene {
    host: Rc<FakeHost>,
    tables: CidrTables,
}

impl Scene {
    fn new(database: &File) -> Scene {
        let uri: std::sync::Arc<str> = format!("sqlite:{}", database.text()).into();
        let options =
            DatasourceOptions { uri: [uri].into(), max_rows: 1, ..DatasourceOptions::defaults().clone() };
        let services = Services::default();
        Datasources::with([("db".to_owned(), options)]).offer(&services);
        let tables = CidrTables::of(&services);
        assert!(Rc::ptr_eq(&tables.0, &CidrTables::of(&services).0), "everybody gets the same tables");
        Scene { host: FakeHost::new(), tables }
    }

    fn define(&self, name: &str, text: &str) {
        let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
        self.tables.define(name, Definition::of(pairs).unwrap());
    }

    fn host(&self) -> Rc<dyn Host> {
        self.host.clone()
    }

    fn ask(&self, name: &str, address: &str) -> Result<Listing, DataFault> {
        run(self.tables.query(&self.host(), name, address.parse().unwrap()))
    }

    fn value(&self, name: &str, address: &str) -> Option<String> {
        self.ask(name, address).unwrap().value
    }
}

fn sql(file: &File, text: &str) {
    rusqlite::Connection::open(&file.0).unwrap().execute_batch(text).unwrap();
}

#[test]
fn a_query_fills_a_table_and_all_its_rows_count() {
    let file = File::new("query.sqlite");
    sql(
        &file,
        "create table nets (why text, net text); insert into nets values \
        ('ten', '10.0.0.0/8'), ('for $', '10.1.2.3'), (null, '2001:db8::/32'), ('x', 'rubbish')",
    );
    let scene = Scene::new(&file);
    scene.define("set", "type=datasource;cachename=db;query=select net from nets");
    scene.define(
        "map",
        "type=datasource;cachename=db;query=select why, net from nets;cidr_column=NET;value_column=1;\
         interpolate=true;default_value=nobody",
    );
    for (address, is_listed, value) in [
        ("10.9.9.9", true, Some("ten")),
        ("10.1.2.3", true, Some("for 10.1.2.3")),
        ("2001:db8::9", true, None),
        ("192.0.2.1", false, Some("nobody")),
    ] {
        let expected = Listing { is_listed, value: value.map(str::to_owned) };
        assert_eq!(scene.ask("map", address).unwrap(), expected, "{address}");
        assert_eq!(scene.ask("set", address).unwrap(), Listing { is_listed, value: None }, "{address}");
    }
    let reported = scene.host.reported();
    assert!(
        reported[0].contains("map: 'rubbish' is no address or block (1 rows like it are left out in all)"),
        "{reported:?}"
    );
}

#[test]
fn a_table_is_read_anew_after_its_time_or_when_told() {
    let file = File::new("refresh.sqlite");
    sql(&file, "create table nets (net text, why text); insert into nets values ('10.0.0.0/8', 'one')");
    let scene = Scene::new(&file);
    let query = "type=datasource;cachename=db;query=select * from nets;value_column=why;refresh";
    scene.define("timed", &format!("{query}=60"));
    scene.define("manual", &format!("{query}=0"));
    let both = || (scene.value("timed", "10.0.0.1").unwrap(), scene.value("manual", "10.0.0.1").unwrap());
    let are = |timed: &str, manual: &str| (timed.to_owned(), manual.to_owned());
    assert_eq!(both(), are("one", "one"));
    sql(&file, "update nets set why = 'two'");
    assert_eq!(both(), are("one", "one"));
    let left = scene.tables.list(scene.host.now() + Duration::from_secs(20));
    assert_eq!(left, [("manual".into(), None), ("timed".into(), Some(Duration::from_secs(40)))]);
    run(scene.host.pause(Duration::from_secs(61)));
    assert_eq!(both(), are("two", "one"));
    run(scene.tables.reload(&scene.host(), "manual")).unwrap();
    assert_eq!(both(), are("two", "two"));
}

#[test]
fn a_table_that_cannot_be_read_says_so_and_an_old_one_goes_on() {
    let file = File::new("fault.sqlite");
    let zone = File::new("zone");
    let scene = Scene::new(&file);
    scene.define("lost", "type=datasource;cachename=none;query=select 1");
    let fault = scene.ask("lost", "10.0.0.1").unwrap_err();
    assert_eq!(fault.to_string(), "there is no Datasource \"none\" with a uri");
    scene.ask("lost", "10.0.0.1").unwrap_err();
    assert_eq!(scene.host.reported().len(), 1, "it is not tried again at once");
    let unknown = scene.ask("nobody", "10.0.0.1").unwrap_err();
    assert_eq!(unknown.to_string(), "there is no CIDR list \"nobody\"");
    scene.define("zone", &format!("type=rbldnsd;source={};value=txt;refresh=60", zone.text()));
    assert!(matches!(scene.ask("zone", "10.0.0.1"), Err(DataFault::Unreachable(_))));
    fs::write(&zone.0, "10.0.0.0/8 :2:listed\nwhat is this\n").unwrap();
    run(scene.host.pause(PENANCE));
    assert_eq!(scene.value("zone", "10.0.0.1").as_deref(), Some("listed"));
    let last = scene.host.reported().pop().unwrap();
    assert!(
        last.ends_with(
            "zone:2: expected an address, a block or a range (1 lines like it are left out in all)"
        ),
        "{last}"
    );
    fs::remove_file(&zone.0).unwrap();
    run(scene.host.pause(Duration::from_secs(100)));
    assert_eq!(scene.value("zone", "10.0.0.1").as_deref(), Some("listed"));
    assert!(scene.host.reported().pop().unwrap().contains("zone: "));
    scene.define("empty", "type=empty");
    assert_eq!(scene.ask("empty", "10.0.0.1").unwrap(), Listing::default());
}
