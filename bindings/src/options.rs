//! The options of the configuration that bindings obey, and the way from them to settings.
//!
//! Everything by reference (config-language.md §10) goes through the cells of the process, so that whoever
//! falls back to one declaration drains one budget.

use crate::limit::{CounterCells, SharedLimit};
use crate::retry::{MaxRetries, RetrySettings};
use crate::route::{Gateway, Routes};
use crate::settings::{Aggressiveness, Blackhole, ContactPatience, MaxConnections, QueueSettings};
use crate::source::{SameFamily, Source};
use crate::throttle::{ThrottleCell, ThrottleCells};
use config::{
    Bool, Counted, Declared, Expected, Integer, List, OptionType, Optional, Retries, Seconds, Size, Text,
    Throttle, Value,
};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

config::options! {
    /// What holds for one (binding, domain).
    pub struct OutboundOptions {
        /// Concurrent connections of each pair of binding and domain.
        max_outbound_connections: Integer = "32", in [global, binding_group, binding, domain];
        /// Concurrent connections of all who fall back to this declaration; unset or -1 unlimited.
        scope_max_outbound_connections: Counted = "", in [global, binding_group, binding, domain];
        /// Concurrent connections of the binding or group.
        server_max_outbound_connections: Counted = ""
            instead of "75000" because "a binding without a limit of its own is bounded by the server's",
            in [binding_group, binding];
        /// Deliveries begun per time; one budget for all who fall back to this declaration.
        outbound_throttle_messages: Throttle = "", in [global, binding_group, binding, domain];
        /// Connections begun per time; one budget for all who fall back to this declaration.
        outbound_throttle_connections: Throttle = "", in [global, binding_group, binding, domain];
        /// How fast connections grow with the queue: normal, high, or the exponent itself.
        connection_allocation_aggressiveness: Aggressiveness = "normal",
            in [global, binding_group, binding, domain], tier 2;
        /// Seconds before the first retry; doubled for each further one.
        retry_interval: Seconds = "1200", in [global, binding_group, binding, domain];
        /// Seconds; longest interval between retries.
        max_retry_interval: Seconds = "43200", in [global, binding_group, binding, domain];
        /// Seconds after reception at which a transient failure is final.
        message_expiration: Seconds = "86400", in [global, binding_group, binding, domain];
        /// Retries after the first attempt.
        max_retries: Retries = "auto", in [global, binding_group, binding, domain];
        /// True: the first transient failure is final.
        never_retry: Bool = "false", in [global, binding_group, binding, domain];
        /// True: messages that are already too old fail without an attempt.
        never_attempt_expired_messages: Bool = "false", in [global, binding_group, binding, domain];
        /// True: no delivery is attempted.
        suspend_delivery: Bool = "false", in [global, binding_group, binding, domain];
        /// Refuses or fails all mail of the scope.
        blackhole: Blackhole = "false", in [global, binding_group, binding, domain];
        /// Seconds without contact after which all active messages of a domain are delayed; 0 never.
        connect_timeout_to_delay: Seconds = "900", in [global, binding_group, binding, domain];
        /// Failures in a row of every exchanger after which the same is done; 0 never.
        mx_failures_to_delay: Size = "50", in [global, domain];
        /// Seconds over which messages requeued in bulk are spread.
        delayed_binding_domain_fuzz: Size = "0", in [global, binding_group, binding], tier 2;
        /// The smarthost that mail is queued for: a name, an address or [IPv6].
        gateway: Optional<Gateway> = "", in [global, binding_group, binding, domain];
        /// Next hops in place of the domain's exchangers.
        routes: Routes = "", in [global, domain];
        /// Our own address of outgoing connections; * leaves it to the kernel.
        bind_address: BindAddress = "*", in [global, binding_group, binding];
        /// A second one, of the other family.
        bind_address_secondary: Optional<BindAddress> = "", in [binding];
    }
}

config::options! {
    /// What holds for one host, as its MX record names it; no fallback to other scopes.
    pub struct HostOptions {
        /// Concurrent connections of one binding to the host; -1 unlimited.
        max_outbound_connections: Integer = "-1", in [host];
        /// Concurrent connections of all who fall back to this declaration; unset or -1 unlimited.
        scope_max_outbound_connections: Counted = "", in [host];
        /// Connections begun per time, besides what the domain allows.
        outbound_throttle_connections: Throttle = "", in [host];
    }
}

/// What a connection to a host counts against, for `hosts::Candidate`.
#[derive(Clone, Debug)]
pub struct HostLimits {
    pub limits: Rc<[SharedLimit]>,
    pub throttle: Option<Arc<ThrottleCell>>,
}

impl OutboundOptions {
    pub fn settings(&self, throttles: &ThrottleCells, counters: &CounterCells) -> QueueSettings {
        let counted = [&self.scope_max_outbound_connections, &self.server_max_outbound_connections];
        QueueSettings {
            max_outbound_connections: MaxConnections(
                limit(self.max_outbound_connections).unwrap_or(u32::MAX),
            ),
            limits: counted.into_iter().flatten().map(|counter| counters.scope(counter)).collect(),
            connection_throttle: self.outbound_throttle_connections.as_ref().map(|rate| throttles.cell(rate)),
            message_throttle: self.outbound_throttle_messages.as_ref().map(|rate| throttles.cell(rate)),
            aggressiveness: self.connection_allocation_aggressiveness,
            retry: self.retry(),
            suspend_delivery: self.suspend_delivery,
            blackhole: self.blackhole,
            connect_timeout_to_delay: ContactPatience(self.connect_timeout_to_delay),
        }
    }

    fn retry(&self) -> RetrySettings {
        RetrySettings {
            retry_interval: self.retry_interval,
            max_retry_interval: self.max_retry_interval,
            message_expiration: self.message_expiration,
            max_retries: match self.max_retries {
                Retries::Auto => MaxRetries::Auto,
                Retries::None => MaxRetries::Unlimited,
                Retries::Count(most) => MaxRetries::Count(most),
            },
            never_retry: self.never_retry,
            never_attempt_expired: self.never_attempt_expired_messages,
        }
    }

    /// The source addresses. `resolved` are the addresses of host names among them; a name without one
    /// leaves the binding without a source, and its mail waits.
    pub fn source(&self, resolved: impl Fn(&str) -> Option<IpAddr>) -> Result<Source, SameFamily> {
        let address = |bind: &BindAddress| match bind {
            BindAddress::Any => None,
            BindAddress::Address(address) => Some(*address),
            BindAddress::Name(name) => resolved(name),
        };
        let primary = address(&self.bind_address);
        if primary.is_none() && self.bind_address != BindAddress::Any {
            return Ok(Source::NOWHERE);
        }
        Source::new(primary, self.bind_address_secondary.as_ref().and_then(address))
    }
}

impl HostOptions {
    /// `host` and `binding` name the counter of `max_outbound_connections`.
    pub fn limits(
        &self,
        binding: &str,
        host: &str,
        throttles: &ThrottleCells,
        counters: &CounterCells,
    ) -> HostLimits {
        let own = limit(self.max_outbound_connections);
        let own =
            own.map(|most| SharedLimit::new(counters.host(binding, host), most, "max_outbound_connections"));
        let scope = self.scope_max_outbound_connections.as_ref().map(|counter| counters.scope(counter));
        HostLimits {
            limits: own.into_iter().chain(scope).collect(),
            throttle: self.outbound_throttle_connections.as_ref().map(|rate| throttles.cell(rate)),
        }
    }
}

/// Negative is unlimited.
fn limit(most: i64) -> Option<u32> {
    u64::try_from(most).ok().map(|most| u32::try_from(most).unwrap_or(u32::MAX))
}

/// `bind_address`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindAddress {
    Any,
    Address(IpAddr),
    Name(Arc<str>),
}

impl OptionType for BindAddress {
    type Value = BindAddress;
    const NAME: &'static str = "address";
    fn read(raw: &Value, _: Declared<'_>) -> Result<BindAddress, Expected> {
        let text = config::scalar(raw)?;
        match Gateway::parse(text) {
            _ if text == "*" => Ok(BindAddress::Any),
            Ok(Gateway::Address(address)) => Ok(BindAddress::Address(address)),
            Ok(Gateway::Name(name)) => Ok(BindAddress::Name(name.into())),
            Err(_) => Err(Expected::fixed("an IP address, a host name, or *")),
        }
    }
}

impl OptionType for Gateway {
    type Value = Gateway;
    const NAME: &'static str = "host";
    fn read(raw: &Value, _: Declared<'_>) -> Result<Gateway, Expected> {
        Gateway::parse(config::scalar(raw)?)
            .map_err(|_| Expected::fixed("a host name, an IP address or [IPv6]"))
    }
}

impl OptionType for Routes {
    type Value = Routes;
    const NAME: &'static str = "list of next hops";
    fn read(raw: &Value, declared: Declared<'_>) -> Result<Routes, Expected> {
        let items = List::<Text>::read(raw, declared)?;
        Routes::parse(items.iter().map(|item| &**item)).map_err(|wrong| {
            let expected = Expected::from(wrong.problem.expected().to_owned());
            items.iter().position(|item| **item == *wrong.item).map_or(expected.clone(), |at| expected.at(at))
        })
    }
}

impl OptionType for Aggressiveness {
    type Value = Aggressiveness;
    const NAME: &'static str = "normal, high or float";
    fn read(raw: &Value, declared: Declared<'_>) -> Result<Aggressiveness, Expected> {
        const NAMES: [(&str, Aggressiveness); 2] =
            [("normal", Aggressiveness::NORMAL), ("high", Aggressiveness::HIGH)];
        let text = config::scalar(raw)?;
        if let Some((_, named)) = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Ok(*named);
        }
        let exponent = config::Float::read(raw, declared).ok().and_then(Aggressiveness::fraction);
        exponent.ok_or(Expected::fixed("normal, high, or a fraction from 0 to 1"))
    }
}
