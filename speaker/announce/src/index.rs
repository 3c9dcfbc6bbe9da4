//! A view arranged for look-ups: nodes by number, pools by address, advertisements by pool and service.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::hash::hash;
use crate::names::{AdvertisementName, NodeName, PoolName, ServiceId};
use crate::verdict::{DrainTrigger, Exclusion};
use crate::view::{AddressRange, DrainPolicy, L2Advertisement, Node, Scope, View};

/// The position of a node in [`Index::nodes`], hence in name order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) usize);

/// The position of an advertisement in [`Index::advertisements`], hence in name order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AdvertisementId(pub(crate) usize);

pub(crate) struct NodeFacts<'v> {
    pub(crate) name: &'v NodeName,
    pub(crate) ready: bool,
    /// Why it is no candidate for anything.
    pub(crate) barred: Option<Exclusion>,
    pub(crate) drain: Option<DrainTrigger>,
}

pub(crate) struct Index<'v> {
    pub(crate) nodes: Vec<NodeFacts<'v>>,
    pub(crate) advertisements: Vec<(&'v AdvertisementName, &'v L2Advertisement)>,
    ids: NodeIds,
    /// Ordered by first address.
    ranges: Vec<(AddressRange, &'v PoolName)>,
    advertised: BTreeSet<&'v PoolName>,
    /// The advertisements of a pool that are for every service.
    open: BTreeMap<&'v PoolName, Vec<AdvertisementId>>,
    /// The advertisements that are for this service and not for all.
    restricted: BTreeMap<&'v ServiceId, Vec<AdvertisementId>>,
}

/// The nodes by a hash of their name.
///
/// A plan looks up every endpoint of every service with policy Local, hundreds of thousands of names that begin alike, which takes
/// an ordered map several times as long.
struct NodeIds {
    buckets: Vec<Vec<NodeId>>,
}

impl NodeIds {
    fn new<'a>(names: impl ExactSizeIterator<Item = &'a NodeName>) -> Self {
        let mut ids = Self { buckets: vec![Vec::new(); (2 * names.len()).next_power_of_two()] };
        for (id, name) in names.enumerate() {
            let slot = ids.slot(name);
            ids.buckets[slot].push(NodeId(id));
        }
        ids
    }

    fn bucket(&self, name: &NodeName) -> &[NodeId] {
        &self.buckets[self.slot(name)]
    }

    fn slot(&self, name: &NodeName) -> usize {
        // The number of buckets is a power of two, so its predecessor is the mask of the valid slots.
        hash(name.0.as_bytes()) as usize & (self.buckets.len() - 1)
    }
}

impl<'v> Index<'v> {
    pub(crate) fn new(view: &'v View) -> Self {
        let View {
            nodes,
            pools,
            l2_advertisements,
            bgp_advertisements: _,
            bgp_peers: _,
            services: _,
            links: _,
            policy,
        } = view;
        let mut ranges: Vec<_> =
            pools.iter().flat_map(|(pool, ranges)| ranges.iter().map(move |range| (*range, pool))).collect();
        ranges.sort_unstable();
        let mut index = Self {
            nodes: nodes
                .iter()
                .map(|(name, node)| NodeFacts {
                    name,
                    ready: node.ready,
                    barred: barred(node, policy.ignore_exclude_label),
                    drain: drain(node, &policy.drain),
                })
                .collect(),
            advertisements: l2_advertisements.iter().collect(),
            ids: NodeIds::new(nodes.keys()),
            ranges,
            advertised: BTreeSet::new(),
            open: BTreeMap::new(),
            restricted: BTreeMap::new(),
        };
        for (id, advertisement) in l2_advertisements.values().enumerate() {
            index.add(AdvertisementId(id), advertisement, pools.keys());
        }
        index
    }

    fn add(
        &mut self,
        id: AdvertisementId,
        advertisement: &'v L2Advertisement,
        pools: impl Iterator<Item = &'v PoolName>,
    ) {
        let pools: Vec<_> = pools.filter(|pool| advertisement.pools.contains(pool)).collect();
        self.advertised.extend(&pools);
        match &advertisement.services {
            Scope::All => pools.into_iter().for_each(|pool| self.open.entry(pool).or_default().push(id)),
            Scope::Only(services) => {
                services.iter().for_each(|service| self.restricted.entry(service).or_default().push(id))
            }
        }
    }

    pub(crate) fn node(&self, name: &NodeName) -> Option<NodeId> {
        self.ids.bucket(name).iter().copied().find(|id| self.nodes[id.0].name == name)
    }

    pub(crate) fn facts(&self, node: NodeId) -> &NodeFacts<'v> {
        &self.nodes[node.0]
    }

    pub(crate) fn pool_of(&self, vip: IpAddr) -> Option<&'v PoolName> {
        let after = self.ranges.partition_point(|(range, _)| range.first <= vip);
        let (range, pool) = self.ranges[..after].last()?;
        range.contains(vip).then_some(*pool)
    }

    /// Returns whether any advertisement is for the pool, whatever its services.
    pub(crate) fn is_advertised(&self, pool: &PoolName) -> bool {
        self.advertised.contains(pool)
    }

    /// Returns the advertisements for this service and pool, in name order.
    pub(crate) fn matching(&self, service: &ServiceId, pool: &PoolName) -> Vec<AdvertisementId> {
        let mut matching = self.open.get(pool).cloned().unwrap_or_default();
        let restricted = self.restricted.get(service).map_or(&[][..], Vec::as_slice);
        matching.extend(restricted.iter().filter(|id| self.advertisements[id.0].1.pools.contains(pool)));
        matching.sort_unstable();
        matching
    }
}

fn barred(node: &Node, ignore_exclude_label: bool) -> Option<Exclusion> {
    if node.network_unavailable {
        Some(Exclusion::NetworkUnavailable)
    } else if node.exclude_label && !ignore_exclude_label {
        Some(Exclusion::ExcludeLabel)
    } else {
        None
    }
}

fn drain(node: &Node, policy: &DrainPolicy) -> Option<DrainTrigger> {
    let DrainPolicy { cordoned, taints, shutting_down, deleting } = policy;
    if node.drain_requested {
        Some(DrainTrigger::Requested)
    } else if *shutting_down && node.shutting_down {
        Some(DrainTrigger::ShuttingDown)
    } else if *deleting && node.deleting {
        Some(DrainTrigger::Deleting)
    } else if let Some(taint) = node.taints.intersection(taints).next() {
        Some(DrainTrigger::Taint(taint.clone()))
    } else if *cordoned && node.unschedulable {
        Some(DrainTrigger::Cordoned)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
