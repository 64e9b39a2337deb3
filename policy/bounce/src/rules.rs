//! What hosts say when they refuse: patterns of text, and classes of status codes.
//!
//! The law: the first row that matches decides, so the particular stands before the general. Patterns are
//! lower case, have at least two bytes, and `|` stands for any text.

use crate::class::Class;

/// Which basic codes a row is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Code {
    Any,
    Soft,
    Hard,
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub code: Code,
    pub class: Class,
    pub patterns: &'static [&'static str],
}

const fn any(class: Class, patterns: &'static [&'static str]) -> Rule {
    Rule { code: Code::Any, class, patterns }
}

const fn soft(class: Class, patterns: &'static [&'static str]) -> Rule {
    Rule { code: Code::Soft, class, patterns }
}

const fn hard(class: Class, patterns: &'static [&'static str]) -> Rule {
    Rule { code: Code::Hard, class, patterns }
}

#[rustfmt::skip]
pub(crate) const BY_TEXT: &[Rule] = &[
    // Texts of ours (spec logs.md §12).
    any(Class::Timeout, &[
        "[internal]|exceeded max", "[internal]|timed out", "[internal]|message expired",
    ]),
    any(Class::DnsFailure, &[
        "[internal]|no mxs for this domain", "[internal]|no mx or a", "[internal]|null mx",
        "[internal]|domain lookup failed",
    ]),
    any(Class::AdminFailure, &[
        "[internal]|manually purged", "[internal]|blackholed", "[internal]|private/loopback",
    ]),
    // Answers of people and of lists.
    any(Class::ChallengeResponse, &[
        "challenge-response", "challenge/response", "confirm that you are a human", "verify that you are a human",
        "to have your message delivered|click", "sender must be confirmed", "awaiting sender confirmation",
    ]),
    any(Class::AutoReply, &[
        "out of office", "out of the office", "on vacation", "auto-reply", "autoreply", "automatic reply",
    ]),
    any(Class::Unsubscribe, &["has unsubscribed", "unsubscribe request", "opted out of receiving"]),
    any(Class::Subscribe, &["subscription request", "subscribe request"]),
    // Later, please. Greylisting comes dressed as many things, so it is looked for first.
    soft(Class::TransientFailure, &[
        "greylist", "graylist", "grey-list", "gray-list", "grey list", "gray list", "postgrey", "rate limit",
        "ratelimit", "throttl", "too many connections", "too many concurrent", "too many messages",
        "too many recipients", "too many sessions", "sending rate", "too fast", "too quickly",
    ]),
    // What the message says, before who says it: a listed URL is not a listed host.
    any(Class::SpamContent, &[
        "surbl", "uribl", "blacklisted url", "blocked url", "url|blacklist", "link|blacklist", "link|blocklist",
        "spam content", "spam message", "spam detected", "spam score", "spam filter", "spam check",
        "detected as spam", "detected spam", "considered spam", "considered as spam", "identified as spam",
        "classified as spam", "looks like spam", "rejected as spam", "marked as spam", "appears to be spam",
        "probability of spam", "this is spam", "message is spam", "is likely spam", "spamassassin",
        "likely unsolicited", "likely suspicious", "appears to be unsolicited", "bulk email", "phish",
        "content rejected", "content restriction", "content filter", "objectionable content",
        "suspicious content", "rejected|content", "content|rejected",
    ]),
    any(Class::SpamBlock, &[
        "spamhaus", "spamcop", "spamrl", "barracudacentral", "b.barracuda", "sorbs.net", "uceprotect", "abusix",
        "mailspike", "senderscore", "cloudmark", "dnsbl", "rblsmtpd", " rbl", "blocked using", "blacklist",
        "black list", "blocklist", "block list", "block-list", "denylist", "poor reputation", "bad reputation",
        "low reputation", "reputation", "unsolicited mail originating", "unsolicited mail from",
        "unusual rate of unsolicited", "user complaints", "spam source", "source of spam", "known spam",
        "sending spam", "sent spam", "spammer", "spam from your", "due to spam", "suspected spam",
        "dynamic ip", "dynamic address", "listed at", "listed on|bl",
    ]),
    any(Class::ProhibitedAttachment, &[
        "attachment", "file type|not allowed", "file extension", "executable", "malware", "infected",
        "contains a virus", "virus found", "virus detected", "virus-infected", "contains virus",
    ]),
    any(Class::RelayingDenied, &[
        "relay access denied", "relaying denied", "relay denied", "relaying not allowed", "relay not permitted",
        "relaying not permitted", "relaying is not permitted", "relaying prohibited", "relaying is prohibited",
        "unable to relay", "not permitted to relay", "cannot relay", "we do not relay", "does not relay",
        "no relaying", "relay not allowed", "not allowed to relay", "not a gateway", "rcpthosts",
        "relaying to|prohibited", "authentication required for relay",
    ]),
    // The mailbox is there and cannot take it.
    any(Class::MailboxFull, &[
        "over quota", "overquota", "over-quota", "out of quota", "quota exceeded", "quota full", "quota is full",
        "exceeded|storage", "exceeds|quota", "exceeded|mailbox quota", "exceeded his quota", "exceeded their quota",
        "exceeded its quota", "exceeded the quota", "exceeded|mailbox limit", "exceeded storage", "mailbox full",
        "mailbox is full", "mailbox too full", "mailbox has exceeded", "mailbox size limit", "mailfolder is full",
        "mailfolder over", "maildir is full", "inbox is full", "inbox full", "account is full", "user is over",
        "out of storage", "not enough storage", "insufficient mailbox", "disk quota", "disk full",
        "no space left|mailbox", "mailbox|would exceed",
    ]),
    any(Class::TooLarge, &[
        "message too large", "message too big", "message is too large", "message is too big", "mail too large",
        "mail is too big", "message size exceeds", "message length exceeds", "exceeds|size limit",
        "exceeds|message size", "exceeded|size limit", "exceeds fixed", "message exceeds", "too much mail data",
        "message file too big", "size limit exceeded", "larger than the|limit", "exceeded|message size",
    ]),
    // The sender's own name fails: not the recipient's fault, nor its domain's.
    any(Class::MailBlock, &[
        "sender address rejected", "sender rejected", "sender denied", "sender verify failed", "sender verification",
        "sender domain", "sender not", "invalid sender", "domain of sender", "helo command rejected", "invalid helo",
        "client host rejected", "cannot find your hostname", "cannot find your reverse", "reverse dns",
        "ptr record", "no ptr", "reverse hostname", "spf", "dkim", "dmarc", "unauthenticated",
    ]),
    // Nobody of that name.
    any(Class::InvalidRecipient, &[
        "user unknown", "unknown user", "no such user", "no such recipient", "no such mailbox", "no such address",
        "no such account", "no such person", "no such local", "no such email", "no such id", "unknown recipient",
        "recipient unknown", "recipient is unknown", "unknown mailbox", "mailbox unknown", "unknown local",
        "unknown address", "address unknown", "address is unknown", "unknown account", "unknown or illegal alias",
        "user not found", "user|not found", "user not known", "user invalid", "invalid user", "invalid recipient",
        "recipient invalid", "invalid mailbox", "mailbox invalid", "invalid address", "address invalid",
        "recipient not found", "recipientnotfound", "recipnotfound", "recipient address unknown",
        "recipient|does not exist", "recipient|doesn't exist", "recipient|not exist", "user does not exist",
        "user doesn't exist", "user|does not exist", "user|doesn't exist", "user|doesn't have a",
        "account|does not exist", "account|doesn't exist", "mailbox|does not exist", "mailbox|doesn't exist",
        "address|does not exist", "address|doesn't exist", "mailbox not found", "no mailbox here",
        "no mailbox by that name", "mailbox is disabled", "mailbox disabled", "mailbox is inactive",
        "mailbox is unavailable and", "account|disabled", "account is inactive", "account inactive",
        "account has been suspended", "account|deactivated", "account|closed", "account|expired",
        "user|disabled", "user|inactive", "user|suspended", "not a valid recipient", "not a valid mailbox",
        "not a valid user", "not a known user", "not our customer", "does not have an account", "bad destination",
        "unrouteable address", "unroutable address", "undeliverable address", "not listed in", "no longer available",
        "no longer active", "no longer valid", "no longer in use", "no longer works", "no valid recipients",
        "due to inactivity", "is not a valid",
        "not exist here", "no user by that name", "addressee unknown", "alias unknown",
    ]),
    hard(Class::InvalidRecipient, &[
        "mailbox unavailable", "recipient address rejected", "recipient rejected", "recipient refused",
        "recipient not accepted", "address rejected", "no recipient", "mailbox|not available",
    ]),
    any(Class::DnsFailure, &[
        "host not found", "host unknown", "unknown host", "domain not found", "unrouteable mail domain",
        "unroutable domain", "name service error", "dns failure", "dns error", "dns lookup", "mx lookup", "no mx",
        "domain lookup", "lookup failed", "nxdomain", "servfail", "name server", "no route to host",
        "domain does not exist",
    ]),
    any(Class::Timeout, &[
        "timed out", "timeout", "time-out", "time out", "message expired", "too long in queue", "too old",
        "delivery time expired", "retry time not reached", "lifetime exceeded", "queue time",
    ]),
    // Loops and other dead ends.
    any(Class::GenericBounce, &[
        "too many hops", "hop count", "mail loop", "mail loops", "loops back", "routing loop", "message loop",
        "loop detected", "transaction failed", "delivery failed", "unable to deliver", "undeliverable",
    ]),
    any(Class::AdminFailure, &[
        "not allowed to post", "not authorized to send to this", "moderat", "members only", "mailing list|closed",
        "recipient restricted", "restricted to", "resolver.rst",
    ]),
    hard(Class::MailBlock, &[
        "access denied", "access is denied", "blocked", "banned", "policy", "prohibited", "not authorized",
        "not authorised", "not permitted", "not allowed", "not accepted", "authentication required",
        "authentication is required", "administrative", "refused", "denied", "rejected by",
        "rejected your message", "rejected for", "security",
    ]),
    soft(Class::TransientFailure, &[
        "try again", "try later", "retry later", "please retry", "come back later", "temporarily", "temporary",
        "deferred", "delayed", "busy", "overload", "too many", "high load",
    ]),
];

/// Subject and detail of RFC 3463 (none: every detail), the codes it is for, and the class.
pub(crate) const BY_STATUS: &[(u16, Option<u16>, Code, Class)] = &[
    (1, Some(2), Code::Any, Class::DnsFailure),
    (1, Some(7), Code::Any, Class::MailBlock),
    (1, Some(8), Code::Any, Class::MailBlock),
    (1, Some(10), Code::Any, Class::DnsFailure),
    (1, None, Code::Hard, Class::InvalidRecipient),
    (2, Some(2), Code::Any, Class::MailboxFull),
    (2, Some(3), Code::Any, Class::TooLarge),
    (2, Some(4), Code::Any, Class::AdminFailure),
    (2, None, Code::Hard, Class::InvalidRecipient),
    (3, Some(4), Code::Any, Class::TooLarge),
    (4, Some(1), Code::Any, Class::Timeout),
    (4, Some(3), Code::Any, Class::DnsFailure),
    (4, Some(4), Code::Any, Class::DnsFailure),
    (4, Some(7), Code::Any, Class::Timeout),
    (5, Some(3), Code::Soft, Class::TransientFailure),
    (7, None, Code::Hard, Class::MailBlock),
    (7, None, Code::Soft, Class::TransientFailure),
    (3, None, Code::Hard, Class::GenericBounce),
    (4, None, Code::Hard, Class::GenericBounce),
    (5, None, Code::Hard, Class::GenericBounce),
    (6, None, Code::Hard, Class::GenericBounce),
];
