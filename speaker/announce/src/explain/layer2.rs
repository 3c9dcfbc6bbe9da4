//! The decision about one service by ARP and NDP.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::verdicts::{L2Explanation, NodeVerdict};
use crate::candidates::{Agreement, agree};
use crate::claims::{Claim, Claims};
use crate::index::{Index, NodeId};
use crate::ours::Ours;

pub(super) fn explain<'v>(
    index: &Index<'v>,
    services: &[Ours<'v>],
    ours: &Ours<'v>,
) -> BTreeMap<IpAddr, L2Explanation> {
    let mut claims = Claims::collect(index, services);
    let refused = claims.refused.swap_remove(ours.position).into_iter();
    let mut vips: BTreeMap<_, _> =
        refused.map(|(vip, why)| (vip, L2Explanation { refused: Some(why), nodes: BTreeMap::new() })).collect();
    for vip in &ours.service.vips {
        let Some(holders) = claims.vips.get(vip) else { continue };
        if let Some(claim) = holders.claims.iter().find(|claim| claim.position == ours.position) {
            vips.insert(*vip, by_node(index, *vip, claim, &holders.claims));
        }
    }
    vips
}

fn by_node(index: &Index<'_>, vip: IpAddr, claim: &Claim<'_>, claims: &[Claim<'_>]) -> L2Explanation {
    let (agreement, refused) = agree(index, vip, claims);
    let refused = refused.into_iter().find(|(other, _)| other.position == claim.position).map(|(_, why)| why);
    let verdict =
        |id: usize| (index.nodes[id].name.clone(), node_verdict(index, agreement.as_ref(), claim, NodeId(id)));
    L2Explanation { refused, nodes: (0..index.nodes.len()).map(verdict).collect() }
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
