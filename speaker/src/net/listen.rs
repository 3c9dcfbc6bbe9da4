//! The sockets that routers connect to, with everything set before the first packet is answered.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};

use super::tcp::{self, Md5Key};

/// Connections that wait to be accepted; a router whose attempt finds the queue full tries again.
const BACKLOG: i32 = 64;

/// A socket to be opened for one family.
#[derive(Clone, Debug)]
pub struct Listen<'a> {
    /// IPv4, or IPv6 alone.
    pub ipv4: bool,
    /// The port.
    pub port: u16,
    /// The VRF or link whose connections are accepted; those of no VRF without.
    pub device: Option<&'a str>,
    /// TTL or hop limit of the answers.
    pub ttl: u8,
    /// The lowest TTL that is answered (RFC 5082).
    pub minimum_ttl: Option<u8>,
    /// Passwords by source; without the right one nothing from there is answered.
    pub keys: Vec<(IpNet, &'a Md5Key)>,
}

/// Why routers cannot connect.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The kernel gives no socket.
    #[error("the kernel gives no socket to listen on; check the limit of open files")]
    Socket(#[source] io::Error),
    /// The device cannot be used.
    #[error("cannot listen on the interface {device}; create it on this node or correct the peer")]
    Device {
        /// Its name.
        device: String,
        /// Why.
        source: io::Error,
    },
    /// A password cannot be set, so nobody is answered.
    #[error("the kernel takes no TCP MD5 password, and without it nobody is answered; use one with CONFIG_TCP_MD5SIG")]
    Key(#[source] io::Error),
    /// TTL security cannot be set, so nobody is answered.
    #[error("the kernel takes no TTL settings, and without them nobody is answered")]
    Ttl(#[source] io::Error),
    /// The port needs a right.
    #[error(
        "this process may not listen on TCP port {port}; give it the capability NET_BIND_SERVICE or set listenPort to 1024 or more"
    )]
    Denied {
        /// The port.
        port: u16,
        /// What the kernel says.
        source: io::Error,
    },
    /// The port is taken.
    #[error("another program of this node listens on TCP port {port}; end it, or set another listenPort")]
    Taken {
        /// The port.
        port: u16,
        /// What the kernel says.
        source: io::Error,
    },
}

/// Begins to listen on every address of the node.
///
/// # Errors
/// Whatever cannot be set prevents it: a router without the right password or TTL is never answered.
pub fn listen(listen: &Listen<'_>) -> Result<TcpListener, ListenError> {
    let Listen { ipv4, port, device, ttl, minimum_ttl, ref keys } = *listen;
    let any: IpAddr = if ipv4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let local = SocketAddr::new(any, port);
    let socket = Socket::new(Domain::for_address(local), Type::STREAM.nonblocking(), Some(Protocol::TCP))
        .map_err(ListenError::Socket)?;
    if !ipv4 {
        socket.set_only_v6(true).map_err(ListenError::Socket)?;
    }
    // Connections that outlive an earlier process must not keep the port from us.
    socket.set_reuse_address(true).map_err(ListenError::Socket)?;
    if let Some(device) = device {
        let refused = |source| ListenError::Device { device: device.to_owned(), source };
        socket.bind_device(Some(device.as_bytes())).map_err(refused)?;
    }
    for (source, key) in keys {
        tcp::set_prefix_key(&socket, *source, key).map_err(ListenError::Key)?;
    }
    tcp::set_ttl(&socket, local, ttl, minimum_ttl).map_err(ListenError::Ttl)?;
    tcp::tune(&socket, local, None).map_err(ListenError::Socket)?;
    let refused = |source: io::Error| {
        if source.kind() == io::ErrorKind::PermissionDenied {
            ListenError::Denied { port, source }
        } else if source.kind() == io::ErrorKind::AddrInUse {
            ListenError::Taken { port, source }
        } else {
            ListenError::Socket(source)
        }
    };
    socket.bind(&local.into()).map_err(refused)?;
    socket.listen(BACKLOG).map_err(refused)?;
    TcpListener::from_std(socket.into()).map_err(ListenError::Socket)
}

/// Gives an accepted connection the settings of its router, which may be stricter than those of the socket it came by.
///
/// # Errors
/// Returns the kernel's error; the connection must then not be used.
pub fn adopt(
    stream: &TcpStream,
    remote: SocketAddr,
    ttl: u8,
    minimum_ttl: Option<u8>,
    patience: Option<Duration>,
) -> io::Result<()> {
    let socket = SockRef::from(stream);
    tcp::set_ttl(&socket, remote, ttl, minimum_ttl)?;
    tcp::tune(&socket, remote, patience)
}

/// Turns a connection away by a reset, without reading from it.
pub fn refuse(stream: TcpStream) {
    // Without the option the connection ends in order, which tells the stranger no more.
    drop(SockRef::from(&stream).set_linger(Some(Duration::ZERO)));
    drop(stream);
}

#[cfg(test)]
mod tests;
