//! Zone files of rbldnsd, the sets `ip4set` and `ip6set`: blocks, ranges, exclusions, values.
//!
//! The law: a line that is not understood costs its block and a remark, not the file.

use super::blocks::{Builder, Mark};
use super::definition::Want;
use ipnet::{IpNet, Ipv4Net, Ipv4Subnets};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What became of a file: how many lines were not understood, and the first of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    pub lines: usize,
    pub first: Option<(usize, &'static str)>,
    /// There were more blocks than a table takes.
    pub is_full: bool,
}

/// Of entries that name no value (rbldnsd's own default).
struct Default {
    a: String,
    txt: String,
}

pub fn read(text: &str, want: Want, builder: &mut Builder) -> Remarks {
    let mut remarks = Remarks::default();
    let mut default = Default { a: "127.0.0.2".into(), txt: String::new() };
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        match line.as_bytes().first() {
            // Comments, and `$SOA`, `$TTL`, `$NS`, which only name servers need.
            None | Some(b'#' | b';' | b'$') => continue,
            Some(b':') => {
                let (a, txt) = values(line, &default);
                default = Default { a, txt };
                continue;
            }
            _ => {}
        }
        match entry(line, want, &default) {
            Ok((blocks, mark)) => {
                if !blocks.into_iter().all(|block| builder.add(block, mark.clone())) {
                    remarks.is_full = true;
                    break;
                }
            }
            Err(why) => {
                remarks.lines += 1;
                remarks.first.get_or_insert((number + 1, why));
            }
        }
    }
    remarks
}

fn entry(line: &str, want: Want, default: &Default) -> Result<(Vec<IpNet>, Mark), &'static str> {
    let (is_excluded, line) = match line.strip_prefix('!') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, line),
    };
    // The colon after an IPv6 address stands behind a blank.
    let word = line.split_whitespace().next().unwrap_or("");
    let is_v6 = word.matches(':').count() >= 2;
    let end = line.find(|c: char| c.is_whitespace() || (c == ':' && !is_v6)).unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    let blocks = if is_v6 { v6(word)? } else { v4(word)? };
    if is_excluded {
        return Ok((blocks, Mark::Excluded));
    }
    let (a, txt) = values(rest.trim(), default);
    let value = match want {
        Want::A => a,
        Want::Txt => txt,
    };
    Ok((blocks, if value.is_empty() { Mark::Listed } else { Mark::Value(value.into()) }))
}

/// `:127.0.0.3:text`, `:3:text`, `:text`, `text`: the A and the TXT value.
fn values(text: &str, default: &Default) -> (String, String) {
    let of_text = |text: &str| match text.trim() {
        "" => default.txt.clone(),
        text => text.to_owned(),
    };
    let Some(rest) = text.strip_prefix(':') else { return (default.a.clone(), of_text(text)) };
    let (word, behind) = rest.split_once(':').unwrap_or((rest, ""));
    let word = word.trim();
    let a = match (word.parse::<u8>(), word.parse::<Ipv4Addr>()) {
        (Ok(number), _) => format!("127.0.0.{number}"),
        (_, Ok(address)) => address.to_string(),
        _ if word.is_empty() => default.a.clone(),
        _ => return (default.a.clone(), of_text(rest)),
    };
    (a, of_text(behind))
}

fn v6(word: &str) -> Result<Vec<IpNet>, &'static str> {
    let (address, length) = word.split_once('/').unwrap_or((word, "128"));
    let address: Ipv6Addr = address.parse().map_err(|_| "expected an IPv6 address")?;
    let length: u8 = length.parse().map_err(|_| "expected a prefix length up to 128")?;
    let net = IpNet::new(IpAddr::V6(address), length).map_err(|_| "expected a prefix length up to 128")?;
    Ok(vec![net.trunc()])
}

/// `a.b.c.d`, `a.b.c` for a /24, `a.b` for a /16, any of them with `/len`, and ranges `a.b.c.d-e` or `a.b.c.d-w.x.y.z`.
fn v4(word: &str) -> Result<Vec<IpNet>, &'static str> {
    if let Some((first, last)) = word.split_once('-') {
        let (first, _) = octets(first)?;
        let last = match last.contains('.') {
            true => octets(last)?.1,
            false => {
                let octet: u8 = last.parse().map_err(|_| "expected the last octet of a range")?;
                let dots = word[..word.len() - last.len()].matches('.').count();
                let mut all = first.octets();
                all[dots.min(3)] = octet;
                all[dots.min(3) + 1..].fill(255);
                all.into()
            }
        };
        if last < first {
            return Err("the range ends before it begins");
        }
        return Ok(Ipv4Subnets::new(first, last, 0).map(IpNet::V4).collect());
    }
    let (address, length) = word.split_once('/').map_or((word, None), |(word, length)| (word, Some(length)));
    let (first, _) = octets(address)?;
    let whole = 8 * (address.matches('.').count() as u8 + 1);
    let length = match length {
        Some(length) => length.parse().map_err(|_| "expected a prefix length up to 32")?,
        None => whole,
    };
    let net = Ipv4Net::new(first, length).map_err(|_| "expected a prefix length up to 32")?;
    Ok(vec![net.trunc().into()])
}

/// First and last address of what one to four octets begin.
fn octets(word: &str) -> Result<(Ipv4Addr, Ipv4Addr), &'static str> {
    let (mut first, mut last) = ([0; 4], [255; 4]);
    for (count, octet) in word.split('.').enumerate() {
        let octet: u8 = octet.parse().map_err(|_| "expected an address, a block or a range")?;
        *first.get_mut(count).ok_or("expected four octets at most")? = octet;
        last[count] = octet;
    }
    Ok((first.into(), last.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# comment\n$SOA 3000 ns.example admin.example 0 600 300 86400 300\n\
        127.0.0.2\n:127.0.0.3:default text\n10.0.0.0/8\n10.1 :5:ten-one $\n10.2.0.0/16:plain\n\
        192.0.2.10-12 range\n192.0.3.0-192.0.3.255\n198.51.100:9\n!10.1.2.3\n\
        2001:db8::/32 :7:six\n2001:db8:1::1\nnonsense\n10.0.0.0/33\n1.2.3.4-1.2.3.1\n";

    #[test]
    fn entries_are_blocks_ranges_and_exclusions_with_their_values() {
        let table = [
            ("127.0.0.2", "127.0.0.2", ""),
            ("10.9.9.9", "127.0.0.3", "default text"),
            ("10.1.9.9", "127.0.0.5", "ten-one $"),
            ("10.2.9.9", "127.0.0.3", "plain"),
            ("192.0.2.10", "127.0.0.3", "range"),
            ("192.0.2.12", "127.0.0.3", "range"),
            ("192.0.2.13", "-", "-"),
            ("192.0.3.255", "127.0.0.3", "default text"),
            ("198.51.100.77", "127.0.0.9", "default text"),
            ("10.1.2.3", "-", "-"),
            ("2001:db8::5", "127.0.0.7", "six"),
            ("2001:db8:1::1", "127.0.0.3", "default text"),
        ];
        for want in [Want::A, Want::Txt] {
            let mut builder = Builder::default();
            let remarks = read(FILE, want, &mut builder);
            assert_eq!(remarks.lines, 3);
            assert_eq!(remarks.first, Some((14, "expected an address, a block or a range")));
            let blocks = builder.build();
            for (address, a, txt) in table {
                let found = match blocks.find(address.parse().unwrap()) {
                    None => "-",
                    Some(Mark::Value(text)) => text,
                    Some(_) => "",
                };
                assert_eq!(found, if want == Want::A { a } else { txt }, "{address}");
            }
        }
    }
}
