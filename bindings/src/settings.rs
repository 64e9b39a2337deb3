//! What configuration decides for the schedule: per shard, and per (binding, domain).
//!
//! The shard resolves these once when a queue appears and again at a reload; nothing here is looked up per
//! message.

use crate::{RetrySettings, SharedLimit, ThrottleCell};
use std::sync::Arc;
use std::time::Duration;

/// The settings of all queues of a shard together.
#[derive(Clone, Debug)]
pub struct ScheduleSettings {
    /// `server_max_outbound_connections` of the global scope; its counter is shared by all shards.
    pub server: SharedLimit,
    /// `server_reserve_outbound_connections`: on top of `server`, for sweeps only.
    pub reserve: u32,
    /// `reserve_maintenance_interval`.
    pub reserve_maintenance_interval: Duration,
    /// `delayed_queue_scan_interval`: how late a due message may be found while its queue is busy.
    pub delayed_queue_scan_interval: Duration,
}

impl ScheduleSettings {
    /// The defaults of Momentum around a given limit of connections.
    pub fn new(server: SharedLimit) -> Self {
        ScheduleSettings {
            server,
            reserve: 200,
            reserve_maintenance_interval: Duration::from_secs(15),
            delayed_queue_scan_interval: Duration::from_secs(15),
        }
    }
}

/// The settings of one (binding, domain), resolved by the chain of config-language.md §9.1.
#[derive(Clone, Debug, Default)]
pub struct QueueSettings {
    /// `max_outbound_connections`: of this pair alone.
    pub max_outbound_connections: MaxConnections,
    /// Every further limit that a connection of this queue counts against: `scope_max_outbound_connections`
    /// and `server_max_outbound_connections` of the binding or group, each with the counter of its scope.
    pub limits: Vec<SharedLimit>,
    /// `outbound_throttle_connections`, the cell of the declaring scope.
    pub connection_throttle: Option<Arc<ThrottleCell>>,
    /// `outbound_throttle_messages`, the cell of the declaring scope.
    pub message_throttle: Option<Arc<ThrottleCell>>,
    /// `connection_allocation_aggressiveness`.
    pub aggressiveness: Aggressiveness,
    pub retry: RetrySettings,
    /// `suspend_delivery`.
    pub suspend_delivery: bool,
    pub blackhole: Blackhole,
    /// `connect_timeout_to_delay`: after so long without contact all active mail is delayed.
    pub connect_timeout_to_delay: ContactPatience,
}

/// Connections of one (binding, domain); 32 unless configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxConnections(pub u32);

impl Default for MaxConnections {
    fn default() -> Self {
        MaxConnections(32)
    }
}

/// How long a domain may stay out of reach before its mail is delayed; 900 s unless configured, zero never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContactPatience(pub Duration);

impl Default for ContactPatience {
    fn default() -> Self {
        ContactPatience(Duration::from_secs(900))
    }
}

/// The exponent of the connection goal: normal 0.3, high 0.75, or any fraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aggressiveness(f64);

impl Aggressiveness {
    pub const NORMAL: Aggressiveness = Aggressiveness(0.3);
    pub const HIGH: Aggressiveness = Aggressiveness(0.75);

    /// None if it is no number from 0 to 1.
    pub fn fraction(exponent: f64) -> Option<Self> {
        (0.0..=1.0).contains(&exponent).then_some(Aggressiveness(exponent))
    }

    /// Connections that `active` messages deserve, at most `max` (mail-flow.md §7.1).
    pub fn goal(self, active: usize, max: MaxConnections) -> u32 {
        if active == 0 {
            return 0;
        }
        let wished = (active as f64).powf(self.0).ceil();
        max.0.min(if wished >= f64::from(u32::MAX) { u32::MAX } else { wished as u32 }.max(1))
    }
}

impl Default for Aggressiveness {
    fn default() -> Self {
        Aggressiveness::NORMAL
    }
}

config::choices! {
    /// `blackhole` (mail-flow.md §12): all values but `Off` fail mail that is already queued.
    #[derive(Default)]
    pub enum Blackhole {
        #[default]
        Off = 0: "false" | "no" | "off" | "disabled",
        /// Refused at RCPT TO.
        Inline = 1: "true" | "inline" | "yes" | "on" | "enabled",
        /// Accepted, then failed.
        Internal = 2: "internal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_goal_follows_the_curve_of_the_specification() {
        for (active, max, exponent, goal) in [
            (0, 32, Aggressiveness::NORMAL, 0),
            (1, 32, Aggressiveness::NORMAL, 1),
            (2, 32, Aggressiveness::NORMAL, 2),
            (400, 32, Aggressiveness::NORMAL, 7),
            (400, 32, Aggressiveness::HIGH, 32),
            (400, 100, Aggressiveness::HIGH, 90),
            (1_000_000, 32, Aggressiveness::NORMAL, 32),
            (400, 0, Aggressiveness::NORMAL, 0),
            (usize::MAX, u32::MAX, Aggressiveness(1.0), u32::MAX),
            (5, 32, Aggressiveness(0.0), 1),
        ] {
            assert_eq!(exponent.goal(active, MaxConnections(max)), goal, "{active} of {max}");
        }
        assert_eq!(Aggressiveness::fraction(1.5), None);
        assert_eq!(Aggressiveness::fraction(f64::NAN), None);
    }
}
