//! A tiny name server for tests, simulation and demo: text in, packets answered, nothing else.

/// How a question came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Cut at what the asker can take.
    Datagram,
    /// Without the length prefix.
    Stream,
}

pub struct Zone {}

/// The line of the zone text that is not `NAME TTL TYPE DATA`, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAZone {
    pub line: usize,
    pub why: &'static str,
}

impl Zone {
    pub fn parse(_text: &str) -> Result<Zone, NotAZone> {
        todo!()
    }

    /// None: the zone is told to stay silent, or the packet is not a question.
    pub fn answer(&self, _packet: &[u8], _carrier: Carrier) -> Option<Vec<u8>> {
        todo!()
    }
}
