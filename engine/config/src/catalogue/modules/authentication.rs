//! Who a client is, and who we are to a next hop.

use super::{KnownModule, fields, stanza};
use crate::{Dictionary, Instances, Integer, Optional, OptionalText, Seconds, Standing, Text};

const AUTHENTICATION: Standing = Standing::Coming("authentication");

pub const MODULES: &[KnownModule] = &[
    KnownModule::built("auth_ds", 1, "Looks users up in data sources."),
    KnownModule::built("ac_auth", 1, "Lets a Lua function say whether a user is one."),
    KnownModule::listed(
        "auth_radius",
        2,
        "Asks RADIUS servers about users.",
        AUTHENTICATION,
        Instances::Any,
        &[fields! {
            nas_ip_address spelt "NAS-IP-Address": OptionalText = "" "Our address, as servers are told.";
            nas_identifier spelt "NAS-Identifier": Optional<Integer> = "" "Our number, as servers are told.";
            map: Dictionary = "" "What stands for user name and password.";
        }],
    )
    .with(&[stanza(
        "server",
        true,
        &[fields! {
            host: OptionalText = "" "Name or address, and port (1812).";
            secret: OptionalText = "" "The secret that we share.";
            max_tries: Integer = "3" "Questions before the next server.";
            timeout: Seconds = "5" "Seconds for an answer.";
        }],
        &[],
    )]),
    KnownModule::built("smtp_auth_proxy", 2, "Tries a user's password at another mail server."),
    KnownModule::built("outbound_smtp_auth", 1, "Authenticates to next hops; it is always there."),
    KnownModule::listed(
        "securecreds",
        2,
        "Keeps passwords of data sources encrypted.",
        Standing::Coming("secrets"),
        Instances::Any,
        &[fields! {
            credentials: Text = "/opt/msys/etc/credentials.db" "The store.";
            key: Text = "/opt/msys/etc/credentials.key" "File of its key.";
        }],
    ),
];
