use std::collections::{BTreeMap, BTreeSet};

use ipam::{Created, Demand, FamilyPolicy};

use super::*;
use crate::snapshot::TrafficPolicy;

const A: &str = "10.0.0.1";
const B: &str = "10.0.0.2";

fn view(version: u64, address: Option<&str>) -> ServiceView {
    ServiceView {
        id: ServiceId::new("default", "s"),
        uid: Uid::from("uid-1"),
        version: ResourceVersion(version),
        created: Created(0),
        is_load_balancer: true,
        class_is_ours: true,
        cluster_ips: vec!["10.96.0.1".into()],
        family_policy: FamilyPolicy::SingleStack,
        demand: Ok(Demand::Any),
        sharing_key: None,
        traffic_policy: TrafficPolicy::Cluster,
        selector: BTreeMap::new(),
        ports: BTreeSet::new(),
        ingress: address.into_iter().map(|text| Ingress::Ip(text.parse().unwrap())).collect(),
        pool_annotation: address.map(|_| "lan".into()),
        deprecated_annotations: Vec::new(),
    }
}

fn send(ledger: &mut Ledger, address: Option<&str>) {
    let view = view(0, address);
    let addresses: Vec<IpAddr> = view.addresses().collect();
    ledger.send(&view.id, &view.uid, &addresses, view.pool_annotation.clone());
}

fn shown(ledger: &Ledger, view: &ServiceView) -> Option<String> {
    ledger.overlay(view).addresses().next().map(|address| address.to_string())
}

fn id() -> ServiceId {
    ServiceId::new("default", "s")
}

#[test]
fn a_sent_write_covers_the_past_until_the_watch_shows_it() {
    let mut ledger = Ledger::default();
    send(&mut ledger, Some(A));
    assert_eq!(shown(&ledger, &view(1, None)).as_deref(), Some(A));
    ledger.accepted(&id(), ResourceVersion(5));
    ledger.observe(&view(4, None));
    assert_eq!(shown(&ledger, &view(4, None)).as_deref(), Some(A));
    ledger.observe(&view(5, Some(A)));
    assert!(ledger.is_empty());
}

#[test]
fn the_watch_may_be_faster_than_the_answer() {
    let mut ledger = Ledger::default();
    send(&mut ledger, Some(A));
    ledger.observe(&view(5, Some(A)));
    assert!(ledger.is_empty());
    ledger.accepted(&id(), ResourceVersion(5));
    assert!(ledger.is_empty());
}

#[test]
fn a_refused_write_uncovers_what_was_accepted_before_it() {
    let mut ledger = Ledger::default();
    send(&mut ledger, Some(A));
    ledger.accepted(&id(), ResourceVersion(5));
    send(&mut ledger, Some(B));
    assert_eq!(shown(&ledger, &view(1, None)).as_deref(), Some(B));
    ledger.refused(&id());
    assert_eq!(shown(&ledger, &view(1, None)).as_deref(), Some(A));
}

#[test]
fn a_refused_write_alone_leaves_nothing() {
    let mut ledger = Ledger::default();
    send(&mut ledger, Some(A));
    ledger.refused(&id());
    assert!(ledger.is_empty());
}

#[test]
fn somebody_elses_later_write_ends_the_cover() {
    let mut ledger = Ledger::default();
    send(&mut ledger, Some(A));
    ledger.observe(&view(7, Some(B)));
    assert_eq!(shown(&ledger, &view(7, Some(B))).as_deref(), Some(A));
    ledger.accepted(&id(), ResourceVersion(6));
    assert!(ledger.is_empty());
}

#[test]
fn an_old_version_that_looks_like_the_newer_write_proves_nothing() {
    let mut ledger = Ledger::default();
    send(&mut ledger, Some(B));
    ledger.accepted(&id(), ResourceVersion(5));
    send(&mut ledger, Some(A));
    ledger.observe(&view(4, Some(A)));
    ledger.refused(&id());
    assert_eq!(shown(&ledger, &view(4, Some(A))).as_deref(), Some(B));
}

#[test]
fn a_service_of_the_same_name_starts_anew() {
    let mut ledger = Ledger::default();
    send(&mut ledger, Some(A));
    let recreated = ServiceView { uid: Uid::from("uid-2"), ..view(9, None) };
    assert_eq!(shown(&ledger, &recreated), None);
    ledger.observe(&recreated);
    assert!(ledger.is_empty());
    send(&mut ledger, Some(A));
    ledger.forget(&id());
    assert!(ledger.is_empty());
}

#[test]
fn a_cleared_status_is_covered_too() {
    let mut ledger = Ledger::default();
    send(&mut ledger, None);
    assert_eq!(shown(&ledger, &view(1, Some(A))), None);
    ledger.observe(&view(2, None));
    assert!(ledger.is_empty());
}
