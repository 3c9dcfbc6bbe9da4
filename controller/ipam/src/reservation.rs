use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::pool::Pool;
use crate::request::Policy;

/// Says why an address is not handed out although a pool contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// A node or a gateway has it.
    Node,
    /// It is the first address of an IPv6 subnet, which all routers of the subnet answer for (RFC 4291 §2.6.1).
    SubnetRouterAnycast,
    /// It is the network address of an IPv4 subnet that nodes are on (RFC 1122 §3.2.1.3).
    Network(IpNet),
    /// It is the broadcast address of an IPv4 subnet that nodes are on (RFC 1122 §3.2.1.3).
    Broadcast(IpNet),
    /// It is of a kind that no host can have.
    Excluded,
}

/// Returns the single addresses that are reserved, of all pools and of the whole cluster.
pub(crate) fn reservations(pools: &[&Pool], policy: &Policy) -> BTreeMap<IpAddr, Reservation> {
    let anycast =
        pools.iter().flat_map(|pool| &pool.anycast).map(|address| (*address, Reservation::SubnetRouterAnycast));
    let edges = policy.subnets.iter().flat_map(edges);
    let nodes = policy.reserved.iter().map(|address| (address.to_canonical(), Reservation::Node));
    anycast.chain(edges).chain(nodes).collect()
}

/// Returns the addresses of a subnet that are no host's; on links between two there are none (RFC 3021, RFC 6164).
fn edges(subnet: &IpNet) -> Vec<(IpAddr, Reservation)> {
    let subnet = subnet.trunc();
    match subnet {
        IpNet::V4(net) if net.prefix_len() < 31 => {
            vec![(subnet.network(), Reservation::Network(subnet)), (subnet.broadcast(), Reservation::Broadcast(subnet))]
        }
        IpNet::V6(net) if net.prefix_len() < 127 => vec![(subnet.network(), Reservation::SubnetRouterAnycast)],
        IpNet::V4(_) | IpNet::V6(_) => Vec::new(),
    }
}

impl fmt::Display for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node => f.write_str("it is reserved, as the addresses of nodes are"),
            Self::SubnetRouterAnycast => f.write_str(
                "it is the first address of an IPv6 subnet, which every router there answers for (RFC 4291 §2.6.1)",
            ),
            Self::Network(subnet) => write!(f, "it is the network address of {subnet}, which nodes are on"),
            Self::Broadcast(subnet) => write!(f, "it is the broadcast address of {subnet}, which nodes are on"),
            Self::Excluded => f.write_str("no host can have an address of its kind"),
        }
    }
}
