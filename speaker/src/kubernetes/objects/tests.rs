use announce::ServiceKind;
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
fn a_pod_that_replaces_another_on_its_node_changes_nothing_but_a_further_one_weighs() {
    let endpoint =
        |ip: &str, node: &str| json!({ "addresses": [ip], "nodeName": node, "conditions": { "ready": true } });
    let before = slice_of(json!([endpoint("10.0.0.1", "b"), endpoint("10.0.0.2", "a")]));
    assert_eq!(before, slice_of(json!([endpoint("10.0.0.3", "a"), endpoint("10.0.0.4", "b")])));
    let further = json!([endpoint("10.0.0.3", "a"), endpoint("10.0.0.4", "b"), endpoint("10.0.0.5", "b")]);
    assert_eq!(slice_of(further).endpoints.len(), 3);
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
    names.share_nodes(&mut first);
    names.share_nodes(&mut second);
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
    let object = |ports: Value, holds: &str| {
        service(decode(json!({
            "metadata": {
                "name": "web",
                "namespace": "shop",
                "uid": "1-2-3",
                "creationTimestamp": "1970-01-01T00:01:00Z",
                "labels": { "tier": "front" },
                "annotations": {
                    "metallb.universe.tf/allow-shared-ip": "key",
                    "kubectl.kubernetes.io/last-applied-configuration": ports.to_string(),
                },
            },
            "spec": {
                "type": "LoadBalancer",
                "externalTrafficPolicy": "Local",
                "loadBalancerClass": "example.com/x",
                "selector": { "app": "web" },
                "ports": ports,
            },
            "status": { "loadBalancer": { "ingress": [{ "ip": holds }, { "hostname": "web.example.com" }] } },
        })))
    };
    let kept = object(json!([{ "port": 80 }]), "192.0.2.1");
    assert_eq!(kept, object(json!([{ "port": 81 }]), "192.0.2.1"));
    assert_ne!(kept, object(json!([{ "port": 80 }]), "192.0.2.2"));
    let vip: IpAddr = "192.0.2.1".parse().unwrap();
    assert_eq!((&*kept.uid, &*kept.labels["tier"], &*kept.addresses), ("1-2-3", "front", [vip].as_slice()));
    let planned = |lb_class| kept.planned(&[vip], Vec::new(), lb_class);
    let expected = announce::Service {
        created: Created(60),
        kind: ServiceKind::Ours,
        vips: [vip].into(),
        allow_shared_ip: true,
        traffic_policy: TrafficPolicy::Local,
        endpoints: Vec::new(),
    };
    assert_eq!(planned("example.com/x"), expected);
    assert_eq!(planned("").kind, ServiceKind::OtherClass { class: Some("example.com/x".to_owned()) });
}
