//! Why something is not announced: closed sets of reasons, each with a token for machines and a sentence for people.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use thiserror::Error;

use crate::names::{AdvertisementName, LinkName, NodeName, PoolName, ServiceId, TaintKey};

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
    /// No L2 advertisement is for the pool.
    #[error("pool {pool}, which holds {vip} of service {service}, has no L2Advertisement; create one for it")]
    NoAdvertisement {
        /// The service.
        service: ServiceId,
        /// The IP.
        vip: IpAddr,
        /// The pool it lies in.
        pool: PoolName,
    },
    /// Every L2 advertisement of the pool selects other services.
    #[error("no L2Advertisement of pool {pool} selects service {service}; change its labels or their serviceSelectors")]
    NoMatchingAdvertisement {
        /// The service.
        service: ServiceId,
        /// The pool of its IP.
        pool: PoolName,
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
            Self::NoAddress { .. } => "noAddress",
            Self::NotInPool { .. } => "ipNotInPool",
            Self::NoAdvertisement { .. } => "noAdvertisement",
            Self::NoMatchingAdvertisement { .. } => "noMatchingAdvertisement",
            Self::SharedIpWithServiceSelector { .. } => "sharedIPWithServiceSelector",
            Self::NoEndpoints { .. } => "noEndpoints",
            Self::NoLocalEndpoints { .. } => "noLocalEndpoints",
            Self::NoEligibleNode { .. } => "noEligibleNode",
            Self::NoCommonNode { .. } => "noCommonNode",
            Self::Excluded { why, .. } => why.reason(),
            Self::UnknownNode { .. } => "unknownNode",
            Self::InterfaceMissing { .. } => "interfaceMissing",
            Self::NoInterface { .. } => "noInterface",
            Self::InterfaceDown { .. } => "interfaceDown",
        }
    }

    /// Returns whether a service of ours with an IP is announced by nobody because of this.
    pub(crate) fn silences_the_cluster(&self) -> bool {
        match self {
            Self::NotInPool { .. }
            | Self::NoAdvertisement { .. }
            | Self::NoMatchingAdvertisement { .. }
            | Self::SharedIpWithServiceSelector { .. }
            | Self::NoEndpoints { .. }
            | Self::NoLocalEndpoints { .. }
            | Self::NoEligibleNode { .. }
            | Self::NoCommonNode { .. } => true,
            Self::UnknownService { .. }
            | Self::NotLoadBalancer { .. }
            | Self::OtherClass { .. }
            | Self::NoAddress { .. }
            | Self::Excluded { .. }
            | Self::UnknownNode { .. }
            | Self::InterfaceMissing { .. }
            | Self::NoInterface { .. }
            | Self::InterfaceDown { .. } => false,
        }
    }
}

/// Why one node is not a candidate for a VIP that others may announce.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Exclusion {
    /// No advertisement that is for the service selects the node.
    #[error("no matching L2Advertisement selects it; change the node's labels or the nodeSelectors")]
    NotSelected,
    /// Condition NetworkUnavailable is True.
    #[error("its condition NetworkUnavailable is True; check the network plugin on it")]
    NetworkUnavailable,
    /// It carries the exclude label.
    #[error(
        "it has the label node.kubernetes.io/exclude-from-external-load-balancers; remove the label, or set --ignore-exclude-lb"
    )]
    ExcludeLabel,
    /// Policy Local, and it runs no endpoint that can serve.
    #[error(
        "it runs no endpoint that can serve, and externalTrafficPolicy is Local; nothing to do unless pods should run there"
    )]
    NoLocalEndpoint,
    /// It cannot serve another service on the same IP.
    #[error("it cannot serve {sharer}, which shares the IP; give both services the same pods, or separate IPs")]
    SharerElsewhere {
        /// The service that it cannot serve.
        sharer: ServiceId,
    },
}

impl Exclusion {
    /// Returns the token for conditions, events, metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotSelected => "noMatchingAdvertisement",
            Self::NetworkUnavailable => "nodeNetworkUnavailable",
            Self::ExcludeLabel => "nodeLabeledExcludeBalancers",
            Self::NoLocalEndpoint => "noLocalEndpoints",
            Self::SharerElsewhere { .. } => "sharerElsewhere",
        }
    }
}

/// Why a node hands over its VIPs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum DrainTrigger {
    /// Somebody asked for it.
    #[error("its drain was requested")]
    Requested,
    /// The kubelet says that the machine is shutting down.
    #[error("it is shutting down")]
    ShuttingDown,
    /// Its Node object is being deleted.
    #[error("its Node object is being deleted")]
    Deleting,
    /// It has a taint that the policy names.
    #[error("it has the taint {0}")]
    Taint(TaintKey),
    /// It is cordoned.
    #[error("it is cordoned")]
    Cordoned,
}

/// What one node is to one VIP.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeVerdict {
    /// A candidate.
    Candidate {
        /// Its preference, higher is better.
        preference: u32,
        /// The API server calls it Ready; for information only.
        ready: bool,
    },
    /// It hands over to the candidates.
    Draining(DrainTrigger),
    /// A candidate though it drains, as every other one does too.
    LastResort {
        /// Its preference, higher is better.
        preference: u32,
        /// Why it drains.
        trigger: DrainTrigger,
    },
    /// No candidate.
    Excluded(Exclusion),
}

impl NodeVerdict {
    /// Returns the token for conditions, events, metrics and logs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Candidate { .. } => "eligible",
            Self::Draining(_) => "draining",
            Self::LastResort { .. } => "lastResort",
            Self::Excluded(why) => why.reason(),
        }
    }
}

impl fmt::Display for NodeVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Candidate { preference, ready: true } => write!(f, "eligible with preference {preference}"),
            Self::Candidate { preference, ready: false } => {
                write!(
                    f,
                    "eligible with preference {preference}; NotReady for the API server, so it must be heard on the link"
                )
            }
            Self::Draining(trigger) => write!(f, "hands over because {trigger}; undo that to make it eligible"),
            Self::LastResort { preference, trigger } => {
                write!(
                    f,
                    "eligible with preference {preference} although {trigger}, as no candidate is left that does not drain"
                )
            }
            Self::Excluded(why) => why.fmt(f),
        }
    }
}

/// How many nodes were left out for which reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Headcount {
    /// Not selected by any matching advertisement.
    pub not_selected: usize,
    /// Selected, with condition NetworkUnavailable.
    pub network_unavailable: usize,
    /// Selected, with the exclude label.
    pub exclude_label: usize,
}

impl fmt::Display for Headcount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { not_selected, network_unavailable, exclude_label } = *self;
        let groups = [
            (exclude_label, Exclusion::ExcludeLabel),
            (network_unavailable, Exclusion::NetworkUnavailable),
            (not_selected, Exclusion::NotSelected),
        ];
        let mut first = true;
        for (count, why) in groups.into_iter().filter(|(count, _)| *count > 0) {
            let nodes = if count == 1 { "node" } else { "nodes" };
            write!(f, "{}{count} {nodes}: {why}", if first { "" } else { "; " })?;
            first = false;
        }
        if first { f.write_str("there are no Node objects") } else { Ok(()) }
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
