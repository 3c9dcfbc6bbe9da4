use crds::selector::Selector;
use serde_json::json;

use super::*;

fn service(object: serde_json::Value) -> core::Service {
    serde_json::from_value(object).unwrap()
}

fn web() -> serde_json::Value {
    json!({
        "metadata": {"name": "web", "namespace": "shop", "labels": {"tier": "front"},
            "annotations": {"metallb.universe.tf/address-pool": "lan", "metallb.io/ip-allocated-from-pool": "lan"}},
        "spec": {"type": "LoadBalancer", "clusterIPs": ["10.96.0.1", "fd96::1"], "ipFamilyPolicy": "PreferDualStack",
            "externalTrafficPolicy": "Local", "selector": {"app": "web"}, "ports": [{"port": 53, "protocol": "UDP"}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"hostname": "elsewhere.example"}]}},
    })
}

#[test]
fn everything_allocation_needs_is_read_from_a_service() {
    let view = service_view(&service(web()), "");
    assert_eq!(view.id, ServiceId::new("shop", "web"));
    assert!(view.is_load_balancer && view.class_is_ours);
    assert_eq!(view.cluster_ips, ["10.96.0.1", "fd96::1"]);
    assert_eq!(view.family_policy, FamilyPolicy::PreferDualStack);
    assert_eq!(view.demand, Ok(ipam::Demand::Pool(PoolName::from("lan"))));
    assert_eq!(view.traffic_policy, TrafficPolicy::Local);
    assert!(view.ports.iter().eq(&[Port { protocol: Protocol::Udp, number: 53 }]));
    assert_eq!(
        view.ingress,
        [Ingress::Ip("192.0.2.1".parse().unwrap()), Ingress::Other("elsewhere.example".to_owned())]
    );
    assert_eq!(view.pool_annotation.as_deref(), Some("lan"));
    assert_eq!(view.deprecated_annotations, ["metallb.universe.tf/address-pool"]);
}

#[test]
fn a_service_with_only_the_older_cluster_ip_field_has_that_family() {
    let mut object = web();
    object["spec"]["clusterIPs"] = json!([]);
    object["spec"]["clusterIP"] = json!("fd96::7");
    assert_eq!(service_view(&service(object), "").cluster_ips, ["fd96::7"]);
}

#[test]
fn selectors_of_a_pool_are_resolved_to_the_namespaces_and_services_that_match() {
    let selector = |labels| {
        let selector = serde_json::from_value(json!({"matchLabels": labels})).unwrap();
        Selector::parse(&selector).unwrap()
    };
    let namespace = |object| serde_json::from_value::<core::Namespace>(json!({"metadata": object})).unwrap();
    let checked = checked::Pool {
        name: "lan".to_owned(),
        ranges: vec![checked::AddressRange::parse("192.0.2.0/24", 0).unwrap()],
        auto_assign: false,
        avoid_buggy_ips: true,
        allocation: Some(checked::ServiceAllocation {
            priority: 3,
            namespaces: ["listed".to_owned()].into(),
            namespace_selectors: vec![selector(json!({"team": "a"}))],
            service_selectors: vec![selector(json!({"tier": "front"}))],
        }),
    };
    let namespaces = [
        namespace(json!({"name": "shop", "labels": {"team": "a"}})),
        namespace(json!({"name": "other", "labels": {"team": "b"}})),
    ];
    let pool = pool(&checked, namespaces.iter(), [service_view(&service(web()), "")].iter()).unwrap();
    assert!(!pool.auto_assign && pool.avoid_buggy_ips);
    let allocation = pool.allocation.unwrap();
    assert_eq!(allocation.priority, Priority(3));
    assert_eq!(allocation.namespaces, Scope::Only(["listed".into(), "shop".into()].into()));
    assert_eq!(allocation.services, Scope::Only([ServiceId::new("shop", "web")].into()));
}

#[test]
fn a_selector_that_matches_nothing_closes_the_pool_and_does_not_open_it() {
    let selector = Selector::parse(&serde_json::from_value(json!({"matchLabels": {"no": "one"}})).unwrap()).unwrap();
    let checked = checked::ServiceAllocation { namespace_selectors: vec![selector], ..Default::default() };
    assert_eq!(service_allocation(&checked, [].iter(), [].iter()).namespaces, Scope::Only([].into()));
}

#[test]
fn what_is_larger_than_is_looked_at_is_cut_and_the_request_says_which_field() {
    let map = |count: usize| (0..count).map(|index| (format!("{index:060}"), json!("x".repeat(63)))).collect();
    let (labels, ports): (serde_json::Value, Vec<_>) =
        (map(10_000), (1..10_000).map(|port| json!({"port": port})).collect());
    let key = "ä".repeat(100_000);
    for (field, pointer, value) in [
        ("metadata.labels", "/metadata/labels", labels.clone()),
        ("spec.selector", "/spec/selector", labels),
        ("spec.ports", "/spec/ports", json!(ports)),
        ("annotation metallb.io/allow-shared-ip", "/metadata/annotations", json!({"metallb.io/allow-shared-ip": key})),
    ] {
        let mut object = web();
        *object.pointer_mut(pointer).unwrap() = value;
        let view = service_view(&service(object), "");
        assert!(view.cost() < 100_000, "{field}: {}", view.cost());
        let fault = view.demand.unwrap_err().to_string();
        assert!(fault.starts_with(&format!("{field}: there is more of it than ")), "{fault}");
    }
    let mut object = web();
    object["metadata"]["labels"] = map(100);
    assert!(service_view(&service(object), "").demand.is_ok());
}
