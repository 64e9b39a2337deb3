//! Hooks: what scripts get, and what their answers change.

use bytes::Bytes;
use content::Content;
use lua::{Script, load};
use mail::{Address, Contexts, Phase, Reply};
use policy_api::testing::{Conversation, run};
use policy_api::{Answer, Client, Credentials, Hook, HookKind, Host, Message, Module, Sources, Verdict};
use std::rc::Rc;
use std::sync::Arc;

fn module(body: &str) -> Rc<dyn Module> {
    let source = format!("local M = {{}} {body} msys.registerModule('case', M)");
    let mut sources = Sources::default();
    sources.insert("/site/case.lua", source.as_bytes());
    let script = Script { name: "case".into(), source: "case".into(), place: "site.conf:1".into() };
    load(&Arc::new(sources), vec!["/site".into()], &[script]).unwrap()
}

struct Scene {
    conversation: Conversation,
    client: Client,
    message: Message,
    contexts: Contexts,
}

impl Scene {
    fn new() -> Scene {
        let conversation = Conversation::default();
        let client = conversation.client.clone();
        let message = Message {
            sender: Some(Address::new("ann", "a.example")),
            recipient: Some(Address::new("bob", "b.example")),
            routing_domain: Some("b.example".into()),
            content: Content::new(Bytes::from_static(b"Subject: x\r\n\r\nbody\r\n")),
            ..Message::default()
        };
        Scene { conversation, client, message, contexts: Contexts::default() }
    }

    fn ask(&self, module: &dyn Module, mut hook: Hook<'_>) -> Verdict {
        assert!(module.hears(hook.kind()), "{:?}", hook.kind());
        let host: Rc<dyn Host> = self.conversation.host.clone();
        match module.hook(&mut hook, &host) {
            Answer::Now(verdict) => verdict,
            Answer::Later(answer) => run(answer),
        }
    }

    fn said(&self) -> Vec<String> {
        self.conversation.host.reported()
    }
}

#[test]
fn whoever_has_no_function_is_not_asked() {
    let module = module("function M:validate_data() return msys.core.VALIDATE_CONT end");
    for kind in [HookKind::LogDelivery, HookKind::PerformAuth, HookKind::GenerateBounces] {
        assert!(!module.hears(kind), "{kind:?}");
    }
    assert!(module.judges(Phase::Data) && !module.judges(Phase::Connect));
}

#[test]
fn what_is_logged_is_told_with_its_arguments() {
    let module = module(
        "local function show(...) print(table.concat({...}, ' ')) end \
         function M:core_log_reception_v1(ac, msg, now, note) show('in', tostring(ac.remote_addr), msg:mailfrom(), now) end \
         function M:core_log_rejection(now, ac, vctx, phase, format, args) show('no', phase, format, vctx:get(VCTX_CONN, 'k')) end \
         function M:core_log_delivery_v1(msg, dr, now, note) show('out', msg:rcptto(), dr.domain, note, msg:get_code()) end \
         function M:core_log_transient_failure_v1(msg, dr, now, note) show('later', note) end",
    );
    let mut scene = Scene::new();
    scene.contexts.connection.set("k", "v");
    let reply = Reply::verbatim(250, "2.0.0 taken");
    let no = Reply::verbatim(550, "5.7.1 no");
    let (client, mut message, mut contexts) =
        (scene.client.clone(), std::mem::take(&mut scene.message), std::mem::take(&mut scene.contexts));
    let hooks = 4;
    for at in 0..hooks {
        let (client, message, contexts, reply, no) = (&client, &mut message, &mut contexts, &reply, &no);
        let hook = match at {
            0 => Hook::LogReception { client, message, contexts },
            1 => {
                Hook::LogRejection { client, contexts, state: mail::SessionState::AwaitingRcptto, reply: no }
            }
            2 => Hook::LogDelivery { message, contexts, reply },
            _ => Hook::LogTransientFailure { message, contexts, reply: no },
        };
        assert_eq!(scene.ask(&*module, hook), Verdict::Continue);
    }
    assert_eq!(
        scene.said(),
        [
            "scriptlet: in 192.0.2.1:40000 ann@a.example 0",
            "scriptlet: no 6 550 5.7.1 no v",
            "scriptlet: out bob@b.example b.example 250 2.0.0 taken 250 2.0.0 taken",
            "scriptlet: later 550 5.7.1 no",
        ]
    );
    // What was lent is there again, and the reply that was shown is not the message's own.
    assert_eq!(message.recipient, Some(Address::new("bob", "b.example")));
    assert_eq!((message.code, contexts.connection.get("k")), (None, Some("v")));
}

#[test]
fn a_script_changes_what_is_logged_of_a_failure() {
    let module = module(
        "function M:core_log_permanent_failure_v1(msg, dr, now, note) msg:set_code(550, '5.1.1 ' .. dr.domain) end",
    );
    let (scene, mut contexts) = (Scene::new(), Contexts::default());
    let mut message = Message { routing_domain: Some("b.example".into()), ..Message::default() };
    let reply = Reply::verbatim(554, "no");
    let hook = Hook::LogPermanentFailure { message: &mut message, contexts: &mut contexts, reply: &reply };
    assert_eq!(scene.ask(&*module, hook), Verdict::Continue);
    assert_eq!(message.code, Some(Reply::verbatim(550, "5.1.1 b.example")));
}

#[test]
fn a_script_decides_about_notices() {
    for (body, before, expected, verdict) in [
        ("enabled[0] = 0 return msys.core.GENERATE_BOUNCES_HOOK_OK", true, false, Verdict::Done),
        ("enabled[0] = 1 return msys.core.GENERATE_BOUNCES_HOOK_OK", false, true, Verdict::Done),
        ("return msys.core.GENERATE_BOUNCES_HOOK_OK, false", true, false, Verdict::Done),
        ("return msys.core.GENERATE_BOUNCES_HOOK_CONT", true, true, Verdict::Continue),
        ("if enabled[0] == 1 then enabled[0] = 0 end", true, false, Verdict::Continue),
    ] {
        let module = module(&format!("function M:core_generate_bounces(msg, enabled) {body} end"));
        let (scene, mut message, mut contexts) = (Scene::new(), Message::default(), Contexts::default());
        let mut enabled = before;
        let hook =
            Hook::GenerateBounces { message: &mut message, contexts: &mut contexts, enabled: &mut enabled };
        assert_eq!((scene.ask(&*module, hook), enabled), (verdict, expected), "{body}");
    }
}

#[test]
fn a_script_says_what_we_prove_ourselves_with() {
    let module = module(
        "function M:outbound_smtp_auth_config(msg, ac, vctx) if msg:rcptto() == 'bob@b.example' then \
         msg:context_set(msys.core.ECMESS_CTX_MESS, 'outbound_smtp_auth_user', 'me') \
         vctx:set(VCTX_MESS, 'outbound_smtp_auth_pass', 'secret') \
         vctx:set(VCTX_MESS, 'outbound_smtp_auth_type', 'LOGIN') end end",
    );
    for (recipient, expected) in [("bob", Some(("me", "secret", "LOGIN"))), ("carol", None)] {
        let (scene, mut contexts, mut credentials) = (Scene::new(), Contexts::default(), None);
        let mut message =
            Message { recipient: Some(Address::new(recipient, "b.example")), ..Message::default() };
        let hook = Hook::OutboundAuth {
            message: &mut message,
            contexts: &mut contexts,
            credentials: &mut credentials,
        };
        assert_eq!(scene.ask(&*module, hook), Verdict::Continue);
        let expected = expected.map(|(user, password, mechanism)| Credentials {
            user: user.into(),
            password: password.into(),
            mechanism: mechanism.into(),
        });
        assert_eq!(credentials, expected);
    }
}

fn auth(module: &dyn Module, scene: &Scene, uri: &str, user: &str) -> (Verdict, Option<bool>, Option<Reply>) {
    let (mut passes, mut reply, mut contexts) = (None, None, Contexts::default());
    let hook = Hook::PerformAuth {
        client: &scene.client,
        contexts: &mut contexts,
        mechanism: "PLAIN",
        uri,
        user,
        password: "pw",
        passes: &mut passes,
        reply: &mut reply,
    };
    let verdict = scene.ask(module, hook);
    (verdict, passes, reply)
}

#[test]
fn users_are_checked_by_the_hook_of_ac_auth_and_by_registered_schemes() {
    let module = module(
        "function M:ac_auth_perform_auth(user, password, ac, response) \
           if user == 'out' then response:write('531 Get out of town', 19) return msys.core.EC_AUTH_FAIL end \
           if user == 'break' then error('boom') end \
           msys.sleep(1) \
           return user == 'ann' and password == 'pw' and msys.core.EC_AUTH_OK or msys.core.EC_AUTH_FAIL end \
         local A = {} \
         function A:authenticate(file, parameters, user, password) \
           if user == 'down' then return msys.core.EC_AUTH_ERROR end \
           return file == 'users' and user == 'ann' and msys.core.EC_AUTH_OK or msys.core.EC_AUTH_FAIL end \
         function M:init() msys.registerAuth('mine', A) return true end",
    );
    let scene = Scene::new();
    let down = Reply::fixed(454, (4, 7, 0), "Temporary authentication failure");
    for (uri, user, passes, reply) in [
        ("ac_auth://", "ann", Some(true), None),
        ("ac_auth://", "bob", Some(false), None),
        ("ac_auth://", "out", Some(false), Some(Reply::verbatim(531, "Get out of town"))),
        ("mine://users", "ann", Some(true), None),
        ("mine://other", "ann", Some(false), None),
        ("mine://users", "down", Some(false), Some(down)),
    ] {
        assert_eq!(auth(&*module, &scene, uri, user), (Verdict::Done, passes, reply), "{uri} {user}");
    }
    assert_eq!(auth(&*module, &scene, "other://x", "ann"), (Verdict::Continue, None, None));
    let (verdict, passes, _) = auth(&*module, &scene, "ac_auth://", "break");
    assert!(
        matches!(&verdict, Verdict::Failed(text) if text.contains("/site/case.lua:1: boom")),
        "{verdict:?}"
    );
    assert_eq!(passes, None);
}

#[test]
fn failed_users_are_told_of() {
    let module = module("function M:ac_auth_log_auth_failure(user, ac, response) print(user, response) end");
    let (scene, mut contexts) = (Scene::new(), Contexts::default());
    let reply = Reply::verbatim(535, "5.7.8 no");
    let hook =
        Hook::LogAuthFailure { client: &scene.client, contexts: &mut contexts, user: "eve", reply: &reply };
    assert_eq!(scene.ask(&*module, hook), Verdict::Continue);
    assert_eq!(scene.said(), ["scriptlet: eve\t535 5.7.8 no"]);
}

#[test]
fn relaying_is_permitted_denied_or_left_to_the_configuration() {
    for (body, expected) in [
        (
            "core_pre_ec_can_relay_to(domain, rv) if domain == 'b.example' then rv[0] = 1 return 1 end",
            Some(true),
        ),
        ("core_pre_ec_can_relay_to(domain, rv) rv[0] = 0 return 1", Some(false)),
        ("core_pre_ec_can_relay_to(domain, rv) return 0", None),
        ("core_config_get_domain_relay(domain) return 1", Some(true)),
        ("core_config_get_domain_relay(domain) return 0", None),
    ] {
        let module = module(&format!("function M:{body} end"));
        let (scene, mut contexts, mut permits) = (Scene::new(), Contexts::default(), None);
        let recipient = Address::new("bob", "b.example");
        let hook = Hook::CanRelayTo {
            client: &scene.client,
            contexts: &mut contexts,
            recipient: &recipient,
            permits: &mut permits,
        };
        scene.ask(&*module, hook);
        assert_eq!(permits, expected, "{body}");
    }
}

#[test]
fn a_session_that_ends_is_told_to_whom_it_has_met_and_forgotten() {
    let module = module(
        "function M:validate_connect(ac, vctx) self.count = (self.count or 0) + 1 print('count', self.count) return msys.core.VALIDATE_CONT end \
         function M:core_server_esmtp_session_abort(ac) print('gone', tostring(ac.remote_addr)) end \
         function M:validate_dealloc() print('end', self.count) end",
    );
    let mut scene = Scene::new();
    let mut contexts = Contexts::default();
    let client = scene.client.clone();
    let mut end = |scene: &Scene, is_aborted: bool| {
        if is_aborted {
            let hook = Hook::SessionAbort {
                client: &client,
                contexts: &mut contexts,
                state: mail::SessionState::ReadingBody,
            };
            assert_eq!(scene.ask(&*module, hook), Verdict::Continue);
        }
        let hook = Hook::SessionEnd { client: &client, contexts: &mut contexts };
        assert_eq!(scene.ask(&*module, hook), Verdict::Continue);
    };
    end(&scene, false);
    scene.conversation.ask(&*module, Phase::Connect);
    scene.conversation.ask(&*module, Phase::Connect);
    end(&scene, true);
    scene.conversation.ask(&*module, Phase::Connect);
    assert_eq!(
        scene.said(),
        ["count\t1", "count\t2", "gone\t192.0.2.1:40000", "end\t2", "count\t1"]
            .map(|line| format!("scriptlet: {line}"))
    );
}
