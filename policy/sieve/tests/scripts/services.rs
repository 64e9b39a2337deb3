//! Other modules, played by what a case says of them.

use bytes::Bytes;
use content::Content;
use policy_api::audit::{self, Counted, Monitor, Monitors};
use policy_api::testing::FakeHost;
use policy_api::{Host, Later, LinkList, Ripped, Scan, Services, SignatureVerifier, VirusScanner};
use std::future::ready;
use std::rc::Rc;

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
        "counted" => counted(rest, host),
        _ => return false,
    }
    true
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
