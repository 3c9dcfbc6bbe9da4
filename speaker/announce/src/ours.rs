//! The services that are ours to announce: what decides alike for both protocols.

use std::net::IpAddr;
use std::rc::Rc;

use crate::coverage::AdvertisementId;
use crate::index::{Index, NodeId};
use crate::names::{Protocol, ServiceId};
use crate::verdict::NotAnnounced;
use crate::view::{AddressRange, Endpoint, Gap, Service, ServiceKind, ServiceSlice, TrafficPolicy};

/// A service with VIPs that is ours to announce.
pub(crate) struct Ours<'v> {
    /// Its position among the services that are ours.
    pub(crate) position: usize,
    pub(crate) id: &'v ServiceId,
    pub(crate) service: &'v Service,
    backing: Backing,
}

/// Where the endpoints of a service are, as far as its policy cares.
enum Backing {
    Nowhere,
    Anywhere,
    On(Rc<[NodeId]>),
}

/// What a protocol has for one VIP of a service.
pub(crate) struct Offered {
    /// The part of the pool that the VIP lies in.
    pub(crate) range: AddressRange,
    /// The matching advertisements, in name order and at least one.
    pub(crate) advertisements: Vec<AdvertisementId>,
}

impl<'v> Ours<'v> {
    /// Returns the services that are ours, and why not for each that is not; both in the order of the view.
    pub(crate) fn collect(part: &ServiceSlice<'v>, index: &Index<'v>) -> (Vec<Self>, Vec<Option<NotAnnounced>>) {
        let mut ours = Vec::new();
        let mut others = Vec::with_capacity(part.len());
        for (id, service) in part.iter().copied() {
            let why_not = not_ours(id, service);
            if why_not.is_none() {
                ours.push(Self { position: ours.len(), id, service, backing: Backing::of(service, index) });
            }
            others.push(why_not);
        }
        (ours, others)
    }

    /// Returns the nodes with an endpoint that can serve, in order, if only such may announce.
    pub(crate) fn local(&self) -> Option<Rc<[NodeId]>> {
        match &self.backing {
            Backing::Nowhere | Backing::Anywhere => None,
            Backing::On(nodes) => Some(Rc::clone(nodes)),
        }
    }

    /// Returns why there may be endpoints that nobody knows of, if so.
    pub(crate) fn gap(&self) -> Option<&'v Gap> {
        self.service.gaps.iter().find(|gap| gap.hides_endpoints())
    }

    /// Returns what `protocol` has for `vip` of the service, or why it has nothing.
    pub(crate) fn offered(&self, index: &Index<'v>, protocol: Protocol, vip: IpAddr) -> Result<Offered, NotAnnounced> {
        let service = || self.id.clone();
        let (range, pool) = index.pool_of(vip).ok_or_else(|| NotAnnounced::NotInPool { service: service(), vip })?;
        if self.service.not_admitted.contains(&vip) {
            return Err(NotAnnounced::NotAdmitted { service: service(), vip, pool: pool.clone() });
        }
        let coverage = index.coverage(protocol);
        if !coverage.is_advertised(pool) {
            return Err(match index.coverage(protocol.other()).is_advertised(pool) {
                true => NotAnnounced::OtherProtocol { service: service(), vip, pool: pool.clone(), protocol },
                false => NotAnnounced::NoAdvertisement { service: service(), vip, pool: pool.clone() },
            });
        }
        if let Backing::Nowhere = self.backing {
            let nowhere = NotAnnounced::NoEndpoints { service: service() };
            return Err(unless_unknown(self.id, self.gap(), nowhere));
        }
        let advertisements = coverage.matching(self.id, pool);
        if advertisements.is_empty() {
            return Err(NotAnnounced::NoMatchingAdvertisement { service: service(), pool: pool.clone(), protocol });
        }
        Ok(Offered { range, advertisements })
    }
}

/// Returns why a service of which no suitable endpoint is known is not announced: it has none, unless there may be others.
pub(crate) fn unless_unknown(service: &ServiceId, gap: Option<&Gap>, none: NotAnnounced) -> NotAnnounced {
    match gap {
        Some(gap) => NotAnnounced::EndpointsUnknown { service: service.clone(), gap: gap.clone() },
        None => none,
    }
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
}

fn not_ours(id: &ServiceId, service: &Service) -> Option<NotAnnounced> {
    let id = || id.clone();
    match &service.kind {
        ServiceKind::NotLoadBalancer => Some(NotAnnounced::NotLoadBalancer { service: id() }),
        ServiceKind::OtherClass { class } => Some(NotAnnounced::OtherClass { service: id(), class: class.clone() }),
        ServiceKind::Unreadable { reason } => Some(NotAnnounced::Unreadable { service: id(), reason: reason.clone() }),
        ServiceKind::Ours => service.vips.is_empty().then(|| NotAnnounced::NoAddress { service: id() }),
    }
}
