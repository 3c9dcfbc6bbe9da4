use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[cfg(test)]
mod tests;

/// Why no host can be reached at an address from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Special {
    /// It stands for "this host" or "this network" (RFC 1122 §3.2.1.3, RFC 4291 §2.5.2).
    Unspecified,
    /// It never leaves a host.
    Loopback,
    /// It means something on one link only.
    LinkLocal,
    /// It stands for a group.
    Multicast,
    /// It stands for every host of a link.
    Broadcast,
}

/// The blocks of such addresses, from first to last.
pub const SPECIAL_BLOCKS: [(IpAddr, IpAddr, Special); 9] = [
    (v4([0, 0, 0, 0]), v4([0, 255, 255, 255]), Special::Unspecified),
    (v4([127, 0, 0, 0]), v4([127, 255, 255, 255]), Special::Loopback),
    (v4([169, 254, 0, 0]), v4([169, 254, 255, 255]), Special::LinkLocal),
    (v4([224, 0, 0, 0]), v4([239, 255, 255, 255]), Special::Multicast),
    (v4([255, 255, 255, 255]), v4([255, 255, 255, 255]), Special::Broadcast),
    (v6(0), v6(0), Special::Unspecified),
    (v6(1), v6(1), Special::Loopback),
    (v6(0xfe80 << 112), v6((0xfec0 << 112) - 1), Special::LinkLocal),
    (v6(0xff00 << 112), v6(u128::MAX), Special::Multicast),
];

const fn v4(octets: [u8; 4]) -> IpAddr {
    let [a, b, c, d] = octets;
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn v6(bits: u128) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(bits))
}

impl Special {
    /// Returns what is special about an address; an IPv4-mapped IPv6 address counts as the IPv4 address it maps.
    pub fn of(address: IpAddr) -> Option<Self> {
        let address = address.to_canonical();
        let block = SPECIAL_BLOCKS.iter().find(|(first, last, _)| (*first..=*last).contains(&address));
        block.map(|(_, _, special)| *special)
    }
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
        })
    }
}
