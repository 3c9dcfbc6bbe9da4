//! Why something is not announced: closed sets of reasons, each with a token for machines and a sentence for people.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use thiserror::Error;

use crate::exclusion::{Exclusion, Headcount};
use crate::names::{AdvertisementName, LinkName, NodeName, PoolName, Protocol, ServiceId};
use crate::view::Gap;

/// Why this node does not announce a service, or one of its VIPs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum NotAnnounced {
    /// There is no such service.
    #[error("service {service} does not exist; check its namespace and name")]
    UnknownService {
        /// The service asked for.
        service: ServiceId,
    },
    /// Only services of type LoadBalancer are announced.
    #[error("service {service} is not a load balancer; set spec.type to LoadBalancer")]
    NotLoadBalancer {
        /// The service.
        service: ServiceId,
    },
    /// The service belongs to another program.
    #[error("service {service} has {}, which is not served here; set spec.loadBalancerClass to the class of this installation", class_text(.class))]
    OtherClass {
        /// The service.
        service: ServiceId,
        /// Its class, none when unset.
        class: Option<String>,
    },
    /// It never could be read.
    #[error("service {service} cannot be read: {reason}; correct the object")]
    Unreadable {
        /// The service.
        service: ServiceId,
        /// The field and what is wrong with it.
        reason: String,
    },
    /// No IP was allocated yet.
    #[error("service {service} has no IP; its allocation condition says why")]
    NoAddress {
        /// The service.
        service: ServiceId,
    },
    /// The IP lies in no pool.
    #[error("{vip} of service {service} lies in no pool; add it to an IPAddressPool, or wait for a new IP")]
    NotInPool {
        /// The service.
        service: ServiceId,
        /// The IP.
        vip: IpAddr,
    },
    /// The pool of the IP is kept for other services.
    #[error(
        "pool {pool}, which holds {vip}, is not for service {service}; change spec.serviceAllocation of the IPAddressPool, or wait for a new IP"
    )]
    NotAdmitted {
        /// The service.
        service: ServiceId,
        /// The IP.
        vip: IpAddr,
        /// The pool it lies in.
        pool: PoolName,
    },
    /// No advertisement is for the pool.
    #[error(
        "pool {pool}, which holds {vip} of service {service}, has no L2Advertisement and no BGPAdvertisement; create one for it"
    )]
    NoAdvertisement {
        /// The service.
        service: ServiceId,
        /// The IP.
        vip: IpAddr,
        /// The pool it lies in.
        pool: PoolName,
    },
    /// The pool is announced by the other protocol alone.
    #[error("pool {pool}, which holds {vip} of service {service}, has only {}s; create a {} to announce it that way too", .protocol.other().kind(), .protocol.kind())]
    OtherProtocol {
        /// The service.
        service: ServiceId,
        /// The IP.
        vip: IpAddr,
        /// The pool it lies in.
        pool: PoolName,
        /// The protocol that has no advertisement.
        protocol: Protocol,
    },
    /// Every advertisement of the pool selects other services.
    #[error("no {} of pool {pool} selects service {service}; change its labels or their serviceSelectors", .protocol.kind())]
    NoMatchingAdvertisement {
        /// The service.
        service: ServiceId,
        /// The pool of its IP.
        pool: PoolName,
        /// By which protocol.
        protocol: Protocol,
    },
    /// Services that share an IP must share a node, which service selectors cannot promise.
    #[error(
        "service {service} may share its IP, but L2Advertisement {advertisement} has serviceSelectors; remove them, or the allow-shared-ip annotation"
    )]
    SharedIpWithServiceSelector {
        /// The service.
        service: ServiceId,
        /// The first such advertisement that matches the service.
        advertisement: AdvertisementName,
    },
    /// No endpoint can serve.
    #[error("service {service} has no endpoint that can serve; check its selector and the readiness of its pods")]
    NoEndpoints {
        /// The service.
        service: ServiceId,
    },
    /// Policy Local, and no eligible node has an endpoint that can serve.
    #[error(
        "service {service} has externalTrafficPolicy Local, and no eligible node runs an endpoint that can serve; move pods to eligible nodes, or use Cluster"
    )]
    NoLocalEndpoints {
        /// The service.
        service: ServiceId,
    },
    /// No endpoint that is known can serve, or with policy Local none on an eligible node, and there may be others.
    #[error("service {service} has no endpoint to announce it for, as far as is known: {gap}")]
    EndpointsUnknown {
        /// The service.
        service: ServiceId,
        /// What is not known: the first of [`crate::Service::gaps`] that hides endpoints.
        gap: Gap,
    },
    /// No node may announce at all.
    #[error("no node may announce {vip} of service {service}: {nodes}")]
    NoEligibleNode {
        /// The service.
        service: ServiceId,
        /// The IP.
        vip: IpAddr,
        /// Why not.
        nodes: Headcount,
    },
    /// Every node that could announce it by BGP would tell a peer of one prefix in two ways.
    #[error("{vip} of service {service} is not announced by BGP: {why}")]
    ConflictingAdvertisements {
        /// The service.
        service: ServiceId,
        /// The IP.
        vip: IpAddr,
        /// What is wrong on the first such node: [`Exclusion::Conflict`].
        why: Box<Exclusion>,
    },
    /// An older service on the same IP is served by other nodes.
    #[error(
        "no node can serve both {service} and {sharer}, which is older and shares {vip}; give them the same pods, or use another IP"
    )]
    NoCommonNode {
        /// The service.
        service: ServiceId,
        /// The IP they share.
        vip: IpAddr,
        /// The older service.
        sharer: ServiceId,
    },
    /// Other nodes may announce it, this one may not.
    #[error("node {node}: {why}")]
    Excluded {
        /// This node.
        node: NodeName,
        /// Why not.
        why: Exclusion,
    },
    /// The Node object of this node has not been seen.
    #[error("node {node} has no Node object; check that the node name given to this program is right")]
    UnknownNode {
        /// This node.
        node: NodeName,
    },
    /// None of the interfaces named by the advertisements exists here, or none can be used.
    #[error("node {node} has no usable interface among {}; correct the interfaces of the L2Advertisement", joined(.interfaces))]
    InterfaceMissing {
        /// This node.
        node: NodeName,
        /// The interfaces named.
        interfaces: Arc<BTreeSet<LinkName>>,
    },
    /// Every interface of this node is excluded.
    #[error(
        "node {node} has no interface to announce on; name one in the L2Advertisement, or change the exclusion pattern"
    )]
    NoInterface {
        /// This node.
        node: NodeName,
    },
    /// The right interfaces exist and are down.
    #[error("node {node}: {} is down or without carrier; check the cable and the link", joined(.interfaces))]
    InterfaceDown {
        /// This node.
        node: NodeName,
        /// The interfaces.
        interfaces: Arc<BTreeSet<LinkName>>,
    },
}

impl NotAnnounced {
    /// Returns the token for conditions, events, metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UnknownService { .. } => "unknownService",
            Self::NotLoadBalancer { .. } => "notLoadBalancer",
            Self::OtherClass { .. } => "otherClass",
            Self::Unreadable { .. } => "unreadable",
            Self::NoAddress { .. } => "noAddress",
            Self::NotInPool { .. } => "ipNotInPool",
            Self::NotAdmitted { .. } => "notAdmitted",
            Self::NoAdvertisement { .. } => "noAdvertisement",
            Self::OtherProtocol { .. } => "otherProtocol",
            Self::NoMatchingAdvertisement { .. } => "noMatchingAdvertisement",
            Self::SharedIpWithServiceSelector { .. } => "sharedIPWithServiceSelector",
            Self::NoEndpoints { .. } => "noEndpoints",
            Self::NoLocalEndpoints { .. } => "noLocalEndpoints",
            Self::EndpointsUnknown { .. } => "endpointsUnknown",
            Self::NoEligibleNode { .. } => "noEligibleNode",
            Self::ConflictingAdvertisements { why, .. } => why.reason(),
            Self::NoCommonNode { .. } => "noCommonNode",
            Self::Excluded { why, .. } => why.reason(),
            Self::UnknownNode { .. } => "unknownNode",
            Self::InterfaceMissing { .. } => "interfaceMissing",
            Self::NoInterface { .. } => "noInterface",
            Self::InterfaceDown { .. } => "interfaceDown",
        }
    }

    /// Returns whether it is about a service of ours with an IP, which somebody should announce.
    pub fn is_about_an_ip(&self) -> bool {
        !matches!(
            self,
            Self::UnknownService { .. }
                | Self::NotLoadBalancer { .. }
                | Self::OtherClass { .. }
                | Self::NoAddress { .. }
        )
    }

    /// Returns whether it says no more than that the pool is announced in the other way.
    pub(crate) fn is_of_the_other_protocol(&self) -> bool {
        matches!(self, Self::OtherProtocol { .. })
    }

    /// Returns the service of ours with an IP that nobody announces because of this, as far as its protocol goes, if there is one.
    pub(crate) fn silenced(&self) -> Option<&ServiceId> {
        match self {
            Self::NotInPool { service, .. }
            | Self::NotAdmitted { service, .. }
            | Self::NoAdvertisement { service, .. }
            | Self::OtherProtocol { service, .. }
            | Self::NoMatchingAdvertisement { service, .. }
            | Self::SharedIpWithServiceSelector { service, .. }
            | Self::NoEndpoints { service }
            | Self::NoLocalEndpoints { service }
            | Self::EndpointsUnknown { service, .. }
            | Self::NoEligibleNode { service, .. }
            | Self::ConflictingAdvertisements { service, .. }
            | Self::NoCommonNode { service, .. } => Some(service),
            Self::UnknownService { .. }
            | Self::NotLoadBalancer { .. }
            | Self::OtherClass { .. }
            | Self::Unreadable { .. }
            | Self::NoAddress { .. }
            | Self::Excluded { .. }
            | Self::UnknownNode { .. }
            | Self::InterfaceMissing { .. }
            | Self::NoInterface { .. }
            | Self::InterfaceDown { .. } => None,
        }
    }
}

fn class_text(class: &Option<String>) -> String {
    match class {
        Some(class) => format!("loadBalancerClass {class}"),
        None => "no loadBalancerClass".to_owned(),
    }
}

/// Returns the names in order, separated by commas.
pub(crate) fn joined(names: &BTreeSet<LinkName>) -> String {
    names.iter().map(|name| &*name.0).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
