//! Why a signature does not count.

use crate::Verdict;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The field is no tag list, or a tag is missing or wrong.
    Syntax,
    /// `v=` is not 1.
    Version,
    /// rsa-sha1 or an unknown `a=`.
    Algorithm,
    /// `c=` is unknown.
    Canonicalization,
    /// `q=` has no dns/txt.
    QueryMethod,
    /// `h=` lacks From.
    FromNotSigned,
    /// `i=` is not within `d=`, or a strict key meets a subdomain.
    Identity,
    /// Past `x=`.
    Expired,
    NoKey,
    KeyRevoked,
    KeySyntax,
    /// Shorter than 1024 or longer than 8192 bits.
    KeySize,
    /// The key is not for e-mail, for this hash, or for this algorithm.
    KeyNotForThis,
    /// The DNS does not answer now.
    KeyUnavailable,
    /// The body is not the signed one.
    Body,
    /// `l=` is more than there is.
    BodyShort,
    /// The header is not the signed one, or the key is another.
    Signature,
    /// More signatures than are looked at.
    TooMany,
}

impl Fault {
    /// A short reason for logs and `reason=`.
    pub fn as_str(self) -> &'static str {
        self.row().1
    }

    /// The result of RFC 8601 §2.7.1.
    pub fn verdict(self) -> Verdict {
        self.row().0
    }

    /// The name of the DKIM_STAT that scripts see, without its prefix.
    pub fn stat(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (Verdict, &'static str, &'static str) {
        use Verdict::{Fail, Permerror, Policy, Temperror};
        match self {
            Fault::Syntax => (Permerror, "bad signature syntax", "SYNTAX"),
            Fault::Version => (Permerror, "unknown signature version", "SYNTAX"),
            Fault::Algorithm => (Permerror, "unacceptable algorithm", "CANTVRFY"),
            Fault::Canonicalization => (Permerror, "unknown canonicalization", "CANTVRFY"),
            Fault::QueryMethod => (Permerror, "unknown query method", "CANTVRFY"),
            Fault::FromNotSigned => (Permerror, "From is not signed", "SYNTAX"),
            Fault::Identity => (Permerror, "identity outside of the signing domain", "SYNTAX"),
            Fault::Expired => (Fail, "signature expired", "BADSIG"),
            Fault::NoKey => (Permerror, "no key for signature", "NOKEY"),
            Fault::KeyRevoked => (Permerror, "key revoked", "REVOKED"),
            Fault::KeySyntax => (Permerror, "bad key syntax", "SYNTAX"),
            Fault::KeySize => (Permerror, "unacceptable key size", "CANTVRFY"),
            Fault::KeyNotForThis => (Permerror, "key not for this use", "CANTVRFY"),
            Fault::KeyUnavailable => (Temperror, "key unavailable", "KEYFAIL"),
            Fault::Body => (Fail, "body hash did not verify", "BADSIG"),
            Fault::BodyShort => (Fail, "body shorter than signed", "BADSIG"),
            Fault::Signature => (Fail, "signature did not verify", "BADSIG"),
            Fault::TooMany => (Policy, "too many signatures", "CANTVRFY"),
        }
    }
}
