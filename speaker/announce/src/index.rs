//! A view arranged for look-ups: nodes by number, pools by address, advertisements by pool and service.

use std::net::IpAddr;

use crate::coverage::Coverage;
use crate::exclusion::{DrainTrigger, Exclusion};
use crate::hash::hash;
use crate::names::{AdvertisementName, NodeName, PoolName, Protocol};
use crate::view::{AddressRange, DrainPolicy, L2Advertisement, Node, ServiceSlice, View};

/// The position of a node in [`Index::nodes`], hence in name order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) usize);

pub(crate) struct NodeFacts<'v> {
    pub(crate) name: &'v NodeName,
    pub(crate) ready: bool,
    /// Why it is no candidate for anything.
    pub(crate) barred: Option<Exclusion>,
    pub(crate) drain: Option<DrainTrigger>,
}

pub(crate) struct Index<'v> {
    pub(crate) nodes: Vec<NodeFacts<'v>>,
    /// The L2 advertisements, by [`AdvertisementId`](crate::coverage::AdvertisementId).
    pub(crate) advertisements: Vec<(&'v AdvertisementName, &'v L2Advertisement)>,
    ids: NodeIds,
    /// Ordered by first address.
    ranges: Vec<(AddressRange, &'v PoolName)>,
    l2: Coverage<'v>,
    bgp: Coverage<'v>,
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
    /// Arranges the view for the services of `part`.
    pub(crate) fn new(view: &'v View, part: &ServiceSlice<'v>) -> Self {
        let View { nodes, pools, l2_advertisements, bgp_advertisements, bgp_peers: _, services: _, links: _, policy } =
            view;
        let mut ranges: Vec<_> =
            pools.iter().flat_map(|(pool, ranges)| ranges.iter().map(move |range| (*range, pool))).collect();
        ranges.sort_unstable();
        Self {
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
            l2: Coverage::new(part, pools.keys(), l2_advertisements.values().map(|it| (&it.pools, &it.services))),
            bgp: Coverage::new(part, pools.keys(), bgp_advertisements.values().map(|it| (&it.pools, &it.services))),
        }
    }

    pub(crate) fn node(&self, name: &NodeName) -> Option<NodeId> {
        self.ids.bucket(name).iter().copied().find(|id| self.nodes[id.0].name == name)
    }

    pub(crate) fn facts(&self, node: NodeId) -> &NodeFacts<'v> {
        &self.nodes[node.0]
    }

    /// Returns the pool that `vip` lies in, and in which part of it.
    pub(crate) fn pool_of(&self, vip: IpAddr) -> Option<(AddressRange, &'v PoolName)> {
        let after = self.ranges.partition_point(|(range, _)| range.first <= vip);
        let (range, pool) = self.ranges[..after].last()?;
        range.contains(vip).then_some((*range, *pool))
    }

    pub(crate) fn coverage(&self, protocol: Protocol) -> &Coverage<'v> {
        match protocol {
            Protocol::L2 => &self.l2,
            Protocol::Bgp => &self.bgp,
        }
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
