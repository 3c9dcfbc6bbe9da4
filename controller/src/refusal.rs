use std::fmt;

use crds::reasons::EventReason;
use ipam::PoolName;

use crate::request::RequestFault;

/// Says why a service has no address or fewer than it wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Its request cannot be read; what it holds is kept.
    Request(RequestFault),
    /// The families of its cluster IPs cannot be told; what it holds is kept.
    ClusterFamilies {
        /// The cluster IPs as written.
        cluster_ips: Vec<String>,
    },
    /// The pool of its addresses cannot be read; nothing about it is changed until it can.
    PoolBroken {
        /// The pool.
        pool: PoolName,
    },
    /// The allocation refuses it, in whole.
    Allocation(ipam::Refusal),
    /// The allocation refuses a part of it; the rest is kept or given.
    Partial(ipam::Refusal),
}

impl Refusal {
    /// Returns the stable token that stands for the refusal in conditions, events and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Request(fault) => fault.reason(),
            Self::ClusterFamilies { .. } => "ClusterIPFamilyUnknown",
            Self::PoolBroken { .. } => "PoolInvalid",
            Self::Allocation(refusal) | Self::Partial(refusal) => refusal.reason(),
        }
    }

    pub(crate) fn event(&self) -> EventReason {
        match self {
            Self::Request(_) => EventReason::LoadBalancerFailed,
            Self::ClusterFamilies { .. } => EventReason::NoClusterIpsFamily,
            Self::Allocation(ipam::Refusal::NotDualStack { .. }) => EventReason::NotEnoughClusterIps,
            Self::Allocation(_) | Self::PoolBroken { .. } | Self::Partial(ipam::Refusal::RequestedFamilies { .. }) => {
                EventReason::AllocationFailed
            }
            Self::Partial(_) => EventReason::AdditionalAssignFailed,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(fault) => write!(f, "{fault}"),
            Self::ClusterFamilies { cluster_ips } => write!(
                f,
                "the cluster IPs [{}] are not one address per family; correct spec.clusterIPs",
                cluster_ips.join(", ")
            ),
            Self::PoolBroken { pool } => {
                write!(f, "pool \"{pool}\" is invalid, so the service stays as it is; correct the pool")
            }
            Self::Allocation(refusal) | Self::Partial(refusal) => write!(f, "{refusal}"),
        }
    }
}
