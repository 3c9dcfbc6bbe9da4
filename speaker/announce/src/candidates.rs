//! The candidates of one VIP: what its sharers agree on, with the nodes that drain at the end.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use crate::claims::{Claim, Offer};
use crate::desired::Standing;
use crate::exclusion::Exclusion;
use crate::index::{Index, NodeId};
use crate::names::NodeName;
use crate::verdict::NotAnnounced;

/// The nodes that can serve every admitted claim, draining ones included.
enum Nodes {
    /// All that the advertisements of the oldest admitted claim offer.
    Offered,
    /// Fewer, in order.
    Only(Vec<NodeId>),
}

/// A VIP that some node can announce.
pub(crate) struct Agreement<'c, 'v> {
    /// Oldest first, at least one; the first is the lead.
    pub(crate) admitted: Vec<&'c Claim<'v>>,
    nodes: Nodes,
}

/// Admits the claims on a VIP, oldest first, as long as a node is left that can serve all of them.
///
/// Returns why for each claim that is not admitted; without an agreement that is all of them.
pub(crate) fn agree<'c, 'v>(
    index: &Index<'_>,
    vip: IpAddr,
    claims: &'c [Claim<'v>],
) -> (Option<Agreement<'c, 'v>>, Vec<(&'c Claim<'v>, NotAnnounced)>) {
    let mut agreement: Option<Agreement<'c, 'v>> = None;
    let mut refused = Vec::new();
    for claim in claims {
        if let Some(why) = claim.nobody(index, vip) {
            refused.push((claim, why));
        } else if let Some(agreement) = &mut agreement {
            if !agreement.admit(claim) {
                let (service, sharer) = (claim.service.clone(), agreement.lead().service.clone());
                refused.push((claim, NotAnnounced::NoCommonNode { service, vip, sharer }));
            }
        } else {
            agreement = Some(Agreement::of(claim));
        }
    }
    (agreement, refused)
}

impl<'c, 'v> Agreement<'c, 'v> {
    fn of(claim: &'c Claim<'v>) -> Self {
        let nodes = match &claim.local {
            None => Nodes::Offered,
            Some(local) => {
                let offered = |node: &NodeId| claim.offer.preference(*node).is_some();
                Nodes::Only(local.iter().copied().filter(offered).collect())
            }
        };
        Self { admitted: vec![claim], nodes }
    }

    /// Returns whether a node is left that serves `claim` too, and admits it if so.
    fn admit(&mut self, claim: &'c Claim<'v>) -> bool {
        if !(claim.local.is_none() && Rc::ptr_eq(&claim.offer, &self.lead().offer)) {
            let common: Vec<_> = self.nodes().iter().copied().filter(|node| claim.allows(*node)).collect();
            if common.is_empty() {
                return false;
            }
            self.nodes = Nodes::Only(common);
        }
        self.admitted.push(claim);
        true
    }

    /// Returns the oldest admitted claim.
    pub(crate) fn lead(&self) -> &'c Claim<'v> {
        self.admitted[0]
    }

    pub(crate) fn nodes(&self) -> &[NodeId] {
        match &self.nodes {
            Nodes::Offered => &self.lead().offer.nodes,
            Nodes::Only(nodes) => nodes,
        }
    }

    /// Returns why `node` cannot announce the VIP for `claim`, which need not be admitted.
    pub(crate) fn exclusion(&self, index: &Index<'_>, claim: &Claim<'_>, node: NodeId) -> Option<Exclusion> {
        let sharer = || self.admitted.iter().find(|sharer| !sharer.allows(node));
        claim
            .exclusion(index, node)
            .or_else(|| sharer().map(|sharer| Exclusion::SharerElsewhere { sharer: sharer.service.clone() }))
    }

    /// Returns whether every node that can announce the VIP drains.
    pub(crate) fn all_drain(&self, index: &Index<'_>) -> bool {
        self.nodes().iter().all(|node| index.facts(*node).drain.is_some())
    }
}

/// Candidates as they leave this crate.
#[derive(Clone)]
pub(crate) struct Chosen {
    pub(crate) candidates: Arc<BTreeMap<NodeName, Standing>>,
    pub(crate) all_drain: bool,
}

/// Candidate sets by content, so that thousands of VIPs share a few.
#[derive(Default)]
pub(crate) struct CandidateSets {
    known: BTreeMap<Vec<(NodeId, Standing)>, Chosen>,
    /// Spares the comparison of long sets: the set of everything that an offer holds.
    whole: Vec<(Rc<Offer>, Chosen)>,
}

impl CandidateSets {
    pub(crate) fn choose(&mut self, index: &Index<'_>, agreement: &Agreement<'_, '_>) -> Chosen {
        let offer = &agreement.lead().offer;
        match &agreement.nodes {
            Nodes::Only(nodes) => self.intern(index, offer, nodes, agreement.all_drain(index)),
            Nodes::Offered => {
                if let Some((_, chosen)) = self.whole.iter().find(|(known, _)| Rc::ptr_eq(known, offer)) {
                    return chosen.clone();
                }
                let chosen = self.intern(index, offer, &offer.nodes, agreement.all_drain(index));
                self.whole.push((Rc::clone(offer), chosen.clone()));
                chosen
            }
        }
    }

    fn intern(&mut self, index: &Index<'_>, offer: &Offer, nodes: &[NodeId], all_drain: bool) -> Chosen {
        let standing = |node: NodeId, preference| match all_drain || index.facts(node).drain.is_none() {
            true => Standing::Preference(preference),
            false => Standing::LastResort,
        };
        let stands = |node: NodeId| offer.preference(node).map(|preference| (node, standing(node, preference)));
        let content: Vec<_> = nodes.iter().copied().filter_map(stands).collect();
        if let Some(chosen) = self.known.get(&content) {
            return chosen.clone();
        }
        let named = content.iter().map(|(node, standing)| (index.facts(*node).name.clone(), *standing));
        let chosen = Chosen { candidates: Arc::new(named.collect()), all_drain };
        self.known.insert(content, chosen.clone());
        chosen
    }
}

#[cfg(test)]
mod tests;
