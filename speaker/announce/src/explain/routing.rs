//! The decision about one service by BGP, peer by peer.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::verdicts::{PeerVerdict, RouteExplanation};
use crate::exclusion::Exclusion;
use crate::index::{Index, NodeId};
use crate::names::PeerName;
use crate::ours::Ours;
use crate::routes::{Family, Prefix};
use crate::routing::{Admitted, Drain, PeerId, Peering, RouteClaim, RouteClaims, Tables};
use crate::view::View;

pub(super) fn explain<'v>(
    view: &'v View,
    index: &Index<'v>,
    services: &[Ours<'v>],
    ours: &Ours<'v>,
) -> BTreeMap<IpAddr, RouteExplanation> {
    let peering = Peering::new(view, index);
    let RouteClaims { claims, mut refused } = RouteClaims::collect(index, &peering, services);
    let refused = refused.swap_remove(ours.position).into_iter();
    let mut vips: BTreeMap<_, _> =
        refused.map(|(vip, why)| (vip, RouteExplanation { refused: Some(why), nodes: BTreeMap::new() })).collect();
    for claim in claims.iter().filter(|claim| claim.position == ours.position) {
        let widest = view.bgp_advertisements.values().map(|it| it.length(claim.offer.family)).min().unwrap_or(0);
        let block = Prefix::of(claim.vip, widest).range();
        // What is announced outside the widest prefix around the VIP has nothing in common with it.
        let related: Vec<_> = match peering.ranks_alike() {
            true => vec![claim],
            false => claims.iter().filter(|other| block.contains(other.vip)).collect(),
        };
        let by_peer = |id: usize| (index.nodes[id].name.clone(), by_peer(index, &peering, &related, claim, NodeId(id)));
        let nodes = (0..index.nodes.len()).map(by_peer).collect();
        vips.insert(claim.vip, RouteExplanation { refused: claim.nobody(), nodes });
    }
    vips
}

fn by_peer<'v>(
    index: &Index<'v>,
    peering: &Peering<'v>,
    related: &[&RouteClaim<'v>],
    claim: &RouteClaim<'v>,
    node: NodeId,
) -> BTreeMap<PeerName, PeerVerdict> {
    let mut tables = Tables::new(index, peering, node);
    let is_claim = |other: &RouteClaim<'_>| other.position == claim.position && other.vip == claim.vip;
    let mut outcome = None;
    for other in related {
        let admitted = tables.admit(other);
        if is_claim(other) {
            outcome = Some(admitted);
            break;
        }
    }
    let outcome = outcome.expect("a claim is related to itself");
    let verdict = |peer| {
        let verdict = verdict(peering, &tables, claim, node, peer, &outcome);
        (peering.peer_name(peer).clone(), verdict)
    };
    peering.peers().map(verdict).collect()
}

fn verdict(
    peering: &Peering<'_>,
    tables: &Tables<'_, '_>,
    claim: &RouteClaim<'_>,
    node: NodeId,
    peer: PeerId,
    outcome: &Result<Admitted<'_>, Exclusion>,
) -> PeerVerdict {
    if !peering.sessions(node).contains(&peer) {
        return PeerVerdict::NoSession;
    }
    let family: Family = claim.offer.family;
    if !peering.carries(peer, family) {
        return PeerVerdict::OtherFamily(family);
    }
    let admitted = match outcome {
        Err(Exclusion::NoPeer(_)) => return PeerVerdict::NotMeant,
        Err(why) => return PeerVerdict::Excluded(why.clone()),
        Ok(admitted) => admitted,
    };
    let told = |audience: usize| tables.audiences.list[audience].peers.contains(&peer);
    let prefixes: Vec<_> = admitted.rows.iter().filter(|row| told(row.audience)).map(|row| row.prefix).collect();
    match admitted.drain {
        _ if prefixes.is_empty() => PeerVerdict::NotMeant,
        Drain::None => PeerVerdict::Announced { prefixes },
        Drain::LastResort(trigger) => PeerVerdict::LastResort { prefixes, trigger: trigger.clone() },
        Drain::Leaving(trigger) => PeerVerdict::Draining { prefixes, trigger: trigger.clone() },
    }
}
