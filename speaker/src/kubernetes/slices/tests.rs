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
        |slice: &Slice| of(std::slice::from_ref(slice), &nodes).iter().filter(|it| it.node == Some("b".into())).count();
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
    let endpoints = of(std::slice::from_ref(&slice), &["a".into()]);
    assert!(endpoints.iter().all(|endpoint| endpoint.can_serve() && endpoint.node == Some("a".into())));
    let ready = endpoints.iter().filter(|endpoint| endpoint.ready == Some(true)).count();
    assert_eq!((endpoints.len(), ready), (2, 1));
}

#[test]
fn an_endpoint_on_no_known_node_serves_somewhere() {
    let slice = slice_of(json!([endpoint("10.0.0.1", "gone", json!({})), { "addresses": ["10.0.0.2"] }]));
    let endpoints = of(std::slice::from_ref(&slice), &["a".into()]);
    assert_eq!(endpoints, [SOMEWHERE]);
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
        slice_of(json!(endpoints)).cost() - ROW - "web".len()
    };
    assert_eq!(named(&|index| format!("{index:0253}")), 16_000);
    assert_eq!(named(&|index| format!("n{}", index % 3)), 48);
}

#[test]
fn nodes_that_do_not_exist_and_endpoints_by_the_thousand_make_no_plan_larger() {
    let slice = |node: &dyn Fn(usize) -> String| {
        let endpoints = (0..1000).map(|index| endpoint("10.0.0.1", &node(index), json!({}))).collect::<Vec<_>>();
        slice_of(json!(endpoints))
    };
    let nodes = ["a".into(), "b".into(), "c".into()];
    assert_eq!(of(&[slice(&|index| format!("junk-{index}"))], &nodes), [SOMEWHERE]);
    // Nine of ten endpoints on `a`, the others on `b`, and one of all on `c`.
    let mut slices = vec![slice(&|index| if index % 10 == 0 { "b".to_owned() } else { "a".to_owned() }); 20];
    slices.push(slice_of(json!([endpoint("10.0.0.1", "c", json!({}))])));
    let endpoints = of(&slices, &nodes);
    let on = |node: &str| endpoints.iter().filter(|it| it.node == Some(node.into())).count();
    assert_eq!((on("a"), on("b"), on("c"), endpoints.len()), (4500, 500, 1, 5001));
}

fn of(slices: &[Slice], nodes: &[NodeName]) -> Vec<Endpoint> {
    apart(slices.iter(), &nodes.iter().collect())
}
