//! Ports that a test has for itself.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// A TCP port of all IPv4 addresses that a program which names it may listen on, and that no other is given.
#[derive(Debug)]
pub(super) struct Reserved {
    /// Its number.
    pub(super) port: u16,
    /// Bound but never listening: those who ask for any port do not get this one.
    _socket: Socket,
}

impl Reserved {
    pub(super) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into()).unwrap();
        let port = socket.local_addr().unwrap().as_socket_ipv4().unwrap().port();
        Self { port, _socket: socket }
    }
}
