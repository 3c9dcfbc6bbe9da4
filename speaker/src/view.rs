//! From checked configuration and Kubernetes objects to the values that [`announce`] decides on.
//!
//! Label selectors are evaluated here and nowhere after.

use std::collections::{BTreeMap, BTreeSet};

use announce::{
    AddressRange, AdvertisementName, BgpAdvertisement, BgpPeer, Community, Family, L2Advertisement, LargeCommunity,
    Link, LinkExclusion, LinkIndex, LinkName, LinkState, Node, NodeName, PeerName, Policy, PoolName, Scope, ServiceId,
    TaintKey, View,
};
use crds::checked::{CommunityValue, Router};
use crds::selector::Selector;
use crds::{checked, core};
use ipnet::IpNet;

use crate::exclusion::Exclusion;
use crate::net::links::{self, Links};
pub use services::{Services, put, remove};
pub(crate) use services::{allows_shared_ip, created, kind, traffic_policy};

mod services;

/// Label that keeps a node from announcing.
const EXCLUDE_LABEL: &str = "node.kubernetes.io/exclude-from-external-load-balancers";
/// Annotation on a Node by which somebody asks that it hand over its VIPs.
const DRAIN_ANNOTATION: &str = "metallb.io/drain";
/// What the kubelet says in the Ready condition while the machine shuts down.
const SHUTTING_DOWN: &str = "node is shutting down";

/// Everything a view is made of but Services, which are put in one by one.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The configuration that takes effect.
    pub config: &'a checked::Config,
    /// All Nodes.
    pub nodes: &'a [&'a core::Node],
    /// The cluster-wide settings.
    pub policy: &'a Policy,
    /// This node's links.
    pub links: &'a Links,
    /// Links that are left out unless named.
    pub exclusion: &'a Exclusion,
}

impl Inputs<'_> {
    /// Builds the view, without any Service.
    pub fn view(&self) -> View {
        let l2_advertisements = self.l2_advertisements();
        View {
            nodes: self.nodes.iter().map(|node| (name_of(node), facts_of(node))).collect(),
            pools: self.config.pools.values().map(|pool| (pool.name.as_str().into(), ranges_of(pool))).collect(),
            links: links(self.links, self.exclusion, &l2_advertisements),
            l2_advertisements,
            bgp_advertisements: self.bgp_advertisements(),
            bgp_peers: self.bgp_peers(),
            services: BTreeMap::new(),
            policy: self.policy.clone(),
        }
    }

    fn l2_advertisements(&self) -> BTreeMap<AdvertisementName, L2Advertisement> {
        let convert = |advertisement: &checked::L2Advertisement| {
            let checked::L2Advertisement { name, pools, node_selectors, interfaces, service_selectors, preferences } =
                advertisement;
            let mut weights: BTreeMap<NodeName, u32> = BTreeMap::new();
            for preference in preferences {
                for node in self.nodes.iter().filter(|node| preference.nodes.matches(&node.metadata.labels)) {
                    *weights.entry(name_of(node)).or_default() += u32::from(preference.weight);
                }
            }
            let converted = L2Advertisement {
                pools: Scope::Only(pools.iter().map(|pool| PoolName::from(pool.as_str())).collect()),
                nodes: self.nodes_of(node_selectors),
                services: self.services_of(service_selectors),
                has_service_selectors: !service_selectors.is_empty(),
                interfaces: match interfaces.is_empty() {
                    true => Scope::All,
                    false => Scope::Only(interfaces.iter().map(|name| LinkName::from(name.as_str())).collect()),
                },
                preferences: weights,
            };
            (AdvertisementName::from(name.as_str()), converted)
        };
        self.config.l2_advertisements.values().map(convert).collect()
    }

    fn bgp_advertisements(&self) -> BTreeMap<AdvertisementName, BgpAdvertisement> {
        let convert = |advertisement: &checked::BgpAdvertisement| {
            let checked::BgpAdvertisement {
                name,
                pools,
                aggregation_length,
                aggregation_length_v6,
                local_pref,
                med,
                prepend,
                bandwidth_per_endpoint,
                communities,
                node_selectors,
                peers,
                service_selectors,
            } = advertisement;
            let (standard, large) = split(communities);
            let converted = BgpAdvertisement {
                pools: Scope::Only(pools.iter().map(|pool| PoolName::from(pool.as_str())).collect()),
                nodes: self.nodes_of(node_selectors),
                services: self.services_of(service_selectors),
                peers: Scope::Only(peers.iter().map(|peer| PeerName::from(peer.as_str())).collect()),
                ipv4_length: *aggregation_length,
                ipv6_length: *aggregation_length_v6,
                local_pref: *local_pref,
                med: *med,
                prepend: *prepend,
                communities: standard,
                large_communities: large,
                bandwidth_per_endpoint: *bandwidth_per_endpoint,
            };
            (AdvertisementName::from(name.as_str()), converted)
        };
        self.config.bgp_advertisements.values().map(convert).collect()
    }

    fn bgp_peers(&self) -> BTreeMap<PeerName, BgpPeer> {
        let convert = |peer: &checked::Peer| {
            let converted = BgpPeer { nodes: self.nodes_of(&peer.node_selectors), families: families_of(peer) };
            (PeerName::from(peer.name.as_str()), converted)
        };
        self.config.peers.values().map(convert).collect()
    }

    fn nodes_of(&self, selectors: &[Selector]) -> Scope<NodeName> {
        scope(selectors, self.nodes.iter().map(|node| (name_of(node), &node.metadata.labels)))
    }

    /// Returns the scope of Services for these selectors, with no Service in it yet.
    fn services_of(&self, selectors: &[Selector]) -> Scope<ServiceId> {
        scope(selectors, std::iter::empty())
    }
}

/// Returns this node's links as a plan sees them.
///
/// One that is excluded and that nobody names decides nothing. It is left out, for every pod that starts or ends brings one.
pub fn links(
    links: &Links,
    exclusion: &Exclusion,
    advertisements: &BTreeMap<AdvertisementName, L2Advertisement>,
) -> BTreeMap<LinkName, Link> {
    let is_named = |name: &LinkName| {
        advertisements.values().any(|it| matches!(&it.interfaces, Scope::Only(names) if names.contains(name)))
    };
    let links = links.iter().map(|(index, link)| link_of(*index, link, exclusion));
    links.filter(|(name, link)| link.excluded.is_none() || is_named(name)).collect()
}

fn link_of(index: links::LinkIndex, link: &links::Link, exclusion: &Exclusion) -> (LinkName, Link) {
    let excluded = if link.enslaved {
        Some(LinkExclusion::Enslaved)
    } else if !link.resolves || link.mac.is_none() {
        Some(LinkExclusion::NoArp)
    } else if exclusion.matches(&link.name) {
        Some(LinkExclusion::Pattern)
    } else {
        None
    };
    let ranges =
        |nets: &BTreeSet<IpNet>| nets.iter().map(|net| AddressRange::of_prefix(net.addr(), net.prefix_len())).collect();
    let converted = Link {
        index: LinkIndex(index.0),
        connected: ranges(&link.addresses),
        formerly_connected: ranges(&link.former_subnets),
        state: if link.running { LinkState::Up } else { LinkState::NoCarrier },
        excluded,
    };
    (LinkName::from(link.name.as_str()), converted)
}

fn scope<'a, T: Ord>(
    selectors: &[Selector],
    objects: impl Iterator<Item = (T, &'a BTreeMap<String, String>)>,
) -> Scope<T> {
    if selectors.is_empty() {
        return Scope::All;
    }
    let matches = |labels| selectors.iter().any(|selector| selector.matches(labels));
    Scope::Only(objects.filter(|(_, labels)| matches(labels)).map(|(object, _)| object).collect())
}

fn split(communities: &BTreeSet<CommunityValue>) -> (BTreeSet<Community>, BTreeSet<LargeCommunity>) {
    let (mut standard, mut large) = (BTreeSet::new(), BTreeSet::new());
    for community in communities {
        match *community {
            CommunityValue::Standard(asn, value) => drop(standard.insert(Community::new(asn, value))),
            CommunityValue::Large(global, local_1, local_2) => {
                large.insert(LargeCommunity { global, local_1, local_2 });
            }
        }
    }
    (standard, large)
}

/// Returns the families that a session carries: that of the router's address, or both where that was asked for.
///
/// An unnumbered session runs over IPv6 link-local addresses and carries both.
fn families_of(peer: &checked::Peer) -> Scope<Family> {
    match &peer.router {
        Router::Address(address) if !peer.dual_stack => Scope::Only([Family::of(*address)].into()),
        Router::Prefix(network) if !peer.dual_stack => Scope::Only([Family::of(network.addr())].into()),
        Router::Address(_) | Router::Prefix(_) | Router::Interface(_) => Scope::All,
    }
}

fn ranges_of(pool: &checked::Pool) -> Vec<AddressRange> {
    pool.ranges.iter().map(|range| AddressRange { first: range.first(), last: range.last() }).collect()
}

fn name_of(node: &core::Node) -> NodeName {
    NodeName::from(node.metadata.name.as_str())
}

/// Says whether a Node is not known to be down; one without conditions was written by hand.
pub fn is_ready(node: &core::Node) -> bool {
    let ready = node.status.conditions.iter().find(|condition| condition.kind == "Ready");
    ready.is_none_or(|condition| condition.status == core::ConditionStatus::True)
}

fn facts_of(node: &core::Node) -> Node {
    let core::Node { metadata, spec, status } = node;
    let condition = |kind: &str| status.conditions.iter().find(|condition| condition.kind == kind);
    let ready = condition("Ready");
    Node {
        ready: is_ready(node),
        network_unavailable: condition("NetworkUnavailable")
            .is_some_and(|condition| condition.status == core::ConditionStatus::True),
        exclude_label: metadata.labels.contains_key(EXCLUDE_LABEL),
        unschedulable: spec.unschedulable,
        taints: spec.taints.iter().map(|taint| TaintKey::from(taint.key.as_str())).collect::<BTreeSet<_>>(),
        shutting_down: ready.is_some_and(|condition| condition.message.contains(SHUTTING_DOWN)),
        deleting: metadata.deletion_timestamp.is_some(),
        drain_requested: metadata.annotations.get(DRAIN_ANNOTATION).is_some_and(|value| value != "false"),
    }
}

#[cfg(test)]
mod tests;
