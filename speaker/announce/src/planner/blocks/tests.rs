use super::*;
use crate::fixtures::*;
use crate::{BgpAdvertisement, Scope};

/// Services a, b and c with one VIP each, in two blocks of the first advertisement and in three of the second.
fn apart() -> View {
    let mut view = routed();
    view.services.clear();
    for (name, vip) in [("a", "10.0.0.1"), ("b", "10.0.0.2"), ("c", "10.0.0.200")] {
        view.services.insert(id(name), service(1, &[vip], &["a"]));
    }
    bgp_advertisement(&mut view, "bgp").ipv4_length = 30;
    view
}

fn touched(view: &View, changed: &str) -> Vec<String> {
    let touched = Blocks::new(view).update(view, &[id(changed)].into());
    touched.services.iter().map(|service| service.name.to_string()).collect()
}

#[test]
fn services_meet_in_the_widest_prefix_of_their_pool() {
    let mut view = apart();
    assert_eq!(touched(&view, "a"), ["a", "b"]);
    assert_eq!(touched(&view, "c"), ["c"]);

    bgp_advertisement(&mut view, "wide").ipv4_length = 24;
    assert_eq!(touched(&view, "c"), ["a", "b", "c"]);

    *bgp_advertisement(&mut view, "wide") = BgpAdvertisement {
        pools: Scope::Only(["other".into()].into()),
        ipv4_length: 24,
        ..BgpAdvertisement::default()
    };
    assert_eq!(touched(&view, "c"), ["c"]);
}

#[test]
fn without_routes_only_a_shared_vip_ties_services() {
    let mut view = apart();
    view.bgp_advertisements.clear();
    assert_eq!(touched(&view, "a"), ["a"]);
    view.services.insert(id("d"), service(1, &["10.0.0.1", "10.9.9.9"], &["a"]));
    view.services.insert(id("e"), service(1, &["10.9.9.9"], &["a"]));
    assert_eq!(touched(&view, "a"), ["a", "d", "e"]);
}

#[test]
fn a_service_that_moves_touches_those_it_leaves_and_those_it_joins() {
    let mut view = apart();
    let mut blocks = Blocks::new(&view);
    view.services.insert(id("b"), service(1, &["10.0.0.201"], &["a"]));

    let all = blocks.update(&view, &[id("b")].into());
    assert_eq!(all.services, [id("a"), id("b"), id("c")].into());
    assert_eq!(all.blocks, [Prefix::of(ip("10.0.0.0"), 30), Prefix::of(ip("10.0.0.200"), 30)].into());

    view.services.remove(&id("c"));
    assert_eq!(blocks.update(&view, &[id("c")].into()).services, [id("b"), id("c")].into());
    assert_eq!(blocks.update(&view, &[id("a")].into()).services, [id("a")].into());
}

#[test]
fn whoever_is_gone_leaves_nothing_behind() {
    let mut view = apart();
    let mut blocks = Blocks::new(&view);
    let all: BTreeSet<ServiceId> = view.services.keys().cloned().collect();
    view.services.clear();
    blocks.update(&view, &all);
    assert!(blocks.of.is_empty() && blocks.holders.is_empty());
}
