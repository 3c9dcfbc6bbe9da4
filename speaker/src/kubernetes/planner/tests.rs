use announce::{DrainPolicy, Policy};
use apiserver::{ConfigurationEvent, Event};
use crds::reasons::AnnouncedReason;
use members::{ClusterId, Mine};
use serde_json::json;

use super::super::cluster::Change;
use super::super::fixtures::{self, NAMESPACE, applied, broken_slice, deleted, named_slice, service, slice};
use super::*;
use crate::exclusion::Exclusion;
use crate::net::links::{Link, LinkIndex};
use crate::reasons::announced_reason;

const READY: Readiness = Readiness::Ready;

#[test]
fn nothing_is_ordered_before_everything_is_listed() {
    let mut cluster = Cluster::default();
    cluster.take(Change::service(service("web", "192.0.2.130")));
    let (planned, orders) = planner().plan(&mut cluster, &links(), &READY);
    assert_eq!(planned.unlisted.len(), 6);
    assert!(orders.wire.links.is_empty() && !orders.wire.ready && !orders.routing.ready);
}

#[test]
fn a_service_with_an_address_of_ours_and_an_endpoint_is_announced() {
    let (planned, orders) = planner().plan(&mut serving(), &links(), &READY);
    let held = &planned.addresses[&ServiceId::new("shop", "web")];
    assert_eq!((held.ips.as_slice(), &*held.pool), ([vip()].as_slice(), "lan"));
    assert_eq!(planned.troubles, [] as [String; 0]);
    assert_eq!(mine(&orders), Some(Mine::Eligible));
    assert!(orders.wire.ready && orders.wire.keys.is_some());
    let routes: Vec<&Arc<RouteTable>> = orders.routing.routes.values().collect();
    assert_eq!(routes.iter().map(|table| table.len()).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_plan_that_panics_keeps_the_one_before_and_the_next_one_is_whole() {
    let (mut cluster, mut kept) = (serving(), planner());
    let (before, _) = kept.plan(&mut cluster, &links(), &READY);
    cluster.take(Change::service(service("second", "192.0.2.131")));
    let poisoned = kept.guard(&mut cluster, |_, cluster| {
        // What is stale is taken and then lost, as in a plan that ends in the middle.
        let _ = cluster.take_stale();
        panic!("an odd object")
    });
    assert_eq!(poisoned.map(|()| "planned").unwrap_err().to_string(), "an odd object");
    let (after, orders) = kept.plan_or_keep(&mut cluster, &links(), &READY, &before);
    assert!(orders.is_some() && after.addresses.contains_key(&ServiceId::new("shop", "second")));
    assert_eq!(after.panics, 1);
    assert_eq!(after.troubles, [] as [String; 0]);
}

#[test]
fn a_panic_in_a_plan_is_a_trouble_once_however_often_it_comes() {
    let (mut cluster, mut kept) = (serving(), planner());
    let (mut planned, _) = kept.plan(&mut cluster, &links(), &READY);
    for round in 1..=3 {
        let panic = kept.guard(&mut cluster, |_, _| panic!("odd object {round}")).map(|()| "planned").unwrap_err();
        planned = kept.keep(&cluster, &planned, &panic);
        assert_eq!(planned.panics, round);
        assert_eq!(planned.troubles.len(), 1, "{:?}", planned.troubles);
        assert!(planned.troubles[0].contains(&format!("odd object {round}")), "{:?}", planned.troubles);
    }
    assert!(planned.addresses.contains_key(&ServiceId::new("shop", "web")), "what was planned before stays");
}

#[test]
fn a_datapath_that_was_never_ready_lets_nothing_out() {
    let (planned, orders) = planner().plan(&mut serving(), &links(), &Readiness::Never { why: "refused".to_owned() });
    assert!(!orders.wire.ready && !orders.routing.ready);
    assert!(planned.closed.is_some(), "a rollout stops here");
    assert!(planned.troubles[0].contains("announces nothing: refused"), "{:?}", planned.troubles);
}

#[test]
fn a_key_that_is_lost_stays_in_use_and_a_node_without_any_is_not_ready() {
    let (mut cluster, mut kept) = (serving(), planner());
    let (before, orders) = kept.plan(&mut cluster, &links(), &READY);
    assert_eq!(before.heartbeat_keys, [orders.wire.keys.unwrap().primary().to_string()]);
    cluster.take(Change::Secret(deleted(NAMESPACE, "memberlist")));
    let (planned, orders) = kept.plan(&mut cluster, &links(), &READY);
    assert!(orders.wire.keys.is_some() && planned.closed.is_none());
    assert_eq!(planned.heartbeat_keys, before.heartbeat_keys, "it is still sent with");
    assert!(planned.unreadable[0].contains("memberlist"), "{:?}", planned.unreadable);

    let mut keyless = serving();
    keyless.take(Change::Secret(deleted(NAMESPACE, "memberlist")));
    let (planned, orders) = planner().plan(&mut keyless, &links(), &READY);
    assert!(orders.wire.keys.is_none());
    assert!(planned.closed.unwrap().contains("memberlist"));
}

#[test]
fn nothing_is_sealed_before_it_is_known_which_cluster_this_is() {
    let (mut cluster, mut planner) = (serving(), planner());
    planner.settings.cluster = None;
    assert!(cluster.take(Change::Identity(Err("403 Forbidden".to_owned()))));
    assert!(!cluster.take(Change::Identity(Err("403 Forbidden".to_owned()))), "said once");
    let (planned, orders) = planner.plan(&mut cluster, &links(), &READY);
    assert!(orders.wire.keys.is_none());
    assert!(planned.closed.unwrap().contains("403 Forbidden"), "the node is not ready");
    assert!(!orders.routing.routes.is_empty(), "routers need no heartbeats");
    assert!(cluster.take(Change::Identity(Ok(ClusterId::new("a uid")))));
    assert!(!cluster.take(Change::Identity(Err("503".to_owned()))), "a cluster stays what it is");
    let (planned, orders) = planner.plan(&mut cluster, &links(), &READY);
    assert_eq!(orders.wire.keys.unwrap().cluster(), ClusterId::new("a uid").tag());
    assert!(planned.closed.is_none() && planned.unreadable.is_empty());
}

#[test]
fn a_datapath_that_is_lost_asks_others_to_take_over() {
    let (planned, orders) = planner().plan(&mut serving(), &links(), &Readiness::Lost { why: "503".to_owned() });
    assert_eq!(mine(&orders), Some(Mine::Draining));
    assert!(orders.wire.ready && orders.routing.ready);
    assert_eq!(planned.closed, None, "a restart would mend nothing");
    let mut routes = orders.routing.routes.values().flat_map(|table| table.values());
    assert!(routes.all(|route| route.communities.contains(&GRACEFUL_SHUTDOWN) && !route.graceful_shutdown));
    assert!(planned.troubles[0].contains("no longer ready"), "{:?}", planned.troubles);
}

#[test]
fn what_decides_nothing_is_planned_for_nothing() {
    let (mut cluster, mut planner) = (serving(), planner());
    let (before, _) = planner.plan(&mut cluster, &links(), &READY);
    // The policy is Cluster, so any endpoint will do.
    assert!(cluster.take(Change::slice(slice("web", &["b"]))));
    let (after, orders) = planner.plan(&mut cluster, &links(), &READY);
    assert!(Arc::ptr_eq(&before.desired, &after.desired));
    assert_eq!(mine(&orders), Some(Mine::Eligible));
    cluster.take(Change::slice(slice("web", &[])));
    let (last, orders) = planner.plan(&mut cluster, &links(), &READY);
    assert!(!Arc::ptr_eq(&after.desired, &last.desired));
    assert_eq!(mine(&orders), None);
}

#[test]
fn addresses_that_stay_are_not_copied() {
    let (mut cluster, mut planner) = (serving(), planner());
    let (before, _) = planner.plan(&mut cluster, &links(), &READY);
    cluster.take(Change::slice(slice("web", &["b"])));
    let (after, _) = planner.plan(&mut cluster, &links(), &READY);
    assert!(Arc::ptr_eq(&before.addresses, &after.addresses));
    cluster.take(Change::service(service("web", "192.0.2.131")));
    let (last, _) = planner.plan(&mut cluster, &links(), &READY);
    let web = ServiceId::new("shop", "web");
    assert_eq!((after.addresses[&web].ips[0], last.addresses[&web].ips[0]), (vip(), "192.0.2.131".parse().unwrap()));
}

#[test]
fn a_slice_that_cannot_be_read_has_no_endpoint_and_its_service_says_which() {
    for policy in ["Cluster", "Local"] {
        let (mut cluster, mut planner) = (serving(), planner());
        cluster.take(Change::service(with_policy("web", "192.0.2.130", policy)));
        assert_eq!(mine(&planner.plan(&mut cluster, &links(), &READY).1), Some(Mine::Eligible), "{policy}");

        cluster.take(Change::slice(broken_slice("web-1", "web")));
        let (planned, orders) = planner.plan(&mut cluster, &links(), &READY);
        assert_eq!(mine(&orders), None, "{policy}");
        assert!(orders.routing.routes.values().all(|table| table.is_empty()), "{policy}");
        let verdict = &planned.desired.services[&ServiceId::new("shop", "web")];
        assert_eq!(announced_reason(verdict), Some(AnnouncedReason::EndpointsUnknown), "{policy}");
        let why = verdict.why().unwrap().to_string();
        assert!(why.contains("EndpointSlice web-1 cannot be read: endpoints: invalid type"), "{why}");
        assert!(planned.troubles[0].contains("shop/web-1"), "{:?}", planned.troubles);

        // What other slices say counts, and what is missing is told beside it.
        cluster.take(Change::slice(named_slice("web-2", "web", &["a"])));
        let (planned, orders) = planner.plan(&mut cluster, &links(), &READY);
        assert_eq!(mine(&orders), Some(Mine::Eligible), "{policy}");
        let notes: Vec<String> = planned.notes().filter(|note| note.contains("web-1")).collect();
        assert!(notes[0].starts_with("service shop/web: EndpointSlice web-1 cannot be read"), "{notes:?}");

        cluster.take(Change::slice(slice("web", &[])));
        let (planned, _) = planner.plan(&mut cluster, &links(), &READY);
        assert_eq!((planned.troubles.len(), planned.notes().count()), (0, 0), "{policy}");
    }
}

#[test]
fn a_service_whose_last_pod_goes_is_withdrawn_without_a_fault() {
    for policy in ["Cluster", "Local"] {
        let (mut cluster, mut planner) = (serving(), planner());
        cluster.take(Change::service(with_policy("web", "192.0.2.130", policy)));
        planner.plan(&mut cluster, &links(), &READY);
        cluster.take(Change::slice(applied(&json!({
            "metadata": { "name": "web-1", "namespace": "shop", "labels": { "kubernetes.io/service-name": "web" } },
            "addressType": "IPv4",
            "endpoints": null,
            "ports": null,
        }))));
        let (planned, orders) = planner.plan(&mut cluster, &links(), &READY);
        assert_eq!(mine(&orders), None, "{policy}");
        let verdict = &planned.desired.services[&ServiceId::new("shop", "web")];
        assert_eq!(announced_reason(verdict), Some(AnnouncedReason::NoEndpoints), "{policy}");
        assert_eq!(planned.troubles, [""; 0], "{policy}");
        cluster.take(Change::slice(slice("web", &["a"])));
        assert_eq!(mine(&planner.plan(&mut cluster, &links(), &READY).1), Some(Mine::Eligible), "{policy}");
    }
}

#[test]
fn an_address_of_a_pool_for_others_is_not_announced_whoever_wrote_it_into_the_status() {
    let shop = json!({ "matchLabels": { "team": "shop" } });
    let front = json!({ "matchLabels": { "tier": "front" } });
    let namespace =
        |team: &str| Change::namespace(applied(&json!({ "metadata": { "name": "shop", "labels": { "team": team } } })));
    let table = [
        (json!(null), true),
        (json!({ "priority": 10 }), true),
        (json!({ "namespaces": ["shop"] }), true),
        (json!({ "namespaces": ["other"] }), false),
        (json!({ "namespaceSelectors": [shop] }), true),
        (json!({ "namespaceSelectors": [front] }), false),
        (json!({ "namespaces": ["other"], "namespaceSelectors": [shop] }), true),
        (json!({ "serviceSelectors": [front] }), false),
        (json!({ "namespaces": ["shop"], "serviceSelectors": [front] }), false),
    ];
    for (allocation, admitted) in table {
        let (mut cluster, mut planner) = (serving(), planner());
        cluster.take(namespace("shop"));
        cluster.take(Change::configuration(ConfigurationEvent::Pool(applied(&json!({
            "metadata": { "name": "lan", "namespace": NAMESPACE },
            "spec": { "addresses": ["192.0.2.128/25"], "serviceAllocation": allocation },
        })))));
        let (planned, orders) = planner.plan(&mut cluster, &links(), &READY);
        assert_eq!(mine(&orders).is_some(), admitted, "{allocation}");
        assert_eq!(orders.routing.routes.values().all(|table| table.is_empty()), !admitted, "{allocation}");
        let reason = announced_reason(&planned.desired.services[&ServiceId::new("shop", "web")]);
        let expected = if admitted { AnnouncedReason::Announced } else { AnnouncedReason::PoolNotAdmitted };
        assert_eq!(reason, Some(expected), "{allocation}");
        let notes: Vec<String> = planned.notes().collect();
        assert_eq!(notes.iter().any(|note| note.contains("pool lan, which holds 192.0.2.130, is not for")), !admitted);
    }
}

#[test]
fn labels_of_a_namespace_decide_as_soon_as_they_change_and_not_before_they_are_known() {
    let (mut cluster, mut planner) = (serving(), planner());
    let namespace = |labels| Change::namespace(applied(&json!({ "metadata": { "name": "shop", "labels": labels } })));
    cluster.take(Change::configuration(ConfigurationEvent::Pool(applied(&json!({
        "metadata": { "name": "lan", "namespace": NAMESPACE },
        "spec": {
            "addresses": ["192.0.2.128/25"],
            "serviceAllocation": { "namespaceSelectors": [{ "matchLabels": { "team": "shop" } }] },
        },
    })))));
    assert_eq!(mine(&planner.plan(&mut cluster, &links(), &READY).1), None);
    assert!(cluster.take(namespace(json!({ "team": "shop" }))));
    assert_eq!(mine(&planner.plan(&mut cluster, &links(), &READY).1), Some(Mine::Eligible));
    assert!(cluster.take(namespace(json!({ "team": "other" }))));
    assert_eq!(mine(&planner.plan(&mut cluster, &links(), &READY).1), None);
}

#[test]
fn a_service_that_cannot_be_read_keeps_what_it_had_and_says_so() {
    let (mut cluster, mut planner) = (serving(), planner());
    planner.plan(&mut cluster, &links(), &READY);
    for name in ["web", "new"] {
        cluster.take(Change::service(applied(&json!({
            "metadata": { "name": name, "namespace": "shop" },
            "spec": { "type": "LoadBalancer", "ports": [{ "port": "http" }] },
        }))));
    }
    let (planned, orders) = planner.plan(&mut cluster, &links(), &READY);
    assert_eq!(mine(&orders), Some(Mine::Eligible));
    let notes: Vec<String> = planned.notes().collect();
    assert!(notes[0].starts_with("service shop/web: the Service cannot be read: spec.ports[0].port"), "{notes:?}");
    let never = &planned.desired.services[&ServiceId::new("shop", "new")];
    assert_eq!(announced_reason(never), Some(AnnouncedReason::Unreadable));
    assert_eq!(planned.troubles.len(), 2);
    // The endpoints of the one that is kept are followed all the same.
    cluster.take(Change::slice(slice("web", &[])));
    assert_eq!(mine(&planner.plan(&mut cluster, &links(), &READY).1), None);
}

pub(super) fn planner() -> Planner {
    Planner::new(Settings {
        node: "a".to_owned(),
        namespace: NAMESPACE.to_owned(),
        lb_class: String::new(),
        policy: Policy { ignore_exclude_label: false, drain: DrainPolicy::default() },
        exclusion: Exclusion::default(),
        unicast: false,
        cluster: Some(ClusterId::default()),
    })
}

fn serving() -> Cluster {
    let mut cluster = fixtures::cluster();
    cluster.take(Change::service(service("web", "192.0.2.130")));
    cluster.take(Change::slice(slice("web", &["a"])));
    cluster
}

fn with_policy(name: &str, address: &str, policy: &str) -> Event<core::Service> {
    applied(&json!({
        "metadata": { "name": name, "namespace": "shop", "uid": format!("uid-{name}") },
        "spec": { "type": "LoadBalancer", "externalTrafficPolicy": policy },
        "status": { "loadBalancer": { "ingress": [{ "ip": address }] } },
    }))
}

pub(super) fn links() -> Links {
    let link = Link {
        name: "eth0".to_owned(),
        mac: Some([2, 0, 0, 0, 0, 1]),
        running: true,
        resolves: true,
        addresses: ["192.0.2.11/24".parse().unwrap()].into(),
        ..Link::default()
    };
    Links::from([(LinkIndex(2), link)])
}

fn vip() -> IpAddr {
    "192.0.2.130".parse().unwrap()
}

fn mine(orders: &Orders) -> Option<Mine> {
    Some(orders.wire.links.get(&LinkIndex(2))?.vips.get(&vip())?.mine)
}

/// The ConfigurationState of a speaker, with the subnets of its one link; none where another program writes it.
fn speaker(node: &str, subnets: &[&str]) -> Change {
    let links = [serde_json::json!({ "name": "eth7", "mac": "02:00:00:00:00:07", "subnets": subnets })];
    let links = if subnets.is_empty() { &links[..0] } else { &links[..] };
    Change::speaker(applied(&serde_json::json!({
        "metadata": {
            "name": format!("speaker-{node}"),
            "namespace": NAMESPACE,
            "labels": { "metallb.io/component-type": "speaker", "metallb.io/node-name": node },
        },
        "status": { "result": "Valid", "links": links },
    })))
}

fn missing(planned: &Planned) -> Vec<String> {
    let nodes = planned.served.iter().flat_map(|link| planned.roster.expected_on(&link.name));
    nodes.map(ToString::to_string).collect()
}

#[test]
fn speakers_that_serve_our_subnets_and_whose_node_is_up_should_be_heard() {
    let (mut cluster, mut planner) = (serving(), planner());
    let planned = planner.plan(&mut cluster, &links(), &READY).0;
    assert!(planned.roster.is_known() && planned.roster.is_empty());
    assert_eq!(planned.served.iter().map(|link| &*link.name).collect::<Vec<_>>(), ["eth0"]);
    let changes: [(&str, &[&str]); 4] = [
        ("a", &["192.0.2.0/24"]),
        ("b", &["192.0.2.0/24", "nonsense"]),
        ("elsewhere", &["203.0.113.0/24"]),
        ("without-node", &["192.0.2.0/24"]),
    ];
    for (node, subnets) in changes {
        assert!(cluster.take(speaker(node, subnets)));
    }
    cluster.take(Change::node(fixtures::node("elsewhere")));
    let before = planner.plan(&mut cluster, &links(), &READY).0;
    assert_eq!(missing(&before), ["b"], "a is this node");
    assert!(!cluster.take(speaker("b", &["192.0.2.0/24", "nonsense"])), "a write that changes nothing plans nothing");
    cluster.take(speaker("without-node", &[]));
    let (after, orders) = planner.plan(&mut cluster, &links(), &READY);
    let macs = &orders.wire.links.values().next().unwrap().nodes;
    assert_eq!(macs.keys().collect::<Vec<_>>(), [&[2, 0, 0, 0, 0, 7]], "a claim from there is one of our nodes");
    assert_eq!(missing(&after), ["b"]);
    assert!(Arc::ptr_eq(&before.desired, &after.desired), "who announces does not depend on it");
    let down = serde_json::json!({ "metadata": { "name": "b" }, "status": { "conditions": [{ "type": "Ready", "status": "Unknown" }] } });
    cluster.take(Change::node(applied(&down)));
    assert_eq!(missing(&planner.plan(&mut cluster, &links(), &READY).0), [""; 0]);
    cluster.take(Change::node(fixtures::node("b")));
    assert_eq!(missing(&planner.plan(&mut cluster, &links(), &READY).0), ["b"]);
    cluster.take(speaker("b", &[]));
    assert_eq!(
        missing(&planner.plan(&mut cluster, &links(), &READY).0),
        [""; 0],
        "what another program writes says of no link"
    );
}
