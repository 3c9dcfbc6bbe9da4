//! The frames of a newcomer: ARP requests and neighbour solicitations, and the answers to them.
//!
//! The lab judges the speaker by this code, so it shares none with the speaker.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::network::Mac;

const ETHERTYPE_ARP: [u8; 2] = [0x08, 0x06];
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// A statement on the wire that an address is reached at an Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The address.
    pub address: IpAddr,
    /// Where it is said to be reached.
    pub mac: Mac,
    /// Whether it answers a question rather than being said to everybody.
    pub solicited: bool,
}

/// Returns the broadcast ARP request (RFC 826) by which a host with address `own` asks for `target`.
pub fn arp_request(mac: Mac, own: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let ethernet = [&[0xff; 6][..], &mac.0, &ETHERTYPE_ARP].concat();
    // Ethernet, IPv4, their address lengths, and operation 1: request.
    let head = [0, 1, 0x08, 0x00, 6, 4, 0, 1];
    [&ethernet[..], &head, &mac.0, &own.octets(), &[0; 6], &target.octets()].concat()
}

/// Returns the multicast neighbour solicitation (RFC 4861 §4.3) by which a host with address `own` asks for `target`.
pub fn neighbour_solicitation(mac: Mac, own: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = target.octets();
    // RFC 4291 §2.7.1: the solicited-node address; RFC 2464 §7: its Ethernet address.
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]));
    let group_mac = [0x33, 0x33, 0xff, a, b, c];
    let target = target.octets();
    let option = [&[1, 1][..], &mac.0].concat();
    let mut message = [&[SOLICITATION, 0, 0, 0, 0, 0, 0, 0][..], &target, &option].concat();
    let checksum = icmpv6_checksum(own, group, &message);
    message[2..4].copy_from_slice(&checksum);
    let length = u16::try_from(message.len()).expect("a solicitation is 32 bytes").to_be_bytes();
    // RFC 4861 §7.1.1: a receiver drops neighbour discovery whose hop limit is not 255.
    let ip = [&[0x60, 0, 0, 0][..], &length, &[ICMPV6, 255], &own.octets(), &group.octets()].concat();
    [&group_mac[..], &mac.0, &ETHERTYPE_IPV6, &ip, &message].concat()
}

/// Returns the claim in a frame, if it is an ARP reply, a gratuitous ARP of either form, or a neighbour advertisement.
pub fn claim(frame: &[u8]) -> Option<Claim> {
    let (_, rest) = frame.split_at_checked(12)?;
    let (ethertype, payload) = rest.split_first_chunk()?;
    match *ethertype {
        ETHERTYPE_ARP => arp_claim(payload),
        ETHERTYPE_IPV6 => advertisement(payload),
        _ => None,
    }
}

fn arp_claim(payload: &[u8]) -> Option<Claim> {
    let fields: &[u8; 28] = payload.first_chunk()?;
    let reply = match fields[..8] {
        [0, 1, 8, 0, 6, 4, 0, 1] => false,
        [0, 1, 8, 0, 6, 4, 0, 2] => true,
        _ => return None,
    };
    let mac = Mac(*fields[8..].first_chunk()?);
    let sender = Ipv4Addr::from(*fields[14..].first_chunk::<4>()?);
    let target = Ipv4Addr::from(*fields[24..].first_chunk::<4>()?);
    // RFC 5227 §1.1: a probe asks from 0.0.0.0 and claims nothing; an announcement asks for the sender's own address.
    let gratuitous = sender == target;
    (reply || gratuitous).then_some(Claim { address: sender.into(), mac, solicited: !gratuitous })
}

fn advertisement(payload: &[u8]) -> Option<Claim> {
    let (ip, message) = payload.split_first_chunk::<40>()?;
    let (fields, mut options) = message.split_first_chunk::<24>()?;
    if ip[6] != ICMPV6 || ip[7] != 255 || fields[0] != ADVERTISEMENT {
        return None;
    }
    let target = Ipv6Addr::from(*fields[8..].first_chunk::<16>()?);
    let solicited = fields[4] & 0x40 != 0;
    while let [kind, length, ..] = *options {
        // RFC 4861 §4.6: a receiver drops a message with an option of length zero.
        let (option, rest) = options.split_at_checked(usize::from(length) * 8).filter(|_| length > 0)?;
        if kind == 2 {
            return Some(Claim { address: target.into(), mac: Mac(*option[2..].first_chunk()?), solicited });
        }
        options = rest;
    }
    None
}

/// Returns the checksum of an ICMPv6 message, which covers a pseudo-header of addresses, length and protocol (RFC 8200 §8.1).
pub fn icmpv6_checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> [u8; 2] {
    let length = u32::try_from(message.len()).expect("a message fits a frame").to_be_bytes();
    let covered = [&source.octets()[..], &destination.octets(), &length, &[0, 0, 0, ICMPV6], message].concat();
    let sum: u32 =
        covered.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    (!u16::try_from(folded).expect("two folds leave 16 bits")).to_be_bytes()
}

#[cfg(test)]
mod tests;
