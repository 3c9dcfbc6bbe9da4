use std::net::IpAddr;
use std::num::NonZeroU64;

use announce::{Endpoint, TrafficPolicy};
use serde_json::{Value, json};

use super::*;

fn object<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn selector(labels: Value) -> Selector {
    Selector::parse(&object(json!({ "matchLabels": labels }))).unwrap()
}

fn advertisement(change: impl FnOnce(&mut checked::L2Advertisement)) -> checked::Config {
    let mut advertisement = checked::L2Advertisement {
        name: "lan".to_owned(),
        pools: ["lan".to_owned()].into(),
        node_selectors: Vec::new(),
        interfaces: BTreeSet::new(),
        service_selectors: Vec::new(),
        preferences: Vec::new(),
    };
    change(&mut advertisement);
    checked::Config { l2_advertisements: [("lan".to_owned(), advertisement)].into(), ..checked::Config::default() }
}

/// Builds a view of nodes n1 (rack a) and n2 (rack b) and Service default/web (tier front) with an endpoint on n2.
fn view(config: &checked::Config, allocated: &BTreeMap<ServiceId, Vec<IpAddr>>, links: &Links) -> View {
    let node = |name: &str, rack: &str| json!({"metadata": {"name": name, "labels": {"rack": rack}}});
    let slice = json!({
        "metadata": {"name": "web-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"], "nodeName": "n2", "conditions": {"ready": false, "serving": true}}],
    });
    let service = json!({
        "metadata": {"name": "web", "namespace": "default", "labels": {"tier": "front"},
            "annotations": {"metallb.universe.tf/allow-shared-ip": ""}},
        "spec": {"type": "LoadBalancer", "externalTrafficPolicy": "Local"},
        "status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.66"}]}},
    });
    let nodes = [object(node("n1", "a")), object(node("n2", "b"))];
    let (policy, exclusion) = (Policy::default(), Exclusion::default());
    let nodes: Vec<_> = nodes.iter().collect();
    let mut view = Inputs { config, nodes: &nodes, policy: &policy, links, exclusion: &exclusion }.view();
    let (service, slice) = (object(service), object(slice));
    Services { services: &[&service], slices: &[&slice], allocated, lb_class: "" }.put(&mut view, config);
    view
}

#[test]
fn selectors_become_the_nodes_and_services_that_match() {
    let config = advertisement(|advertisement| {
        advertisement.node_selectors = vec![selector(json!({"rack": "b"}))];
        advertisement.service_selectors = vec![selector(json!({"tier": "back"}))];
        advertisement.interfaces = ["eth0".to_owned()].into();
        let prefer = |weight, rack| checked::Preference { weight, nodes: selector(json!({ "rack": rack })) };
        advertisement.preferences = vec![prefer(10, "a"), prefer(5, "a"), prefer(1, "b")];
    });
    let advertisement = view(&config, &BTreeMap::new(), &Links::new()).l2_advertisements.remove(&"lan".into()).unwrap();
    assert_eq!(advertisement.nodes, Scope::Only(["n2".into()].into()));
    assert_eq!(advertisement.services, Scope::Only([].into()));
    assert!(advertisement.has_service_selectors);
    assert_eq!(advertisement.interfaces, Scope::Only(["eth0".into()].into()));
    assert_eq!(advertisement.preferences, [("n1".into(), 15), ("n2".into(), 1)].into());
}

#[test]
fn an_advertisement_without_selectors_is_for_all() {
    let advertisement =
        view(&advertisement(|_| {}), &BTreeMap::new(), &Links::new()).l2_advertisements.remove(&"lan".into()).unwrap();
    assert_eq!((advertisement.nodes, advertisement.services), (Scope::All, Scope::All));
    assert!(!advertisement.has_service_selectors);
}

#[test]
fn only_addresses_that_were_allocated_are_vips_whatever_the_status_says() {
    let id = ServiceId::new("default", "web");
    let config = checked::Config::default();
    let service = |allocated: BTreeMap<_, _>| view(&config, &allocated, &Links::new()).services.remove(&id).unwrap();
    assert_eq!(service(BTreeMap::new()).vips, [].into());
    let given: IpAddr = "192.0.2.1".parse().unwrap();
    let service = service([(id.clone(), vec![given])].into());
    assert_eq!(service.vips, [given].into());
    assert!(service.allow_shared_ip);
    assert_eq!(service.traffic_policy, TrafficPolicy::Local);
    let endpoint = Endpoint { node: Some("n2".into()), ready: Some(false), serving: Some(true), terminating: None };
    assert_eq!(service.endpoints, [endpoint]);
}

#[test]
fn the_facts_of_a_node_are_read_from_labels_conditions_and_annotations() {
    let node: core::Node = object(json!({
        "metadata": {"name": "n1", "labels": {EXCLUDE_LABEL: ""}, "annotations": {DRAIN_ANNOTATION: "true"}},
        "spec": {"unschedulable": true, "taints": [{"key": "maintenance", "effect": "NoSchedule"}]},
        "status": {"conditions": [
            {"type": "Ready", "status": "False", "message": "container runtime down, node is shutting down"},
            {"type": "NetworkUnavailable", "status": "True"},
        ]},
    }));
    let facts = facts_of(&node);
    assert!(!facts.ready && facts.network_unavailable && facts.exclude_label && facts.unschedulable);
    assert!(facts.shutting_down && facts.drain_requested && !facts.deleting);
    assert_eq!(facts.taints, [TaintKey::from("maintenance")].into());
    assert!(facts_of(&object(json!({"metadata": {"name": "n2"}}))).ready);
}

#[test]
fn a_bgp_advertisement_keeps_its_attributes_and_means_the_nodes_and_peers_that_match() {
    let advertisement = checked::BgpAdvertisement {
        name: "bgp".to_owned(),
        pools: ["lan".to_owned()].into(),
        aggregation_length: 24,
        aggregation_length_v6: 64,
        local_pref: Some(150),
        med: Some(20),
        prepend: 3,
        bandwidth_per_endpoint: NonZeroU64::new(125_000),
        communities: [CommunityValue::Standard(64512, 7), CommunityValue::Large(64512, 1, 2)].into(),
        node_selectors: vec![selector(json!({"rack": "b"}))],
        peers: ["tor".to_owned()].into(),
        service_selectors: vec![selector(json!({"tier": "front"}))],
    };
    let config =
        checked::Config { bgp_advertisements: [("bgp".to_owned(), advertisement)].into(), ..Default::default() };
    let expected = BgpAdvertisement {
        pools: Scope::Only(["lan".into()].into()),
        nodes: Scope::Only(["n2".into()].into()),
        services: Scope::Only([ServiceId::new("default", "web")].into()),
        peers: Scope::Only(["tor".into()].into()),
        ipv4_length: 24,
        ipv6_length: 64,
        local_pref: Some(150),
        med: Some(20),
        prepend: 3,
        bandwidth_per_endpoint: NonZeroU64::new(125_000),
        communities: [Community::new(64512, 7)].into(),
        large_communities: [LargeCommunity { global: 64512, local_1: 1, local_2: 2 }].into(),
    };
    let view = view(&config, &BTreeMap::new(), &Links::new());
    assert_eq!(view.bgp_advertisements, [("bgp".into(), expected)].into());
}

#[test]
fn a_session_carries_the_family_of_its_address_unless_both_were_asked_for() {
    let peer = |change: Value| {
        let mut specification = json!({"myASN": 64512, "peerASN": 64513});
        specification.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let object: crds::kinds::BgpPeer = object(json!({
            "apiVersion": "metallb.io/v1beta2", "kind": "BGPPeer", "metadata": {"name": "tor"}, "spec": specification,
        }));
        let (peer, faults) = checked::Peer::check(&object);
        assert_eq!(faults, []);
        let config = checked::Config { peers: [("tor".to_owned(), peer.unwrap())].into(), ..Default::default() };
        view(&config, &BTreeMap::new(), &Links::new()).bgp_peers.remove(&"tor".into()).unwrap()
    };
    let only = |family| Scope::Only([family].into());
    assert_eq!(peer(json!({"peerAddress": "192.0.2.1"})), BgpPeer { nodes: Scope::All, families: only(Family::Ipv4) });
    assert_eq!(peer(json!({"peerAddress": "2001:db8::1"})).families, only(Family::Ipv6));
    assert_eq!(peer(json!({"peerAddress": "192.0.2.1", "dualStackAddressFamily": true})).families, Scope::All);
    assert_eq!(peer(json!({"peerPrefix": "192.0.2.0/24"})).families, only(Family::Ipv4));
    assert_eq!(peer(json!({"peerPrefix": "192.0.2.0/24", "dualStackAddressFamily": true})).families, Scope::All);
    assert_eq!(peer(json!({"interface": "eth1"})).families, Scope::All);
    let selective = peer(json!({"interface": "eth1", "nodeSelectors": [{"matchLabels": {"rack": "a"}}]}));
    assert_eq!(selective.nodes, Scope::Only(["n1".into()].into()));
}

#[test]
fn links_are_excluded_for_the_strongest_reason() {
    let link = |name: &str| links::Link {
        name: name.to_owned(),
        mac: Some([2, 0, 0, 0, 0, 1]),
        running: true,
        resolves: true,
        addresses: ["10.0.0.7/24".parse().unwrap()].into(),
        ..links::Link::default()
    };
    let table: Links = [
        link("eth0"),
        link("docker0"),
        links::Link { enslaved: true, ..link("veth1") },
        links::Link { resolves: false, ..link("tun0") },
        links::Link { running: false, ..link("eth1") },
    ]
    .into_iter()
    .zip(1..)
    .map(|(link, index)| (links::LinkIndex(index), link))
    .collect();
    let names = ["docker0", "veth1", "tun0"].map(LinkName::from);
    let advertisement = L2Advertisement {
        pools: Scope::All,
        nodes: Scope::All,
        services: Scope::All,
        has_service_selectors: false,
        interfaces: Scope::Only(names.into()),
        preferences: BTreeMap::new(),
    };
    let links = links(&table, &Exclusion::default(), &[("lan".into(), advertisement)].into());
    let excluded = |name: &str| links[&LinkName::from(name)].excluded;
    assert_eq!(excluded("eth0"), None);
    assert_eq!(excluded("docker0"), Some(LinkExclusion::Pattern));
    assert_eq!(excluded("veth1"), Some(LinkExclusion::Enslaved));
    assert_eq!(excluded("tun0"), Some(LinkExclusion::NoArp));
    assert_eq!(links[&LinkName::from("eth1")].state, LinkState::NoCarrier);
    assert_eq!(links[&LinkName::from("eth0")].connected, [AddressRange::of_prefix("10.0.0.0".parse().unwrap(), 24)]);
    let unnamed: Vec<_> = super::links(&table, &Exclusion::default(), &BTreeMap::new()).into_keys().collect();
    assert_eq!(unnamed, ["eth0".into(), "eth1".into()], "what decides nothing cannot change");
}
