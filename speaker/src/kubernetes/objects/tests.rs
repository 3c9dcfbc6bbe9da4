use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

fn decode<T: DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).unwrap()
}

#[test]
fn a_name_that_nothing_holds_is_forgotten() {
    let mut names = Names::default();
    let kept: Vec<Arc<str>> = (0..10).map(|index| format!("kept-{index}").into()).collect();
    kept.iter().for_each(|name| names.share(&mut name.clone()));
    for index in 0..10_000 {
        names.share(&mut format!("passing-{index}").into());
    }
    assert!(names.len() <= 2 * Names::FEW, "{} names are kept", names.len());
    let mut again: Arc<str> = "kept-3".into();
    names.share(&mut again);
    assert!(Arc::ptr_eq(&again, &kept[3]));
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
    let planned = |lb_class| kept.planned([vip].into(), BTreeSet::new(), Vec::new(), BTreeSet::new(), lb_class);
    let expected = announce::Service {
        created: Created(60),
        kind: ServiceKind::Ours,
        vips: [vip].into(),
        allow_shared_ip: true,
        traffic_policy: TrafficPolicy::Local,
        endpoints: Vec::new(),
        gaps: BTreeSet::new(),
        not_admitted: BTreeSet::new(),
    };
    assert_eq!(planned("example.com/x"), expected);
    assert_eq!(planned("").kind, ServiceKind::OtherClass { class: Some("example.com/x".to_owned()) });
}
