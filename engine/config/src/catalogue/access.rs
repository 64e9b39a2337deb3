//! Known options of access and privileges that nobody obeys yet.

use crate::{Dictionary, List, OptionDef, OptionalText, Text};

const AUTHENTICATION: &str = "authentication";
const UNIT: &str = "the systemd unit does it: set it there, and remove the option";

pub const OPTIONS: &[OptionDef] = crate::definitions! {
    /// AUTH PLAIN: uri, log_authentication.
    authplainparameters: Dictionary = "",
        in [http_listener, xmpp_listener], tier 1 Coming(AUTHENTICATION);
    /// AUTH CRAM-MD5: uri, log_authentication.
    authcrammd5parameters: Dictionary = "",
        in [control_listener], tier 2 Coming(AUTHENTICATION);
    /// Capabilities kept when privileges are dropped.
    capabilities: OptionalText = "", in [security],
        tier 2 Approximated("sockets are bound before privileges are dropped; none is kept");
    /// Folder that the process is shut up in.
    chroot: OptionalText = "", in [security], tier 3 Refused(UNIT);
    /// Solaris privileges.
    privileges: OptionalText = "", in [security], tier 3 Ignored("this is Linux");
    /// Groups besides the first.
    supplemental_groups: List<Text> = "", in [security],
        tier 3 Approximated("the groups that the system gives the user");
};
