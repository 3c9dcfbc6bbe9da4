use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crds::checked::{self, AddressRange};
use ipam::{Demand, Policy, Pool, PoolName, ServiceId};

use crate::book::Hold;
use crate::ledger::Ledger;
use crate::terms::Terms;
use crate::view::ServiceView;

/// The cluster as plain values, everything a plan may depend on.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The valid pools, selectors resolved.
    pub pools: Vec<Pool>,
    /// The pools that exist and cannot be read. What was given out of them stays as it is: a slip in a pool must not take the
    /// addresses of every service in it.
    pub broken_pools: BTreeMap<PoolName, BrokenPool>,
    /// All services, of whatever type and class.
    pub services: BTreeMap<ServiceId, ServiceView>,
    /// Who may share addresses, and which are never handed out.
    pub policy: Policy,
    /// The services that another program keeps changing, with its name as far as it is known.
    pub contended: BTreeMap<ServiceId, Arc<str>>,
    /// Writes that `services` may not show yet.
    pub ledger: Ledger,
    /// The terms under which services were given the addresses they share.
    pub terms: Terms,
}

/// What can be read of a pool that exists and cannot be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrokenPool {
    /// The entries that can be read; none if some cannot be, for then any address may be meant.
    pub ranges: Option<Vec<AddressRange>>,
}

impl Snapshot {
    /// Returns the broken pool that a service may have its addresses from, or asks for: one that the pool annotation names, one that
    /// the service requests, or else one that may contain an address which lies in no pool that can be read.
    ///
    /// What is only claimed is nobody's, and is not kept for want of knowledge.
    pub(crate) fn broken_pool_of(&self, view: &ServiceView, hold: &Hold<'_>) -> Option<&PoolName> {
        if !view.is_load_balancer || hold.claimed || hold.addresses.is_empty() || self.broken_pools.is_empty() {
            return None;
        }
        let requested = view.demand.as_ref().ok().and_then(Demand::pool).map(PoolName::as_str);
        let named: Vec<&str> = hold.pool.iter().flat_map(|pools| pools.split(',')).chain(requested).collect();
        let mut broken = self.broken_pools.keys();
        broken.find(|pool| named.contains(&pool.as_str())).or_else(|| {
            let is_readable = |address: IpAddr| {
                self.pools.iter().flat_map(Pool::ranges).any(|range| range.contains(address.to_canonical()))
            };
            let lost: Vec<IpAddr> = hold.addresses.iter().copied().filter(|address| !is_readable(*address)).collect();
            let mut broken = self.broken_pools.iter();
            broken.find(|(_, pool)| lost.iter().any(|address| pool.may_contain(*address))).map(|(name, _)| name)
        })
    }
}

impl BrokenPool {
    /// Returns a pool that is right as it is written and that allocation cannot use.
    pub fn of(pool: &checked::Pool) -> Self {
        Self { ranges: Some(pool.ranges.clone()) }
    }

    fn may_contain(&self, address: IpAddr) -> bool {
        let Some(ranges) = &self.ranges else { return true };
        ranges.iter().any(|range| range.contains(address.to_canonical()))
    }
}
