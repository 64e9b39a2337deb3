//! What becomes of a setting here: the answer that a host moved from Momentum wants before it trusts us.

/// Said of an option, of a stanza and of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It acts as Momentum documents it.
    Honoured,
    /// It acts in another way: which.
    Approximated(&'static str),
    /// It changes nothing: why that is no loss, or what is lost.
    Ignored(&'static str),
    /// The configuration is rejected where it says more than the default: what to do instead.
    Refused(&'static str),
    /// Nothing obeys it yet: what has to come first.
    Coming(&'static str),
}

impl Standing {
    /// In the order of a report.
    pub const NAMES: [&'static str; 5] = ["honoured", "approximated", "ignored", "refused", "coming"];

    pub const fn name(self) -> &'static str {
        Self::NAMES[self.rank()]
    }

    /// Position in `NAMES`.
    pub const fn rank(self) -> usize {
        match self {
            Standing::Honoured => 0,
            Standing::Approximated(_) => 1,
            Standing::Ignored(_) => 2,
            Standing::Refused(_) => 3,
            Standing::Coming(_) => 4,
        }
    }

    /// Empty for what is honoured.
    pub const fn reason(self) -> &'static str {
        match self {
            Standing::Honoured => "",
            Standing::Approximated(reason)
            | Standing::Ignored(reason)
            | Standing::Refused(reason)
            | Standing::Coming(reason) => reason,
        }
    }
}
