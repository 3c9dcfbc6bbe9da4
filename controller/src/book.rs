use std::collections::BTreeMap;
use std::net::IpAddr;

use ipam::ServiceId;

use crate::view::{ServiceView, Uid};

/// What every service holds, by the work of this controller alone.
///
/// A status can be written by anybody who may patch `services/status`, so a leader believes it once: its first plan opens the book
/// with the statuses as they are, which is how a predecessor or another load balancer hands a cluster over. From then on a service
/// holds what was last confirmed, by a write that was carried out or by a plan that left its status as it was, and a status that
/// says something else is repaired. A service that is not in the book, because it was created or became a load balancer of our
/// class later, can only *claim* what its status says: a claim takes nothing from anybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Book {
    open: bool,
    holdings: BTreeMap<ServiceId, Holding>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Holding {
    uid: Uid,
    addresses: Vec<IpAddr>,
    /// The value of the pool annotation that belongs to the addresses.
    pool: Option<String>,
}

/// What a service holds, and by whose account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold<'a> {
    /// The addresses in their order.
    pub addresses: Vec<IpAddr>,
    /// The value of the pool annotation that belongs to them.
    pub pool: Option<&'a str>,
    /// Whether nothing but the status says so, so that the holdings of all others go first.
    pub claimed: bool,
}

impl Book {
    /// Returns what a service holds by the book, or what it claims by its status.
    pub(crate) fn held<'a>(&'a self, view: &'a ServiceView) -> Hold<'a> {
        match self.holdings.get(&view.id).filter(|holding| holding.uid == view.uid) {
            Some(holding) => Hold::confirmed(&holding.addresses, holding.pool.as_deref()),
            None => Hold {
                addresses: view.addresses().collect(),
                pool: view.pool_annotation.as_deref(),
                claimed: self.open,
            },
        }
    }

    /// Records what a write has left.
    pub(crate) fn enter(&mut self, service: &ServiceId, uid: &Uid, addresses: &[IpAddr], pool: Option<&str>) {
        let holding = Holding { uid: uid.clone(), addresses: addresses.to_vec(), pool: pool.map(Into::into) };
        self.holdings.insert(service.clone(), holding);
    }

    /// Removes a service that is gone.
    pub(crate) fn strike(&mut self, service: &ServiceId) {
        self.holdings.remove(service);
    }

    /// Ends a plan: enters the load balancers that are new, all of them when the book is opened and later those that are `settled`,
    /// and removes those that are load balancers of ours no more.
    pub(crate) fn close(
        &mut self,
        services: &BTreeMap<ServiceId, ServiceView>,
        settled: impl Fn(&&ServiceView) -> bool,
    ) {
        let Self { open, holdings } = self;
        let is_ours = |view: &ServiceView| view.is_load_balancer && view.class_is_ours;
        holdings.retain(|service, _| services.get(service).is_some_and(is_ours));
        let new = |view: &&ServiceView| holdings.get(&view.id).is_none_or(|holding| holding.uid != view.uid);
        let entered = services.values().filter(|view| is_ours(view)).filter(new);
        let entered: Vec<&ServiceView> = entered.filter(|view| !*open || settled(view)).collect();
        for view in entered {
            let addresses: Vec<IpAddr> = view.addresses().collect();
            self.enter(&view.id, &view.uid, &addresses, view.pool_annotation.as_deref());
        }
        self.open = true;
    }
}

impl<'a> Hold<'a> {
    pub(crate) fn confirmed(addresses: &[IpAddr], pool: Option<&'a str>) -> Self {
        Self { addresses: addresses.to_vec(), pool, claimed: false }
    }
}
