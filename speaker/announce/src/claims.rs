//! What each service asks for: a claim per VIP, with the nodes that its advertisements and endpoints allow.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use crate::index::{AdvertisementId, Index, NodeId};
use crate::names::ServiceId;
use crate::verdict::{Exclusion, Headcount, NotAnnounced};
use crate::view::{Created, Endpoint, Service, ServiceKind, TrafficPolicy, View};

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
        let mut count = Headcount::default();
        for (id, facts) in index.nodes.iter().enumerate() {
            match &facts.barred {
                _ if !self.selects(index, NodeId(id)) => count.not_selected += 1,
                Some(Exclusion::NetworkUnavailable) => count.network_unavailable += 1,
                Some(Exclusion::ExcludeLabel) => count.exclude_label += 1,
                Some(Exclusion::NotSelected | Exclusion::NoLocalEndpoint | Exclusion::SharerElsewhere { .. })
                | None => {}
            }
        }
        count
    }
}

/// The wish of one service to be announced with one VIP.
pub(crate) struct Claim<'v> {
    /// The position of the service in the view.
    pub(crate) position: usize,
    pub(crate) service: &'v ServiceId,
    created: Created,
    pub(crate) offer: Rc<Offer>,
    /// Policy Local: the nodes with an endpoint that can serve, in order.
    pub(crate) local: Option<Rc<[NodeId]>>,
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
            return Some(Exclusion::NotSelected);
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
        (!somebody).then(|| NotAnnounced::NoLocalEndpoints { service: self.service.clone() })
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

/// All claims, and why the other services have none.
#[derive(Default)]
pub(crate) struct Claims<'v> {
    pub(crate) vips: BTreeMap<IpAddr, Holders<'v>>,
    /// By position of the service: what is wrong with it as a whole.
    pub(crate) unclaimed: Vec<Option<NotAnnounced>>,
    /// By position of the service: what is wrong with some of its VIPs.
    pub(crate) refused: Vec<Vec<(IpAddr, NotAnnounced)>>,
}

impl<'v> Claims<'v> {
    pub(crate) fn collect(view: &'v View, index: &Index<'v>) -> Self {
        let mut claims = Self::default();
        let mut offers = BTreeMap::new();
        for (position, (id, service)) in view.services.iter().enumerate() {
            claims.refused.push(Vec::new());
            claims.unclaimed.push(not_ours(id, service));
            if claims.unclaimed[position].is_some() {
                continue;
            }
            let backing = Backing::of(service, index);
            for vip in &service.vips {
                let holders = claims.hold(*vip, id, service);
                match offer(index, &mut offers, id, service, *vip, &backing) {
                    Ok(offer) => {
                        let (created, local) = (service.created, backing.local());
                        holders.claims.push(Claim { position, service: id, created, offer, local });
                    }
                    Err(why) => claims.refused[position].push((*vip, why)),
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

/// Where the endpoints of a service are, as far as its policy cares.
enum Backing {
    Nowhere,
    Anywhere,
    On(Rc<[NodeId]>),
}

impl Backing {
    fn of(service: &Service, index: &Index<'_>) -> Self {
        let mut serving = service.endpoints.iter().filter(|endpoint| endpoint.can_serve()).peekable();
        if serving.peek().is_none() {
            return Self::Nowhere;
        }
        match service.traffic_policy {
            TrafficPolicy::Cluster => Self::Anywhere,
            TrafficPolicy::Local => {
                let node_of = |endpoint: &Endpoint| endpoint.node.as_ref().and_then(|node| index.node(node));
                let mut nodes: Vec<_> = serving.filter_map(node_of).collect();
                nodes.sort_unstable();
                nodes.dedup();
                Self::On(nodes.into())
            }
        }
    }

    fn local(&self) -> Option<Rc<[NodeId]>> {
        match self {
            Self::Nowhere | Self::Anywhere => None,
            Self::On(nodes) => Some(Rc::clone(nodes)),
        }
    }
}

fn not_ours(id: &ServiceId, service: &Service) -> Option<NotAnnounced> {
    let id = || id.clone();
    match &service.kind {
        ServiceKind::NotLoadBalancer => Some(NotAnnounced::NotLoadBalancer { service: id() }),
        ServiceKind::OtherClass { class } => Some(NotAnnounced::OtherClass { service: id(), class: class.clone() }),
        ServiceKind::Ours => service.vips.is_empty().then(|| NotAnnounced::NoAddress { service: id() }),
    }
}

/// The offers by the advertisements that make them.
type Offers = BTreeMap<Vec<AdvertisementId>, Rc<Offer>>;

/// Returns what the advertisements offer to `vip` of the service, or why they offer nothing.
fn offer(
    index: &Index<'_>,
    offers: &mut Offers,
    id: &ServiceId,
    service: &Service,
    vip: IpAddr,
    backing: &Backing,
) -> Result<Rc<Offer>, NotAnnounced> {
    let pool = index.pool_of(vip).ok_or_else(|| NotAnnounced::NotInPool { service: id.clone(), vip })?;
    if !index.is_advertised(pool) {
        return Err(NotAnnounced::NoAdvertisement { service: id.clone(), vip, pool: pool.clone() });
    }
    if let Backing::Nowhere = backing {
        return Err(NotAnnounced::NoEndpoints { service: id.clone() });
    }
    let matching = index.matching(id, pool);
    if matching.is_empty() {
        return Err(NotAnnounced::NoMatchingAdvertisement { service: id.clone(), pool: pool.clone() });
    }
    let selective = matching.iter().map(|id| index.advertisements[id.0]).find(|(_, ad)| ad.has_service_selectors);
    if let (true, Some((advertisement, _))) = (service.allow_shared_ip, selective) {
        return Err(NotAnnounced::SharedIpWithServiceSelector {
            service: id.clone(),
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
