use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipam::{Created, Demand, FamilyPolicy, FamilyUsage, Policy, Pool, PoolName, Port, ServiceId, Usage};

use crate::ledger::Ledger;
use crate::request::RequestFault;

/// The cluster as plain values, everything a plan may depend on.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The valid pools, selectors resolved.
    pub pools: Vec<Pool>,
    /// The pools that exist and cannot be read. What was given out of them stays as it is: a slip in a pool must not take the
    /// addresses of every service in it.
    pub broken_pools: BTreeSet<PoolName>,
    /// All services, of whatever type and class.
    pub services: Vec<ServiceView>,
    /// Who may share addresses, and which are never handed out.
    pub policy: Policy,
    /// Writes that `services` may not show yet.
    pub ledger: Ledger,
    /// What the status of each pool says at present.
    pub pool_status: BTreeMap<PoolName, PoolStatus>,
    /// The reason token of each refusal that was reported last: [`Plan::reasons`](crate::Plan::reasons) of the plan before,
    /// or after a restart what the conditions say. An event is due only where it differs.
    pub reported: BTreeMap<ServiceId, String>,
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
    /// Whether its `loadBalancerClass` is ours. Services of a foreign class are left alone entirely.
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
    /// The `ip-allocated-from-pool` annotation.
    pub pool_annotation: Option<String>,
    /// The annotation keys it uses with the deprecated prefix.
    pub deprecated_annotations: Vec<String>,
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

/// One entry of `status.loadBalancer.ingress`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ingress {
    /// An address.
    Ip(IpAddr),
    /// Anything else, such as a host name that another controller left behind.
    Other(String),
}

/// The published counters of a pool; each stops at the largest number the API field holds.
///
/// Saturating here and not at the API keeps a pool with a /64 from being written again and again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// IPv4 addresses in use.
    pub assigned_v4: i64,
    /// IPv6 addresses in use.
    pub assigned_v6: i64,
    /// IPv4 addresses that can still be handed out.
    pub available_v4: i64,
    /// IPv6 addresses that can still be handed out.
    pub available_v6: i64,
}

impl ServiceView {
    /// Returns the addresses of the status in their order.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.ingress.iter().filter_map(|entry| match entry {
            Ingress::Ip(address) => Some(*address),
            Ingress::Other(_) => None,
        })
    }
}

impl From<Usage> for PoolStatus {
    fn from(usage: Usage) -> Self {
        let cut = |count: u128| i64::try_from(count).unwrap_or(i64::MAX);
        let Usage {
            v4: FamilyUsage { assigned: assigned_v4, available: available_v4, .. },
            v6: FamilyUsage { assigned: assigned_v6, available: available_v6, .. },
        } = usage;
        Self {
            assigned_v4: cut(assigned_v4),
            assigned_v6: cut(assigned_v6),
            available_v4: cut(available_v4),
            available_v6: cut(available_v6),
        }
    }
}

impl From<&str> for Uid {
    fn from(uid: &str) -> Self {
        Self(uid.into())
    }
}
