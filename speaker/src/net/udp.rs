//! UDP sockets of BFD (RFC 5881 §4, RFC 5883 §5): received with their TTL and link, sent from a port of their own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::datagram::{self, Datagram};

/// Control packets leave with the greatest TTL, which single-hop receivers insist on (RFC 5881 §5).
const TTL: u32 = 255;
/// Routers send BFD as Internetwork Control (CS6); without it a full link would look like a dead one.
const INTERNETWORK_CONTROL: u32 = 0xc0;

/// A socket on one of the ports of BFD.
#[derive(Debug)]
pub struct Receiver {
    socket: UdpSocket,
}

impl Receiver {
    /// Opens the port for one family on every address, or on those of a device.
    ///
    /// With `shared`, it is opened although this process has the port on other devices. Each datagram goes to the socket that fits it
    /// best, so no two may be for the same device.
    ///
    /// # Errors
    /// Returns the kernel's error; `AddrInUse` where another BFD runs on this node.
    pub fn open(ipv4: bool, port: u16, device: Option<&str>, shared: bool) -> io::Result<Self> {
        let socket = open(ipv4, device)?;
        datagram::request(&socket, ipv4)?;
        let any: IpAddr = if ipv4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        socket.set_reuse_port(shared)?;
        socket.bind(&SocketAddr::new(any, port).into())?;
        // Only afterwards for the first one: another process of ours would otherwise share the port too, and take half of the datagrams.
        socket.set_reuse_port(true)?;
        Ok(Self { socket: UdpSocket::from_std(socket.into())? })
    }

    /// Registers for a wake-up and returns whether a datagram may be read.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        // An error of the event loop shows up at the next read as well.
        self.socket.poll_recv_ready(context).map(drop)
    }

    /// Reads one datagram, or `None` when none waits.
    ///
    /// # Errors
    /// Returns the kernel's error, for instance that the device is gone.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
        match self.socket.try_io(Interest::READABLE, || datagram::receive(&self.socket, buffer)) {
            Ok(datagram) => Ok(Some(datagram)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The socket that one session sends from.
#[derive(Debug)]
pub struct Sender {
    socket: Socket,
}

impl Sender {
    /// Binds the first free one of `ports`, at `source` where one is given.
    ///
    /// # Errors
    /// Returns the kernel's error; `AddrNotAvailable` where this node does not have the source address.
    pub fn open(
        remote: IpAddr,
        source: Option<IpAddr>,
        device: Option<&str>,
        ports: impl Iterator<Item = u16>,
    ) -> io::Result<Self> {
        let socket = open(remote.is_ipv4(), device)?;
        if remote.is_ipv4() {
            socket.set_ttl_v4(TTL)?;
            socket.set_tos_v4(INTERNETWORK_CONTROL)?;
        } else {
            socket.set_unicast_hops_v6(TTL)?;
            socket.set_tclass_v6(INTERNETWORK_CONTROL)?;
        }
        let any: IpAddr = if remote.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let mut refused = io::Error::from(io::ErrorKind::AddrInUse);
        for port in ports {
            match socket.bind(&SocketAddr::new(source.unwrap_or(any), port).into()) {
                Ok(()) => return Ok(Self { socket }),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => refused = error,
                Err(error) => return Err(error),
            }
        }
        Err(refused)
    }

    /// Sends one datagram; never waits.
    ///
    /// # Errors
    /// Returns the kernel's error, for instance that there is no route.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.socket.send_to(bytes, &to.into()).map(drop)
    }
}

fn open(ipv4: bool, device: Option<&str>) -> io::Result<Socket> {
    let domain = if ipv4 { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if !ipv4 {
        socket.set_only_v6(true)?;
    }
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests;
