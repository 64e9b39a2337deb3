//! Other modules, played by what a case says of them.

use bytes::Bytes;
use content::Content;
use data::{DatasourceOptions, Datasources, Parameters};
use policy_api::audit::{self, Counted, Monitor, Monitors};
use policy_api::testing::{FakeHost, run};
use policy_api::{
    Delivery, Host, Later, LinkList, MailboxFault, Mailboxes, Probe, ProbeFault, ProbeStage, Probed,
    RecipientProbe, Ripped, Scan, Services, SignatureVerifier, VirusScanner,
};
use std::cell::RefCell;
use std::future::ready;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// False: the line is about something else.
pub fn offers(word: &str, rest: &str, services: &Rc<Services>, host: &Rc<FakeHost>) -> bool {
    match word {
        "virus" => services.offer::<Rc<dyn VirusScanner>>("clamav", Rc::new(Engine(rest.to_owned()))),
        "signed" => {
            let domains = rest.split_whitespace().map(str::to_owned).collect();
            services.offer::<Rc<dyn SignatureVerifier>>("dkim_validate", Rc::new(Signed(domains)));
        }
        "listed" => {
            let (list, hits) = rest.split_once(' ').expect("listed LIST KEY:NAME…");
            let hits = hits.split_whitespace().filter_map(|hit| hit.split_once(':'));
            let hits = hits.map(|(key, name)| (key.into(), name.into())).collect();
            services
                .offer::<Rc<dyn LinkList>>(list, Rc::new(Listed { spent: format!("#spent_{list}"), hits }));
        }
        "monitors" => {
            let monitors = rest.split_whitespace().map(|text| Monitor::parse(text).expect("seconds,count"));
            services.offer("inbound_audit", Monitors(monitors.collect()));
        }
        "datasource" => datasource(rest).offer(services),
        "sql" => {
            let (name, statement) = rest.split_once(' ').expect("sql NAME STATEMENT");
            let host: Rc<dyn Host> = host.clone();
            let source = Datasources::of(services).named(name).expect("a datasource").clone();
            run(source.execute(&host, statement, Parameters::NONE)).expect("a statement");
        }
        "maildir" => {
            services.offer::<Rc<dyn Mailboxes>>("maildir", Rc::new(Post(rest.to_owned(), host.clone())))
        }
        "callback" => services.offer::<Rc<dyn RecipientProbe>>("smtp_cbv", Rc::new(Remote(rest.to_owned()))),
        "counted" => counted(rest, host),
        _ => return false,
    }
    true
}

thread_local! {
    static FILES: RefCell<Vec<PathBuf>> = RefCell::default();
}

/// Removes the databases of a case.
pub fn clean() {
    FILES.take().iter().for_each(|file| std::fs::remove_file(file).expect("the database"));
}

/// A new file of sqlite for each case; the script makes its tables.
fn datasource(name: &str) -> Datasources {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let file = std::env::temp_dir().join(format!("impetus-sieve-{}-{number}.db", std::process::id()));
    // Sqlite opens what is there; one from an earlier run would have tables already.
    std::fs::File::create(&file).expect("a file for the database");
    FILES.with_borrow_mut(|files| files.push(file.clone()));
    let uri = [Arc::from(format!("sqlite:{}", file.display()))].into();
    Datasources::with([(name.to_owned(), DatasourceOptions { uri, ..DatasourceOptions::defaults().clone() })])
}

/// `counted WHAT MONITOR SECONDS_AGO IP N`
fn counted(rest: &str, host: &Rc<FakeHost>) {
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [what, monitor, ago, address, amount] = words[..] else { panic!("counted WHAT MONITOR AGO IP N") };
    let what = Counted::ALL.into_iter().find(|counted| counted.name() == what).expect("what is counted");
    let now = mail::Time::from_secs(6_000_030);
    host.clock.set(mail::Time::from_secs(now.secs() - ago.parse::<u64>().expect("seconds")));
    let tally = Monitor::parse(monitor).expect("seconds,count").tally(what);
    audit::add(&**host, &tally, address.parse().expect("an address"), amount.parse().expect("a number"));
    host.clock.set(now);
}

/// Says what it was told to say.
struct Engine(String);

impl VirusScanner for Engine {
    fn engine(&self) -> &'static str {
        "clamav"
    }

    fn scan(&self, _: Bytes, _: &Rc<dyn Host>) -> Later<Scan> {
        let scan = match &*self.0 {
            "clean" => Scan::Clean,
            "down" => Scan::Failed("it is down".into()),
            name => Scan::Infected(name.to_owned()),
        };
        Box::pin(ready(scan))
    }
}

struct Signed(Vec<String>);

impl SignatureVerifier for Signed {
    fn domains(&self, _: Bytes, _: &Rc<dyn Host>) -> Later<Vec<String>> {
        Box::pin(ready(self.0.clone()))
    }
}

struct Listed {
    spent: String,
    hits: Vec<(Box<str>, String)>,
}

impl LinkList for Listed {
    fn rip(self: Rc<Self>, _: Content, spent: u32, _: Rc<dyn Host>) -> Later<Ripped> {
        Box::pin(ready(Ripped { hits: self.hits.clone(), spent: spent + 3 }))
    }

    fn spent_variable(&self) -> &str {
        &self.spent
    }
}

/// Has a mailbox for everybody, for nobody, or a disk that is full; what it takes stands among what was logged.
struct Post(String, Rc<FakeHost>);

impl Mailboxes for Post {
    fn deliver(&self, delivery: Delivery, _: &Rc<dyn Host>) -> Later<Result<(), MailboxFault>> {
        let text = String::from_utf8_lossy(&delivery.content).replace("\r\n", "\\n");
        let done = match &*self.0 {
            "everybody" => {
                self.1.logged.borrow_mut().push((delivery.recipient.to_string().into(), text));
                Ok(())
            }
            "nobody" => Err(MailboxFault::Unknown),
            why => Err(MailboxFault::Unwritten(why.to_owned())),
        };
        Box::pin(ready(done))
    }
}

/// Says `STAGE CODE TEXT`, or `nobody` or `unreachable`.
struct Remote(String);

impl RecipientProbe for Remote {
    fn ask(&self, probe: Probe, _: &Rc<dyn Host>) -> Later<Result<Probed, ProbeFault>> {
        let about = format!("{} from <{}>", probe.recipient, probe.sender);
        let words: Vec<&str> = self.0.splitn(3, ' ').collect();
        let said = match words[..] {
            ["nobody"] => Err(ProbeFault::Nobody(format!("nobody for {about}"))),
            ["unreachable"] => Err(ProbeFault::Unreachable(format!("no answer for {about}"))),
            [stage, code, text] => {
                let stage = match stage {
                    "greeting" => ProbeStage::Greeting,
                    "sender" => ProbeStage::Sender,
                    _ => ProbeStage::Recipient,
                };
                let reply = mail::Reply::verbatim(code.parse().expect("a code"), format!("{text} {about}"));
                Ok(Probed { stage, reply })
            }
            _ => panic!("callback STAGE CODE TEXT"),
        };
        Box::pin(ready(said))
    }
}
