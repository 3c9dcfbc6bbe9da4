use std::collections::{BTreeMap, BTreeSet};

use ipam::{Created, Demand, FamilyPolicy};

use super::*;
use crate::view::TrafficPolicy;

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
        condition: None,
        deprecated_annotations: Vec::new(),
        unread_annotations: Vec::new(),
        labels: BTreeMap::new(),
    }
}

/// Sends a write for the version that the ledger names, with `view` as what the watch shows.
fn send(ledger: &mut Ledger, view: &ServiceView, address: Option<&str>) {
    let addresses = address.into_iter().map(|text| text.parse().unwrap()).collect();
    let write = StatusWrite { addresses, pool: address.map(|_| "lan".into()), condition: None };
    let base = ledger.base(view).expect("no write is open");
    ledger.send(&view.id, &view.uid, base, write);
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
    send(&mut ledger, &view(1, None), Some(A));
    assert_eq!(ledger.base(&view(1, None)), None);
    assert_eq!(shown(&ledger, &view(1, None)).as_deref(), Some(A));
    ledger.accepted(&id(), ResourceVersion(5));
    ledger.observe(&view(1, None));
    assert_eq!(shown(&ledger, &view(1, None)).as_deref(), Some(A));
    ledger.observe(&view(5, Some(A)));
    assert!(ledger.is_empty());
}

#[test]
fn the_watch_may_be_faster_than_the_answer() {
    let mut ledger = Ledger::default();
    send(&mut ledger, &view(1, None), Some(A));
    ledger.observe(&view(5, Some(A)));
    assert!(ledger.is_empty());
    ledger.accepted(&id(), ResourceVersion(5));
    assert!(ledger.is_empty());
}

#[test]
fn a_write_on_top_of_one_that_is_not_seen_is_for_the_version_that_one_made() {
    let mut ledger = Ledger::default();
    let past = view(1, None);
    send(&mut ledger, &past, Some(A));
    ledger.accepted(&id(), ResourceVersion(5));
    assert_eq!(ledger.base(&past), Some(ResourceVersion(5)));
    send(&mut ledger, &past, Some(B));
    assert_eq!(shown(&ledger, &past).as_deref(), Some(B));
    ledger.observe(&view(5, Some(A)));
    assert_eq!(shown(&ledger, &view(5, Some(A))).as_deref(), Some(B), "the second write is still open");
    ledger.observe(&view(6, Some(B)));
    assert!(ledger.is_empty());
}

#[test]
fn a_refused_write_uncovers_what_was_accepted_before_it() {
    let mut ledger = Ledger::default();
    let past = view(1, None);
    send(&mut ledger, &past, Some(A));
    ledger.accepted(&id(), ResourceVersion(5));
    send(&mut ledger, &past, Some(B));
    ledger.refused(&id());
    assert_eq!(shown(&ledger, &past).as_deref(), Some(A));
}

#[test]
fn a_refused_write_alone_leaves_nothing() {
    let mut ledger = Ledger::default();
    send(&mut ledger, &view(1, None), Some(A));
    ledger.refused(&id());
    assert!(ledger.is_empty());
}

#[test]
fn a_write_whose_answer_got_lost_covers_until_the_watch_decides() {
    let mut ledger = Ledger::default();
    send(&mut ledger, &view(3, None), Some(A));
    ledger.observe(&view(3, None));
    assert_eq!(shown(&ledger, &view(3, None)).as_deref(), Some(A), "it may still be carried out");
    ledger.observe(&view(4, None));
    assert_eq!(shown(&ledger, &view(4, None)), None, "it was for version 3 and never will be");
    assert!(ledger.is_empty());
}

#[test]
fn a_service_of_the_same_name_starts_anew() {
    let mut ledger = Ledger::default();
    send(&mut ledger, &view(1, None), Some(A));
    let recreated = ServiceView { uid: Uid::from("uid-2"), ..view(9, None) };
    assert_eq!(shown(&ledger, &recreated), None);
    assert_eq!(ledger.base(&recreated), Some(ResourceVersion(9)));
    ledger.observe(&recreated);
    assert!(ledger.is_empty());
    send(&mut ledger, &recreated, Some(A));
    ledger.forget(&id());
    assert!(ledger.is_empty());
}

#[test]
fn a_cleared_status_is_covered_too() {
    let mut ledger = Ledger::default();
    send(&mut ledger, &view(1, Some(A)), None);
    assert_eq!(shown(&ledger, &view(1, Some(A))), None);
    ledger.observe(&view(2, None));
    assert!(ledger.is_empty());
}

fn held(ledger: &Ledger, view: &ServiceView) -> (Option<String>, bool) {
    let hold = ledger.held(view);
    (hold.addresses.first().map(ToString::to_string), hold.claimed)
}

/// Returns a ledger whose book was opened with a service that shows `address`.
fn opened(address: Option<&str>) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.close(&[(id(), view(1, address))].into(), &BTreeSet::new());
    ledger
}

#[test]
fn the_first_plan_believes_the_statuses_and_later_ones_the_book() {
    assert_eq!(held(&Ledger::default(), &view(1, Some(A))), (Some(A.to_owned()), false));
    let ledger = opened(Some(A));
    assert_eq!(held(&ledger, &view(2, Some(B))), (Some(A.to_owned()), false));
    assert_eq!(held(&ledger, &view(2, None)), (Some(A.to_owned()), false));
    let recreated = ServiceView { uid: Uid::from("uid-2"), ..view(9, Some(B)) };
    assert_eq!(held(&ledger, &recreated), (Some(B.to_owned()), true));
}

#[test]
fn a_write_is_held_from_the_moment_it_is_sent_and_confirmed_by_the_answer_or_the_watch() {
    let past = view(1, Some(A));
    let sent = || {
        let mut ledger = opened(Some(A));
        send(&mut ledger, &past, Some(B));
        assert_eq!(held(&ledger, &past), (Some(B.to_owned()), false));
        ledger
    };
    let foreign = view(9, None);
    let mut answered = sent();
    answered.accepted(&id(), ResourceVersion(2));
    answered.observe(&foreign);
    assert_eq!(held(&answered, &foreign), (Some(B.to_owned()), false));

    let mut seen = sent();
    seen.observe(&view(2, Some(B)));
    seen.observe(&foreign);
    assert_eq!(held(&seen, &foreign), (Some(B.to_owned()), false));

    let mut overtaken = sent();
    overtaken.observe(&foreign);
    assert_eq!(held(&overtaken, &foreign), (Some(A.to_owned()), false), "it was not carried out");

    let mut refused = sent();
    refused.refused(&id());
    assert_eq!(held(&refused, &past), (Some(A.to_owned()), false));
}

#[test]
fn what_a_plan_writes_is_a_claim_until_it_is_written() {
    let mut ledger = opened(None);
    let newcomer = ServiceView { id: ServiceId::new("default", "t"), ..view(5, Some(B)) };
    let services = BTreeMap::from([(newcomer.id.clone(), newcomer.clone())]);
    ledger.close(&services, &[&newcomer.id].into());
    assert_eq!(held(&ledger, &newcomer), (Some(B.to_owned()), true));
    ledger.close(&services, &BTreeSet::new());
    assert_eq!(held(&ledger, &newcomer), (Some(B.to_owned()), false));
    ledger.close(
        &[(newcomer.id.clone(), ServiceView { is_load_balancer: false, ..newcomer.clone() })].into(),
        &BTreeSet::new(),
    );
    assert_eq!(held(&ledger, &newcomer), (Some(B.to_owned()), true));
}
