//! The peers of one node, grouped by what they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;

use super::offers::{RouteClaim, RouteOffer};
use super::peering::{PeerId, Peering};
use crate::coverage::AdvertisementId;
use crate::index::{Index, NodeId};
use crate::routes::{Family, Prefix, RouteAttributes};

/// Peers that the same advertisements are for, so that they are told the same.
pub(crate) struct Audience {
    pub(crate) peers: Vec<PeerId>,
    /// By family: the advertisements under which the node tells them something.
    advertisements: BTreeMap<Family, BTreeSet<AdvertisementId>>,
}

/// All audiences of one node; every peer that it has a session with is in one.
pub(crate) struct Audiences<'p, 'v> {
    peering: &'p Peering<'v>,
    node: NodeId,
    pub(crate) list: Vec<Audience>,
    /// By number of the offer, then by audience.
    drafts: BTreeMap<usize, Rc<[Vec<Draft>]>>,
    pub(crate) sets: AttributeSets,
}

/// What an audience is told of every VIP under one offer, but for the VIP itself.
struct Draft {
    length: u8,
    attributes: Arc<RouteAttributes>,
    bandwidth_per_endpoint: Option<NonZeroU64>,
}

/// One prefix for one audience.
pub(crate) struct Row {
    pub(crate) audience: usize,
    pub(crate) prefix: Prefix,
    /// Without bandwidth and drain, which depend on who else is announced with the prefix.
    pub(crate) attributes: Arc<RouteAttributes>,
    pub(crate) bandwidth: Option<NonZeroU64>,
}

impl<'p, 'v> Audiences<'p, 'v> {
    pub(crate) fn new(peering: &'p Peering<'v>, node: NodeId) -> Self {
        let mut groups: BTreeMap<BTreeMap<Family, BTreeSet<AdvertisementId>>, Vec<PeerId>> = BTreeMap::new();
        let selecting: Vec<_> = peering.selecting(node).collect();
        for peer in peering.sessions(node).iter().copied() {
            let told = |family: &Family| peering.carries(peer, *family);
            let meant = selecting.iter().copied().filter(|id| peering.advertisement(*id).is_for(peer));
            let advertisements: BTreeSet<_> = meant.collect();
            let families = [Family::Ipv4, Family::Ipv6].into_iter().filter(told);
            groups.entry(families.map(|family| (family, advertisements.clone())).collect()).or_default().push(peer);
        }
        let list = groups.into_iter().map(|(advertisements, peers)| Audience { peers, advertisements }).collect();
        Self { peering, node, list, drafts: BTreeMap::new(), sets: AttributeSets::default() }
    }

    /// Returns what the audiences are told of a claim that the node announces.
    pub(crate) fn rows(&mut self, index: &Index<'_>, claim: &RouteClaim<'_>) -> Vec<Row> {
        let known = self.drafts.get(&claim.offer.number).cloned();
        let drafts = known.unwrap_or_else(|| {
            let drafts: Rc<[_]> = (0..self.list.len()).map(|audience| self.draft(audience, &claim.offer)).collect();
            self.drafts.insert(claim.offer.number, Rc::clone(&drafts));
            drafts
        });
        let weighed = drafts.iter().flatten().any(|draft| draft.bandwidth_per_endpoint.is_some());
        let weight = if weighed { claim.weight(index, self.node).and_then(NonZeroU64::new) } else { None };
        let mut rows: Vec<Row> = Vec::new();
        for (audience, draft) in
            drafts.iter().enumerate().flat_map(|(at, drafts)| drafts.iter().map(move |it| (at, it)))
        {
            let prefix = Prefix::inside(&claim.range, claim.vip, draft.length);
            // A prefix that was cut at the end of the pool gives way to one that was asked for at that length.
            if rows.last().is_some_and(|row| row.audience == audience && row.prefix == prefix) {
                continue;
            }
            let bandwidth = draft.bandwidth_per_endpoint.zip(weight).map(|(each, count)| each.saturating_mul(count));
            rows.push(Row { audience, prefix, attributes: Arc::clone(&draft.attributes), bandwidth });
        }
        rows
    }

    /// Merges the advertisements of an offer that are for the audience, one draft per length, the longest first.
    fn draft(&mut self, audience: usize, offer: &RouteOffer) -> Vec<Draft> {
        let Some(told) = self.list[audience].advertisements.get(&offer.family) else { return Vec::new() };
        let mut by_length: BTreeMap<u8, (RouteAttributes, Option<NonZeroU64>)> = BTreeMap::new();
        for id in offer.advertisements.iter().filter(|id| told.contains(id)) {
            let advertisement = self.peering.advertisement(*id).specification;
            let (attributes, bandwidth) = by_length.entry(advertisement.length(offer.family)).or_default();
            attributes.local_pref = advertisement.local_pref;
            attributes.med = advertisement.med;
            attributes.prepend = advertisement.prepend;
            attributes.communities.extend(&advertisement.communities);
            attributes.large_communities.extend(&advertisement.large_communities);
            *bandwidth = advertisement.bandwidth_per_endpoint.max(*bandwidth);
        }
        let draft = |(length, (attributes, bandwidth_per_endpoint))| Draft {
            length,
            attributes: self.sets.intern(attributes),
            bandwidth_per_endpoint,
        };
        by_length.into_iter().rev().map(draft).collect()
    }
}

/// Sets of attributes by content, so that thousands of routes share a few.
#[derive(Default)]
pub(crate) struct AttributeSets(BTreeSet<Arc<RouteAttributes>>);

impl AttributeSets {
    pub(crate) fn intern(&mut self, attributes: RouteAttributes) -> Arc<RouteAttributes> {
        if let Some(known) = self.0.get(&attributes) {
            return Arc::clone(known);
        }
        let attributes = Arc::new(attributes);
        self.0.insert(Arc::clone(&attributes));
        attributes
    }
}
