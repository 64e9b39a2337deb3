//! Which hosts take the mail of a domain (spec mail-flow.md §6.1, RFC 5321 §5.1).

use crate::{Answer, Question, Route};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Ask for AAAA too (option use_ipv6).
    pub use_ipv6: bool,
    /// A host's IPv6 addresses come first (option prefer_ipv6_mxs).
    pub prefer_ipv6: bool,
    /// If the MX lookup fails this time, use the domain's own addresses (`Attempts::falls_back`).
    pub fall_back_to_addresses: bool,
    /// An MX may name an IPv4 address instead of a host (module mxip).
    pub mx_may_be_address: bool,
    /// Seconds (option min_dns_ttl).
    pub min_ttl: u32,
    /// Seconds (option max_dns_ttl).
    pub max_ttl: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Questions not yet asked. They are wanted until `asked` or each is `answered`.
    Ask(Vec<Question>),
    /// All were asked; some are not answered.
    Wait,
    /// `result` may be asked.
    Done,
}

pub struct Exchangers {}

impl Exchangers {
    /// `random` shuffles hosts of equal preference.
    pub fn new(_domain: &str, _settings: Settings, _random: u64) -> Self {
        todo!()
    }

    /// The addresses of one host, without asking for MX (`routes` items of type a).
    pub fn of_host(_host: &str, _settings: Settings, _random: u64) -> Self {
        todo!()
    }

    pub fn want(&self) -> Want {
        todo!()
    }

    /// The questions of the last want are on their way.
    pub fn asked(&mut self) {
        todo!()
    }

    pub fn answered(&mut self, _question: &Question, _answer: Answer) {
        todo!()
    }

    /// Panics before `want` is `Done`.
    pub fn result(&self) -> Route {
        todo!()
    }

    /// Hosts known while other questions are open (fully_resolve_before_smtp = false).
    pub fn so_far(&self) -> Option<Route> {
        todo!()
    }

    /// The MX question itself failed, whatever came of it.
    pub fn mx_failed(&self) -> bool {
        todo!()
    }
}
