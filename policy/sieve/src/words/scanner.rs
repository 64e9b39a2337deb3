//! What other modules find out about a message when a script asks them (spec sieve.md §5.5, §5.6): they may be passive.

use super::network::{finish, may_wait};
use super::signing::responsible;
use crate::fault::Fault;
use crate::machine::Call;
use crate::scene::{Scene, mailbox, sender};
use crate::value::{Hash, Value};
use crate::word::{Got, Kind, Word, may, needs};
use mail::Dictionary;
use policy_api::{
    Level, LinkList, Probe, ProbeFault, ProbeServer, ProbeStage, Probed, RecipientProbe, Ripped, Scan,
    SignatureVerifier, VirusScanner, note_scan,
};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

pub(super) static WORDS: &[Word] = &[
    Word::wait("ec_url_ripper", rip).at("D").doc(
        "Has url_ripper ask its list about the links and address fields: a hash of context variables, each with the \
         names that are listed. The variables are set, too.",
    ),
    Word::wait("clamav_avscan", |call| scan(call, "clamav"))
        .at("DXS")
        .doc("Has the engine clamav scan the message; clamav_status and clamav_status_info say what it found."),
    Word::wait("ec_dkim_domains", signers)
        .at("DXBS")
        .doc("The domains whose DKIM signatures pass, from dkim_validate."),
    Word::wait("smtp_callback_verify", call_back)
        .takes(&[needs("address", Kind::Text), may("sender", Kind::Text)])
        .at("MR")
        .doc("Asks the hosts of an address whether it exists: pass, fail, transient or error, and what they say."),
    Word::value("ec_dkim_responsible_domain", responsible_domain)
        .at("DXBS")
        .doc("The domain of Sender, else of From."),
];

fn rip(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    may_wait(call)?;
    let scene = &call.scene;
    let lists = scene.shared.services.all::<Rc<dyn LinkList>>();
    if lists.is_empty() {
        return Err(Fault::new("the configuration has no url_ripper"));
    }
    let content = scene.message.content.clone();
    let begun = lists.into_iter().map(|list| {
        let spent = count_of(&scene.contexts.message, list.spent_variable());
        let ripping = (*list).clone().rip(content.clone(), spent as u32, scene.host.clone());
        (list.spent_variable().to_owned(), ripping)
    });
    let begun: Vec<_> = begun.collect();
    Ok(Got::Later(Box::pin(async move {
        let mut found = Vec::new();
        for (variable, ripping) in begun {
            found.push((variable, ripping.await));
        }
        finish(move |scene| Ok(noted(found, scene)))
    })))
}

fn count_of(variables: &Dictionary, key: &str) -> u64 {
    variables.get(key).and_then(|count| count.parse().ok()).unwrap_or(0)
}

fn noted(found: Vec<(String, Ripped)>, scene: &mut Scene<'_>) -> Value {
    let variables = &mut scene.contexts.message;
    let mut names: BTreeMap<Box<str>, Vec<String>> = BTreeMap::new();
    for (spent, ripped) in found {
        variables.set(&spent, &ripped.spent.to_string());
        for (key, name) in ripped.hits {
            variables.set(&key, &(count_of(variables, &key) + 1).to_string());
            names.entry(key).or_default().push(name);
        }
    }
    let hash = names.into_iter().map(|(key, names)| (key.into(), names.into_iter().collect()));
    Value::Hash(Hash::new(hash.collect()))
}

fn scan(call: &mut Call<'_, '_>, engine: &'static str) -> Result<Got, Fault> {
    may_wait(call)?;
    let scanner = call.scene.shared.services.find::<Rc<dyn VirusScanner>>(engine);
    let scanner = scanner.ok_or_else(|| format!("no antivirus stanza has an engine {engine}"))?;
    let variable = scanner.variable();
    let scan = scanner.scan_message(&call.scene.message.content, call.scene.host);
    Ok(Got::Later(Box::pin(async move {
        let scan = scan.await;
        finish(move |scene| {
            if let Scan::Failed(why) = &scan {
                scene.report(Level::Error, &format!("{engine}: {why}"));
            }
            note_scan(&scan, &variable, &mut scene.contexts.message);
            Ok(Value::default())
        })
    })))
}

/// What dkim_validate has noted, or finds now.
fn signers(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    let variables = &call.scene.contexts.message;
    if variables.get("dkim_status").is_some() {
        let domains = variables.get("dkim_domains").unwrap_or("").split_whitespace();
        return Ok(Got::Value(domains.collect()));
    }
    may_wait(call)?;
    let verifier = call.scene.shared.services.find::<Rc<dyn SignatureVerifier>>("dkim_validate");
    let verifier = verifier.ok_or("the configuration has no dkim_validate")?;
    let domains = verifier.domains(call.scene.message.content.octets(), call.scene.host);
    Ok(Got::Later(Box::pin(async move {
        let domains = domains.await;
        finish(move |_| Ok(domains.into_iter().collect()))
    })))
}

fn responsible_domain(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::from(responsible(call).unwrap_or_default()))
}

/// For all that the other servers say; smtp_cbv waits as long.
const CALL: Duration = Duration::from_secs(30);

fn call_back(call: &mut Call<'_, '_>) -> Result<Got, Fault> {
    may_wait(call)?;
    let recipient = mailbox(&call.text(0))?;
    let sender = call.optional(1).map(|text| sender(&text)).transpose()?.flatten();
    let prober = call.scene.shared.services.find::<Rc<dyn RecipientProbe>>("smtp_cbv");
    let prober = prober.ok_or("the configuration has no smtp_cbv")?;
    let probe = Probe {
        server: ProbeServer::Domain(recipient.folded_domain().into()),
        sender: sender.as_ref().map_or("", |sender| sender.as_str()).into(),
        recipient: recipient.as_str().into(),
        within: CALL,
    };
    let said = prober.ask(probe, call.scene.host);
    Ok(Got::Later(Box::pin(async move {
        let (result, text) = meaning(said.await);
        finish(move |_| Ok([result.to_owned(), text].into_iter().collect()))
    })))
}

/// A server that does not want to talk with us has said nothing about the address.
fn meaning(said: Result<Probed, ProbeFault>) -> (&'static str, String) {
    match said {
        Ok(Probed { stage, reply }) => {
            let result = match stage {
                ProbeStage::Recipient if reply.is_success() => "pass",
                ProbeStage::Sender | ProbeStage::Recipient if reply.is_permanent() => "fail",
                _ => "transient",
            };
            (result, reply.to_string())
        }
        Err(ProbeFault::Unreachable(text)) => ("transient", text),
        Err(ProbeFault::Nobody(text)) => ("error", text),
    }
}
