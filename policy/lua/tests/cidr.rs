//! Tables of address blocks: defined by init(), asked by callouts.

use lua::{Script, load};
use mail::Phase;
use policy_api::testing::Conversation;
use policy_api::{Sources, Verdict};
use std::sync::Arc;

#[test]
fn a_table_of_a_file_is_asked_about_the_client_and_others() {
    let file = std::env::temp_dir().join(format!("impetus-lua-cidr-{}", std::process::id()));
    std::fs::write(&file, "192.0.2.0/24 :127.0.0.2:listed\n").unwrap();
    let source = format!(
        "local M = {{}} function M:init() msys.cidr.define('t', {{ type = 'rbldnsd', source = '{}', value = 'txt', \
         default_value = 'no' }}) return true end \
         function M:validate_connect(ac, vctx) vctx:set(VCTX_CONN, 'said', msys.cidr.query('t') .. ' ' .. \
         msys.cidr.query('t', '198.51.100.1')) msys.cidr.reload('t') return msys.core.VALIDATE_CONT end \
         function M:validate_ehlo() msys.cidr.query('none') end msys.registerModule('case', M)",
        file.display()
    );
    let mut sources = Sources::default();
    sources.insert("/site/case.lua", source.as_bytes());
    let script = Script { name: "case".into(), source: "case".into(), place: "site.conf:1".into() };
    let module = load(&Arc::new(sources), vec!["/site".into()], &[script]).unwrap();
    let mut conversation = Conversation::default();
    assert_eq!(conversation.ask(&*module, Phase::Connect), Verdict::Continue);
    assert_eq!(conversation.contexts.connection.get("said"), Some("listed no"));
    assert!(matches!(conversation.ask(&*module, Phase::Ehlo), Verdict::Failed(_)));
    std::fs::remove_file(file).unwrap();
}
