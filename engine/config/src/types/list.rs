//! Types that take several values. A lone word is a list of one (§4.1), an empty word a list of none.

use crate::types::scalar;
use crate::{Declared, Expected, OptionType, Value, Word};
use ipnet::IpNet;
use std::borrow::Cow;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

/// Pairs in one dictionary. They are few and looked up by walking.
const MOST_PAIRS: usize = 4096;

fn elements(raw: &Value) -> Result<Cow<'_, [Word]>, Expected> {
    match raw {
        Value::List(words) => Ok(Cow::Borrowed(words)),
        Value::Scalar(word) if word.text.is_empty() => Ok(Cow::Borrowed(&[])),
        Value::Scalar(word) => Ok(Cow::Owned(vec![word.clone()])),
        Value::Dictionary(_) => Err(Expected::fixed("a list in ( ), not a dictionary")),
    }
}

pub struct List<T>(PhantomData<T>);

impl<T: OptionType> OptionType for List<T> {
    type Value = Arc<[T::Value]>;
    const NAME: &'static str = "list";
    const UNIT: &'static str = T::UNIT;
    fn read(raw: &Value, declared: Declared<'_>) -> Result<Self::Value, Expected> {
        let words = elements(raw)?;
        let values = words.iter().enumerate().map(|(position, word)| {
            T::read(&Value::Scalar(word.clone()), declared).map_err(|expected| expected.at(position))
        });
        values.collect()
    }
}

/// A list that may also be written as one word with colons, as in `address_headers = From:Sender`.
pub enum ColonList {}

impl OptionType for ColonList {
    type Value = Arc<[Arc<str>]>;
    const NAME: &'static str = "list";
    fn read(raw: &Value, _: Declared<'_>) -> Result<Self::Value, Expected> {
        let words = elements(raw)?;
        let parts = words.iter().flat_map(|word| word.text.split(':'));
        Ok(parts.filter(|part| !part.is_empty()).map(Arc::from).collect())
    }
}

/// Addresses and blocks of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Arc<[IpNet]>);

impl Networks {
    /// An IPv4 address in IPv6 clothes is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    pub fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<IpNet> for Networks {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        Networks(networks.into_iter().collect())
    }
}

/// An address or a block in CIDR notation; IPv6 without brackets (§4.3).
pub(crate) fn network(text: &str) -> Option<IpNet> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    Some(network.trunc())
}

pub enum Cidrs {}

impl OptionType for Cidrs {
    type Value = Networks;
    const NAME: &'static str = "list of addresses";
    fn read(raw: &Value, _: Declared<'_>) -> Result<Networks, Expected> {
        const EXPECTED: Expected = Expected::fixed("an IP address or a block such as 192.0.2.0/24");
        let words = elements(raw)?;
        let networks = words
            .iter()
            .enumerate()
            .map(|(position, word)| network(&word.text).ok_or_else(|| EXPECTED.at(position)));
        networks.collect()
    }
}

/// Keys and values, in order; of a key given twice the later value counts.
pub enum Dictionary {}

impl OptionType for Dictionary {
    type Value = Arc<mail::Dictionary>;
    const NAME: &'static str = "dictionary";
    fn read(raw: &Value, _: Declared<'_>) -> Result<Self::Value, Expected> {
        let pairs = match raw {
            Value::Dictionary(pairs) if pairs.len() <= MOST_PAIRS => pairs,
            Value::Dictionary(_) => {
                return Err(Expected::from(format!("at most {MOST_PAIRS} pairs")).at(MOST_PAIRS));
            }
            Value::Scalar(_) if scalar(raw)?.is_empty() => return Ok(Arc::default()),
            _ => return Err(Expected::fixed("a dictionary in [ ]")),
        };
        let mut dictionary = mail::Dictionary::default();
        pairs.iter().for_each(|(key, value)| dictionary.set(&key.text, &value.text));
        Ok(Arc::new(dictionary))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_addresses_of_both_families() {
        let networks: Networks =
            ["10.1.2.3/8", "2001:DB8::/32", "192.0.2.7"].iter().filter_map(|text| network(text)).collect();
        for (address, held) in [
            ("10.255.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("2001:db8:1::1", true),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("::1", false),
        ] {
            assert_eq!(networks.contains(address.parse().expect("an address")), held, "{address}");
        }
        assert_eq!(network("10.1.2.3/8").map(|network| network.to_string()).as_deref(), Some("10.0.0.0/8"));
        assert!(
            ["", "10.0.0.0/33", "[::1]", "host.example", "10.0.0"].iter().all(|text| network(text).is_none())
        );
    }
}
