//! Chooses an address for a connection and dials it, best first (spec mail-flow.md §6.4).

use crate::deliver::Delivery;
use crate::settle;
use crate::tenure::Tenure;
use bindings::hosts::Choice;
use bindings::schedule::OUT_OF_REACH;
use bindings::{Held, SourceChoice};
use mail::{MessageId, Reply, Time};
use std::net::SocketAddr;
use world::{Dial, World};

/// A connection that was established.
pub(crate) struct Connection<S> {
    pub stream: S,
    pub id: MessageId,
    pub index: usize,
    pub address: SocketAddr,
    /// What it counts against at its host; given back with it.
    _held: Vec<Held>,
}

pub(crate) enum NotConnected {
    /// For every message that is due.
    Unreachable(Reply),
    /// The hosts are at their limits.
    NotBefore(Time),
}

impl<W: World> Delivery<W> {
    /// Why no candidate can be tried: all of them have failed, for how long decides the words; or their
    /// limits are reached, and the mail waits.
    fn unavailable(&self, until: Time) -> NotConnected {
        let hosts = self.shard.idle.hosts.borrow();
        let failed = |times| hosts.are_lost(&self.outbound.binding, &self.candidates, times);
        if failed(self.outbound.mx_failures_to_delay) {
            NotConnected::Unreachable(settle::reply_of(OUT_OF_REACH))
        } else if failed(1) {
            NotConnected::Unreachable(dns::route::NONE_REACHABLE)
        } else {
            NotConnected::NotBefore(until)
        }
    }

    /// Tries one candidate after the other, best first, each once at most.
    pub async fn connect(&self, tenure: &Tenure<W>) -> Result<Connection<W::Stream>, NotConnected> {
        let (shard, binding) = (&self.shard, &self.outbound.binding);
        for _ in 0..=self.candidates.len() {
            let (now, chance) = (shard.world.now(), shard.world.chance());
            let choice = shard.idle.hosts.borrow().choose(
                binding,
                &self.outbound.source,
                &self.candidates,
                self.outbound.host_failure_retry,
                now,
                chance,
            );
            let (index, source, held) = match choice {
                Choice::Host { index, source, held } => (index, source, held),
                Choice::NoneUsable => return Err(NotConnected::Unreachable(dns::route::NO_VALID_HOSTS)),
                Choice::NotNow { until } => {
                    return Err(self.unavailable(until));
                }
            };
            let address = self.candidates[index].address;
            let from = match source {
                SourceChoice::Address(address) => Some(address),
                SourceChoice::Any | SourceChoice::None => None,
            };
            shard.idle.hosts.borrow_mut().connecting(binding, address, now);
            tenure.take_address(binding.clone(), address);
            let dial = Dial { to: address, from, deadline: now + self.outbound.connect_timeout };
            let dialled = shard.world.dial(dial).await;
            let connected = shard.world.now();
            let mut hosts = shard.idle.hosts.borrow_mut();
            match dialled {
                Ok(stream) => {
                    shard.counters.outbound_connections.add(1);
                    hosts.connected(binding, address, connected.since(now), connected);
                    drop(hosts);
                    return Ok(Connection { stream, id: shard.next_id(), index, address, _held: held });
                }
                Err(_) => {
                    shard.counters.outbound_connection_failures.add(1);
                    hosts.failed(binding, address, connected);
                    drop(hosts);
                    tenure.leave_address();
                }
            }
        }
        Err(NotConnected::Unreachable(dns::route::NONE_REACHABLE))
    }
}
