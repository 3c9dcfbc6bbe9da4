//! Kubernetes' own objects, decoded no further than allocation reads them.

use crds::core::{LoadBalancerStatus, Metadata, NodeAddress, Service, ServiceSpec, ServiceStatus};
use crds::reasons::ConditionType;
use serde::Deserialize;

use crate::convert;
use crate::snapshot::{Condition, ResourceVersion, ServiceView};

/// A Service with the conditions of its status.
#[derive(Deserialize)]
pub(super) struct ServiceObject {
    metadata: Metadata,
    #[serde(default)]
    spec: ServiceSpec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    load_balancer: LoadBalancerStatus,
    conditions: Vec<StatusCondition>,
}

#[derive(Deserialize)]
struct StatusCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

/// A Node, read for the labels that peers select by and for the addresses that are never given out.
#[derive(Deserialize, PartialEq)]
pub(super) struct NodeObject {
    pub metadata: NodeMetadata,
    #[serde(default)]
    pub status: NodeStatus,
}

#[derive(Deserialize, PartialEq)]
pub(super) struct NodeMetadata {
    pub name: String,
    #[serde(default)]
    pub labels: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize, Default, PartialEq)]
pub(super) struct NodeStatus {
    #[serde(default)]
    pub addresses: Vec<NodeAddress>,
}

impl ServiceObject {
    /// Returns what allocation needs of the Service, or nothing if it has nothing to do with us.
    ///
    /// Of a Service of another type only what we wrote earlier matters, and the pool annotation tells that.
    pub(super) fn view(self, version: ResourceVersion, lb_class: &str) -> Option<ServiceView> {
        let Self { metadata, spec, status: Status { load_balancer, conditions } } = self;
        let mut view =
            convert::service_view(&Service { metadata, spec, status: ServiceStatus { load_balancer } }, lb_class);
        let ours = |condition: &StatusCondition| condition.kind == ConditionType::Allocated.as_str();
        view.condition =
            conditions.into_iter().find(ours).map(|StatusCondition { status, reason, message, .. }| Condition {
                met: status == "True",
                reason,
                message,
            });
        view.version = version;
        let concerns = view.is_load_balancer || view.pool_annotation.is_some() || view.condition.is_some();
        (view.class_is_ours && concerns).then_some(view)
    }
}
