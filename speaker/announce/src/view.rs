//! The cluster as one node sees it: plain values, already validated and with every selector resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

use crate::names::{AdvertisementName, LinkName, NodeName, PeerName, PoolName, ServiceId, TaintKey};

mod advertisements;

pub use advertisements::{BgpAdvertisement, BgpPeer, L2Advertisement};

/// Everything a plan depends on.
///
/// All fields but `links` describe the cluster and are the same on every node that has seen the same objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The Nodes that exist. A deleted Node is absent.
    pub nodes: BTreeMap<NodeName, Node>,
    /// The accepted pools with their addresses. They do not overlap: of two pools that do, only one may be accepted.
    pub pools: BTreeMap<PoolName, Vec<AddressRange>>,
    /// The accepted L2 advertisements.
    pub l2_advertisements: BTreeMap<AdvertisementName, L2Advertisement>,
    /// The accepted BGP advertisements.
    pub bgp_advertisements: BTreeMap<AdvertisementName, BgpAdvertisement>,
    /// The accepted BGP peers.
    pub bgp_peers: BTreeMap<PeerName, BgpPeer>,
    /// The Services.
    pub services: BTreeMap<ServiceId, Service>,
    /// This node's own network interfaces.
    pub links: BTreeMap<LinkName, Link>,
    /// The cluster-wide settings.
    pub policy: Policy,
}

/// Services of a view, in its order.
pub(crate) type ServiceSlice<'v> = [(&'v ServiceId, &'v Service)];

/// A resolved selector.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Scope<T> {
    /// Nothing was selected on, so everything is meant, also what is created later.
    #[default]
    All,
    /// Exactly these are meant, which may be none.
    Only(BTreeSet<T>),
}

impl<T: Ord> Scope<T> {
    /// Returns whether `item` is meant.
    pub fn contains(&self, item: &T) -> bool {
        match self {
            Self::All => true,
            Self::Only(set) => set.contains(item),
        }
    }
}

/// What a plan needs of a Node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Condition Ready is not False or Unknown. Reported by [`crate::explain`], and never a reason to exclude.
    pub ready: bool,
    /// Condition NetworkUnavailable is True.
    pub network_unavailable: bool,
    /// Label `node.kubernetes.io/exclude-from-external-load-balancers` is present, whatever its value.
    pub exclude_label: bool,
    /// `spec.unschedulable`: the node is cordoned.
    pub unschedulable: bool,
    /// The keys of its taints.
    pub taints: BTreeSet<TaintKey>,
    /// The kubelet says that the machine is shutting down.
    pub shutting_down: bool,
    /// The Node object has a deletion timestamp and waits for finalizers.
    pub deleting: bool,
    /// Somebody asked in so many words that this node be drained of VIPs. Honoured whatever the [`DrainPolicy`].
    pub drain_requested: bool,
}

/// An inclusive range of addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AddressRange {
    /// The lowest address.
    pub first: IpAddr,
    /// The highest address; of the same family and not below `first`, or the range is empty.
    pub last: IpAddr,
}

impl AddressRange {
    /// Returns the range of the prefix that `address` lies in; host bits are masked, and a length above the family's is a host.
    pub fn of_prefix(address: IpAddr, length: u8) -> Self {
        match address {
            IpAddr::V4(v4) => {
                let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
                let bits = u32::from(v4);
                Self { first: Ipv4Addr::from(bits & !host).into(), last: Ipv4Addr::from(bits | host).into() }
            }
            IpAddr::V6(v6) => {
                let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
                let bits = u128::from(v6);
                Self { first: Ipv6Addr::from(bits & !host).into(), last: Ipv6Addr::from(bits | host).into() }
            }
        }
    }

    /// Returns whether `address` lies in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4() && self.first <= address && address <= self.last
    }

    /// Returns whether some address lies in both ranges.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.first.is_ipv4() == other.first.is_ipv4() && self.first <= other.last && other.first <= self.last
    }
}

/// Orders services by age: seconds since 1970 of the creation timestamp, older is smaller. Ties are broken by [`ServiceId`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Created(pub i64);

/// What a plan needs of a Service and its EndpointSlices.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its age.
    pub created: Created,
    /// Whether it is this program's to serve.
    pub kind: ServiceKind,
    /// The IPs in its status that lie in a pool.
    pub vips: BTreeSet<IpAddr>,
    /// Those of them whose pool is not for this service. Whoever may write its status put them there, so they are not announced.
    pub not_admitted: BTreeSet<IpAddr>,
    /// The allow-shared-ip annotation is present, even if empty.
    pub allow_shared_ip: bool,
    /// `spec.externalTrafficPolicy`.
    pub traffic_policy: TrafficPolicy,
    /// The endpoints of all its slices, in any order, duplicates included.
    pub endpoints: Vec<Endpoint>,
    /// What is not known of it. What is known counts all the same.
    pub gaps: BTreeSet<Gap>,
}

/// Something that is not known of a Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Gap {
    /// Its present version cannot be read, so it counts as it was last read.
    #[error("the Service cannot be read: {reason}; it counts as it was last read, so correct the object")]
    Service {
        /// The field and what is wrong with it.
        reason: String,
    },
    /// An EndpointSlice of it cannot be read, so that it has none of the endpoints in there.
    #[error("EndpointSlice {slice} cannot be read: {reason}; it counts as empty, so correct the object")]
    Slice {
        /// The name of the slice, in the namespace of the Service.
        slice: String,
        /// The field and what is wrong with it.
        reason: String,
    },
    /// There is no room for all of its EndpointSlices.
    #[error("{reason}")]
    Crowded {
        /// Which limit was reached where, and what to do.
        reason: String,
    },
}

impl Gap {
    /// Returns whether there may be endpoints that nobody knows of.
    pub fn hides_endpoints(&self) -> bool {
        match self {
            Self::Service { .. } => false,
            Self::Slice { .. } | Self::Crowded { .. } => true,
        }
    }
}

/// Whether a Service is this program's to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceKind {
    /// Type LoadBalancer, and of the class that this program serves.
    Ours,
    /// Type LoadBalancer of another class.
    OtherClass {
        /// `spec.loadBalancerClass`, none when unset.
        class: Option<String>,
    },
    /// Another type.
    NotLoadBalancer,
    /// Nobody knows: it never could be read.
    Unreadable {
        /// The field and what is wrong with it.
        reason: String,
    },
}

/// Where a node may send traffic of a VIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrafficPolicy {
    /// To any endpoint in the cluster.
    Cluster,
    /// To endpoints on the same node only, so only such nodes may announce.
    Local,
}

/// One endpoint with its conditions as the slice gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The node it runs on, if the slice says so. A clone of the key in [`View::nodes`] costs neither memory nor a slow comparison.
    pub node: Option<NodeName>,
    /// Condition `ready`; unset means yes.
    pub ready: Option<bool>,
    /// Condition `serving`; unset leaves the decision to `ready`.
    pub serving: Option<bool>,
    /// Condition `terminating`. Has no say: a terminating endpoint that still serves is what keeps the last node announcing.
    pub terminating: Option<bool>,
}

impl Endpoint {
    /// Returns whether traffic may be sent to the endpoint.
    ///
    /// KEP-1669: `serving` ignores termination, and the proxies use serving and terminating endpoints once no ready one is left.
    pub fn can_serve(&self) -> bool {
        let Self { node: _, ready, serving, terminating: _ } = self;
        ready.unwrap_or(true) || *serving == Some(true)
    }
}

/// The index of a network interface in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkIndex(pub u32);

/// What a plan needs of one of this node's network interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its index; of several links in one subnet the lowest is used.
    pub index: LinkIndex,
    /// The prefixes of its addresses. Link-local ones are ignored.
    pub connected: Vec<AddressRange>,
    /// The prefixes of addresses that it had before, where it leads as far as anybody knows: many programs take the addresses off a
    /// link that loses its carrier. They count where no link is in the subnet of a VIP.
    pub formerly_connected: Vec<AddressRange>,
    /// Whether it can carry frames at this moment.
    pub state: LinkState,
    /// Why it is left out unless an advertisement names it, if it is.
    pub excluded: Option<LinkExclusion>,
}

/// Whether a link can carry frames at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Administratively up and with carrier.
    Up,
    /// Administratively down.
    Down,
    /// Up without carrier.
    NoCarrier,
}

/// Why a link is not used by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkExclusion {
    /// Its name matches the exclusion pattern. An advertisement that names the link overrides this.
    Pattern,
    /// It is of a virtual kind that never leads to a LAN. An advertisement that names the link overrides this.
    Kind,
    /// It is a port of a bond, bridge or VRF, whose master receives the frames. Nothing overrides this.
    Enslaved,
    /// It does not do address resolution (flag NOARP). Nothing overrides this.
    NoArp,
}

/// The cluster-wide settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Nodes with the exclude label are candidates all the same. Defaults to false.
    pub ignore_exclude_label: bool,
    /// What makes a node hand over its VIPs.
    pub drain: DrainPolicy,
}

/// What makes a node hand over its VIPs. By default nothing does, as cordoning every node of a cluster is common practice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrainPolicy {
    /// A cordon does. Defaults to false.
    pub cordoned: bool,
    /// A taint with one of these keys does. Defaults to none.
    pub taints: BTreeSet<TaintKey>,
    /// A shutdown announced by the kubelet does. Defaults to false.
    pub shutting_down: bool,
    /// A pending deletion of the Node object does. Defaults to false.
    pub deleting: bool,
}
