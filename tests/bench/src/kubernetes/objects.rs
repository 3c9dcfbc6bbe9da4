//! The objects of a large cluster.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

/// The namespace of the Services.
pub(super) const NAMESPACE: &str = "shop";
/// The Service that comes, goes and changes.
pub(super) const CHANGING: &str = "changing";
/// The node that runs a speaker and every endpoint.
pub(super) const NODE: &str = "n1";
/// The addresses of Services that do not ask for one.
pub(super) const POOL: &str = "10.32.0.0/17";
/// The addresses that Services ask for.
pub(super) const ON_REQUEST: &str = "10.33.0.0/24";
/// How many nodes there are beside the one that is real.
pub(super) const NODES: usize = 999;

/// Returns an address that Services ask for.
pub(super) fn named(number: usize) -> Ipv4Addr {
    let last = u8::try_from(1 + number % 250).expect("a remainder below 250 fits");
    Ipv4Addr::new(10, 33, 0, last)
}

/// Returns a Service without a selector, so that its endpoints are what the bench says.
pub(super) fn service(name: &str, address: Option<Ipv4Addr>, local: bool) -> Value {
    let mut annotations = json!({});
    if let Some(address) = address {
        annotations["metallb.io/loadBalancerIPs"] = address.to_string().into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "namespace": NAMESPACE, "annotations": annotations },
        "spec": {
            "type": "LoadBalancer",
            "allocateLoadBalancerNodePorts": false,
            "externalTrafficPolicy": if local { "Local" } else { "Cluster" },
            "ports": [{ "name": "http", "port": 80, "targetPort": 8080 }],
        },
    })
}

/// Returns the only EndpointSlice of a Service.
pub(super) fn slice(service: &str, ready: bool) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": { "name": service, "namespace": NAMESPACE, "labels": { "kubernetes.io/service-name": service } },
        "addressType": "IPv4",
        "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
        "endpoints": [
            {
                "addresses": ["10.244.1.2"],
                "nodeName": NODE,
                "conditions": { "ready": ready, "serving": ready, "terminating": false },
            },
            {
                "addresses": ["10.244.2.2"],
                "nodeName": "node-0007",
                "conditions": { "ready": false, "serving": false, "terminating": true },
            },
        ],
    })
}

/// Returns a Node as large as a kubelet makes it.
pub(super) fn node(number: usize) -> Value {
    let images: Vec<Value> = (0..40)
        .map(|image| json!({ "names": [format!("registry.example/team/service-{image}@sha256:{number:064x}")], "sizeBytes": 123_456_789 }))
        .collect();
    let name = format!("node-{number:04}");
    let condition = |kind: &str, status: &str| {
        json!({
            "type": kind, "status": status, "reason": "Kubelet", "message": "as the kubelet says",
            "lastHeartbeatTime": "2026-01-01T00:00:00Z", "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": format!("zone-{}", number % 3),
            },
        },
        "spec": { "podCIDRs": [format!("10.{}.{}.0/24", 128 + number / 250, number % 250)] },
        "status": {
            "addresses": [{ "type": "InternalIP", "address": format!("10.77.{}.{}", number / 250, 1 + number % 250) }],
            "conditions": [
                condition("MemoryPressure", "False"), condition("DiskPressure", "False"),
                condition("PIDPressure", "False"), condition("Ready", "True"),
            ],
            "images": images,
        },
    })
}
