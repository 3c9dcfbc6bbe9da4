//! TCP connections to routers, with everything set before the first packet leaves.
//!
//! Connections are authenticated by TCP MD5 (RFC 2385) alone. TCP-AO (RFC 5925) is left out: kernels know it from Linux 6.7 on
//! and may be built without it, routers such as FRR do not speak it, and a key that no router of the tests can check would be a promise
//! that nobody has seen kept.

use std::io;
use std::mem::size_of;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::time::Duration;
use std::{fmt, ptr};

use ipnet::IpNet;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use thiserror::Error;
use tokio::net::TcpStream;

/// RFC 4271 gives BGP no class of its own; routers send it as Internetwork Control (CS6), and so do we.
const INTERNETWORK_CONTROL: u32 = 0xc0;
/// The longest key that the kernel takes (`TCP_MD5SIG_MAXKEYLEN`).
const LONGEST_KEY: usize = 80;

/// `TCP_MD5SIG_EXT` and `TCP_MD5SIG_FLAG_PREFIX` of the kernel's `linux/tcp.h`, which the libc crate lacks.
const MD5_EXTENDED: libc::c_int = 32;
const MD5_PREFIX: u8 = 1;

/// A TCP MD5 password (RFC 2385) of 1 to 80 bytes; its text is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Md5Key {
    bytes: [u8; LONGEST_KEY],
    length: u16,
}

/// Why bytes are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a TCP MD5 password of {length} bytes cannot be used; choose one of 1 to {LONGEST_KEY} bytes")]
pub struct Md5KeyError {
    /// How many bytes there are.
    pub length: usize,
}

impl Md5Key {
    /// Returns the key made of these bytes.
    ///
    /// # Errors
    /// Refuses lengths that the kernel would refuse or cut.
    pub fn new(password: &[u8]) -> Result<Self, Md5KeyError> {
        let refused = Md5KeyError { length: password.len() };
        let length = u16::try_from(password.len()).map_err(|_| refused)?;
        let mut bytes = [0; LONGEST_KEY];
        match bytes.get_mut(..password.len()) {
            Some(start) if length > 0 => start.copy_from_slice(password),
            Some(_) | None => return Err(refused),
        }
        Ok(Self { bytes, length })
    }
}

impl fmt::Debug for Md5Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Md5Key(..)")
    }
}

/// A connection to be opened.
#[derive(Clone, Copy, Debug)]
pub struct Dial<'a> {
    /// The router; a link-local address needs its scope.
    pub remote: SocketAddr,
    /// The address to connect from; without it the kernel chooses.
    pub source: Option<IpAddr>,
    /// The VRF or link whose routes are used.
    pub device: Option<&'a str>,
    /// The password.
    pub key: Option<&'a Md5Key>,
    /// TTL or hop limit of what is sent.
    pub ttl: u8,
    /// The lowest TTL that is accepted (RFC 5082).
    pub minimum_ttl: Option<u8>,
    /// After how much time without acknowledgement the kernel gives up; the kernel's quarter of an hour without.
    pub patience: Option<Duration>,
}

/// Why a connection could not even be begun.
#[derive(Debug, Error)]
pub enum DialError {
    /// The kernel gives no socket.
    #[error("the kernel gives no TCP socket; check the limit of open files")]
    Socket(#[source] io::Error),
    /// The device cannot be used.
    #[error("cannot use the interface {device}; create it on this node or correct the peer")]
    Device {
        /// Its name.
        device: String,
        /// Why.
        source: io::Error,
    },
    /// The password cannot be set, so nothing is sent.
    #[error(
        "the kernel takes no TCP MD5 password, and without it no connection is tried; use one with CONFIG_TCP_MD5SIG"
    )]
    Key(#[source] io::Error),
    /// TTL security cannot be set, so nothing is sent.
    #[error("the kernel takes no TTL settings, and without them no connection is tried")]
    Ttl(#[source] io::Error),
    /// The source address is not this node's.
    #[error("cannot connect from {address}; give this node the address or correct sourceAddress")]
    Source {
        /// The address.
        address: IpAddr,
        /// Why.
        source: io::Error,
    },
    /// The kernel refuses the connection at once.
    #[error("cannot connect to {remote}")]
    Connect {
        /// The router.
        remote: SocketAddr,
        /// Why, for instance because there is no route.
        source: io::Error,
    },
}

impl DialError {
    /// Returns what the kernel said.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Socket(source)
            | Self::Device { source, .. }
            | Self::Key(source)
            | Self::Ttl(source)
            | Self::Source { source, .. }
            | Self::Connect { source, .. } => source.kind(),
        }
    }
}

/// Begins to open a connection, which is open once the stream is writable and [`TcpStream::take_error`] has nothing to say.
///
/// # Errors
/// Whatever cannot be set prevents the connection: a packet without password or TTL security never leaves.
pub fn dial(dial: &Dial<'_>) -> Result<TcpStream, DialError> {
    let Dial { remote, source, device, key, ttl, minimum_ttl, patience } = *dial;
    let socket = Socket::new(Domain::for_address(remote), Type::STREAM.nonblocking(), Some(Protocol::TCP))
        .map_err(DialError::Socket)?;
    if let Some(device) = device {
        let refused = |source| DialError::Device { device: device.to_owned(), source };
        socket.bind_device(Some(device.as_bytes())).map_err(refused)?;
    }
    if let Some(key) = key {
        set_key(&socket, remote, key).map_err(DialError::Key)?;
    }
    set_ttl(&socket, remote, ttl, minimum_ttl).map_err(DialError::Ttl)?;
    if let Some(address) = source {
        let local = SockAddr::from(SocketAddr::new(address, 0));
        socket.bind(&local).map_err(|source| DialError::Source { address, source })?;
    }
    tune(&socket, remote, patience).map_err(DialError::Socket)?;
    match socket.connect(&remote.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
        Err(source) => return Err(DialError::Connect { remote, source }),
    }
    TcpStream::from_std(socket.into()).map_err(DialError::Socket)
}

pub(super) fn tune(socket: &Socket, remote: SocketAddr, patience: Option<Duration>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(patience)?;
    if remote.is_ipv4() { socket.set_tos_v4(INTERNETWORK_CONTROL) } else { socket.set_tclass_v6(INTERNETWORK_CONTROL) }
}

pub(super) fn set_ttl(socket: &Socket, remote: SocketAddr, ttl: u8, minimum: Option<u8>) -> io::Result<()> {
    let (level, name) = match remote {
        SocketAddr::V4(_) => {
            socket.set_ttl_v4(ttl.into())?;
            (libc::IPPROTO_IP, libc::IP_MINTTL)
        }
        SocketAddr::V6(_) => {
            socket.set_unicast_hops_v6(ttl.into())?;
            (libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT)
        }
    };
    match minimum {
        Some(minimum) => set_option(socket, level, name, &libc::c_int::from(minimum)),
        None => Ok(()),
    }
}

/// Lets everything that leaves a connection from here on have the greatest TTL.
///
/// # Errors
/// Returns the kernel's error.
pub fn raise_ttl(stream: &TcpStream) -> io::Result<()> {
    let socket = SockRef::from(stream);
    if stream.local_addr()?.is_ipv4() {
        socket.set_ttl_v4(u8::MAX.into())
    } else {
        socket.set_unicast_hops_v6(u8::MAX.into())
    }
}

/// `struct tcp_md5sig` of the kernel's `linux/tcp.h`, which the libc crate lacks.
#[repr(C)]
struct TcpMd5Sig {
    address: libc::sockaddr_storage,
    flags: u8,
    prefix_length: u8,
    key_length: u16,
    interface: libc::c_int,
    key: [u8; LONGEST_KEY],
}

fn set_key(socket: &Socket, remote: SocketAddr, key: &Md5Key) -> io::Result<()> {
    set_option(socket, libc::IPPROTO_TCP, libc::TCP_MD5SIG, &md5_option(remote, key))
}

/// Sets the password of every address in a prefix.
pub(super) fn set_prefix_key(socket: &Socket, sources: IpNet, key: &Md5Key) -> io::Result<()> {
    let mut option = md5_option(SocketAddr::new(sources.network(), 0), key);
    option.flags = MD5_PREFIX;
    option.prefix_length = sources.prefix_len();
    set_option(socket, libc::IPPROTO_TCP, MD5_EXTENDED, &option)
}

fn md5_option(remote: SocketAddr, key: &Md5Key) -> TcpMd5Sig {
    let address = SockAddr::from(remote);
    // SAFETY: all fields are integers or arrays of them, for which zeroes are valid.
    let mut option: TcpMd5Sig = unsafe { std::mem::zeroed() };
    // SAFETY: source and destination do not overlap, and the kernel's addresses fit into `sockaddr_storage`, which is what
    // `SockAddr` itself keeps them in.
    unsafe {
        ptr::copy_nonoverlapping(
            address.as_ptr().cast::<u8>(),
            ptr::from_mut(&mut option.address).cast::<u8>(),
            (address.len() as usize).min(size_of::<libc::sockaddr_storage>()),
        );
    }
    option.key_length = key.length;
    option.key = key.bytes;
    option
}

fn set_option<T>(socket: &Socket, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<T>()).expect("socket options are small");
    // SAFETY: the pointer and the length describe `value`, which the kernel only reads during the call.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(value).cast(), length) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests;
