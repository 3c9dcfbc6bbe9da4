use std::fmt;
use std::sync::Arc;

use crds::reasons::{AllocatedReason, EventReason};
use ipam::{ConflictKind, PoolName, PoolRefusal, Unfit};

use crate::view::RequestFault;

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
    /// Another program keeps changing what it is given.
    Contended {
        /// The program, as it calls itself; empty if nobody knows.
        by: Arc<str>,
    },
    /// The allocation refuses it, in whole.
    Allocation(ipam::Refusal),
    /// The allocation refuses a part of it; the rest is kept or given.
    Partial(ipam::Refusal),
}

impl Refusal {
    /// Returns the reason that stands for the refusal in conditions, metrics and logs.
    pub fn reason(&self) -> AllocatedReason {
        match self {
            Self::Request(_) => AllocatedReason::InvalidRequest,
            Self::ClusterFamilies { .. } => AllocatedReason::ClusterIpFamilyUnknown,
            Self::PoolBroken { .. } => AllocatedReason::PoolInvalid,
            Self::Contended { .. } => AllocatedReason::Contended,
            Self::Allocation(refusal) => reason(refusal),
            Self::Partial(ipam::Refusal::NoAddress { .. }) => AllocatedReason::OneFamily,
            Self::Partial(refusal) => reason(refusal),
        }
    }

    /// Says whether the service has addresses and asks for nothing that cannot be understood or had.
    pub(crate) fn is_content(&self) -> bool {
        match self {
            Self::PoolBroken { .. } | Self::Partial(ipam::Refusal::NoAddress { .. }) => true,
            Self::Request(_)
            | Self::ClusterFamilies { .. }
            | Self::Contended { .. }
            | Self::Allocation(_)
            | Self::Partial(_) => false,
        }
    }

    pub(crate) fn event(&self) -> EventReason {
        match self {
            Self::Request(_) => EventReason::LoadBalancerFailed,
            Self::ClusterFamilies { .. } => EventReason::NoClusterIpsFamily,
            Self::Contended { .. } => EventReason::Contended,
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
            Self::Contended { by } => {
                match &**by {
                    "" => write!(f, "another program, which metadata.managedFields may name,")?,
                    name => write!(f, "the field manager {name:?}")?,
                }
                write!(
                    f,
                    " keeps changing this Service while its status is being written, so it is written at most once a minute until \
                     that ends; let one program serve it alone, such as by spec.loadBalancerClass"
                )
            }
            Self::Allocation(refusal) | Self::Partial(refusal) => write!(f, "{refusal}"),
        }
    }
}

fn reason(refusal: &ipam::Refusal) -> AllocatedReason {
    match refusal {
        ipam::Refusal::NoPools => AllocatedReason::NoPool,
        ipam::Refusal::NoClusterIp => AllocatedReason::NoClusterIp,
        ipam::Refusal::NotDualStack { .. } => AllocatedReason::NotDualStack,
        ipam::Refusal::UnknownPool { .. } => AllocatedReason::UnknownPool,
        ipam::Refusal::RequestedFamilies { .. } => AllocatedReason::InvalidRequest,
        ipam::Refusal::RequestedAddress { unfit, .. } => match unfit {
            Unfit::OutsideEveryPool => AllocatedReason::RequestedAddressOutside,
            Unfit::Avoided { .. } | Unfit::Reserved(_) => AllocatedReason::RequestedAddressReserved,
            Unfit::NotAdmitted { .. } => AllocatedReason::PoolNotAdmitted,
            Unfit::InUse(conflict) => match conflict.kind {
                ConflictKind::HolderHasNoKey => AllocatedReason::RequestedAddressInUse,
                ConflictKind::ServiceHasNoKey
                | ConflictKind::OtherNamespace
                | ConflictKind::OtherKey
                | ConflictKind::OtherBackend
                | ConflictKind::Port(_) => AllocatedReason::SharingConflict,
            },
            Unfit::FamilyNotServed(_)
            | Unfit::SecondOfFamily { .. }
            | Unfit::NotRequested
            | Unfit::OtherPool { .. } => AllocatedReason::InvalidRequest,
        },
        ipam::Refusal::NoAddress { .. } => match refusal.closest() {
            None => AllocatedReason::NoPool,
            Some(PoolRefusal::NotAdmitted(_)) => AllocatedReason::PoolNotAdmitted,
            Some(PoolRefusal::OnRequestOnly) => AllocatedReason::PoolOnRequestOnly,
            Some(PoolRefusal::FamilyAbsent(_)) => AllocatedReason::FamilyUnavailable,
            Some(PoolRefusal::Exhausted { sharing: None, .. }) => AllocatedReason::PoolExhausted,
            Some(PoolRefusal::Exhausted { sharing: Some(_), .. }) => AllocatedReason::SharingConflict,
        },
    }
}
