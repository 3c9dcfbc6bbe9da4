//! What each service asks for: a claim per VIP, with the nodes that its advertisements and endpoints allow.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use crate::coverage::AdvertisementId;
use crate::exclusion::{Exclusion, Headcount};
use crate::index::{Index, NodeFacts, NodeId};
use crate::names::{Protocol, ServiceId};
use crate::ours::{Ours, unless_unknown};
use crate::verdict::NotAnnounced;
use crate::view::{Created, Gap, Service};

/// What one set of matching advertisements offers, computed once for all services that they match.
pub(crate) struct Offer {
    pub(crate) advertisements: Vec<AdvertisementId>,
    /// The nodes that may announce under it.
    pub(crate) nodes: Vec<NodeId>,
    /// By node; set for exactly those in `nodes`.
    preferences: Vec<Option<u32>>,
}

impl Offer {
    fn new(index: &Index<'_>, advertisements: Vec<AdvertisementId>) -> Self {
        let mut preferences: Vec<Option<u32>> = vec![None; index.nodes.len()];
        for (facts, preference) in index.nodes.iter().zip(&mut preferences) {
            if facts.barred.is_some() {
                continue;
            }
            for (_, advertisement) in advertisements.iter().map(|id| index.advertisements[id.0]) {
                if advertisement.nodes.contains(facts.name) {
                    let more = advertisement.preferences.get(facts.name).copied().unwrap_or(0);
                    *preference = Some(preference.unwrap_or(0).saturating_add(more));
                }
            }
        }
        let nodes = (0..preferences.len()).filter(|id| preferences[*id].is_some()).map(NodeId).collect();
        Self { advertisements, nodes, preferences }
    }

    pub(crate) fn preference(&self, node: NodeId) -> Option<u32> {
        self.preferences[node.0]
    }

    pub(crate) fn selects(&self, index: &Index<'_>, node: NodeId) -> bool {
        let name = index.facts(node).name;
        self.advertisements.iter().any(|id| index.advertisements[id.0].1.nodes.contains(name))
    }

    fn headcount(&self, index: &Index<'_>) -> Headcount {
        let exclusion = |(id, facts): (usize, &NodeFacts<'_>)| match self.selects(index, NodeId(id)) {
            true => facts.barred.clone(),
            false => Some(Exclusion::NotSelected(Protocol::L2)),
        };
        Headcount::of(index.nodes.iter().enumerate().filter_map(exclusion))
    }
}

/// The wish of one service to be announced with one VIP.
pub(crate) struct Claim<'v> {
    /// The position of the service among ours.
    pub(crate) position: usize,
    pub(crate) service: &'v ServiceId,
    created: Created,
    pub(crate) offer: Rc<Offer>,
    /// Policy Local: the nodes with an endpoint that can serve, in order.
    pub(crate) local: Option<Rc<[NodeId]>>,
    /// Why there may be other endpoints.
    gap: Option<&'v Gap>,
}

impl Claim<'_> {
    pub(crate) fn allows(&self, node: NodeId) -> bool {
        self.offer.preference(node).is_some()
            && self.local.as_ref().is_none_or(|local| local.binary_search(&node).is_ok())
    }

    /// Returns why the service itself, whatever its sharers, cannot be announced from `node`.
    pub(crate) fn exclusion(&self, index: &Index<'_>, node: NodeId) -> Option<Exclusion> {
        if self.allows(node) {
            return None;
        }
        if !self.offer.selects(index, node) {
            return Some(Exclusion::NotSelected(Protocol::L2));
        }
        Some(index.facts(node).barred.clone().unwrap_or(Exclusion::NoLocalEndpoint))
    }

    /// Returns why the service itself, whatever its sharers, can be announced from no node.
    pub(crate) fn nobody(&self, index: &Index<'_>, vip: IpAddr) -> Option<NotAnnounced> {
        if self.offer.nodes.is_empty() {
            let nodes = self.offer.headcount(index);
            return Some(NotAnnounced::NoEligibleNode { service: self.service.clone(), vip, nodes });
        }
        let local = self.local.as_ref()?;
        let somebody = local.iter().any(|node| self.offer.preference(*node).is_some());
        let none = || NotAnnounced::NoLocalEndpoints { service: self.service.clone() };
        (!somebody).then(|| unless_unknown(self.service, self.gap, none()))
    }
}

/// The services that hold one VIP.
pub(crate) struct Holders<'v> {
    oldest: (Created, &'v ServiceId),
    /// The lowest VIP of the oldest holder.
    pub(crate) lead_vip: IpAddr,
    /// Oldest first. A holder that cannot be announced at all has none.
    pub(crate) claims: Vec<Claim<'v>>,
}

/// All claims, and why some VIPs of our services have none.
#[derive(Default)]
pub(crate) struct Claims<'v> {
    pub(crate) vips: BTreeMap<IpAddr, Holders<'v>>,
    /// By position of the service.
    pub(crate) refused: Vec<Vec<(IpAddr, NotAnnounced)>>,
}

impl<'v> Claims<'v> {
    pub(crate) fn collect(index: &Index<'v>, services: &[Ours<'v>]) -> Self {
        let mut claims = Self::default();
        let mut offers = BTreeMap::new();
        for ours in services {
            claims.refused.push(Vec::new());
            for vip in &ours.service.vips {
                // Who has no right to an IP has no say in how others announce it.
                if ours.service.not_admitted.contains(vip) {
                    let offered = ours.offered(index, Protocol::L2, *vip);
                    claims.refused[ours.position].extend(offered.err().map(|why| (*vip, why)));
                    continue;
                }
                let holders = claims.hold(*vip, ours.id, ours.service);
                match offer(index, &mut offers, ours, *vip) {
                    Ok(offer) => {
                        let (position, service, created) = (ours.position, ours.id, ours.service.created);
                        let (local, gap) = (ours.local(), ours.gap());
                        push(&mut holders.claims, Claim { position, service, created, offer, local, gap });
                    }
                    Err(why) => push(&mut claims.refused[ours.position], (*vip, why)),
                }
            }
        }
        for holders in claims.vips.values_mut() {
            holders.claims.sort_by_key(|claim| (claim.created, claim.service));
        }
        claims
    }

    fn hold(&mut self, vip: IpAddr, id: &'v ServiceId, service: &'v Service) -> &mut Holders<'v> {
        let age = (service.created, id);
        let lead_vip = service.vips.first().copied().unwrap_or(vip);
        let holders = self.vips.entry(vip).or_insert(Holders { oldest: age, lead_vip, claims: Vec::new() });
        if age < holders.oldest {
            holders.oldest = age;
            holders.lead_vip = lead_vip;
        }
        holders
    }
}

/// Adds an item to a list that seldom gets a second one; by itself, a list begins with room for four, and there are thousands.
pub(crate) fn push<T>(list: &mut Vec<T>, item: T) {
    list.reserve_exact(1);
    list.push(item);
}

/// The offers by the advertisements that make them.
type Offers = BTreeMap<Vec<AdvertisementId>, Rc<Offer>>;

/// Returns what the advertisements offer to `vip` of the service, or why they offer nothing.
fn offer<'v>(index: &Index<'v>, offers: &mut Offers, ours: &Ours<'v>, vip: IpAddr) -> Result<Rc<Offer>, NotAnnounced> {
    let matching = ours.offered(index, Protocol::L2, vip)?.advertisements;
    let selective = matching.iter().map(|id| index.advertisements[id.0]).find(|(_, ad)| ad.has_service_selectors);
    if let (true, Some((advertisement, _))) = (ours.service.allow_shared_ip, selective) {
        return Err(NotAnnounced::SharedIpWithServiceSelector {
            service: ours.id.clone(),
            advertisement: advertisement.clone(),
        });
    }
    if let Some(offer) = offers.get(&matching) {
        return Ok(Rc::clone(offer));
    }
    let offer = Rc::new(Offer::new(index, matching.clone()));
    offers.insert(matching, Rc::clone(&offer));
    Ok(offer)
}

#[cfg(test)]
mod tests;
