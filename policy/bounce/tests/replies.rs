//! Replies as hosts of the world send them, and the class that each belongs to.

use bounce::{Class, classify};
use mail::Reply;

#[rustfmt::skip]
const REPLIES: &[(u16, &str, Class)] = &[
    // Nobody of that name.
    (550, "5.1.1 <bob@alpha.example>: Recipient address rejected: User unknown in virtual mailbox table", Class::InvalidRecipient),
    (550, "5.1.1 The email account that you tried to reach does not exist. Please try double-checking the address", Class::InvalidRecipient),
    (550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient bob@alpha.example not found by SMTP address lookup", Class::InvalidRecipient),
    (550, "5.4.1 Recipient address rejected: Access denied. [AM0EUR02FT032.example]", Class::InvalidRecipient),
    (550, "5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", Class::InvalidRecipient),
    (554, "delivery error: dd This user doesn't have a alpha.example account (bob@alpha.example) [0]", Class::InvalidRecipient),
    (550, "Requested action not taken: mailbox unavailable", Class::InvalidRecipient),
    (550, "No such user here", Class::InvalidRecipient),
    (550, "no mailbox here by that name", Class::InvalidRecipient),
    (553, "sorry, no mailbox here by that name. (#5.7.1)", Class::InvalidRecipient),
    (550, "Unrouteable address", Class::InvalidRecipient),
    (550, "5.2.1 The email account that you tried to reach is disabled. Learn more at support", Class::InvalidRecipient),
    (550, "5.2.1 This mailbox has been blocked due to inactivity", Class::InvalidRecipient),
    (550, "#5.1.0 Address rejected.", Class::InvalidRecipient),
    (550, "Invalid recipient bob@alpha.example (Mode: normal)", Class::InvalidRecipient),
    (550, "bob... User not listed in public Name & Address Book", Class::InvalidRecipient),
    (551, "5.1.1 unknown or illegal alias: bob@alpha.example", Class::InvalidRecipient),
    (550, "5.1.1 unknown", Class::InvalidRecipient),
    (554, "5.1.1 gone", Class::InvalidRecipient),
    (550, "Account is inactive and no mail is accepted", Class::InvalidRecipient),
    (550, "5.1.6 Recipient no longer on server: bob", Class::InvalidRecipient),
    // The mailbox is full.
    (552, "5.2.2 <bob@alpha.example>: user is over quota", Class::MailboxFull),
    (452, "4.2.2 The recipient's inbox is out of storage space. Please direct the recipient to", Class::MailboxFull),
    (552, "5.2.2 The email account that you tried to reach is over quota.", Class::MailboxFull),
    (550, "5.7.1 Mailbox full", Class::MailboxFull),
    (552, "Requested mail action aborted: exceeded storage allocation", Class::MailboxFull),
    (554, "Quota exceeded for mailbox", Class::MailboxFull),
    (422, "4.2.2 come tomorrow", Class::MailboxFull),
    (550, "5.2.2 STOREDRV.Deliver; mailbox full", Class::MailboxFull),
    // The message is too large.
    (552, "5.3.4 Message size exceeds fixed limit", Class::TooLarge),
    (552, "5.2.3 Your message exceeded Google's message size limits.", Class::TooLarge),
    (552, "Message exceeds maximum fixed size (20971520)", Class::TooLarge),
    (554, "5.3.4 no", Class::TooLarge),
    (523, "the message length exceeds administrative limit", Class::TooLarge),
    // Listed as a source of spam.
    (554, "5.7.1 Service unavailable; Client host [203.0.113.9] blocked using zen.spamhaus.org", Class::SpamBlock),
    (550, "5.7.1 Unfortunately, messages from [203.0.113.9] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).", Class::SpamBlock),
    (421, "4.7.0 [TSS04] Messages from 203.0.113.9 temporarily deferred due to user complaints - 4.16.55.1", Class::SpamBlock),
    (421, "4.7.28 Our system has detected an unusual rate of unsolicited mail originating from your IP address.", Class::SpamBlock),
    (554, "Your IP (203.0.113.9) is listed at b.barracudacentral.org", Class::SpamBlock),
    (550, "203.0.113.9 is in a black list at bl.spamcop.net", Class::SpamBlock),
    (554, "mail.alpha.example ESMTP not accepting messages: poor reputation of 203.0.113.9", Class::SpamBlock),
    (550, "Rejected: 203.0.113.9 is on our DNSBL", Class::SpamBlock),
    (550, "5.7.1 Mail from dynamic IP ranges is not accepted", Class::SpamBlock),
    (554, "5.7.1 [C28] RBL Restriction: See https://senderscore.example", Class::SpamBlock),
    // The content is taken for spam.
    (550, "5.7.1 Our system has detected that this message is likely unsolicited mail. To reduce the amount of spam", Class::SpamContent),
    (554, "5.7.1 Message identified as SPAM - contact postmaster", Class::SpamContent),
    (550, "This message was classified as spam and may not be delivered", Class::SpamContent),
    (554, "Transaction failed: spam message not queued", Class::SpamContent),
    (550, "5.7.1 Message contains a URL listed in multi.surbl.org", Class::SpamContent),
    (552, "Message contains a blacklisted URL", Class::SpamContent),
    (550, "High probability of spam", Class::SpamContent),
    (554, "5.7.1 message content rejected", Class::SpamContent),
    (550, "5.6.0 Possible phishing attempt", Class::SpamContent),
    // Attachments.
    (552, "5.7.0 Our system detected an illegal attachment on your message.", Class::ProhibitedAttachment),
    (554, "5.7.1 Message contains a virus: Eicar-Test-Signature", Class::ProhibitedAttachment),
    (550, "Executable content is not welcome", Class::ProhibitedAttachment),
    (554, "Infected with W32/Klez", Class::ProhibitedAttachment),
    // Relaying.
    (554, "5.7.1 <bob@alpha.example>: Relay access denied", Class::RelayingDenied),
    (554, "5.7.1 <bob@alpha.example>: Recipient address rejected: Relay access denied", Class::RelayingDenied),
    (550, "5.7.1 Unable to relay for bob@alpha.example", Class::RelayingDenied),
    (550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain", Class::RelayingDenied),
    (553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", Class::RelayingDenied),
    (550, "relay not permitted", Class::RelayingDenied),
    (550, "5.7.1 relaying denied", Class::RelayingDenied),
    // Blocked for other reasons.
    (550, "5.7.26 Unauthenticated email from sender.example is not accepted due to domain's DMARC policy.", Class::MailBlock),
    (550, "5.7.23 The message was rejected because of Sender Policy Framework violation", Class::MailBlock),
    (550, "5.7.1 SPF check failed", Class::MailBlock),
    (554, "5.7.1 <news@sender.example>: Sender address rejected: Access denied", Class::MailBlock),
    (450, "4.1.8 <news@sender.example>: Sender address rejected: Domain not found", Class::MailBlock),
    (450, "4.7.1 Client host rejected: cannot find your hostname, [203.0.113.9]", Class::MailBlock),
    (504, "5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname", Class::MailBlock),
    (550, "5.7.25 The IP address sending this message does not have a PTR record setup", Class::MailBlock),
    (550, "Administrative prohibition", Class::MailBlock),
    (550, "Message refused by local policy", Class::MailBlock),
    (554, "5.7.1 no", Class::MailBlock),
    (521, "host does not accept mail from you: banned", Class::MailBlock),
    // Names that do not resolve.
    (554, "5.4.4 [internal] Domain Lookup Failed", Class::DnsFailure),
    (454, "4.4.4 [internal] no MX or A for domain", Class::DnsFailure),
    (421, "4.4.0 [internal] no MXs for this domain could be reached at this time", Class::DnsFailure),
    (550, "5.4.4 [internal] NULL MX domain does not accept mail", Class::DnsFailure),
    (556, "5.1.10 recipient domain takes no mail", Class::DnsFailure),
    (451, "4.4.3 Temporary server error, host not found", Class::DnsFailure),
    (550, "5.1.2 Host unknown (Name server: alpha.example: no data known)", Class::DnsFailure),
    // Time ran out.
    (554, "5.4.7 [internal] exceeded max time without delivery", Class::Timeout),
    (450, "4.4.1 [internal] Connection Timed Out", Class::Timeout),
    (421, "4.4.2 mail.alpha.example Error: timeout exceeded", Class::Timeout),
    (550, "5.4.7 Delivery expired", Class::Timeout),
    (554, "message too old, giving up", Class::Timeout),
    // By order of the operator.
    (554, "5.7.0 [internal] Message manually purged", Class::AdminFailure),
    (551, "5.7.1 [internal] recipient blackholed", Class::AdminFailure),
    (551, "5.4.6 [internal] Private/Loopback Address", Class::AdminFailure),
    (550, "5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required", Class::AdminFailure),
    (550, "You are not allowed to post to this list", Class::AdminFailure),
    // Dead ends.
    (554, "5.4.6 Too many hops 26 (25 max)", Class::GenericBounce),
    (554, "5.4.14 Hop count exceeded - possible mail loop ATTR34", Class::GenericBounce),
    (554, "Transaction failed", Class::GenericBounce),
    (550, "5.3.0 something", Class::GenericBounce),
    // Later.
    (450, "4.2.0 <bob@alpha.example>: Recipient address rejected: Greylisted, see http://postgrey.example", Class::TransientFailure),
    (451, "4.7.1 Greylisting in action, please come back later", Class::TransientFailure),
    (421, "4.7.0 Too many connections from your host", Class::TransientFailure),
    (450, "4.2.1 The user you are trying to contact is receiving mail too quickly.", Class::TransientFailure),
    (451, "4.3.2 Please try again later", Class::TransientFailure),
    (452, "4.5.3 Too many recipients", Class::TransientFailure),
    (451, "Temporary local problem - please try later", Class::TransientFailure),
    (451, "4.7.650 The mail server has been temporarily rate limited due to IP reputation.", Class::TransientFailure),
    (452, "4.5.3 domain full", Class::TransientFailure),
    // Temporary and unspecific.
    (451, "4.4.2 [internal] no banner", Class::SoftBounce),
    (451, "4.4.2 [internal] connection closed by remote host", Class::SoftBounce),
    (451, "4.4.1 [internal] No valid hosts (unable to make any connections)", Class::Timeout),
    (451, "4.3.0 Internal error", Class::SoftBounce),
    (450, "mailbox unavailable", Class::SoftBounce),
    (452, "4.3.1 Insufficient system resources", Class::SoftBounce),
    // People, lists and machines.
    (550, "[internal] [oob] I am out of the office until Monday", Class::AutoReply),
    (550, "[internal] [oob] Please confirm that you are a human", Class::ChallengeResponse),
    (550, "[internal] [oob] The recipient has unsubscribed", Class::Unsubscribe),
    (550, "[internal] [oob] subscription request", Class::Subscribe),
    (550, "[internal] [oob] The message bounced due to the remote mailbox being over quota.", Class::MailboxFull),
    // Nothing that anybody could know.
    (550, "hmpf", Class::Undetermined),
    (554, "5.0.0", Class::Undetermined),
    (500, "", Class::Undetermined),
];

#[test]
fn replies_of_the_world_fall_into_their_classes() {
    assert!(REPLIES.len() >= 80);
    let wrong: Vec<_> = REPLIES
        .iter()
        .map(|(code, text, expected)| (classify(&Reply::verbatim(*code, *text)), expected, code, text))
        .filter(|(class, expected, ..)| class != *expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn case_line_ends_and_the_place_of_the_enhanced_code_change_nothing() {
    for (code, text, expected) in REPLIES {
        let upper = Reply::verbatim(*code, text.to_uppercase());
        assert_eq!(classify(&upper), *expected, "{upper}");
        let broken = Reply::verbatim(*code, text.replace(' ', "\n"));
        assert_eq!(classify(&broken), *expected, "{broken:?}");
    }
    let bare = |enhanced| Reply::with(550, enhanced, "hmpf");
    for (enhanced, expected) in [
        ((5, 1, 1), Class::InvalidRecipient),
        ((5, 2, 2), Class::MailboxFull),
        ((5, 7, 1), Class::MailBlock),
        ((5, 0, 0), Class::Undetermined),
    ] {
        assert_eq!(classify(&bare(enhanced)), expected);
    }
}

#[test]
fn every_class_that_a_reply_can_have_is_reached_and_codes_are_unique() {
    for class in Class::ALL {
        // A bounce without an identifiable recipient is known by its missing recipient, not by a text.
        let is_reached = REPLIES.iter().any(|(.., expected)| *expected == class);
        assert_eq!(is_reached, class != Class::NoRecipient, "{}", class.name());
        assert_eq!(Class::ALL.iter().filter(|other| other.code() == class.code()).count(), 1);
    }
}
