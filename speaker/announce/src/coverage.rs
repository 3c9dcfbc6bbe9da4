//! Which advertisements of one protocol are for a service and a pool.

use std::collections::{BTreeMap, BTreeSet};

use crate::names::{PoolName, ServiceId};
use crate::view::{Scope, ServiceSlice};

/// The position of an advertisement among those of its protocol, hence in name order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AdvertisementId(pub(crate) usize);

#[derive(Default)]
pub(crate) struct Coverage<'v> {
    advertised: BTreeSet<&'v PoolName>,
    /// The advertisements of a pool that are for every service.
    open: BTreeMap<&'v PoolName, Vec<AdvertisementId>>,
    /// The advertisements that are for this service and not for all, each with its pools.
    restricted: BTreeMap<&'v ServiceId, Vec<(AdvertisementId, &'v Scope<PoolName>)>>,
}

impl<'v> Coverage<'v> {
    /// Arranges the advertisements, given in name order by the pools and services that they are for, for the services of `part`.
    pub(crate) fn new(
        part: &ServiceSlice<'v>,
        pools: impl Iterator<Item = &'v PoolName> + Clone,
        advertisements: impl Iterator<Item = (&'v Scope<PoolName>, &'v Scope<ServiceId>)>,
    ) -> Self {
        let mut coverage = Self::default();
        for (id, (scope, services)) in advertisements.enumerate() {
            let id = AdvertisementId(id);
            let pools = pools.clone().filter(|pool| scope.contains(pool));
            coverage.advertised.extend(pools.clone());
            match services {
                Scope::All => pools.for_each(|pool| coverage.open.entry(pool).or_default().push(id)),
                // Few services are looked up one by one: a change of one must not cost what thousands that are selected do.
                Scope::Only(services) if part.len() < services.len() => part
                    .iter()
                    .filter(|(service, _)| services.contains(service))
                    .for_each(|(service, _)| coverage.restrict(service, id, scope)),
                Scope::Only(services) => services.iter().for_each(|service| coverage.restrict(service, id, scope)),
            }
        }
        coverage
    }

    fn restrict(&mut self, service: &'v ServiceId, advertisement: AdvertisementId, pools: &'v Scope<PoolName>) {
        self.restricted.entry(service).or_default().push((advertisement, pools));
    }

    /// Returns whether any advertisement is for the pool, whatever its services.
    pub(crate) fn is_advertised(&self, pool: &PoolName) -> bool {
        self.advertised.contains(pool)
    }

    /// Returns the advertisements for this service and pool, in name order.
    pub(crate) fn matching(&self, service: &ServiceId, pool: &PoolName) -> Vec<AdvertisementId> {
        let mut matching = self.open.get(pool).cloned().unwrap_or_default();
        let restricted = self.restricted.get(service).map_or(&[][..], Vec::as_slice);
        matching.extend(restricted.iter().filter(|(_, pools)| pools.contains(pool)).map(|(id, _)| *id));
        matching.sort_unstable();
        matching
    }
}

#[cfg(test)]
mod tests;
