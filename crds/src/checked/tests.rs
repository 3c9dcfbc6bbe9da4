use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::fault::{Fault, Severity};
use crate::kinds;

/// Decodes an object of any kind with a name and a specification.
pub(super) fn named<K: DeserializeOwned>(name: &str, spec: Value) -> K {
    object(name, json!({}), spec)
}

/// Reduces faults to path and problem.
pub(super) fn problems(faults: &[Fault]) -> Vec<(&str, Problem)> {
    faults.iter().map(|fault| (fault.field.as_str(), fault.problem.clone())).collect()
}

fn object<K: DeserializeOwned>(name: &str, metadata: Value, spec: Value) -> K {
    let mut metadata = metadata;
    metadata["name"] = name.into();
    metadata["namespace"] = metadata.get("namespace").cloned().unwrap_or_else(|| "metallb-system".into());
    serde_json::from_value(json!({ "metadata": metadata, "spec": spec })).unwrap()
}

/// Decodes an object that was created on a day.
pub(super) fn created<K: DeserializeOwned>(name: &str, day: u8, spec: Value) -> K {
    object(name, json!({ "creationTimestamp": format!("2026-01-{day:02}T00:00:00Z") }), spec)
}

/// Owns the objects a configuration borrows.
#[derive(Default)]
struct World {
    pools: Vec<kinds::IpAddressPool>,
    l2: Vec<kinds::L2Advertisement>,
    bgp: Vec<kinds::BgpAdvertisement>,
    peers: Vec<kinds::BgpPeer>,
    profiles: Vec<kinds::BfdProfile>,
    communities: Vec<kinds::Community>,
    nodes: Nodes,
}

impl World {
    fn compile(&self) -> (Config, Vec<Fault>) {
        Config::compile(&Objects {
            namespace: Some("metallb-system"),
            pools: self.pools.iter().collect(),
            l2_advertisements: self.l2.iter().collect(),
            bgp_advertisements: self.bgp.iter().collect(),
            peers: self.peers.iter().collect(),
            bfd_profiles: self.profiles.iter().collect(),
            communities: self.communities.iter().collect(),
            nodes: Some(&self.nodes),
            proven: std::collections::BTreeSet::new(),
        })
    }

    /// Returns the faults that cost something, as text.
    fn losses(&self) -> Vec<String> {
        let (_, faults) = self.compile();
        faults.iter().filter(|fault| fault.severity() > Severity::Note).map(ToString::to_string).collect()
    }

    fn notes(&self) -> Vec<String> {
        let (_, faults) = self.compile();
        faults.iter().filter(|fault| fault.severity() == Severity::Note).map(ToString::to_string).collect()
    }

    fn with_nodes(mut self, labels: &[(&str, &str)]) -> Self {
        for (name, rack) in labels {
            self.nodes.insert((*name).into(), [("rack".to_owned(), (*rack).to_owned())].into());
        }
        self
    }
}

fn pool(name: &str, addresses: &[&str]) -> kinds::IpAddressPool {
    named(name, json!({ "addresses": addresses }))
}

fn peer(name: &str, spec: Value) -> kinds::BgpPeer {
    let mut full = json!({ "myASN": 64_500, "peerASN": 64_501, "peerAddress": "192.0.2.1" });
    spec.as_object().unwrap().iter().for_each(|(field, value)| full[field] = value.clone());
    named(name, full)
}

fn names<T>(map: &BTreeMap<String, T>) -> Vec<&str> {
    map.keys().map(String::as_str).collect()
}

#[test]
fn one_bad_object_of_each_kind_leaves_the_others_in_effect() {
    let world = World {
        pools: vec![pool("bad", &["x"]), pool("good", &["10.0.0.0/24"])],
        l2: vec![named("bad", json!({ "ipAddressPools": [""] })), named("good", json!({}))],
        bgp: vec![named("bad", json!({ "communities": ["1:2:3"] })), named("good", json!({}))],
        peers: vec![peer("bad", json!({ "myASN": 0 })), peer("good", json!({}))],
        profiles: vec![named("bad", json!({ "detectMultiplier": 1 })), named("good", json!({}))],
        communities: vec![
            named("bad", json!({ "communities": [{ "name": "a" }] })),
            named("good", json!({ "communities": [{ "name": "a", "value": "1:1" }] })),
        ],
        ..World::default()
    };
    let (config, faults) = world.compile();
    let kept = [
        names(&config.pools),
        names(&config.l2_advertisements),
        names(&config.bgp_advertisements),
        names(&config.peers),
        names(&config.bfd_profiles),
        names(&config.communities),
    ];
    assert_eq!(kept, [["good"]; 6].map(Vec::from));
    assert!(faults.iter().all(|fault| fault.object.name == "bad"), "{faults:?}");
    assert_eq!(faults.len(), 6);
}

#[test]
fn the_newer_of_two_overlapping_pools_is_left_out() {
    let old = |name: &str, day| created(name, day, json!({ "addresses": ["10.0.0.0/24"] }));
    let new = |name: &str, day| created(name, day, json!({ "addresses": ["10.1.0.0/24", "10.0.0.200-10.0.1.9"] }));
    let world = World { pools: vec![new("a", 2), old("b", 1)], l2: vec![named("all", json!({}))], ..World::default() };
    assert_eq!(names(&world.compile().0.pools), ["b"]);
    assert_eq!(
        world.losses(),
        [
            "IPAddressPool metallb-system/a: spec.addresses[1]: 10.0.0.200-10.0.1.9 overlaps 10.0.0.0/24 of IPAddressPool \
          metallb-system/b; remove the common addresses from one of the pools"
        ]
    );
    let same_age = World { pools: vec![new("b", 1), old("a", 1)], ..World::default() };
    assert_eq!(names(&same_age.compile().0.pools), ["a"]);
}

#[test]
fn a_pool_that_is_left_out_does_not_make_others_overlap() {
    let world =
        World { pools: vec![pool("a", &["10.0.0.0/24", "x"]), pool("b", &["10.0.0.0/24"])], ..World::default() };
    assert_eq!(names(&world.compile().0.pools), ["b"]);
}

#[test]
fn objects_in_other_namespaces_and_second_ones_of_a_name_are_left_out() {
    let world = World {
        pools: vec![
            object("a", json!({ "namespace": "default" }), json!({ "addresses": ["10.0.0.0/24"] })),
            pool("b", &["10.0.1.0/24"]),
            pool("b", &["10.0.2.0/24"]),
        ],
        l2: vec![named("all", json!({}))],
        ..World::default()
    };
    assert_eq!(names(&world.compile().0.pools), ["b"]);
    assert_eq!(
        world.losses(),
        [
            "IPAddressPool default/a: metadata.namespace: the object is in namespace \"default\", as every object without metadata.namespace is, but only \
             \"metallb-system\" is read; set metadata.namespace to \"metallb-system\"",
            "IPAddressPool metallb-system/b: metadata.name: an older object has the same kind and name; \
             remove one of the two or rename it",
        ]
    );
}

#[test]
fn every_namespace_is_read_if_none_is_given_but_a_name_counts_once() {
    let pools = [
        object("a", json!({ "namespace": "one" }), json!({ "addresses": ["10.0.0.0/24"] })),
        object("a", json!({ "namespace": "two" }), json!({ "addresses": ["10.0.1.0/24"] })),
        object("b", json!({ "namespace": "two" }), json!({ "addresses": ["10.0.2.0/24"] })),
        object("", json!({ "namespace": "two" }), json!({ "addresses": ["10.0.3.0/24"] })),
    ];
    let (config, faults) = Config::compile(&Objects { pools: pools.iter().collect(), ..Objects::default() });
    assert_eq!(names(&config.pools), ["a", "b"]);
    assert!(config.pools["a"].contains("10.0.0.1".parse().unwrap()));
    let errors: Vec<&Problem> =
        faults.iter().filter(|fault| fault.severity() == Severity::Error).map(|fault| &fault.problem).collect();
    assert_eq!(errors, [&Problem::NoName, &Problem::DuplicateObject]);
}

#[test]
fn pools_are_chosen_by_name_by_label_or_all_together() {
    let labelled = |name: &str, zone: &str, addresses: &str| {
        object(name, json!({ "labels": { "zone": zone } }), json!({ "addresses": [addresses] }))
    };
    let selector = json!([{ "matchLabels": { "zone": "1" } }]);
    let table = [
        (json!({}), vec!["a", "b", "c"]),
        (json!({ "ipAddressPools": ["c"] }), vec!["c"]),
        (json!({ "ipAddressPoolSelectors": selector }), vec!["a", "b"]),
        (json!({ "ipAddressPools": ["c"], "ipAddressPoolSelectors": selector }), vec!["a", "b", "c"]),
        (json!({ "ipAddressPools": ["gone"] }), vec![]),
    ];
    for (spec, expected) in table {
        let world = World {
            pools: vec![
                labelled("a", "1", "10.0.0.0/24"),
                labelled("b", "1", "10.0.1.0/24"),
                pool("c", &["10.0.2.0/24"]),
            ],
            l2: vec![named("lan", spec.clone())],
            bgp: vec![named("core", spec.clone())],
            ..World::default()
        };
        let (config, _) = world.compile();
        let l2: Vec<&str> = config.l2_advertisements["lan"].pools.iter().map(String::as_str).collect();
        let bgp: Vec<&str> = config.bgp_advertisements["core"].pools.iter().map(String::as_str).collect();
        assert_eq!((&l2, &bgp), (&expected, &expected), "{spec}");
    }
}

#[test]
fn references_to_nothing_are_ignored_and_noted() {
    let world = World {
        pools: vec![pool("bad", &["x"]), pool("good", &["10.0.0.0/24"])],
        bgp: vec![named("core", json!({ "ipAddressPools": ["good", "bad", "gone"], "peers": ["gone"] }))],
        peers: vec![peer("tor", json!({}))],
        ..World::default()
    };
    let (config, _) = world.compile();
    assert_eq!(config.bgp_advertisements["core"].pools, ["good".to_owned()].into());
    assert!(config.bgp_advertisements["core"].peers.is_empty());
    assert_eq!(
        world.notes(),
        [
            "BGPAdvertisement metallb-system/core: spec.ipAddressPools[1]: IPAddressPool \"bad\" is itself at fault; \
             correct that IPAddressPool first",
            "BGPAdvertisement metallb-system/core: spec.ipAddressPools[2]: there is no IPAddressPool \"gone\"; \
             create the IPAddressPool or correct the name",
            "BGPAdvertisement metallb-system/core: spec.peers[0]: there is no BGPPeer \"gone\"; \
             create the BGPPeer or correct the name",
        ]
    );
}

#[test]
fn a_pool_nobody_announces_is_noted() {
    let world = World { pools: vec![pool("lan", &["10.0.0.0/24"])], ..World::default() };
    assert_eq!(
        world.notes(),
        ["IPAddressPool metallb-system/lan: no advertisement covers the pool, so nobody announces its addresses; \
          name it in an L2Advertisement or a BGPAdvertisement"]
    );
}

#[test]
fn a_router_is_peered_with_once_from_each_node() {
    let table = [
        (json!({}), true),
        (json!({ "peerPort": 1179 }), false),
        (json!({ "vrf": "red" }), false),
        (json!({ "sourceAddress": "192.0.2.9" }), false),
        (json!({ "peerAddress": "192.0.2.2" }), false),
        (json!({ "routerID": "10.0.0.1", "myASN": 64_999 }), true),
        (json!({ "nodeSelectors": [{ "matchLabels": { "rack": "2" } }] }), false),
        (json!({ "nodeSelectors": [{ "matchLabels": { "rack": "1" } }] }), true),
    ];
    for (spec, collides) in table {
        let first = peer("a", json!({ "nodeSelectors": [{ "matchLabels": { "rack": "1" } }] }));
        let world = World { peers: vec![first, peer("b", spec.clone())], ..World::default() }
            .with_nodes(&[("n1", "1"), ("n2", "2")]);
        let expected = if collides { vec!["a"] } else { vec!["a", "b"] };
        assert_eq!(names(&world.compile().0.peers), expected, "{spec}");
    }
}

#[test]
fn peers_are_assumed_to_meet_while_no_node_is_known() {
    let rack = |rack: &str| json!({ "nodeSelectors": [{ "matchLabels": { "rack": rack } }] });
    let world = World { peers: vec![peer("a", rack("1")), peer("b", rack("2"))], ..World::default() };
    assert_eq!(names(&world.compile().0.peers), ["a"]);
}

#[test]
fn a_session_runs_without_the_bfd_it_cannot_have() {
    let world = World {
        profiles: vec![named("echo", json!({ "echoMode": true })), named("bad", json!({ "minimumTtl": 0 }))],
        peers: vec![
            peer("v4", json!({ "bfdProfile": "echo" })),
            peer("v6", json!({ "bfdProfile": "echo", "peerAddress": "2001:db8::1" })),
            peer("bad", json!({ "bfdProfile": "bad", "peerPort": 1 })),
        ],
        ..World::default()
    };
    let (config, _) = world.compile();
    let echo = |name: &str| config.peers[name].bfd.as_ref().map(|profile| profile.echo_interval.is_some());
    assert_eq!([echo("v4"), echo("v6"), echo("bad")], [Some(true), Some(false), None]);
    assert_eq!(
        world.losses(),
        [
            "BFDProfile metallb-system/bad: spec.minimumTtl: 0 is not between 1 and 254; write a number from 1 to 254",
            "BGPPeer metallb-system/bad: spec.bfdProfile: there is no usable BFDProfile \"bad\", so the session runs \
             without BFD; create or correct that BFDProfile, or correct the name",
            "BGPPeer metallb-system/v6: spec.bfdProfile: echo packets of BFDProfile \"echo\" exist on IPv4 only, so the \
             session runs without them; use a profile without echoMode for this router",
        ]
    );
}

#[test]
fn aliases_are_resolved_and_an_unknown_one_leaves_the_advertisement_out() {
    let world = World {
        communities: vec![named("c", json!({ "communities": [{ "name": "no-transit", "value": "64500:7" }] }))],
        bgp: vec![
            named("known", json!({ "communities": ["no-transit", "large:1:2:3"] })),
            named("unknown", json!({ "communities": ["elsewhere"] })),
        ],
        ..World::default()
    };
    let (config, _) = world.compile();
    let expected = [CommunityValue::Standard(64_500, 7), CommunityValue::Large(1, 2, 3)];
    assert_eq!(config.bgp_advertisements["known"].communities, expected.into());
    assert_eq!(
        world.losses(),
        ["BGPAdvertisement metallb-system/unknown: spec.communities[0]: no Community object defines \"elsewhere\"; \
          define it in a Community, or write the community itself"]
    );
    assert_eq!(names(&config.bgp_advertisements), ["known"]);
}

#[test]
fn an_alias_belongs_to_the_older_object() {
    let define =
        |name: &str, day, value: &str| created(name, day, json!({ "communities": [{ "name": "x", "value": value }] }));
    let world = World { communities: vec![define("a", 2, "1:1"), define("b", 1, "2:2")], ..World::default() };
    assert_eq!(names(&world.compile().0.communities), ["b"]);
    assert_eq!(
        world.losses(),
        ["Community metallb-system/a: spec.communities: \"x\" is defined by Community metallb-system/b too; \
          rename one of the two"]
    );
}

#[test]
fn an_aggregate_wider_than_a_pool_leaves_only_that_pool_out() {
    let world = World {
        pools: vec![
            pool("narrow", &["3.3.3.2-3.3.3.254"]),
            pool("wide", &["10.0.0.0/16"]),
            pool("v6", &["2001:db8::/64"]),
        ],
        bgp: vec![named("core", json!({ "aggregationLength": 24, "aggregationLengthV6": 64 }))],
        ..World::default()
    };
    assert_eq!(world.compile().0.bgp_advertisements["core"].pools, ["v6".to_owned(), "wide".to_owned()].into());
    assert_eq!(
        world.losses(),
        [
            "BGPAdvertisement metallb-system/core: spec.aggregationLength: length 24 is shorter than /26, the widest part of \
          3.3.3.2-3.3.3.254 of pool \"narrow\", so the pool is not announced; use a length of at least 26, or a wider \
          address entry"
        ]
    );
    let fitting = World { bgp: vec![named("core", json!({ "aggregationLength": 26 }))], ..world };
    assert_eq!(fitting.losses(), [] as [String; 0]);
}

#[test]
fn preferences_contradict_each_other_only_for_the_same_prefix_peer_and_node() {
    let selector = |rack: &str| json!([{ "matchLabels": { "rack": rack } }]);
    let table = [
        ("v4", json!({ "localPref": 200 }), true),
        ("v4", json!({ "localPref": 100 }), false),
        ("v4", json!({ "localPref": 100, "med": 0 }), true),
        ("v4", json!({ "localPref": 100, "asPathPrepend": 1 }), true),
        ("v4", json!({ "localPref": 100, "asPathPrepend": 0, "bandwidthPerEndpoint": 100 }), false),
        ("v4", json!({ "localPref": 200, "ipAddressPools": ["dual"] }), false),
        ("v4", json!({ "localPref": 200, "aggregationLength": 26 }), false),
        ("v4", json!({ "localPref": 200, "aggregationLengthV6": 120 }), true),
        ("dual", json!({ "localPref": 200, "aggregationLength": 26 }), true),
        ("dual", json!({ "localPref": 200, "aggregationLength": 26, "aggregationLengthV6": 126 }), false),
        ("v4", json!({ "localPref": 200, "peers": ["b"] }), false),
        ("v4", json!({ "localPref": 200, "peers": ["a", "b"] }), true),
        ("v4", json!({ "localPref": 200, "nodeSelectors": selector("2") }), false),
        ("v4", json!({ "localPref": 200, "nodeSelectors": selector("1") }), true),
        ("v4", json!({ "localPref": 200, "serviceSelectors": selector("1") }), false),
    ];
    for (target, spec, conflicts) in table {
        let first =
            json!({ "localPref": 100, "ipAddressPools": [target], "peers": ["a"], "nodeSelectors": selector("1") });
        let world = World {
            pools: vec![pool("v4", &["10.0.0.0/24"]), pool("dual", &["10.0.1.0/24", "2001:db8::/120"])],
            bgp: vec![named("first", first), named("second", spec.clone())],
            ..World::default()
        }
        .with_nodes(&[("n1", "1"), ("n2", "2")]);
        let expected = if conflicts { vec!["first"] } else { vec!["first", "second"] };
        assert_eq!(names(&world.compile().0.bgp_advertisements), expected, "{target} {spec}");
    }
}

#[test]
fn equal_advertisements_are_noted_and_both_kept() {
    let world = World {
        l2: vec![named("a", json!({})), named("b", json!({}))],
        bgp: vec![named("a", json!({})), named("b", json!({}))],
        ..World::default()
    };
    let (config, _) = world.compile();
    assert_eq!((config.l2_advertisements.len(), config.bgp_advertisements.len()), (2, 2));
    assert_eq!(
        world.notes(),
        [
            "BGPAdvertisement metallb-system/b: spec: the specification is the same as that of BGPAdvertisement \
             metallb-system/a; remove one of the two",
            "L2Advertisement metallb-system/b: spec: the specification is the same as that of L2Advertisement \
             metallb-system/a; remove one of the two",
        ]
    );
}

#[test]
fn the_order_of_the_objects_does_not_matter() {
    let forward = World {
        pools: vec![pool("a", &["10.0.0.0/24"]), pool("b", &["10.0.0.0/25"]), pool("c", &["10.0.0.128/25", "x"])],
        peers: vec![peer("a", json!({})), peer("b", json!({})), peer("c", json!({ "bfdProfile": "gone" }))],
        bgp: vec![named("a", json!({ "localPref": 1 })), named("b", json!({ "localPref": 2 }))],
        ..World::default()
    };
    let mut backward = World { pools: forward.pools.clone(), ..World::default() };
    (backward.peers, backward.bgp) = (forward.peers.clone(), forward.bgp.clone());
    backward.pools.reverse();
    backward.peers.reverse();
    backward.bgp.reverse();
    assert_eq!(forward.compile(), backward.compile());
}

proptest! {
    #[test]
    fn the_pools_kept_are_those_a_search_by_address_keeps(
        entries in prop::collection::vec(prop::collection::vec((0_u8..40, 0_u8..6), 1..4), 1..8)
    ) {
        let text = |(first, length): &(u8, u8)| format!("10.0.0.{first}-10.0.0.{}", first + length);
        let pools: Vec<kinds::IpAddressPool> = entries
            .iter()
            .enumerate()
            .map(|(index, ranges)| named(&index.to_string(), json!({ "addresses": ranges.iter().map(text).collect::<Vec<_>>() })))
            .collect();
        let mut taken = std::collections::BTreeSet::new();
        let mut expected = Vec::new();
        for (index, ranges) in entries.iter().enumerate() {
            let addresses: Vec<u8> = ranges.iter().flat_map(|(first, length)| *first..=first + length).collect();
            let own: std::collections::BTreeSet<u8> = addresses.iter().copied().collect();
            if own.len() == addresses.len() && taken.is_disjoint(&own) {
                taken.extend(own);
                expected.push(index.to_string());
            }
        }
        let world = World { pools, ..World::default() };
        let (config, _) = world.compile();
        prop_assert_eq!(names(&config.pools), expected);
    }
}
