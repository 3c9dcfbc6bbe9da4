//! IPv6 multicast memberships, so that switches with MLD snooping and the card's own filter let solicitations through.

use std::io;
use std::net::Ipv6Addr;

use socket2::{Domain, Protocol, Socket, Type};

use super::links::LinkIndex;

/// One socket holds a few hundred to a few thousand memberships, depending on `net.core.optmem_max`; this stays below the smallest.
const PER_SOCKET: usize = 256;

/// The memberships of one link; dropping it leaves them all.
#[derive(Debug)]
pub struct Groups {
    link: LinkIndex,
    sockets: Vec<Shard>,
}

#[derive(Debug)]
struct Shard {
    socket: Socket,
    groups: Vec<Ipv6Addr>,
}

impl Groups {
    /// Returns an empty set for `link`.
    pub const fn new(link: LinkIndex) -> Self {
        Self { link, sockets: Vec::new() }
    }

    /// Joins `group`; joining twice is harmless.
    ///
    /// # Errors
    /// Returns the kernel's error, `AddrNotAvailable` or `NoDevice` where IPv6 is off on the link.
    pub fn join(&mut self, group: Ipv6Addr) -> io::Result<()> {
        if self.sockets.iter().any(|shard| shard.groups.contains(&group)) {
            return Ok(());
        }
        let shard = match self.sockets.iter().position(|shard| shard.groups.len() < PER_SOCKET) {
            Some(index) => index,
            None => {
                let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
                self.sockets.push(Shard { socket, groups: Vec::new() });
                self.sockets.len() - 1
            }
        };
        let shard = &mut self.sockets[shard];
        shard.socket.join_multicast_v6(&group, self.link.0)?;
        shard.groups.push(group);
        Ok(())
    }

    /// Leaves `group` if it was joined.
    ///
    /// # Errors
    /// Returns the kernel's error; the membership is forgotten all the same.
    pub fn leave(&mut self, group: Ipv6Addr) -> io::Result<()> {
        for shard in &mut self.sockets {
            if let Some(index) = shard.groups.iter().position(|joined| *joined == group) {
                shard.groups.swap_remove(index);
                return shard.socket.leave_multicast_v6(&group, self.link.0);
            }
        }
        Ok(())
    }
}
