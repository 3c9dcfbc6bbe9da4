//! Frames that a well-behaved host sends rarely: made by hand, to see what a speaker makes of them.

use std::net::{Ipv4Addr, Ipv6Addr};

use clarion::demo::{frame::icmpv6_checksum, network::Mac};

/// Every station.
pub const BROADCAST: Mac = Mac([0xff; 6]);

/// Who asks by a neighbour solicitation, and how.
#[derive(Clone, Copy, Debug)]
pub struct Solicitor {
    /// The Ethernet address it sends from.
    pub mac: Mac,
    /// Its address, or `::` for a probe (RFC 4862 §5.4.2).
    pub address: Ipv6Addr,
    /// Whether it tells its Ethernet address in the message too.
    pub names_mac: bool,
}

/// Returns an announcement (RFC 5227 §2.3) by which `mac` claims `address`.
pub fn arp_announcement(mac: Mac, address: Ipv4Addr) -> Vec<u8> {
    let head = [0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1];
    [&BROADCAST.0[..], &mac.0, &head, &mac.0, &address.octets(), &[0; 6], &address.octets()].concat()
}

/// Returns a neighbour solicitation for `target` sent to the address itself at `to`, as a cache that verifies an entry does (RFC 4861 §7.3.3).
pub fn unicast_solicitation(from: Solicitor, target: Ipv6Addr, to: Mac) -> Vec<u8> {
    solicitation(from, target, target, to)
}

/// Returns a neighbour solicitation for `target` sent to its solicited-node group.
pub fn multicast_solicitation(from: Solicitor, target: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = target.octets();
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]));
    solicitation(from, target, group, Mac([0x33, 0x33, 0xff, a, b, c]))
}

fn solicitation(from: Solicitor, target: Ipv6Addr, destination: Ipv6Addr, to: Mac) -> Vec<u8> {
    let mut message = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &target.octets()].concat();
    if from.names_mac {
        message.extend([&[1, 1][..], &from.mac.0].concat());
    }
    packet(from.mac, to, from.address, destination, 58, message)
}

/// Returns a UDP datagram over IPv6 that no program waits for.
pub fn datagram(from: Mac, to: Mac, source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
    packet(from, to, source, destination, 17, vec![0x30, 0x39, 0x30, 0x39, 0, 8, 0, 0])
}

fn packet(from: Mac, to: Mac, source: Ipv6Addr, destination: Ipv6Addr, protocol: u8, mut message: Vec<u8>) -> Vec<u8> {
    if protocol == 58 {
        let checksum = icmpv6_checksum(source, destination, &message);
        message[2..4].copy_from_slice(&checksum);
    }
    let length = u16::try_from(message.len()).expect("these messages are short").to_be_bytes();
    let ip = [&[0x60, 0, 0, 0][..], &length, &[protocol, 255], &source.octets(), &destination.octets()].concat();
    [&to.0[..], &from.0, &[0x86, 0xdd], &ip, &message].concat()
}

/// A neighbour advertisement as it came over the wire (RFC 4861 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// The address that is advertised.
    pub target: Ipv6Addr,
    /// The address it was sent to.
    pub destination: Ipv6Addr,
    /// It answers a solicitation.
    pub solicited: bool,
    /// It replaces what a cache knows.
    pub overrides: bool,
}

/// Returns the neighbour advertisement in a frame, if it is one.
pub fn advertisement(frame: &[u8]) -> Option<Advertisement> {
    let address = |at: usize| Some(Ipv6Addr::from(*frame.get(at..)?.first_chunk::<16>()?));
    let is_one = frame.get(12..14)? == [0x86, 0xdd] && *frame.get(20)? == 58 && *frame.get(54)? == 136;
    let flags = *frame.get(58)?;
    let told = Advertisement {
        target: address(62)?,
        destination: address(38)?,
        solicited: flags & 0x40 != 0,
        overrides: flags & 0x20 != 0,
    };
    is_one.then_some(told)
}

/// Returns the address asked for in a neighbour solicitation, if the frame is one.
pub fn solicited(frame: &[u8]) -> Option<Ipv6Addr> {
    let is_one = frame.get(12..14)? == [0x86, 0xdd] && *frame.get(20)? == 58 && *frame.get(54)? == 135;
    let target = Ipv6Addr::from(*frame.get(62..)?.first_chunk::<16>()?);
    is_one.then_some(target)
}
