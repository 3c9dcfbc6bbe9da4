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

/// Returns a router advertisement (RFC 4861 §4.2) to all nodes, which says nothing but that its sender is a router.
pub fn router_advertisement(mac: Mac, source: Ipv6Addr) -> Vec<u8> {
    let message = [&[134, 0, 0, 0][..], &[0; 12], &[1, 1], &mac.0].concat();
    let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    packet(mac, Mac([0x33, 0x33, 0, 0, 0, 1]), source, all_nodes, 58, message)
}

/// Returns a heartbeat over IPv4 as it can be sent again; nothing for other frames.
pub fn heartbeat(mut frame: Vec<u8>) -> Option<Vec<u8>> {
    let is_udp = frame.get(12..15)? == [0x08, 0x00, 0x45] && *frame.get(23)? == 17;
    let to_port = frame.get(36..38)? == 7473_u16.to_be_bytes();
    // A virtual cable leaves the checksum to be filled in by a card that is not there; RFC 768: zero means that there is none.
    frame.get_mut(40..42)?.fill(0);
    (is_udp && to_port).then_some(frame)
}

/// Returns a heartbeat like this one, sent by `from` to `to`, of a sender and a start that do not exist.
pub fn forged_heartbeat(heartbeat: &[u8], from: Mac, to: Mac, number: u32) -> Vec<u8> {
    // Behind the headers of Ethernet, IPv4 and UDP come versions, flags, cluster and key, then 8 bytes each of sender and start.
    const SENDER: usize = 14 + 20 + 8 + 12;
    let mut forged = heartbeat.to_vec();
    forged[..6].copy_from_slice(&to.0);
    forged[6..12].copy_from_slice(&from.0);
    let mixed = u64::from(number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    forged[SENDER..SENDER + 8].copy_from_slice(&mixed);
    forged[SENDER + 8..SENDER + 16].copy_from_slice(&mixed);
    forged
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
