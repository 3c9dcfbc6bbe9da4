//! What is announced how: advertisements of both protocols, and the peers of BGP.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;

use super::Scope;
use crate::names::{LinkName, NodeName, PeerName, PoolName, ServiceId};
use crate::routes::{Community, Family, LargeCommunity};

/// What a plan needs of an L2Advertisement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L2Advertisement {
    /// The pools it is for; `All` when it names and selects none.
    pub pools: Scope<PoolName>,
    /// The nodes that may announce under it; `All` without node selectors.
    pub nodes: Scope<NodeName>,
    /// The services it is for; `All` without service selectors.
    pub services: Scope<ServiceId>,
    /// It has service selectors, whatever they match: then services that share an IP cannot use it.
    pub has_service_selectors: bool,
    /// The interfaces to announce on, by exact name; `All` when it names none.
    pub interfaces: Scope<LinkName>,
    /// Preference per node, the weights of all matching selectors summed. Nodes outside `nodes` are ignored; absent means 0.
    pub preferences: BTreeMap<NodeName, u32>,
}

/// What a plan needs of a BGPAdvertisement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BgpAdvertisement {
    /// The pools it is for; `All` when it names and selects none.
    pub pools: Scope<PoolName>,
    /// The nodes that announce under it; `All` without node selectors.
    pub nodes: Scope<NodeName>,
    /// The services it is for; `All` without service selectors.
    pub services: Scope<ServiceId>,
    /// The peers to announce to; `All` when it names none.
    pub peers: Scope<PeerName>,
    /// The prefix length of IPv4 announcements, from 0 to 32. Defaults to 32. A prefix that would reach outside the pool is cut.
    pub ipv4_length: u8,
    /// The prefix length of IPv6 announcements, from 0 to 128. Defaults to 128. A prefix that would reach outside the pool is cut.
    pub ipv6_length: u8,
    /// The LOCAL_PREF for internal peers. Absent by default, which leaves it to the router.
    pub local_pref: Option<u32>,
    /// The MULTI_EXIT_DISC. Absent by default.
    pub med: Option<u32>,
    /// How often the own AS number is repeated for external peers. Defaults to 0.
    pub prepend: u8,
    /// The standard communities to attach.
    pub communities: BTreeSet<Community>,
    /// The large communities to attach.
    pub large_communities: BTreeSet<LargeCommunity>,
    /// Bytes per second that an endpoint stands for, so that routers weigh nodes by their endpoints. Absent, the default, they do
    /// not; services with policy Cluster are never weighed, for any node reaches all their endpoints.
    pub bandwidth_per_endpoint: Option<NonZeroU64>,
}

impl Default for BgpAdvertisement {
    fn default() -> Self {
        Self {
            pools: Scope::All,
            nodes: Scope::All,
            services: Scope::All,
            peers: Scope::All,
            ipv4_length: Family::Ipv4.bits(),
            ipv6_length: Family::Ipv6.bits(),
            local_pref: None,
            med: None,
            prepend: 0,
            communities: BTreeSet::new(),
            large_communities: BTreeSet::new(),
            bandwidth_per_endpoint: None,
        }
    }
}

impl BgpAdvertisement {
    /// Returns the prefix length for a family.
    pub fn length(&self, family: Family) -> u8 {
        match family {
            Family::Ipv4 => self.ipv4_length,
            Family::Ipv6 => self.ipv6_length,
        }
    }
}

/// What a plan needs of a BGPPeer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BgpPeer {
    /// The nodes that have a session with it; `All` without node selectors.
    pub nodes: Scope<NodeName>,
    /// The families that the session carries.
    pub families: Scope<Family>,
}
