//! Known options of access and privileges that nobody obeys yet.

use crate::{Bool, Dictionary, List, OptionDef, Optional, OptionalText, Regex, Seconds, Text};

const AUTHENTICATION: &str = "authentication";
const CONSOLE: &str = "authorisation at the console";
const UNIT: &str = "the systemd unit does it: set it there, and remove the option";

pub const OPTIONS: &[OptionDef] = crate::definitions! {
    /// Whether clients must authenticate.
    enable_authentication: Optional<Bool> = "",
        in [control_listener, esmtp_listener, http_listener, listen, pathway, pathway_group, peer],
        tier 2 Coming(AUTHENTICATION);
    /// True: every authentication succeeds.
    always_allow: Bool = "false",
        in [control_listener, esmtp_listener, http_listener, listen, pathway, pathway_group, peer],
        tier 2 Coming(AUTHENTICATION);
    /// True: every authentication fails; wins over always_allow.
    always_deny: Bool = "false",
        in [control_listener, esmtp_listener, http_listener, listen, pathway, pathway_group, peer],
        tier 2 Coming(AUTHENTICATION);
    /// AUTH LOGIN: uri, log_authentication.
    authloginparameters: Dictionary = "", in [control_listener, esmtp_listener, listen, pathway, pathway_group],
        tier 1 Coming(AUTHENTICATION);
    /// AUTH PLAIN: uri, log_authentication.
    authplainparameters: Dictionary = "",
        in [esmtp_listener, http_listener, listen, pathway, pathway_group, xmpp_listener],
        tier 1 Coming(AUTHENTICATION);
    /// AUTH CRAM-MD5: uri, log_authentication.
    authcrammd5parameters: Dictionary = "",
        in [control_listener, esmtp_listener, listen, pathway, pathway_group], tier 2 Coming(AUTHENTICATION);
    /// AUTH DIGEST-MD5: uri, realm, stored_cleartext, log_authentication.
    authdigestmd5parameters: Dictionary = "",
        in [control_listener, esmtp_listener, http_listener, listen, pathway, pathway_group, peer,
            xmpp_listener], tier 2 Coming(AUTHENTICATION);
    /// Where the groups of a user stand: uri.
    authorizationparameters: Dictionary = "", in [control_listener, esmtp_listener, listen],
        tier 2 Coming(CONSOLE);
    /// Whether the Authorization stanza rules the console commands given here.
    enable_authorization: Optional<Bool> = "", in [control_listener, listen, peer], tier 2 Coming(CONSOLE);
    /// Commands that a role may give: one of these matches.
    allow: List<Regex> = "", in [role], tier 2 Coming(CONSOLE);
    /// Seconds without a command before a console is closed.
    timeout: Seconds = "60", in [control_listener], tier 2 Ignored("consoles may stay");
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
