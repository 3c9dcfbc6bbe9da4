//! Which Services the routers have heard of, from what the sessions really sent.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use announce::{Desired, PeerName, ServiceId};

use crate::drivers::observed::PeerObserved;

/// The peers that were told of each address of each Service; nothing is in here that no peer was told of.
pub type Advertised = BTreeMap<ServiceId, BTreeMap<IpAddr, BTreeSet<PeerName>>>;

/// Returns what routers were told of Services, given the addresses that these hold.
///
/// A route to many addresses counts for those alone that the plan announces by it.
pub fn advertised<'a>(
    desired: &Desired,
    addresses: impl IntoIterator<Item = (&'a ServiceId, &'a [IpAddr])>,
    peers: &[PeerObserved],
) -> Advertised {
    let mut advertised = Advertised::new();
    for (service, ips) in addresses {
        let Some(verdict) = desired.services.get(service).map(|verdict| &verdict.bgp) else { continue };
        let planned: Vec<&PeerObserved> = peers.iter().filter(|peer| verdict.peers.contains(&peer.name)).collect();
        let announced = ips.iter().filter(|ip| verdict.refused.iter().all(|(refused, _)| refused != *ip));
        let told = announced.filter_map(|ip| {
            let told = planned.iter().filter(|peer| peer.was_told_of(*ip));
            let told: BTreeSet<PeerName> = told.map(|peer| peer.name.clone()).collect();
            (!told.is_empty()).then_some((*ip, told))
        });
        let told: BTreeMap<_, _> = told.collect();
        if !told.is_empty() {
            advertised.insert(service.clone(), told);
        }
    }
    advertised
}

/// What the sessions that are up have sent, to know without a look at each Service whether anything is new.
#[derive(Debug)]
pub(crate) struct Heard(Vec<Row>);

/// A peer with the routes that it shall have and those of them that it has not.
type Row = (PeerName, Arc<bgp::Routes>, BTreeSet<bgp::Prefix>);

impl Heard {
    /// Returns what they have sent at this moment.
    pub(crate) fn of(peers: &[PeerObserved]) -> Self {
        let up = peers.iter().filter(|peer| peer.is_up()).filter_map(|peer| Some((peer, peer.session.as_ref()?)));
        Self(up.map(|(peer, session)| (peer.name.clone(), session.routes.clone(), session.unsent.clone())).collect())
    }
}

impl PartialEq for Heard {
    fn eq(&self, other: &Self) -> bool {
        let same = |((name, routes, unsent), (other, table, missing)): (&Row, &Row)| {
            name == other && Arc::ptr_eq(routes, table) && unsent == missing
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }
}

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
