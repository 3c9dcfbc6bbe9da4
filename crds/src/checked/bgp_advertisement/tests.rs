use serde_json::json;

use super::*;
use crate::checked::tests::{named, problems};

#[test]
fn an_empty_advertisement_announces_single_addresses_with_the_routers_preference() {
    let (advertisement, faults) = BgpAdvertisement::check(&named("core", json!({})));
    let advertisement = advertisement.unwrap();
    assert_eq!(faults, []);
    assert_eq!((advertisement.length(Family::V4), advertisement.length(Family::V6)), (32, 128));
    assert_eq!((advertisement.local_pref, advertisement.communities.len()), (None, 0));
}

#[test]
fn a_local_preference_of_0_is_none() {
    let preference =
        |value| BgpAdvertisement::check(&named("core", json!({ "localPref": value }))).0.unwrap().local_pref;
    assert_eq!(preference(0), None);
    assert_eq!(preference(u32::MAX), Some(u32::MAX));
}

#[test]
fn attributes_are_kept_and_bandwidth_is_told_in_bytes() {
    let spec = json!({ "med": 0, "asPathPrepend": 16, "bandwidthPerEndpoint": 8 });
    let (advertisement, faults) = BgpAdvertisement::check(&named("core", spec));
    let advertisement = advertisement.unwrap();
    assert_eq!(faults, []);
    assert_eq!((advertisement.med, advertisement.prepend), (Some(0), 16));
    assert_eq!(advertisement.bandwidth_per_endpoint.map(NonZeroU64::get), Some(1_000_000));
    let (_, faults) =
        BgpAdvertisement::check(&named("core", json!({ "asPathPrepend": 17, "bandwidthPerEndpoint": 0 })));
    let expected = [
        ("spec.asPathPrepend", Problem::OutOfRange { value: 17, minimum: 0, maximum: 16 }),
        ("spec.bandwidthPerEndpoint", Problem::OutOfRange { value: 0, minimum: 1, maximum: 1_000_000 }),
    ];
    assert_eq!(problems(&faults), expected);
}

#[test]
fn every_fault_is_named_with_its_path() {
    let (advertisement, faults) = BgpAdvertisement::check(&named(
        "core",
        json!({
            "aggregationLength": 33,
            "aggregationLengthV6": 129,
            "ipAddressPools": ["a", "a"],
            "peers": ["p", "p"],
            "nodeSelectors": [{}, {}],
            "communities": ["1:1", "1:1", "65536:1", "alias", ""]
        }),
    ));
    assert_eq!(advertisement, None);
    let section = Problem::CommunitySection { text: "65536:1".into(), section: "65536".into(), maximum: 65_535 };
    let expected = [
        ("spec.ipAddressPools[1]", Problem::Repeated { value: "a".into() }),
        ("spec.peers[1]", Problem::Repeated { value: "p".into() }),
        ("spec.nodeSelectors[1]", Problem::RepeatedSelector { first: 0 }),
        ("spec.aggregationLength", Problem::OutOfRange { value: 33, minimum: 1, maximum: 32 }),
        ("spec.aggregationLengthV6", Problem::OutOfRange { value: 129, minimum: 0, maximum: 128 }),
        ("spec.communities[1]", Problem::Repeated { value: "1:1".into() }),
        ("spec.communities[2]", section),
        ("spec.communities[4]", Problem::Empty),
    ];
    assert_eq!(problems(&faults), expected);
}

#[test]
fn service_selectors_exclude_aggregation() {
    let check = |length, length_v6| {
        let spec = json!({
            "aggregationLength": length, "aggregationLengthV6": length_v6, "serviceSelectors": [{ "matchLabels": { "x": "1" } }]
        });
        BgpAdvertisement::check(&named("core", spec)).1
    };
    assert_eq!(check(32, 128), []);
    let expected = [
        ("spec.aggregationLength", Problem::AggregationWithSelectors { length: 24 }),
        ("spec.aggregationLengthV6", Problem::AggregationWithSelectors { length: 64 }),
    ];
    assert_eq!(problems(&check(24, 64)), expected);
}
