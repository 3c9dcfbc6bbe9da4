//! Whole Ethernet frames, in and out of one interface.

use std::{
    io::{self, Read},
    os::fd::AsRawFd,
    time::Duration,
};

use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage, bind},
};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

/// The ethertype that stands for all of them.
pub const EVERYTHING: u16 = 0x0003;

/// A socket for the frames of one ethertype on one interface.
#[derive(Debug)]
pub struct RawSocket(Socket);

impl RawSocket {
    /// Opens the socket, which needs CAP_NET_RAW in the namespace of the calling thread only; an empty filter lets every frame pass.
    pub fn open(interface: &str, ethertype: u16, filter: &[SockFilter]) -> io::Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(ethertype.to_be()))))?;
        if !filter.is_empty() {
            socket.attach_filter(filter)?;
        }
        // An address of kind "packet" without protocol binds to the interface and keeps the protocol of the socket.
        bind(socket.as_raw_fd(), &packet_address(interface)?)?;
        Ok(Self(socket))
    }

    /// Reads one frame and returns its length; fails after `patience`, and while the interface is down.
    pub fn receive(&self, buffer: &mut [u8], patience: Duration) -> io::Result<usize> {
        self.0.set_read_timeout(Some(patience))?;
        (&self.0).read(buffer)
    }

    /// Sends one frame.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.0.send(frame).map(drop)
    }
}

fn packet_address(interface: &str) -> io::Result<SockaddrStorage> {
    getifaddrs()?
        .filter(|entry| entry.interface_name == interface)
        .filter_map(|entry| entry.address)
        .find(|address| address.family() == Some(AddressFamily::Packet))
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no interface {interface}")))
}
