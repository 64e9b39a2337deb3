//! Name servers: honest ones out of a zone, and the ways in which they are not.

use crate::story::lines::Gone;
use crate::story::plan::{NAME_SERVERS, Plan};
use crate::{Dice, SimStream, SimWorld};
use bytes::Bytes;
use dns::zone::{Carrier, Zone};
use mail::Time;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use world::{Endpoint, Listener, Net, Stream, World};

const DOMAIN: u16 = 53;
/// Offsets within a packet's header (RFC 1035 §4.1.1).
const FLAGS: usize = 2;
const CODE: usize = 3;
const TRUNCATED: u8 = 0x02;
const SERVFAIL: u8 = 0x02;
const HEADER: usize = 12;

/// Opens both servers; `trouble` is as for peers.
pub fn open_all(world: &SimWorld, plan: &Plan, trouble: &Rc<Cell<u64>>) {
    let zone = Zone::parse(&plan.zone()).unwrap_or_else(|error| panic!("a zone of ours: {error}"));
    let zone = Rc::new(zone);
    for host in NAME_SERVERS {
        let at = SocketAddr::new(host, DOMAIN);
        let (known, trouble) = (zone.clone(), trouble.clone());
        let responder = move |packet: &[u8], dice: &Dice| respond(&known, packet, dice, trouble.get());
        world.universe().net().respond(at, Rc::new(responder));
        let listener = world.listen(&Endpoint::Inet(at), 10);
        let listener = listener.unwrap_or_else(|error| panic!("{at} is free: {error}"));
        let (world_of_streams, zone) = (world.clone(), zone.clone());
        world.spawn("name server", async move {
            while let Ok(stream) = listener.accept().await {
                let zone = zone.clone();
                world_of_streams.spawn("name stream", async move { drop(serve(stream, &zone).await) });
            }
        });
    }
}

fn respond(zone: &Zone, packet: &[u8], dice: &Dice, trouble: u64) -> Vec<(Duration, Vec<u8>)> {
    let soon = dice.micros(50, 20_000);
    let Some(mut answer) = zone.answer(packet, Carrier::Datagram) else { return Vec::new() };
    if !dice.one_in(trouble) {
        return vec![(soon, answer)];
    }
    let truth = answer.clone();
    match dice.below(7) {
        // Somebody guesses our id; the truth comes later.
        0 => {
            answer[0] ^= 0x55;
            return vec![(soon, answer), (soon * 2, truth)];
        }
        1 => {
            answer[FLAGS] |= TRUNCATED;
            answer.truncate(answer.len().max(HEADER));
        }
        2 => answer[CODE] = answer[CODE] & 0xF0 | SERVFAIL,
        3 => return vec![(Duration::from_secs(dice.between(3, 40)), answer)],
        4 => return Vec::new(),
        5 => answer.truncate(dice.below(answer.len() as u64) as usize),
        _ => {
            let at = dice.between(0, HEADER as u64) as usize;
            answer[at..].fill(0xC0);
        }
    }
    vec![(soon, answer)]
}

async fn serve(mut stream: SimStream, zone: &Zone) -> Result<(), Gone> {
    let mut received = Vec::new();
    loop {
        let length = received.first_chunk::<2>().map(|length| usize::from(u16::from_be_bytes(*length)));
        if let Some(packet) = length.and_then(|length| received.get(2..2 + length)) {
            let answer = zone.answer(packet, Carrier::Stream).ok_or(Gone)?;
            let mut framed = (answer.len() as u16).to_be_bytes().to_vec();
            framed.extend(answer);
            return stream.write(vec![Bytes::from(framed)], Time::NEVER).await.map_err(|_| Gone);
        }
        match stream.read(Time::NEVER).await {
            Ok(chunk) if !chunk.is_empty() => received.extend_from_slice(&chunk),
            _ => return Err(Gone),
        }
    }
}
