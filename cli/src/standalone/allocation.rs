//! Gives Services their addresses, and remembers them in the state directory.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use controller::{BrokenPool, Condition, Ingress, Plan, Refusal, ServiceView, Snapshot, Terms, convert};
use crds::checked::Compiled;
use crds::core::{IpFamily, IpFamilyPolicy, Service, ServiceSpec};
use ipam::{Placed, Policy, PoolName, ServiceId};
use ipnet::IpNet;

use super::configuration::Cluster;
use super::state::{Addresses, Held, State, StateError};

/// The addresses of all Services.
#[derive(Debug)]
pub(super) struct Allocator {
    state: State,
    /// What was said of each Service last; in a cluster its status remembers.
    conditions: BTreeMap<ServiceId, Condition>,
    /// The terms under which addresses are shared.
    terms: Terms,
    /// The subnets this node is on, whose own addresses nobody gets.
    pub(super) subnets: BTreeSet<IpNet>,
}

/// What was decided.
#[derive(Debug, Clone, Default)]
pub(super) struct Allocated {
    /// The plan, of which the addresses are already in effect.
    pub plan: Plan,
    /// What went wrong beside the objects themselves.
    pub faults: Vec<String>,
}

impl Allocator {
    /// Reads what was held when the last process ended.
    ///
    /// # Errors
    /// Fails when the state is there and cannot be used.
    pub(super) fn load(directory: &Path) -> Result<Self, StateError> {
        Ok(Self {
            state: State::load(directory)?,
            conditions: BTreeMap::new(),
            terms: Terms::default(),
            subnets: BTreeSet::new(),
        })
    }

    /// Plans and puts the plan into effect.
    pub(super) fn allocate(&mut self, compiled: &Compiled, cluster: &Cluster<'_>, lb_class: &str) -> Allocated {
        let views = cluster.services.iter().map(|service| self.view(service, lb_class));
        let services: BTreeMap<ServiceId, ServiceView> = views.map(|view| (view.id.clone(), view)).collect();
        self.conditions.retain(|id, _| services.contains_key(id));
        let (mut snapshot, mut faults) = snapshot(compiled, cluster, services);
        snapshot.terms = std::mem::take(&mut self.terms);
        snapshot.policy.subnets.clone_from(&self.subnets);
        let mut plan = controller::plan(&snapshot);
        snapshot.remember(&plan);
        self.terms = snapshot.terms;
        // What was done is not kept: with thousands of Services it is most of a plan.
        for change in std::mem::take(&mut plan.changes) {
            for event in change.events {
                tracing::info!(service = %event.service, reason = event.reason.as_str(), "{}", event.message);
            }
            match change.write.condition {
                Some(condition) => self.conditions.insert(change.service, condition),
                None => self.conditions.remove(&change.service),
            };
        }
        if let Err(error) = self.state.store(self.held(&plan)) {
            faults.push(format!("{:#}", anyhow::Error::new(error)));
        }
        Allocated { plan, faults }
    }

    /// Returns the addresses that are in effect.
    pub(super) fn addresses(&self) -> BTreeMap<announce::ServiceId, Vec<IpAddr>> {
        let id = |key: &str| key.split_once('/').map(|(namespace, name)| announce::ServiceId::new(namespace, name));
        self.state.addresses().iter().filter_map(|(key, held)| Some((id(key)?, held.ips.clone()))).collect()
    }

    /// Returns what the state says a Service holds, and for one it has never seen, what its manifest says.
    fn view(&self, service: &Service, lb_class: &str) -> ServiceView {
        let mut view = service_view(service, lb_class);
        view.condition = self.conditions.get(&view.id).cloned();
        if let Some(held) = self.state.addresses().get(&view.id.to_string()) {
            view.ingress = held.ips.iter().copied().map(Ingress::Ip).collect();
            view.pool_annotation = Some(held.pool.clone());
        }
        view
    }

    /// Returns what is held once the plan is carried out. Services that are gone, or of another class, hold nothing.
    fn held(&self, plan: &Plan) -> Addresses {
        let mut held: Addresses = plan.allocations.iter().map(|(id, placed)| (id.to_string(), hold(placed))).collect();
        for (id, refusal) in &plan.refusals {
            // Nobody knows whether its addresses are still legal, so it keeps them.
            if let Refusal::PoolBroken { .. } = refusal
                && let Some(before) = self.state.addresses().get(&id.to_string())
            {
                held.insert(id.to_string(), before.clone());
            }
        }
        held
    }
}

/// Returns everything a plan depends on, and the pools that turned out to be none.
pub(crate) fn snapshot(
    compiled: &Compiled,
    cluster: &Cluster<'_>,
    services: BTreeMap<ServiceId, ServiceView>,
) -> (Snapshot, Vec<String>) {
    let mut faults = Vec::new();
    let mut pools = Vec::new();
    let mut broken_pools = convert::refused_pools(compiled, cluster.pools.iter().copied());
    for checked in compiled.config.pools.values() {
        match convert::pool(checked, cluster.namespaces.iter().map(Cow::as_ref), services.values()) {
            Ok(pool) => pools.push(pool),
            Err(error) => {
                broken_pools.insert(PoolName::from(checked.name.as_str()), BrokenPool::of(checked));
                faults.push(format!("{:#}", anyhow::Error::new(error)));
            }
        }
    }
    let policy = Policy { reserved: node_addresses(cluster), excluded: convert::excluded(), ..Policy::default() };
    (Snapshot { pools, broken_pools, services, policy, ..Snapshot::default() }, faults)
}

/// Returns what allocation needs of a Service that may never have been applied to an API server.
pub(crate) fn service_view(service: &Service, lb_class: &str) -> ServiceView {
    let mut view = convert::service_view(service, lb_class);
    if view.cluster_ips.is_empty() {
        view.cluster_ips = stand_in_cluster_ips(&service.spec);
    }
    view
}

fn hold(placed: &[Placed]) -> Held {
    let mut pools: Vec<&str> = placed.iter().map(|placed| placed.pool.as_str()).collect();
    pools.dedup();
    Held { ips: placed.iter().map(|placed| placed.address).collect(), pool: pools.join(",") }
}

/// Returns what an API server would have written into `spec.clusterIPs`: manifests that were never applied have none.
///
/// Only the families count, so unspecified addresses stand for them.
fn stand_in_cluster_ips(spec: &ServiceSpec) -> Vec<String> {
    // A headless Service has no cluster IP by intention.
    if spec.cluster_ip.as_deref() == Some("None") {
        return Vec::new();
    }
    let dual = match spec.ip_family_policy {
        Some(IpFamilyPolicy::PreferDualStack | IpFamilyPolicy::RequireDualStack) => true,
        Some(IpFamilyPolicy::SingleStack | IpFamilyPolicy::Unknown) | None => false,
    };
    let families = match (spec.ip_families.as_slice(), dual) {
        ([] | [IpFamily::V4], true) => &[IpFamily::V4, IpFamily::V6],
        ([IpFamily::V6], true) => &[IpFamily::V6, IpFamily::V4],
        ([], false) => &[IpFamily::V4] as &[_],
        (written, _) => written,
    };
    let address = |family: &IpFamily| match family {
        IpFamily::V4 => Some("0.0.0.0".to_owned()),
        IpFamily::V6 => Some("::".to_owned()),
        IpFamily::Unknown => None,
    };
    families.iter().filter_map(address).collect()
}

fn node_addresses(cluster: &Cluster<'_>) -> BTreeSet<IpAddr> {
    let addresses = cluster.nodes.iter().flat_map(|node| &node.status.addresses);
    addresses.filter_map(|address| address.address.parse().ok()).collect()
}

#[cfg(test)]
mod tests;
