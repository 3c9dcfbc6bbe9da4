use std::sync::Arc;

use crate::fixtures::*;
use crate::{DrainTrigger, Exclusion, L2Advertisement, Mine, NotAnnounced, Standing, TaintKey, View, Warning};

#[test]
fn sharers_are_announced_from_the_nodes_that_serve_all_of_them() {
    let mut view = cluster();
    view.services.insert(id("web"), service(1, &[VIP], &["c"]));
    view.services.insert(id("old"), local(2, &[VIP], &["a", "b"]));
    view.services.insert(id("api"), local(3, &[VIP], &["b", "c"]));

    let vip = &plan_on(&view, "b").l2[&ip(VIP)];

    assert_eq!(names(vip), ["b"]);
    assert_eq!(vip.services, [id("web"), id("old"), id("api")]);
    assert_eq!(vip.mine, Mine::Eligible);
    assert_eq!(mine(&view, "a"), ineligible("a", Exclusion::SharerElsewhere { sharer: id("api") }));
    let verdicts = plan_on(&view, "a").services;
    let why = |name: &str| verdicts[&id(name)].l2.mine.as_ref().unwrap_err().reason();
    assert_eq!([why("web"), why("old"), why("api")], ["sharerElsewhere", "sharerElsewhere", "noLocalEndpoints"]);
}

#[test]
fn a_younger_sharer_never_silences_an_older_one() {
    let mut view = cluster();
    view.services.insert(id("zz-old"), local(1, &[VIP], &["a"]));
    view.services.insert(id("web"), local(2, &[VIP], &["b"]));
    view.services.insert(id("api"), local(3, &[VIP], &["a"]));

    let desired = plan_on(&view, "a");

    assert_eq!(names(&desired.l2[&ip(VIP)]), ["a"]);
    assert_eq!(desired.l2[&ip(VIP)].services, [id("zz-old"), id("api")]);
    let why = NotAnnounced::NoCommonNode { service: id("web"), vip: ip(VIP), sharer: id("zz-old") };
    assert_eq!(desired.services[&id("web")].l2.mine, Err(why.clone()));
    assert_eq!(desired.warnings, [Warning::Silent(why)].into());
}

#[test]
fn a_sharer_without_endpoints_is_left_out_and_restricts_nobody() {
    let mut view = web();
    view.services.insert(id("old"), local(0, &[VIP], &[]));
    view.services.insert(id("lost"), local(0, &[VIP], &["gone"]));

    let desired = plan_on(&view, "a");

    assert_eq!(names(&desired.l2[&ip(VIP)]), ["a", "b", "c"]);
    assert_eq!(desired.l2[&ip(VIP)].services, [id("web")]);
    assert_eq!(desired.services[&id("old")].l2.mine.as_ref().unwrap_err().reason(), "noEndpoints");
    assert_eq!(desired.services[&id("lost")].l2.mine.as_ref().unwrap_err().reason(), "noLocalEndpoints");
}

#[test]
fn sharers_with_different_advertisements_meet_where_both_are_selected() {
    let mut view = cluster();
    *advertisement(&mut view) = L2Advertisement {
        nodes: only(&["a", "b"]),
        services: only_services(&["web"]),
        preferences: [("b".into(), 7)].into(),
        ..L2Advertisement::default()
    };
    let other = L2Advertisement {
        nodes: only(&["b", "c"]),
        services: only_services(&["api"]),
        preferences: [("b".into(), 70)].into(),
        ..L2Advertisement::default()
    };
    view.l2_advertisements.insert("other".into(), other);
    view.services.insert(id("web"), service(1, &[VIP], &["a"]));
    view.services.insert(id("api"), service(2, &[VIP], &["a"]));

    assert_eq!(candidates(&view).unwrap(), ["b"]);
    assert_eq!(preferences(&view), [7], "the oldest service decides preference");
}

#[test]
fn the_policy_says_what_drains_a_node() {
    type Cause = fn(&mut View);
    let taint = TaintKey::from("maintenance");
    let causes: [(Cause, Cause, DrainTrigger); 4] = [
        (|view| node(view, "a").unschedulable = true, |view| view.policy.drain.cordoned = true, DrainTrigger::Cordoned),
        (
            |view| node(view, "a").shutting_down = true,
            |view| view.policy.drain.shutting_down = true,
            DrainTrigger::ShuttingDown,
        ),
        (|view| node(view, "a").deleting = true, |view| view.policy.drain.deleting = true, DrainTrigger::Deleting),
        (
            |view| node(view, "a").taints = set(&["maintenance", "other"]),
            |view| view.policy.drain.taints = set(&["maintenance"]),
            DrainTrigger::Taint(taint),
        ),
    ];
    for (happens, enable, trigger) in causes {
        let mut view = web();
        enable(&mut view);
        assert_eq!(mine(&view, "a"), Mine::Eligible, "{trigger:?}");

        let mut view = web();
        happens(&mut view);
        assert_eq!(mine(&view, "a"), Mine::Eligible, "{trigger:?} is opt-in");

        enable(&mut view);
        assert_eq!(candidates(&view).unwrap(), ["b", "c"]);
        assert_eq!(mine(&view, "a"), Mine::Draining(trigger));
        assert_eq!(mine(&view, "b"), Mine::Eligible);
        assert_eq!(plan_on(&view, "a").services[&id("web")].l2.mine, Ok(()));
        assert!(plan_on(&view, "a").warnings.is_empty());
    }
}

#[test]
fn a_requested_drain_needs_no_policy() {
    let mut view = web();
    node(&mut view, "a").drain_requested = true;

    assert_eq!(mine(&view, "a"), Mine::Draining(DrainTrigger::Requested));
    assert_eq!(candidates(&view).unwrap(), ["b", "c"]);
    let stands = plan_on(&view, "b").l2[&ip(VIP)].candidates[&"a".into()];
    assert_eq!(stands, Standing::LastResort, "it serves again when all others are dead");
}

#[test]
fn when_every_candidate_drains_all_stay_and_a_warning_says_so() {
    let mut view = web();
    view.services.insert(id("web"), local(1, &[VIP], &["a", "b"]));
    for name in ["a", "b"] {
        node(&mut view, name).drain_requested = true;
    }

    let desired = plan_on(&view, "a");

    assert_eq!(names(&desired.l2[&ip(VIP)]), ["a", "b"]);
    assert_eq!(desired.l2[&ip(VIP)].mine, Mine::Draining(DrainTrigger::Requested));
    assert_eq!(desired.warnings, [Warning::EveryCandidateDrains { vip: ip(VIP) }].into());
}

#[test]
fn vips_with_the_same_candidates_share_one_set() {
    let mut view = cluster();
    view.services.insert(id("one"), service(1, &["10.0.0.1"], &["a"]));
    view.services.insert(id("two"), service(1, &["10.0.0.2"], &["b"]));
    view.services.insert(id("everywhere"), local(1, &["10.0.0.3"], &["c", "a", "b"]));
    view.services.insert(id("some"), local(1, &["10.0.0.4"], &["a", "b"]));
    view.services.insert(id("same"), local(1, &["10.0.0.5"], &["b", "a"]));

    let l2 = plan_on(&view, "a").l2;

    let shared = |one: &str, other: &str| Arc::ptr_eq(&l2[&ip(one)].candidates, &l2[&ip(other)].candidates);
    assert!(shared("10.0.0.1", "10.0.0.2"));
    assert!(shared("10.0.0.1", "10.0.0.3"));
    assert!(shared("10.0.0.4", "10.0.0.5"));
    assert!(!shared("10.0.0.1", "10.0.0.4"));
}
