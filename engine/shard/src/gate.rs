//! Who may connect: sessions of the process, of a listener, and of one client network (/32 or /64).
//! Shared by all shards without a lock; a slot is held from accept to close.

use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Slots of one row of the table of clients.
const ROW: usize = 1 << 16;

/// Counts sessions per client network in two rows of a table with keyed hashing. Networks that share a slot
/// in both rows are counted together: the limit may then strike early, never late, and memory is fixed.
pub struct Gate {
    all: AtomicU32,
    rows: [Box<[AtomicU32]>; 2],
    keys: [u64; 2],
}

/// Limits of one listener, zero for none.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionLimits {
    /// `service_sessions`: all listeners together.
    pub service: u32,
    /// `listener_sessions`: this listener.
    pub listener: u32,
    /// `client_sessions`: one IPv4 address or IPv6 /64.
    pub client: u32,
}

/// A session's slots, given back when dropped.
pub struct Pass {
    gate: Arc<Gate>,
    listener: Arc<AtomicU32>,
    client: Option<[usize; 2]>,
}

impl Gate {
    /// `keys` are random, so that nobody can choose addresses that share slots.
    pub fn new(keys: [u64; 2]) -> Arc<Self> {
        let row = || (0..ROW).map(|_| AtomicU32::new(0)).collect();
        Arc::new(Gate { all: AtomicU32::new(0), rows: [row(), row()], keys })
    }

    /// None: a limit is reached.
    pub fn enter(
        self: &Arc<Self>,
        client: Option<IpAddr>,
        listener: &Arc<AtomicU32>,
        limits: SessionLimits,
    ) -> Option<Pass> {
        let client = client.map(|client| self.slots(client));
        take(&self.all, limits.service)?;
        if take(listener, limits.listener).is_none() {
            self.all.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        // From here on dropping the pass gives everything back, also when the client is refused.
        let pass = Pass { gate: self.clone(), listener: listener.clone(), client };
        let mut fewest = u32::MAX;
        for (row, slot) in self.rows.iter().zip(client.into_iter().flatten()) {
            fewest = fewest.min(row[slot].fetch_add(1, Ordering::Relaxed) + 1);
        }
        let refused = limits.client > 0 && client.is_some() && fewest > limits.client;
        (!refused).then_some(pass)
    }

    /// Sessions of all clients; or of one network, of which the table knows /32 and /64: the sessions of a
    /// wider one are those of its first address.
    pub fn sessions(&self, network: Option<IpNet>) -> u64 {
        let Some(network) = network else { return u64::from(self.all.load(Ordering::Relaxed)) };
        let slots = self.slots(network.addr());
        let counts = self.rows.iter().zip(slots).map(|(row, slot)| row[slot].load(Ordering::Relaxed));
        counts.min().map_or(0, u64::from)
    }

    fn slots(&self, client: IpAddr) -> [usize; 2] {
        let network = match client.to_canonical() {
            IpAddr::V4(address) => u64::from(u32::from(address)),
            IpAddr::V6(address) => (u128::from(address) >> 64) as u64 | 1 << 63,
        };
        self.keys.map(|key| (mix(network ^ key) as usize) % ROW)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.gate.all.fetch_sub(1, Ordering::Relaxed);
        self.listener.fetch_sub(1, Ordering::Relaxed);
        for (row, slot) in self.gate.rows.iter().zip(self.client.into_iter().flatten()) {
            row[slot].fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Counts up unless that would exceed the limit.
fn take(count: &AtomicU32, limit: u32) -> Option<()> {
    let up = |now: u32| (limit == 0 || now < limit).then_some(now + 1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, up).ok().map(|_| ())
}

/// The finaliser of splitmix64: every input bit moves every output bit.
fn mix(mut value: u64) -> u64 {
    value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_holds_and_slots_come_back() {
        let gate = Gate::new([1, 2]);
        let listener = Arc::new(AtomicU32::new(0));
        let limits = SessionLimits { service: 4, listener: 3, client: 2 };
        let enter = |client: &str| gate.enter(Some(client.parse().unwrap()), &listener, limits);
        let first = enter("192.0.2.1").expect("the first session");
        let second = enter("192.0.2.1").expect("the second of the client");
        assert!(enter("192.0.2.1").is_none(), "the third of the client");
        let third = enter("192.0.2.2").expect("another client");
        assert!(enter("192.0.2.3").is_none(), "the fourth of the listener");
        let elsewhere = Arc::new(AtomicU32::new(0));
        let other = gate.enter(None, &elsewhere, limits).expect("the fourth of the service");
        assert!(gate.enter(None, &elsewhere, limits).is_none(), "the fifth of the service");
        drop((first, second, third, other));
        assert_eq!(gate.all.load(Ordering::Relaxed), 0);
        assert!(gate.rows.iter().flat_map(|row| row.iter()).all(|slot| slot.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn a_network_of_sixty_four_bits_is_one_client() {
        let gate = Gate::new([3, 4]);
        let listener = Arc::new(AtomicU32::new(0));
        let limits = SessionLimits { client: 1, ..SessionLimits::default() };
        let _first = gate.enter(Some("2001:db8::1".parse().unwrap()), &listener, limits).unwrap();
        assert!(gate.enter(Some("2001:db8::2".parse().unwrap()), &listener, limits).is_none());
        assert!(gate.enter(Some("2001:db8:0:1::2".parse().unwrap()), &listener, limits).is_some());
    }
}
