//! Kubernetes' objects, cut down to what a speaker reads.
//!
//! What is cut cannot wake anybody: two versions of an object that differ only there are equal.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use announce::{Created, Endpoint, Gap, ServiceKind, TrafficPolicy};
use crds::annotations::PREFIX;
use crds::core;

use crate::view;

/// How many addresses of a Service are looked at; a controller gives one of each family.
const ADDRESSES: usize = 64;

/// A Service: who it is for, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    /// What makes it another one than its predecessor of the same name.
    pub(super) uid: Box<str>,
    /// What selectors look at.
    pub(super) labels: BTreeMap<String, String>,
    /// Whether there are more labels than are looked at.
    pub(super) labels_cut: bool,
    kind: core::ServiceType,
    class: Option<Box<str>>,
    created: Created,
    allow_shared_ip: bool,
    traffic_policy: TrafficPolicy,
    /// The addresses in its status, whoever gave them.
    pub(super) addresses: Box<[IpAddr]>,
}

/// Keeps labels, which selectors look at, the class, the traffic policy and the addresses.
pub(super) fn service(service: core::Service) -> Service {
    let core::Service { mut metadata, spec, status } = service;
    let labels_cut = core::cut_labels(&mut metadata.labels);
    let ingress = status.load_balancer.ingress.iter();
    Service {
        kind: spec.kind,
        class: spec.load_balancer_class.map(String::into_boxed_str),
        created: view::created(&metadata),
        allow_shared_ip: view::allows_shared_ip(&metadata),
        traffic_policy: view::traffic_policy(spec.external_traffic_policy),
        addresses: ingress.filter_map(|ingress| ingress.ip.as_deref()?.parse().ok()).take(ADDRESSES).collect(),
        uid: metadata.uid.unwrap_or_default().into(),
        labels: metadata.labels,
        labels_cut,
    }
}

impl Service {
    /// Says whether it matters on which nodes its endpoints are; otherwise only whether there is one.
    pub(super) fn is_local(&self) -> bool {
        self.traffic_policy == TrafficPolicy::Local
    }

    /// Returns what a plan needs of it, given which of its addresses are ours and what is known of its endpoints.
    pub(super) fn planned(
        &self,
        vips: BTreeSet<IpAddr>,
        not_admitted: BTreeSet<IpAddr>,
        endpoints: Vec<Endpoint>,
        gaps: BTreeSet<Gap>,
        lb_class: &str,
    ) -> announce::Service {
        let Self {
            uid: _,
            labels: _,
            labels_cut: _,
            kind,
            class,
            created,
            allow_shared_ip,
            traffic_policy,
            addresses: _,
        } = self;
        announce::Service {
            created: *created,
            kind: view::kind(*kind, class.as_deref(), lb_class),
            vips,
            not_admitted,
            allow_shared_ip: *allow_shared_ip,
            traffic_policy: *traffic_policy,
            endpoints,
            gaps,
        }
    }
}

/// Returns what a plan needs of a Service that never could be read: enough to say so.
pub(super) fn unreadable(reason: String) -> announce::Service {
    announce::Service {
        created: Created::default(),
        kind: ServiceKind::Unreadable { reason },
        vips: BTreeSet::new(),
        not_admitted: BTreeSet::new(),
        allow_shared_ip: false,
        traffic_policy: TrafficPolicy::Cluster,
        endpoints: Vec::new(),
        gaps: BTreeSet::new(),
    }
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

/// Keeps labels, which pools select by.
pub(super) fn namespace(namespace: core::Namespace) -> BTreeMap<String, String> {
    namespace.metadata.labels
}

/// Gives equal names one allocation: a namespace is repeated by every object in it.
///
/// A name that nothing else holds any more is forgotten before the memory of all of them doubles.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: BTreeSet<Arc<str>>,
    /// How many were in use when the others were forgotten last.
    in_use: usize,
}

impl Names {
    /// Names that are kept before it is worth a look which of them are in use.
    const FEW: usize = 64;

    /// Replaces a name by the equal one that is known already.
    pub(super) fn share(&mut self, name: &mut Arc<str>) {
        if let Some(known) = self.known.get(name) {
            *name = known.clone();
            return;
        }
        if self.known.len() >= 2 * self.in_use.max(Self::FEW) {
            self.known.retain(|name| Arc::strong_count(name) > 1);
            self.in_use = self.known.len();
        }
        self.known.insert(name.clone());
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests;
