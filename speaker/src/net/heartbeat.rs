//! The UDP sockets of one link for the speakers' heartbeats.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockFilter, SockRef, Socket, Type};
use tokio::net::UdpSocket;

use super::links::LinkIndex;

/// The group of RFC 4727 §2.4.2 for IPv4; 224.0.0.0/24 is flooded by every switch, also by those with IGMP snooping (RFC 4541 §2.1.2).
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 254);
/// The link-local group of RFC 4727 §3.2 for IPv6.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x114);
/// RFC 5082: a packet that crossed a router has a smaller value, so a speaker hears only its own link.
const HOPS: u32 = 255;
/// Where the IPv4 header keeps its time to live.
const TTL_OFFSET: u32 = 8;
/// Where the IPv6 header keeps its hop limit.
const HOP_LIMIT_OFFSET: u32 = 7;

/// Sends on every address family that the link has an address for, and receives on both.
///
/// A network that filters multicast of one family still carries the other, and a node without IPv6 still hears one without IPv4.
#[derive(Debug)]
pub struct HeartbeatSockets {
    link: LinkIndex,
    port: u16,
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
    /// Which family is read first, in turns: a flood over one must not keep what comes over the other.
    v4_first: bool,
}

impl HeartbeatSockets {
    /// Opens the sockets on the link called `name`.
    ///
    /// # Errors
    /// Returns the kernel's error when neither family works.
    pub fn open(link: LinkIndex, name: &str, port: u16) -> io::Result<Self> {
        let v6 = open_v6(link, name, port);
        let v4 = open_v4(link, name, port);
        match (v4, v6) {
            (Err(error), Err(_)) => Err(error),
            (v4, v6) => Ok(Self { link, port, v4: v4.ok(), v6: v6.ok(), v4_first: false }),
        }
    }

    /// Returns whether both families are open.
    pub const fn is_whole(&self) -> bool {
        self.v4.is_some() && self.v6.is_some()
    }

    /// Tries to open the family that is not; returns whether both are open.
    pub fn reopen(&mut self, name: &str) -> bool {
        if self.v4.is_none() {
            self.v4 = open_v4(self.link, name, self.port).ok();
        }
        if self.v6.is_none() {
            self.v6 = open_v6(self.link, name, self.port).ok();
        }
        self.is_whole()
    }

    /// Waits until a datagram can be read.
    pub async fn readable(&self) -> io::Result<()> {
        match (&self.v4, &self.v6) {
            (Some(v4), Some(v6)) => {
                tokio::select! { result = v4.readable() => result, result = v6.readable() => result }
            }
            (Some(socket), None) | (None, Some(socket)) => socket.readable().await,
            (None, None) => std::future::pending().await,
        }
    }

    /// Reads one datagram, or `None` when none waits; errors of the link are none waiting.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        self.v4_first = !self.v4_first;
        let sockets = if self.v4_first { [&self.v4, &self.v6] } else { [&self.v6, &self.v4] };
        sockets.into_iter().flatten().find_map(|socket| socket.try_recv_from(buffer).ok())
    }

    /// Sends to every speaker on the link over both families, and returns whether at least one took the datagram.
    pub fn send_to_group(&self, bytes: &[u8]) -> bool {
        let v4 = SocketAddr::V4(SocketAddrV4::new(GROUP_V4, self.port));
        let v6 = SocketAddr::V6(SocketAddrV6::new(GROUP_V6, self.port, 0, self.link.0));
        // Both are tried, so no short circuit.
        self.send(v4, bytes) | self.send(v6, bytes)
    }

    /// Sends to the speaker of the node with this address, and returns whether the kernel took the datagram.
    pub fn send_to(&self, node: IpAddr, bytes: &[u8]) -> bool {
        self.send(SocketAddr::new(node, self.port), bytes)
    }

    /// Sends to one speaker, and returns whether the kernel took the datagram.
    ///
    /// A speaker without an address of its own in a family sends from the unspecified one, which leads back to this node.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) -> bool {
        let socket = match to.ip() {
            IpAddr::V4(_) => &self.v4,
            IpAddr::V6(_) => &self.v6,
        };
        // Past the event loop, which knows nothing of a new socket and would hold back the first datagrams.
        let taken = |socket: &UdpSocket| SockRef::from(socket).send_to(bytes, &to.into()).is_ok();
        !to.ip().is_unspecified() && socket.as_ref().is_some_and(taken)
    }
}

fn open_v4(link: LinkIndex, name: &str, port: u16) -> io::Result<UdpSocket> {
    let socket = open(Domain::IPV4, name)?;
    require_hops(&socket, TTL_OFFSET)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    socket.join_multicast_v4_n(&GROUP_V4, &InterfaceIndexOrAddress::Index(link.0))?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_multicast_ttl_v4(HOPS)?;
    socket.set_ttl_v4(HOPS)?;
    UdpSocket::from_std(socket.into())
}

fn open_v6(link: LinkIndex, name: &str, port: u16) -> io::Result<UdpSocket> {
    let socket = open(Domain::IPV6, name)?;
    require_hops(&socket, HOP_LIMIT_OFFSET)?;
    socket.set_only_v6(true)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
    socket.set_multicast_if_v6(link.0)?;
    socket.join_multicast_v6(&GROUP_V6, link.0)?;
    socket.set_multicast_loop_v6(false)?;
    socket.set_multicast_hops_v6(HOPS)?;
    socket.set_unicast_hops_v6(HOPS)?;
    UdpSocket::from_std(socket.into())
}

/// Makes the kernel drop what came with fewer hops left than [`HOPS`]; `IP_MINTTL` would do so for TCP only.
fn require_hops(socket: &Socket, hops_offset: u32) -> io::Result<()> {
    const LOAD_BYTE_ABSOLUTE: u16 = 0x30;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN_CONSTANT: u16 = 0x06;
    /// `SKF_NET_OFF`: loads are relative to the network header, although a UDP socket filters from the UDP header on.
    const NETWORK_HEADER: u32 = 0xfff0_0000;
    socket.attach_filter(&[
        SockFilter::new(LOAD_BYTE_ABSOLUTE, 0, 0, NETWORK_HEADER + hops_offset),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, HOPS),
        SockFilter::new(RETURN_CONSTANT, 0, 0, u32::MAX),
        SockFilter::new(RETURN_CONSTANT, 0, 0, 0),
    ])
}

fn open(domain: Domain, name: &str) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    // One socket per link shares the port; the device binding keeps them apart.
    socket.set_reuse_address(true)?;
    socket.bind_device(Some(name.as_bytes()))?;
    Ok(socket)
}

#[cfg(test)]
mod tests;
