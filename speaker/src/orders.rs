//! From what the node should announce to what the wire thread does on each link.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::Arc;

use announce::{Desired, LinkName, Mine, Standing};
use members::{Candidacy, KeyRing};

use crate::drivers::wire::{self, LinkDesired};
use crate::net::links::{Link, Links};

/// The node-wide part of the orders.
#[derive(Debug, Clone)]
pub struct NodeOrders {
    /// Keys of the heartbeats, if there are any.
    pub keys: Option<KeyRing>,
    /// Everything is listed and the datapath can forward.
    pub ready: bool,
    /// The addresses of all nodes if heartbeats are to go there, for networks that filter multicast.
    pub unicast: Option<Vec<IpAddr>>,
}

/// Returns what the wire thread should do.
///
/// A link takes part while the plan could ever use it, so that its speaker is known and listening before the first VIP comes.
pub fn orders(desired: &Desired, links: &Links, node: NodeOrders) -> wire::Desired {
    let mut candidates = Interned::default();
    let mut orders = BTreeMap::new();
    for (index, link) in links {
        let (Some(mac), true) = (link.mac, link.resolves && !link.enslaved) else { continue };
        let name = LinkName::from(link.name.as_str());
        if !desired.links.contains(&name) {
            continue;
        }
        let vips = vips_of(desired, &name, &mut candidates);
        let orders_of_link = LinkDesired {
            name: link.name.clone(),
            mac,
            running: link.running,
            addresses: fingerprint(link),
            unicast: node.unicast.as_deref().map(|nodes| on_link(nodes, link)),
            vips: Arc::new(vips),
        };
        orders.insert(*index, Arc::new(orders_of_link));
    }
    wire::Desired { links: orders, keys: node.keys, ready: node.ready, leave: false }
}

/// Returns the addresses that lie in the link's subnets and are not its own.
fn on_link(nodes: &[IpAddr], link: &Link) -> Vec<IpAddr> {
    let reached = |node: &&IpAddr| {
        link.addresses.iter().any(|net| net.contains(*node)) && link.addresses.iter().all(|net| net.addr() != **node)
    };
    nodes.iter().filter(reached).copied().collect()
}

fn vips_of(desired: &Desired, link: &LinkName, candidates: &mut Interned) -> BTreeMap<IpAddr, Candidacy> {
    let mut vips = BTreeMap::new();
    for (vip, l2) in &desired.l2 {
        let mine = match &l2.mine {
            Mine::Eligible if l2.links.names.contains(link) => members::Mine::Eligible,
            Mine::Draining(_) if l2.links.names.contains(link) => members::Mine::Draining,
            // Not announced from here, or no longer: whoever can takes over before this node falls silent.
            Mine::Eligible | Mine::Draining(_) | Mine::Ineligible(_) => members::Mine::Ineligible,
        };
        vips.insert(*vip, Candidacy { nodes: candidates.get(&l2.candidates), mine, group: l2.group });
    }
    vips
}

/// Converts each set of candidates once: 10,000 VIPs share a few of them.
#[derive(Default)]
struct Interned(BTreeMap<*const BTreeMap<announce::NodeName, Standing>, Arc<BTreeMap<members::NodeName, u32>>>);

impl Interned {
    fn get(&mut self, nodes: &Arc<BTreeMap<announce::NodeName, Standing>>) -> Arc<BTreeMap<members::NodeName, u32>> {
        let score = |standing: &Standing| match standing {
            Standing::LastResort => 0,
            Standing::Preference(preference) => preference.saturating_add(1),
        };
        let convert = || {
            // A name that Kubernetes accepts always fits; another one belongs to no speaker.
            let scored = |(name, standing): (&announce::NodeName, &Standing)| {
                Some((members::NodeName::new(&name.0).ok()?, score(standing)))
            };
            Arc::new(nodes.iter().filter_map(scored).collect())
        };
        self.0.entry(Arc::as_ptr(nodes)).or_insert_with(convert).clone()
    }
}

/// Changes when the link's own addresses do; only compared within this process.
fn fingerprint(link: &Link) -> u64 {
    let mut hasher = DefaultHasher::new();
    link.addresses.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
