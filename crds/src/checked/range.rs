use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use super::{SPECIAL_BLOCKS, Special};
use crate::fault::Problem;

#[cfg(test)]
mod tests;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Returns the family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

/// One address entry of a pool: all addresses from the first to the last, which are of one family and in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressRange {
    bounds: Bounds,
    source: usize,
    /// Whether it is written as a prefix.
    is_prefix: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bounds {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

impl AddressRange {
    /// Parses the entry `spec.addresses[source]`: a CIDR, whose host bits are ignored, or two addresses with a dash between.
    pub fn parse(text: &str, source: usize) -> Result<Self, Problem> {
        let bounds = match text.split_once('-') {
            Some((first, last)) => parse_range(text, first, last)?,
            None => parse_prefix(text)?,
        };
        Ok(Self { bounds, source, is_prefix: !text.contains('-') })
    }

    /// Returns the lowest address.
    pub fn first(&self) -> IpAddr {
        match self.bounds {
            Bounds::V4(first, _) => first.into(),
            Bounds::V6(first, _) => first.into(),
        }
    }

    /// Returns the highest address.
    pub fn last(&self) -> IpAddr {
        match self.bounds {
            Bounds::V4(_, last) => last.into(),
            Bounds::V6(_, last) => last.into(),
        }
    }

    /// Returns the family of all its addresses.
    pub fn family(&self) -> Family {
        match self.bounds {
            Bounds::V4(..) => Family::V4,
            Bounds::V6(..) => Family::V6,
        }
    }

    /// Returns which entry of `spec.addresses` this is, from 0.
    pub fn source(&self) -> usize {
        self.source
    }

    /// Returns the subnet-router anycast address, which every router of a subnet answers for (RFC 4291 §2.6.1): the first one of
    /// an IPv6 prefix.
    ///
    /// Prefixes of one or two addresses are no subnets (RFC 6164), and a range between two addresses is meant as it is written.
    pub fn anycast(&self) -> Option<IpAddr> {
        let Bounds::V6(first, last) = self.bounds else { return None };
        (self.is_prefix && last.to_bits() - first.to_bits() > 1).then_some(first.into())
    }

    /// Returns the blocks in the range of which no address can be a Service's.
    pub fn special(&self) -> BTreeSet<Special> {
        let inside = |(first, last, _): &&(IpAddr, IpAddr, Special)| {
            Family::of(*first) == self.family() && *first <= self.last() && self.first() <= *last
        };
        SPECIAL_BLOCKS.iter().filter(inside).map(|(_, _, special)| *special).collect()
    }

    /// Returns the block that the whole range lies in, if no address in it can be a Service's.
    pub fn wholly_special(&self) -> Option<Special> {
        Special::of(self.first()).filter(|special| Special::of(self.last()) == Some(*special))
    }

    /// Says whether an address lies in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        Family::of(address) == self.family() && (self.first()..=self.last()).contains(&address)
    }

    /// Says whether the ranges have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.family() == other.family() && self.first() <= other.last() && other.first() <= self.last()
    }

    /// Returns the prefix length of the widest CIDR inside the range.
    pub fn widest_length(&self) -> u8 {
        let widest = match self.bounds {
            Bounds::V4(first, last) => Ipv4Subnets::new(first, last, 0).map(|net| net.prefix_len()).min(),
            Bounds::V6(first, last) => Ipv6Subnets::new(first, last, 0).map(|net| net.prefix_len()).min(),
        };
        widest.expect("a range holds at least one address")
    }
}

/// Writes a CIDR where the range is one, and both ends otherwise.
impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.first(), self.last());
        let whole = IpNet::new(first, self.widest_length())
            .ok()
            .filter(|net| net.network() == first && net.broadcast() == last);
        match whole {
            Some(net) => write!(f, "{net}"),
            None => write!(f, "{first}-{last}"),
        }
    }
}

fn parse_range(text: &str, first: &str, last: &str) -> Result<Bounds, Problem> {
    let parse = |part: &str| match part.trim().parse::<IpAddr>() {
        Ok(address) => Ok(address.to_canonical()),
        Err(_) => Err(Problem::NotARange { text: text.to_owned() }),
    };
    match (parse(first)?, parse(last)?) {
        (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => Ok(Bounds::V4(first, last)),
        (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => Ok(Bounds::V6(first, last)),
        (first, last) if Family::of(first) == Family::of(last) => Err(Problem::Reversed { first, last }),
        (first, last) => Err(Problem::MixedFamilies { first, last }),
    }
}

fn parse_prefix(text: &str) -> Result<Bounds, Problem> {
    if let Ok(net) = text.parse::<IpNet>() {
        return Ok(match net.trunc() {
            IpNet::V4(net) => Bounds::V4(net.network(), net.broadcast()),
            IpNet::V6(net) => match (net.network().to_ipv4_mapped(), net.broadcast().to_ipv4_mapped()) {
                (Some(first), Some(last)) => Bounds::V4(first, last),
                _ => Bounds::V6(net.network(), net.broadcast()),
            },
        });
    }
    let trimmed = text.trim();
    if let Ok(address) = trimmed.parse::<IpAddr>() {
        return Err(Problem::BareAddress { address });
    }
    let spaced = trimmed != text && trimmed.parse::<IpNet>().is_ok();
    let text = text.to_owned();
    Err(if spaced { Problem::Spaces { text } } else { Problem::NotARange { text } })
}
