//! Who may share an address with whom.

use ipam::{Policy, Request, Sharing, allocate};

use crate::fixture::*;

fn backend(request: Request, key: &str) -> Request {
    Request { backend_key: key.into(), ..request }
}

#[test]
fn two_services_share_only_with_equal_keys_equal_backends_and_disjoint_ports() {
    let keyed = |key: &str, port: u16| service("b").shared(key, &[port]);
    let rows = [
        ("equal keys, other port", keyed("k", 443), "10.0.0.1", "-"),
        ("equal keys, same port", keyed("k", 80), "", "SharingConflict"),
        ("other key", keyed("other", 443), "", "PoolExhausted"),
        ("no key", service("b"), "", "PoolExhausted"),
        ("empty key", keyed("", 443), "", "PoolExhausted"),
        ("other backend", backend(keyed("k", 443), "app=b"), "", "PoolExhausted"),
    ];
    for (name, second, addresses, why) in rows {
        let first = service("a").shared("k", &[80]).holding(&["10.0.0.1"]);
        let allocation = run(&[pool("lan", &["10.0.0.1/32"])], &[first, second]);
        assert_eq!((got(&allocation, "b").as_str(), reason(&allocation, "b")), (addresses, why), "{name}");
        assert_eq!(allocation.usage[&"lan".into()].v4.assigned, 1, "{name}: a shared address counts once");
    }
}

#[test]
fn two_local_services_share_with_equal_selectors() {
    let pools = [pool("lan", &["10.0.0.1/32"])];
    let local = |name: &str, port| backend(service(name).shared("k", &[port]), "app=web");
    let allocation = run(&pools, &[local("a", 80), local("b", 443)]);
    assert_eq!((got(&allocation, "a"), got(&allocation, "b")), ("10.0.0.1".into(), "10.0.0.1".into()));
}

#[test]
fn equal_keys_pack_onto_the_first_address_that_is_free_or_fits() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.3"])];
    let requests =
        [("a", 80), ("b", 443), ("c", 80), ("d", 443)].map(|(name, port)| service(name).shared("k", &[port]));
    let allocation = run(&pools, &requests);
    let all = ["a", "b", "c", "d"].map(|name| got(&allocation, name));
    assert_eq!(all, ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2"]);
}

#[test]
fn a_free_address_before_the_shared_one_goes_first() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.3"])];
    let held = service("a").shared("k", &[80]).holding(&["10.0.0.2"]);
    let allocation = run(&pools, &[held, service("b").shared("k", &[443])]);
    assert_eq!(got(&allocation, "b"), "10.0.0.1");
}

#[test]
fn a_sole_holder_may_change_its_key_ports_and_backend_in_place() {
    let changed = backend(service("a").shared("new", &[8080]), "app=a").holding(&["10.0.0.1"]);
    assert_eq!(got(&run(&[pool("lan", &["10.0.0.0/30"])], &[changed]), "a"), "10.0.0.1");
}

#[test]
fn of_several_holders_in_conflict_the_oldest_stays() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.2"])];
    let holder =
        |name: &str, key: &str, port, at| service(name).shared(key, &[port]).created(at).holding(&["10.0.0.1"]);
    for second in [holder("b", "other", 443, 2), holder("b", "k", 80, 2), backend(holder("b", "k", 443, 2), "app=b")] {
        let allocation = run(&pools, &[second, holder("a", "k", 80, 1)]);
        assert_eq!((got(&allocation, "a"), got(&allocation, "b")), ("10.0.0.1".into(), "10.0.0.2".into()));
        assert_eq!(allocation.outcomes[&id("b")].released.len(), 1);
    }
}

#[test]
fn sharing_crosses_namespaces_unless_the_policy_closes_it() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.2"])];
    let requests = [service("a").shared("k", &[80]), service("a").in_namespace("tenant").shared("k", &[443])];
    let tenant = &requests[1].service;
    assert_eq!(addresses(&run(&pools, &requests), tenant), [ip("10.0.0.1")]);
    let closed = Policy { sharing: Sharing::WithinNamespace, ..Policy::default() };
    assert_eq!(addresses(&allocate(&pools, &requests, &closed), tenant), [ip("10.0.0.2")]);

    let asking =
        [service("a").in_namespace("first").shared("k", &[80]), service("b").shared("k", &[443]).asking(&["10.0.0.1"])];
    let held = [Request { held: vec![ip("10.0.0.1")], ..asking[0].clone() }, asking[1].clone()];
    let allocation = allocate(&pools, &held, &closed);
    assert_eq!(reason(&allocation, "b"), "SharingConflict");
    assert!(refusal(&allocation, "b").unwrap().to_string().contains("sharing ends at the namespace"));
}

#[test]
fn both_families_are_shared_one_by_one() {
    let pools = [pool("lan", &["10.0.0.1/32", "2001:db8::1/128"])];
    let requests = [require("a").shared("k", &[80]), require("b").shared("k", &[443])];
    let allocation = run(&pools, &requests);
    assert_eq!(got(&allocation, "b"), "10.0.0.1,2001:db8::1");
}

#[test]
fn a_reserved_address_that_is_held_takes_no_new_sharer() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.2"])];
    let policy = Policy { reserved: [ip("10.0.0.1")].into(), ..Policy::default() };
    let held = service("a").shared("k", &[80]).holding(&["10.0.0.1"]);
    let allocation = allocate(&pools, &[held, service("b").shared("k", &[443])], &policy);
    assert_eq!((got(&allocation, "a"), got(&allocation, "b")), ("10.0.0.1".into(), "10.0.0.2".into()));
}

#[test]
fn a_key_whose_port_is_taken_on_some_addresses_finds_the_one_where_it_is_not() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.3"])];
    let held = |name: &str, port, at: &str| service(name).shared("k", &[port]).holding(&[at]);
    let requests = [
        held("a", 80, "10.0.0.1"),
        held("b", 443, "10.0.0.2"),
        held("c", 80, "10.0.0.3"),
        service("d").shared("k", &[80]).created(1),
        service("e").shared("k", &[80]).created(2),
    ];
    let allocation = run(&pools, &requests);
    assert_eq!((got(&allocation, "d").as_str(), reason(&allocation, "e")), ("10.0.0.2", "SharingConflict"));
}

#[test]
fn a_refusal_names_the_same_holder_before_and_after_the_holders_are_told() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.1"])];
    let requests = [
        service("a").shared("k", &[80]),
        service("b").shared("k", &[443]).holding(&["10.0.0.1"]),
        service("c").asking(&["10.0.0.1"]),
    ];
    let first = run(&pools, &requests);
    let again = run(&pools, &carried_out(&requests, &first));
    assert_eq!(got(&again, "a"), "10.0.0.1");
    assert_eq!(refusal(&first, "c"), refusal(&again, "c"));
}
