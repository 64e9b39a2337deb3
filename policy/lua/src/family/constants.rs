//! The numbers of `msys.core`. Their values are not published; scripts name them.

use crate::function::{Family, namespace};
use crate::machine::Machine;

pub static FAMILY: Family = Family { name: "constants", definitions: &[], set_up };

pub const CONTINUE: i64 = 0;
pub const DONE: i64 = 1;
pub const AGAIN: i64 = 2;
pub const MESSAGE_CONTEXT: i64 = 1;
pub const CONNECTION_CONTEXT: i64 = 2;
pub const ENVELOPE_FROM: i64 = 1;
pub const ENVELOPE_TO: i64 = 2;
pub const ENVELOPE_COMPLETE: i64 = 4;
pub const AUTH_OK: i64 = 1;
pub const AUTH_ERROR: i64 = -2;
pub const BOUNCES_OK: i64 = 1;
pub const PROTOCOLS: [(&str, i64); 5] =
    [("P_ESMTP", 1), ("P_ECSTREAM", 2), ("P_INTERNAL", 3), ("P_HTTP", 4), ("P_LMTP", 5)];

const NUMBERS: [(&str, i64); 42] = [
    ("VALIDATE_CONT", CONTINUE),
    ("VALIDATE_DONE", DONE),
    ("VALIDATE_AGAIN", AGAIN),
    // Sites use the two families on both objects (spec policy.md §6).
    ("VCTX_MESS", MESSAGE_CONTEXT),
    ("VCTX_CONN", CONNECTION_CONTEXT),
    ("ECMESS_CTX_MESS", MESSAGE_CONTEXT),
    ("ECMESS_CTX_CONN", CONNECTION_CONTEXT),
    ("EC_MSG_ENV_FROM", ENVELOPE_FROM),
    ("EC_MSG_ENV_TO", ENVELOPE_TO),
    ("EC_MSG_ENV_COMPLETE", ENVELOPE_COMPLETE),
    ("EC_AUTH_OK", AUTH_OK),
    ("EC_AUTH_FAIL", 0),
    ("EC_AUTH_ERROR", AUTH_ERROR),
    ("GENERATE_BOUNCES_HOOK_CONT", 0),
    ("GENERATE_BOUNCES_HOOK_OK", BOUNCES_OK),
    ("ENQUEUE_HOOK_CONT", 0),
    ("ENQUEUE_HOOK_OK", 1),
    ("ENQUEUE_HOOK_ERR", 2),
    ("EC_MIME_TE_7BIT", 0),
    ("EC_MIME_TE_8BIT", 1),
    ("EC_MIME_TE_BINARY", 2),
    ("EC_MIME_TE_QP", 3),
    ("EC_MIME_TE_QUOTED_PRINTABLE", 3),
    ("EC_MIME_TE_BASE64", 4),
    ("AF_INET", 2),
    ("AF_INET6", 10),
    ("O_RDONLY", 0),
    ("O_WRONLY", 1),
    ("O_RDWR", 2),
    ("O_CREAT", 64),
    ("O_EXCL", 128),
    ("O_TRUNC", 512),
    ("O_APPEND", 1024),
    ("ECTP_COMPLETE_CALLBACK_SCHED", 1),
    ("EC_AV_CLEAN", 0),
    ("EC_AV_INFECTED", 1),
    ("EC_AV_UNSCANNABLE", 2),
    ("EC_AV_ERROR", 3),
    ("EC_AV_NO_ENGINE", 4),
    ("EC_AV_NAME_TOO_LONG", 5),
    ("EC_AV_PART_IS_CONTAINER", 6),
    ("EC_AV_NOT_SUITABLE_FOR_STREAMING", 7),
];

/// Every name of the product that `require` answers.
const NAMESPACES: [&str; 12] = [
    "msys.boot",
    "msys.core",
    "msys.datasource",
    "msys.default_policy",
    "msys.extended",
    "msys.extended.ac",
    "msys.extended.httpsrv",
    "msys.extended.message",
    "msys.extended.message_routing",
    "msys.extended.vctx",
    "msys.delivery",
    "msys.policyeditor",
];

fn set_up(machine: &Machine) -> mlua::Result<()> {
    let core = namespace(machine, "msys.core")?;
    for (name, value) in NUMBERS.into_iter().chain(PROTOCOLS) {
        core.set(name, value)?;
    }
    // What scripts require although it is there without.
    for name in NAMESPACES {
        namespace(machine, name)?;
    }
    // Bare in vendor samples.
    let globals = machine.lua.globals();
    globals.set("VCTX_MESS", MESSAGE_CONTEXT)?;
    globals.set("VCTX_CONN", CONNECTION_CONTEXT)
}
