//! Which pool serves whom, in which order.

use std::collections::BTreeSet;

use ipam::{Priority, Scope, ServiceAllocation};

use crate::fixture::*;

#[test]
fn addresses_go_out_in_written_order_of_ranges_and_ascending_inside() {
    let pools = [pool("lan", &["10.0.0.9/32", "10.0.0.1-10.0.0.2"])];
    let allocation = run(&pools, &["a", "b", "c", "d"].map(service));
    let all = ["a", "b", "c", "d"].map(|name| got(&allocation, name));
    assert_eq!(all, ["10.0.0.9", "10.0.0.1", "10.0.0.2", ""]);
}

#[test]
fn older_services_are_served_first_and_equal_ages_by_name() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.3"])];
    let allocation = run(&pools, &[service("c").created(2), service("b").created(2), service("z").created(1)]);
    assert_eq!(["z", "b", "c"].map(|name| got(&allocation, name)), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
}

#[test]
fn pinned_pools_go_by_priority_with_zero_last_and_before_the_general_group() {
    let pools = [
        pool("a-general", &["10.0.4.1/32"]),
        pinned("b-zero", &["10.0.3.1/32"], 0, &["default"]),
        pinned("c-twenty", &["10.0.2.1/32"], 20, &["default"]),
        pinned("d-one", &["10.0.1.1/32"], 1, &["default"]),
    ];
    let allocation = run(&pools, &["a", "b", "c", "d", "e"].map(service));
    let all = ["a", "b", "c", "d", "e"].map(|name| got(&allocation, name));
    assert_eq!(all, ["10.0.1.1", "10.0.2.1", "10.0.3.1", "10.0.4.1", ""]);
}

#[test]
fn pools_of_equal_rank_are_tried_by_name() {
    let general = [pool("b", &["10.0.1.1/32"]), pool("a", &["10.0.2.1/32"])];
    assert_eq!(got(&run(&general, &[service("s")]), "s"), "10.0.2.1");
    let pinned = [pinned("b", &["10.0.1.1/32"], 5, &["default"]), pinned("a", &["10.0.2.1/32"], 5, &["default"])];
    assert_eq!(got(&run(&pinned, &[service("s")]), "s"), "10.0.2.1");
}

#[test]
fn a_pool_with_an_allocation_serves_only_whom_it_names() {
    let pools = [pinned("prod", &["10.0.0.1/32"], 1, &["prod"])];
    let allocation = run(&pools, &[service("a"), service("b").in_namespace("prod")]);
    assert_eq!(reason(&allocation, "a"), "PoolNotForNamespace");
    assert_eq!(addresses(&allocation, &ipam::ServiceId::new("prod", "b")), [ip("10.0.0.1")]);
}

#[test]
fn namespace_and_service_parts_must_both_admit() {
    let mut both = pinned("p", &["10.0.0.1/32"], 1, &["default"]);
    both.allocation = both.allocation.map(|old| ServiceAllocation { services: Scope::Only([id("b")].into()), ..old });
    let allocation = run(&[both], &[service("a"), service("b"), service("b").in_namespace("other")]);
    assert_eq!((got(&allocation, "a"), got(&allocation, "b")), (String::new(), "10.0.0.1".into()));
    assert_eq!(reason(&allocation, "a"), "PoolNotForService");
}

#[test]
fn a_selector_that_matches_nobody_closes_the_pool_to_explicit_requests_too() {
    let pools = [pinned("p", &["10.0.0.0/30"], 1, &[])];
    for request in [service("s"), service("s").in_pool("p"), service("s").asking(&["10.0.0.1"])] {
        assert_eq!(reason(&run(&pools, &[request]), "s"), "PoolNotForNamespace");
    }
}

#[test]
fn an_allocation_without_restrictions_serves_everyone_by_its_priority() {
    let only_priority = ServiceAllocation { priority: Priority(7), namespaces: Scope::All, services: Scope::All };
    let mut first = pool("z", &["10.0.1.1/32"]);
    first.allocation = Some(only_priority);
    assert_eq!(got(&run(&[pool("a", &["10.0.2.1/32"]), first], &[service("s")]), "s"), "10.0.1.1");
}

#[test]
fn a_pool_without_auto_assign_serves_requests_by_name_or_address_only() {
    let pools = [manual("m", &["10.0.0.0/30"])];
    assert_eq!(reason(&run(&pools, &[service("s")]), "s"), "PoolOnRequestOnly");
    assert_eq!(got(&run(&pools, &[service("s").in_pool("m")]), "s"), "10.0.0.0");
    assert_eq!(got(&run(&pools, &[service("s").asking(&["10.0.0.2"])]), "s"), "10.0.0.2");
}

#[test]
fn a_requested_pool_is_the_only_one_looked_at() {
    let pools = [pool("a", &["10.0.1.0/30"]), pool("b", &["10.0.2.1/32"])];
    let allocation = run(&pools, &[service("s").in_pool("b"), service("t").in_pool("b")]);
    assert_eq!((got(&allocation, "s"), got(&allocation, "t")), ("10.0.2.1".into(), String::new()));
    assert_eq!(reason(&allocation, "t"), "PoolExhausted");
}

#[test]
fn avoided_addresses_are_skipped_requested_or_not() {
    let mut lan = pool("lan", &["10.0.0.254-10.0.1.1"]);
    lan.avoid_buggy_ips = true;
    let allocation = run(&[lan.clone()], &["a", "b", "c"].map(service));
    assert_eq!(["a", "b", "c"].map(|name| got(&allocation, name)), ["10.0.0.254", "10.0.1.1", ""]);
    assert_eq!(reason(&run(&[lan], &[service("s").asking(&["10.0.0.255"])]), "s"), "RequestedIPAvoided");
}

#[test]
fn avoiding_is_for_ipv4_alone() {
    let mut lan = pool("lan", &["2001:db8::/126"]);
    lan.avoid_buggy_ips = true;
    assert_eq!(got(&run(&[lan], &[service("s").of(ipam::Families::V6)]), "s"), "2001:db8::");
}

#[test]
fn reserved_addresses_are_skipped_and_counted() {
    let pools = [pool("lan", &["10.0.0.0/30"])];
    let reserved = BTreeSet::from([ip("10.0.0.0"), ip("10.0.0.2"), ip("192.0.2.1")]);
    let policy = ipam::Policy { reserved, ..ipam::Policy::default() };
    let allocation = ipam::allocate(&pools, &["a", "b", "c"].map(service), &policy);
    assert_eq!(["a", "b", "c"].map(|name| got(&allocation, name)), ["10.0.0.1", "10.0.0.3", ""]);
    let usage = allocation.usage[pools[0].name()].v4;
    assert_eq!((usage.assigned, usage.available, usage.reserved), (2, 0, 2));

    let allocation = ipam::allocate(&pools, &[service("s").asking(&["10.0.0.2"])], &policy);
    assert_eq!(reason(&allocation, "s"), "RequestedIPReserved");
    let mapped = ipam::Policy { reserved: BTreeSet::from([ip("::ffff:10.0.0.2")]), ..ipam::Policy::default() };
    let allocation = ipam::allocate(&pools, &[service("s").asking(&["10.0.0.2"])], &mapped);
    assert_eq!(reason(&allocation, "s"), "RequestedIPReserved");
}

#[test]
fn overlapping_pools_never_hand_out_one_address_twice() {
    let pools = [pool("a", &["10.0.0.1-10.0.0.2"]), pool("b", &["10.0.0.2-10.0.0.3"])];
    let allocation = run(&pools, &["p", "q", "r", "s"].map(service));
    let all = ["p", "q", "r", "s"].map(|name| got(&allocation, name));
    assert_eq!(all, ["10.0.0.1", "10.0.0.2", "10.0.0.3", ""]);
}

#[test]
fn a_64_bit_network_counts_exactly() {
    let allocation = run(&[pool("six", &["2001:db8::/64"])], &[service("s").of(ipam::Families::V6)]);
    let usage = allocation.usage[&"six".into()];
    assert_eq!((usage.v6.assigned, usage.v6.available), (1, u128::from(u64::MAX)));
    assert_eq!(usage.v4, ipam::FamilyUsage::default());
}
