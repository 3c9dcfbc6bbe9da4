//! What services hold is what the leader has given them, whatever others write into their statuses.

use std::net::IpAddr;

use controller::{Ingress, Ledger, ServiceView, Snapshot, plan};
use ipam::Created;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::fixture::*;
use crate::properties::snapshots;

fn shown(snapshot: &Snapshot, name: &str) -> Vec<IpAddr> {
    snapshot.services[&id(name)].addresses().collect()
}

/// An older service `evil` with 10.0.0.1 and a younger one `victim` with 10.0.0.2, led for a while.
fn led() -> Snapshot {
    let evil = ServiceView { created: Created(1), ..holding(service("evil"), &["10.0.0.1"], "lan") };
    let victim = ServiceView { created: Created(2), ..holding(service("victim"), &["10.0.0.2"], "lan") };
    let mut snapshot = snapshot(&[pool("lan", &["10.0.0.1-10.0.0.4"])], &[evil, victim]);
    settle(&mut snapshot);
    snapshot
}

fn show(view: &mut ServiceView, ingress: &[Ingress]) {
    view.ingress = ingress.to_vec();
}

#[test]
fn a_status_that_names_the_address_of_another_is_put_right_and_takes_nothing() {
    let mut led = led();
    write_as_another(&mut led, "evil", |view| show(view, &[Ingress::Ip(ip("10.0.0.2"))]));
    assert_eq!(lines(&plan(&led)), ["set evil 10.0.0.1 from lan"]);
    settle(&mut led);
    assert_eq!((shown(&led, "evil"), shown(&led, "victim")), (vec![ip("10.0.0.1")], vec![ip("10.0.0.2")]));
}

#[test]
fn every_kind_of_foreign_write_is_put_right() {
    let address = |text: &str| Ingress::Ip(ip(text));
    let rows: [(&str, Vec<Ingress>); 8] = [
        ("cleared", vec![]),
        ("another free address", vec![address("10.0.0.4")]),
        ("outside every pool", vec![address("203.0.113.1")]),
        ("the same twice", vec![address("10.0.0.2"), address("10.0.0.2")]),
        ("one more", vec![address("10.0.0.2"), address("10.0.0.3")]),
        ("that of another before its own", vec![address("10.0.0.1"), address("10.0.0.2")]),
        ("a host name", vec![address("10.0.0.2"), Ingress::Other("lb.example".into())]),
        ("something beside the address", vec![Ingress::Altered(ip("10.0.0.2"))]),
    ];
    for (what, ingress) in rows {
        let mut led = led();
        write_as_another(&mut led, "victim", |view| show(view, &ingress));
        assert_eq!(lines(&plan(&led)), ["set victim 10.0.0.2 from lan"], "{what}");
        settle(&mut led);
        assert_eq!(led.services[&id("victim")].ingress, [address("10.0.0.2")], "{what}");
    }
    let mut led = led();
    write_as_another(&mut led, "victim", |view| view.pool_annotation = Some("elsewhere".into()));
    assert_eq!(lines(&plan(&led)), ["set victim 10.0.0.2 from lan"], "the pool annotation");
}

#[test]
fn a_new_service_keeps_what_its_status_claims_if_nobody_holds_it() {
    let mut led = led();
    for (name, claim) in [("free", "10.0.0.4"), ("held", "10.0.0.2")] {
        let view = ServiceView { created: Created(0), ..holding(service(name), &[claim], "lan") };
        led.services.insert(id(name), view);
    }
    settle(&mut led);
    assert_eq!((shown(&led, "free"), shown(&led, "held")), (vec![ip("10.0.0.4")], vec![ip("10.0.0.3")]));
    assert_eq!(shown(&led, "victim"), [ip("10.0.0.2")]);

    // One of the same name that comes later inherits nothing and claims as any other.
    let later = ServiceView { uid: "later".into(), ..holding(service("evil"), &["10.0.0.2"], "lan") };
    led.services.insert(id("evil"), later);
    settle(&mut led);
    assert_eq!((shown(&led, "evil"), shown(&led, "victim")), (vec![ip("10.0.0.1")], vec![ip("10.0.0.2")]));
}

#[test]
fn a_service_that_was_no_load_balancer_in_between_claims() {
    let mut led = led();
    write_as_another(&mut led, "evil", |view| view.is_load_balancer = false);
    settle(&mut led);
    let back = holding(service("evil"), &["10.0.0.2"], "lan");
    write_as_another(&mut led, "evil", |view| *view = ServiceView { version: view.version, ..back });
    settle(&mut led);
    assert_eq!((shown(&led, "evil"), shown(&led, "victim")), (vec![ip("10.0.0.1")], vec![ip("10.0.0.2")]));
}

#[test]
fn a_new_leader_knows_nothing_but_the_statuses_and_believes_the_older_service() {
    let mut led = led();
    write_as_another(&mut led, "evil", |view| show(view, &[Ingress::Ip(ip("10.0.0.2"))]));
    led.ledger = Ledger::default();
    settle(&mut led);
    assert_eq!((shown(&led, "evil"), shown(&led, "victim")), (vec![ip("10.0.0.2")], vec![ip("10.0.0.1")]));
}

#[test]
fn nobody_waits_for_what_a_service_shows_in_a_fight() {
    let mut led = led();
    write_as_another(&mut led, "evil", |view| show(view, &[Ingress::Ip(ip("10.0.0.3"))]));
    led.contended = [(id("evil"), "rival".into())].into();
    led.services.insert(id("new"), service("new"));
    let planned = plan(&led);
    let change = |name: &str| planned.changes.iter().find(|change| change.service == id(name)).expect("it is written");
    assert_eq!(change("new").takes, [ip("10.0.0.3")]);
    assert!(change("evil").gives.is_empty());
}

/// One write of another program: which service, what it shows, and the pool annotation.
type Foreign = (usize, Vec<&'static str>, Option<&'static str>);

fn foreign() -> impl Strategy<Value = Foreign> {
    let address = || select(vec!["10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1", "203.0.113.1", "lb.example"]);
    (0..7_usize, vec(address(), 0..3), prop::option::of(select(vec!["lan", "four", "gone", "nowhere"])))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_of_foreign_writes_takes_or_moves_an_address(
        world in snapshots(),
        writes in vec((foreign(), any::<bool>()), 1..8),
        contended in any::<bool>(),
    ) {
        let mut world = world;
        settle(&mut world);
        let before = plan(&world).allocations;
        for ((index, held, pool), carried_out) in writes {
            let Some(name) = world.services.keys().nth(index).map(|id| id.name().to_owned()) else { continue };
            if !world.services[&id(&name)].is_load_balancer {
                continue;
            }
            write_as_another(&mut world, &name, |view| {
                let entry = |text: &&str| text.parse().map_or_else(|_| Ingress::Other((*text).into()), Ingress::Ip);
                view.ingress = held.iter().map(entry).collect();
                view.pool_annotation = pool.map(Into::into);
            });
            if contended {
                world.contended.insert(id(&name), "rival".into());
            }
            let planned = plan(&world);
            prop_assert_eq!(&planned.allocations, &before);
            prop_assert!(planned.changes.iter().all(|change| change.takes.is_empty()), "{:?}", planned.changes);
            world.remember(&planned);
            if carried_out {
                world = apply(&world, &planned);
            }
        }
        settle(&mut world);
        prop_assert_eq!(&plan(&world).allocations, &before);
        let ours = world.services.values().filter(|view| view.class_is_ours && view.is_load_balancer);
        for view in ours.filter(|view| before.contains_key(&view.id)) {
            let held: Vec<IpAddr> = before[&view.id].iter().map(|placed| placed.address).collect();
            prop_assert_eq!(view.addresses().collect::<Vec<_>>(), held);
        }
    }
}
