//! What holds for every view.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::Arc;

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use crate::desired::Standing;
use crate::fixtures::*;
use crate::{
    AddressRange, BgpAdvertisement, BgpPeer, Community, Created, Desired, Endpoint, Family, L2Advertisement, L2Vip,
    LinkChoice, LinkExclusion, LinkState, Links, Mine, Node, NodeName, NodeVerdict, Scope, Service, ServiceKind,
    TrafficPolicy, View, explain, plan,
};

pub(crate) const NODES: [&str; 5] = ["a", "b", "c", "d", "e"];
pub(crate) const SERVICES: [&str; 5] = ["s1", "s2", "s3", "s4", "s5"];
const POOLS: [&str; 2] = ["lan", "wan"];
const LINKS: [&str; 3] = ["eth0", "eth1", "eth2"];
const PEERS: [&str; 3] = ["p1", "p2", "p3"];

fn scope<T>(names: &'static [&'static str], of: fn(&'static str) -> T) -> impl Strategy<Value = Scope<T>>
where
    T: Ord + Clone + std::fmt::Debug,
{
    let only = btree_set(prop::sample::select(names), 0..=names.len());
    prop_oneof![Just(Scope::All), only.prop_map(move |names| Scope::Only(names.into_iter().map(of).collect()))]
}

fn node_facts() -> impl Strategy<Value = Node> {
    (prop::bool::weighted(0.2), prop::bool::weighted(0.2), any::<bool>(), prop::bool::weighted(0.3), any::<bool>())
        .prop_map(|(network_unavailable, exclude_label, unschedulable, drain_requested, ready)| Node {
            ready,
            network_unavailable,
            exclude_label,
            unschedulable,
            drain_requested,
            ..Node::default()
        })
}

fn any_advertisement() -> impl Strategy<Value = L2Advertisement> {
    let preferences = prop::collection::btree_map(prop::sample::select(&NODES[..]), 1..100u32, 0..3);
    (scope(&POOLS, Into::into), scope(&NODES, Into::into), scope(&SERVICES, id), scope(&LINKS, Into::into), preferences)
        .prop_map(|(pools, nodes, services, interfaces, preferences)| L2Advertisement {
            pools,
            nodes,
            has_service_selectors: services != Scope::All,
            services,
            interfaces,
            preferences: preferences.into_iter().map(|(node, weight)| (node.into(), weight)).collect(),
        })
}

fn any_bgp_advertisement() -> impl Strategy<Value = BgpAdvertisement> {
    let lengths = (prop::sample::select(&[24u8, 30, 32][..]), prop::sample::select(&[64u8, 128][..]));
    let community = btree_set((0..3u32).prop_map(Community), 0..2);
    let local_pref = option::weighted(0.2, Just(200));
    let bandwidth = option::weighted(0.2, Just(NonZeroU64::MIN));
    (
        (scope(&POOLS, Into::into), scope(&NODES, Into::into), scope(&SERVICES, id), scope(&PEERS, Into::into)),
        (lengths, community, local_pref, bandwidth),
    )
        .prop_map(|(scopes, ((ipv4_length, ipv6_length), communities, local_pref, bandwidth_per_endpoint))| {
            let (pools, nodes, services, peers) = scopes;
            let rest = BgpAdvertisement::default();
            let rest = BgpAdvertisement { ipv4_length, ipv6_length, communities, local_pref, ..rest };
            BgpAdvertisement { pools, nodes, services, peers, bandwidth_per_endpoint, ..rest }
        })
}

fn any_peer() -> impl Strategy<Value = BgpPeer> {
    let families = prop_oneof![
        3 => Just(Scope::All),
        1 => Just(Scope::Only([Family::Ipv4].into())),
        1 => Just(Scope::Only([Family::Ipv6].into())),
    ];
    (scope(&NODES, Into::into), families).prop_map(|(nodes, families)| BgpPeer { nodes, families })
}

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let node = option::weighted(0.9, prop::sample::select(&NODES[..]));
    (node, any::<Option<bool>>(), any::<Option<bool>>(), any::<Option<bool>>()).prop_map(
        |(node, ready, serving, terminating)| Endpoint { node: node.map(Into::into), ready, serving, terminating },
    )
}

pub(crate) fn any_service() -> impl Strategy<Value = Service> {
    let vip = prop::sample::select(&["10.0.0.1", "10.0.0.2", "10.0.0.130", "10.1.0.1", "fd00::1", "10.9.9.9"][..]);
    let kind = prop_oneof![8 => Just(ServiceKind::Ours), 1 => Just(ServiceKind::NotLoadBalancer)];
    let policy = prop_oneof![Just(TrafficPolicy::Cluster), Just(TrafficPolicy::Local)];
    (0..3i64, kind, btree_set(vip, 0..3), prop::bool::weighted(0.3), policy, vec(any_endpoint(), 0..6)).prop_map(
        |(created, kind, vips, allow_shared_ip, traffic_policy, endpoints)| Service {
            created: Created(created),
            kind,
            vips: vips.into_iter().map(ip).collect(),
            allow_shared_ip,
            traffic_policy,
            endpoints,
            gaps: BTreeSet::new(),
            not_admitted: BTreeSet::new(),
        },
    )
}

prop_compose! {
    pub(crate) fn any_view()(
        nodes in vec(node_facts(), NODES.len()),
        present in 1..=NODES.len(),
        advertisements in vec(any_advertisement(), 0..4),
        bgp_advertisements in vec(any_bgp_advertisement(), 0..4),
        peers in vec(any_peer(), 0..=PEERS.len()),
        services in vec(any_service(), 0..=SERVICES.len()),
        down in any::<bool>(),
        excluded_link in any::<bool>(),
        cordoned in any::<bool>(),
        ignore_exclude_label in any::<bool>(),
    ) -> View {
        let nodes = NODES.into_iter().map(NodeName::from).zip(nodes).take(present).collect();
        let mut view = View { nodes, ..View::default() };
        view.pools.insert("lan".into(), vec![prefix("10.0.0.0", 24), prefix("fd00::", 64)]);
        view.pools.insert("wan".into(), vec![AddressRange { first: ip("10.1.0.0"), last: ip("10.1.0.1") }]);
        view.l2_advertisements = ["1", "2", "3"].into_iter().map(Into::into).zip(advertisements).collect();
        view.bgp_advertisements = ["1", "2", "3"].into_iter().map(Into::into).zip(bgp_advertisements).collect();
        view.bgp_peers = PEERS.into_iter().map(Into::into).zip(peers).collect();
        view.services = SERVICES.into_iter().map(id).zip(services).collect();
        view.links.insert("eth0".into(), link(2, &[prefix("10.0.0.0", 24), prefix("10.0.0.0", 8)]));
        view.links.insert("eth1".into(), link(3, &[prefix("10.1.0.0", 24)]));
        view.links.get_mut(&"eth1".into()).unwrap().excluded = excluded_link.then_some(LinkExclusion::Pattern);
        view.links.get_mut(&"eth0".into()).unwrap().state = if down { LinkState::NoCarrier } else { LinkState::Up };
        view.policy.drain.cordoned = cordoned;
        view.policy.ignore_exclude_label = ignore_exclude_label;
        view
    }
}

/// What has to be equal on every node.
fn shared(desired: &Desired) -> BTreeMap<IpAddr, Arc<L2Vip>> {
    let mut l2 = desired.l2.clone();
    for vip in l2.values_mut().map(Arc::make_mut) {
        vip.mine = Mine::Eligible;
        vip.links = Links { names: Arc::default(), choice: LinkChoice::Nowhere };
    }
    l2
}

/// The candidates of `vip` by the rules alone, before drains: for each service in age order, whoever serves it and all before it.
fn serving_nodes(view: &View, vip: IpAddr) -> BTreeSet<NodeName> {
    let pool =
        view.pools.iter().find(|(_, ranges)| ranges.iter().any(|range| range.contains(vip))).map(|(pool, _)| pool);
    let mut holders: Vec<_> = view.services.iter().filter(|(_, service)| service.vips.contains(&vip)).collect();
    holders.sort_by_key(|(id, service)| (service.created, (*id).clone()));
    let mut nodes = BTreeSet::new();
    for (id, service) in holders {
        let matches =
            |ad: &&L2Advertisement| pool.is_some_and(|pool| ad.pools.contains(pool)) && ad.services.contains(id);
        let matching: Vec<_> = view.l2_advertisements.values().filter(matches).collect();
        let refuses_sharing = service.allow_shared_ip && matching.iter().any(|ad| ad.has_service_selectors);
        let serving: Vec<_> = service.endpoints.iter().filter(|endpoint| endpoint.can_serve()).collect();
        if service.kind != ServiceKind::Ours || refuses_sharing || serving.is_empty() {
            continue;
        }
        let mut own: BTreeSet<NodeName> = view.nodes.keys().cloned().collect();
        own.retain(|name| matching.iter().any(|ad| ad.nodes.contains(name)));
        own.retain(|name| !view.nodes[name].network_unavailable);
        own.retain(|name| view.policy.ignore_exclude_label || !view.nodes[name].exclude_label);
        if service.traffic_policy == TrafficPolicy::Local {
            own.retain(|name| serving.iter().any(|endpoint| endpoint.node.as_ref() == Some(name)));
        }
        let common: BTreeSet<_> = if nodes.is_empty() { own } else { nodes.intersection(&own).cloned().collect() };
        if !common.is_empty() {
            nodes = common;
        }
    }
    nodes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_node_computes_the_same_candidates(view in any_view(), other_links in any::<bool>()) {
        let first = shared(&plan_on(&view, "a"));
        for me in NODES {
            let mut view = view.clone();
            if other_links {
                view.links.clear();
            }
            prop_assert_eq!(&shared(&plan_on(&view, me)), &first);
        }
    }

    #[test]
    fn the_order_of_endpoints_ranges_and_prefixes_does_not_matter(view in any_view(), duplicate in any::<bool>()) {
        let mut view = view;
        if duplicate {
            // Endpoints have no names here, so one that is told twice weighs twice; nothing else may count them.
            view.bgp_advertisements.values_mut().for_each(|advertisement| advertisement.bandwidth_per_endpoint = None);
        }
        let mut turned = view.clone();
        for service in turned.services.values_mut() {
            service.endpoints.reverse();
            if duplicate {
                service.endpoints.extend(service.endpoints.clone());
            }
        }
        turned.pools.values_mut().for_each(|ranges| ranges.reverse());
        turned.links.values_mut().for_each(|link| link.connected.reverse());
        for me in NODES {
            prop_assert_eq!(plan_on(&turned, me), plan_on(&view, me));
        }
    }

    #[test]
    fn a_vip_has_candidates_exactly_if_a_node_can_serve_it_and_drains_never_take_the_last(view in any_view()) {
        let desired = plan_on(&view, "a");
        let vips: BTreeSet<IpAddr> = view.services.values().flat_map(|service| service.vips.iter().copied()).collect();
        for vip in vips {
            let serving = serving_nodes(&view, vip);
            let stays = |name: &&NodeName| {
                let node = &view.nodes[*name];
                !(node.drain_requested || node.unschedulable && view.policy.drain.cordoned)
            };
            let mut preferred: BTreeSet<_> = serving.iter().filter(stays).cloned().collect();
            if preferred.is_empty() {
                preferred = serving.clone();
            }
            let candidates = desired.l2.get(&vip).map(|plan| BTreeMap::clone(&plan.candidates)).unwrap_or_default();
            prop_assert_eq!(candidates.keys().cloned().collect::<BTreeSet<_>>(), serving, "{}", vip);
            let last = candidates.into_iter().filter(|(_, standing)| *standing == Standing::LastResort);
            prop_assert!(last.map(|(name, _)| name).all(|name| !preferred.contains(&name)), "{}", vip);
        }
    }

    #[test]
    fn what_a_node_is_to_a_vip_agrees_with_its_links_the_candidates_and_the_verdicts(view in any_view()) {
        for me in NODES.map(NodeName::from) {
            let desired = plan(&view, &me);
            for (vip, plan) in &desired.l2 {
                let ineligible = matches!(plan.mine, Mine::Ineligible(_));
                prop_assert_eq!(plan.links.names.is_empty(), ineligible);
                prop_assert!(plan.mine != Mine::Eligible || plan.candidates.contains_key(&me));
                for service in &plan.services {
                    let refused = desired.services[service].l2.refused.iter().any(|(refused, _)| refused == vip);
                    prop_assert_eq!(refused, ineligible);
                }
            }
            for (id, service) in &view.services {
                let verdict = &desired.services[id].l2;
                let announced = |vip: &IpAddr| desired.l2.get(vip).is_some_and(|plan| plan.services.contains(id) && !plan.links.names.is_empty());
                prop_assert_eq!(verdict.mine.is_ok(), service.vips.iter().any(announced));
                if service.kind == ServiceKind::Ours {
                    prop_assert_eq!(verdict.refused.len(), service.vips.iter().filter(|vip| !announced(vip)).count());
                }
            }
        }
    }

    #[test]
    fn the_explanation_agrees_with_the_plan(view in any_view()) {
        let desired = plan_on(&view, "a");
        for id in view.services.keys() {
            let Ok(vips) = explain(&view, id) else { continue };
            for (vip, explanation) in vips.into_iter().map(|(vip, both)| (vip, both.l2)) {
                let is_candidate = |verdict: &NodeVerdict| {
                    matches!(verdict, NodeVerdict::Candidate { .. } | NodeVerdict::LastResort { .. } | NodeVerdict::Draining(_))
                };
                let named: Vec<_> = explanation.nodes.iter().filter(|(_, verdict)| is_candidate(verdict)).map(|(name, _)| name.clone()).collect();
                let plan = desired.l2.get(&vip).filter(|plan| plan.services.contains(id));
                let planned = plan.map_or_else(Vec::new, |plan| plan.candidates.keys().cloned().collect());
                prop_assert_eq!(named, planned);
                prop_assert_eq!(explanation.refused.is_none(), plan.is_some());
            }
        }
    }
}
