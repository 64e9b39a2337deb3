//! Commands of the console that scripts have registered, and scripts that ask another server about a recipient.

use lua::{MODULE, Script, load_beside};
use policy_api::testing::Conversation;
use policy_api::{Cell, Module, Services, Sources};
use std::rc::Rc;
use std::sync::Arc;

fn module(body: &str, services: &Rc<Services>) -> Rc<dyn Module> {
    let source = format!("local M = {{}} {body} msys.registerModule('case', M)");
    let mut sources = Sources::default();
    sources.insert("/site/case.lua", source.as_bytes());
    let script = Script { name: "case".into(), source: "case".into(), place: "site.conf:1".into() };
    load_beside(&Arc::new(sources), vec!["/site".into()], &[script], services).unwrap()
}

#[test]
fn a_registered_command_answers_what_it_prints() {
    let module = module(
        "msys.registerControl('site', function(cc) print('site', cc.argc) end) \
         function M:init() msys.registerControl('site  show', function(cc) \
           msys.sleep(1) for i = 0, cc.argc - 1 do print(i, cc.argv[i]) end end) return true end \
         function M:rsrc_setup() msys.registerControl('broken', function() error('boom', 0) end) end \
         msys.registerControl('endless', function() while true do print('x') end end)",
        &Rc::default(),
    );
    for (line, expected) in [
        ("site show a b", Some("scriptlet run site show a b")),
        (" site ", Some("scriptlet run site")),
        ("sites", None),
        ("", None),
    ] {
        assert_eq!(module.command_of(line).as_deref(), expected, "{line}");
    }
    let conversation = Conversation::default();
    for (words, expected) in [
        (&["site", "show", "a b"][..], Ok("0\tsite\n1\tshow\n2\ta b")),
        (&["site", "other"], Ok("site\t2")),
        (&["broken"], Err("boom")),
        (&["nothing"], Err("no script has registered the command nothing")),
        (&["endless"], Err("budget")),
    ] {
        match (conversation.order(&module, MODULE.commands[0], words), expected) {
            (Ok(told), Ok(text)) => assert_eq!(told.head, [("output", Cell::Text(text.into()))]),
            (Err(said), Err(text)) => assert!(said.contains(text) || said.contains("1 MiB"), "{said}"),
            (got, _) => panic!("{words:?}: {got:?}"),
        }
    }
    assert_eq!(conversation.host.reported(), [""; 0]);
}
