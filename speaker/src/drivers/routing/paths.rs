//! Which path BFD watches for a session.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use crate::drivers::bfd::EchoLink;
use crate::drivers::bgp::Endpoint;
use crate::net::links::{LinkIndex, Links};
use crate::peers::{Echoes, PeerDesired};

/// Returns the ends of the BFD session beside a BGP session, where one is wanted and its VRF is there.
pub(super) fn path_of(peer: &PeerDesired, endpoint: &Endpoint, links: &Links) -> Option<bfd::Endpoint> {
    peer.bfd.as_ref()?;
    let neighbor = endpoint.remote.ip();
    let internal = match peer.config.remote_as {
        bgp::RemoteAs::Exactly(asn) => asn == peer.config.local_as,
        bgp::RemoteAs::Internal => true,
        bgp::RemoteAs::External => false,
    };
    let far = match peer.config.distance {
        bgp::Distance::MultiHop { .. } => true,
        // An internal router may be anywhere, so its address tells; FRR decides in the same way.
        bgp::Distance::Direct => internal && !is_on_link(neighbor, links),
    };
    let link = match endpoint.remote {
        SocketAddr::V6(remote) if remote.scope_id() != 0 => Some(bfd::LinkIndex(remote.scope_id())),
        SocketAddr::V4(_) | SocketAddr::V6(_) => None,
    };
    let vrf = match &peer.vrf {
        Some(device) => Some(bfd::LinkIndex(index_of(device, links)?.0)),
        None => None,
    };
    let hops = if far { bfd::Hops::Multi } else { bfd::Hops::Single };
    Some(bfd::Endpoint { hops, neighbor, local: endpoint.source, link, vrf })
}

fn is_on_link(address: IpAddr, links: &Links) -> bool {
    let link_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    link_local || links.values().flat_map(|link| &link.addresses).any(|net| net.contains(&address))
}

/// Returns the index of a device, which is another one if it was made anew under its name.
pub(super) fn index_of(device: &str, links: &Links) -> Option<LinkIndex> {
    links.iter().find(|(_, link)| link.name == *device).map(|(index, _)| *index)
}

/// Returns the link in whose subnet the router is.
pub(super) fn echo_link(router: IpAddr, links: &Links) -> Option<EchoLink> {
    links.iter().find_map(|(index, link)| {
        let net = link.addresses.iter().find(|net| net.contains(&router))?;
        match net.addr() {
            IpAddr::V4(local) => Some(EchoLink { index: *index, mac: link.mac?, local }),
            IpAddr::V6(_) => None,
        }
    })
}

/// Returns how far echoes work, as the kernel's settings are at this moment; they are read again whenever peers or links change.
///
/// The router's echoes come back to it only where the interface they arrive by forwards IPv4, and to ask for them all the same would
/// take down a path that works.
pub(super) fn echoes(router: IpAddr, vrf: Option<&str>, link: Option<EchoLink>, links: &Links) -> Echoes {
    if router.is_ipv6() {
        return Echoes::Impossible;
    }
    // In a VRF, its device decides instead of the link.
    let device = vrf.or_else(|| Some(links.get(&link?.index)?.name.as_str()));
    if device.is_some_and(forwards) { Echoes::Both } else { Echoes::Ours }
}

/// Returns whether the kernel forwards the IPv4 packets that come in by a device.
fn forwards(device: &str) -> bool {
    let setting = fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{device}/forwarding"));
    setting.is_ok_and(|setting| setting.trim() == "1")
}

#[cfg(test)]
mod tests;
