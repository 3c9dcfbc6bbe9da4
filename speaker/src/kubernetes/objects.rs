//! Kubernetes' objects, cut down to what a speaker reads.
//!
//! What is cut cannot wake anybody: two versions of an object that differ only there are equal.

use std::collections::BTreeSet;
use std::sync::Arc;

use announce::{Endpoint, NodeName};
use crds::annotations::{ALLOW_SHARED_IP, LEGACY_PREFIX, PREFIX};
use crds::core;

/// An EndpointSlice: which nodes can take traffic for a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Slice {
    /// The name of the Service, in the slice's namespace; empty if it belongs to none.
    pub(super) service: Arc<str>,
    /// One endpoint per node and state, however many there are: numbers decide nothing.
    pub(super) endpoints: Box<[Endpoint]>,
}

/// Keeps labels, which selectors look at, the class, the traffic policy and the addresses.
pub(super) fn service(service: core::Service) -> core::Service {
    let core::Service { metadata, spec, status } = service;
    let keep =
        |key: &str| key == ALLOW_SHARED_IP || key.strip_prefix(LEGACY_PREFIX) == ALLOW_SHARED_IP.strip_prefix(PREFIX);
    let core::ServiceSpec { kind, load_balancer_class, external_traffic_policy, .. } = spec;
    core::Service {
        metadata: core::Metadata {
            annotations: metadata.annotations.into_iter().filter(|(key, _)| keep(key)).collect(),
            ..metadata
        },
        spec: core::ServiceSpec { kind, load_balancer_class, external_traffic_policy, ..core::ServiceSpec::default() },
        status,
    }
}

/// Keeps who can serve, per node.
pub(super) fn slice(slice: core::EndpointSlice) -> Slice {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for core::Endpoint { node_name, conditions, .. } in &slice.endpoints {
        let core::EndpointConditions { ready, serving, terminating } = *conditions;
        let known = |endpoint: &Endpoint| {
            endpoint.node.as_ref().map(|node| &*node.0) == node_name.as_deref()
                && (endpoint.ready, endpoint.serving, endpoint.terminating) == (ready, serving, terminating)
        };
        if !endpoints.iter().any(known) {
            let node = node_name.as_deref().map(NodeName::from);
            endpoints.push(Endpoint { node, ready, serving, terminating });
        }
    }
    let order = |endpoint: &Endpoint| (endpoint.node.clone(), endpoint.ready, endpoint.serving, endpoint.terminating);
    endpoints.sort_by_cached_key(order);
    Slice { service: slice.service().unwrap_or_default().into(), endpoints: endpoints.into() }
}

/// Keeps labels, which selectors look at, and what says whether the node can take traffic; heartbeats are cut.
pub(super) fn node(node: core::Node) -> core::Node {
    let core::Node { metadata, spec, status } = node;
    let core::Metadata { name, uid, deletion_timestamp, labels, annotations, .. } = metadata;
    let ours = |key: &String| key.starts_with(PREFIX);
    let mut conditions = status.conditions;
    conditions.retain(|condition| matches!(condition.kind.as_str(), "Ready" | "NetworkUnavailable"));
    let mut addresses = status.addresses;
    addresses.retain(|address| address.kind == "InternalIP");
    core::Node {
        metadata: core::Metadata {
            name,
            uid,
            deletion_timestamp,
            labels,
            annotations: annotations.into_iter().filter(|(key, _)| ours(key)).collect(),
            ..core::Metadata::default()
        },
        spec,
        status: core::NodeStatus { conditions, addresses },
    }
}

/// Gives equal names one allocation: a thousand node names are repeated by every Service.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<NodeName>);

impl Names {
    /// Replaces the names in a slice by those that are known already.
    pub(super) fn share(&mut self, slice: &mut Slice) {
        for endpoint in &mut slice.endpoints {
            let Some(name) = &mut endpoint.node else { continue };
            match self.0.get(name) {
                Some(known) => *name = known.clone(),
                None => {
                    self.0.insert(name.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
