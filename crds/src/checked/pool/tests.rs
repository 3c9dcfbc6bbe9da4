use serde_json::json;

use super::*;
use crate::checked::Special;
use crate::checked::tests::{named, problems};

#[test]
fn a_pool_keeps_its_entries_in_order_with_their_index() {
    let (pool, faults) = Pool::check(&named(
        "lan",
        json!({ "addresses": ["192.0.2.200-192.0.2.210", "192.0.2.0/25", "2001:db8::/120"], "autoAssign": false }),
    ));
    assert_eq!(faults, []);
    let pool = pool.unwrap();
    let sources: Vec<(String, usize)> = pool.ranges.iter().map(|range| (range.to_string(), range.source())).collect();
    let expected = [("192.0.2.200-192.0.2.210", 0), ("192.0.2.0/25", 1), ("2001:db8::/120", 2)];
    assert_eq!(sources, expected.map(|(text, source)| (text.to_owned(), source)));
    assert_eq!((pool.auto_assign, pool.avoid_buggy_ips, pool.allocation.is_none()), (false, false, true));
    assert!(pool.has(Family::V4) && pool.has(Family::V6));
    assert!(pool.contains("192.0.2.205".parse().unwrap()) && !pool.contains("192.0.2.211".parse().unwrap()));
}

#[test]
fn all_faults_of_a_pool_are_found_at_once() {
    let (pool, faults) = Pool::check(&named(
        "lan",
        json!({
            "addresses": ["10.0.0.0/24", "10.0.0.9-10.0.0.1", "10.0.0.200-10.0.1.5"],
            "serviceAllocation": {
                "namespaces": ["a", "b", "a", ""],
                "namespaceSelectors": [{ "matchLabels": { "x": "1" } }, { "matchLabels": { "x": "1" } }],
                "serviceSelectors": [{ "matchExpressions": [{ "key": "x", "operator": "In", "values": ["1", "1"] }] }]
            }
        }),
    ));
    assert_eq!(pool, None);
    let allocation = "spec.serviceAllocation";
    let paths = [
        format!("{allocation}.namespaces[2]"),
        format!("{allocation}.namespaces[3]"),
        format!("{allocation}.namespaceSelectors[1]"),
        format!("{allocation}.serviceSelectors[0].matchExpressions[0].values[1]"),
    ];
    let expected = [
        (
            "spec.addresses[1]",
            Problem::Reversed { first: "10.0.0.9".parse().unwrap(), last: "10.0.0.1".parse().unwrap() },
        ),
        (
            "spec.addresses[2]",
            Problem::OverlapInside { own: "10.0.0.200-10.0.1.5".into(), other: "10.0.0.0/24".into() },
        ),
        (&paths[0], Problem::Repeated { value: "a".into() }),
        (&paths[1], Problem::Empty),
        (&paths[2], Problem::RepeatedSelector { first: 0 }),
        (&paths[3], Problem::Repeated { value: "1".into() }),
    ];
    assert_eq!(problems(&faults), expected);
}

#[test]
fn a_pool_without_addresses_is_refused() {
    let (pool, faults) = Pool::check(&named("lan", json!({ "addresses": [] })));
    assert_eq!(pool, None);
    assert_eq!(problems(&faults), [("spec.addresses", Problem::NoAddresses)]);
}

#[test]
fn selectors_that_differ_only_in_the_order_of_values_are_the_same() {
    let selector =
        |values: [&str; 2]| json!({ "matchExpressions": [{ "key": "x", "operator": "In", "values": values }] });
    let (_, faults) = Pool::check(&named(
        "lan",
        json!({
            "addresses": ["10.0.0.0/24"],
            "serviceAllocation": { "serviceSelectors": [selector(["a", "b"]), selector(["b", "a"])] }
        }),
    ));
    let expected = [("spec.serviceAllocation.serviceSelectors[1]", Problem::RepeatedSelector { first: 0 })];
    assert_eq!(problems(&faults), expected);
}

#[test]
fn an_allocation_with_only_a_priority_restricts_nobody() {
    let (pool, _) =
        Pool::check(&named("lan", json!({ "addresses": ["10.0.0.0/24"], "serviceAllocation": { "priority": 7 } })));
    let expected = ServiceAllocation { priority: 7, ..ServiceAllocation::default() };
    assert_eq!(pool.unwrap().allocation, Some(expected));
}

#[test]
fn entries_that_no_host_can_have_addresses_of_are_named_and_the_rest_of_the_pool_stays() {
    let whole = |text: &str, special| ("whole", Problem::NotForHosts { text: text.to_owned(), special });
    let part = |text: &str, special| ("part", Problem::PartlyNotForHosts { text: text.to_owned(), special });
    for (entry, expected) in [
        ("127.0.0.1/32", vec![whole("127.0.0.1/32", Special::Loopback)]),
        ("224.0.0.0/24", vec![whole("224.0.0.0/24", Special::Multicast)]),
        ("0.0.0.0/32", vec![whole("0.0.0.0/32", Special::Unspecified)]),
        ("255.255.255.255/32", vec![whole("255.255.255.255/32", Special::Broadcast)]),
        ("169.254.1.1-169.254.1.9", vec![whole("169.254.1.1-169.254.1.9", Special::LinkLocal)]),
        ("fe80::100/120", vec![whole("fe80::100/120", Special::LinkLocal)]),
        ("ff02::/120", vec![whole("ff02::/120", Special::Multicast)]),
        ("::1/128", vec![whole("::1/128", Special::Loopback)]),
        ("126.255.255.0-127.0.0.9", vec![part("126.255.255.0-127.0.0.9", Special::Loopback)]),
        ("::/96", vec![part("::/96", Special::Unspecified), part("::/96", Special::Loopback)]),
        ("240.0.0.0/24", vec![]),
        ("192.0.2.0/24", vec![]),
        ("2001:db8::/120", vec![]),
    ] {
        let (pool, faults) = Pool::check(&named("lan", json!({ "addresses": ["203.0.113.0/24", entry] })));
        let found: Vec<(&str, Problem)> = faults
            .iter()
            .map(|fault| {
                assert_eq!(fault.field.as_str(), "spec.addresses[1]");
                let is_whole = fault.severity() == crate::fault::Severity::Warning;
                (if is_whole { "whole" } else { "part" }, fault.problem.clone())
            })
            .collect();
        assert_eq!(found, expected, "{entry}");
        assert!(pool.is_some(), "{entry}");
    }
}
