//! What is counted of clients by their addresses: how a monitor is written, which numbers stand for a network.
//!
//! The law: whoever counts and whoever reads ask this file for the names, so that they mean the same numbers.

use crate::{Host, Later, Tally};
use config::{Declared, Expected, OptionType, Value};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// What the module inbound_audit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    Connections,
    Receptions,
    Rejections,
}

impl Counted {
    pub const ALL: [Counted; 3] = [Counted::Connections, Counted::Receptions, Counted::Rejections];

    pub const fn name(self) -> &'static str {
        match self {
            Counted::Connections => "connections",
            Counted::Receptions => "receptions",
            Counted::Rejections => "rejections",
        }
    }
}

/// `"seconds,count"`: windows of so many seconds, the current one and so many before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monitor {
    pub window: Duration,
    /// Before the current one.
    pub windows: u32,
}

impl Monitor {
    const EXPECTED: &str =
        "\"seconds,count\": a window of 1 to 31622400 seconds, 1 to 9999 times, such as \"1800,4\"";

    /// The error completes the sentence "expected …".
    pub fn parse(text: &str) -> Result<Monitor, &'static str> {
        let read = || {
            let (seconds, windows) = text.split_once(',')?;
            let (seconds, windows) = (seconds.trim().parse().ok()?, windows.trim().parse().ok()?);
            let fits = (1..=366 * 86_400).contains(&seconds) && (1..=9_999).contains(&windows);
            fits.then(|| Monitor { window: Duration::from_secs(seconds), windows })
        };
        read().ok_or(Monitor::EXPECTED)
    }

    pub fn tally(self, what: Counted) -> Tally {
        let name = format!("inbound_audit {} {self}", what.name());
        Tally { name: name.into(), slot: self.window, slots: self.windows + 1 }
    }
}

impl fmt::Display for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.window.as_secs(), self.windows)
    }
}

impl OptionType for Monitor {
    type Value = Monitor;
    const NAME: &'static str = "seconds,count";

    fn read(raw: &Value, _: Declared<'_>) -> Result<Monitor, Expected> {
        match raw {
            Value::Scalar(word) => Monitor::parse(&word.text).map_err(Expected::fixed),
            _ => Err(Expected::fixed(Monitor::EXPECTED)),
        }
    }
}

/// The monitors that inbound_audit counts for; offered as the service `inbound_audit`.
#[derive(Clone, Debug, Default)]
pub struct Monitors(pub Vec<Monitor>);

impl Monitors {
    /// Reading a monitor that nobody counts for would give zero for ever.
    pub fn find(&self, text: &str) -> Result<Monitor, String> {
        let wanted = Monitor::parse(text).map_err(|expected| format!("'{text}': expected {expected}"))?;
        let known = self.0.iter().find(|known| **known == wanted).copied();
        known.ok_or_else(|| format!("inbound_audit has no monitor \"{wanted}\""))
    }
}

/// Lengths of the networks that are counted besides single addresses, narrow to wide.
const LENGTHS: [u8; 3] = [24, 16, 8];
const LENGTHS_V6: [u8; 6] = [120, 64, 56, 48, 40, 32];

/// Numbers that are summed for one network at most.
const SUMMED: u32 = 256;

fn lengths(address: IpAddr) -> &'static [u8] {
    if address.is_ipv4() { &LENGTHS } else { &LENGTHS_V6 }
}

fn full(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn within(address: IpAddr, length: u8) -> Option<IpNet> {
    IpNet::new(address, length).ok().map(|network| network.trunc())
}

/// The keys under which an event of an address is counted: the address and its networks.
pub fn keys(address: IpAddr) -> impl Iterator<Item = String> {
    let address = address.to_canonical();
    let all = std::iter::once(full(address)).chain(lengths(address).iter().copied());
    all.filter_map(move |length| within(address, length)).map(|network| network.to_string())
}

/// The keys whose numbers together are those of a network; none if they would be too many.
pub fn keys_of(network: IpNet) -> Option<Vec<String>> {
    let network = network.trunc();
    let address = network.addr();
    let counted = lengths(address).iter().copied().rev().chain([full(address)]);
    // The widest networks that are counted and not wider than it.
    let length = counted.into_iter().find(|length| *length >= network.prefix_len())?;
    let parts = 1_u32.checked_shl(u32::from(length - network.prefix_len())).unwrap_or(0);
    if !(1..=SUMMED).contains(&parts) {
        return None;
    }
    Some(network.subnets(length).ok()?.map(|part| part.to_string()).collect())
}

/// A series of a script's own; every language, and the console, means the same numbers by its name and windows.
pub fn series(name: &str, slot: Duration, slots: u32) -> Tally {
    Tally { name: format!("audit_series {name}").into(), slot, slots }
}

/// An address, or a network in CIDR notation.
pub fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let parsed =
        text.parse().or_else(|_| text.parse::<IpAddr>().map(|address| address.to_canonical().into()));
    parsed.map_err(|_| format!("'{text}' is no address and no network such as 192.0.2.0/24"))
}

/// Takes what an address has counted out of all that was counted with it.
pub fn forget(host: &Rc<dyn Host>, tally: &Tally, address: IpAddr) -> Later<i64> {
    let (host, tally) = (host.clone(), tally.clone());
    Box::pin(async move {
        let own = keys(address).next().unwrap_or_default();
        let all = host.count(&tally, &own, tally.slots).await;
        add(&*host, &tally, address, -all);
        all
    })
}

/// Counts an event of an address.
pub fn add(host: &dyn Host, tally: &Tally, address: IpAddr, amount: i64) {
    keys(address).for_each(|key| host.add(tally, &key, amount));
}

/// The events of a network in the windows `newest` to `oldest`, 0 being the current one.
pub fn count(
    host: &Rc<dyn Host>,
    tally: &Tally,
    network: IpNet,
    (newest, oldest): (u32, u32),
) -> Result<Later<i64>, String> {
    let keys = keys_of(network)
        .ok_or_else(|| format!("{network}: expected /24, /16, /8, a network up to 8 bits wider, or an address (IPv6: /120, /64, /56, /48, /40, /32)"))?;
    let (host, tally) = (host.clone(), tally.clone());
    Ok(Box::pin(async move {
        let mut sum = 0_i64;
        for key in keys {
            let newer = match newest {
                0 => 0,
                newest => host.count(&tally, &key, newest).await,
            };
            let all = host.count(&tally, &key, oldest.saturating_add(1)).await;
            sum = sum.saturating_add(all - newer);
        }
        sum
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeHost, run};
    use mail::Time;

    #[test]
    fn a_monitor_is_seconds_and_a_count() {
        for (text, expected) in [("1800,4", Some("1800,4")), (" 60 , 1 ", Some("60,1"))] {
            assert_eq!(Monitor::parse(text).ok().map(|monitor| monitor.to_string()).as_deref(), expected);
        }
        for text in ["", "60", "0,4", "60,0", "60,10000", "x,4", "60,4,1"] {
            assert!(Monitor::parse(text).is_err(), "{text}");
        }
        let monitors = Monitors(vec![Monitor::parse("60,4").unwrap()]);
        assert!(monitors.find("60, 4").is_ok());
        assert_eq!(monitors.find("60,5").unwrap_err(), "inbound_audit has no monitor \"60,5\"");
    }

    #[test]
    fn a_network_is_counted_by_the_parts_that_are() {
        for (network, parts) in [
            ("192.0.2.1/32", Some(1)),
            ("192.0.2.0/24", Some(1)),
            ("192.0.2.0/28", Some(16)),
            ("192.0.0.0/20", Some(16)),
            ("0.0.0.0/0", Some(256)),
            ("2001:db8::/64", Some(1)),
            ("2001:db8::/60", Some(16)),
            ("2001:db8::1/128", Some(1)),
            ("2001:db8::/100", None),
            ("::/8", None),
        ] {
            let keys = keys_of(network.parse().unwrap());
            assert_eq!(keys.map(|keys| keys.len()), parts, "{network}");
        }
    }

    #[test]
    fn events_are_found_by_address_network_and_window() {
        let fake = FakeHost::new();
        let host: Rc<dyn Host> = fake.clone();
        let tally = Monitor::parse("60,2").unwrap().tally(Counted::Receptions);
        for (at, address, amount) in
            [(0, "192.0.2.1", 1), (60, "192.0.2.1", 2), (60, "192.0.3.1", 4), (120, "::ffff:192.0.2.2", 8)]
        {
            fake.clock.set(Time::from_secs(at));
            add(&*host, &tally, address.parse().unwrap(), amount);
        }
        for (network, windows, expected) in [
            ("192.0.2.1/32", (0, 2), 3),
            ("192.0.2.1/32", (1, 1), 2),
            ("192.0.2.0/24", (0, 0), 8),
            ("192.0.2.0/23", (0, 1), 14),
            ("192.0.2.0/23", (0, 2), 15),
            ("198.51.100.0/24", (0, 2), 0),
        ] {
            let count = count(&host, &tally, network.parse().unwrap(), windows).unwrap();
            assert_eq!(run(count), expected, "{network} {windows:?}");
        }
        assert!(count(&host, &tally, "2001:db8::/90".parse().unwrap(), (0, 0)).is_err());
    }
}
