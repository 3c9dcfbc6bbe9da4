//! What this node tells its BGP peers.

mod audiences;
mod offers;
mod peering;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

pub(crate) use offers::{RouteClaim, RouteClaims};
pub(crate) use peering::{PeerId, Peering};
pub(crate) use tables::{Admitted, Drain, Tables};

use crate::claims::push;
use crate::desired::{BgpVerdict, Mine, Warning};
use crate::exclusion::DrainTrigger;
use crate::index::Index;
use crate::names::{NodeName, PeerName};
use crate::ours::Ours;
use crate::routes::RouteTable;
use crate::verdict::NotAnnounced;
use crate::view::View;

/// The part of a plan that concerns BGP.
pub(crate) struct Routing {
    pub(crate) routes: BTreeMap<PeerName, Arc<RouteTable>>,
    pub(crate) warnings: BTreeSet<Warning>,
    /// By position of the service.
    pub(crate) verdicts: Vec<BgpVerdict>,
}

pub(crate) fn plan<'v>(view: &'v View, index: &Index<'v>, services: &[Ours<'v>], me: &NodeName) -> Routing {
    let peering = Peering::new(view, index);
    let RouteClaims { claims, refused } = RouteClaims::collect(index, &peering, services);
    let mut routing = Routing { routes: BTreeMap::new(), warnings: BTreeSet::new(), verdicts: Vec::new() };
    let mut drafts: Vec<_> = refused.into_iter().map(|refused| Draft { refused, ..Draft::default() }).collect();
    let mut sets = PeerSets::default();
    if let Some(id) = index.node(me) {
        let mut tables = Tables::new(index, &peering, id);
        for claim in &claims {
            let admitted = tables.admit(claim).map_err(|why| NotAnnounced::Excluded { node: me.clone(), why });
            if let Ok(Admitted { drain: Drain::LastResort(_), .. }) = admitted {
                routing.warnings.insert(Warning::EveryCandidateDrains { vip: claim.vip });
            }
            drafts[claim.position].note(claim, admitted);
        }
        sets.audiences = tables.audiences.list.iter().map(|audience| audience.peers.clone()).collect();
        for (peers, routes) in sets.audiences.iter().zip(tables.finish()) {
            let told = peers.iter().map(|peer| (peering.peer_name(*peer).clone(), Arc::clone(&routes)));
            routing.routes.extend(told);
        }
    } else {
        for claim in &claims {
            drafts[claim.position].note(claim, Err(NotAnnounced::UnknownNode { node: me.clone() }));
        }
    }
    routing.verdicts = drafts.into_iter().map(|draft| draft.verdict(&peering, &mut sets)).collect();
    routing
}

/// What is known of one service so far.
#[derive(Default)]
struct Draft {
    refused: Vec<(IpAddr, NotAnnounced)>,
    /// The audiences that are told of a VIP.
    audiences: BTreeSet<usize>,
    /// A VIP is announced that stays.
    stays: bool,
    leaves: Option<DrainTrigger>,
}

impl Draft {
    fn note(&mut self, claim: &RouteClaim<'_>, admitted: Result<Admitted<'_>, NotAnnounced>) {
        let Admitted { rows, drain } = match admitted {
            Ok(admitted) => admitted,
            // That no node announces it says more than why this one does not.
            Err(why) => return push(&mut self.refused, (claim.vip, claim.nobody().unwrap_or(why))),
        };
        self.audiences.extend(rows.iter().map(|row| row.audience));
        match drain {
            Drain::None | Drain::LastResort(_) => self.stays = true,
            Drain::Leaving(trigger) => self.leaves = Some(trigger.clone()),
        }
    }

    fn verdict(mut self, peering: &Peering<'_>, sets: &mut PeerSets) -> BgpVerdict {
        self.refused.sort_by_key(|(vip, _)| *vip);
        let mine = match (self.stays, self.leaves, self.refused.first()) {
            (true, _, _) | (false, None, None) => Mine::Eligible,
            (false, Some(trigger), _) => Mine::Draining(trigger),
            (false, None, Some((_, why))) => Mine::Ineligible(why.clone()),
        };
        BgpVerdict { mine, peers: sets.of(peering, self.audiences), refused: self.refused }
    }
}

/// The peers of several audiences, so that thousands of services share a few sets.
#[derive(Default)]
struct PeerSets {
    audiences: Vec<Vec<PeerId>>,
    known: BTreeMap<BTreeSet<usize>, Arc<BTreeSet<PeerName>>>,
}

impl PeerSets {
    fn of(&mut self, peering: &Peering<'_>, audiences: BTreeSet<usize>) -> Arc<BTreeSet<PeerName>> {
        if let Some(known) = self.known.get(&audiences) {
            return Arc::clone(known);
        }
        let peers = audiences.iter().flat_map(|audience| self.audiences[*audience].iter().copied());
        let peers = peering.names(peers);
        self.known.insert(audiences, Arc::clone(&peers));
        peers
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
