use serde_json::json;

use super::*;
use crate::checked::tests::{named, problems};
use crate::fault::Problem;

#[test]
fn an_empty_advertisement_restricts_nothing() {
    let (advertisement, faults) = L2Advertisement::check(&named("lan", json!({})));
    let advertisement = advertisement.unwrap();
    assert_eq!(faults, []);
    assert!(advertisement.node_selectors.is_empty() && advertisement.interfaces.is_empty());
    assert!(advertisement.service_selectors.is_empty() && advertisement.preferences.is_empty());
}

#[test]
fn every_fault_is_named_with_its_path() {
    let (advertisement, faults) = L2Advertisement::check(&named(
        "lan",
        json!({
            "ipAddressPools": ["a", "a"],
            "ipAddressPoolSelectors": [{}, {}],
            "nodeSelectors": [{ "matchExpressions": [{ "key": "x", "operator": "near" }] }],
            "serviceSelectors": [{ "matchLabels": { "x": "not valid" } }],
            "preferredNodeSelectors": [
                { "weight": 0, "preference": {} },
                { "weight": 5, "preference": { "matchExpressions": [{ "key": "x", "operator": "In" }] } }
            ]
        }),
    ));
    assert_eq!(advertisement, None);
    let expected = [
        ("spec.ipAddressPools[1]", Problem::Repeated { value: "a".into() }),
        ("spec.ipAddressPoolSelectors[1]", Problem::RepeatedSelector { first: 0 }),
        ("spec.nodeSelectors[0].matchExpressions[0].operator", Problem::Operator { operator: "near".into() }),
        ("spec.serviceSelectors[0].matchLabels.x", Problem::LabelValue { value: "not valid".into() }),
        ("spec.preferredNodeSelectors[0].weight", Problem::OutOfRange { value: 0, minimum: 1, maximum: 100 }),
        (
            "spec.preferredNodeSelectors[1].preference.matchExpressions[0].values",
            Problem::ValuesMissing { operator: "In".into() },
        ),
    ];
    assert_eq!(problems(&faults), expected);
}

#[test]
fn preferences_keep_weight_and_order() {
    let preferred = json!({ "preferredNodeSelectors": [
        { "weight": 10, "preference": { "matchLabels": { "disk": "ssd" } } }, { "weight": 100, "preference": {} }
    ] });
    let (advertisement, _) = L2Advertisement::check(&named("lan", preferred));
    let weights: Vec<u8> = advertisement.unwrap().preferences.iter().map(|preference| preference.weight).collect();
    assert_eq!(weights, [10, 100]);
}
