//! Attributes as bytes, in the form that one session wants them.

use crate::{
    Asn, Attributes, Community, Family,
    wire::{AttributeBlock, NextHop},
};

/// What the encoding of attributes depends on beside the attributes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Flavour {
    /// The number that stands in the AS path.
    pub(crate) local_as: Asn,
    /// The peer is in our autonomous system.
    pub(crate) internal: bool,
    /// The peer reads numbers of four octets.
    pub(crate) four_octet_as: bool,
    /// Routes are marked as not to be passed up again (RFC 9234 §5).
    pub(crate) only_to_customer: bool,
    /// Routes are about to vanish (RFC 8326).
    pub(crate) graceful_shutdown: bool,
}

const OPTIONAL: u8 = 0x80;
const TRANSITIVE: u8 = 0x40;
const EXTENDED_LENGTH: u8 = 0x10;
const DEFAULT_LOCAL_PREF: u32 = 100;
const AS_SEQUENCE: u8 = 2;
const SEGMENT: usize = 255;

impl Flavour {
    /// Encodes a set of attributes, in ascending order of their types (RFC 4271 §5).
    pub(crate) fn encode(&self, family: Family, next_hop: NextHop, attributes: &Attributes) -> AttributeBlock {
        let Attributes { local_pref, med, prepend, communities, large_communities, link_bandwidth } = attributes;
        let path = if self.internal { 0 } else { 1 + usize::from(*prepend) };
        let mut before = Vec::new();
        put(&mut before, TRANSITIVE, 1, &[0]);
        put(&mut before, TRANSITIVE, 2, &self.path(path, self.four_octet_as));

        let mut after = Vec::new();
        if let Some(med) = med {
            put(&mut after, OPTIONAL, 4, &med.to_be_bytes());
        }
        if self.internal {
            // RFC 8326 §4.1: inside our own system the lowest preference does what the community asks of others.
            let preference = if self.graceful_shutdown { 0 } else { local_pref.unwrap_or(DEFAULT_LOCAL_PREF) };
            put(&mut after, TRANSITIVE, 5, &preference.to_be_bytes());
        }
        let mut communities = communities.clone();
        communities.extend(self.graceful_shutdown.then_some(Community::GRACEFUL_SHUTDOWN));
        let communities: Vec<u8> = communities.iter().flat_map(|community| community.0.to_be_bytes()).collect();
        put_some(&mut after, 8, &communities);
        if let Some(bytes_per_second) = link_bandwidth {
            put(&mut after, OPTIONAL | TRANSITIVE, 16, &self.link_bandwidth(bytes_per_second.get()));
        }
        if !self.four_octet_as && u16::try_from(self.local_as.get()).is_err() {
            put_some(&mut after, 17, &self.path(path, true));
        }
        let large = large_communities.iter().flat_map(|large| [large.global, large.local_1, large.local_2]);
        put_some(&mut after, 32, &large.flat_map(u32::to_be_bytes).collect::<Vec<_>>());
        if self.only_to_customer {
            put(&mut after, OPTIONAL | TRANSITIVE, 35, &self.local_as.get().to_be_bytes());
        }
        AttributeBlock::new(family, next_hop, &before, &after)
    }

    /// Returns an AS path of nothing but our own number.
    fn path(&self, length: usize, four_octets: bool) -> Vec<u8> {
        let mut path = Vec::new();
        let mut left = length;
        while left > 0 {
            let count = left.min(SEGMENT);
            path.extend([AS_SEQUENCE, u8::try_from(count).expect("a segment has at most 255 numbers")]);
            for _ in 0..count {
                if four_octets {
                    path.extend(self.local_as.get().to_be_bytes());
                } else {
                    path.extend(self.local_as.two_octets().to_be_bytes());
                }
            }
            left -= count;
        }
        path
    }

    /// Returns the non-transitive extended community that FRR, GoBGP and the hardware vendors read as a weight.
    fn link_bandwidth(&self, bytes_per_second: u64) -> [u8; 8] {
        let [high, low] = self.local_as.two_octets().to_be_bytes();
        // The draft carries a float; a rounded weight is as good.
        let [a, b, c, d] = (bytes_per_second as f32).to_be_bytes();
        [0x40, 0x04, high, low, a, b, c, d]
    }
}

/// Writes an optional transitive attribute unless it is empty, which RFC 7606 calls malformed.
fn put_some(list: &mut Vec<u8>, kind: u8, value: &[u8]) {
    if !value.is_empty() {
        put(list, OPTIONAL | TRANSITIVE, kind, value);
    }
}

fn put(list: &mut Vec<u8>, flags: u8, kind: u8, value: &[u8]) {
    match u8::try_from(value.len()) {
        Ok(length) => list.extend([flags, kind, length]),
        Err(_) => {
            let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
            list.extend([flags | EXTENDED_LENGTH, kind]);
            list.extend(length.to_be_bytes());
        }
    }
    list.extend_from_slice(value);
}
