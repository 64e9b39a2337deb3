//! `count`

use crate::Shard;
use console::{Command, Document, Record, Refused, Request, record};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use world::World;

pub const COMMAND: Command = Command::new(
    "count",
    "<outbound|outbound/binding|SMTP> <ip|cidr|mask|mask-mask>",
    "Counts open connections of an address block, or by the blocks of some lengths.",
);

/// Addresses of one core that are counted.
const MOST: usize = 200_000;

/// What is to be counted.
enum Range {
    Block(IpNet),
    Masks(u8, u8),
}

fn range(text: &str) -> Option<Range> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Range::Block(address.into()));
    }
    if let Ok(block) = text.parse::<IpNet>() {
        return Some(Range::Block(block));
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to && to <= 128).then_some(Range::Masks(from, to))
}

pub(super) async fn ask<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
) -> Result<Vec<IpAddr>, Refused> {
    let [of, _] = request.operands().exactly()?;
    let addresses: Vec<IpAddr> = match of.split_once('/') {
        None if of == "SMTP" || of == "inbound" => {
            let visitors = shard.visitors.all().into_iter();
            visitors.filter_map(|(_, visitor)| visitor.peer).map(|peer| peer.ip().to_canonical()).collect()
        }
        None if of == "outbound" => outbound(&shard, None),
        Some(("outbound", binding)) => outbound(&shard, Some(binding)),
        _ => return Err(request.usage()),
    };
    Ok(addresses.into_iter().take(MOST).collect())
}

fn outbound<W: World>(shard: &Shard<W>, binding: Option<&str>) -> Vec<IpAddr> {
    let schedule = shard.schedule.borrow();
    let present = shard.presences.all().into_iter().map(|(_, presence)| presence);
    let wanted = present.filter(|presence| {
        schedule.exists(presence.queue)
            && binding.is_none_or(|binding| &**schedule.names(presence.queue).0 == binding)
    });
    wanted.filter_map(|presence| presence.under().address).collect()
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    request: Arc<Request>,
    parts: Vec<Vec<IpAddr>>,
) -> Result<Document, Refused> {
    let [of, text] = request.operands().exactly()?;
    let addresses: Vec<IpAddr> = parts.into_iter().flatten().collect();
    match range(&text).ok_or_else(|| request.usage())? {
        Range::Block(block) => {
            let sessions = addresses.iter().filter(|address| block.contains(*address)).count();
            Ok(Document::new().record("", "{sessions} sessions", record! { sessions: sessions }))
        }
        Range::Masks(from, to) => {
            let heading = format!("Displaying '{of}' from /{from} to /{to}");
            Ok(Document::new().text(heading).rows("blocks", ROW, blocks(&addresses, from, to)))
        }
    }
}

/// The block stands as far to the right as its mask is long.
const ROW: &str = "{sessions:>7} {indented}";

/// How many there are in each block of the two lengths, a block before the blocks within it.
fn blocks(addresses: &[IpAddr], from: u8, to: u8) -> Vec<Record> {
    let mut found: BTreeMap<IpNet, usize> = BTreeMap::new();
    for address in addresses {
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let masks = [from.min(longest), to.min(longest)];
        for mask in &masks[usize::from(masks[0] == masks[1])..] {
            if let Ok(block) = IpNet::new(*address, *mask) {
                *found.entry(block.trunc()).or_default() += 1;
            }
        }
    }
    let rows = found.into_iter().map(|(block, sessions)| {
        let indented = format!("{}{block}", " ".repeat(usize::from(block.prefix_len())));
        record! { sessions: sessions, block: block.to_string(), indented: indented }
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use console::Format;

    #[test]
    fn blocks_are_indented_by_their_mask() {
        let addresses =
            ["192.0.2.10", "192.0.2.10", "192.0.2.10"].map(|address| address.parse().expect("an address"));
        let text = Document::new().rows("blocks", ROW, blocks(&addresses, 16, 32)).to_text(Format::Text);
        let expected =
            format!("      3 {}192.0.0.0/16\n      3 {}192.0.2.10/32\n", " ".repeat(16), " ".repeat(32));
        assert_eq!(text, expected);
    }

    #[test]
    fn a_range_is_an_address_a_block_or_masks() {
        for (text, fits) in [
            ("192.0.2.1", true),
            ("192.0.2.0/24", true),
            ("24", true),
            ("16-32", true),
            ("32-16", false),
            ("x", false),
        ] {
            assert_eq!(range(text).is_some(), fits, "{text}");
        }
        assert!(matches!(range("192.0.2.1"), Some(Range::Block(block)) if block.prefix_len() == 32));
        assert!(matches!(range("16-24"), Some(Range::Masks(16, 24))));
    }
}
