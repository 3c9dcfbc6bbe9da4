//! Routes as a router is told of them: prefixes and what goes with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::view::AddressRange;

/// The routes for one peer. Equal sets of attributes are one allocation.
pub type RouteTable = BTreeMap<Prefix, Arc<RouteAttributes>>;

/// What goes with a prefix, whatever the session adds to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteAttributes {
    /// Preference for internal peers, highest wins. Absent leaves it to the router.
    pub local_pref: Option<u32>,
    /// Preference between several links to one neighbouring system, lowest wins. Absent by default.
    pub med: Option<u32>,
    /// How often the own AS number is repeated for external peers, beyond the one time they demand. Defaults to 0.
    pub prepend: u8,
    /// Standard communities, those of all advertisements and services that share the prefix.
    pub communities: BTreeSet<Community>,
    /// Large communities, those of all advertisements and services that share the prefix.
    pub large_communities: BTreeSet<LargeCommunity>,
    /// Bytes per second behind the route on this node, for routers that weigh equal paths by it. Absent by default.
    pub link_bandwidth: Option<NonZeroU64>,
    /// The node drains and another one announces the VIPs behind the route: it goes out with the community GRACEFUL_SHUTDOWN
    /// (RFC 8326) for the driver's waiting time, and is withdrawn then.
    pub graceful_shutdown: bool,
}

/// A standard community (RFC 1997).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Community(pub u32);

impl Community {
    /// Returns the community written `asn:value`.
    pub const fn new(asn: u16, value: u16) -> Self {
        Self((asn as u32) << 16 | value as u32)
    }
}

/// A large community (RFC 8092).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LargeCommunity {
    /// The autonomous system that gives the rest its meaning.
    pub global: u32,
    /// First value.
    pub local_1: u32,
    /// Second value.
    pub local_2: u32,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// Returns the family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// Returns the length of a host prefix: 32 or 128.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Ipv4 => 32,
            Self::Ipv6 => 128,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// A prefix without host bits; IPv4 sorts before IPv6, then by address, then the shorter first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix {
    network: IpAddr,
    length: u8,
}

impl Prefix {
    /// Returns the prefix that `address` lies in; a length above the family's is that of a host.
    pub fn of(address: IpAddr, length: u8) -> Self {
        let network = AddressRange::of_prefix(address, length).first;
        Self { network, length: length.min(Family::of(address).bits()) }
    }

    /// Returns the prefix that holds `address` alone.
    pub(crate) fn host(address: IpAddr) -> Self {
        Self { network: address, length: Family::of(address).bits() }
    }

    /// Returns the lowest address.
    pub fn network(self) -> IpAddr {
        self.network
    }

    /// Returns the number of leading bits that are fixed.
    pub fn length(self) -> u8 {
        self.length
    }

    /// Returns the addresses.
    pub fn range(self) -> AddressRange {
        AddressRange::of_prefix(self.network, self.length)
    }

    /// Returns the widest prefix of at least `length` that holds `address` and reaches nothing outside `range`, which holds it too.
    pub(crate) fn inside(range: &AddressRange, address: IpAddr, length: u8) -> Self {
        let fits = |prefix: &Self| {
            let AddressRange { first, last } = prefix.range();
            range.contains(first) && range.contains(last)
        };
        let host = Family::of(address).bits();
        (length..host).map(|length| Self::of(address, length)).find(fits).unwrap_or_else(|| Self::host(address))
    }

    /// Returns the fewest prefixes that make up `range`, in order.
    pub(crate) fn cover(range: &AddressRange) -> Vec<Self> {
        let mut prefixes = Vec::new();
        let mut next =
            (range.first.is_ipv4() == range.last.is_ipv4() && range.first <= range.last).then_some(range.first);
        while let Some(first) = next {
            let prefix = Self::inside(&AddressRange { first, last: range.last }, first, 0);
            let last = prefix.range().last;
            next = if last < range.last { successor(last) } else { None };
            prefixes.push(prefix);
        }
        prefixes
    }
}

fn successor(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => u32::from(v4).checked_add(1).map(|bits| Ipv4Addr::from(bits).into()),
        IpAddr::V6(v6) => u128::from(v6).checked_add(1).map(|bits| Ipv6Addr::from(bits).into()),
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

#[cfg(test)]
mod tests;
