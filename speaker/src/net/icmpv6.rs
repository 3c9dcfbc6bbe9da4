//! Router discovery on one link (RFC 4861): how two routers on an unnumbered link find each other.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddrV6};
use std::os::fd::AsRawFd as _;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::datagram::{self, Datagram};
use super::links::LinkIndex;

/// All nodes of the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers of the link.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// RFC 4861 §6.1: a message that crossed a router has a smaller hop limit and is not valid.
const HOPS: u32 = 255;
/// `ICMP6_FILTER` of the kernel's `linux/icmpv6.h`.
const ICMP6_FILTER: libc::c_int = 1;

/// A socket that sends and receives the messages of router discovery on one link.
#[derive(Debug)]
pub struct DiscoverySocket {
    link: LinkIndex,
    fd: AsyncFd<Socket>,
}

impl DiscoverySocket {
    /// Opens the socket on the link called `name`; it hears only messages of these types.
    ///
    /// # Errors
    /// Returns the kernel's error; without `CAP_NET_RAW` that is `PermissionDenied`.
    pub fn open(link: LinkIndex, name: &str, types: &[u8]) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV6, Type::RAW.nonblocking(), Some(Protocol::ICMPV6))?;
        set_filter(&socket, types)?;
        datagram::request(&socket, false)?;
        socket.bind_device(Some(name.as_bytes()))?;
        socket.set_multicast_if_v6(link.0)?;
        socket.set_multicast_hops_v6(HOPS)?;
        socket.set_unicast_hops_v6(HOPS)?;
        socket.set_multicast_loop_v6(false)?;
        socket.join_multicast_v6(&ALL_ROUTERS, link.0)?;
        // SAFETY: the socket is moved in, so its descriptor stays open and the same until the `AsyncFd` is dropped.
        let fd = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE)? };
        Ok(Self { link, fd })
    }

    /// Sends a message; the kernel fills in the checksum and our link-local address.
    ///
    /// # Errors
    /// Returns the kernel's error, `AddrNotAvailable` while the link has no usable link-local address.
    pub fn send(&self, to: Ipv6Addr, message: &[u8]) -> io::Result<()> {
        let to = SockAddr::from(SocketAddrV6::new(to, 0, 0, self.link.0));
        self.fd.get_ref().send_to(message, &to).map(drop)
    }

    /// Waits for a message and returns its source, hop limit and length.
    ///
    /// # Errors
    /// Returns the kernel's error, for instance that the link is gone.
    pub async fn receive(&self, buffer: &mut [u8]) -> io::Result<(Ipv6Addr, u8, usize)> {
        loop {
            let mut guard = self.fd.readable().await?;
            match guard.try_io(|fd| datagram::receive(fd.get_ref(), buffer)) {
                Ok(Ok(Datagram { source: IpAddr::V6(source), ttl, length, .. })) => return Ok((source, ttl, length)),
                Ok(Ok(_)) | Err(_) => {}
                Ok(Err(error)) => return Err(error),
            }
        }
    }
}

/// Blocks all types but these.
fn set_filter(socket: &Socket, types: &[u8]) -> io::Result<()> {
    let mut blocked = [u32::MAX; 8];
    for kind in types {
        blocked[usize::from(kind >> 5)] &= !(1 << (kind & 31));
    }
    let length = libc::socklen_t::try_from(size_of_val(&blocked)).expect("the filter is small");
    // SAFETY: the pointer and the length describe `blocked`, which the kernel only reads during the call.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_ICMPV6, ICMP6_FILTER, blocked.as_ptr().cast(), length)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
