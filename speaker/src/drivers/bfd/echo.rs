//! Echo packets of one path (RFC 5880 §6.4): frames to the router whose destination is ourselves.
//!
//! The kernel drops a packet that comes in with its own address as source, so they are read from the link, past its IP layer.

use std::net::Ipv4Addr;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{fs, io};

use l2::filter::Instruction;

use crate::net::links::LinkIndex;
use crate::net::packet::PacketSocket;

const ETHERTYPE_IPV4: u16 = 0x0800;
const UDP: u8 = 17;
const TTL: u8 = 255;
/// Internetwork Control (CS6), as the control packets.
const TYPE_OF_SERVICE: u8 = 0xc0;
const ETHERNET_LENGTH: usize = 14;
const IPV4_LENGTH: usize = 20;
const UDP_LENGTH: usize = 8;
const HEADERS_LENGTH: usize = ETHERNET_LENGTH + IPV4_LENGTH + UDP_LENGTH;
/// The router's Ethernet address is looked up again after this time.
const FRESH: Duration = Duration::from_secs(1);
/// Echoes read at once.
pub(super) const READ_BATCH: usize = 64;
/// Longer than any echo of ours.
const BUFFER_LENGTH: usize = 256;
/// Where the kernel shows its ARP table.
const ARP_TABLE: &str = "/proc/net/arp";

/// Passes what is IPv4 without options, whole, UDP, and for the echo port.
const FILTER: [Instruction; 10] = [
    instruction(0x30, 0, 0, 14), // version and header length
    instruction(0x15, 0, 7, 0x45),
    instruction(0x28, 0, 0, 20), // fragments
    instruction(0x45, 5, 0, 0x3fff),
    instruction(0x30, 0, 0, 23), // protocol
    instruction(0x15, 0, 3, UDP as u32),
    instruction(0x28, 0, 0, 36), // destination port
    instruction(0x15, 0, 1, bfd::ECHO_PORT as u32),
    instruction(0x06, 0, 0, u32::MAX),
    instruction(0x06, 0, 0, 0),
];

const fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

/// The end of this node: the link towards the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::drivers) struct EchoLink {
    pub(in crate::drivers) index: LinkIndex,
    pub(in crate::drivers) mac: [u8; 6],
    /// Our address in the router's subnet.
    pub(in crate::drivers) local: Ipv4Addr,
}

/// The socket on the router's link, and the addresses of both ends.
#[derive(Debug)]
pub(super) struct Echoes {
    socket: PacketSocket,
    pub(super) link: EchoLink,
    neighbor: Ipv4Addr,
    router: Option<[u8; 6]>,
    looked_up: Option<Instant>,
}

impl Echoes {
    pub(super) fn open(link: EchoLink, neighbor: Ipv4Addr) -> io::Result<Self> {
        let socket = PacketSocket::open(link.index, ETHERTYPE_IPV4, &FILTER)?;
        Ok(Self { socket, link, neighbor, router: None, looked_up: None })
    }

    /// Sends one echo; the kernel's ARP keeps the router's Ethernet address fresh, since control packets go there too.
    pub(super) fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        if self.looked_up.is_none_or(|at| at.elapsed() >= FRESH) {
            self.router = entry(&fs::read_to_string(ARP_TABLE)?, self.neighbor);
            self.looked_up = Some(Instant::now());
        }
        let unknown = || io::Error::new(io::ErrorKind::NotFound, "the router's Ethernet address is not known yet");
        self.socket.send(&frame(&self.link, self.router.ok_or_else(unknown)?, payload))
    }

    pub(super) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_readable(context)
    }

    /// Returns the payloads that wait.
    pub(super) fn read(&self) -> Vec<Vec<u8>> {
        let mut buffer = [0; BUFFER_LENGTH];
        let mut payloads = Vec::new();
        for _ in 0..READ_BATCH {
            let Ok(Some(length)) = self.socket.receive(&mut buffer) else { break };
            let payload = buffer.get(HEADERS_LENGTH..length);
            payloads.extend(payload.map(<[u8]>::to_vec));
        }
        payloads
    }
}

/// Returns the frame that the router forwards back to us.
fn frame(link: &EchoLink, router: [u8; 6], payload: &[u8]) -> Vec<u8> {
    let length = |bytes: usize| u16::try_from(bytes).expect("an echo is short").to_be_bytes();
    let [total_high, total_low] = length(IPV4_LENGTH + UDP_LENGTH + payload.len());
    let mut header = [0; IPV4_LENGTH];
    // RFC 791: version and header length, type of service, total length; never a fragment.
    header[..4].copy_from_slice(&[0x45, TYPE_OF_SERVICE, total_high, total_low]);
    header[6] = 0x40;
    header[8] = TTL;
    header[9] = UDP;
    header[12..16].copy_from_slice(&link.local.octets());
    header[16..20].copy_from_slice(&link.local.octets());
    let sum = checksum(&header);
    header[10..12].copy_from_slice(&sum);
    let [high, low] = bfd::ECHO_PORT.to_be_bytes();
    let [udp_high, udp_low] = length(UDP_LENGTH + payload.len());
    // RFC 768: a checksum of zero is none; the nonce in the payload tells what is ours.
    let udp = [high, low, high, low, udp_high, udp_low, 0, 0];
    [&router[..], &link.mac, &ETHERTYPE_IPV4.to_be_bytes(), &header, &udp, payload].concat()
}

/// RFC 1071.
fn checksum(header: &[u8; IPV4_LENGTH]) -> [u8; 2] {
    let words = header.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
}

/// Finds the Ethernet address of a neighbour in the kernel's ARP table.
fn entry(table: &str, neighbor: Ipv4Addr) -> Option<[u8; 6]> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let address: Ipv4Addr = fields.next()?.parse().ok()?;
        let mac = parse_mac(fields.nth(2)?)?;
        // An entry that is being resolved has zeroes.
        (address == neighbor && mac != [0; 6]).then_some(mac)
    })
}

fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let octets = text.split(':').map(|octet| u8::from_str_radix(octet, 16).ok());
    octets.collect::<Option<Vec<u8>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests;
