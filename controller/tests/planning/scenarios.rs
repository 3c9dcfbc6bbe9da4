//! One situation each: what is done, in which order, and what is said.

use std::collections::BTreeSet;

use controller::{Action, Ingress, Ledger, PoolStatus, ServiceView, Snapshot, plan};
use ipam::FamilyPolicy;

use crate::fixture::*;

fn lan() -> [ipam::Pool; 1] {
    [pool("lan", &["10.0.0.1-10.0.0.4"])]
}

#[test]
fn each_situation_leads_to_its_actions_and_events() {
    let held = |name: &str| holding(service(name), &["10.0.0.1"], "lan");
    let prefer = || dual("s", FamilyPolicy::PreferDualStack);
    let local = |view: ServiceView| ServiceView { is_load_balancer: false, ..view };
    let foreign = |view: ServiceView| ServiceView { class_is_ours: false, ..view };
    let rows: Vec<(&str, ServiceView, &[&str])> = vec![
        ("new", service("s"), &["set s 10.0.0.1 from lan", "event s IPAllocated"]),
        ("settled", held("s"), &[]),
        ("pool renamed", holding(service("s"), &["10.0.0.1"], "old"), &["set s 10.0.0.1 from lan"]),
        (
            "outside every pool",
            holding(service("s"), &["10.9.9.9"], "lan"),
            &["set s 10.0.0.1 from lan", "event s ClearAssignment", "event s IPAllocated"],
        ),
        ("not a load balancer any more", local(held("s")), &["clear s"]),
        ("never a load balancer", local(service("s")), &[]),
        ("foreign class", foreign(held("s")), &[]),
        ("foreign class and outside", foreign(holding(service("s"), &["10.9.9.9"], "lan")), &[]),
        ("no cluster IP", ServiceView { cluster_ips: vec![], ..held("s") }, &["clear s", "event s AllocationFailed"]),
        (
            "cluster IPs of one family twice",
            ServiceView { cluster_ips: vec!["10.96.0.1".into(), "10.96.0.2".into()], ..held("s") },
            &["event s noclusterIPsIPFamily"],
        ),
        (
            "requires two families, has one cluster IP",
            ServiceView { family_policy: FamilyPolicy::RequireDualStack, ..held("s") },
            &["clear s", "event s not enough clusterips"],
        ),
        (
            "prefers two families, one to be had",
            prefer(),
            &["set s 10.0.0.1 from lan", "event s IPAllocated", "event s AdditionalAssignFailed"],
        ),
        (
            "prefers two families, keeps one",
            holding(prefer(), &["10.0.0.1"], "lan"),
            &["event s AdditionalAssignFailed"],
        ),
        (
            "two addresses of one family",
            holding(service("s"), &["10.0.0.2", "10.0.0.3"], "lan"),
            &["set s 10.0.0.2 from lan", "event s nolbIPsIPFamily"],
        ),
        (
            "asks for another address",
            asking(held("s"), "10.0.0.3"),
            &["set s 10.0.0.3 from lan", "event s IPAllocated"],
        ),
        ("asks for an address outside", asking(held("s"), "10.9.9.9"), &["clear s", "event s AllocationFailed"]),
        ("unreadable request, holds", asking(held("s"), "ten"), &["event s LoadBalancerFailed"]),
        (
            "unreadable request, holds nothing",
            asking(service("s"), "10.0.0.1,10.0.0.2"),
            &["event s LoadBalancerFailed"],
        ),
        (
            "unreadable request, holds what is not legal",
            asking(holding(service("s"), &["10.9.9.9"], "lan"), "ten"),
            &["clear s", "event s ClearAssignment", "event s LoadBalancerFailed"],
        ),
        (
            "request of the wrong families takes nothing away",
            asking(holding(prefer(), &["10.0.0.1"], "lan"), "10.0.0.2"),
            &["event s AllocationFailed"],
        ),
        (
            "host name left behind",
            ServiceView {
                ingress: vec![Ingress::Other("lb.example".into()), Ingress::Ip(ip("10.0.0.2"))],
                ..held("s")
            },
            &["set s 10.0.0.2 from lan"],
        ),
        (
            "deprecated annotation, change",
            ServiceView { deprecated_annotations: vec!["metallb.universe.tf/address-pool".into()], ..service("s") },
            &["set s 10.0.0.1 from lan", "event s IPAllocated", "event s deprecatedAnnotation"],
        ),
        (
            "deprecated annotation, no change",
            ServiceView { deprecated_annotations: vec!["metallb.universe.tf/address-pool".into()], ..held("s") },
            &[],
        ),
    ];
    for (name, view, expected) in rows {
        assert_eq!(lines(&plan(&snapshot(&lan(), &[view]))), expected, "{name}");
    }
}

#[test]
fn without_pools_every_service_of_ours_is_cleared() {
    let held = holding(service("s"), &["10.0.0.1"], "lan");
    let result = plan(&snapshot(&[], &[held]));
    assert_eq!(lines(&result), ["clear s", "event s AllocationFailed"]);
    assert_eq!(result.refusals[&id("s")].reason(), "NoPool");
}

#[test]
fn an_event_about_a_refusal_comes_once_and_again_when_the_reason_changes() {
    let first = snapshot(&lan(), &[asking(service("s"), "10.9.9.9")]);
    let told = apply(&first, &plan(&first));
    assert_eq!(lines(&plan(&told)), [""; 0]);
    assert_eq!(plan(&told).refusals.len(), 1);

    let changed = Snapshot { services: vec![asking(service("s"), "ten")], ..told.clone() };
    assert_eq!(lines(&plan(&changed)), ["event s LoadBalancerFailed"]);

    let solved = Snapshot { services: vec![service("s")], ..told };
    let after = apply(&solved, &plan(&solved));
    assert!(after.reported.is_empty());
}

#[test]
fn a_freed_address_goes_to_the_oldest_that_waits_and_is_given_up_first() {
    let pools = [pool("lan", &["10.0.0.1"])];
    let leaving = ServiceView { is_load_balancer: false, ..holding(service("z"), &["10.0.0.1"], "lan") };
    let waiting = [service("b"), ServiceView { created: ipam::Created(-1), ..service("c") }];
    let services = [waiting[0].clone(), waiting[1].clone(), leaving];
    let expected = ["event b AllocationFailed", "clear z", "set c 10.0.0.1 from lan", "event c IPAllocated"];
    assert_eq!(lines(&plan(&snapshot(&pools, &services))), expected);
}

#[test]
fn families_from_two_pools_name_both() {
    let pools = [pool("four", &["10.0.0.1"]), pool("six", &["2001:db8::1"])];
    let result = plan(&snapshot(&pools, &[dual("s", FamilyPolicy::RequireDualStack)]));
    assert_eq!(lines(&result)[0], "set s 10.0.0.1,2001:db8::1 from four,six");
    let settled = holding(dual("s", FamilyPolicy::RequireDualStack), &["10.0.0.1", "2001:db8::1"], "four,six");
    assert_eq!(lines(&plan(&snapshot(&pools, &[settled]))), [""; 0]);
}

#[test]
fn a_write_the_watch_has_not_shown_counts_as_done() {
    let pools = [pool("lan", &["10.0.0.1-10.0.0.2"])];
    let mut ledger = Ledger::default();
    let young = ServiceView { created: ipam::Created(9), ..service("young") };
    ledger.send(&young.id, &young.uid, &[ip("10.0.0.1")], Some("lan".into()));
    let stale = Snapshot { ledger, ..snapshot(&pools, &[service("old"), young]) };
    assert_eq!(lines(&plan(&stale)), ["set old 10.0.0.2 from lan", "event old IPAllocated"]);
}

#[test]
fn a_broken_pool_freezes_its_services_and_their_addresses() {
    let held = holding(service("s"), &["10.0.0.1"], "broken");
    let pools = [pool("other", &["10.0.0.1-10.0.0.2"])];
    let broken_pools = BTreeSet::from(["broken".into()]);
    let world = Snapshot { broken_pools, ..snapshot(&pools, &[held.clone(), service("t")]) };
    let result = plan(&world);
    assert_eq!(lines(&result), ["event s AllocationFailed", "set t 10.0.0.2 from other", "event t IPAllocated"]);
    assert_eq!(result.refusals[&id("s")].reason(), "PoolInvalid");

    let gone = ServiceView { is_load_balancer: false, ..held };
    let world = Snapshot { services: vec![gone], ..world };
    assert_eq!(lines(&plan(&world)), ["clear s"]);
}

#[test]
fn pool_counters_are_written_when_they_differ_and_stop_at_the_largest_value() {
    let pools = [pool("six", &["2001:db8::-2001:db8:0:1::"])];
    let service = ServiceView { cluster_ips: vec!["fd00::1".into()], ..service("s") };
    let first = snapshot(&pools, &[service]);
    let status = PoolStatus { assigned_v6: 1, available_v6: i64::MAX, ..PoolStatus::default() };
    let expected = Action::SetPoolStatus { pool: "six".into(), status };
    assert!(plan(&first).actions.contains(&expected));
    assert_eq!(plan(&apply(&first, &plan(&first))).actions, []);
}

#[test]
fn held_reserved_addresses_stay_and_are_marked() {
    let mut world = snapshot(&lan(), &[holding(service("s"), &["10.0.0.1"], "lan")]);
    world.policy.reserved.insert(ip("10.0.0.1"));
    let result = plan(&world);
    assert_eq!(lines(&result), [""; 0]);
    assert!(result.allocations[&id("s")][0].reserved);
}
