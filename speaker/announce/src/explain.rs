//! The decision about one service, node by node.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::candidates::{Agreement, agree};
use crate::claims::{Claim, Claims};
use crate::index::{Index, NodeId};
use crate::names::{NodeName, ServiceId};
use crate::verdict::{NodeVerdict, NotAnnounced};
use crate::view::View;

/// What every node is to one VIP of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VipExplanation {
    /// Why no node announces the VIP for this service, if so.
    pub refused: Option<NotAnnounced>,
    /// Every node of the view; empty when `refused` does not depend on nodes.
    pub nodes: BTreeMap<NodeName, NodeVerdict>,
}

/// Returns why each node may or may not announce each VIP of `service`, by the same rules as [`crate::plan`].
///
/// # Errors
/// The reason that concerns the service as a whole, when it has no VIP to explain.
pub fn explain(view: &View, service: &ServiceId) -> Result<BTreeMap<IpAddr, VipExplanation>, NotAnnounced> {
    let Some(position) = view.services.keys().position(|id| id == service) else {
        return Err(NotAnnounced::UnknownService { service: service.clone() });
    };
    let index = Index::new(view);
    let mut claims = Claims::collect(view, &index);
    if let Some(why) = claims.unclaimed.swap_remove(position) {
        return Err(why);
    }
    let refused = claims.refused.swap_remove(position).into_iter();
    let mut vips: BTreeMap<_, _> =
        refused.map(|(vip, why)| (vip, VipExplanation { refused: Some(why), nodes: BTreeMap::new() })).collect();
    for (vip, holders) in &claims.vips {
        if let Some(claim) = holders.claims.iter().find(|claim| claim.position == position) {
            vips.insert(*vip, by_node(&index, *vip, claim, &holders.claims));
        }
    }
    Ok(vips)
}

fn by_node(index: &Index<'_>, vip: IpAddr, claim: &Claim<'_>, claims: &[Claim<'_>]) -> VipExplanation {
    let (agreement, refused) = agree(index, vip, claims);
    let refused = refused.into_iter().find(|(other, _)| other.position == claim.position).map(|(_, why)| why);
    let verdict =
        |id: usize| (index.nodes[id].name.clone(), node_verdict(index, agreement.as_ref(), claim, NodeId(id)));
    VipExplanation { refused, nodes: (0..index.nodes.len()).map(verdict).collect() }
}

fn node_verdict(
    index: &Index<'_>,
    agreement: Option<&Agreement<'_, '_>>,
    claim: &Claim<'_>,
    node: NodeId,
) -> NodeVerdict {
    let excluded = match agreement {
        Some(agreement) => agreement.exclusion(index, claim, node),
        None => claim.exclusion(index, node),
    };
    if let Some(why) = excluded {
        return NodeVerdict::Excluded(why);
    }
    let lead = agreement.map_or(claim, Agreement::lead);
    let preference = lead.offer.preference(node).unwrap_or(0);
    let facts = index.facts(node);
    match &facts.drain {
        None => NodeVerdict::Candidate { preference, ready: facts.ready },
        Some(trigger) if agreement.is_some_and(|agreement| agreement.all_drain(index)) => {
            NodeVerdict::LastResort { preference, trigger: trigger.clone() }
        }
        Some(trigger) => NodeVerdict::Draining(trigger.clone()),
    }
}

#[cfg(test)]
mod tests;
