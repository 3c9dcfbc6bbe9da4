use proptest::prelude::*;
use serde_json::json;

use super::*;

fn raw(value: serde_json::Value) -> LabelSelector {
    serde_json::from_value(value).unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn expression(operator: &str, values: &[&str]) -> LabelSelector {
    raw(json!({ "matchExpressions": [{ "key": "app", "operator": operator, "values": values }] }))
}

#[test]
fn each_operator_decides_by_presence_and_value() {
    let a = labels(&[("app", "a")]);
    let c = labels(&[("app", "c")]);
    let none = labels(&[("other", "a")]);
    let table = [
        (expression("In", &["a", "b"]), [true, false, false]),
        (expression("NotIn", &["a", "b"]), [false, true, true]),
        (expression("Exists", &[]), [true, true, false]),
        (expression("DoesNotExist", &[]), [false, false, true]),
        (raw(json!({ "matchLabels": { "app": "a" } })), [true, false, false]),
        (raw(json!({})), [true, true, true]),
    ];
    for (selector, expected) in table {
        let parsed = Selector::parse(&selector).unwrap();
        assert_eq!([&a, &c, &none].map(|labels| parsed.matches(labels)), expected, "{selector:?}");
    }
}

#[test]
fn all_requirements_must_hold() {
    let selector = Selector::parse(&raw(json!({
        "matchLabels": { "app": "a", "zone": "1" },
        "matchExpressions": [{ "key": "old", "operator": "DoesNotExist" }]
    })))
    .unwrap();
    assert!(selector.matches(&labels(&[("app", "a"), ("zone", "1")])));
    assert!(!selector.matches(&labels(&[("app", "a")])));
    assert!(!selector.matches(&labels(&[("app", "a"), ("zone", "1"), ("old", "")])));
}

#[test]
fn every_fault_of_a_selector_is_named_with_its_path() {
    let selector = raw(json!({
        "matchLabels": { "-bad": "also bad" },
        "matchExpressions": [
            { "key": "app", "operator": "in", "values": ["a"] },
            { "key": "app", "operator": "In" },
            { "key": "app", "operator": "Exists", "values": ["a"] },
            { "key": "app", "operator": "In", "values": ["a", "a"] },
        ]
    }));
    let problems: Vec<(String, Problem)> = Selector::parse(&selector)
        .unwrap_err()
        .into_iter()
        .map(|(field, problem)| (field.as_str().to_owned(), problem))
        .collect();
    let expected = [
        ("matchLabels.-bad", Problem::LabelKey { key: "-bad".into() }),
        ("matchLabels.-bad", Problem::LabelValue { value: "also bad".into() }),
        ("matchExpressions[0].operator", Problem::Operator { operator: "in".into() }),
        ("matchExpressions[1].values", Problem::ValuesMissing { operator: "In".into() }),
        ("matchExpressions[2].values", Problem::ValuesUnwanted { operator: "Exists".into() }),
        ("matchExpressions[3].values[1]", Problem::Repeated { value: "a".into() }),
    ];
    assert_eq!(problems, expected.map(|(path, problem)| (path.to_owned(), problem)));
}

#[test]
fn label_keys_follow_kubernetes() {
    let long = "a".repeat(63);
    for good in ["a", "A_b.c-1", "kubernetes.io/hostname", &long, &format!("x.y/{long}")] {
        assert!(key_problem(good).is_none(), "{good}");
    }
    let too_long = "a".repeat(64);
    for bad in ["", "-a", "a-", "a b", "/a", "a/", "a/b/c", "UP.io/a", "a..b/c", &too_long] {
        assert!(key_problem(bad).is_some(), "{bad}");
    }
    assert!(value_problem("").is_none());
    assert!(value_problem(&too_long).is_some());
}

proptest! {
    #[test]
    fn in_and_not_in_are_opposites(values in prop::collection::btree_set("[a-c]", 1..3), value in "[a-d]", present: bool) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let labels = if present { labels(&[("app", &value)]) } else { BTreeMap::new() };
        let inside = Selector::parse(&expression("In", &values)).unwrap().matches(&labels);
        let outside = Selector::parse(&expression("NotIn", &values)).unwrap().matches(&labels);
        prop_assert_ne!(inside, outside);
    }

    #[test]
    fn no_text_makes_the_parser_panic(key in ".*", operator in ".*", value in ".*") {
        let _ = Selector::parse(&raw(json!({
            "matchLabels": { key.clone(): value.clone() },
            "matchExpressions": [{ "key": key, "operator": operator, "values": [value] }]
        })));
    }
}
