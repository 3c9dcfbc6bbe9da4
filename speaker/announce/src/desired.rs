//! What a plan says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use thiserror::Error;

use crate::exclusion::DrainTrigger;
use crate::names::{AdvertisementName, LinkName, NodeName, PeerName, ServiceId};
use crate::routes::{Prefix, RouteTable};
use crate::verdict::{NotAnnounced, joined};
use crate::view::Gap;

/// What this node should be ready to announce, and why it may not announce the rest.
///
/// A copy shares what it says of single VIPs, services and peers with the original.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// Every VIP that some node may announce by ARP or NDP. Candidates are never empty.
    pub l2: BTreeMap<IpAddr, Arc<L2Vip>>,
    /// This node's links that take part in the elections of their wires, with or without a VIP at present.
    pub links: BTreeSet<LinkName>,
    /// What each peer that this node has a session with is told, which may be nothing. Peers that the same advertisements are for
    /// share one table.
    pub routes: BTreeMap<PeerName, Arc<RouteTable>>,
    /// The prefixes that may leave this node, and everything inside them: the addresses of all pools, in order.
    pub export: Vec<Prefix>,
    /// What this node may do for each service.
    pub services: BTreeMap<ServiceId, Arc<Verdict>>,
    /// What a person should look at.
    pub warnings: BTreeSet<Warning>,
}

/// One VIP on layer 2.
#[derive(Clone, Debug, PartialEq)]
pub struct L2Vip {
    /// The services announced with it, oldest first. The oldest decides preference and interfaces, and every candidate can serve
    /// them all; a younger service for which that leaves no node is refused, so that sharing an IP never silences its holder.
    pub services: Vec<ServiceId>,
    /// On which of this node's links it is announced, and why on these.
    pub links: Links,
    /// The nodes that may own it, and how they stand. Equal on every node; equal sets are one allocation.
    pub candidates: Arc<BTreeMap<NodeName, Standing>>,
    /// What this node is to it.
    pub mine: Mine,
    /// A stable key for spreading VIPs over nodes: equal for VIPs of one service, so that they tend to one node.
    pub group: u64,
}

/// How a candidate stands among the others; a greater one goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It drains, and serves only where no other candidate lives: draining must never silence a VIP.
    LastResort,
    /// The sum of the preferences that select it.
    Preference(u32),
}

/// What this node is to a VIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mine {
    /// A candidate.
    Eligible,
    /// Able to serve it, and asked to hand over: it keeps what it owns until a candidate that does not drain has taken over.
    Draining(DrainTrigger),
    /// Must not announce it.
    Ineligible(NotAnnounced),
}

/// Links of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// Their names; empty exactly when the node is ineligible. Equal sets are one allocation.
    pub names: Arc<BTreeSet<LinkName>>,
    /// Why these.
    pub choice: LinkChoice,
}

/// Why a VIP is announced on certain links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkChoice {
    /// On none, as the node is ineligible.
    Nowhere,
    /// The advertisements name them.
    Named,
    /// The VIP lies in a subnet connected to them.
    Connected,
    /// The VIP lies in no connected subnet, so they are all links that are not excluded.
    Fallback,
}

/// What this node may do for a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// By ARP and NDP.
    pub l2: L2Verdict,
    /// By BGP.
    pub bgp: BgpVerdict,
}

/// What this node may do for a service by ARP and NDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct L2Verdict {
    /// Ok when it may announce at least one VIP of the service; otherwise the first reason.
    pub mine: Result<(), NotAnnounced>,
    /// The VIPs it may not announce, in address order, each with its reason.
    pub refused: Vec<(IpAddr, NotAnnounced)>,
}

/// What this node may do for a service by BGP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BgpVerdict {
    /// Eligible while a VIP of the service is announced and stays, Draining while all that are announced leave; otherwise the first
    /// reason.
    pub mine: Mine,
    /// The peers that are told of a VIP of the service. Equal sets are one allocation.
    pub peers: Arc<BTreeSet<PeerName>>,
    /// The VIPs it may not announce, in address order, each with its reason.
    pub refused: Vec<(IpAddr, NotAnnounced)>,
}

impl Verdict {
    /// Returns why this node does not announce the service by either protocol, if so.
    ///
    /// A protocol that the pool has no advertisement for has no say, unless the other one has none either.
    pub fn why(&self) -> Option<&NotAnnounced> {
        let (Err(l2), Mine::Ineligible(bgp)) = (&self.l2.mine, &self.bgp.mine) else { return None };
        Some(if l2.is_of_the_other_protocol() { bgp } else { l2 })
    }
}

/// Something that works worse than intended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Warning {
    /// A service of ours with an IP is announced by no node.
    #[error("announced by no node: {0}")]
    Silent(NotAnnounced),
    /// A service of ours is decided on less than all there is to know.
    #[error("service {service}: {gap}")]
    Incomplete {
        /// The service.
        service: ServiceId,
        /// What is not known.
        gap: Gap,
    },
    /// The drain of every candidate was asked for.
    #[error(
        "every node that can announce {vip} drains or, for BGP, is NotReady, so none gives it up; end the drain of one"
    )]
    EveryCandidateDrains {
        /// The VIP.
        vip: IpAddr,
    },
    /// The VIP lies in no subnet of this node.
    #[error("{vip} lies in no subnet connected to node {node}, so it is announced on {}; name the interfaces in the L2Advertisement", joined(.links))]
    NotConnected {
        /// The VIP.
        vip: IpAddr,
        /// This node.
        node: NodeName,
        /// The links used.
        links: Arc<BTreeSet<LinkName>>,
    },
    /// An advertisement that selects this node names interfaces, and none of them exists here.
    #[error("L2Advertisement {advertisement} names {}, which node {node} does not have; correct the names or its nodeSelectors", joined(.interfaces))]
    InterfacesAbsent {
        /// The advertisement.
        advertisement: AdvertisementName,
        /// This node.
        node: NodeName,
        /// The interfaces it names.
        interfaces: BTreeSet<LinkName>,
    },
    /// Two links are in one subnet: announcing on both would give a VIP two MAC addresses.
    #[error(
        "{unused} and {used} of node {node} are in one subnet, so VIPs are announced on {used} only; name the interface in the L2Advertisement to choose"
    )]
    SameSubnet {
        /// This node.
        node: NodeName,
        /// The link that is used.
        used: LinkName,
        /// The link that is not.
        unused: LinkName,
    },
}

impl Warning {
    /// Returns the token for conditions, events, metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Silent(why) => why.reason(),
            Self::Incomplete { gap: Gap::Service { .. }, .. } => "unreadable",
            Self::Incomplete { gap: Gap::Slice { .. } | Gap::Crowded { .. }, .. } => "endpointsUnknown",
            Self::EveryCandidateDrains { .. } => "everyCandidateDrains",
            Self::NotConnected { .. } => "vipNotConnected",
            Self::InterfacesAbsent { .. } => "interfacesAbsent",
            Self::SameSubnet { .. } => "sameSubnet",
        }
    }
}
