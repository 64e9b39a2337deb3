//! Every predefined variable that the engine itself sets, with the phase at which it appears (spec policy.md §6.1,
//! §6.2). Those of modules are tested with their modules; `tls_*` has no source, as there is no STARTTLS;
//! `#batch_ids` is told behind the reception and is looked at by the hooks' tests.

use crate::scene::rehearsed;
use shard::rehearsal::{Entrance, Login, Script, Visit};
use std::collections::BTreeSet;

const EXPECTED: [&str; 22] = [
    "accept: connection pathway = default",
    "accept: connection can_relay = true",
    "ehlo: connection ehlo_domain = c.example",
    "ehlo: connection ehlo_string = EHLO c.example",
    "auth: connection auth_name = PLAIN",
    "auth: connection auth_user = anonymous",
    "auth: connection auth_status = pass",
    "mailfrom: message mailfrom_string = MAIL FROM:<s@[10.1.0.1]> BODY=8BITMIME",
    "mailfrom: message mailfrom_localpart = s",
    "mailfrom: message mailfrom_domain = [10.1.0.1]",
    "rcptto: connection connection_rcpt_count = 1",
    "rcptto: connection message_rcpt_count = 1",
    "rcptto: connection connection_rcpt_count = 2",
    "rcptto: connection message_rcpt_count = 2",
    "rcptto: message rcptto_string = RCPT TO:<r1@[10.1.0.1]>",
    "rcptto: message rcptto_localpart = r1",
    "rcptto: message rcptto_domain = [10.1.0.1]",
    "rcptto: message rcptto_string = RCPT TO:<r2@[10.1.0.1]>",
    "rcptto: message rcptto_localpart = r2",
    "data: connection connection_message_count = 1",
    "data: message #8bitmime = true",
    "data: message rfc2822_date_missing = true",
];

/// At the split the variables of the recipient become those of each copy.
const OF_THE_FIRST_COPY: [&str; 2] = [
    "data_spool_each_rcpt: message rcptto_string = RCPT TO:<r1@[10.1.0.1]>",
    "data_spool_each_rcpt: message rcptto_localpart = r1",
];

#[test]
fn every_variable_of_the_engine_appears_at_its_phase() {
    let stanzas = "esmtp_listener { always_allow = true smtp_extensions = ( ENHANCEDSTATUSCODES \"AUTH PLAIN\" ) }\n\
        scripted \"one\" { }";
    let visit = Visit {
        listener: None,
        client: ([198, 51, 100, 7], 40_000).into(),
        helo: "c.example".into(),
        login: Some(Login { user: "tim".into(), proof: Some("AHRpbQBwZW5jaWw=".into()) }),
    };
    let transcript = rehearsed(
        stanzas,
        Script {
            entrance: Entrance::Smtp(visit),
            sender: "s@[10.1.0.1]".into(),
            recipients: vec!["r1@[10.1.0.1]".into(), "r2@[10.1.0.1]".into()],
            message: "Subject: x\r\n\r\ngr\u{fc}n\r\n".into(),
            zone: None,
            may_connect: false,
        },
    );
    let steps = transcript.exchanges.iter().flat_map(|exchange| &exchange.steps);
    let set: BTreeSet<String> = steps
        .filter(|step| step.module == "engine")
        .flat_map(|step| step.changes.iter().map(move |change| (step.phase, change)))
        .map(|(phase, change)| {
            format!(
                "{phase}: {} {} = {}",
                change.what,
                change.name,
                change.after.as_deref().unwrap_or("(gone)")
            )
        })
        .collect();
    let expected: BTreeSet<String> =
        EXPECTED.iter().chain(&OF_THE_FIRST_COPY).map(|line| (*line).to_owned()).collect();
    assert_eq!(set, expected, "{transcript:#?}");
}
