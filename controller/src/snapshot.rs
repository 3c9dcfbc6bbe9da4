use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crds::checked::{self, AddressRange};
use ipam::{Created, Demand, FamilyPolicy, Policy, Pool, PoolName, Port, ServiceId};

use crate::book::Hold;
use crate::ledger::Ledger;
use crate::request::RequestFault;
use crate::terms::Terms;

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

/// One service with the fields that matter to allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceView {
    /// Namespace and name.
    pub id: ServiceId,
    /// Tells it from an earlier service of the same name.
    pub uid: Uid,
    /// The version of the object these values were read from.
    pub version: ResourceVersion,
    /// Its age; older services go first.
    pub created: Created,
    /// Whether its type is LoadBalancer.
    pub is_load_balancer: bool,
    /// Whether its `loadBalancerClass` is ours, or none because of its type. Services of a foreign class are left alone entirely.
    pub class_is_ours: bool,
    /// `spec.clusterIPs` as written; they decide the families, not `spec.ipFamilies`.
    pub cluster_ips: Vec<String>,
    /// `spec.ipFamilyPolicy`.
    pub family_policy: FamilyPolicy,
    /// What annotations and `spec.loadBalancerIP` ask for; see [`demand`](crate::demand).
    pub demand: Result<Demand, RequestFault>,
    /// The `allow-shared-ip` annotation.
    pub sharing_key: Option<String>,
    /// `spec.externalTrafficPolicy`.
    pub traffic_policy: TrafficPolicy,
    /// `spec.selector`.
    pub selector: BTreeMap<String, String>,
    /// `spec.ports`.
    pub ports: BTreeSet<Port>,
    /// `status.loadBalancer.ingress`.
    pub ingress: Vec<Ingress>,
    /// The `ip-allocated-from-pool` annotation, under the legacy prefix where only that is there.
    pub pool_annotation: Option<String>,
    /// Our condition in `status.conditions`.
    pub condition: Option<Condition>,
    /// The annotation keys it uses with the deprecated prefix.
    pub deprecated_annotations: Vec<String>,
    /// What is to be said of annotations under our prefixes that nobody reads.
    pub unread_annotations: Vec<String>,
    /// `metadata.labels`, which pools select by.
    pub labels: BTreeMap<String, String>,
}

/// `metadata.uid`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uid(pub Arc<str>);

/// `metadata.resourceVersion` as the number it is; later versions are larger. Zero where there is no API server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceVersion(pub u64);

/// `spec.externalTrafficPolicy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TrafficPolicy {
    /// Every node serves every endpoint.
    #[default]
    Cluster,
    /// A node serves its own endpoints only.
    Local,
}

/// The condition `metallb.io/Allocated` of a service, as it is or as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Whether the service has addresses and nothing is wrong with what it asks for.
    pub met: bool,
    /// The token of an [`AllocatedReason`](crds::reasons::AllocatedReason).
    pub reason: String,
    /// The details, for a person.
    pub message: String,
}

/// One entry of `status.loadBalancer.ingress`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ingress {
    /// An address.
    Ip(IpAddr),
    /// An address with something beside it that we do not write, such as a host name or `ipMode: Proxy`.
    Altered(IpAddr),
    /// Anything else, such as a host name that another controller left behind.
    Other(String),
}

impl ServiceView {
    /// Returns the addresses of the status in their order.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.ingress.iter().filter_map(|entry| match entry {
            Ingress::Ip(address) | Ingress::Altered(address) => Some(*address),
            Ingress::Other(_) => None,
        })
    }
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

impl From<&str> for Uid {
    fn from(uid: &str) -> Self {
        Self(uid.into())
    }
}
