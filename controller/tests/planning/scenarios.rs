//! One situation each: what is done, in which order, and what is said.

use std::collections::{BTreeMap, BTreeSet};

use controller::{
    Ingress, Ledger, PoolStatus, ResourceVersion, ServiceView, Snapshot, StatusWrite, Terms, TrafficPolicy, plan,
};
use ipam::{Created, FamilyPolicy, Port, Protocol};

use crate::fixture::*;

/// Services that share an address on different ports, `a` the oldest, after a plan that has nothing to do.
fn sharers() -> Snapshot {
    let sharer = |name: &str, age, number| ServiceView {
        sharing_key: Some("k".into()),
        created: Created(age),
        ports: BTreeSet::from([Port { protocol: Protocol::Tcp, number }]),
        ..holding(service(name), &["10.0.0.1"], "lan")
    };
    let mut snapshot = snapshot(&lan(), &[sharer("a", 1, 80), sharer("b", 2, 443)]);
    let settled = plan(&snapshot);
    assert_eq!(settled.changes, []);
    snapshot.remember(&settled);
    snapshot
}

fn edit(snapshot: &mut Snapshot, name: &str, edit: impl FnOnce(&mut ServiceView)) {
    edit(snapshot.services.get_mut(&id(name)).expect("it is there"));
}

#[test]
fn of_two_that_share_the_one_that_is_edited_moves_whatever_its_age() {
    type Edit = fn(&mut ServiceView);
    let edits: [(&str, Edit); 4] = [
        ("a port of the other", |view| view.ports.extend([Port { protocol: Protocol::Tcp, number: 443 }])),
        ("another key", |view| view.sharing_key = Some("other".into())),
        ("no key", |view| view.sharing_key = None),
        ("another policy", |view| {
            view.traffic_policy = TrafficPolicy::Local;
            view.selector = BTreeMap::from([("app".to_owned(), "a".to_owned())]);
        }),
    ];
    let moves = |name: &str| format!("set {name} 10.0.0.2 from lan");
    for (what, change) in edits {
        let mut edited = sharers();
        edit(&mut edited, "a", change);
        assert_eq!(lines(&plan(&edited))[0], moves("a"), "{what}");
        let forgotten = Snapshot { terms: Terms::default(), ..edited.clone() };
        assert_eq!(lines(&plan(&forgotten))[0], moves("b"), "{what}: after a start age decides");

        // It goes on to be the one until it has moved.
        for _ in 0..3 {
            let planned = plan(&edited);
            assert_eq!(lines(&planned)[0], moves("a"), "{what}");
            edited.remember(&planned);
        }
        let mut moved = apply(&edited, &plan(&edited));
        let planned = plan(&moved);
        assert_eq!(planned.changes, [], "{what}");
        moved.remember(&planned);
        assert_eq!(moved.terms, Terms::of(moved.services.values()), "{what}");
    }
}

#[test]
fn a_sharer_that_is_edited_stays_as_long_as_it_fits() {
    let mut edited = sharers();
    edit(&mut edited, "a", |view| view.ports.extend([Port { protocol: Protocol::Tcp, number: 8443 }]));
    assert_eq!(plan(&edited).changes, []);
}

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
        (
            "of another type, with what somebody else wrote",
            local(ServiceView { pool_annotation: None, ..held("s") }),
            &[],
        ),
        ("foreign class", foreign(held("s")), &[]),
        ("foreign class and outside", foreign(holding(service("s"), &["10.9.9.9"], "lan")), &[]),
        (
            "no cluster IP",
            ServiceView { cluster_ips: vec![], ..held("s") },
            &["clear s: NoClusterIP", "event s AllocationFailed"],
        ),
        (
            "cluster IPs of one family twice",
            ServiceView { cluster_ips: vec!["10.96.0.1".into(), "10.96.0.2".into()], ..held("s") },
            &["set s 10.0.0.1 from lan: ClusterIPFamilyUnknown", "event s noclusterIPsIPFamily"],
        ),
        (
            "requires two families, has one cluster IP",
            ServiceView { family_policy: FamilyPolicy::RequireDualStack, ..held("s") },
            &["clear s: NotDualStack", "event s not enough clusterips"],
        ),
        (
            "prefers two families, one to be had",
            prefer(),
            &["set s 10.0.0.1 from lan", "event s IPAllocated", "event s AdditionalAssignFailed"],
        ),
        ("prefers two families, keeps one", holding(prefer(), &["10.0.0.1"], "lan"), &[]),
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
        (
            "asks for an address outside",
            asking(held("s"), "10.9.9.9"),
            &["clear s: RequestedAddressOutside", "event s AllocationFailed"],
        ),
        (
            "unreadable request, holds",
            asking(held("s"), "ten"),
            &["set s 10.0.0.1 from lan: InvalidRequest", "event s LoadBalancerFailed"],
        ),
        (
            "unreadable request, holds nothing",
            asking(service("s"), "10.0.0.1,10.0.0.2"),
            &["clear s: InvalidRequest", "event s LoadBalancerFailed"],
        ),
        (
            "unreadable request, holds what is not legal",
            asking(holding(service("s"), &["10.9.9.9"], "lan"), "ten"),
            &["clear s: InvalidRequest", "event s ClearAssignment", "event s LoadBalancerFailed"],
        ),
        (
            "request of the wrong families takes nothing away",
            asking(holding(prefer(), &["10.0.0.1"], "lan"), "10.0.0.2"),
            &["set s 10.0.0.1 from lan: InvalidRequest", "event s AllocationFailed"],
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
            "unknown annotation, change",
            ServiceView { unread_annotations: vec!["nobody reads it".into()], ..service("s") },
            &["set s 10.0.0.1 from lan", "event s IPAllocated", "event s unknownAnnotation"],
        ),
        (
            "unknown annotation, no change",
            ServiceView { unread_annotations: vec!["nobody reads it".into()], ..held("s") },
            &[],
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
    assert_eq!(lines(&result), ["clear s: NoPool", "event s AllocationFailed"]);
    assert_eq!(result.refusals[&id("s")].reason().as_str(), "NoPool");
}

#[test]
fn a_refusal_is_told_once_and_again_when_the_reason_changes_and_taken_back_when_it_is_over() {
    let first = snapshot(&lan(), &[asking(service("s"), "10.9.9.9")]);
    let told = apply(&first, &plan(&first));
    assert_eq!(lines(&plan(&told)), [""; 0]);
    assert_eq!(plan(&told).refusals.len(), 1);

    let condition = told.services[&id("s")].condition.clone();
    let with = |view: ServiceView| snapshot(&lan(), &[ServiceView { condition: condition.clone(), ..view }]);
    assert_eq!(
        lines(&plan(&with(asking(service("s"), "ten")))),
        ["clear s: InvalidRequest", "event s LoadBalancerFailed"]
    );

    let solved = with(service("s"));
    let after = apply(&solved, &plan(&solved));
    assert!(after.services[&id("s")].condition.as_ref().is_some_and(|condition| condition.met));
    let settled = with(holding(service("s"), &["10.0.0.1"], "lan"));
    assert_eq!(lines(&plan(&settled)), ["set s 10.0.0.1 from lan"], "a condition that is wrong is corrected");
}

#[test]
fn a_refusal_whose_details_change_is_written_again_without_an_event() {
    let pools = [pool("lan", &["10.0.0.1"])];
    let world = snapshot(&pools, &[holding(service("a"), &["10.0.0.1"], "lan"), service("b")]);
    let told = apply(&world, &plan(&world));
    let more = Snapshot { pools: vec![pool("lan", &["10.0.0.1"]), pool("six", &["2001:db8::1"])], ..told };
    assert_eq!(lines(&plan(&more)), ["clear b: PoolExhausted"]);
}

#[test]
fn a_freed_address_goes_to_the_oldest_that_waits_and_is_given_up_first() {
    let pools = [pool("lan", &["10.0.0.1"])];
    let leaving = ServiceView { is_load_balancer: false, ..holding(service("z"), &["10.0.0.1"], "lan") };
    let waiting = [service("b"), ServiceView { created: Created(-1), ..service("c") }];
    let services = [waiting[0].clone(), waiting[1].clone(), leaving];
    let expected = [
        "clear b: PoolExhausted",
        "event b AllocationFailed",
        "clear z",
        "set c 10.0.0.1 from lan",
        "event c IPAllocated",
    ];
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
    let young = ServiceView { created: Created(9), ..service("young") };
    let write = StatusWrite { addresses: vec![ip("10.0.0.1")], pool: Some("lan".into()), condition: None };
    ledger.send(&young.id, &young.uid, ResourceVersion(0), write);
    let stale = Snapshot { ledger, ..snapshot(&pools, &[service("old"), young]) };
    assert_eq!(lines(&plan(&stale)), ["set old 10.0.0.2 from lan", "event old IPAllocated"]);
}

#[test]
fn pool_counters_stop_at_the_largest_value_the_api_holds() {
    let pools = [pool("six", &["2001:db8::-2001:db8:0:1::"])];
    let service = ServiceView { cluster_ips: vec!["fd00::1".into()], ..service("s") };
    let usage = plan(&snapshot(&pools, &[service])).usage[&"six".into()];
    let status = PoolStatus { assigned_v6: 1, available_v6: i64::MAX, ..PoolStatus::default() };
    assert_eq!(PoolStatus::from(usage), status);
}

#[test]
fn held_reserved_addresses_stay_and_are_marked() {
    let mut world = snapshot(&lan(), &[holding(service("s"), &["10.0.0.1"], "lan")]);
    world.policy.reserved.insert(ip("10.0.0.1"));
    let result = plan(&world);
    assert_eq!(lines(&result), [""; 0]);
    assert!(result.allocations[&id("s")][0].reserved.is_some());
}

#[test]
fn a_service_that_another_program_keeps_changing_says_so_until_that_ends_unless_it_is_refused() {
    let refused = asking(service("r"), "203.0.113.1");
    let world = snapshot(&lan(), &[holding(service("s"), &["10.0.0.1"], "lan"), refused]);
    let contended = ["r", "s"].map(|name| (id(name), "rival".into())).into();
    let fought = Snapshot { contended, ..world };
    let told = plan(&fought);
    let expected = [
        "clear r: RequestedAddressOutside",
        "event r AllocationFailed",
        "set s 10.0.0.1 from lan: Contended",
        "event s Contended",
    ];
    assert_eq!(lines(&told), expected);
    let fought = apply(&fought, &told);
    assert_eq!(lines(&plan(&fought)), [""; 0]);
    let over = Snapshot { contended: [].into(), ..fought };
    assert_eq!(lines(&plan(&over)), ["set s 10.0.0.1 from lan"]);
}
