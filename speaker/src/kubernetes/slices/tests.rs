use serde_json::{Value, json};

use super::super::fixtures::applied;
use super::*;

fn slice_of(endpoints: Value) -> Slice {
    let Event::Applied(Object { value: Ok(slice), .. }) = slice(applied(&json!({
        "metadata": { "name": "web-1", "namespace": "shop", "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv4",
        "endpoints": endpoints,
    }))) else {
        panic!("every slice has a value")
    };
    slice
}

fn endpoint(ip: &str, node: &str, conditions: Value) -> Value {
    json!({ "addresses": [ip], "nodeName": node, "conditions": conditions })
}

#[test]
fn a_pod_that_replaces_another_on_its_node_changes_nothing_but_a_further_one_weighs() {
    let ready = |ip: &str, node: &str| endpoint(ip, node, json!({ "ready": true }));
    let before = slice_of(json!([ready("10.0.0.1", "b"), ready("10.0.0.2", "a")]));
    assert_eq!(before, slice_of(json!([ready("10.0.0.3", "a"), ready("10.0.0.4", "b")])));
    let further = slice_of(json!([ready("10.0.0.3", "a"), ready("10.0.0.4", "b"), ready("10.0.0.5", "b")]));
    let nodes = ["a".into(), "b".into()];
    let on_b =
        |slice: &Slice| slice.endpoints(&nodes.iter().collect()).filter(|it| it.node == Some("b".into())).count();
    assert_eq!((on_b(&before), on_b(&further)), (1, 2));
    assert_eq!(&*before.service, "web");
}

#[test]
fn states_of_endpoints_are_kept_apart() {
    let slice = slice_of(json!([
        endpoint("10.0.0.1", "a", json!({ "ready": false, "serving": true, "terminating": true })),
        endpoint("10.0.0.2", "a", json!({ "ready": false })),
        endpoint("10.0.0.3", "a", Value::Null),
    ]));
    let endpoints: Vec<_> = slice.endpoints(&["a".into()].iter().collect()).collect();
    assert!(endpoints.iter().all(|endpoint| endpoint.can_serve() && endpoint.node == Some("a".into())));
    let ready = endpoints.iter().filter(|endpoint| endpoint.ready == Some(true)).count();
    assert_eq!((endpoints.len(), ready), (2, 1));
}

#[test]
fn an_endpoint_on_no_known_node_serves_somewhere() {
    let slice = slice_of(json!([endpoint("10.0.0.1", "gone", json!({})), { "addresses": ["10.0.0.2"] }]));
    let endpoints: Vec<_> = slice.endpoints(&["a".into()].iter().collect()).collect();
    assert_eq!(endpoints, [SOMEWHERE, SOMEWHERE]);
    assert!(slice.serves() && !slice_of(Value::Null).serves());
}

#[test]
fn names_as_endpoints_are_none() {
    let slice = slice(applied(&json!({
        "metadata": { "name": "web-1", "namespace": "shop" },
        "addressType": "FQDN",
        "endpoints": [{ "addresses": ["web.example.com"], "conditions": { "ready": true } }],
        "ports": null,
    })));
    let Event::Applied(Object { value: Ok(slice), .. }) = slice else { panic!("every slice has a value") };
    assert_eq!(slice, Slice::default());
}

#[test]
fn what_a_slice_keeps_does_not_depend_on_how_long_names_are() {
    let named = |name: &dyn Fn(usize) -> String| {
        let endpoints = (0..1000).map(|index| endpoint("10.0.0.1", &name(index), json!({}))).collect::<Vec<_>>();
        slice_of(json!(endpoints)).size()
    };
    assert_eq!(named(&|index| format!("{index:0253}")), 16_000);
    assert_eq!(named(&|index| format!("n{}", index % 3)), 48);
}
