//! The bounce classes and their categories (spec mail-flow.md §11.5). The numbers are those of the bouncelog.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    Undetermined = 1,
    InvalidRecipient = 10,
    SoftBounce = 20,
    DnsFailure = 21,
    MailboxFull = 22,
    TooLarge = 23,
    Timeout = 24,
    AdminFailure = 25,
    NoRecipient = 30,
    GenericBounce = 40,
    MailBlock = 50,
    SpamBlock = 51,
    SpamContent = 52,
    ProhibitedAttachment = 53,
    RelayingDenied = 54,
    AutoReply = 60,
    TransientFailure = 70,
    Subscribe = 80,
    Unsubscribe = 90,
    ChallengeResponse = 100,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    Undetermined,
    Hard,
    Soft,
    Block,
    Admin,
}

impl Class {
    pub const ALL: [Class; 20] = [
        Class::Undetermined,
        Class::InvalidRecipient,
        Class::SoftBounce,
        Class::DnsFailure,
        Class::MailboxFull,
        Class::TooLarge,
        Class::Timeout,
        Class::AdminFailure,
        Class::NoRecipient,
        Class::GenericBounce,
        Class::MailBlock,
        Class::SpamBlock,
        Class::SpamContent,
        Class::ProhibitedAttachment,
        Class::RelayingDenied,
        Class::AutoReply,
        Class::TransientFailure,
        Class::Subscribe,
        Class::Unsubscribe,
        Class::ChallengeResponse,
    ];

    pub const fn code(self) -> u8 {
        self as u8
    }

    pub const fn name(self) -> &'static str {
        match self {
            Class::Undetermined => "Undetermined",
            Class::InvalidRecipient => "Invalid Recipient",
            Class::SoftBounce => "Soft Bounce",
            Class::DnsFailure => "DNS Failure",
            Class::MailboxFull => "Mailbox Full",
            Class::TooLarge => "Too Large",
            Class::Timeout => "Timeout",
            Class::AdminFailure => "Admin Failure",
            Class::NoRecipient => "Generic Bounce: No RCPT",
            Class::GenericBounce => "Generic Bounce",
            Class::MailBlock => "Mail Block",
            Class::SpamBlock => "Spam Block",
            Class::SpamContent => "Spam Content",
            Class::ProhibitedAttachment => "Prohibited Attachment",
            Class::RelayingDenied => "Relaying Denied",
            Class::AutoReply => "Auto-Reply",
            Class::TransientFailure => "Transient Failure",
            Class::Subscribe => "Subscribe",
            Class::Unsubscribe => "Unsubscribe",
            Class::ChallengeResponse => "Challenge-Response",
        }
    }

    pub const fn category(self) -> Category {
        match self {
            Class::Undetermined => Category::Undetermined,
            Class::InvalidRecipient | Class::NoRecipient | Class::Unsubscribe => Category::Hard,
            Class::SoftBounce
            | Class::DnsFailure
            | Class::MailboxFull
            | Class::TooLarge
            | Class::Timeout
            | Class::GenericBounce
            | Class::AutoReply
            | Class::TransientFailure
            | Class::ChallengeResponse => Category::Soft,
            Class::MailBlock
            | Class::SpamBlock
            | Class::SpamContent
            | Class::ProhibitedAttachment
            | Class::RelayingDenied => Category::Block,
            Class::AdminFailure | Class::Subscribe => Category::Admin,
        }
    }
}
