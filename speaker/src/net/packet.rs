//! `AF_PACKET` sockets: whole Ethernet frames of one ethertype on one link.

use std::io;
use std::task::{Context, Poll};

use l2::filter::Instruction;
use socket2::{Domain, Protocol, SockAddr, SockAddrStorage, SockFilter, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::links::LinkIndex;

/// A socket that sees only the frames of one ethertype on one link that pass a filter.
#[derive(Debug)]
pub struct PacketSocket {
    fd: AsyncFd<Socket>,
}

impl PacketSocket {
    /// Opens the socket; nothing unfiltered is ever queued, because it is bound only after the filter is attached.
    ///
    /// # Errors
    /// Returns the kernel's error; without `CAP_NET_RAW` that is `PermissionDenied`.
    pub fn open(link: LinkIndex, ethertype: u16, filter: &[Instruction]) -> io::Result<Self> {
        // Protocol 0 receives nothing until bind names the ethertype.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking(), Some(Protocol::from(0)))?;
        let program: Vec<SockFilter> = filter.iter().map(|i| SockFilter::new(i.code, i.jt, i.jf, i.k)).collect();
        socket.attach_filter(&program)?;
        socket.bind(&link_address(link, ethertype))?;
        // SAFETY: the socket is moved in, so its descriptor stays open and the same until the `AsyncFd` is dropped.
        let fd = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE)? };
        Ok(Self { fd })
    }

    /// Waits until a frame can be read.
    ///
    /// # Errors
    /// Returns the error of the event loop.
    pub async fn readable(&self) -> io::Result<()> {
        self.fd.readable().await.map(|mut guard| guard.retain_ready())
    }

    /// Registers for a wake-up and returns whether a frame may be read.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.fd.poll_read_ready(context).map(|guard| drop(guard.map(|mut guard| guard.retain_ready())))
    }

    /// Reads one frame into `buffer` and returns its length, or `None` when none waits.
    ///
    /// # Errors
    /// Returns the kernel's error, `NetworkDown` when the link went down.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        use std::io::Read as _;
        match self.fd.try_io(Interest::READABLE, |mut socket| socket.read(buffer)) {
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends one whole frame; never waits.
    ///
    /// # Errors
    /// Returns the kernel's error; a full queue is `WouldBlock` and the frame is gone.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.fd.get_ref().send(frame).map(drop)
    }
}

fn link_address(link: LinkIndex, ethertype: u16) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: `sockaddr_ll` is a plain struct that fits into `sockaddr_storage`, and zeroes are valid for all its fields.
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    address.sll_family = libc::AF_PACKET as libc::sa_family_t;
    address.sll_protocol = ethertype.to_be();
    address.sll_ifindex = i32::try_from(link.0).expect("the kernel hands out indexes as i32");
    // SAFETY: the storage holds an initialised `sockaddr_ll` of exactly this length.
    unsafe { SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t) }
}
