use std::net::IpAddr;

use serde_json::{Value, json};

use super::*;
use crate::kubernetes::fixtures::{applied, cluster, cluster_of_class, id, ip, pool, service, told};
use crate::ledger::StatusWrite;

fn seen(cluster: &mut Cluster, object: &Value, version: u64) -> Option<String> {
    let seen = cluster.take(ClusterEvent::Service(told(object, version))).expect("a Service was told");
    seen.changed_by
}

/// Adds who has written an object, the last one last.
fn written_by(mut object: Value, writers: &[&str]) -> Value {
    let manager =
        |(index, name): (usize, &&str)| json!({ "manager": name, "time": format!("2026-01-01T00:00:0{index}Z") });
    object["metadata"]["managedFields"] = writers.iter().enumerate().map(manager).collect();
    object
}

fn addresses(cluster: &mut Cluster, name: &str) -> Vec<IpAddr> {
    let plan = cluster.plan().expect("something has changed");
    plan.allocations.get(&id(name)).into_iter().flatten().map(|placed| placed.address).collect()
}

/// Writes what is planned for a Service as the applier does, and lets the API server accept it as a version.
fn write(cluster: &mut Cluster, name: &str, address: &str, version: u64) {
    let (services, ledger) = cluster.statuses();
    let view = services[&id(name)].clone();
    let write = StatusWrite { addresses: vec![ip(address)], pool: Some("lan".to_owned()), condition: None };
    ledger.send(&view.id, &view.uid, view.version, write);
    ledger.accepted(&view.id, ResourceVersion(version));
}

#[test]
fn nothing_is_planned_before_everything_is_listed() {
    let mut cluster = cluster(Vec::new());
    assert!(cluster.plan().is_some());
    assert!(cluster.plan().is_none(), "nothing has changed since");
    let mut unlisted = Cluster::new("lb", "");
    unlisted.take(ClusterEvent::Service(told(&service("a", &[]), 1)));
    assert!(unlisted.plan().is_none());
}

#[test]
fn our_own_write_that_comes_back_is_neither_news_nor_somebody_elses() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.0/30"])]);
    seen(&mut cluster, &service("a", &[]), 1);
    assert_eq!(addresses(&mut cluster, "a"), [ip("192.0.2.0")]);
    write(&mut cluster, "a", "192.0.2.0", 2);
    let back = written_by(service("a", &["192.0.2.0"]), &["kubectl", "clarion-controller"]);
    assert_eq!(seen(&mut cluster, &back, 2), None);
    assert!(cluster.plan().is_none());
}

#[test]
fn whoever_undoes_what_we_wrote_is_named() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.0/30"])]);
    seen(&mut cluster, &service("a", &["192.0.2.0"]), 1);
    let undone = |writers: &[&str]| written_by(service("a", &[]), writers);
    let whole = service("a", &["192.0.2.0"]);
    for (version, writers, rival) in [
        (2, &["clarion-controller", "rival"] as &[_], "rival"),
        (4, &["rival", "clarion-controller"], "clarion-controller"),
        (6, &[], ""),
    ] {
        assert_eq!(seen(&mut cluster, &undone(writers), version).as_deref(), Some(rival), "{writers:?}");
        seen(&mut cluster, &whole, version + 1);
    }
}

#[test]
fn of_two_that_wrote_in_the_same_second_the_other_one_is_named() {
    let mut cluster = cluster(Vec::new());
    seen(&mut cluster, &service("a", &["192.0.2.0"]), 1);
    let mut undone = service("a", &[]);
    let at = |name: &str| json!({ "manager": name, "time": "2026-01-01T00:00:00Z" });
    undone["metadata"]["managedFields"] = json!([at("rival"), at("clarion-controller")]);
    assert_eq!(seen(&mut cluster, &undone, 2).as_deref(), Some("rival"));
}

#[test]
fn a_change_of_what_the_user_asks_for_is_no_fight() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.0/30"])]);
    seen(&mut cluster, &service("a", &["192.0.2.0"]), 1);
    let mut asking = service("a", &["192.0.2.0"]);
    asking["metadata"]["annotations"]["metallb.io/loadBalancerIPs"] = json!("192.0.2.2");
    assert_eq!(seen(&mut cluster, &written_by(asking, &["kubectl"]), 2), None);
    assert_eq!(addresses(&mut cluster, "a"), [ip("192.0.2.2")]);
    // One of the same name that comes later was never written by us.
    let mut another = service("a", &[]);
    another["metadata"]["uid"] = json!("later");
    assert_eq!(seen(&mut cluster, &written_by(another, &["kubectl"]), 3), None);
}

#[test]
fn what_a_relist_does_not_mention_is_gone() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.0/32"])]);
    seen(&mut cluster, &service("gone", &["192.0.2.0"]), 1);
    seen(&mut cluster, &service("kept", &[]), 2);
    assert!(addresses(&mut cluster, "kept").is_empty());
    cluster.take(ClusterEvent::Service(Event::Relisting));
    seen(&mut cluster, &service("kept", &[]), 2);
    cluster.take(ClusterEvent::Service(Event::Listed));
    assert_eq!(addresses(&mut cluster, "kept"), [ip("192.0.2.0")]);
}

#[test]
fn a_service_that_loses_its_class_with_its_type_is_cleared_and_one_that_never_was_ours_is_left_alone() {
    let mut cluster = cluster_of_class("example.com/ours", vec![pool("lan", &["192.0.2.0/30"])]);
    let ours = |mut object: Value| {
        object["spec"]["loadBalancerClass"] = json!("example.com/ours");
        object
    };
    let of_another_type = |mut object: Value| {
        object["spec"]["type"] = json!("ClusterIP");
        object
    };
    seen(&mut cluster, &ours(service("changed", &["192.0.2.0"])), 1);
    seen(&mut cluster, &service("foreign", &["192.0.2.1"]), 2);
    seen(&mut cluster, &of_another_type(service("inner", &[])), 3);
    assert!(cluster.plan().expect("it is the first").changes.is_empty());

    seen(&mut cluster, &of_another_type(service("changed", &["192.0.2.0"])), 4);
    let plan = cluster.plan().expect("the type is another one");
    let [change] = plan.changes.as_slice() else { panic!("{:?}", plan.changes) };
    assert_eq!((&change.service, change.gives.as_slice()), (&id("changed"), [ip("192.0.2.0")].as_slice()));
    assert_eq!((&change.write.pool, &change.write.condition), (&None, &None));
}

#[test]
fn a_service_that_cannot_be_read_stays_as_it_was() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.0/30"])]);
    seen(&mut cluster, &service("a", &["192.0.2.1"]), 1);
    assert_eq!(addresses(&mut cluster, "a"), [ip("192.0.2.1")]);
    let mut odd = service("a", &[]);
    odd["spec"]["ports"] = json!("none");
    assert_eq!(seen(&mut cluster, &odd, 2), None);
    cluster.replan();
    assert_eq!(addresses(&mut cluster, "a"), [ip("192.0.2.1")]);
}

#[test]
fn an_address_of_a_node_is_never_given_out() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.0/30"])]);
    seen(&mut cluster, &service("a", &[]), 1);
    let addresses_of_node = json!([{ "type": "InternalIP", "address": "192.0.2.0" }]);
    let node = json!({ "metadata": { "name": "n1" }, "status": { "addresses": addresses_of_node } });
    cluster.take(ClusterEvent::Node(applied(&node)));
    assert_eq!(addresses(&mut cluster, "a"), [ip("192.0.2.1")]);
}

#[test]
fn reports_are_made_anew_only_when_something_has_changed() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.0-192.0.1.0"])]);
    let plan = Arc::new(cluster.plan().expect("it is the first"));
    let situation = cluster.situation(&plan, true).expect("there is a plan");
    assert_eq!(situation.faults(), 1, "{:?}", situation.compiled.faults);
    assert!(cluster.situation(&plan, false).is_none());
    cluster.take(pool("lan", &["192.0.2.0/30"]));
    let plan = Arc::new(cluster.plan().expect("the pool is another one"));
    assert_eq!(cluster.situation(&plan, false).expect("the pool is another one").faults(), 0);
}

#[test]
fn the_status_of_one_service_never_moves_the_address_of_another() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.0/30"])]);
    let aged = |name: &str, address: &str, year: &str| {
        let mut object = service(name, &[address]);
        object["metadata"]["creationTimestamp"] = json!(format!("{year}-01-01T00:00:00Z"));
        object
    };
    seen(&mut cluster, &aged("evil", "192.0.2.0", "2020"), 1);
    seen(&mut cluster, &aged("victim", "192.0.2.1", "2021"), 2);
    assert!(cluster.plan().expect("it is the first").changes.is_empty());

    let theft = written_by(aged("evil", "192.0.2.1", "2020"), &["clarion-controller", "kubectl"]);
    assert_eq!(seen(&mut cluster, &theft, 3).as_deref(), Some("kubectl"));
    let plan = cluster.plan().expect("a status has changed");
    let [change] = plan.changes.as_slice() else { panic!("{:?}", plan.changes) };
    assert_eq!((&change.service, change.write.addresses.as_slice()), (&id("evil"), [ip("192.0.2.0")].as_slice()));
    assert_eq!(plan.allocations[&id("victim")][0].address, ip("192.0.2.1"));
}

#[test]
fn a_service_that_comes_from_an_older_metallb_or_from_another_program_is_not_written_and_stays_while_its_pool_is_at_fault()
 {
    let legacy = json!({ "metallb.universe.tf/ip-allocated-from-pool": "lan" });
    for annotations in [legacy, json!({})] {
        let mut taken_over = service("a", &["192.0.2.1"]);
        taken_over["metadata"]["annotations"] = annotations.clone();
        for entries in [&["192.0.2.0/30"] as &[_], &["192.0.2.0/30", "192.0.2.9-192.0.2.1"], &["192.0.2.0/33"]] {
            let mut cluster = cluster(vec![pool("lan", entries)]);
            seen(&mut cluster, &taken_over, 1);
            let plan = cluster.plan().expect("it is the first");
            assert_eq!(plan.changes, [], "{annotations} {entries:?}");
        }
    }
}
