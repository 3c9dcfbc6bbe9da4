//! The schemas of Kubernetes' own kinds, as far as Clarion reads them.

use serde_json::{Value, json};

use crate::manifests::Kind;

pub(super) fn schemas() -> impl Iterator<Item = (Kind, Value)> {
    let service = json!({ "spec": service_spec() });
    let kinds = [
        (Kind::Service, service),
        (Kind::EndpointSlice, json!({})),
        (Kind::Node, json!({})),
        (Kind::Namespace, json!({})),
        (Kind::Secret, json!({})),
    ];
    kinds.into_iter().map(|(kind, mut properties)| {
        properties["metadata"] = metadata();
        (kind, open(properties))
    })
}

/// Returns the schema of metadata, which is the same for every kind.
pub(super) fn metadata() -> Value {
    let texts = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    open(json!({
        "name": { "type": "string" },
        "namespace": { "type": "string" },
        "labels": texts,
        "annotations": texts,
    }))
}

fn service_spec() -> Value {
    let families = json!({ "type": "string", "enum": ["IPv4", "IPv6"] });
    let text = json!({ "type": "string" });
    open(json!({
        "type": { "type": "string", "enum": ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] },
        "loadBalancerClass": text,
        "loadBalancerIP": text,
        "clusterIP": text,
        "clusterIPs": { "type": "array", "items": text },
        "ipFamilies": { "type": "array", "items": families },
        "ipFamilyPolicy": { "type": "string", "enum": ["SingleStack", "PreferDualStack", "RequireDualStack"] },
        "externalTrafficPolicy": { "type": "string", "enum": ["Cluster", "Local"] },
        "selector": { "type": "object", "additionalProperties": text },
        "ports": { "type": "array", "items": port() },
        "publishNotReadyAddresses": { "type": "boolean" },
        "allocateLoadBalancerNodePorts": { "type": "boolean" },
    }))
}

fn port() -> Value {
    let mut port = open(json!({
        "name": { "type": "string" },
        "protocol": { "type": "string", "enum": ["TCP", "UDP", "SCTP"] },
        "port": { "type": "integer", "minimum": 1, "maximum": 65535 },
        "nodePort": { "type": "integer", "minimum": 0, "maximum": 65535 },
    }));
    port["required"] = json!(["port"]);
    port
}

/// Returns the schema of a mapping that may have more fields than these.
fn open(properties: Value) -> Value {
    json!({ "type": "object", "properties": properties, "x-kubernetes-preserve-unknown-fields": true })
}
