use ipam::ServiceId;

use crate::snapshot::Uid;

/// An event about a service. It is planned only when something changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    /// The service it is about.
    pub service: ServiceId,
    /// The uid of that service.
    pub uid: Uid,
    /// What happened.
    pub kind: EventKind,
    /// The details, for a person.
    pub message: String,
}

/// Everything the controller reports about a service; the reasons are MetalLB's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// It got at least one new address.
    IpAllocated,
    /// It lost an address that is not legal any more.
    ClearAssignment,
    /// It stays with the addresses it has and lacks a family.
    AdditionalAssignFailed,
    /// It cannot get what it asks for.
    AllocationFailed,
    /// Its requested addresses cannot be read.
    LoadBalancerFailed,
    /// It requires two families and has one cluster IP.
    NotEnoughClusterIps,
    /// Its status lists more than one address of a family.
    NoLbIpsFamily,
    /// The families of its cluster IPs cannot be told.
    NoClusterIpsFamily,
    /// It uses annotations of the old prefix.
    DeprecatedAnnotation,
}

/// The type of a Kubernetes event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something went as it should.
    Normal,
    /// Someone should look.
    Warning,
}

impl EventKind {
    /// Every kind, for documents and tests.
    pub const ALL: [Self; 9] = [
        Self::IpAllocated,
        Self::ClearAssignment,
        Self::AdditionalAssignFailed,
        Self::AllocationFailed,
        Self::LoadBalancerFailed,
        Self::NotEnoughClusterIps,
        Self::NoLbIpsFamily,
        Self::NoClusterIpsFamily,
        Self::DeprecatedAnnotation,
    ];

    /// Returns the reason field of the event.
    pub fn reason(self) -> &'static str {
        match self {
            Self::IpAllocated => "IPAllocated",
            Self::ClearAssignment => "ClearAssignment",
            Self::AdditionalAssignFailed => "AdditionalAssignFailed",
            Self::AllocationFailed => "AllocationFailed",
            Self::LoadBalancerFailed => "LoadBalancerFailed",
            Self::NotEnoughClusterIps => "not enough clusterips",
            Self::NoLbIpsFamily => "nolbIPsIPFamily",
            Self::NoClusterIpsFamily => "noclusterIPsIPFamily",
            Self::DeprecatedAnnotation => "deprecatedAnnotation",
        }
    }

    /// Returns the type field of the event.
    pub fn severity(self) -> Severity {
        match self {
            Self::IpAllocated | Self::ClearAssignment | Self::AdditionalAssignFailed => Severity::Normal,
            Self::AllocationFailed
            | Self::LoadBalancerFailed
            | Self::NotEnoughClusterIps
            | Self::NoLbIpsFamily
            | Self::NoClusterIpsFamily
            | Self::DeprecatedAnnotation => Severity::Warning,
        }
    }
}
