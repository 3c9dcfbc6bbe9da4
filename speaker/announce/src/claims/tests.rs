use crate::fixtures::*;
use crate::{
    Endpoint, Exclusion, Headcount, L2Advertisement, Mine, NotAnnounced, PoolName, Protocol, Scope, ServiceKind,
    TrafficPolicy, Warning,
};

/// Whether traffic may be sent to an endpoint, by `ready` (rows) and `serving` (columns), each unset, false, true.
/// `terminating` never matters.
const CAN_SERVE: [[bool; 3]; 3] = [[true, true, true], [false, false, true], [true, true, true]];
const CONDITION: [Option<bool>; 3] = [None, Some(false), Some(true)];

#[test]
fn endpoint_conditions_decide_who_announces() {
    for (ready, row) in CONDITION.into_iter().zip(CAN_SERVE) {
        for (serving, can_serve) in CONDITION.into_iter().zip(row) {
            for terminating in CONDITION {
                for node in [None, Some("a"), Some("gone")] {
                    for policy in [TrafficPolicy::Cluster, TrafficPolicy::Local] {
                        let expected = match (can_serve, policy, node) {
                            (false, _, _) => Err("noEndpoints"),
                            (true, TrafficPolicy::Cluster, _) => {
                                Ok(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()])
                            }
                            (true, TrafficPolicy::Local, Some("a")) => Ok(vec!["a".to_owned()]),
                            (true, TrafficPolicy::Local, _) => Err("noLocalEndpoints"),
                        };
                        let endpoint = Endpoint { node: node.map(Into::into), ready, serving, terminating };
                        let mut view = web();
                        let web = view.services.get_mut(&id("web")).unwrap();
                        web.traffic_policy = policy;
                        web.endpoints = vec![endpoint.clone()];
                        assert_eq!(candidates(&view), expected, "{policy:?} {endpoint:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_node_announces_while_its_last_endpoint_terminates_and_withdraws_after() {
    let mut view = cluster();
    let mut web = local(1, &[VIP], &["a", "b"]);
    web.endpoints[0] = Endpoint { ready: Some(false), serving: Some(true), terminating: Some(true), ..endpoint("a") };
    view.services.insert(id("web"), web.clone());
    assert_eq!(candidates(&view).unwrap(), ["a", "b"]);

    web.endpoints[0].serving = Some(false);
    view.services.insert(id("web"), web);
    assert_eq!(candidates(&view).unwrap(), ["b"]);
    assert_eq!(mine(&view, "a"), ineligible("a", Exclusion::NoLocalEndpoint));
}

#[test]
fn one_endpoint_in_two_slices_counts_once_and_the_better_one_counts() {
    let mut view = cluster();
    let mut web = local(1, &[VIP], &["a", "a", "a"]);
    web.endpoints[1].ready = Some(false);
    web.endpoints[1].serving = Some(false);
    view.services.insert(id("web"), web);

    assert_eq!(candidates(&view).unwrap(), ["a"]);
}

#[test]
fn what_is_not_ours_to_announce_says_so() {
    let class = Some("other.io/lb".to_owned());
    for (kind, reason) in [
        (ServiceKind::NotLoadBalancer, "notLoadBalancer"),
        (ServiceKind::OtherClass { class }, "otherClass"),
        (ServiceKind::OtherClass { class: None }, "otherClass"),
    ] {
        let mut view = web();
        view.services.get_mut(&id("web")).unwrap().kind = kind;
        assert_eq!(candidates(&view), Err(reason));
        assert!(plan_on(&view, "a").warnings.is_empty());
    }
    let mut view = web();
    view.services.get_mut(&id("web")).unwrap().vips.clear();
    assert_eq!(candidates(&view), Err("noAddress"));
    assert!(plan_on(&view, "a").warnings.is_empty());
}

#[test]
fn an_ip_outside_every_pool_is_not_announced() {
    let mut view = web();
    view.pools.insert("lan".into(), vec![prefix("10.0.0.0", 29), prefix("10.0.0.11", 32)]);

    assert_eq!(candidates(&view), Err("ipNotInPool"));
    let why = NotAnnounced::NotInPool { service: id("web"), vip: ip(VIP) };
    assert!(plan_on(&view, "a").warnings.contains(&Warning::Silent(why)));
}

#[test]
fn a_pool_needs_an_advertisement() {
    let mut view = web();
    advertisement(&mut view).pools = only(&["other", "absent"]);
    assert_eq!(candidates(&view), Err("noAdvertisement"));

    advertisement(&mut view).pools = only(&["lan"]);
    assert!(candidates(&view).is_ok());
}

#[test]
fn each_vip_is_decided_by_the_pool_it_lies_in() {
    let mut view = cluster();
    view.pools.insert("lan".into(), vec![prefix("10.0.0.0", 24)]);
    view.pools.insert("v6".into(), vec![prefix("fd00::", 64)]);
    view.services.insert(id("web"), service(1, &[VIP, "fd00::1"], &["a"]));
    advertisement(&mut view).pools = only(&["lan"]);

    let desired = plan_on(&view, "a");

    assert!(desired.l2.contains_key(&ip(VIP)));
    assert!(!desired.l2.contains_key(&ip("fd00::1")));
    let verdict = &desired.services[&id("web")].l2;
    let why = NotAnnounced::NoAdvertisement { service: id("web"), vip: ip("fd00::1"), pool: PoolName::from("v6") };
    assert_eq!(verdict.mine, Ok(()));
    assert_eq!(verdict.refused, [(ip("fd00::1"), why)]);
}

#[test]
fn service_selectors_restrict_an_advertisement() {
    let mut view = web();
    *advertisement(&mut view) = L2Advertisement {
        services: only_services(&["api"]),
        has_service_selectors: true,
        ..L2Advertisement::default()
    };
    assert_eq!(candidates(&view), Err("noMatchingAdvertisement"));

    advertisement(&mut view).services = only_services(&["api", "web"]);
    assert!(candidates(&view).is_ok());
}

#[test]
fn a_service_that_may_share_its_ip_refuses_advertisements_with_service_selectors() {
    for (selects, has_selectors, annotated, expected) in [
        (only_services(&["web"]), true, true, Err("sharedIPWithServiceSelector")),
        (Scope::All, true, true, Err("sharedIPWithServiceSelector")),
        (only_services(&["web"]), true, false, Ok(3)),
        (Scope::All, false, true, Ok(3)),
        // It does not match, so only the advertisement for all services counts.
        (only_services(&["api"]), true, true, Ok(3)),
    ] {
        let mut view = web();
        view.services.get_mut(&id("web")).unwrap().allow_shared_ip = annotated;
        let selective =
            L2Advertisement { services: selects, has_service_selectors: has_selectors, ..L2Advertisement::default() };
        view.l2_advertisements.insert("selective".into(), selective);
        assert_eq!(candidates(&view).map(|nodes| nodes.len()), expected);
    }
}

#[test]
fn candidates_are_the_union_over_matching_advertisements() {
    let mut view = web();
    advertisement(&mut view).nodes = only(&["b"]);
    let for_api =
        L2Advertisement { nodes: only(&["a"]), services: only_services(&["api"]), ..L2Advertisement::default() };
    view.l2_advertisements.insert("api".into(), for_api);
    view.l2_advertisements
        .insert("more".into(), L2Advertisement { nodes: only(&["c", "absent"]), ..L2Advertisement::default() });

    assert_eq!(candidates(&view).unwrap(), ["b", "c"]);
    assert_eq!(mine(&view, "a"), ineligible("a", Exclusion::NotSelected(Protocol::L2)));
    assert_eq!(mine(&view, "b"), Mine::Eligible);
}

#[test]
fn preferences_are_summed_where_the_node_is_eligible_in_the_same_advertisement() {
    let mut view = web();
    advertisement(&mut view).preferences = [("a".into(), 10), ("b".into(), 20)].into();
    let second = L2Advertisement {
        nodes: only(&["b", "c"]),
        preferences: [("a".into(), 50), ("b".into(), 5), ("c".into(), 1)].into(),
        ..L2Advertisement::default()
    };
    view.l2_advertisements.insert("second".into(), second);
    let for_api = L2Advertisement {
        preferences: [("c".into(), 100)].into(),
        services: only_services(&["api"]),
        ..L2Advertisement::default()
    };
    view.l2_advertisements.insert("third".into(), for_api);

    assert_eq!(preferences(&view), [10, 25, 1]);
}

#[test]
fn preferences_do_not_overflow() {
    let mut view = web();
    advertisement(&mut view).preferences = [("a".into(), u32::MAX)].into();
    let same = advertisement(&mut view).clone();
    view.l2_advertisements.insert("same".into(), same);

    assert_eq!(preferences(&view), [u32::MAX, 0, 0]);
}

#[test]
fn nodes_are_left_out_by_label_and_network_condition_and_by_nothing_else() {
    let mut view = web();
    node(&mut view, "a").exclude_label = true;
    node(&mut view, "b").network_unavailable = true;
    let c = node(&mut view, "c");
    c.ready = false;
    c.unschedulable = true;
    c.deleting = true;
    c.shutting_down = true;
    c.taints = set(&["node.kubernetes.io/unreachable"]);

    assert_eq!(candidates(&view).unwrap(), ["c"]);
    assert_eq!(mine(&view, "a"), ineligible("a", Exclusion::ExcludeLabel));
    assert_eq!(mine(&view, "b"), ineligible("b", Exclusion::NetworkUnavailable));
    assert_eq!(mine(&view, "c"), Mine::Eligible);

    view.policy.ignore_exclude_label = true;
    assert_eq!(candidates(&view).unwrap(), ["a", "c"]);
}

#[test]
fn a_service_that_no_node_may_announce_counts_why() {
    let mut view = web();
    advertisement(&mut view).nodes = only(&["a", "b"]);
    node(&mut view, "a").exclude_label = true;
    node(&mut view, "b").network_unavailable = true;

    let desired = plan_on(&view, "c");

    let reasons = [Exclusion::NotSelected(Protocol::L2), Exclusion::NetworkUnavailable, Exclusion::ExcludeLabel];
    let nodes = Headcount::of(reasons.into_iter());
    let why = NotAnnounced::NoEligibleNode { service: id("web"), vip: ip(VIP), nodes };
    assert_eq!(desired.services[&id("web")].l2.mine, Err(why.clone()));
    assert_eq!(desired.warnings, [Warning::Silent(why)].into());
    assert!(desired.l2.is_empty());
}

#[test]
fn a_node_without_a_node_object_announces_nothing_and_is_no_candidate() {
    let view = web();
    let why = NotAnnounced::UnknownNode { node: "stranger".into() };

    assert_eq!(mine(&view, "stranger"), Mine::Ineligible(why.clone()));
    assert_eq!(plan_on(&view, "stranger").services[&id("web")].l2.mine, Err(why));
    assert_eq!(candidates(&view).unwrap(), ["a", "b", "c"]);
}
