//! Communities, written as MetalLB writes them or by their well-known names.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// A standard community (RFC 1997), written `65000:100` or by its well-known name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Community(pub u32);

/// The registered names; of two names for one value the first is printed.
const WELL_KNOWN: [(&str, Community); 11] = [
    ("graceful-shutdown", Community::GRACEFUL_SHUTDOWN),
    ("accept-own", Community(0xffff_0001)),
    ("llgr-stale", Community(0xffff_0006)),
    ("no-llgr", Community(0xffff_0007)),
    ("accept-own-nexthop", Community(0xffff_0008)),
    ("blackhole", Community(0xffff_029a)),
    ("no-export", Community(0xffff_ff01)),
    ("no-advertise", Community(0xffff_ff02)),
    ("no-export-subconfed", Community(0xffff_ff03)),
    ("local-as", Community(0xffff_ff03)),
    ("no-peer", Community(0xffff_ff04)),
];

impl Community {
    /// Asks the neighbour to prefer any other path (RFC 8326).
    pub const GRACEFUL_SHUTDOWN: Self = Self(0xffff_0000);
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match WELL_KNOWN.iter().find(|(_, community)| community == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff),
        }
    }
}

/// A large community (RFC 8092), written `large:65000:1:2`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LargeCommunity {
    /// The autonomous system that gives the rest its meaning.
    pub global: u32,
    /// First value.
    pub local_1: u32,
    /// Second value.
    pub local_2: u32,
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "large:{}:{}:{}", self.global, self.local_1, self.local_2)
    }
}

/// Why a text is no community.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CommunityError {
    /// The text is neither a known name nor two numbers below 65536.
    #[error("`{0}` is no community; write two numbers below 65536 such as 65000:100, or a name such as no-export")]
    Standard(String),
    /// The text is not `large:` and three numbers.
    #[error("`{0}` is no large community; write three numbers below 4294967296 such as large:65000:1:2")]
    Large(String),
}

impl FromStr for Community {
    type Err = CommunityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((_, community)) = WELL_KNOWN.iter().find(|(name, _)| *name == text) {
            return Ok(*community);
        }
        let numbers = text.split_once(':').and_then(|(high, low)| Some((number::<u16>(high)?, number::<u16>(low)?)));
        let (high, low) = numbers.ok_or_else(|| CommunityError::Standard(text.to_owned()))?;
        Ok(Self(u32::from(high) << 16 | u32::from(low)))
    }
}

impl FromStr for LargeCommunity {
    type Err = CommunityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.strip_prefix("large:").map(|rest| rest.split(':').map(number::<u32>).collect::<Vec<_>>());
        match numbers.as_deref() {
            Some(&[Some(global), Some(local_1), Some(local_2)]) => Ok(Self { global, local_1, local_2 }),
            Some(_) | None => Err(CommunityError::Large(text.to_owned())),
        }
    }
}

/// Parses digits alone: the standard library would also take a sign.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::{Community, LargeCommunity};

    #[test]
    fn reads_numbers_and_names() {
        assert_eq!("65000:100".parse(), Ok(Community(65000 << 16 | 100)));
        assert_eq!("no-export".parse(), Ok(Community(0xffff_ff01)));
        assert_eq!("local-as".parse::<Community>().unwrap().to_string(), "no-export-subconfed");
        assert_eq!("65535:0".parse::<Community>().unwrap().to_string(), "graceful-shutdown");
        assert_eq!(
            "large:4200000000:1:2".parse(),
            Ok(LargeCommunity { global: 4_200_000_000, local_1: 1, local_2: 2 })
        );
    }

    #[test]
    fn refuses_what_does_not_fit() {
        for text in ["", "1", "65536:1", "1:65536", "1:2:3", "+1:2", "1: 2", "NO-EXPORT", "large:1:2:3"] {
            assert!(text.parse::<Community>().is_err(), "{text}");
        }
        for text in ["", "1:2:3", "large:1:2", "large:1:2:3:4", "large:1:2:4294967296", "large:-1:2:3"] {
            assert!(text.parse::<LargeCommunity>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_printed_reads_back() {
        for value in [0, 1, 65_536, 0xffff_0000, 0xffff_029a, 0xffff_ff04, u32::MAX] {
            assert_eq!(Community(value).to_string().parse(), Ok(Community(value)));
        }
        let large = LargeCommunity { global: 0, local_1: u32::MAX, local_2: 7 };
        assert_eq!(large.to_string().parse(), Ok(large));
    }
}
