use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::{Index, IndexMut};

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The families of a service or of a list of addresses; never none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Families {
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
    /// Both.
    Dual,
}

impl Family {
    /// Both families, IPv4 first.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Returns the family of an address; an IPv4-mapped IPv6 address counts as IPv4.
    pub fn of(address: IpAddr) -> Self {
        split(address).0
    }
}

impl Families {
    /// Collects families; returns `None` for none.
    pub fn collect(families: impl IntoIterator<Item = Family>) -> Option<Self> {
        families.into_iter().fold(None, |sum, family| {
            Some(match (sum, family) {
                (None | Some(Self::V4), Family::V4) => Self::V4,
                (None | Some(Self::V6), Family::V6) => Self::V6,
                (Some(Self::V6 | Self::Dual), Family::V4) | (Some(Self::V4 | Self::Dual), Family::V6) => Self::Dual,
            })
        })
    }

    /// Returns whether the family is one of these.
    pub fn contains(self, family: Family) -> bool {
        match (self, family) {
            (Self::Dual, Family::V4 | Family::V6) | (Self::V4, Family::V4) | (Self::V6, Family::V6) => true,
            (Self::V4, Family::V6) | (Self::V6, Family::V4) => false,
        }
    }

    /// Returns the families one by one, IPv4 first.
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(move |family| self.contains(*family))
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl fmt::Display for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
            Self::Dual => "IPv4 and IPv6",
        })
    }
}

/// One value per family.
#[derive(Debug, Clone, Default)]
pub(crate) struct PerFamily<T> {
    v4: T,
    v6: T,
}

impl<T> PerFamily<T> {
    pub(crate) fn new(mut make: impl FnMut(Family) -> T) -> Self {
        Self { v4: make(Family::V4), v6: make(Family::V6) }
    }
}

impl<T> Index<Family> for PerFamily<T> {
    type Output = T;

    fn index(&self, family: Family) -> &T {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

impl<T> IndexMut<Family> for PerFamily<T> {
    fn index_mut(&mut self, family: Family) -> &mut T {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}

/// Turns an address into its family and its value, the form intervals are kept in.
pub(crate) fn split(address: IpAddr) -> (Family, u128) {
    match address.to_canonical() {
        IpAddr::V4(address) => (Family::V4, u128::from(u32::from(address))),
        IpAddr::V6(address) => (Family::V6, u128::from(address)),
    }
}

/// Turns a family and a value back into the address.
pub(crate) fn join(family: Family, value: u128) -> IpAddr {
    match family {
        Family::V4 => {
            Ipv4Addr::from(u32::try_from(value).expect("an IPv4 value comes from an IPv4 address, so it fits 32 bits"))
                .into()
        }
        Family::V6 => Ipv6Addr::from(value).into(),
    }
}
