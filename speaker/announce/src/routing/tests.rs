use std::num::NonZeroU64;

use super::*;
use crate::fixtures::*;
use crate::{
    Community, Endpoint, Exclusion, Family, LargeCommunity, Prefix, Protocol, RouteAttributes, Scope, ServiceKind,
    TrafficPolicy,
};

fn communities(values: &[u16]) -> BTreeSet<Community> {
    values.iter().map(|value| Community::new(64512, *value)).collect()
}

fn web_service(view: &mut View) -> &mut crate::Service {
    view.services.get_mut(&id("web")).unwrap()
}

#[test]
fn a_vip_is_told_to_every_peer_of_the_node_with_the_attributes_of_its_advertisement() {
    let mut view = routed();
    view.bgp_peers.insert("spine".into(), peer(only(&["b", "c"])));
    view.bgp_peers.insert("leaf".into(), peer(only(&["a"])));
    let large = LargeCommunity { global: 64512, local_1: 1, local_2: 2 };
    *bgp_advertisement(&mut view, "bgp") = crate::BgpAdvertisement {
        local_pref: Some(150),
        med: Some(7),
        prepend: 2,
        communities: communities(&[1]),
        large_communities: [large].into(),
        ..crate::BgpAdvertisement::default()
    };

    let desired = plan_on(&view, "a");

    let names: Vec<_> = desired.routes.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["leaf", "tor"]);
    let verdict = &desired.services[&id("web")];
    assert_eq!((&verdict.bgp.mine, &*verdict.bgp.peers), (&Mine::Eligible, &set(&["leaf", "tor"])));
    assert_eq!((verdict.bgp.refused.as_slice(), verdict.why()), (&[][..], None));
    let expected = RouteAttributes {
        local_pref: Some(150),
        med: Some(7),
        prepend: 2,
        communities: communities(&[1]),
        large_communities: [large].into(),
        link_bandwidth: None,
        graceful_shutdown: false,
    };
    assert_eq!(attributes(&view, "10.0.0.10/32"), expected);
    assert!(Arc::ptr_eq(&desired.routes[&"leaf".into()], &desired.routes[&"tor".into()]));
    assert!(desired.warnings.is_empty() && desired.l2.is_empty());
}

#[test]
fn each_reason_of_a_node_to_announce_nothing_has_its_word() {
    type Change = fn(&mut View);
    let rows: [(Change, Option<&str>); 15] = [
        (|_| {}, None),
        (|view| web_service(view).kind = ServiceKind::NotLoadBalancer, Some("notLoadBalancer")),
        (|view| web_service(view).kind = ServiceKind::OtherClass { class: None }, Some("otherClass")),
        (|view| web_service(view).vips.clear(), Some("noAddress")),
        (|view| view.pools.clear(), Some("ipNotInPool")),
        (|view| view.bgp_advertisements.clear(), Some("noAdvertisement")),
        (|view| bgp_advertisement(view, "bgp").pools = only(&["other"]), Some("noAdvertisement")),
        (|view| bgp_advertisement(view, "bgp").services = only_services(&["api"]), Some("noMatchingAdvertisement")),
        (|view| bgp_advertisement(view, "bgp").nodes = only(&["b"]), Some("noMatchingAdvertisement")),
        (|view| bgp_advertisement(view, "bgp").peers = only(&["absent"]), Some("noEligibleNode")),
        (|view| node(view, "a").network_unavailable = true, Some("nodeNetworkUnavailable")),
        (|view| node(view, "a").exclude_label = true, Some("nodeLabeledExcludeBalancers")),
        (|view| web_service(view).endpoints.clear(), Some("noEndpoints")),
        (
            |view| {
                web_service(view).traffic_policy = TrafficPolicy::Local;
                web_service(view).endpoints = vec![endpoint("b")];
            },
            Some("noLocalEndpoints"),
        ),
        (
            |view| {
                bgp_advertisement(view, "bgp").local_pref = Some(100);
                bgp_advertisement(view, "more").local_pref = Some(200);
            },
            Some("conflictingAdvertisements"),
        ),
    ];
    for (row, (change, expected)) in rows.into_iter().enumerate() {
        let mut view = routed();
        change(&mut view);
        assert_eq!(not_routed(&view, "a"), expected, "row {row}");
        assert_eq!(told(&view, "a", "tor").is_empty(), expected.is_some(), "row {row}");
    }
}

#[test]
fn a_node_without_a_peer_of_its_own_says_so() {
    let mut view = routed();
    view.bgp_peers.insert("tor".into(), peer(only(&["b"])));
    assert_eq!(not_routed(&view, "a"), Some("noPeer"));
    assert_eq!(not_routed(&view, "b"), None);
    assert_eq!(plan_on(&view, "a").routes.len(), 0);

    bgp_advertisement(&mut view, "bgp").peers = only(&["other"]);
    view.bgp_peers.insert("other".into(), peer(only(&["a"])));
    assert_eq!(told(&view, "a", "other"), ["10.0.0.10/32"]);
    assert_eq!(not_routed(&view, "b"), Some("noPeer"), "the session with tor is meant by no advertisement");
    assert_eq!(plan_on(&view, "b").routes[&"tor".into()].len(), 0, "a peer with nothing to be told has an empty table");
}

#[test]
fn a_node_without_a_node_object_tells_nobody() {
    let view = routed();
    let desired = plan_on(&view, "stranger");
    assert!(desired.routes.is_empty());
    assert_eq!(not_routed(&view, "stranger"), Some("unknownNode"));
}

/// The truth table of endpoint conditions is that of layer 2; here for the own node and another one.
#[test]
fn endpoints_decide_by_policy_and_readiness() {
    let unready = Endpoint { ready: Some(false), serving: Some(false), ..endpoint("a") };
    let leaving = Endpoint { ready: Some(false), terminating: Some(true), ..endpoint("a") };
    for (policy, endpoints, on_a, on_b) in [
        (TrafficPolicy::Cluster, vec![endpoint("a")], None, None),
        (TrafficPolicy::Cluster, vec![unready.clone()], Some("noEndpoints"), Some("noEndpoints")),
        (TrafficPolicy::Cluster, vec![unready.clone(), endpoint("b")], None, None),
        (TrafficPolicy::Cluster, vec![leaving.clone()], None, None),
        (TrafficPolicy::Local, vec![endpoint("a")], None, Some("noLocalEndpoints")),
        (TrafficPolicy::Local, vec![unready.clone(), endpoint("b")], Some("noLocalEndpoints"), None),
        (TrafficPolicy::Local, vec![unready.clone(), endpoint("a")], None, Some("noLocalEndpoints")),
        (TrafficPolicy::Local, vec![leaving], None, Some("noLocalEndpoints")),
        (TrafficPolicy::Local, vec![unready], Some("noEndpoints"), Some("noEndpoints")),
        (TrafficPolicy::Local, vec![endpoint("gone")], Some("noLocalEndpoints"), Some("noLocalEndpoints")),
    ] {
        let mut view = routed();
        web_service(&mut view).traffic_policy = policy;
        web_service(&mut view).endpoints = endpoints.clone();
        assert_eq!((not_routed(&view, "a"), not_routed(&view, "b")), (on_a, on_b), "{policy:?} {endpoints:?}");
    }
}

#[test]
fn advertisements_of_different_lengths_add_up_and_those_of_one_length_merge_their_communities() {
    let mut view = routed();
    bgp_advertisement(&mut view, "bgp").communities = communities(&[1]);
    bgp_advertisement(&mut view, "more").communities = communities(&[2]);
    let wide = bgp_advertisement(&mut view, "wide");
    (wide.ipv4_length, wide.local_pref, wide.communities) = (26, Some(50), communities(&[3]));

    assert_eq!(told(&view, "a", "tor"), ["10.0.0.0/26", "10.0.0.10/32"]);
    assert_eq!(attributes(&view, "10.0.0.10/32").communities, communities(&[1, 2]));
    assert_eq!(attributes(&view, "10.0.0.10/32").local_pref, None);
    assert_eq!(attributes(&view, "10.0.0.0/26").communities, communities(&[3]));
    assert_eq!(attributes(&view, "10.0.0.0/26").local_pref, Some(50));
}

#[test]
fn each_family_has_its_length_and_goes_to_the_peers_that_carry_it() {
    let mut view = routed();
    web_service(&mut view).vips.insert(ip("fd00::aa"));
    let wide = bgp_advertisement(&mut view, "bgp");
    (wide.ipv4_length, wide.ipv6_length) = (24, 120);
    view.bgp_peers.get_mut(&"tor".into()).unwrap().families = Scope::Only([Family::Ipv4].into());
    view.bgp_peers
        .insert("six".into(), crate::BgpPeer { nodes: only(&["a"]), families: Scope::Only([Family::Ipv6].into()) });

    assert_eq!(told(&view, "a", "tor"), ["10.0.0.0/24"]);
    assert_eq!(told(&view, "a", "six"), ["fd00::/120"]);
    let verdict = plan_on(&view, "b").services[&id("web")].bgp.clone();
    assert_eq!(verdict.mine, Mine::Eligible);
    let why = NotAnnounced::Excluded { node: "b".into(), why: Exclusion::NoPeer(Family::Ipv6) };
    assert_eq!(verdict.refused, [(ip("fd00::aa"), why)]);
}

#[test]
fn a_prefix_stays_inside_its_pool_and_a_cut_one_gives_way_to_the_one_asked_for() {
    let mut view = routed();
    view.pools.insert("lan".into(), vec![crate::AddressRange { first: ip("10.0.0.2"), last: ip("10.0.0.10") }]);
    bgp_advertisement(&mut view, "bgp").communities = communities(&[32]);
    let wide = bgp_advertisement(&mut view, "wide");
    (wide.ipv4_length, wide.local_pref, wide.communities) = (29, Some(9), communities(&[29]));

    // 10.0.0.8/29 would reach to 10.0.0.15, and 10.0.0.10 shares no shorter prefix with the pool's end than its own.
    assert_eq!(told(&view, "a", "tor"), ["10.0.0.10/32"]);
    assert_eq!(attributes(&view, "10.0.0.10/32").communities, communities(&[32]));

    web_service(&mut view).vips = [ip("10.0.0.9")].into();
    assert_eq!(told(&view, "a", "tor"), ["10.0.0.8/31", "10.0.0.9/32"]);
    let export: Vec<_> = plan_on(&view, "a").export.iter().map(Prefix::to_string).collect();
    assert_eq!(export, ["10.0.0.2/31", "10.0.0.4/30", "10.0.0.8/31", "10.0.0.10/32"]);
}

#[test]
fn advertisements_that_rank_one_prefix_differently_conflict_only_where_they_meet() {
    let conflict = |change: fn(&mut View)| {
        let mut view = routed();
        view.bgp_peers.insert("other".into(), crate::BgpPeer::default());
        bgp_advertisement(&mut view, "bgp").local_pref = Some(100);
        bgp_advertisement(&mut view, "more").local_pref = Some(200);
        change(&mut view);
        (not_routed(&view, "a"), not_routed(&view, "b"))
    };
    let everywhere = Some("conflictingAdvertisements");
    assert_eq!(conflict(|_| {}), (everywhere, everywhere));
    assert_eq!(conflict(|view| bgp_advertisement(view, "more").local_pref = Some(100)), (None, None));
    assert_eq!(conflict(|view| bgp_advertisement(view, "more").ipv4_length = 24), (None, None));
    assert_eq!(conflict(|view| bgp_advertisement(view, "more").pools = only(&["other"])), (None, None));
    assert_eq!(conflict(|view| bgp_advertisement(view, "more").services = only_services(&["api"])), (None, None));
    assert_eq!(
        conflict(|view| bgp_advertisement(view, "more").nodes = only(&["a"])),
        (Some("conflictingAdvertisements"), None)
    );
    assert_eq!(
        conflict(|view| {
            bgp_advertisement(view, "bgp").peers = only(&["tor"]);
            bgp_advertisement(view, "more").peers = only(&["other"]);
        }),
        (None, None)
    );
    assert_eq!(
        conflict(|view| {
            bgp_advertisement(view, "bgp").peers = only(&["tor"]);
            view.bgp_peers.insert("tor".into(), peer(only(&["b"])));
        }),
        (None, Some("conflictingAdvertisements"))
    );
}

#[test]
fn services_on_one_ip_share_a_route_that_stays_while_one_of_them_needs_it() {
    let mut view = routed();
    *web_service(&mut view) = local(1, &[VIP], &["a"]);
    view.services.insert(id("api"), local(2, &[VIP], &["b"]));
    bgp_advertisement(&mut view, "bgp").services = only_services(&["web"]);
    bgp_advertisement(&mut view, "bgp").communities = communities(&[1]);
    bgp_advertisement(&mut view, "more").services = only_services(&["api"]);
    bgp_advertisement(&mut view, "more").communities = communities(&[2]);

    assert_eq!(attributes(&view, "10.0.0.10/32").communities, communities(&[1]), "only web has endpoints on a");
    assert_eq!(told(&view, "b", "tor"), ["10.0.0.10/32"]);
    assert!(told(&view, "c", "tor").is_empty());

    view.services.get_mut(&id("api")).unwrap().endpoints.push(endpoint("a"));
    assert_eq!(attributes(&view, "10.0.0.10/32").communities, communities(&[1, 2]));

    web_service(&mut view).endpoints.clear();
    assert_eq!(attributes(&view, "10.0.0.10/32").communities, communities(&[2]));
}

#[test]
fn an_aggregate_stays_while_a_service_inside_it_needs_it() {
    let mut view = routed();
    bgp_advertisement(&mut view, "bgp").ipv4_length = 24;
    view.services.insert(id("api"), service(2, &["10.0.0.77"], &["b"]));
    assert_eq!(told(&view, "c", "tor"), ["10.0.0.0/24"]);
    web_service(&mut view).endpoints.clear();
    assert_eq!(told(&view, "c", "tor"), ["10.0.0.0/24"]);
    view.services.get_mut(&id("api")).unwrap().endpoints.clear();
    assert!(told(&view, "c", "tor").is_empty());
}

#[test]
fn a_younger_service_never_changes_how_the_ip_of_an_older_one_ranks() {
    let mut view = routed();
    view.services.insert(id("api"), service(0, &[VIP], &["b"]));
    bgp_advertisement(&mut view, "bgp").services = only_services(&["web"]);
    bgp_advertisement(&mut view, "bgp").local_pref = Some(100);
    bgp_advertisement(&mut view, "more").services = only_services(&["api"]);
    bgp_advertisement(&mut view, "more").local_pref = Some(200);

    assert_eq!(attributes(&view, "10.0.0.10/32").local_pref, Some(200));
    let why = Exclusion::ConflictWithSharer { sharer: id("api"), prefix: Prefix::of(ip(VIP), 32) };
    let verdicts = plan_on(&view, "a").services;
    assert_eq!(verdicts[&id("web")].bgp.mine, Mine::Ineligible(NotAnnounced::Excluded { node: "a".into(), why }));
    assert_eq!(verdicts[&id("api")].bgp.mine, Mine::Eligible);
}

#[test]
fn local_endpoints_weigh_the_route_where_that_was_asked_for() {
    let megabit = |count: u64| NonZeroU64::new(125_000 * count);
    let mut view = routed();
    *web_service(&mut view) = local(1, &[VIP], &["a", "b", "a"]);
    assert_eq!(attributes(&view, "10.0.0.10/32").link_bandwidth, None);

    bgp_advertisement(&mut view, "bgp").bandwidth_per_endpoint = megabit(1);
    assert_eq!(attributes(&view, "10.0.0.10/32").link_bandwidth, megabit(2));

    let terminating = Endpoint { ready: Some(false), serving: Some(true), terminating: Some(true), ..endpoint("a") };
    web_service(&mut view).endpoints.push(terminating.clone());
    assert_eq!(attributes(&view, "10.0.0.10/32").link_bandwidth, megabit(2), "a ready one is left");
    web_service(&mut view).endpoints = vec![terminating.clone(), terminating.clone(), terminating];
    assert_eq!(attributes(&view, "10.0.0.10/32").link_bandwidth, megabit(3), "KEP-1669: no ready one is left");

    view.services.insert(id("api"), local(2, &[VIP], &["a"]));
    assert_eq!(attributes(&view, "10.0.0.10/32").link_bandwidth, megabit(4));
    view.services.insert(id("all"), service(3, &[VIP], &["a"]));
    assert_eq!(attributes(&view, "10.0.0.10/32").link_bandwidth, None, "traffic for it goes anywhere");
}

#[test]
fn a_draining_node_marks_its_routes_while_another_one_is_left() {
    let mut view = routed();
    node(&mut view, "a").drain_requested = true;

    let desired = plan_on(&view, "a");
    assert!(attributes(&view, "10.0.0.10/32").graceful_shutdown);
    assert_eq!(desired.services[&id("web")].bgp.mine, Mine::Draining(DrainTrigger::Requested));
    assert_eq!(*desired.services[&id("web")].bgp.peers, set(&["tor"]), "it is told until the drain is over");
    assert!(desired.warnings.is_empty());
    assert!(plan_on(&view, "b").routes[&"tor".into()].values().all(|route| !route.graceful_shutdown));

    for other in ["b", "c"] {
        assert!(attributes(&view, "10.0.0.10/32").graceful_shutdown);
        node(&mut view, other).drain_requested = true;
    }
    let desired = plan_on(&view, "a");
    assert!(!attributes(&view, "10.0.0.10/32").graceful_shutdown);
    assert_eq!(desired.services[&id("web")].bgp.mine, Mine::Eligible);
    assert_eq!(desired.warnings, [Warning::EveryCandidateDrains { vip: ip(VIP) }].into());
}

#[test]
fn only_a_ready_node_with_a_peer_and_endpoints_relieves_a_draining_one() {
    type Change = fn(&mut View);
    let rows: [(Change, bool); 7] = [
        (|_| {}, true),
        (|view| node(view, "b").ready = false, false),
        (|view| node(view, "b").network_unavailable = true, false),
        (|view| view.bgp_peers.get_mut(&"tor".into()).unwrap().nodes = only(&["a"]), false),
        (|view| bgp_advertisement(view, "bgp").nodes = only(&["a", "c"]), false),
        (|view| web_service(view).endpoints = vec![endpoint("a")], false),
        (|view| web_service(view).traffic_policy = TrafficPolicy::Cluster, true),
    ];
    for (row, (change, relieved)) in rows.into_iter().enumerate() {
        let mut view = routed();
        *web_service(&mut view) = local(1, &[VIP], &["a", "b"]);
        node(&mut view, "a").drain_requested = true;
        change(&mut view);
        assert_eq!(attributes(&view, "10.0.0.10/32").graceful_shutdown, relieved, "row {row}");
    }
}

#[test]
fn a_shared_route_leaves_when_all_its_services_can() {
    let mut view = routed();
    *web_service(&mut view) = local(1, &[VIP], &["a", "b"]);
    view.services.insert(id("api"), local(2, &[VIP], &["a"]));
    node(&mut view, "a").drain_requested = true;
    assert!(!attributes(&view, "10.0.0.10/32").graceful_shutdown);

    view.services.get_mut(&id("api")).unwrap().endpoints.push(endpoint("c"));
    assert!(attributes(&view, "10.0.0.10/32").graceful_shutdown);
}

#[test]
fn a_service_that_one_protocol_announces_is_not_silent() {
    let mut view = routed();
    assert!(plan_on(&view, "a").warnings.is_empty());
    assert_eq!(plan_on(&view, "a").services[&id("web")].l2.mine.as_ref().unwrap_err().reason(), "otherProtocol");

    bgp_advertisement(&mut view, "bgp").services = only_services(&["api"]);
    let why = NotAnnounced::NoMatchingAdvertisement { service: id("web"), pool: "lan".into(), protocol: Protocol::Bgp };
    assert_eq!(plan_on(&view, "a").warnings, [Warning::Silent(why.clone())].into());
    assert_eq!(plan_on(&view, "a").services[&id("web")].why(), Some(&why));

    view.l2_advertisements.insert("lan".into(), crate::L2Advertisement::default());
    view.links.insert("eth0".into(), link(2, &[prefix("10.0.0.0", 24)]));
    assert!(plan_on(&view, "a").warnings.is_empty());
    assert_eq!(plan_on(&view, "a").services[&id("web")].why(), None);

    view.bgp_advertisements.clear();
    view.l2_advertisements.clear();
    let why = NotAnnounced::NoAdvertisement { service: id("web"), vip: ip(VIP), pool: "lan".into() };
    assert_eq!(plan_on(&view, "a").warnings, [Warning::Silent(why)].into());
}

#[test]
fn equal_attributes_and_equal_sets_of_peers_are_shared() {
    let mut view = routed();
    view.services.insert(id("api"), service(2, &["10.0.0.11"], &["b"]));
    bgp_advertisement(&mut view, "bgp").communities = communities(&[1]);
    let desired = plan_on(&view, "a");
    let table = &desired.routes[&"tor".into()];
    let routes: Vec<_> = table.values().collect();
    assert!(Arc::ptr_eq(routes[0], routes[1]));
    let peers = |name: &str| &desired.services[&id(name)].bgp.peers;
    assert!(Arc::ptr_eq(peers("web"), peers("api")));
}
