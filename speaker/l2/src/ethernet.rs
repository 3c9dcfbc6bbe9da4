//! Ethernet II headers.

use std::fmt;

use crate::DropReason;

/// Length of an untagged Ethernet header in bytes.
pub const HEADER_LENGTH: usize = 14;

/// An Ethernet hardware address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// The address of every station.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// All bits zero, "unknown" in ARP.
    pub const ZERO: Self = Self([0; 6]);

    /// Returns whether the address names a group of stations, broadcast included.
    pub fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Returns whether one station can own the address.
    pub fn is_station(self) -> bool {
        !self.is_group() && self != Self::ZERO
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The protocols that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtherType {
    /// 0x0806.
    Arp,
    /// 0x86dd.
    Ipv6,
}

impl EtherType {
    const fn number(self) -> u16 {
        match self {
            Self::Arp => 0x0806,
            Self::Ipv6 => 0x86dd,
        }
    }
}

/// An untagged Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Where the frame goes.
    pub destination: MacAddr,
    /// Who sent it.
    pub source: MacAddr,
    /// What it carries.
    pub ether_type: EtherType,
}

impl Header {
    /// Splits a frame into header and payload; the payload may end in padding.
    pub fn decode(frame: &[u8]) -> Result<(Self, &[u8]), DropReason> {
        let (header, payload) = frame.split_first_chunk::<HEADER_LENGTH>().ok_or(DropReason::Truncated)?;
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *header;
        let ether_type = match u16::from_be_bytes([t0, t1]) {
            0x0806 => EtherType::Arp,
            0x86dd => EtherType::Ipv6,
            // IEEE 802.1Q, 802.1ad and the older number of stacked tags: the frame belongs to another link.
            0x8100 | 0x88a8 | 0x9100 => return Err(DropReason::Vlan),
            _ => return Err(DropReason::EtherType),
        };
        let header = Self {
            destination: MacAddr([d0, d1, d2, d3, d4, d5]),
            source: MacAddr([s0, s1, s2, s3, s4, s5]),
            ether_type,
        };
        Ok((header, payload))
    }

    /// Builds the frame of this header and `payload`; the sender's hardware pads it to the minimum length.
    pub fn encode(self, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(HEADER_LENGTH + payload.len());
        frame.extend_from_slice(&self.destination.0);
        frame.extend_from_slice(&self.source.0);
        frame.extend_from_slice(&self.ether_type.number().to_be_bytes());
        frame.extend_from_slice(payload);
        frame
    }
}
