//! Paths and mailboxes as MAIL and RCPT carry them (RFC 5321 §4.1.2).
