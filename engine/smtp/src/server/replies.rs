//! The built-in replies (spec inbound-smtp.md §9.1), byte for byte: tools of operators match on them.
//! Texts that the catalogue does not give follow RFC 5321 and RFC 3463.

use mail::Reply;

pub const MAIL_ACCEPTED: Reply = Reply::fixed(250, (2, 0, 0), "MAIL FROM accepted");
pub const RCPT_ACCEPTED: Reply = Reply::fixed(250, (2, 0, 0), "RCPT TO accepted.");
pub const CONTINUE: Reply = Reply::plain(354, r#"continue.  finished with "\r\n.\r\n""#);
pub const OK: Reply = Reply::fixed(250, (2, 0, 0), "OK");
pub const CANNOT_VERIFY: Reply =
    Reply::fixed(252, (2, 0, 0), "Cannot VRFY user, but will accept message and attempt delivery");

pub const UNRECOGNIZED: Reply = Reply::fixed(500, (5, 5, 2), "unrecognized command");
pub const LINE_TOO_LONG: Reply = Reply::fixed(500, (5, 5, 2), "command line too long");
pub const LINE_NOT_TERMINATED: Reply = Reply::fixed(500, (5, 5, 2), "command line not terminated by CR LF");
pub const NOT_IMPLEMENTED: Reply = Reply::fixed(502, (5, 5, 1), "command not implemented");

pub const INVALID_EHLO: Reply = Reply::fixed(501, (5, 5, 2), "invalid EHLO");
pub const INVALID_HELO: Reply = Reply::fixed(501, (5, 5, 2), "invalid HELO");
pub const MAIL_SYNTAX: Reply = Reply::fixed(501, (5, 5, 2), "MAIL FROM syntax error");
pub const RCPT_SYNTAX: Reply = Reply::fixed(501, (5, 5, 2), "RCPT TO syntax error");
pub const MAIL_REPEATED: Reply = Reply::fixed(501, (5, 5, 1), "MAIL FROM already established");
pub const RSET_ARGUMENT: Reply = Reply::fixed(501, (5, 5, 4), "invalid arguments to RSET");
pub const DATA_ARGUMENT: Reply = Reply::fixed(501, (5, 5, 4), "unexpected argument to DATA");
pub const NO_PARAMETERS: Reply = Reply::fixed(501, (5, 5, 4), "Syntax error (no parameters allowed)");
pub const VRFY_ARGUMENT: Reply = Reply::fixed(501, (5, 5, 4), "Syntax error (parameter required)");
pub const PARAMETER_VALUE: Reply = Reply::fixed(501, (5, 5, 4), "invalid parameter value");
/// RFC 5321 §4.1.1.11.
pub const MAIL_PARAMETER: Reply = Reply::fixed(555, (5, 5, 4), "MAIL FROM parameters not recognized");
pub const RCPT_PARAMETER: Reply = Reply::fixed(555, (5, 5, 4), "RCPT TO parameters not recognized");

pub const RCPT_WITHOUT_MAIL: Reply = Reply::plain(503, "RCPT TO without MAIL FROM");
pub const DATA_WITHOUT_MAIL: Reply = Reply::fixed(503, (5, 5, 1), "DATA without MAIL FROM");
pub const DATA_WITHOUT_RCPT: Reply = Reply::fixed(503, (5, 5, 1), "DATA without RCPT TO");
pub const BAD_SEQUENCE: Reply = Reply::fixed(503, (5, 5, 1), "bad sequence of commands");
pub const HELO_NEEDED: Reply = Reply::fixed(550, (5, 5, 1), "RFC2821 HELO/EHLO needed");
pub const NULL_SENDER_REFUSED: Reply = Reply::fixed(550, (5, 7, 1), "null sender not accepted");

pub const AUTHENTICATED: Reply = Reply::fixed(235, (2, 7, 0), "Authentication successful");
pub const AUTHENTICATION_FAILED: Reply = Reply::fixed(535, (5, 7, 8), "Authentication credentials invalid");
pub const AUTHENTICATION_UNAVAILABLE: Reply =
    Reply::fixed(454, (4, 7, 0), "Temporary authentication failure");
pub const AUTHENTICATION_REQUIRED: Reply = Reply::fixed(530, (5, 7, 0), "Authentication required");
pub const MECHANISM_UNKNOWN: Reply = Reply::fixed(504, (5, 5, 4), "unrecognized authentication type");
pub const AUTHENTICATION_CANCELLED: Reply = Reply::fixed(501, (5, 0, 0), "authentication cancelled");
pub const NOT_BASE64: Reply = Reply::fixed(501, (5, 5, 2), "cannot decode the response");
pub const RESPONSE_TOO_LONG: Reply = Reply::fixed(500, (5, 5, 6), "authentication exchange line is too long");

pub const RECIPIENTS_PER_MESSAGE: Reply =
    Reply::fixed(452, (4, 5, 3), "Service unavailable, recipients per message limit reached");
pub const RECIPIENTS_PER_CONNECTION: Reply =
    Reply::fixed(452, (4, 5, 3), "Service unavailable, recipients per connection limit reached");
pub const RECEPTIONS_PER_CONNECTION: Reply =
    Reply::fixed(421, (4, 5, 3), "Service unavailable, batch limit reached");
pub const TOO_MANY_ERRORS: Reply = Reply::fixed(421, (4, 7, 0), "too many errors, closing connection");
pub const TOO_MANY_COMMANDS: Reply = Reply::fixed(421, (4, 7, 0), "too many commands, closing connection");
pub const TIMEOUT: Reply = Reply::fixed(421, (4, 4, 2), "timeout exceeded, closing connection");
pub const SHUTTING_DOWN: Reply = Reply::fixed(421, (4, 3, 2), "Service unavailable, shutting down");

pub const TOO_LARGE: Reply = Reply::fixed(552, (5, 3, 4), "message size limit exceeded");
pub const BARE_LINE_END_IN_HEADERS: Reply =
    Reply::fixed(550, (5, 5, 2), "Lone CR or LF in headers (see RFC2822 section 2.2)");
pub const BARE_LINE_END_IN_BODY: Reply =
    Reply::fixed(550, (5, 5, 2), "Lone CR or LF in body (see RFC2822 section 2.3)");
pub const HEADER_LINE_TOO_LONG: Reply =
    Reply::fixed(550, (5, 6, 0), "Header line too long (see RFC2822 section 3.5)");
pub const BODY_LINE_TOO_LONG: Reply =
    Reply::fixed(550, (5, 6, 0), "Body line too long (see RFC2822 section 3.5)");
pub const HEADERS_MISSING: Reply =
    Reply::fixed(550, (5, 6, 0), "Required headers not found (see RFC2822 section 3.6)");
pub const HEADER_INVALID: Reply =
    Reply::fixed(550, (5, 6, 0), "Invalid header found (see RFC2822 section 3.6)");
pub const DATE_MISSING: Reply =
    Reply::fixed(550, (5, 6, 0), "Missing required RFC2822 Date field (see RFC2822 section 3.6)");
pub const FINAL_DOT_MISSING: Reply = Reply::fixed(550, (5, 6, 0), "Missing CR LF . CR LF");

/// For whoever judges or commits: the texts of decisions that are not taken here.
pub const RELAYING_DENIED: Reply = Reply::fixed(550, (5, 7, 1), "relaying denied");
pub const BLACKHOLED: Reply = Reply::fixed(551, (5, 7, 1), "recipient blackholed");
pub const TRANSACTION_FAILED: Reply = Reply::fixed(451, (4, 3, 0), "transaction failed");
pub const CONCURRENCY_LIMIT: Reply =
    Reply::fixed(421, (4, 4, 5), "Service unavailable, concurrency limit reached");
pub const RESOURCES_EXCEEDED: Reply = Reply::fixed(421, (4, 3, 4), "allocated resources exceeded");
