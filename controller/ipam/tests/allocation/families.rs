//! Families: `ipFamilyPolicy`, cluster IPs, and what is already held.

use ipam::{Families, Request};

use crate::fixture::*;

const DUAL: &[&str] = &["10.0.0.1/32", "2001:db8::1/128"];

#[test]
fn policy_cluster_ips_pools_and_held_addresses_decide_together() {
    let (v4, v6) = (pool("a-four", &["10.0.1.1/32"]), pool("b-six", &["2001:db8::6/128"]));
    let dual = pool("c-dual", DUAL);
    let rows: &[(&str, &[&ipam::Pool], Request, &str, &str)] = &[
        ("single IPv4", &[&v6, &dual], service("s"), "10.0.0.1", "-"),
        ("single IPv6", &[&v4, &dual], service("s").of(Families::V6), "2001:db8::1", "-"),
        ("single IPv6, no such pool", &[&v4], service("s").of(Families::V6), "", "FamilyUnavailable"),
        ("require, one pool with both", &[&v4, &v6, &dual], require("s"), "10.0.0.1,2001:db8::1", "-"),
        ("require, two pools", &[&v4, &v6], require("s"), "10.0.1.1,2001:db8::6", "-"),
        ("require, one family only", &[&v4], require("s"), "", "FamilyUnavailable"),
        ("require on one cluster IP", &[&dual], require("s").of(Families::V4), "", "NotDualStack"),
        ("dual without a policy is all or nothing", &[&v4], service("s").of(Families::Dual), "", "FamilyUnavailable"),
        ("prefer, one pool with both", &[&v4, &dual], prefer("s"), "10.0.0.1,2001:db8::1", "-"),
        ("prefer, two pools", &[&v4, &v6], prefer("s"), "10.0.1.1,2001:db8::6", "-"),
        ("prefer, IPv4 only", &[&v4], prefer("s"), "10.0.1.1", "FamilyUnavailable"),
        ("prefer, IPv6 only", &[&v6], prefer("s"), "2001:db8::6", "FamilyUnavailable"),
        ("prefer on one cluster IP", &[&dual], prefer("s").of(Families::V6), "2001:db8::1", "-"),
        (
            "prefer grows in its own pool",
            &[&v4, &v6, &dual],
            prefer("s").holding(&["10.0.0.1"]),
            "10.0.0.1,2001:db8::1",
            "-",
        ),
        (
            "prefer grows from another pool",
            &[&v4, &v6, &dual],
            prefer("s").holding(&["10.0.1.1"]),
            "10.0.1.1,2001:db8::6",
            "-",
        ),
        ("an added family is appended", &[&dual], prefer("s").holding(&["2001:db8::1"]), "2001:db8::1,10.0.0.1", "-"),
        ("prefer stays with one", &[&v4], prefer("s").holding(&["10.0.1.1"]), "10.0.1.1", "FamilyUnavailable"),
        (
            "require never drops what it holds",
            &[&v4],
            require("s").holding(&["10.0.1.1"]),
            "10.0.1.1",
            "FamilyUnavailable",
        ),
        ("require grows", &[&v4, &v6], require("s").holding(&["2001:db8::6"]), "2001:db8::6,10.0.1.1", "-"),
        ("back to single stack", &[&dual], service("s").holding(&["10.0.0.1", "2001:db8::1"]), "10.0.0.1", "-"),
        ("held order stays", &[&dual], prefer("s").holding(&["2001:db8::1", "10.0.0.1"]), "2001:db8::1,10.0.0.1", "-"),
        (
            "three held",
            &[&dual],
            prefer("s").holding(&["10.0.9.9", "10.0.0.1", "2001:db8::1"]),
            "10.0.0.1,2001:db8::1",
            "-",
        ),
        ("held twice", &[&dual], service("s").holding(&["10.0.0.1", "10.0.0.1"]), "10.0.0.1", "-"),
    ];
    for (name, pools, request, addresses, why) in rows {
        let pools: Vec<ipam::Pool> = pools.iter().map(|pool| (*pool).clone()).collect();
        let allocation = run(&pools, std::slice::from_ref(request));
        assert_eq!((got(&allocation, "s").as_str(), reason(&allocation, "s")), (*addresses, *why), "{name}");
    }
}

#[test]
fn growth_asks_no_pool_that_hands_out_on_request_only() {
    let pools = [manual("m", DUAL), pool("z", &["2001:db8::9/128"])];
    assert_eq!(got(&run(&pools, &[prefer("s").holding(&["10.0.0.1"])]), "s"), "10.0.0.1,2001:db8::9");
    assert_eq!(got(&run(&pools, &[prefer("s").in_pool("m").holding(&["10.0.0.1"])]), "s"), "10.0.0.1,2001:db8::1");
}

#[test]
fn growth_never_leaves_a_requested_pool() {
    let pools = [pool("four", &["10.0.0.1/32"]), pool("six", &["2001:db8::9/128"])];
    let allocation = run(&pools, &[prefer("s").in_pool("four").holding(&["10.0.0.1"])]);
    assert_eq!((got(&allocation, "s").as_str(), reason(&allocation, "s")), ("10.0.0.1", "FamilyUnavailable"));
}

#[test]
fn losing_one_family_of_a_pool_leaves_the_other_alone() {
    let pools = [pool("a", &["10.0.0.1/32"]), pool("b", &["10.0.2.1/32", "2001:db8::2/128"])];
    let allocation = run(&pools, &[require("s").holding(&["10.0.0.1", "2001:db8::1"])]);
    assert_eq!(got(&allocation, "s"), "10.0.0.1,2001:db8::2");
}

#[test]
fn a_pinned_pool_with_one_family_yields_to_a_general_one_with_both() {
    let pools = [pinned("p", &["10.0.1.1/32"], 1, &["default"]), pool("q", DUAL)];
    assert_eq!(got(&run(&pools, &[require("s")]), "s"), "10.0.0.1,2001:db8::1");
}

#[test]
fn a_service_without_cluster_ips_gets_nothing() {
    let allocation = run(&[pool("q", DUAL)], &[Request { families: None, ..service("s").holding(&["10.0.0.1"]) }]);
    assert_eq!(reason(&allocation, "s"), "NoClusterIP");
}
