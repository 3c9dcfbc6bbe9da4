//! Small clusters for the tests.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::desired::Standing;
use crate::{
    AddressRange, BgpAdvertisement, BgpPeer, Created, Desired, Endpoint, Exclusion, L2Advertisement, L2Vip, Link,
    LinkExclusion, LinkIndex, LinkState, Mine, Node, NodeName, NotAnnounced, RouteAttributes, Scope, Service,
    ServiceId, ServiceKind, TrafficPolicy, View, plan,
};

pub(crate) const VIP: &str = "10.0.0.10";

/// Nodes a, b and c; pool `lan` of 10.0.0.0/24 and fd00::/64 with one advertisement; link eth0 in both subnets.
pub(crate) fn cluster() -> View {
    let mut view = View::default();
    for name in ["a", "b", "c"] {
        view.nodes.insert(name.into(), Node { ready: true, ..Node::default() });
    }
    view.pools.insert("lan".into(), vec![prefix("10.0.0.0", 24), prefix("fd00::", 64)]);
    view.l2_advertisements.insert("lan".into(), L2Advertisement::default());
    view.links.insert("eth0".into(), link(2, &[prefix("10.0.0.0", 24), prefix("fd00::", 64), prefix("fe80::", 64)]));
    view
}

/// The cluster with service `default/web` on [`VIP`], which has an endpoint on node a and policy Cluster.
pub(crate) fn web() -> View {
    let mut view = cluster();
    view.services.insert(id("web"), service(1, &[VIP], &["a"]));
    view
}

pub(crate) fn service(created: i64, vips: &[&str], endpoints_on: &[&str]) -> Service {
    Service {
        created: Created(created),
        kind: ServiceKind::Ours,
        vips: vips.iter().map(|vip| ip(vip)).collect(),
        allow_shared_ip: false,
        traffic_policy: TrafficPolicy::Cluster,
        endpoints: endpoints_on.iter().map(|node| endpoint(node)).collect(),
        gaps: BTreeSet::new(),
        not_admitted: BTreeSet::new(),
    }
}

pub(crate) fn local(created: i64, vips: &[&str], endpoints_on: &[&str]) -> Service {
    Service { traffic_policy: TrafficPolicy::Local, ..service(created, vips, endpoints_on) }
}

pub(crate) fn endpoint(node: &str) -> Endpoint {
    Endpoint { node: Some(node.into()), ready: Some(true), serving: Some(true), terminating: Some(false) }
}

pub(crate) fn link(index: u32, connected: &[AddressRange]) -> Link {
    let (index, connected) = (LinkIndex(index), connected.to_vec());
    Link { index, connected, formerly_connected: Vec::new(), state: LinkState::Up, excluded: None }
}

pub(crate) fn excluded(link: Link, why: LinkExclusion) -> Link {
    Link { excluded: Some(why), ..link }
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn prefix(address: &str, length: u8) -> AddressRange {
    AddressRange::of_prefix(ip(address), length)
}

pub(crate) fn id(name: &str) -> ServiceId {
    ServiceId::new("default", name)
}

pub(crate) fn only<'a, T: From<&'a str> + Ord>(names: &[&'a str]) -> Scope<T> {
    Scope::Only(set(names))
}

pub(crate) fn only_services(names: &[&str]) -> Scope<ServiceId> {
    Scope::Only(names.iter().map(|name| id(name)).collect())
}

pub(crate) fn set<'a, T: From<&'a str> + Ord>(names: &[&'a str]) -> BTreeSet<T> {
    names.iter().map(|name| T::from(*name)).collect()
}

pub(crate) fn node<'v>(view: &'v mut View, name: &str) -> &'v mut Node {
    view.nodes.get_mut(&NodeName::from(name)).unwrap()
}

pub(crate) fn advertisement(view: &mut View) -> &mut L2Advertisement {
    view.l2_advertisements.values_mut().next().unwrap()
}

pub(crate) fn plan_on(view: &View, me: &str) -> Desired {
    plan(view, &me.into())
}

/// Returns the names of the candidates of [`VIP`], or the reason of service `web` if there are none.
pub(crate) fn candidates(view: &View) -> Result<Vec<String>, &'static str> {
    let desired = plan_on(view, "a");
    match desired.l2.get(&ip(VIP)) {
        Some(vip) => Ok(names(vip)),
        None => Err(desired.services[&id("web")].l2.mine.as_ref().unwrap_err().reason()),
    }
}

pub(crate) fn names(vip: &L2Vip) -> Vec<String> {
    let preferred = vip.candidates.iter().filter(|(_, standing)| **standing != Standing::LastResort);
    preferred.map(|(name, _)| name.to_string()).collect()
}

/// Returns the preferences of the candidates of [`VIP`] that do not drain, in name order.
pub(crate) fn preferences(view: &View) -> Vec<u32> {
    let preference = |standing: &Standing| match standing {
        Standing::Preference(preference) => Some(*preference),
        Standing::LastResort => None,
    };
    plan_on(view, "a").l2[&ip(VIP)].candidates.values().filter_map(preference).collect()
}

pub(crate) fn mine(view: &View, me: &str) -> Mine {
    plan_on(view, me).l2[&ip(VIP)].mine.clone()
}

pub(crate) fn ineligible(node: &str, why: Exclusion) -> Mine {
    Mine::Ineligible(NotAnnounced::Excluded { node: node.into(), why })
}

pub(crate) fn peer(nodes: Scope<NodeName>) -> BgpPeer {
    BgpPeer { nodes, families: Scope::All }
}

/// The cluster without L2 advertisement and links, with peer `tor` of every node, one BGP advertisement `bgp`, and service `web` on
/// [`VIP`] with an endpoint on node a and policy Cluster.
pub(crate) fn routed() -> View {
    let mut view = web();
    view.l2_advertisements.clear();
    view.links.clear();
    view.bgp_peers.insert("tor".into(), BgpPeer::default());
    view.bgp_advertisements.insert("bgp".into(), BgpAdvertisement::default());
    view
}

pub(crate) fn bgp_advertisement<'v>(view: &'v mut View, name: &str) -> &'v mut BgpAdvertisement {
    view.bgp_advertisements.entry(name.into()).or_default()
}

/// Returns the prefixes that node `me` tells `peer` of.
pub(crate) fn told(view: &View, me: &str, peer: &str) -> Vec<String> {
    let routes = plan_on(view, me).routes;
    routes.get(&peer.into()).map(|table| table.keys().map(ToString::to_string).collect()).unwrap_or_default()
}

/// Returns the attributes of `prefix` as node a tells them peer `tor`.
pub(crate) fn attributes(view: &View, prefix: &str) -> RouteAttributes {
    let table = &plan_on(view, "a").routes[&"tor".into()];
    let found = table.iter().find(|(known, _)| known.to_string() == prefix);
    RouteAttributes::clone(found.expect("the prefix is announced").1)
}

/// Returns why node `me` does not announce service `web` by BGP, if so.
pub(crate) fn not_routed(view: &View, me: &str) -> Option<&'static str> {
    match &plan_on(view, me).services[&id("web")].bgp.mine {
        Mine::Eligible | Mine::Draining(_) => None,
        Mine::Ineligible(why) => Some(why.reason()),
    }
}
