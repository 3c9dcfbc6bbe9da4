//! Packs routes with equal attributes into as few messages as the session allows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{MP_REACH, MP_UNREACH};
use crate::{
    Family, Prefix,
    wire::{AddressFamily, HEADER, MessageType, RouteRefresh, message},
};

/// Where routers shall send the traffic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum NextHop {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, and the link-local one of the same interface (RFC 2545 §3).
    V6 { global: Ipv6Addr, link_local: Option<Ipv6Addr> },
}

impl NextHop {
    fn octets(self) -> Vec<u8> {
        match self {
            Self::V4(address) => address.octets().to_vec(),
            Self::V6 { global, link_local: None } => global.octets().to_vec(),
            Self::V6 { global, link_local: Some(local) } => [global.octets(), local.octets()].concat(),
        }
    }
}

/// Where in an UPDATE the routes of a family stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EncodeRoutes {
    /// At the end, with `NEXT_HOP` as an attribute: IPv4 as in RFC 4271.
    Plain,
    /// In `MP_REACH_NLRI` and `MP_UNREACH_NLRI` (RFC 4760).
    Multiprotocol,
}

/// The attributes that a run of prefixes shares, as bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct AttributeBlock {
    /// What stands before the prefixes in `MP_REACH_NLRI`; `None` for prefixes at the end of the message.
    reach: Option<Vec<u8>>,
    /// All other attributes.
    attributes: Vec<u8>,
}

/// Octets between the header and the attributes: withdrawn routes length and attributes length.
const LENGTHS: usize = 4;
/// Flags, type and length of an attribute with extended length.
const ATTRIBUTE_HEADER: usize = 4;

impl AttributeBlock {
    /// Joins encoded attributes, without any next hop, with the next hop of this session.
    pub(crate) fn new(family: Family, next_hop: NextHop, before: &[u8], after: &[u8]) -> Self {
        match (family, next_hop) {
            (Family::Ipv4, NextHop::V4(address)) => {
                let next_hop = [&[0x40, 3, 4][..], &address.octets()].concat();
                Self { reach: None, attributes: [before, &next_hop, after].concat() }
            }
            (Family::Ipv4 | Family::Ipv6, NextHop::V4(_) | NextHop::V6 { .. }) => {
                let octets = next_hop.octets();
                let length = u8::try_from(octets.len()).expect("a next hop has 32 octets at most");
                let reach = [&family_octets(family)[..], &[length], &octets, &[0]].concat();
                Self { reach: Some(reach), attributes: [before, after].concat() }
            }
        }
    }

    /// Returns whether a message can hold it together with at least one prefix.
    pub(crate) fn fits(&self, limit: usize) -> bool {
        let reach = self.reach.as_ref().map_or(0, |reach| ATTRIBUTE_HEADER + reach.len());
        HEADER + LENGTHS + reach + self.attributes.len() + longest_prefix() <= limit
    }
}

fn longest_prefix() -> usize {
    1 + usize::from(Family::Ipv6.bits() / 8)
}

fn family_octets(family: Family) -> [u8; 3] {
    let AddressFamily { afi, safi } = family.into();
    let [high, low] = afi.to_be_bytes();
    [high, low, safi]
}

/// A buffer full of messages.
#[derive(Default, Debug)]
pub(crate) struct Flush {
    pub(crate) bytes: Vec<u8>,
    /// UPDATE messages in it.
    pub(crate) updates: u64,
    /// ROUTE-REFRESH messages in it.
    pub(crate) refreshes: u64,
}

/// Collects messages in one buffer.
#[derive(Debug)]
pub(crate) struct Writer {
    flush: Flush,
    limit: usize,
}

impl Writer {
    /// Starts a buffer of messages that each have at most `limit` octets.
    pub(crate) fn new(limit: usize) -> Self {
        Self { flush: Flush::default(), limit }
    }

    pub(crate) fn len(&self) -> usize {
        self.flush.bytes.len()
    }

    pub(crate) fn finish(self) -> Flush {
        self.flush
    }

    pub(crate) fn refresh(&mut self, refresh: RouteRefresh) {
        self.flush.bytes.extend(refresh.encode());
        self.flush.refreshes += 1;
    }

    /// Writes one UPDATE with as many of the prefixes as it holds, and returns how many; the block must fit.
    pub(crate) fn announce(&mut self, block: &AttributeBlock, prefixes: impl Iterator<Item = Prefix>) -> usize {
        let end = self.flush.bytes.len() + self.limit;
        let AttributeBlock { reach, attributes } = block;
        self.update(|body| {
            body.extend([0, 0]);
            match reach {
                None => {
                    with_length(body, |body| body.extend_from_slice(attributes));
                    put_prefixes(body, end, prefixes)
                }
                // RFC 7606 §5.1: the routes come first.
                Some(reach) => with_length(body, |body| {
                    body.extend([0x90, MP_REACH]);
                    let count = with_length(body, |body| {
                        body.extend_from_slice(reach);
                        put_prefixes(body, end - attributes.len(), prefixes)
                    });
                    body.extend_from_slice(attributes);
                    count
                }),
            }
        })
    }

    /// Writes one UPDATE that withdraws as many of the prefixes, all of one family, as it holds, and returns how many.
    pub(crate) fn withdraw(
        &mut self,
        family: Family,
        encode: EncodeRoutes,
        prefixes: impl Iterator<Item = Prefix>,
    ) -> usize {
        let end = self.flush.bytes.len() + self.limit;
        self.update(|body| match encode {
            EncodeRoutes::Plain => {
                let count = with_length(body, |body| put_prefixes(body, end - 2, prefixes));
                body.extend([0, 0]);
                count
            }
            EncodeRoutes::Multiprotocol => unreach(body, family, |body| put_prefixes(body, end, prefixes)),
        })
    }

    /// Writes the End-of-RIB marker (RFC 4724 §2).
    pub(crate) fn end_of_rib(&mut self, family: Family) {
        self.update(|body| match family {
            Family::Ipv4 => body.extend([0; LENGTHS]),
            Family::Ipv6 => unreach(body, family, |_| {}),
        });
    }

    fn update<T>(&mut self, body: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        self.flush.updates += 1;
        message(&mut self.flush.bytes, MessageType::Update, body)
    }
}

fn unreach<T>(body: &mut Vec<u8>, family: Family, prefixes: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    body.extend([0, 0]);
    with_length(body, |body| {
        body.extend([0x90, MP_UNREACH]);
        with_length(body, |body| {
            body.extend(family_octets(family));
            prefixes(body)
        })
    })
}

/// Writes a block after its length in two octets.
fn with_length<T>(buffer: &mut Vec<u8>, block: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let start = buffer.len();
    buffer.extend([0, 0]);
    let result = block(buffer);
    let length = u16::try_from(buffer.len() - start - 2).expect("a block is part of a message");
    buffer[start..start + 2].copy_from_slice(&length.to_be_bytes());
    result
}

/// Writes prefixes for as long as the buffer does not grow beyond `end`, and returns how many.
fn put_prefixes(buffer: &mut Vec<u8>, end: usize, prefixes: impl Iterator<Item = Prefix>) -> usize {
    let mut count = 0;
    for prefix in prefixes {
        let octets = usize::from(prefix.length()).div_ceil(8);
        if buffer.len() + 1 + octets > end {
            break;
        }
        buffer.push(prefix.length());
        match prefix.network() {
            IpAddr::V4(address) => buffer.extend_from_slice(&address.octets()[..octets]),
            IpAddr::V6(address) => buffer.extend_from_slice(&address.octets()[..octets]),
        }
        count += 1;
    }
    count
}
