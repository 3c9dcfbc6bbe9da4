//! The words of conditions and events: closed lists, used by every program.

use crate::fault::Severity;

#[cfg(test)]
mod tests;

/// A condition in the status of one of our objects, or of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// On a configuration object: whether it takes effect.
    Accepted,
    /// On a Service: whether it has the addresses it wants.
    Allocated,
    /// On a Service: whether some node announces its addresses.
    Announced,
    /// On the ConfigurationState of the controller.
    PoolReconcilerValid,
    /// On the ConfigurationState of a speaker.
    ConfigReconcilerValid,
    /// On the ConfigurationState of a speaker: whether it hears every other speaker on its links.
    SpeakersHeard,
}

impl ConditionType {
    /// Returns the type as written. Those on Services carry a prefix, for Services belong to Kubernetes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Allocated => "metallb.io/Allocated",
            Self::Announced => "metallb.io/Announced",
            Self::PoolReconcilerValid => "poolReconcilerValid",
            Self::ConfigReconcilerValid => "configReconcilerValid",
            Self::SpeakersHeard => "speakersHeard",
        }
    }
}

/// Why a configuration object has its `Accepted` condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AcceptedReason {
    /// It takes effect in full.
    Accepted,
    /// It takes effect but for the parts the message names.
    PartlyAccepted,
    /// It is left out: the message names each field that is wrong and what to do.
    Invalid,
}

impl AcceptedReason {
    /// Returns the reason as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::PartlyAccepted => "PartlyAccepted",
            Self::Invalid => "Invalid",
        }
    }

    /// Returns the reason for an object whose worst fault has this severity, or that has none.
    pub fn of(worst: Option<Severity>) -> Self {
        match worst {
            None | Some(Severity::Note) => Self::Accepted,
            Some(Severity::Warning) => Self::PartlyAccepted,
            Some(Severity::Error) => Self::Invalid,
        }
    }
}

/// Why a ConfigurationState has its condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConfigurationReason {
    /// Every object takes effect.
    Reconciled,
    /// An object is left out.
    ConfigurationError,
    /// The configuration could not be read.
    UnknownError,
}

impl ConfigurationReason {
    /// Returns the reason as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reconciled => "Reconciled",
            Self::ConfigurationError => "ConfigurationError",
            Self::UnknownError => "UnknownError",
        }
    }
}

/// Why the ConfigurationState of a speaker has its condition `speakersHeard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeardReason {
    /// The heartbeats of every speaker that should be heard arrive; so it is where there is no other speaker.
    AllHeard,
    /// Those of at least one do not.
    NotHeard,
}

impl HeardReason {
    /// Returns the reason as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllHeard => "AllHeard",
            Self::NotHeard => "NotHeard",
        }
    }
}

/// Why a Service has its `Allocated` condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AllocatedReason {
    /// It has every address it wants.
    Allocated,
    /// It prefers both families and has one.
    OneFamily,
    /// There is no pool at all.
    NoPool,
    /// The pool it names does not exist or is left out.
    UnknownPool,
    /// The pool of its addresses cannot be read, so it stays as it is.
    PoolInvalid,
    /// Every pool it may use is full.
    PoolExhausted,
    /// Every pool is kept for other namespaces or Services.
    PoolNotAdmitted,
    /// Every pool it may use is given out on request only.
    PoolOnRequestOnly,
    /// No pool has addresses of its family.
    FamilyUnavailable,
    /// It asks for both families and has cluster IPs of one.
    NotDualStack,
    /// It has no cluster IP, so its family is not known.
    NoClusterIp,
    /// Its cluster IPs are not one address per family.
    ClusterIpFamilyUnknown,
    /// Its request cannot be read or contradicts itself.
    InvalidRequest,
    /// The requested address is in no pool.
    RequestedAddressOutside,
    /// The requested address is kept back, as one ending in .0 or .255 can be.
    RequestedAddressReserved,
    /// The requested address is held by another Service.
    RequestedAddressInUse,
    /// The address may not be shared: keys, ports or traffic policies do not go together.
    SharingConflict,
    /// Another program keeps changing the status, so nobody knows what it says next.
    Contended,
    /// The controller has just started and does not know every Service yet.
    ControllerSyncing,
}

impl AllocatedReason {
    /// Every reason, in the order in which pages for users list them.
    pub const ALL: [Self; 19] = [
        Self::Allocated,
        Self::OneFamily,
        Self::NoPool,
        Self::UnknownPool,
        Self::PoolInvalid,
        Self::PoolExhausted,
        Self::PoolNotAdmitted,
        Self::PoolOnRequestOnly,
        Self::FamilyUnavailable,
        Self::NotDualStack,
        Self::NoClusterIp,
        Self::ClusterIpFamilyUnknown,
        Self::InvalidRequest,
        Self::RequestedAddressOutside,
        Self::RequestedAddressReserved,
        Self::RequestedAddressInUse,
        Self::SharingConflict,
        Self::Contended,
        Self::ControllerSyncing,
    ];

    /// Returns the reason as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allocated => "Allocated",
            Self::OneFamily => "OneFamily",
            Self::NoPool => "NoPool",
            Self::UnknownPool => "UnknownPool",
            Self::PoolInvalid => "PoolInvalid",
            Self::PoolExhausted => "PoolExhausted",
            Self::PoolNotAdmitted => "PoolNotAdmitted",
            Self::PoolOnRequestOnly => "PoolOnRequestOnly",
            Self::FamilyUnavailable => "FamilyUnavailable",
            Self::NotDualStack => "NotDualStack",
            Self::NoClusterIp => "NoClusterIP",
            Self::ClusterIpFamilyUnknown => "ClusterIPFamilyUnknown",
            Self::InvalidRequest => "InvalidRequest",
            Self::RequestedAddressOutside => "RequestedAddressOutside",
            Self::RequestedAddressReserved => "RequestedAddressReserved",
            Self::RequestedAddressInUse => "RequestedAddressInUse",
            Self::SharingConflict => "SharingConflict",
            Self::Contended => "Contended",
            Self::ControllerSyncing => "ControllerSyncing",
        }
    }
}

/// Why a Service has its `Announced` condition, or a node does not announce it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnnouncedReason {
    /// A node announces it.
    Announced,
    /// It has no address yet.
    NoAddress,
    /// Its address lies in no pool.
    NotInPool,
    /// The pool of its address is kept for other namespaces or Services.
    PoolNotAdmitted,
    /// No advertisement covers the pool.
    NoAdvertisement,
    /// No advertisement of the pool fits the Service.
    NoMatchingAdvertisement,
    /// Matching advertisements disagree on the local preference.
    ConflictingAdvertisements,
    /// It may share its address, and an advertisement selects Services.
    SharedIpWithServiceSelector,
    /// No endpoint is ready.
    NoEndpoints,
    /// No endpoint is known to be ready, and there may be others that cannot be read.
    EndpointsUnknown,
    /// The Service cannot be read.
    Unreadable,
    /// No endpoint is ready on this node, and only local traffic is allowed.
    NoLocalEndpoints,
    /// No node may announce it.
    NoEligibleNode,
    /// The Services that share its address have no node in common.
    NoCommonNode,
    /// The node carries the label that excludes it from load balancers.
    NodeExcluded,
    /// The node says that its network is unavailable.
    NodeNetworkUnavailable,
    /// The node is being drained.
    NodeDraining,
    /// The node's datapath is not ready to forward.
    DatapathNotReady,
    /// None of the advertised interfaces is there and up.
    NoInterface,
    /// Another node announces it.
    NotOwner,
    /// No BGP session is up to carry it.
    NoSession,
    /// Another machine answers for the address.
    AddressConflict,
}

impl AnnouncedReason {
    /// Returns the reason as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "Announced",
            Self::NoAddress => "NoAddress",
            Self::NotInPool => "NotInPool",
            Self::PoolNotAdmitted => "PoolNotAdmitted",
            Self::NoAdvertisement => "NoAdvertisement",
            Self::NoMatchingAdvertisement => "NoMatchingAdvertisement",
            Self::ConflictingAdvertisements => "ConflictingAdvertisements",
            Self::SharedIpWithServiceSelector => "SharedIPWithServiceSelector",
            Self::NoEndpoints => "NoEndpoints",
            Self::EndpointsUnknown => "EndpointsUnknown",
            Self::Unreadable => "Unreadable",
            Self::NoLocalEndpoints => "NoLocalEndpoints",
            Self::NoEligibleNode => "NoEligibleNode",
            Self::NoCommonNode => "NoCommonNode",
            Self::NodeExcluded => "NodeExcluded",
            Self::NodeNetworkUnavailable => "NodeNetworkUnavailable",
            Self::NodeDraining => "NodeDraining",
            Self::DatapathNotReady => "DatapathNotReady",
            Self::NoInterface => "NoInterface",
            Self::NotOwner => "NotOwner",
            Self::NoSession => "NoSession",
            Self::AddressConflict => "AddressConflict",
        }
    }
}

/// How important an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventLevel {
    /// Things go as they should.
    Normal,
    /// Somebody should look.
    Warning,
}

impl EventLevel {
    /// Returns the type of the event as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// The reason of an event. The spelling is MetalLB's, for alerts and scripts match on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventReason {
    /// A Service got its addresses.
    IpAllocated,
    /// A Service lost addresses that are no longer legal.
    ClearAssignment,
    /// A Service that prefers both families could not get the second one.
    AdditionalAssignFailed,
    /// A Service could not get an address.
    AllocationFailed,
    /// The request of a Service cannot be read or contradicts itself.
    LoadBalancerFailed,
    /// A Service asks for both families and has cluster IPs of one.
    NotEnoughClusterIps,
    /// The family of the addresses in a Service's status is unclear.
    NoLbIpsFamily,
    /// The family of a Service's cluster IPs is unclear.
    NoClusterIpsFamily,
    /// Something broke that is not the user's fault.
    InternalError,
    /// A Service uses an annotation under the legacy prefix.
    DeprecatedAnnotation,
    /// A Service has an annotation under one of our prefixes that nobody reads.
    UnknownAnnotation,
    /// A node took over a Service.
    NodeAssigned,
    /// A node should announce a Service and cannot.
    AnnounceFailed,
    /// A configuration object is left out.
    InvalidConfiguration,
    /// Another program keeps changing what we write into the status of a Service.
    Contended,
    /// The key of the heartbeats is lost, or cannot be changed to the end.
    HeartbeatKey,
    /// On a Node: the heartbeats of other speakers do not arrive there.
    SpeakersNotHeard,
    /// On a Node: a speaker whose heartbeats do not arrive there answers for an address that this node answers for too.
    SpeakersSplit,
    /// On a Node: another machine runs under its name.
    DuplicateNode,
    /// On a Node: heartbeats of other speakers arrive there and do not count, because they cannot be read or prove nothing.
    HeartbeatsRefused,
}

impl EventReason {
    /// Returns the reason as written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IpAllocated => "IPAllocated",
            Self::ClearAssignment => "ClearAssignment",
            Self::AdditionalAssignFailed => "AdditionalAssignFailed",
            Self::AllocationFailed => "AllocationFailed",
            Self::LoadBalancerFailed => "LoadBalancerFailed",
            Self::NotEnoughClusterIps => "not enough clusterips",
            Self::NoLbIpsFamily => "nolbIPsIPFamily",
            Self::NoClusterIpsFamily => "noclusterIPsIPFamily",
            Self::InternalError => "InternalError",
            Self::DeprecatedAnnotation => "deprecatedAnnotation",
            Self::UnknownAnnotation => "unknownAnnotation",
            Self::NodeAssigned => "nodeAssigned",
            Self::AnnounceFailed => "announceFailed",
            Self::InvalidConfiguration => "InvalidConfiguration",
            Self::Contended => "Contended",
            Self::HeartbeatKey => "HeartbeatKey",
            Self::SpeakersNotHeard => "SpeakersNotHeard",
            Self::SpeakersSplit => "SpeakersSplit",
            Self::DuplicateNode => "DuplicateNode",
            Self::HeartbeatsRefused => "HeartbeatsRefused",
        }
    }

    /// Returns how important the event is.
    pub fn level(self) -> EventLevel {
        match self {
            Self::IpAllocated | Self::ClearAssignment | Self::AdditionalAssignFailed | Self::NodeAssigned => {
                EventLevel::Normal
            }
            Self::AllocationFailed
            | Self::LoadBalancerFailed
            | Self::NotEnoughClusterIps
            | Self::NoLbIpsFamily
            | Self::NoClusterIpsFamily
            | Self::InternalError
            | Self::DeprecatedAnnotation
            | Self::UnknownAnnotation
            | Self::AnnounceFailed
            | Self::InvalidConfiguration
            | Self::Contended
            | Self::HeartbeatKey
            | Self::SpeakersNotHeard
            | Self::SpeakersSplit
            | Self::DuplicateNode
            | Self::HeartbeatsRefused => EventLevel::Warning,
        }
    }
}
