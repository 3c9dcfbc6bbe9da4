//! Prefixes, their families, and the filter that keeps foreign ones in.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use thiserror::Error;

/// An address family whose unicast routes are announced.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Family {
    /// IPv4 unicast.
    Ipv4,
    /// IPv6 unicast.
    Ipv6,
}

impl Family {
    /// Both families, in the order in which they are announced.
    pub const ALL: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// Returns the length of a host prefix: 32 or 128 bits.
    #[must_use]
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Prefix {
    network: IpAddr,
    length: u8,
}

/// Why something is no prefix.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum PrefixError {
    /// The length exceeds the bits of an address.
    #[error("prefix length {length} is longer than an {family} address; use at most {}", family.bits())]
    TooLong {
        /// The length that was asked for.
        length: u8,
        /// The family of the address.
        family: Family,
    },
    /// The text is no `address/length`.
    #[error("`{0}` is not of the form ADDRESS/LENGTH")]
    Syntax(String),
}

impl Prefix {
    /// Returns the prefix of this length that contains the address.
    ///
    /// # Errors
    ///
    /// Fails when the length exceeds the bits of the address.
    pub fn new(address: IpAddr, length: u8) -> Result<Self, PrefixError> {
        let (family, network) = match address {
            IpAddr::V4(address) => (Family::Ipv4, IpAddr::V4(mask4(address, length))),
            IpAddr::V6(address) => (Family::Ipv6, IpAddr::V6(mask6(address, length))),
        };
        if length > family.bits() {
            return Err(PrefixError::TooLong { length, family });
        }
        Ok(Self { network, length })
    }

    /// Returns the first address.
    #[must_use]
    pub fn network(self) -> IpAddr {
        self.network
    }

    /// Returns the number of bits that are fixed.
    #[must_use]
    pub fn length(self) -> u8 {
        self.length
    }

    /// Returns the family.
    #[must_use]
    pub fn family(self) -> Family {
        match self.network {
            IpAddr::V4(_) => Family::Ipv4,
            IpAddr::V6(_) => Family::Ipv6,
        }
    }

    /// Returns whether every address of `other` is one of ours.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.length <= other.length && Self::new(other.network, self.length).is_ok_and(|cut| cut == self)
    }
}

fn mask4(address: Ipv4Addr, length: u8) -> Ipv4Addr {
    let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
    (u32::from(address) & !host).into()
}

fn mask6(address: Ipv6Addr, length: u8) -> Ipv6Addr {
    let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
    (u128::from(address) & !host).into()
}

impl From<IpAddr> for Prefix {
    fn from(network: IpAddr) -> Self {
        let length = if network.is_ipv4() { Family::Ipv4.bits() } else { Family::Ipv6.bits() };
        Self { network, length }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.length)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let syntax = || PrefixError::Syntax(text.to_owned());
        let (address, length) = text.split_once('/').ok_or_else(syntax)?;
        Self::new(address.parse().map_err(|_| syntax())?, length.parse().map_err(|_| syntax())?)
    }
}

/// The last line of defence: the prefixes that may leave, and everything inside them.
///
/// The default lets nothing out.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ExportFilter {
    /// Disjoint and sorted, so that one look to the left of a prefix finds what could cover it.
    allowed: Vec<Prefix>,
}

impl ExportFilter {
    /// Returns a filter that lets out exactly what these prefixes cover.
    #[must_use]
    pub fn new(allowed: impl IntoIterator<Item = Prefix>) -> Self {
        let mut sorted: Vec<_> = allowed.into_iter().collect();
        sorted.sort_unstable();
        sorted.dedup_by(|next, kept| kept.covers(*next));
        Self { allowed: sorted }
    }

    /// Returns whether the prefix may be announced.
    #[must_use]
    pub fn allows(&self, prefix: Prefix) -> bool {
        let after = self.allowed.partition_point(|allowed| *allowed <= prefix);
        after.checked_sub(1).is_some_and(|index| self.allowed[index].covers(prefix))
    }
}

#[cfg(test)]
mod tests;
