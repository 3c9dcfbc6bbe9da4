//! ARP for IPv4 over Ethernet (RFC 826).

use std::net::Ipv4Addr;

use crate::DropReason;
use crate::ethernet::{EtherType, Header, MacAddr};

#[cfg(test)]
mod tests;

/// Length of an ARP packet for IPv4 over Ethernet in bytes.
pub const LENGTH: usize = 28;

/// Hardware type Ethernet, protocol type IPv4, and their address lengths.
const FORMAT: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// Whether a packet asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Operation 1.
    Request,
    /// Operation 2.
    Reply,
}

/// An ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Whether it asks or answers.
    pub operation: Operation,
    /// Hardware address of the sender.
    pub sender_mac: MacAddr,
    /// Protocol address of the sender, 0.0.0.0 in a probe (RFC 5227 §1.1).
    pub sender_ip: Ipv4Addr,
    /// Hardware address of the target, ignored in requests.
    pub target_mac: MacAddr,
    /// Protocol address of the target.
    pub target_ip: Ipv4Addr,
}

impl Packet {
    /// Reads the payload of an Ethernet frame; bytes after the packet are padding.
    pub fn decode(payload: &[u8]) -> Result<Self, DropReason> {
        let packet = payload.first_chunk::<LENGTH>().ok_or(DropReason::Truncated)?;
        if !packet.starts_with(&FORMAT) {
            return Err(DropReason::ArpFormat);
        }
        let operation = match [packet[6], packet[7]] {
            [0, 1] => Operation::Request,
            [0, 2] => Operation::Reply,
            _ => return Err(DropReason::ArpOperation),
        };
        let byte = |at: usize| packet[at];
        let mac = |at: usize| MacAddr([byte(at), byte(at + 1), byte(at + 2), byte(at + 3), byte(at + 4), byte(at + 5)]);
        let ip = |at: usize| Ipv4Addr::new(byte(at), byte(at + 1), byte(at + 2), byte(at + 3));
        Ok(Self { operation, sender_mac: mac(8), sender_ip: ip(14), target_mac: mac(18), target_ip: ip(24) })
    }

    /// Builds the frame that carries the packet from its sender to `destination`.
    pub fn encode(self, destination: MacAddr) -> Vec<u8> {
        let mut packet = Vec::with_capacity(LENGTH);
        packet.extend_from_slice(&FORMAT);
        packet.extend_from_slice(match self.operation {
            Operation::Request => &[0, 1],
            Operation::Reply => &[0, 2],
        });
        packet.extend_from_slice(&self.sender_mac.0);
        packet.extend_from_slice(&self.sender_ip.octets());
        packet.extend_from_slice(&self.target_mac.0);
        packet.extend_from_slice(&self.target_ip.octets());
        Header { destination, source: self.sender_mac, ether_type: EtherType::Arp }.encode(&packet)
    }
}

/// Builds the answer to `request`: "`ip` is at `mac`", sent to the asker alone.
pub fn reply(mac: MacAddr, ip: Ipv4Addr, request: &Packet) -> Vec<u8> {
    let answer = Packet {
        operation: Operation::Reply,
        sender_mac: mac,
        sender_ip: ip,
        target_mac: request.sender_mac,
        target_ip: request.sender_ip,
    };
    answer.encode(request.sender_mac)
}

/// Builds the announcement of RFC 5227 §2.3, which every cache that knows `ip` honours at once.
pub fn gratuitous_request(mac: MacAddr, ip: Ipv4Addr) -> Vec<u8> {
    gratuitous(Operation::Request, mac, ip, MacAddr::ZERO)
}

/// Builds the announcement in reply form, for devices that learn from replies only.
///
/// The target hardware address is the sender's: Linux ignores the reply within `locktime` otherwise.
pub fn gratuitous_reply(mac: MacAddr, ip: Ipv4Addr) -> Vec<u8> {
    gratuitous(Operation::Reply, mac, ip, mac)
}

/// Builds the probe of RFC 5227 §2.1.1: who answers it holds `ip` already.
pub fn probe(mac: MacAddr, ip: Ipv4Addr) -> Vec<u8> {
    let probe = Packet {
        operation: Operation::Request,
        sender_mac: mac,
        sender_ip: Ipv4Addr::UNSPECIFIED,
        target_mac: MacAddr::ZERO,
        target_ip: ip,
    };
    probe.encode(MacAddr::BROADCAST)
}

fn gratuitous(operation: Operation, mac: MacAddr, ip: Ipv4Addr, target_mac: MacAddr) -> Vec<u8> {
    Packet { operation, sender_mac: mac, sender_ip: ip, target_mac, target_ip: ip }.encode(MacAddr::BROADCAST)
}
