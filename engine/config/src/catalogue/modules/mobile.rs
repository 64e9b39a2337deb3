//! Channels that are no mail.

use super::KnownModule;
use crate::{Instances, Standing};

const fn out_of_scope(name: &'static str, documentation: &'static str) -> KnownModule {
    let standing = Standing::Ignored("mobile channels are out of scope");
    KnownModule::listed(name, 3, documentation, standing, Instances::Any, &[])
}

pub const MODULES: &[KnownModule] = &[
    out_of_scope("apn", "Notifications through Apple."),
    out_of_scope("apn_logger", "The log of these."),
    out_of_scope("gcm", "Notifications through Google."),
    out_of_scope("gcm_logger", "The log of these."),
    out_of_scope("mm7", "Multimedia messages, as a client."),
    out_of_scope("mm7_serv", "Multimedia messages, as a server."),
    out_of_scope("mms_logger", "The log of these."),
    out_of_scope("mms_bounce_logger", "The log of their failures."),
    out_of_scope("smpp", "Short messages."),
    out_of_scope("smpp_logger", "The log of these."),
    out_of_scope("smpp_bounce_logger", "The log of their failures."),
];
