//! The ends of a connection, with the addresses that may serve as next hops.

use std::net::{IpAddr, SocketAddr};

use bgp::Link;
use ipnet::IpNet;

use crate::net::links::Links;

/// Returns the ends of a connection with the addresses of the interface it leaves by.
pub(super) fn ends(local: SocketAddr, remote: SocketAddr, links: &Links) -> Link {
    let scope = match remote {
        SocketAddr::V6(remote) => remote.scope_id(),
        SocketAddr::V4(_) => 0,
    };
    let mut ends = Link::between(local.ip(), remote.ip());
    // Several links may have the same link-local address, so only the scope tells them apart.
    let found = links.iter().find(|(index, link)| match scope {
        0 => link.addresses.iter().any(|net| net.addr() == local.ip()),
        scope => index.0 == scope,
    });
    // RFC 2545 §3: only a router in a subnet of the link can use its link-local address.
    let near = scope != 0 || found.is_some_and(|(_, link)| link.addresses.iter().any(|net| net.contains(&remote.ip())));
    for address in found.iter().flat_map(|(_, link)| &link.addresses).map(IpNet::addr) {
        match address {
            IpAddr::V4(address) => ends.ipv4 = ends.ipv4.or(Some(address)),
            IpAddr::V6(address) if address.is_unicast_link_local() => {
                ends.link_local = ends.link_local.or_else(|| near.then_some(address));
            }
            IpAddr::V6(address) => ends.ipv6 = ends.ipv6.or(Some(address)),
        }
    }
    ends
}

#[cfg(test)]
mod tests;
