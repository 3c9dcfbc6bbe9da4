//! Kubernetes' own objects, decoded no further than allocation reads them.

use std::collections::BTreeMap;

use crds::core::{LoadBalancerStatus, Metadata, NodeAddress, Service, ServiceSpec, ServiceStatus};
use crds::reasons::ConditionType;
use jiff::Timestamp;
use serde::Deserialize;

use super::FIELD_MANAGER;
use crate::convert;
use crate::view::{Condition, ResourceVersion, ServiceView};

/// A Service with the conditions of its status.
#[derive(Deserialize)]
pub(super) struct ServiceObject {
    metadata: ServiceMetadata,
    #[serde(default)]
    spec: ServiceSpec,
    #[serde(default)]
    status: Status,
}

/// The metadata of a Service, and who wrote it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ServiceMetadata {
    name: String,
    namespace: Option<String>,
    uid: Option<String>,
    creation_timestamp: Option<Timestamp>,
    deletion_timestamp: Option<Timestamp>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    managed_fields: Vec<Manager>,
}

/// A program that has written fields, and when it did last.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Manager {
    manager: String,
    time: Option<Timestamp>,
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
    pub labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Default, PartialEq)]
pub(super) struct NodeStatus {
    #[serde(default)]
    pub addresses: Vec<NodeAddress>,
}

impl ServiceObject {
    /// Returns the program that wrote last, as it calls itself; of two that wrote in the same second the one that is not us.
    pub(super) fn last_writer(&self) -> &str {
        let managers = self.metadata.managed_fields.iter();
        let last = managers.max_by_key(|manager| (manager.time, manager.manager != FIELD_MANAGER));
        last.map_or("", |last| &last.manager)
    }

    /// Returns what allocation needs of the Service, or nothing if it has nothing to do with us.
    ///
    /// Of a Service of another type only what we wrote earlier matters, and the pool annotation and our condition tell that.
    pub(super) fn view(self, version: ResourceVersion, lb_class: &str) -> Option<ServiceView> {
        let Self { metadata, spec, status: Status { load_balancer, conditions } } = self;
        let ServiceMetadata {
            name, namespace, uid, creation_timestamp, deletion_timestamp, labels, annotations, ..
        } = metadata;
        let metadata = Metadata { name, namespace, uid, creation_timestamp, deletion_timestamp, labels, annotations };
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
