//! Kubernetes' objects, cut down to what a speaker reads.
//!
//! What is cut cannot wake anybody: two versions of an object that differ only there are equal.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use announce::{Created, Endpoint, NodeName, TrafficPolicy};
use crds::annotations::PREFIX;
use crds::core;

use crate::view;

/// A Service: who it is for, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    /// What makes it another one than its predecessor of the same name.
    pub(super) uid: Box<str>,
    /// What selectors look at.
    pub(super) labels: BTreeMap<String, String>,
    kind: core::ServiceType,
    class: Option<Box<str>>,
    created: Created,
    allow_shared_ip: bool,
    traffic_policy: TrafficPolicy,
    /// The addresses in its status, whoever gave them.
    pub(super) addresses: Box<[IpAddr]>,
}

/// An EndpointSlice: which nodes can take traffic for a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Slice {
    /// The name of the Service, in the slice's namespace; empty if it belongs to none.
    pub(super) service: Arc<str>,
    /// In the order of their nodes; which pods they are decides nothing.
    pub(super) endpoints: Box<[Endpoint]>,
}

/// Keeps labels, which selectors look at, the class, the traffic policy and the addresses.
pub(super) fn service(service: core::Service) -> Service {
    let core::Service { metadata, spec, status } = service;
    let ingress = status.load_balancer.ingress.iter();
    Service {
        kind: spec.kind,
        class: spec.load_balancer_class.map(String::into_boxed_str),
        created: view::created(&metadata),
        allow_shared_ip: view::allows_shared_ip(&metadata),
        traffic_policy: view::traffic_policy(spec.external_traffic_policy),
        addresses: ingress.filter_map(|ingress| ingress.ip.as_deref()?.parse().ok()).collect(),
        uid: metadata.uid.unwrap_or_default().into(),
        labels: metadata.labels,
    }
}

impl Service {
    /// Returns what a plan needs of it, given which of its addresses are ours and where its endpoints are.
    pub(super) fn planned(&self, vips: &[IpAddr], endpoints: Vec<Endpoint>, lb_class: &str) -> announce::Service {
        let Self { uid: _, labels: _, kind, class, created, allow_shared_ip, traffic_policy, addresses: _ } = self;
        announce::Service {
            created: *created,
            kind: view::kind(*kind, class.as_deref(), lb_class),
            vips: vips.iter().copied().collect(),
            allow_shared_ip: *allow_shared_ip,
            traffic_policy: *traffic_policy,
            endpoints: match traffic_policy {
                TrafficPolicy::Local => endpoints,
                // Every node reaches every endpoint, so that there is one is all that counts.
                TrafficPolicy::Cluster if endpoints.iter().any(Endpoint::can_serve) => vec![SOMEWHERE],
                TrafficPolicy::Cluster => Vec::new(),
            },
        }
    }
}

/// An endpoint that can serve.
const SOMEWHERE: Endpoint = Endpoint { node: None, ready: Some(true), serving: None, terminating: None };

/// Keeps where the endpoints are and who of them can serve.
pub(super) fn slice(slice: core::EndpointSlice) -> Slice {
    let service = slice.service().unwrap_or_default().into();
    let convert = |core::Endpoint { node_name, conditions, .. }: core::Endpoint| {
        let core::EndpointConditions { ready, serving, terminating } = conditions;
        Endpoint { node: node_name.as_deref().map(NodeName::from), ready, serving, terminating }
    };
    let mut endpoints: Box<[Endpoint]> = slice.endpoints.into_iter().map(convert).collect();
    endpoints.sort_by(|one, other| {
        let rest = |endpoint: &Endpoint| (endpoint.ready, endpoint.serving, endpoint.terminating);
        one.node.cmp(&other.node).then_with(|| rest(one).cmp(&rest(other)))
    });
    Slice { service, endpoints }
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
pub(super) struct Names(BTreeSet<Arc<str>>);

impl Names {
    /// Replaces the names of nodes in a slice by those that are known already.
    pub(super) fn share_nodes(&mut self, slice: &mut Slice) {
        slice.endpoints.iter_mut().flat_map(|endpoint| &mut endpoint.node).for_each(|node| self.share(&mut node.0));
    }

    /// Replaces a name by the equal one that is known already.
    pub(super) fn share(&mut self, name: &mut Arc<str>) {
        match self.0.get(name) {
            Some(known) => *name = known.clone(),
            None => drop(self.0.insert(name.clone())),
        }
    }
}

#[cfg(test)]
mod tests;
