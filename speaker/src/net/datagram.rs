//! Datagrams together with what the kernel knows about their way.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};

use super::links::LinkIndex;

/// One datagram that was received into a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram {
    /// Bytes in the buffer.
    pub length: usize,
    /// Where it came from.
    pub source: IpAddr,
    /// Which address it was sent to.
    pub destination: IpAddr,
    /// The link it came in by.
    pub link: LinkIndex,
    /// TTL or hop limit on arrival.
    pub ttl: u8,
}

/// Makes the kernel tell link, destination and TTL of what a socket of this family receives.
pub(super) fn request(socket: &impl std::os::fd::AsFd, ipv4: bool) -> nix::Result<()> {
    if ipv4 {
        setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?;
        setsockopt(socket, sockopt::Ipv4RecvTtl, &true)
    } else {
        setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        setsockopt(socket, sockopt::Ipv6RecvHopLimit, &true)
    }
}

/// Reads one datagram; `WouldBlock` when none waits.
pub(super) fn receive(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<Datagram> {
    let mut control = nix::cmsg_space!(libc::in6_pktinfo, libc::c_int);
    let mut slices = [IoSliceMut::new(buffer)];
    let message =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
    let source = message.address.as_ref().and_then(address_of).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let mut datagram = Datagram {
        length: message.bytes,
        source,
        destination: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        link: LinkIndex(0),
        // What did not say how far it came may have come from anywhere.
        ttl: 0,
    };
    for control in message.cmsgs()? {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's control messages are not our enum")]
        match control {
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                datagram.destination = Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).into();
                datagram.link = LinkIndex(u32::try_from(info.ipi_ifindex).unwrap_or(0));
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => {
                datagram.destination = Ipv6Addr::from(info.ipi6_addr.s6_addr).into();
                datagram.link = LinkIndex(info.ipi6_ifindex);
            }
            ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                datagram.ttl = u8::try_from(ttl).unwrap_or(0);
            }
            _ => {}
        }
    }
    Ok(datagram)
}

fn address_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let four = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    four.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}
