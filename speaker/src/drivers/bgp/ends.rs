//! The ends of a connection, with the addresses that may serve as next hops.

use std::net::{IpAddr, SocketAddr};

use bgp::Link;
use ipnet::IpNet;

use crate::net::links::Links;

/// Returns the ends of a connection with the addresses of the interface it leaves by, if possible those that it had `before`.
pub(super) fn ends(local: SocketAddr, remote: SocketAddr, links: &Links, before: Option<&Link>) -> Link {
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
    // The loopback addresses beside a router ID lead nobody here.
    let usable =
        found.iter().flat_map(|(_, link)| &link.addresses).map(IpNet::addr).filter(|address| !address.is_loopback());
    let kept = usable.clone().filter(|address| before.is_some_and(|before| names(before, *address)));
    for address in kept.chain(usable) {
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

fn names(link: &Link, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => link.ipv4 == Some(address),
        IpAddr::V6(address) => [link.ipv6, link.link_local].contains(&Some(address)),
    }
}

#[cfg(test)]
mod tests;
