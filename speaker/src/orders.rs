//! From what the node should announce to what the wire thread does on each link.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;
use std::sync::Arc;

use announce::{Desired, L2Vip, LinkName, Mine, NotAnnounced, Standing};
use members::{Candidacy, KeyRing};

use crate::drivers::wire::{self, LinkDesired};
use crate::net::links::{Link, LinkIndex, Links};

/// The candidates of a VIP, as the wire thread takes them.
type Candidates = Arc<BTreeMap<members::NodeName, u32>>;

/// Successive orders.
///
/// What is equal in two of them is one allocation, so that the wire thread sees at once that it need not look any closer: a list
/// of a thousand candidates for each of thousands of VIPs would keep it from its heartbeats.
#[derive(Debug, Default)]
pub struct Sequence {
    links: BTreeMap<LinkIndex, Arc<LinkDesired>>,
    candidates: Conversions,
}

/// The node-wide part of the orders.
#[derive(Debug, Clone)]
pub struct NodeOrders {
    /// Keys of the heartbeats, if there are any.
    pub keys: Option<KeyRing>,
    /// Everything is listed and the datapath can forward.
    pub ready: bool,
    /// The node keeps what it owns only until another one can take it.
    pub draining: bool,
    /// The addresses of all nodes if heartbeats are to go there, for networks that filter multicast.
    pub unicast: Option<Vec<IpAddr>>,
    /// The Ethernet addresses by which the speakers of other nodes announce, as far as they are known.
    pub macs: Arc<BTreeMap<[u8; 6], Arc<str>>>,
}

impl Sequence {
    /// Returns what the wire thread should do.
    ///
    /// A link takes part while the plan could ever use it, so that its speaker is known and listening before the first VIP comes.
    pub fn next(&mut self, desired: &Desired, links: &Links, node: NodeOrders) -> wire::Desired {
        let mut orders = BTreeMap::new();
        for (index, link) in links {
            let (Some(mac), true) = (link.mac, link.resolves && !link.enslaved) else { continue };
            let name = LinkName::from(link.name.as_str());
            if !desired.links.contains(&name) {
                continue;
            }
            let next = LinkDesired {
                name: link.name.clone(),
                mac,
                running: link.running,
                addresses: fingerprint(link),
                unicast: node.unicast.as_deref().map(|nodes| on_link(nodes, link)).filter(|nodes| !nodes.is_empty()),
                nodes: node.macs.clone(),
                vips: Arc::new(vips_of(desired, &name, node.draining, &mut self.candidates)),
            };
            let same = self.links.get(index).filter(|former| ***former == next);
            orders.insert(*index, same.cloned().unwrap_or_else(|| Arc::new(next)));
        }
        self.links.clone_from(&orders);
        self.candidates.forget_unused();
        wire::Desired { links: orders, keys: node.keys, ready: node.ready, leave: false }
    }
}

/// Returns why a node may announce nothing, in words, as far as the objects say: it has no Node object, or there is no key for the
/// heartbeats of its links.
pub fn closed(node: &str, is_known: bool, desired: &Desired, keyless: Option<&str>) -> Option<String> {
    if !is_known {
        return Some(NotAnnounced::UnknownNode { node: node.into() }.to_string());
    }
    // Without links for ARP and NDP, no heartbeat is sent.
    keyless.filter(|_| !desired.links.is_empty()).map(str::to_owned)
}

/// Returns the addresses that lie in the link's subnets and are not its own.
fn on_link(nodes: &[IpAddr], link: &Link) -> Vec<IpAddr> {
    let reached = |node: &&IpAddr| {
        link.addresses.iter().any(|net| net.contains(*node)) && link.addresses.iter().all(|net| net.addr() != **node)
    };
    nodes.iter().filter(reached).copied().collect()
}

fn vips_of(
    desired: &Desired,
    link: &LinkName,
    draining: bool,
    candidates: &mut Conversions,
) -> BTreeMap<IpAddr, Candidacy> {
    let convert = |(vip, l2): (&IpAddr, &Arc<L2Vip>)| {
        let mine = match &l2.mine {
            Mine::Eligible if l2.links.names.contains(link) && !draining => members::Mine::Eligible,
            Mine::Eligible | Mine::Draining(_) if l2.links.names.contains(link) => members::Mine::Draining,
            // Not announced from here, or no longer: whoever can takes over before this node falls silent.
            Mine::Eligible | Mine::Draining(_) | Mine::Ineligible(_) => members::Mine::Ineligible,
        };
        (*vip, Candidacy { nodes: candidates.get(&l2.candidates), mine, group: l2.group })
    };
    desired.l2.iter().map(convert).collect()
}

/// Sets of candidates, converted once: thousands of VIPs share a few, and a plan has most of them in common with the one before.
#[derive(Debug, Default)]
struct Conversions {
    /// By the address of what was converted, which nothing else takes while it is kept.
    known: BTreeMap<usize, (Arc<BTreeMap<announce::NodeName, Standing>>, Candidates)>,
    /// What is equal is one allocation, whatever it was made of.
    distinct: BTreeSet<Candidates>,
}

impl Conversions {
    fn get(&mut self, nodes: &Arc<BTreeMap<announce::NodeName, Standing>>) -> Candidates {
        let Self { known, distinct } = self;
        let convert = || {
            // A name that Kubernetes accepts always fits; another one belongs to no speaker.
            let scored = |(name, standing): (&announce::NodeName, &Standing)| {
                Some((members::NodeName::new(&name.0).ok()?, score(*standing)))
            };
            let candidates: BTreeMap<_, _> = nodes.iter().filter_map(scored).collect();
            let candidates = distinct.get(&candidates).cloned().unwrap_or_else(|| Arc::new(candidates));
            distinct.insert(candidates.clone());
            (nodes.clone(), candidates)
        };
        known.entry(Arc::as_ptr(nodes).addr()).or_insert_with(convert).1.clone()
    }

    fn forget_unused(&mut self) {
        self.known.retain(|_, (nodes, _)| Arc::strong_count(nodes) > 1);
        self.distinct.retain(|candidates| Arc::strong_count(candidates) > 1);
    }
}

fn score(standing: Standing) -> u32 {
    match standing {
        Standing::LastResort => 0,
        Standing::Preference(preference) => preference.saturating_add(1),
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
