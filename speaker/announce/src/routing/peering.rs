//! Who may talk to whom: peers, nodes and BGP advertisements as tables of positions.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::coverage::AdvertisementId;
use crate::index::{Index, NodeId};
use crate::names::{AdvertisementName, NodeName, PeerName};
use crate::routes::Family;
use crate::view::{BgpAdvertisement, BgpPeer, Scope, View};

/// The position of a peer in [`Peering::peers`], hence in name order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PeerId(usize);

pub(crate) struct Peering<'v> {
    peers: Vec<(&'v PeerName, &'v BgpPeer)>,
    advertisements: Vec<Advertisement<'v>>,
    /// By node: the peers it has a session with, in order.
    sessions: Vec<Vec<PeerId>>,
}

/// A BGP advertisement, and whether each node and each peer is meant.
pub(crate) struct Advertisement<'v> {
    pub(crate) name: &'v AdvertisementName,
    pub(crate) specification: &'v BgpAdvertisement,
    nodes: Vec<bool>,
    peers: Vec<bool>,
}

impl<'v> Peering<'v> {
    pub(crate) fn new(view: &'v View, index: &Index<'v>) -> Self {
        let peers: Vec<_> = view.bgp_peers.iter().collect();
        let node = |name: &NodeName| index.node(name).map(|id| id.0);
        let peer = |name: &PeerName| peers.binary_search_by_key(&name, |(name, _)| *name).ok();
        let mut sessions = vec![Vec::new(); index.nodes.len()];
        for (id, (_, peer)) in peers.iter().enumerate() {
            for (sessions, _) in
                sessions.iter_mut().zip(members(&peer.nodes, index.nodes.len(), node)).filter(|it| it.1)
            {
                sessions.push(PeerId(id));
            }
        }
        let advertisement = |(name, specification): (&'v AdvertisementName, &'v BgpAdvertisement)| Advertisement {
            name,
            specification,
            nodes: members(&specification.nodes, index.nodes.len(), node),
            peers: members(&specification.peers, peers.len(), peer),
        };
        Self { advertisements: view.bgp_advertisements.iter().map(advertisement).collect(), peers, sessions }
    }

    pub(crate) fn advertisement(&self, id: AdvertisementId) -> &Advertisement<'v> {
        &self.advertisements[id.0]
    }

    /// Returns whether no two advertisements contradict each other, so that no service stands in the way of another one.
    pub(crate) fn ranks_alike(&self) -> bool {
        self.advertisements.windows(2).all(|pair| !pair[0].contradicts(&pair[1]))
    }

    pub(crate) fn peer_name(&self, peer: PeerId) -> &'v PeerName {
        self.peers[peer.0].0
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = PeerId> {
        (0..self.peers.len()).map(PeerId)
    }

    /// Returns the peers that `node` has a session with, in name order.
    pub(crate) fn sessions(&self, node: NodeId) -> &[PeerId] {
        &self.sessions[node.0]
    }

    pub(crate) fn carries(&self, peer: PeerId, family: Family) -> bool {
        self.peers[peer.0].1.families.contains(&family)
    }

    /// Returns the peers among `sessions` that the advertisement tells of prefixes of `family`.
    pub(crate) fn told<'a>(
        &'a self,
        sessions: &'a [PeerId],
        advertisement: AdvertisementId,
        family: Family,
    ) -> impl Iterator<Item = PeerId> + 'a {
        let advertisement = self.advertisement(advertisement);
        sessions.iter().copied().filter(move |peer| advertisement.is_for(*peer) && self.carries(*peer, family))
    }

    pub(crate) fn names(&self, peers: impl Iterator<Item = PeerId>) -> Arc<BTreeSet<PeerName>> {
        Arc::new(peers.map(|peer| self.peer_name(peer).clone()).collect())
    }

    /// Returns the advertisements that select `node`, in name order.
    pub(crate) fn selecting(&self, node: NodeId) -> impl Iterator<Item = AdvertisementId> {
        (0..self.advertisements.len()).map(AdvertisementId).filter(move |id| self.advertisement(*id).selects(node))
    }
}

impl Advertisement<'_> {
    pub(crate) fn selects(&self, node: NodeId) -> bool {
        self.nodes[node.0]
    }

    pub(crate) fn is_for(&self, peer: PeerId) -> bool {
        self.peers[peer.0]
    }

    /// Returns whether routes under both could not be merged into one.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        let rank = |it: &BgpAdvertisement| (it.local_pref, it.med, it.prepend);
        rank(self.specification) != rank(other.specification)
    }
}

/// Returns for each of `count` positions whether `scope` means it.
fn members<T: Ord>(scope: &Scope<T>, count: usize, position: impl Fn(&T) -> Option<usize>) -> Vec<bool> {
    match scope {
        Scope::All => vec![true; count],
        Scope::Only(meant) => {
            let mut members = vec![false; count];
            for at in meant.iter().filter_map(position) {
                members[at] = true;
            }
            members
        }
    }
}
