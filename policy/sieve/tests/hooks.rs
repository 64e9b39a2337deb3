//! Scripts at hooks: what they see, what they may decide, and that nobody is asked who has nothing to say.

use bytes::Bytes;
use config::{MemoryLoader, Registry};
use content::Content;
use mail::{Address, Contexts, Phase, Reply};
use policy_api::testing::{Conversation, run};
use policy_api::{
    Answer, Client, Hook, HookKind, Host, Level, Make, Message, Module, Services, Sources, Verdict,
};
use std::rc::Rc;
use std::sync::Arc;

fn made(hook: &str, script: &str) -> Result<Rc<dyn Module>, String> {
    made_with(hook, "", script)
}

fn made_with(hook: &str, options: &str, script: &str) -> Result<Rc<dyn Module>, String> {
    let registry = Registry::new(&[], &[sieve::MODULE.syntax]);
    let text = format!(
        "sieve \"t\" {{ hook \"{hook}\" {{ source = \"/s/hook.siv\" async = \"false\" {options} }} }}"
    );
    let loader = MemoryLoader::default().with("/test.conf", text);
    let (snapshot, _) =
        config::load("/test.conf", &loader, &registry, &[]).map_err(|all| all[0].to_string())?;
    let mut sources = Sources::default();
    sources.insert("/s/hook.siv", script.as_bytes());
    let make = Make {
        sources: &Arc::new(sources),
        services: &Rc::new(Services::default()),
        hostname: "mx.example",
        debug_level: Level::Error,
        shard: 0,
        shards: 1,
    };
    let stanza = snapshot.module("sieve", "t").expect("the stanza");
    (sieve::MODULE.make)(stanza, &make).map_err(|finding| finding.to_string())
}

struct Told {
    client: Client,
    message: Message,
    contexts: Contexts,
    enabled: bool,
}

impl Told {
    fn new() -> Told {
        let mut told = Told {
            client: Conversation::default().client,
            message: Message::default(),
            contexts: Contexts::default(),
            enabled: true,
        };
        told.message.sender = Some(Address::new("a", "from.example"));
        told.message.recipient = Some(Address::new("b", "to.example"));
        told.message.content = Content::new(Bytes::from_static(b"Subject: hello\r\n\r\nbody\r\n"));
        told.contexts.connection.set("trusted", "yes");
        told
    }

    fn hook<'a>(&'a mut self, kind: HookKind, reply: &'a Reply) -> Hook<'a> {
        let Told { client, message, contexts, enabled } = self;
        match kind {
            HookKind::LogAuthFailure => Hook::LogAuthFailure { client, contexts, user: "u", reply },
            HookKind::LogRejection => {
                Hook::LogRejection { client, contexts, state: mail::SessionState::ReadingBody, reply }
            }
            HookKind::LogReception => Hook::LogReception { client, message, contexts },
            HookKind::LogDelivery => Hook::LogDelivery { message, contexts, reply },
            HookKind::LogTransientFailure => Hook::LogTransientFailure { message, contexts, reply },
            HookKind::LogPermanentFailure => Hook::LogPermanentFailure { message, contexts, reply },
            HookKind::GenerateBounces => Hook::GenerateBounces { message, contexts, enabled },
            HookKind::SessionAbort => {
                Hook::SessionAbort { client, contexts, state: mail::SessionState::ReadingBody }
            }
            _ => Hook::SessionEnd { client, contexts },
        }
    }
}

const EVENTS: [(&str, HookKind); 9] = [
    ("ac_auth_log_auth_failure", HookKind::LogAuthFailure),
    ("core_log_rejection", HookKind::LogRejection),
    ("core_log_reception_v1", HookKind::LogReception),
    ("core_log_delivery_v1", HookKind::LogDelivery),
    ("core_log_transient_failure_v1", HookKind::LogTransientFailure),
    ("core_log_permanent_failure_v1", HookKind::LogPermanentFailure),
    ("core_generate_bounces", HookKind::GenerateBounces),
    ("core_server_esmtp_session_abort", HookKind::SessionAbort),
    ("validate_dealloc", HookKind::SessionEnd),
];

fn tell(module: &Rc<dyn Module>, told: &mut Told, kind: HookKind, reply: &Reply) -> (Verdict, Conversation) {
    let conversation = Conversation::default();
    let host: Rc<dyn Host> = conversation.host.clone();
    let mut hook = told.hook(kind, reply);
    let verdict = match module.hook(&mut hook, &host) {
        Answer::Now(verdict) => verdict,
        Answer::Later(answer) => run(answer),
    };
    (verdict, conversation)
}

#[test]
fn a_script_runs_at_its_hook_and_at_no_other() {
    const SCRIPT: &str = "if vctx_conn :is \"trusted\" \"yes\" { vctx_conn_set \"seen\" \"yes\"; }
        $x = ec_dns_lookup \"none.example\" \"a\"; ec_inc_counter \"hook:told\";";
    let reply = Reply::verbatim(550, "5.1.1 no such user");
    for (name, kind) in EVENTS {
        let module = made(name, SCRIPT).unwrap();
        for (other, other_kind) in EVENTS {
            assert_eq!(module.hears(other_kind), kind == other_kind, "{name} {other}");
            let mut told = Told::new();
            let (verdict, conversation) = tell(&module, &mut told, other_kind, &reply);
            assert_eq!(verdict, Verdict::Continue, "{name} {other}");
            let seen = told.contexts.connection.get("seen");
            assert_eq!(seen.is_some(), kind == other_kind, "{name} {other}");
            let counters = conversation.host.counters.borrow();
            let counter = format!("/sieve/t/{name}:hook:told (informational)");
            assert_eq!(counters.contains_key(&counter), kind == other_kind, "{counter}");
        }
        assert!(Phase::ALL.into_iter().all(|phase| module.judges(phase) == (phase == Phase::Data)), "{name}");
    }
}

#[test]
fn a_script_sees_the_message_and_the_reply_and_decides_what_the_hook_lets_it() {
    use HookKind::{GenerateBounces, LogDelivery, LogPermanentFailure, LogReception};
    let reply = Reply::verbatim(550, "5.1.1 no such user");
    let all = "$c = ec_get_message_code; $s = ec_header_get \"Subject\"; vctx_mess_set \"r\" \"${c}${s}\";";
    for (name, kind, script, result, code, enabled) in [
        ("core_log_delivery_v1", LogDelivery, all, "550 5.1.1 no such user\r\nhello", None, true),
        ("core_log_reception_v1", LogReception, all, "250 2.0.0 OK\r\nhello", None, true),
        (
            "core_log_permanent_failure_v1",
            LogPermanentFailure,
            "if header :is \"Subject\" \"hello\" { ec_action 554 \"5.7.1 hidden\"; }",
            "",
            Some("554 5.7.1 hidden"),
            true,
        ),
        ("core_log_permanent_failure_v1", LogPermanentFailure, "keep;", "", None, true),
        (
            "core_generate_bounces",
            GenerateBounces,
            "if envelope :domain :is \"to\" \"to.example\" { discard; }",
            "",
            None,
            false,
        ),
        ("core_generate_bounces", GenerateBounces, "keep;", "", None, true),
    ] {
        let mut told = Told::new();
        let (verdict, _) = tell(&made(name, script).unwrap(), &mut told, kind, &reply);
        assert_eq!(verdict, Verdict::Continue, "{name}");
        assert_eq!(told.contexts.message.get("r").unwrap_or(""), result, "{name}");
        assert_eq!(told.message.code.map(|code| code.to_string()).as_deref(), code, "{name}");
        assert_eq!(told.enabled, enabled, "{name}");
    }
}

#[test]
fn who_may_relay_is_refused_by_the_script_or_answered_with_a_number() {
    let bans = "if envelope :domain :is \"to\" \"banned.example\" { reject \"no\"; }";
    for (options, script, recipient, expected) in [
        ("return = 1", "stop;", "to.example", Some(true)),
        ("return = 0", "keep;", "to.example", None),
        ("", bans, "to.example", None),
        ("", bans, "banned.example", Some(false)),
        ("return = 1", bans, "banned.example", Some(false)),
        ("return = 1", bans, "to.example", Some(true)),
        ("return = 1", "$x = ec_div 1 0;", "to.example", None),
    ] {
        let module = made_with("core_pre_ec_can_relay_to", options, script).unwrap();
        assert!(module.hears(HookKind::CanRelayTo));
        let (mut told, mut permits) = (Told::new(), None);
        let host: Rc<dyn Host> = Conversation::default().host;
        let mut hook = Hook::CanRelayTo {
            client: &told.client,
            contexts: &mut told.contexts,
            recipient: &Address::new("b", recipient),
            permits: &mut permits,
        };
        if let Answer::Later(answer) = module.hook(&mut hook, &host) {
            run(answer);
        }
        assert_eq!(permits, expected, "{options} {script} {recipient}");
    }
}

#[test]
fn what_we_prove_ourselves_with_is_set_for_the_message() {
    let script = "if envelope :domain :is \"to\" \"to.example\" { vctx_mess_set \"outbound_smtp_auth_user\" \"ann\"; }";
    let module = made("outbound_smtp_auth_config", script).unwrap();
    let (mut told, mut credentials) = (Told::new(), None);
    let host: Rc<dyn Host> = Conversation::default().host;
    let Told { message, contexts, .. } = &mut told;
    let mut hook = Hook::OutboundAuth { message, contexts, credentials: &mut credentials };
    if let Answer::Later(answer) = module.hook(&mut hook, &host) {
        run(answer);
    }
    assert_eq!(contexts.message.get("outbound_smtp_auth_user"), Some("ann"));
}

#[test]
fn what_has_happened_cannot_be_changed() {
    let reply = Reply::verbatim(250, "2.0.0 OK");
    for (script, fault) in [
        ("ec_header_add \"X-Late\" \"yes\";", "the content cannot be changed in core_log_delivery_v1"),
        ("ec_action 550 \"late\";", "the reply cannot be changed in core_log_delivery_v1"),
        ("discard;", "the fate of a message cannot be changed in core_log_delivery_v1"),
        ("redirect \"c@d.example\";", "the recipient cannot be changed in core_log_delivery_v1"),
    ] {
        let mut told = Told::new();
        let (verdict, _) =
            tell(&made("core_log_delivery_v1", script).unwrap(), &mut told, HookKind::LogDelivery, &reply);
        assert!(matches!(&verdict, Verdict::Failed(text) if text.contains(fault)), "{script} {verdict:?}");
        assert!(!told.message.content.is_edited());
    }
}

#[test]
fn mail_about_an_event_is_sent_at_once() {
    let mut told = Told::new();
    let script = "generate_mail_raw \"\" \"ops@here.example\" \"Subject: failed\r\n\r\nx\r\n\";";
    let module = made("core_log_permanent_failure_v1", script).unwrap();
    let reply = Reply::verbatim(550, "no");
    let (verdict, conversation) = tell(&module, &mut told, HookKind::LogPermanentFailure, &reply);
    assert_eq!(verdict, Verdict::Continue);
    assert_eq!(conversation.host.injected.borrow().len(), 1);
}

#[test]
fn hooks_of_phases_run_behind_their_scripts() {
    for (name, phase) in [
        ("core_final_validation", Phase::FinalValidation),
        ("core_validate_accept", Phase::Accept),
        ("core_validate_connect", Phase::Connect),
        ("core_validate_data_spool_each_rcpt", Phase::DataSpoolEachRcpt),
        ("core_post_validate_data_spool_each_rcpt_v1", Phase::DataSpoolEachRcpt),
        ("msg_gen_data_spool", Phase::MsgGenDataSpool),
    ] {
        let module = made(name, "vctx_conn_set \"seen\" \"yes\";").unwrap();
        for asked in Phase::ALL {
            let mut conversation = Conversation::default();
            conversation.ask(&*module, asked);
            assert_eq!(
                conversation.contexts.connection.get("seen").is_some(),
                asked == phase,
                "{name} {asked:?}"
            );
        }
    }
    let module = made("msg_gen_data_spool", "ec_header_add \"X-Made\" \"yes\";").unwrap();
    let mut conversation = Conversation::default();
    conversation.ask(&*module, Phase::MsgGenDataSpool);
    assert!(conversation.message.content.field("X-Made").is_some());
}

#[test]
fn hooks_that_are_none_of_sieve_are_refused() {
    for (name, script, text) in [
        (
            "core_mailq_get_next_active",
            "keep;",
            "Sieve cannot run at the hook 'core_mailq_get_next_active'; expected one of core_final_validation",
        ),
        ("core_log_delivery_v1", "ec_tarpitt 1;", "did you mean"),
        ("core_validate_connect", "ec_header_add \"A\" \"b\";", "cannot be used in this phase"),
    ] {
        match made(name, script) {
            Ok(_) => panic!("{name} was taken"),
            Err(found) => assert!(found.contains(text), "{name}: {found}"),
        }
    }
}
