//! What structs, views and stanzas answer is the same.

use crate::declared::registry;
use config::{Lookup, MemoryLoader};

#[test]
fn a_view_and_a_stanza_answer_what_a_struct_asks() {
    let loader = MemoryLoader::default().with("m", "binding vip { retry_interval = 5 routes_of = 1 }");
    let complaints = config::load("m", &loader, &registry(), &[""]).expect_err("an unknown option");
    assert_eq!(complaints.len(), 1);
    let loader = MemoryLoader::default().with("m", "binding vip { retry_interval = 5 }");
    let (snapshot, _) = config::load("m", &loader, &registry(), &[""]).expect("a valid configuration");
    let option = registry().named("retry_interval").next().expect("a declared option");
    let vip = snapshot.stanzas("BINDING").find(|stanza| stanza.name() == "vip").expect("the binding");
    assert!(vip.find(option).is_some() && vip.view().find(option).is_some());
    assert!(snapshot.global().find(option).is_none());
    assert_eq!(vip.id().as_str(), "Binding:vip:");
    assert_eq!(vip.position().map(|position| position.to_string()).as_deref(), Some("m:1:1"));
    let found = vip.find(option).expect("a value");
    assert_eq!(found.get::<config::Seconds>().as_secs(), 5);
    assert_eq!(snapshot.objection(&found, "too short").line(), "m:1:15: error: too short");
}
