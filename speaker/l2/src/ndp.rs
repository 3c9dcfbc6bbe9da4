//! Neighbour solicitations and advertisements (RFC 4861 §4.3 and §4.4) over IPv6 over Ethernet.

use std::net::Ipv6Addr;

use crate::DropReason;
use crate::ethernet::{EtherType, Header, MacAddr};

#[cfg(test)]
mod tests;

/// ff02::1, every node on the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

const IPV6_HEADER_LENGTH: usize = 40;
/// ICMPv6 header, flags and target: what both messages have before their options.
const FIXED_LENGTH: usize = 24;
const ICMPV6: u8 = 58;
/// RFC 4861 §7.1: a smaller hop limit means that the packet crossed a router.
const HOP_LIMIT: u8 = 255;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;

/// A message whose headers, checksum and options are valid (RFC 4861 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// "Who has the target?"
    Solicitation(Solicitation),
    /// "The target is here."
    Advertisement(Advertisement),
}

/// A neighbour solicitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Solicitation {
    /// Who asks; unspecified while it probes for duplicates (RFC 4862 §5.4.2).
    pub source: Ipv6Addr,
    /// Where it was sent: the solicited-node group, or the target itself.
    pub destination: Ipv6Addr,
    /// The address that is asked for.
    pub target: Ipv6Addr,
    /// The hardware address of the asker, absent in probes and in some unicast solicitations.
    pub source_link_layer: Option<MacAddr>,
}

/// A neighbour advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// Who claims.
    pub source: Ipv6Addr,
    /// Whom it tells.
    pub destination: Ipv6Addr,
    /// The address that is claimed.
    pub target: Ipv6Addr,
    /// Whether it answers a solicitation of `destination`.
    pub solicited: bool,
    /// Whether caches shall replace the hardware address they hold.
    pub overrides: bool,
    /// The hardware address of the target, absent in some answers to unicast solicitations.
    pub target_link_layer: Option<MacAddr>,
}

/// Returns the group that solicitations for `target` are sent to (RFC 4291 §2.7.1).
pub fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = target.octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]))
}

/// Returns the Ethernet address of an IPv6 group (RFC 2464 §7).
pub fn group_mac(group: Ipv6Addr) -> MacAddr {
    let [.., a, b, c, d] = group.octets();
    MacAddr([0x33, 0x33, a, b, c, d])
}

impl Message {
    /// Reads the payload of an Ethernet frame; bytes after the IPv6 packet are padding.
    pub fn decode(payload: &[u8]) -> Result<Self, DropReason> {
        let (header, rest) = payload.split_first_chunk::<IPV6_HEADER_LENGTH>().ok_or(DropReason::Truncated)?;
        if header[0] >> 4 != 6 {
            return Err(DropReason::Ipv6Format);
        }
        if header[6] != ICMPV6 {
            return Err(DropReason::NotNeighborDiscovery);
        }
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let body = rest.get(..length).ok_or(DropReason::Truncated)?;
        let source = address(&header[8..24])?;
        let destination = address(&header[24..40])?;
        let kind = match body.first() {
            Some(&kind @ (SOLICITATION | ADVERTISEMENT)) => kind,
            Some(_) => return Err(DropReason::NotNeighborDiscovery),
            None => return Err(DropReason::Truncated),
        };
        if header[7] != HOP_LIMIT {
            return Err(DropReason::HopLimit);
        }
        if checksum(source, destination, body) != 0 {
            return Err(DropReason::Checksum);
        }
        let (fixed, options) = body.split_first_chunk::<FIXED_LENGTH>().ok_or(DropReason::NdpFormat)?;
        let target = address(&fixed[8..24])?;
        if fixed[1] != 0 || target.is_multicast() || source.is_multicast() {
            return Err(DropReason::NdpFormat);
        }
        if kind == SOLICITATION {
            let source_link_layer = link_layer_option(options, SOURCE_LINK_LAYER)?;
            Solicitation { source, destination, target, source_link_layer }.checked().map(Self::Solicitation)
        } else {
            let target_link_layer = link_layer_option(options, TARGET_LINK_LAYER)?;
            let (solicited, overrides) = (fixed[4] & 0x40 != 0, fixed[4] & 0x20 != 0);
            Advertisement { source, destination, target, solicited, overrides, target_link_layer }
                .checked()
                .map(Self::Advertisement)
        }
    }
}

impl Solicitation {
    /// Builds the probe of RFC 4862 §5.4.2: who answers it holds `target` already.
    pub fn probe(mac: MacAddr, target: Ipv6Addr) -> Vec<u8> {
        let destination = solicited_node(target);
        let body = body(SOLICITATION, 0, target, None);
        packet(mac, group_mac(destination), Ipv6Addr::UNSPECIFIED, destination, body)
    }

    // RFC 4861 §7.1.1: a probe goes to the solicited-node group and carries no link-layer address.
    fn checked(self) -> Result<Self, DropReason> {
        let probe = self.source.is_unspecified();
        if probe && (self.destination != solicited_node(self.target) || self.source_link_layer.is_some()) {
            return Err(DropReason::NdpFormat);
        }
        Ok(self)
    }
}

impl Advertisement {
    /// Returns "`target` is at this node" for all nodes, unasked or as the answer to a probe.
    pub fn to_all_nodes(mac: MacAddr, target: Ipv6Addr) -> Self {
        Self {
            source: target,
            destination: ALL_NODES,
            target,
            solicited: false,
            overrides: true,
            target_link_layer: Some(mac),
        }
    }

    /// Returns "`target` is at this node" for the one who asked.
    pub fn to_solicitor(mac: MacAddr, target: Ipv6Addr, solicitor: Ipv6Addr) -> Self {
        Self { destination: solicitor, solicited: true, ..Self::to_all_nodes(mac, target) }
    }

    /// Builds the frame that carries the message.
    pub fn encode(&self, source: MacAddr, destination: MacAddr) -> Vec<u8> {
        let flags = (u8::from(self.solicited) << 6) | (u8::from(self.overrides) << 5);
        let body = body(ADVERTISEMENT, flags, self.target, self.target_link_layer.map(|mac| (TARGET_LINK_LAYER, mac)));
        packet(source, destination, self.source, self.destination, body)
    }

    // RFC 4861 §7.1.2: an advertisement to a group answers nobody.
    fn checked(self) -> Result<Self, DropReason> {
        if self.solicited && self.destination.is_multicast() {
            return Err(DropReason::NdpFormat);
        }
        Ok(self)
    }
}

fn address(octets: &[u8]) -> Result<Ipv6Addr, DropReason> {
    <[u8; 16]>::try_from(octets).map(Ipv6Addr::from).map_err(|_| DropReason::Truncated)
}

/// Walks all options, because one of length zero makes the message invalid wherever it stands, and returns the first wanted one.
fn link_layer_option(mut options: &[u8], wanted: u8) -> Result<Option<MacAddr>, DropReason> {
    let mut found = None;
    while let [kind, units, ..] = *options {
        let length = usize::from(units) * 8;
        if length == 0 || length > options.len() {
            return Err(DropReason::NdpFormat);
        }
        let (option, rest) = options.split_at(length);
        if let (true, [_, _, a, b, c, d, e, f]) = (kind == wanted && found.is_none(), option) {
            found = Some(MacAddr([*a, *b, *c, *d, *e, *f]));
        }
        options = rest;
    }
    if options.is_empty() { Ok(found) } else { Err(DropReason::NdpFormat) }
}

fn body(kind: u8, flags: u8, target: Ipv6Addr, option: Option<(u8, MacAddr)>) -> Vec<u8> {
    let mut body = Vec::with_capacity(FIXED_LENGTH + 8);
    body.extend_from_slice(&[kind, 0, 0, 0, flags, 0, 0, 0]);
    body.extend_from_slice(&target.octets());
    if let Some((kind, mac)) = option {
        body.extend_from_slice(&[kind, 1]);
        body.extend_from_slice(&mac.0);
    }
    body
}

fn packet(from: MacAddr, to: MacAddr, source: Ipv6Addr, destination: Ipv6Addr, mut body: Vec<u8>) -> Vec<u8> {
    let sum = checksum(source, destination, &body).to_be_bytes();
    body[2..4].copy_from_slice(&sum);
    let length = u16::try_from(body.len()).expect("a message has at most one option");
    let mut packet = Vec::with_capacity(IPV6_HEADER_LENGTH + body.len());
    packet.extend_from_slice(&[0x60, 0, 0, 0]);
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(&[ICMPV6, HOP_LIMIT]);
    packet.extend_from_slice(&source.octets());
    packet.extend_from_slice(&destination.octets());
    packet.extend_from_slice(&body);
    Header { destination: to, source: from, ether_type: EtherType::Ipv6 }.encode(&packet)
}

/// Returns the value of the checksum field that is zero in `body`, or zero if the field is right (RFC 4443 §2.3).
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, body: &[u8]) -> u16 {
    let words = |bytes: &[u8]| -> u32 {
        // At most 64 KiB of 16-bit words: the sum stays below 2^31.
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low))).sum()
    };
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut sum = words(&source.octets()) + words(&destination.octets()) + words(body);
    sum += (length >> 16) + (length & 0xffff) + u32::from(ICMPV6);
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !u16::try_from(sum).expect("the sum was folded to 16 bits")
}
