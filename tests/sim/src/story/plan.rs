//! What a seed chose: how many shards, clients and domains, which limits hold, what goes wrong and when.

use crate::{Dice, DiskFaults, NetFaults};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

/// Where the engine listens, and where its own connections come from.
pub const ENGINE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
/// Where its console listens.
pub const CONSOLE: ([u8; 4], u16) = ([192, 0, 2, 1], 2025);
/// The name servers; a plan uses one or both.
pub const NAME_SERVERS: [IpAddr; 2] =
    [IpAddr::V4(std::net::Ipv4Addr::new(10, 53, 0, 1)), IpAddr::V4(std::net::Ipv4Addr::new(10, 53, 0, 2))];
/// Where notices go: the domain of every sender.
pub const SENDERS: &str = "senders.example";
pub const SMTP: u16 = 25;
/// The smallest segment file that the spool makes.
const SEGMENT_BYTES: u64 = 1 << 20;

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub shards: usize,
    pub clients: u64,
    pub domains: u64,
    /// Exchangers of a domain.
    pub hosts: u64,
    pub connections_of_domain: u64,
    pub connections_of_server: u64,
    /// Deliveries begun in so many seconds, of each domain's declaration.
    pub throttle: Option<(u64, u64)>,
    pub sessions: u64,
    pub spool_memory: u64,
    /// Short enough to be reached.
    pub expires: bool,
    pub net: NetFaults,
    pub disk: DiskFaults,
    /// Peers and name servers misbehave, once in so many chances.
    pub peer_trouble: u64,
    pub name_trouble: u64,
    /// Polls between a start of the engine and the power cut that ends it.
    pub cuts: Vec<u64>,
    /// The last start but one is stopped in order.
    pub stops: bool,
    /// Microseconds before each reload of the configuration, counted from a start or the reload before.
    pub reloads: Vec<u64>,
    /// Somebody sits at the console and gives orders.
    pub operates: bool,
}

impl Plan {
    pub fn draw(seed: u64) -> Plan {
        let dice = Dice::new(seed).fork("plan");
        let cuts = [0, 0, 1, 1, 2, 3][dice.below(6) as usize];
        Plan {
            seed,
            shards: dice.between(1, 3) as usize,
            clients: dice.between(1, 6),
            domains: dice.between(1, 3),
            hosts: dice.between(1, 2),
            connections_of_domain: dice.between(1, 3),
            connections_of_server: dice.between(1, 6),
            throttle: dice.one_in(3).then(|| (dice.between(1, 2), dice.between(5, 15))),
            sessions: if dice.one_in(3) { dice.between(1, 2) } else { 0 },
            spool_memory: *dice.pick(&[1, 4096, 65_536, 10 << 20]),
            expires: dice.one_in(8),
            net: NetFaults {
                reset: *dice.pick(&[0, 0, 100, 30]),
                refuse: *dice.pick(&[0, 0, 10]),
                lose_datagram: *dice.pick(&[0, 0, 10, 3]),
                ..NetFaults::default()
            },
            disk: draw_disk(&dice),
            peer_trouble: *dice.pick(&[0, 40, 15, 6]),
            name_trouble: *dice.pick(&[0, 0, 6, 3]),
            cuts: (0..cuts).map(|_| dice.between(1, 10u64.pow(dice.between(2, 3) as u32) * 3)).collect(),
            stops: dice.one_in(4),
            reloads: draw_reloads(&Dice::new(seed).fork("reloads")),
            operates: dice.one_in(3),
        }
    }

    pub fn domain(&self, number: u64) -> String {
        format!("d{number}.example")
    }

    /// All domains that have exchangers: those of recipients and that of the senders.
    pub fn all_domains(&self) -> Vec<String> {
        let mut domains: Vec<String> = (0..self.domains).map(|number| self.domain(number)).collect();
        domains.push(SENDERS.to_owned());
        domains
    }

    /// The exchangers of a domain, by its place in `all_domains`.
    pub fn hosts_of(&self, domain: usize) -> Vec<SocketAddr> {
        let host = |host: u64| SocketAddr::from(([10, 1, domain as u8, host as u8 + 1], SMTP));
        (0..self.hosts).map(host).collect()
    }

    pub fn zone(&self) -> String {
        let mut zone = String::new();
        for (place, domain) in self.all_domains().iter().enumerate() {
            for (number, host) in self.hosts_of(place).iter().enumerate() {
                let _ = writeln!(zone, "{domain} 60 MX {number}0 mx{number}.{domain}");
                let _ = writeln!(zone, "mx{number}.{domain} 60 A {}", host.ip());
            }
        }
        zone
    }

    /// As it is reloaded: nothing that the account depends on is another, but everything is read anew, a listener
    /// comes and goes, and so does a log.
    pub fn reconfiguration(&self, count: u64) -> String {
        let mut text = self.configuration();
        let _ = writeln!(text, "delayed_queue_scan_interval = {}", 15 + count % 2);
        if count % 2 == 1 {
            let _ = writeln!(text, "esmtp_listener {{ listen \"{ENGINE}:2525\" {{ }} }}");
            let _ = writeln!(text, "ec_logger {{ rejectlog = \"/log/reject.{count}\" }}");
        }
        text
    }

    pub fn configuration(&self) -> String {
        let expiration = if self.expires { 40 } else { 864_000 };
        let (domain, server) = (self.connections_of_domain, self.connections_of_server);
        let mut text = format!(
            "hostname = \"mx.sim.example\"\nspoolbase = \"/spool\"\nspool_segment_size = {SEGMENT_BYTES}\n\
             spool_memory = {}\nretry_interval = 3\nmax_retry_interval = 20\nmessage_expiration = {expiration}\n\
             max_retries = none\nhost_failure_retry = 2\nmx_failures_to_delay = 0\nmx_failures_fallback_to_a = 0\n\
             dns_failures_to_purge = 0\nconnect_timeout = 20\nehlo_timeout = 20\nmailfrom_timeout = 20\n\
             rcptto_timeout = 20\nbody_timeout = 30\nmax_outbound_connections = {domain}\n\
             server_max_outbound_connections = {server}\nserver_reserve_outbound_connections = 0\n\
             ec_logger {{ mainlog = \"/log/main\" rejectlog = \"/log/reject\" paniclog = \"/log/panic\" }}\n",
            self.spool_memory
        );
        for name in self.all_domains() {
            let throttle = self.throttle.map(|(events, seconds)| format!("\"{events}/{seconds}\""));
            let throttle = throttle.map(|rate| format!("outbound_throttle_messages = {rate}"));
            // A notice that expires would end its copy unheard.
            let patience = if name == SENDERS { "message_expiration = 864000" } else { "" };
            let _ = writeln!(text, "domain \"{name}\" {{ {} {patience} }}", throttle.unwrap_or_default());
        }
        let _ = writeln!(
            text,
            "esmtp_listener {{ open_relay = true service_sessions = {} listen \"{ENGINE}:{SMTP}\" {{ }} }}",
            self.sessions
        );
        if self.operates {
            let (address, port) = (ENGINE, CONSOLE.1);
            let _ = writeln!(
                text,
                "control_listener {{ listen \"{address}:{port}\" {{ peer \"0.0.0.0/0\" {{ always_allow = true }} }} }}"
            );
        }
        text
    }
}

/// In one story of three.
fn draw_reloads(dice: &Dice) -> Vec<u64> {
    let count = if dice.one_in(3) { dice.between(1, 8) } else { 0 };
    (0..count).map(|_| dice.between(1, 10u64.pow(dice.between(4, 7) as u32))).collect()
}

fn draw_disk(dice: &Dice) -> DiskFaults {
    let misfortune = dice.below(10);
    DiskFaults {
        fail_at: if misfortune < 3 { dice.between(1, 150) } else { 0 },
        for_ever: misfortune == 0,
        capacity: if misfortune == 4 { dice.between(1, 4) * SEGMENT_BYTES } else { 0 },
        slow: *dice.pick(&[0, 20, 4]),
    }
}
