//! What one node tells each audience, service by service.

use std::collections::{BTreeMap, btree_map};
use std::num::NonZeroU64;
use std::sync::Arc;

use super::audiences::{Audiences, Row};
use super::offers::RouteClaim;
use super::peering::Peering;
use crate::exclusion::{DrainTrigger, Exclusion};
use crate::index::{Index, NodeId};
use crate::names::ServiceId;
use crate::routes::{Prefix, RouteAttributes, RouteTable};

/// The routes of one node while they are collected, the oldest service first.
pub(crate) struct Tables<'p, 'v> {
    index: &'p Index<'v>,
    node: NodeId,
    pub(crate) audiences: Audiences<'p, 'v>,
    /// By audience.
    routes: Vec<BTreeMap<Prefix, Entry<'v>>>,
}

struct Entry<'v> {
    attributes: Arc<RouteAttributes>,
    /// The sum over the services; none if one of them is not weighed.
    bandwidth: Option<NonZeroU64>,
    /// None of the services needs it to stay.
    leaving: bool,
    oldest: &'v ServiceId,
}

/// What a node is to a claim that it announces.
#[derive(Clone, Copy)]
pub(crate) enum Drain<'p> {
    /// It goes on announcing.
    None,
    /// It goes on announcing though it drains, as no other node is left that can be counted on.
    LastResort(&'p DrainTrigger),
    /// It announces until the drain is over.
    Leaving(&'p DrainTrigger),
}

/// A claim that is announced.
pub(crate) struct Admitted<'p> {
    pub(crate) rows: Vec<Row>,
    pub(crate) drain: Drain<'p>,
}

impl<'p, 'v> Tables<'p, 'v> {
    pub(crate) fn new(index: &'p Index<'v>, peering: &'p Peering<'v>, node: NodeId) -> Self {
        let audiences = Audiences::new(peering, node);
        let routes = audiences.list.iter().map(|_| BTreeMap::new()).collect();
        Self { index, node, audiences, routes }
    }

    /// Adds the routes of a claim that is not older than those added before, or returns why the node does not announce it.
    pub(crate) fn admit(&mut self, claim: &RouteClaim<'v>) -> Result<Admitted<'p>, Exclusion> {
        if let Some(why) = claim.exclusion(self.node) {
            return Err(why.clone());
        }
        let rows = self.audiences.rows(self.index, claim);
        if let Some((sharer, prefix)) = rows.iter().find_map(|row| self.contradicted(row)) {
            return Err(Exclusion::ConflictWithSharer { sharer: sharer.clone(), prefix });
        }
        let drain = match &self.index.facts(self.node).drain {
            None => Drain::None,
            Some(trigger) if claim.lasts(self.index) => Drain::Leaving(trigger),
            Some(trigger) => Drain::LastResort(trigger),
        };
        let leaving = matches!(drain, Drain::Leaving(_));
        for row in &rows {
            self.add(row, claim.service, leaving);
        }
        Ok(Admitted { rows, drain })
    }

    fn contradicted(&self, row: &Row) -> Option<(&'v ServiceId, Prefix)> {
        let entry = self.routes[row.audience].get(&row.prefix)?;
        let rank = |it: &RouteAttributes| (it.local_pref, it.med, it.prepend);
        (rank(&entry.attributes) != rank(&row.attributes)).then_some((entry.oldest, row.prefix))
    }

    fn add(&mut self, row: &Row, service: &'v ServiceId, leaving: bool) {
        let Row { audience, prefix, attributes, bandwidth } = row;
        let new = || Entry { attributes: Arc::clone(attributes), bandwidth: *bandwidth, leaving, oldest: service };
        match self.routes[*audience].entry(*prefix) {
            btree_map::Entry::Vacant(vacant) => {
                vacant.insert(new());
            }
            btree_map::Entry::Occupied(mut occupied) => {
                let entry = occupied.get_mut();
                entry.leaving &= leaving;
                entry.bandwidth = entry.bandwidth.zip(*bandwidth).map(|(one, other)| one.saturating_add(other.get()));
                if !Arc::ptr_eq(&entry.attributes, attributes) {
                    let mut union = RouteAttributes::clone(&entry.attributes);
                    union.communities.extend(&attributes.communities);
                    union.large_communities.extend(&attributes.large_communities);
                    entry.attributes = self.audiences.sets.intern(union);
                }
            }
        }
    }

    /// Returns the routes, by audience.
    pub(crate) fn finish(self) -> Vec<Arc<RouteTable>> {
        let mut sets = self.audiences.sets;
        let mut finished = |(prefix, entry): (Prefix, Entry<'_>)| {
            let Entry { attributes, bandwidth: link_bandwidth, leaving: graceful_shutdown, oldest: _ } = entry;
            if link_bandwidth.is_none() && !graceful_shutdown {
                return (prefix, attributes);
            }
            let whole = RouteAttributes { link_bandwidth, graceful_shutdown, ..RouteAttributes::clone(&attributes) };
            (prefix, sets.intern(whole))
        };
        self.routes.into_iter().map(|routes| Arc::new(routes.into_iter().map(&mut finished).collect())).collect()
    }
}
