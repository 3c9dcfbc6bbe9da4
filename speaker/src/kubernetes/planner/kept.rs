//! The view that is kept equals the one that is made of the same objects at once, whatever happened in between.

use std::collections::BTreeMap;

use apiserver::{ConfigurationEvent, Event};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::super::cluster::{Change, Cluster};
use super::super::datapath::Readiness;
use super::super::fixtures::{NAMESPACE, applied, deleted, list};
use super::Planner;
use super::tests::{links, planner};
use crate::net::links::Links;

const SEEDS: u64 = 30;
const STEPS: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Service,
    Slice,
    Node,
    Pool,
    L2Advertisement,
    BgpAdvertisement,
}

const KINDS: [Kind; 6] =
    [Kind::Service, Kind::Slice, Kind::Node, Kind::Pool, Kind::L2Advertisement, Kind::BgpAdvertisement];

/// Of the pools; two pools never overlap.
const RANGES: [&str; 4] = ["192.0.2.128/25", "198.51.100.0/24", "203.0.113.0/24", "10.9.0.0/24"];

/// The objects that exist.
type World = BTreeMap<(Kind, String), Value>;

#[test]
fn a_kept_view_is_the_one_that_would_be_made_anew() {
    for seed in 0..SEEDS {
        let mut random = StdRng::seed_from_u64(seed);
        let (mut world, mut links) = (World::new(), links());
        let (mut cluster, mut kept) = (Cluster::default(), planner());
        list(&mut cluster);
        for step in 0..STEPS {
            for change in edit(&mut random, &mut world, &mut links) {
                cluster.take(change);
            }
            // Several changes may come while a plan is made.
            if random.random_bool(0.3) {
                continue;
            }
            let outcome = plan(&mut kept, &mut cluster, &links);
            let (mut told, mut anew) = (Cluster::default(), planner());
            for ((kind, _), object) in &world {
                told.take(tell(*kind, object));
            }
            list(&mut told);
            let expected = plan(&mut anew, &mut told, &links);
            assert_eq!(kept.view, anew.view, "seed {seed}, step {step}");
            assert_eq!(kept.addresses, anew.addresses, "seed {seed}, step {step}");
            assert_eq!(outcome, expected, "seed {seed}, step {step}");
        }
    }
}

/// Returns what the plan and the orders say, as text.
fn plan(planner: &mut Planner, cluster: &mut Cluster, links: &Links) -> (String, String) {
    let (planned, orders) = planner.plan(cluster, links, &Readiness::Ready);
    (format!("{:?}", planned.desired), format!("{:?} {:?}", orders.wire.links, orders.routing.routes))
}

/// Changes the world, and returns what is told of it.
fn edit(random: &mut StdRng, world: &mut World, links: &mut Links) -> Vec<Change> {
    let kind = *KINDS.choose_weighted(random, |kind| if *kind <= Kind::Slice { 4 } else { 1 }).unwrap();
    let name = format!("{}", random.random_range(0..4));
    match random.random_range(0..20) {
        0 => {
            links.values_mut().for_each(|link| link.running = !link.running);
            Vec::new()
        }
        1 => relist(random, world, kind),
        2..=5 => world.remove(&(kind, name.clone())).map(|_| gone(kind, &name)).into_iter().collect(),
        _ => {
            let object = object(random, kind, &name);
            let change = tell(kind, &object);
            world.insert((kind, name), object);
            vec![change]
        }
    }
}

/// Tells a kind again in whole, without some that went while nobody listened.
fn relist(random: &mut StdRng, world: &mut World, kind: Kind) -> Vec<Change> {
    world.retain(|(other, _), _| *other != kind || random.random_bool(0.7));
    let rest = world.iter().filter(|((other, _), _)| *other == kind).map(|(_, object)| tell(kind, object));
    [mark(kind, true)].into_iter().chain(rest).chain([mark(kind, false)]).collect()
}

fn object(random: &mut impl Rng, kind: Kind, name: &str) -> Value {
    let mut one_of = |choices: &[Value]| choices.choose(random).unwrap().clone();
    let labels = one_of(&[json!({}), json!({ "tier": "front" }), json!({ "tier": "back" })]);
    let selectors = one_of(&[
        json!([]),
        json!([{ "matchLabels": { "tier": "front" } }]),
        json!([{ "matchLabels": { "tier": "front" } }, { "matchLabels": { "tier": "back" } }]),
    ]);
    match kind {
        Kind::Service => json!({
            "metadata": { "name": name, "namespace": "shop", "uid": name, "labels": labels },
            "spec": {
                "type": "LoadBalancer",
                "externalTrafficPolicy": one_of(&[json!("Local"), json!("Cluster")]),
                "loadBalancerClass": one_of(&[json!(null), json!(null), json!("example.com/other")]),
            },
            "status": { "loadBalancer": { "ingress": one_of(&[
                json!([]),
                json!([{ "ip": "192.0.2.130" }]),
                json!([{ "ip": "192.0.2.131" }, { "ip": "198.51.100.7" }]),
                json!([{ "ip": "203.0.113.9" }]),
            ]) } },
        }),
        Kind::Slice => json!({
            "metadata": {
                "name": name,
                "namespace": "shop",
                "labels": { "kubernetes.io/service-name": one_of(&[json!("0"), json!("1"), json!("2"), json!("inner")]) },
            },
            "addressType": "IPv4",
            "endpoints": [{
                "addresses": ["10.0.0.1"],
                "nodeName": one_of(&[json!("a"), json!("1"), json!("2")]),
                "conditions": { "ready": one_of(&[json!(true), json!(false)]) },
            }],
        }),
        // One of them is the node that plans.
        Kind::Node => json!({ "metadata": { "name": name.replace('0', "a"), "labels": labels } }),
        Kind::Pool => ours(
            name,
            json!({
                "addresses": [RANGES[name.parse::<usize>().unwrap()]],
                "autoAssign": one_of(&[json!(true), json!(false)]),
            }),
        ),
        Kind::L2Advertisement => ours(name, json!({ "serviceSelectors": selectors })),
        Kind::BgpAdvertisement => ours(name, json!({ "serviceSelectors": selectors, "nodeSelectors": selectors })),
    }
}

fn ours(name: &str, spec: Value) -> Value {
    json!({ "metadata": { "name": name, "namespace": NAMESPACE }, "spec": spec })
}

fn tell(kind: Kind, object: &Value) -> Change {
    match kind {
        Kind::Service => Change::service(applied(object)),
        Kind::Slice => Change::slice(applied(object)),
        Kind::Node => Change::node(applied(object)),
        Kind::Pool => Change::configuration(ConfigurationEvent::Pool(applied(object))),
        Kind::L2Advertisement => Change::configuration(ConfigurationEvent::L2Advertisement(applied(object))),
        Kind::BgpAdvertisement => Change::configuration(ConfigurationEvent::BgpAdvertisement(applied(object))),
    }
}

fn gone(kind: Kind, name: &str) -> Change {
    match kind {
        Kind::Service => Change::service(deleted("shop", name)),
        Kind::Slice => Change::slice(deleted("shop", name)),
        Kind::Node => Change::node(deleted("", &name.replace('0', "a"))),
        Kind::Pool => Change::configuration(ConfigurationEvent::Pool(deleted(NAMESPACE, name))),
        Kind::L2Advertisement => Change::configuration(ConfigurationEvent::L2Advertisement(deleted(NAMESPACE, name))),
        Kind::BgpAdvertisement => Change::configuration(ConfigurationEvent::BgpAdvertisement(deleted(NAMESPACE, name))),
    }
}

/// Tells that a new list begins, or that it has ended.
fn mark(kind: Kind, begins: bool) -> Change {
    fn event<T>(begins: bool) -> Event<T> {
        if begins { Event::Relisting } else { Event::Listed }
    }
    match kind {
        Kind::Service => Change::service(event(begins)),
        Kind::Slice => Change::slice(event(begins)),
        Kind::Node => Change::node(event(begins)),
        Kind::Pool => Change::configuration(ConfigurationEvent::Pool(event(begins))),
        Kind::L2Advertisement => Change::configuration(ConfigurationEvent::L2Advertisement(event(begins))),
        Kind::BgpAdvertisement => Change::configuration(ConfigurationEvent::BgpAdvertisement(event(begins))),
    }
}
