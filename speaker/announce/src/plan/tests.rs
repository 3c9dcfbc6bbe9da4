use super::*;
use crate::fixtures::*;
use crate::{Exclusion, L2Verdict, LinkChoice, Scope};

#[test]
fn a_service_with_an_endpoint_is_announced_from_every_node() {
    let desired = plan_on(&web(), "b");

    let vip = &desired.l2[&ip(VIP)];
    assert_eq!(names(vip), ["a", "b", "c"]);
    assert_eq!((&vip.mine, vip.links.choice, vip.links.names.len()), (&Mine::Eligible, LinkChoice::Connected, 1));
    assert_eq!(vip.services, [id("web")]);
    assert_eq!(desired.services[&id("web")].l2, L2Verdict { mine: Ok(()), refused: vec![] });
    assert!(desired.warnings.is_empty());
}

#[test]
fn an_empty_view_plans_nothing() {
    assert_eq!(plan_on(&View::default(), "a"), Desired::default());
}

#[test]
fn every_service_has_a_verdict_and_every_vip_without_announcer_a_reason_in_address_order() {
    let mut view = cluster();
    view.services.insert(id("both"), local(1, &["fd00::1", "10.9.0.1", VIP], &["b"]));
    view.services.insert(id("none"), service(1, &[], &["b"]));

    let desired = plan_on(&view, "a");

    let verdict = &desired.services[&id("both")].l2;
    let reasons: Vec<_> = verdict.refused.iter().map(|(vip, why)| (*vip, why.reason())).collect();
    let local = "noLocalEndpoints";
    assert_eq!(reasons, [(ip("10.0.0.10"), local), (ip("10.9.0.1"), "ipNotInPool"), (ip("fd00::1"), local)]);
    assert_eq!(verdict.mine, Err(NotAnnounced::Excluded { node: "a".into(), why: Exclusion::NoLocalEndpoint }));
    assert_eq!(desired.services[&id("none")].l2.refused, []);
    assert_eq!(desired.services[&id("none")].l2.mine.as_ref().unwrap_err().reason(), "noAddress");
}

#[test]
fn a_service_is_announced_if_one_of_its_vips_is() {
    let mut view = cluster();
    view.services.insert(id("both"), service(1, &["10.9.0.1", VIP], &["b"]));

    let verdict = plan_on(&view, "a").services[&id("both")].l2.clone();

    assert_eq!(verdict.mine, Ok(()));
    assert_eq!(verdict.refused.len(), 1);
}

#[test]
fn an_advertisement_for_no_node_leaves_no_vip_behind() {
    let mut view = web();
    advertisement(&mut view).nodes = Scope::Only([].into());
    let desired = plan_on(&view, "a");
    assert!(desired.l2.is_empty());
    assert_eq!(desired.warnings.len(), 1);
}
