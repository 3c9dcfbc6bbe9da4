//! What holds for the routes of every view.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::NonZeroU64;

use proptest::prelude::*;

use crate::fixtures::plan_on;
use crate::properties::{NODES, any_view};
use crate::{
    AddressRange, BgpAdvertisement, Endpoint, Family, Mine, NodeName, PeerName, PeerVerdict, Prefix, RouteAttributes,
    Service, ServiceId, ServiceKind, TrafficPolicy, View, explain, plan,
};

/// The routes of one peer, and per VIP of a service the peers that are told, by the rules alone.
#[derive(Default)]
struct Model {
    routes: BTreeMap<PeerName, BTreeMap<Prefix, RouteAttributes>>,
    told: BTreeMap<(ServiceId, IpAddr), BTreeSet<PeerName>>,
}

fn pool_of(view: &View, vip: IpAddr) -> Option<(&crate::PoolName, AddressRange)> {
    view.pools.iter().find_map(|(pool, ranges)| Some((pool, *ranges.iter().find(|range| range.contains(vip))?)))
}

/// Whether the node tells the peer of prefixes of a family under the advertisement, as far as selectors and sessions go.
fn meets(view: &View, advertisement: &BgpAdvertisement, node: &NodeName, peer: &PeerName, family: Family) -> bool {
    let there = &view.bgp_peers[peer];
    advertisement.nodes.contains(node)
        && advertisement.peers.contains(peer)
        && there.nodes.contains(node)
        && there.families.contains(&family)
}

fn matching<'v>(view: &'v View, id: &ServiceId, vip: IpAddr) -> Vec<&'v BgpAdvertisement> {
    let Some((pool, _)) = pool_of(view, vip) else { return Vec::new() };
    view.bgp_advertisements.values().filter(|it| it.pools.contains(pool) && it.services.contains(id)).collect()
}

fn serves(service: &Service, node: &NodeName) -> bool {
    let mut serving = service.endpoints.iter().filter(|endpoint| endpoint.can_serve());
    match service.traffic_policy {
        TrafficPolicy::Cluster => serving.next().is_some(),
        TrafficPolicy::Local => serving.any(|endpoint| endpoint.node.as_ref() == Some(node)),
    }
}

/// Whether the node announces the VIP of the service, but for older services on the same prefix.
fn announces(view: &View, id: &ServiceId, vip: IpAddr, node: &NodeName) -> bool {
    let (service, family) = (&view.services[id], Family::of(vip));
    let Some(facts) = view.nodes.get(node) else { return false };
    let barred = facts.network_unavailable || facts.exclude_label && !view.policy.ignore_exclude_label;
    let matching = matching(view, id, vip);
    let told = |it: &&&BgpAdvertisement| view.bgp_peers.keys().any(|peer| meets(view, it, node, peer, family));
    let contradicts = |one: &BgpAdvertisement, other: &BgpAdvertisement| {
        let both = |peer: &PeerName| meets(view, one, node, peer, family) && meets(view, other, node, peer, family);
        one.length(family) == other.length(family)
            && one.local_pref != other.local_pref
            && view.bgp_peers.keys().any(both)
    };
    let conflict = matching.iter().any(|one| matching.iter().any(|other| contradicts(one, other)));
    service.kind == ServiceKind::Ours
        && serves(service, node)
        && matching.iter().filter(told).count() > 0
        && !conflict
        && !barred
}

fn drains(view: &View, node: &NodeName) -> bool {
    let facts = &view.nodes[node];
    facts.drain_requested || facts.unschedulable && view.policy.drain.cordoned
}

fn weight(service: &Service, node: &NodeName) -> Option<u64> {
    let here = || service.endpoints.iter().filter(|endpoint| endpoint.node.as_ref() == Some(node));
    let ready = here().filter(|endpoint| endpoint.ready != Some(false)).count() as u64;
    let serving = here().filter(|endpoint: &&Endpoint| endpoint.can_serve()).count() as u64;
    (service.traffic_policy == TrafficPolicy::Local).then_some(if ready > 0 { ready } else { serving })
}

/// What one service adds for one peer: the attributes by prefix, the advertisement that asked for the greatest length first.
fn contribution(
    view: &View,
    id: &ServiceId,
    vip: IpAddr,
    node: &NodeName,
    peer: &PeerName,
) -> BTreeMap<Prefix, RouteAttributes> {
    let family = Family::of(vip);
    let Some((_, range)) = pool_of(view, vip) else { return BTreeMap::new() };
    let mut meant: Vec<_> = matching(view, id, vip);
    meant.retain(|it| meets(view, it, node, peer, family));
    meant.sort_by_key(|it| std::cmp::Reverse(it.length(family)));
    let mut routes: BTreeMap<Prefix, (u8, RouteAttributes)> = BTreeMap::new();
    for it in meant {
        let prefix = Prefix::inside(&range, vip, it.length(family));
        let (length, route) = routes.entry(prefix).or_insert_with(|| (it.length(family), RouteAttributes::default()));
        if *length != it.length(family) {
            continue;
        }
        route.local_pref = it.local_pref;
        route.communities.extend(&it.communities);
        let each = it.bandwidth_per_endpoint.map(NonZeroU64::get);
        let here = each.zip(weight(&view.services[id], node)).and_then(|(each, count)| NonZeroU64::new(each * count));
        route.link_bandwidth = route.link_bandwidth.max(here);
    }
    routes.into_iter().map(|(prefix, (_, route))| (prefix, route)).collect()
}

impl Model {
    fn of(view: &View, node: &NodeName) -> Self {
        let mut model = Self::default();
        let mut services: Vec<_> = view.services.iter().collect();
        services.sort_by_key(|(id, service)| (service.created, (*id).clone()));
        for (id, service) in services {
            for vip in service.vips.iter().copied().filter(|vip| announces(view, id, *vip, node)) {
                model.add(view, id, vip, node);
            }
        }
        model
    }

    fn add(&mut self, view: &View, id: &ServiceId, vip: IpAddr, node: &NodeName) {
        let contributions: BTreeMap<_, _> =
            view.bgp_peers.keys().map(|peer| (peer.clone(), contribution(view, id, vip, node, peer))).collect();
        let known = |peer: &PeerName, prefix: &Prefix| self.routes.get(peer).and_then(|routes| routes.get(prefix));
        let contradicted = contributions.iter().any(|(peer, routes)| {
            routes.iter().any(|(prefix, route)| known(peer, prefix).is_some_and(|it| it.local_pref != route.local_pref))
        });
        if contradicted {
            return;
        }
        let lasts =
            |other: &NodeName| view.nodes[other].ready && !drains(view, other) && announces(view, id, vip, other);
        let leaving = drains(view, node) && view.nodes.keys().any(lasts);
        for (peer, routes) in contributions {
            for (prefix, mut route) in routes {
                route.graceful_shutdown = leaving;
                self.told.entry((id.clone(), vip)).or_default().insert(peer.clone());
                let table = self.routes.entry(peer.clone()).or_default();
                match table.get_mut(&prefix) {
                    None => drop(table.insert(prefix, route)),
                    Some(known) => {
                        known.communities.extend(route.communities);
                        known.graceful_shutdown &= leaving;
                        let sum = known.link_bandwidth.zip(route.link_bandwidth);
                        known.link_bandwidth = sum.map(|(one, other)| one.saturating_add(other.get()));
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_routes_and_verdicts_are_those_of_the_rules(view in any_view()) {
        for me in NODES.map(NodeName::from) {
            let desired = plan(&view, &me);
            let model = Model::of(&view, &me);
            for (peer, table) in &desired.routes {
                let table: BTreeMap<_, _> = table.iter().map(|(prefix, route)| (*prefix, RouteAttributes::clone(route))).collect();
                prop_assert_eq!(table, model.routes.get(peer).cloned().unwrap_or_default(), "{} to {}", me, peer);
            }
            prop_assert!(model.routes.keys().all(|peer| desired.routes.contains_key(peer)));
            for (id, service) in view.services.iter().filter(|(_, service)| service.kind == ServiceKind::Ours) {
                let verdict = &desired.services[id].bgp;
                let told: BTreeSet<_> = model.told.iter().filter(|((service, _), _)| service == id).flat_map(|(_, peers)| peers.clone()).collect();
                prop_assert_eq!(&*verdict.peers, &told);
                let refused: BTreeSet<_> = verdict.refused.iter().map(|(vip, _)| *vip).collect();
                let untold: BTreeSet<_> = service.vips.iter().copied().filter(|vip| !model.told.contains_key(&(id.clone(), *vip))).collect();
                prop_assert_eq!(refused, untold);
                prop_assert_eq!(matches!(verdict.mine, Mine::Ineligible(_)), told.is_empty());
            }
        }
    }

    #[test]
    fn whatever_drains_a_vip_that_was_announced_stays_announced(view in any_view()) {
        let mut calm = view.clone();
        for node in calm.nodes.values_mut() {
            (node.unschedulable, node.drain_requested) = (false, false);
        }
        let stays = |view: &View| {
            let mut prefixes = BTreeSet::new();
            for me in view.nodes.keys() {
                for table in plan(view, me).routes.values() {
                    prefixes.extend(table.iter().filter(|(_, route)| !route.graceful_shutdown).map(|(prefix, _)| *prefix));
                }
            }
            let announced = |vip: &IpAddr| prefixes.iter().any(|prefix| prefix.range().contains(*vip));
            view.services.values().flat_map(|service| service.vips.iter().copied()).filter(announced).collect::<BTreeSet<_>>()
        };
        prop_assert_eq!(stays(&view), stays(&calm));
    }

    #[test]
    fn no_prefix_reaches_outside_the_pools(view in any_view()) {
        let desired = plan_on(&view, "a");
        for prefix in desired.routes.values().flat_map(|table| table.keys()) {
            let AddressRange { first, last } = prefix.range();
            let inside = |range: &AddressRange| range.contains(first) && range.contains(last);
            prop_assert!(view.pools.values().flatten().any(inside), "{}", prefix);
            prop_assert!(desired.export.iter().any(|allowed| inside(&allowed.range())), "{}", prefix);
        }
    }

    #[test]
    fn the_explanation_names_what_each_node_tells_each_peer(view in any_view()) {
        for id in view.services.keys() {
            let Ok(vips) = explain(&view, id) else { continue };
            for (vip, explanation) in vips {
                for (node, peers) in explanation.bgp.nodes {
                    let desired = plan(&view, &node);
                    let told = Model::of(&view, &node).told.remove(&(id.clone(), vip)).unwrap_or_default();
                    for (peer, verdict) in peers {
                        let (prefixes, leaving) = match verdict {
                            PeerVerdict::Announced { prefixes } | PeerVerdict::LastResort { prefixes, .. } => (prefixes, false),
                            PeerVerdict::Draining { prefixes, .. } => (prefixes, true),
                            PeerVerdict::NoSession | PeerVerdict::OtherFamily(_) | PeerVerdict::NotMeant | PeerVerdict::Excluded(_) => (Vec::new(), true),
                        };
                        prop_assert_eq!(!prefixes.is_empty(), told.contains(&peer));
                        for prefix in prefixes {
                            let route = desired.routes[&peer].get(&prefix);
                            prop_assert!(route.is_some_and(|route| leaving || !route.graceful_shutdown));
                        }
                    }
                }
            }
        }
    }
}
