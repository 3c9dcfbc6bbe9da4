use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use thiserror::Error;

use crate::family::{Family, join, split};

/// `::ffff:0:0/96`, which names IPv4 addresses a second time.
const MAPPED_FIRST: u128 = 0xffff << 32;
const MAPPED_LAST: u128 = MAPPED_FIRST | 0xffff_ffff;

/// A run of addresses of one family, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    family: Family,
    first: u128,
    last: u128,
}

/// Says why two addresses are no range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RangeError {
    /// The ends belong to different families.
    #[error("range {first}-{last} mixes IPv4 and IPv6; write one range per family")]
    MixedFamilies {
        /// The first address as written.
        first: IpAddr,
        /// The last address as written.
        last: IpAddr,
    },
    /// The last address lies below the first.
    #[error("range {first}-{last} ends before it starts; swap the two addresses")]
    Reversed {
        /// The first address as written.
        first: IpAddr,
        /// The last address as written.
        last: IpAddr,
    },
    /// An IPv6 range reaches into `::ffff:0:0/96`.
    #[error("range {first}-{last} contains IPv4-mapped addresses (::ffff:0:0/96); write them as IPv4")]
    Mapped {
        /// The first address as written.
        first: IpAddr,
        /// The last address as written.
        last: IpAddr,
    },
}

impl Range {
    /// Checks two ends; an IPv4-mapped IPv6 address counts as the IPv4 address it maps.
    pub fn new(first: IpAddr, last: IpAddr) -> Result<Self, RangeError> {
        let ((family, low), (other, high)) = (split(first), split(last));
        if family != other {
            return Err(RangeError::MixedFamilies { first, last });
        }
        if low > high {
            return Err(RangeError::Reversed { first, last });
        }
        if family == Family::V6 && low <= MAPPED_LAST && high >= MAPPED_FIRST {
            return Err(RangeError::Mapped { first, last });
        }
        Ok(Self { family, first: low, last: high })
    }

    /// Takes every address of a network, host bits masked.
    pub fn from_net(net: IpNet) -> Result<Self, RangeError> {
        Self::new(net.network(), net.broadcast())
    }

    /// Returns the family of all its addresses.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Returns the lowest address.
    pub fn first(&self) -> IpAddr {
        join(self.family, self.first)
    }

    /// Returns the highest address.
    pub fn last(&self) -> IpAddr {
        join(self.family, self.last)
    }

    /// Returns the number of addresses, at least one.
    pub fn count(&self) -> u128 {
        // Cannot overflow: an IPv6 range never spans the mapped block, so it is shorter than 2^128.
        self.last - self.first + 1
    }

    /// Returns whether the address lies inside.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (family, value) = split(address);
        family == self.family && (self.first..=self.last).contains(&value)
    }

    /// Returns whether the two have an address in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.family == other.family && self.first <= other.last && other.first <= self.last
    }

    pub(crate) fn bounds(&self) -> (u128, u128) {
        (self.first, self.last)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first(), self.last())
    }
}
