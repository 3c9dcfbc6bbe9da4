//! What each service may be announced with by BGP, and from which nodes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use super::peering::{PeerId, Peering};
use crate::claims::push;
use crate::coverage::AdvertisementId;
use crate::exclusion::{Exclusion, Headcount};
use crate::index::{Index, NodeId};
use crate::names::{Protocol, ServiceId};
use crate::ours::{Ours, unless_unknown};
use crate::routes::Family;
use crate::verdict::NotAnnounced;
use crate::view::{AddressRange, Created, Endpoint, Gap};

/// What one set of matching advertisements means for one family, worked out once for all VIPs that it is for.
pub(crate) struct RouteOffer {
    /// Tells it from the others.
    pub(crate) number: usize,
    pub(crate) advertisements: Vec<AdvertisementId>,
    pub(crate) family: Family,
    /// By node: why it announces nothing under it, if so.
    excluded: Vec<Option<Exclusion>>,
    /// A node may announce under it.
    open: bool,
    /// A node may announce under it that is Ready and does not drain.
    lasting: bool,
}

impl RouteOffer {
    fn new(
        index: &Index<'_>,
        peering: &Peering<'_>,
        number: usize,
        advertisements: Vec<AdvertisementId>,
        family: Family,
    ) -> Self {
        let contradictions = contradictions(peering, &advertisements, family);
        let exclusion = |node: usize| {
            let node = NodeId(node);
            let selecting = || advertisements.iter().filter(|id| peering.advertisement(**id).selects(node));
            if selecting().next().is_none() {
                return Some(Exclusion::NotSelected(Protocol::Bgp));
            }
            let sessions = peering.sessions(node);
            if !selecting().any(|id| peering.told(sessions, *id, family).next().is_some()) {
                return Some(Exclusion::NoPeer(family));
            }
            conflict(peering, &contradictions, node, family).or_else(|| index.facts(node).barred.clone())
        };
        let excluded: Vec<_> = (0..index.nodes.len()).map(exclusion).collect();
        let mut offer = Self { number, advertisements, family, excluded, open: false, lasting: false };
        let allowed = || (0..index.nodes.len()).map(NodeId).filter(|node| offer.excluded[node.0].is_none());
        (offer.open, offer.lasting) = (allowed().next().is_some(), allowed().any(|node| lasts(index, node)));
        offer
    }
}

/// Returns the pairs of advertisements that give one prefix different attributes that cannot be merged.
fn contradictions(
    peering: &Peering<'_>,
    advertisements: &[AdvertisementId],
    family: Family,
) -> Vec<(AdvertisementId, AdvertisementId)> {
    let length = |id: AdvertisementId| peering.advertisement(id).specification.length(family);
    let mut pairs = Vec::new();
    for (position, one) in advertisements.iter().copied().enumerate() {
        for other in advertisements[position + 1..].iter().copied() {
            if length(one) == length(other) && peering.advertisement(one).contradicts(peering.advertisement(other)) {
                pairs.push((one, other));
            }
        }
    }
    pairs
}

fn conflict(
    peering: &Peering<'_>,
    contradictions: &[(AdvertisementId, AdvertisementId)],
    node: NodeId,
    family: Family,
) -> Option<Exclusion> {
    contradictions.iter().find_map(|(one, other)| {
        let (first, second) = (peering.advertisement(*one), peering.advertisement(*other));
        if !(first.selects(node) && second.selects(node)) {
            return None;
        }
        let mut told_by_both = peering.told(peering.sessions(node), *one, family).filter(|peer| second.is_for(*peer));
        let peer: PeerId = told_by_both.next()?;
        let (one, other) = (first.name.clone(), second.name.clone());
        Some(Exclusion::Conflict { one, other, peer: peering.peer_name(peer).clone() })
    })
}

/// Returns whether a node can be counted on to go on announcing when another one withdraws.
fn lasts(index: &Index<'_>, node: NodeId) -> bool {
    let facts = index.facts(node);
    facts.ready && facts.drain.is_none()
}

/// The wish of one service to be announced with one VIP by BGP.
pub(crate) struct RouteClaim<'v> {
    /// The position of the service among ours.
    pub(crate) position: usize,
    pub(crate) service: &'v ServiceId,
    pub(crate) vip: IpAddr,
    /// The part of the pool that the VIP lies in.
    pub(crate) range: AddressRange,
    pub(crate) offer: Rc<RouteOffer>,
    created: Created,
    /// Policy Local: the nodes with an endpoint that can serve, in order.
    local: Option<Rc<[NodeId]>>,
    /// Why there may be other endpoints.
    gap: Option<&'v Gap>,
    endpoints: &'v [Endpoint],
}

impl RouteClaim<'_> {
    /// Returns why `node` does not announce it, whatever else is announced from there.
    pub(crate) fn exclusion(&self, node: NodeId) -> Option<&Exclusion> {
        match &self.offer.excluded[node.0] {
            Some(why) => Some(why),
            None => match &self.local {
                Some(local) if local.binary_search(&node).is_err() => Some(&Exclusion::NoLocalEndpoint),
                Some(_) | None => None,
            },
        }
    }

    /// Returns why no node announces it, if so.
    pub(crate) fn nobody(&self) -> Option<NotAnnounced> {
        let (service, vip) = (|| self.service.clone(), self.vip);
        if !self.offer.open {
            let reasons = || self.offer.excluded.iter().flatten();
            return Some(match reasons().find(|why| matches!(why, Exclusion::Conflict { .. })) {
                Some(why) => {
                    NotAnnounced::ConflictingAdvertisements { service: service(), vip, why: why.clone().into() }
                }
                None => {
                    let nodes = Headcount::of(reasons().cloned());
                    NotAnnounced::NoEligibleNode { service: service(), vip, nodes }
                }
            });
        }
        let local = self.local.as_ref()?;
        let somebody = local.iter().any(|node| self.offer.excluded[node.0].is_none());
        (!somebody)
            .then(|| unless_unknown(self.service, self.gap, NotAnnounced::NoLocalEndpoints { service: service() }))
    }

    /// Returns whether a node announces it that is Ready and does not drain.
    pub(crate) fn lasts(&self, index: &Index<'_>) -> bool {
        match &self.local {
            None => self.offer.lasting,
            Some(local) => local.iter().any(|node| self.offer.excluded[node.0].is_none() && lasts(index, *node)),
        }
    }

    /// Returns how many endpoints stand behind the VIP on `node`; none if traffic goes on to endpoints anywhere.
    ///
    /// Terminating ones count when no other is left, as the proxies use them (KEP-1669).
    pub(crate) fn weight(&self, index: &Index<'_>, node: NodeId) -> Option<u64> {
        self.local.as_ref()?;
        let name = Some(index.facts(node).name);
        let count = |serves: fn(&Endpoint) -> bool| {
            self.endpoints.iter().filter(|endpoint| endpoint.node.as_ref() == name && serves(endpoint)).count() as u64
        };
        let ready = count(|endpoint| endpoint.ready.unwrap_or(true));
        Some(if ready > 0 { ready } else { count(Endpoint::can_serve) })
    }
}

/// All claims, the oldest service first, and why some VIPs of our services have none.
#[derive(Default)]
pub(crate) struct RouteClaims<'v> {
    pub(crate) claims: Vec<RouteClaim<'v>>,
    /// By position of the service.
    pub(crate) refused: Vec<Vec<(IpAddr, NotAnnounced)>>,
}

impl<'v> RouteClaims<'v> {
    pub(crate) fn collect(index: &Index<'v>, peering: &Peering<'v>, services: &[Ours<'v>]) -> Self {
        let mut all = Self::default();
        let mut offers: BTreeMap<(Family, Vec<AdvertisementId>), Rc<RouteOffer>> = BTreeMap::new();
        for ours in services {
            all.refused.push(Vec::new());
            for vip in ours.service.vips.iter().copied() {
                let offered = match ours.offered(index, Protocol::Bgp, vip) {
                    Ok(offered) => offered,
                    Err(why) => {
                        push(&mut all.refused[ours.position], (vip, why));
                        continue;
                    }
                };
                let (number, key) = (offers.len(), (Family::of(vip), offered.advertisements));
                let offer = match offers.get(&key) {
                    Some(offer) => Rc::clone(offer),
                    None => {
                        let offer = Rc::new(RouteOffer::new(index, peering, number, key.1.clone(), key.0));
                        offers.insert(key, Rc::clone(&offer));
                        offer
                    }
                };
                all.claims.push(RouteClaim {
                    position: ours.position,
                    service: ours.id,
                    vip,
                    range: offered.range,
                    offer,
                    created: ours.service.created,
                    local: ours.local(),
                    gap: ours.gap(),
                    endpoints: &ours.service.endpoints,
                });
            }
        }
        // Services come in the order of their names, which the sort keeps among those of one age.
        all.claims.sort_by_key(|claim| claim.created);
        all
    }
}
