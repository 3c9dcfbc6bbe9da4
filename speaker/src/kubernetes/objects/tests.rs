use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

fn decode<T: DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).unwrap()
}

fn slice_of(endpoints: Value) -> Slice {
    slice(decode(json!({
        "metadata": { "name": "web-1", "namespace": "shop", "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv4",
        "endpoints": endpoints,
    })))
}

#[test]
fn pods_that_come_and_go_beside_others_on_their_node_change_nothing() {
    let endpoint =
        |ip: &str, node: &str| json!({ "addresses": [ip], "nodeName": node, "conditions": { "ready": true } });
    let before = slice_of(json!([endpoint("10.0.0.1", "b"), endpoint("10.0.0.2", "a")]));
    let after = slice_of(json!([endpoint("10.0.0.3", "a"), endpoint("10.0.0.4", "b"), endpoint("10.0.0.5", "b")]));
    assert_eq!(before, after);
    assert_eq!(before.endpoints.len(), 2);
    assert_eq!(&*before.service, "web");
}

#[test]
fn states_of_endpoints_are_kept_apart() {
    let endpoint = |conditions: Value| json!({ "addresses": ["10.0.0.1"], "nodeName": "a", "conditions": conditions });
    let slice = slice_of(json!([
        endpoint(json!({ "ready": false, "serving": true, "terminating": true })),
        endpoint(json!({ "ready": false })),
        endpoint(json!({})),
    ]));
    assert_eq!(slice.endpoints.len(), 3);
    assert_eq!(slice.endpoints.iter().filter(|endpoint| endpoint.can_serve()).count(), 2);
}

#[test]
fn equal_names_of_nodes_are_one_allocation() {
    let endpoints = json!([{ "addresses": ["10.0.0.1"], "nodeName": "a" }]);
    let (mut first, mut second) = (slice_of(endpoints.clone()), slice_of(endpoints));
    let mut names = Names::default();
    names.share(&mut first);
    names.share(&mut second);
    let name = |slice: &Slice| slice.endpoints[0].node.clone().unwrap().0;
    assert!(Arc::ptr_eq(&name(&first), &name(&second)));
}

#[test]
fn the_heartbeat_of_a_node_changes_nothing_and_its_health_does() {
    let node_at = |time: &str, ready: &str| {
        node(decode(json!({
            "metadata": { "name": "a", "resourceVersion": time, "annotations": { "example.com/seen": time } },
            "status": { "conditions": [
                { "type": "Ready", "status": ready, "lastHeartbeatTime": time },
                { "type": "MemoryPressure", "status": "False", "message": time },
            ] },
        })))
    };
    assert_eq!(node_at("1", "True"), node_at("2", "True"));
    assert_ne!(node_at("1", "True"), node_at("1", "False"));
}

#[test]
fn a_service_keeps_what_decides_and_nothing_else() {
    let whole: core::Service = decode(json!({
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "labels": { "tier": "front" },
            "annotations": {
                "metallb.universe.tf/allow-shared-ip": "key",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
            },
        },
        "spec": {
            "type": "LoadBalancer",
            "externalTrafficPolicy": "Local",
            "loadBalancerClass": "example.com/x",
            "selector": { "app": "web" },
            "ports": [{ "port": 80 }],
        },
        "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } },
    }));
    let kept = service(whole.clone());
    assert_eq!(kept.metadata.labels, whole.metadata.labels);
    assert_eq!(kept.metadata.annotations.keys().collect::<Vec<_>>(), ["metallb.universe.tf/allow-shared-ip"]);
    assert_eq!(kept.spec.external_traffic_policy, core::TrafficPolicy::Local);
    assert_eq!(kept.spec.load_balancer_class.as_deref(), Some("example.com/x"));
    assert_eq!(kept.status, whole.status);
    assert!(kept.spec.ports.is_empty() && kept.spec.selector.is_empty());
}
