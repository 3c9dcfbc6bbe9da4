use std::net::IpAddr;

use apiserver::{ObjectName, Version};
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

/// The ConfigurationState of a speaker whose one link has these subnets.
fn speaker(node: &str, subnets: &[&str], summary: &str) -> ClusterEvent {
    ClusterEvent::Speaker(applied(&json!({
        "metadata": {
            "name": format!("speaker-{node}"),
            "namespace": "lb",
            "labels": { "metallb.io/component-type": "speaker", "metallb.io/node-name": node },
        },
        "status": {
            "result": "Valid",
            "errorSummary": summary,
            "links": [{ "name": "eth0", "mac": "02:00:00:00:00:01", "subnets": subnets }],
        },
    })))
}

fn node_object(name: &str) -> ClusterEvent {
    ClusterEvent::Node(applied(&json!({ "metadata": { "name": name } })))
}

#[test]
fn what_the_subnets_of_nodes_keep_for_themselves_goes_to_nobody_and_whoever_holds_it_keeps_it() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.0/30"])]);
    cluster.take(node_object("n1"));
    seen(&mut cluster, &service("held", &["192.0.2.3"]), 1);
    cluster.plan();
    cluster.take(speaker("n1", &["192.0.2.0/30", "nonsense"], ""));
    for (name, version) in [("a", 2), ("b", 3), ("c", 4)] {
        seen(&mut cluster, &service(name, &[]), version);
    }
    let plan = cluster.plan().expect("something has changed");
    let of = |name: &str| plan.allocations.get(&id(name)).map(|placed| placed[0].address);
    assert_eq!(
        [of("held"), of("a"), of("b"), of("c")],
        [Some(ip("192.0.2.3")), Some(ip("192.0.2.1")), Some(ip("192.0.2.2")), None]
    );
    let note = plan.held_only(&id("held")).expect("there is a note");
    assert!(note.contains("192.0.2.3 is kept") && note.contains("broadcast address of 192.0.2.0/30"), "{note}");
}

#[test]
fn a_report_that_shows_the_same_subnets_plans_nothing_anew_and_a_speaker_that_is_replaced_takes_none_away() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.0/30"])]);
    cluster.take(node_object("n1"));
    cluster.take(node_object("n2"));
    cluster.take(speaker("n1", &["192.0.2.0/30"], ""));
    assert!(cluster.plan().is_some());
    cluster.take(speaker("n1", &["192.0.2.0/30"], "a pool is wrong"));
    cluster.take(speaker("n2", &["192.0.2.0/30"], ""));
    cluster.take(ClusterEvent::Speaker(Event::Deleted(ObjectName::new("lb", "speaker-n1"), Version(9))));
    cluster.take(speaker("n1", &[], ""));
    assert!(cluster.plan().is_none());
    // A node that moved to another subnet, and one that is gone.
    cluster.take(speaker("n1", &["198.51.100.0/24"], ""));
    assert!(cluster.plan().is_some());
    assert_eq!(cluster.snapshot.policy.subnets.len(), 2);
    cluster.take(ClusterEvent::Speaker(Event::Deleted(ObjectName::new("lb", "speaker-n2"), Version(9))));
    cluster.take(ClusterEvent::Node(Event::Deleted(ObjectName::new("", "n2"), Version(9))));
    assert!(cluster.plan().is_some());
    assert_eq!(cluster.snapshot.policy.subnets, ["198.51.100.0/24".parse().unwrap()].into());
}

#[test]
fn a_controller_that_may_not_list_speakers_gives_addresses_all_the_same() {
    let mut cluster = Cluster::new("lb", "");
    for event in [
        ClusterEvent::Service(Event::Listed),
        ClusterEvent::Namespace(Event::Listed),
        ClusterEvent::Node(Event::Listed),
        ClusterEvent::Configuration(ConfigurationEvent::Pool(Event::Listed)),
        ClusterEvent::Configuration(ConfigurationEvent::L2Advertisement(Event::Listed)),
        ClusterEvent::Configuration(ConfigurationEvent::BgpAdvertisement(Event::Listed)),
        ClusterEvent::Configuration(ConfigurationEvent::Peer(Event::Listed)),
        ClusterEvent::Configuration(ConfigurationEvent::BfdProfile(Event::Listed)),
        ClusterEvent::Configuration(ConfigurationEvent::Community(Event::Listed)),
    ] {
        cluster.take(event);
    }
    assert!(cluster.plan().is_none());
    cluster.take(ClusterEvent::Speaker(Event::Lost(WatchError::Connection("forbidden".to_owned()))));
    assert!(cluster.plan().is_some());
    assert!(cluster.lost().is_some());
}

/// A load balancer in `shop` with 9 kB of labels and these addresses.
fn laden(name: &str, addresses: &[&str]) -> Value {
    let mut object = service(name, addresses);
    object["metadata"]["labels"] = (0..80).map(|index| (format!("{index:060}"), json!("x".repeat(63)))).collect();
    object
}

#[test]
fn services_without_an_address_are_passed_over_where_there_are_too_many_and_that_is_a_fault() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.1-192.0.2.9"])]);
    seen(&mut cluster, &service("holder", &["192.0.2.1"]), 1);
    for number in 0..2_000 {
        seen(&mut cluster, &laden(&format!("junk-{number:04}"), &[]), 2 + number);
    }
    let kept = cluster.snapshot.services.len();
    assert!((1_000..1_800).contains(&kept), "{kept} Services are kept");
    let crowded = cluster.crowded();
    assert!(
        crowded.len() == 1 && crowded[0].starts_with("the Services of namespace shop take more than 24 MiB"),
        "{crowded:?}"
    );
    // Whoever holds an address keeps it, however large it grows, for an address of nobody is given to others.
    seen(&mut cluster, &laden("holder", &["192.0.2.1"]), 5_000);
    seen(&mut cluster, &laden("another", &["192.0.2.2"]), 5_001);
    let plan = cluster.plan().expect("something has changed");
    let of = |name: &str| plan.allocations.get(&id(name)).map(|placed| placed[0].address);
    assert_eq!((of("holder"), of("another")), (Some(ip("192.0.2.1")), Some(ip("192.0.2.2"))));
    assert!(of("junk-0000").is_some() && of("junk-1999").is_none());
    // Another namespace has room of its own, and what is gone makes room.
    let bank = json!({
        "metadata": { "name": "web", "namespace": "bank", "resourceVersion": "5002" },
        "spec": { "type": "LoadBalancer", "clusterIPs": ["10.96.0.1"], "ports": [{ "port": 80 }] },
    });
    cluster.take(ClusterEvent::Service(applied(&bank)));
    assert!(cluster.snapshot.services.contains_key(&ServiceId::new("bank", "web")));
    for number in 0..2_000 {
        let name = ObjectName::new("shop", &format!("junk-{number:04}"));
        cluster.take(ClusterEvent::Service(Event::Deleted(name, Version(6_000))));
    }
    seen(&mut cluster, &laden("late", &[]), 7_000);
    assert!(cluster.snapshot.services.contains_key(&id("late")));
    cluster.take(ClusterEvent::Service(Event::Relisting));
    cluster.take(ClusterEvent::Service(Event::Listed));
    assert_eq!((cluster.crowded(), cluster.passed_over().len()), (Vec::new(), 0));
}

#[test]
fn a_service_that_was_given_an_address_which_it_does_not_show_yet_is_kept_in_a_crowd() {
    let mut cluster = cluster(vec![pool("lan", &["192.0.2.1-192.0.2.9"])]);
    seen(&mut cluster, &service("a", &[]), 1);
    cluster.plan();
    write(&mut cluster, "a", "192.0.2.1", 2);
    for number in 0..2_000 {
        seen(&mut cluster, &laden(&format!("junk-{number:04}"), &[]), 3 + number);
    }
    seen(&mut cluster, &laden("a", &[]), 1);
    assert!(cluster.snapshot.services.contains_key(&id("a")));
}
