//! What services hold is kept while nobody can read the pool that it is from, whoever gave it to them.

use controller::{BrokenPool, Ledger, ServiceView, Snapshot, convert, plan};
use crds::kinds::IpAddressPool;
use serde_json::json;

use crate::fixture::*;

/// Returns what is known of a pool with these entries that is not in effect.
fn broken(entries: &[&str]) -> BrokenPool {
    let pool: IpAddressPool = serde_json::from_value(json!({
        "metadata": { "name": "broken" },
        "spec": { "addresses": entries },
    }))
    .expect("a pool");
    convert::broken_pool(Some(&pool))
}

fn world(pool: BrokenPool, services: &[ServiceView]) -> Snapshot {
    let pools = [crate::fixture::pool("other", &["10.0.0.1-10.0.0.2"])];
    Snapshot { broken_pools: [("broken".into(), pool)].into(), ..snapshot(&pools, services) }
}

/// A service that another load balancer has given its address, and that says nothing of pools.
fn taken_over(address: &str) -> ServiceView {
    ServiceView { pool_annotation: None, ..holding(service("s"), &[address], "") }
}

#[test]
fn a_broken_pool_freezes_its_services_and_their_addresses() {
    let held = holding(service("s"), &["10.0.0.1"], "broken");
    let frozen = world(BrokenPool::default(), &[held.clone(), service("t")]);
    let result = plan(&frozen);
    assert_eq!(lines(&result), ["set t 10.0.0.2 from other", "event t IPAllocated"]);
    assert_eq!(result.refusals[&id("s")].reason().as_str(), "PoolInvalid");

    let gone = ServiceView { is_load_balancer: false, ..held };
    let frozen = Snapshot { services: [(id("s"), gone)].into(), ..frozen };
    assert_eq!(lines(&plan(&frozen)), ["clear s"]);
}

#[test]
fn what_is_held_decides_and_not_who_has_noted_the_pool() {
    let asking_for = |pool: &str, address: &str| ServiceView {
        demand: controller::demand(Some(pool), None, None),
        ..taken_over(address)
    };
    let rows: [(&str, &[&str], ServiceView, bool); 8] = [
        ("in an entry that can be read", &["192.0.2.0/24", "192.0.2.0/24"], taken_over("192.0.2.7"), true),
        ("an entry cannot be read", &["198.51.100.0/24", "192.0.2.0/33"], taken_over("192.0.2.7"), true),
        ("no entry at all", &[], taken_over("192.0.2.7"), true),
        ("in no entry, and all can be read", &["198.51.100.0/24"], taken_over("192.0.2.7"), false),
        (
            "noted, and in no entry any more",
            &["198.51.100.0/24"],
            holding(service("s"), &["192.0.2.7"], "broken"),
            true,
        ),
        ("in another pool as well", &["10.0.0.0/24"], taken_over("10.0.0.2"), true),
        ("the broken pool is asked for", &["10.0.0.0/24"], asking_for("broken", "10.0.0.2"), true),
        ("another pool is asked for", &["192.0.2.0/24"], asking_for("other", "198.51.100.7"), false),
    ];
    for (what, entries, view, kept) in rows {
        let world = world(broken(entries), &[view]);
        assert_eq!(plan(&world).changes.is_empty(), kept, "{what}: {:?}", plan(&world).changes);
    }
    let unreadable = world(convert::broken_pool(None), &[taken_over("192.0.2.7")]);
    assert_eq!(plan(&unreadable).changes, [], "the object cannot be read at all");
}

#[test]
fn a_pool_that_breaks_while_a_controller_leads_protects_what_the_book_says_and_no_claim() {
    let pools = [pool("broken", &["192.0.2.7"]), pool("other", &["10.0.0.1-10.0.0.2"])];
    let mut led = snapshot(&pools, &[taken_over("192.0.2.7"), service("evil")]);
    settle(&mut led);
    led.pools.remove(0);
    led.broken_pools = [("broken".into(), broken(&["192.0.2.7", "x"]))].into();
    write_as_another(&mut led, "s", |view| view.ingress.clear());
    write_as_another(&mut led, "evil", |view| *view = holding(view.clone(), &["192.0.2.7"], "broken"));
    settle(&mut led);
    let shown = |name: &str| led.services[&id(name)].addresses().collect::<Vec<_>>();
    assert_eq!((shown("s"), shown("evil")), (vec![ip("192.0.2.7")], vec![ip("10.0.0.1")]));

    let late = ServiceView {
        created: ipam::Created(-9),
        uid: "late".into(),
        ..holding(service("late"), &["192.0.2.7"], "broken")
    };
    led.services.insert(id("late"), late);
    settle(&mut led);
    assert_eq!(led.services[&id("late")].addresses().collect::<Vec<_>>(), [ip("10.0.0.2")]);
    led.ledger = Ledger::default();
    assert_eq!(plan(&led).changes, [], "and the next leader finds nothing to do");
}
