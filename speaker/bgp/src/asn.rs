//! Autonomous system numbers and router identifiers.

use std::{
    fmt,
    net::Ipv4Addr,
    num::{NonZeroU32, ParseIntError},
    str::FromStr,
};

/// The number of an autonomous system, 1 to 4294967295; zero is reserved (RFC 7607).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Asn(NonZeroU32);

/// What stands in a two-octet field for a number that does not fit (`AS_TRANS`, RFC 6793 §9).
pub(crate) const AS_TRANS: u16 = 23456;

impl Asn {
    /// Returns the number, unless it is zero.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Returns the number as an integer.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// Returns the number as a two-octet speaker sees it.
    pub(crate) fn two_octets(self) -> u16 {
        u16::try_from(self.get()).unwrap_or(AS_TRANS)
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Asn {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// The name of a speaker in an OPEN, unique within its autonomous system and never zero (RFC 6286 §2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RouterId(NonZeroU32);

impl RouterId {
    /// Returns the identifier, unless it is `0.0.0.0`.
    #[must_use]
    pub fn new(address: Ipv4Addr) -> Option<Self> {
        NonZeroU32::new(address.into()).map(Self)
    }

    /// Returns the identifier in dotted form.
    #[must_use]
    pub fn address(self) -> Ipv4Addr {
        self.0.get().into()
    }

    pub(crate) fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().fmt(f)
    }
}
