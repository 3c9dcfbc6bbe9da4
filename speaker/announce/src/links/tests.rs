use std::collections::BTreeSet;

use super::*;
use crate::Mine;
use crate::fixtures::*;
use crate::view::{L2Advertisement, View};

/// Returns the links of node a for [`VIP`] and why these, or the reason for none.
fn chosen(view: &View) -> Result<(Vec<String>, LinkChoice), &'static str> {
    let desired = plan_on(view, "a");
    let vip = &desired.l2[&ip(VIP)];
    match &vip.mine {
        Mine::Eligible | Mine::Draining(_) => {
            Ok((vip.links.names.iter().map(ToString::to_string).collect(), vip.links.choice))
        }
        Mine::Ineligible(why) => {
            assert_eq!((vip.links.names.len(), vip.links.choice), (0, LinkChoice::Nowhere));
            assert_eq!(desired.services[&id("web")].l2.mine.as_ref(), Err(why));
            Err(why.reason())
        }
    }
}

fn names(names: &[&str], choice: LinkChoice) -> Result<(Vec<String>, LinkChoice), &'static str> {
    Ok((names.iter().map(ToString::to_string).collect(), choice))
}

/// The web cluster with the links eth0 (10.0.0.0/24), eth1 (10.1.0.0/24), vlan7 (no address), veth1 and docker0 (excluded).
fn several() -> View {
    let mut view = web();
    view.links = [
        ("eth0".into(), link(2, &[prefix("10.0.0.0", 24), prefix("fe80::", 64)])),
        ("eth1".into(), link(3, &[prefix("10.1.0.0", 24), prefix("fe80::", 64)])),
        ("vlan7".into(), link(4, &[])),
        ("veth1".into(), excluded(link(5, &[]), LinkExclusion::Kind)),
        ("docker0".into(), excluded(link(6, &[prefix("10.0.0.0", 8)]), LinkExclusion::Pattern)),
    ]
    .into();
    view
}

fn link_mut<'v>(view: &'v mut View, name: &str) -> &'v mut Link {
    view.links.get_mut(&LinkName::from(name)).unwrap()
}

#[test]
fn a_vip_is_announced_on_links_in_its_subnet() {
    assert_eq!(chosen(&several()), names(&["eth0"], LinkChoice::Connected));
}

#[test]
fn every_subnet_that_holds_the_vip_counts() {
    let mut view = several();
    link_mut(&mut view, "eth1").connected = vec![prefix("10.0.0.0", 16)];
    assert_eq!(chosen(&view), names(&["eth0", "eth1"], LinkChoice::Connected));
}

#[test]
fn a_vip_of_no_subnet_is_announced_on_every_link_that_is_not_excluded_with_a_warning() {
    let mut view = several();
    link_mut(&mut view, "eth0").connected = vec![prefix("10.2.0.0", 24)];

    assert_eq!(chosen(&view), names(&["eth0", "eth1", "vlan7"], LinkChoice::Fallback));
    let links = Arc::new(set(&["eth0", "eth1", "vlan7"]));
    assert_eq!(plan_on(&view, "a").warnings, [Warning::NotConnected { vip: ip(VIP), node: "a".into(), links }].into());
}

#[test]
fn named_links_are_used_and_only_these_even_without_address_or_excluded_by_default() {
    let mut view = several();
    for name in ["eth1", "vlan7", "docker0", "veth1"] {
        advertisement(&mut view).interfaces = only(&[name]);
        assert_eq!(chosen(&view), names(&[name], LinkChoice::Named));
    }
    advertisement(&mut view).interfaces = only(&["vlan7", "eth0", "absent"]);
    assert_eq!(chosen(&view), names(&["eth0", "vlan7"], LinkChoice::Named));
    assert!(plan_on(&view, "a").warnings.is_empty());
}

#[test]
fn named_links_that_cannot_resolve_addresses_are_not_used() {
    let mut view = several();
    advertisement(&mut view).interfaces = only(&["vlan7"]);
    for why in [LinkExclusion::Enslaved, LinkExclusion::NoArp] {
        link_mut(&mut view, "vlan7").excluded = Some(why);
        assert_eq!(chosen(&view), Err("interfaceMissing"));
    }
}

#[test]
fn interfaces_of_advertisements_for_this_node_add_up_and_one_without_means_any() {
    let mut view = several();
    let named = |interface: &str, node: &str| L2Advertisement {
        interfaces: only(&[interface]),
        nodes: only(&[node]),
        ..L2Advertisement::default()
    };
    view.l2_advertisements.clear();
    view.l2_advertisements.insert("1".into(), named("eth1", "a"));
    view.l2_advertisements.insert("2".into(), named("vlan7", "a"));
    view.l2_advertisements.insert("3".into(), named("eth0", "b"));
    assert_eq!(chosen(&view), names(&["eth1", "vlan7"], LinkChoice::Named));

    view.l2_advertisements.insert("4".into(), L2Advertisement { nodes: only(&["b"]), ..L2Advertisement::default() });
    assert_eq!(chosen(&view), names(&["eth1", "vlan7"], LinkChoice::Named));

    view.l2_advertisements.insert("5".into(), L2Advertisement { nodes: only(&["a"]), ..L2Advertisement::default() });
    assert_eq!(chosen(&view), names(&["eth0"], LinkChoice::Connected));
}

#[test]
fn a_node_without_the_named_interfaces_is_ineligible_and_the_candidates_stay() {
    let mut view = several();
    advertisement(&mut view).interfaces = only(&["bond7"]);

    assert_eq!(chosen(&view), Err("interfaceMissing"));
    assert_eq!(candidates(&view).unwrap(), ["a", "b", "c"]);
    let (advertisement, interfaces) = ("lan".into(), set(&["bond7"]));
    assert_eq!(
        plan_on(&view, "a").warnings,
        [Warning::InterfacesAbsent { advertisement, node: "a".into(), interfaces }].into()
    );
}

#[test]
fn absent_interfaces_are_no_warning_on_nodes_that_the_advertisement_leaves_out() {
    let mut view = several();
    *advertisement(&mut view) =
        L2Advertisement { interfaces: only(&["bond7"]), nodes: only(&["b"]), ..L2Advertisement::default() };
    assert!(plan_on(&view, "a").warnings.is_empty());
    assert_eq!(plan_on(&view, "b").warnings.len(), 1);
}

#[test]
fn two_links_in_one_subnet_make_one_sender() {
    let mut view = several();
    link_mut(&mut view, "eth1").connected = vec![prefix("10.0.0.0", 24)];
    let both = Warning::SameSubnet { node: "a".into(), used: "eth0".into(), unused: "eth1".into() };

    assert_eq!(chosen(&view), names(&["eth0"], LinkChoice::Connected));
    assert_eq!(plan_on(&view, "a").warnings, [both].into());

    link_mut(&mut view, "eth0").state = LinkState::NoCarrier;
    assert_eq!(chosen(&view), names(&["eth1"], LinkChoice::Connected));
    assert!(plan_on(&view, "a").warnings.is_empty(), "a link that is down sends nothing");
}

#[test]
fn two_links_in_one_subnet_make_one_sender_for_vips_of_other_subnets_too() {
    let mut view = several();
    link_mut(&mut view, "eth0").connected = vec![prefix("10.1.0.0", 24)];
    assert_eq!(chosen(&view), names(&["eth0", "vlan7"], LinkChoice::Fallback));
}

#[test]
fn a_vip_does_not_move_to_another_network_when_its_link_goes_down() {
    for state in [LinkState::Down, LinkState::NoCarrier] {
        let mut view = several();
        link_mut(&mut view, "eth0").state = state;
        assert_eq!(chosen(&view), Err("interfaceDown"));

        advertisement(&mut view).interfaces = only(&["eth0"]);
        assert_eq!(chosen(&view), Err("interfaceDown"));

        advertisement(&mut view).interfaces = only(&["eth0", "vlan7"]);
        assert_eq!(chosen(&view), names(&["vlan7"], LinkChoice::Named));
    }
}

#[test]
fn a_vip_stays_in_the_network_of_a_link_whose_addresses_were_taken_off() {
    let mut view = several();
    let link = link_mut(&mut view, "eth0");
    link.formerly_connected = std::mem::take(&mut link.connected);
    assert_eq!(chosen(&view), names(&["eth0"], LinkChoice::Connected));
    link_mut(&mut view, "eth0").state = LinkState::NoCarrier;
    assert_eq!(chosen(&view), Err("interfaceDown"));

    // The network has moved to another link.
    let moved = link_mut(&mut view, "eth0").formerly_connected.clone();
    link_mut(&mut view, "vlan7").connected = moved;
    assert_eq!(chosen(&view), names(&["vlan7"], LinkChoice::Connected));
}

#[test]
fn a_node_whose_links_are_all_excluded_is_ineligible() {
    let mut view = several();
    view.links.values_mut().for_each(|link| link.excluded = Some(LinkExclusion::Pattern));
    assert_eq!(chosen(&view), Err("noInterface"));
}

#[test]
fn vips_on_the_same_links_share_one_set() {
    let mut view = several();
    view.services.insert(id("api"), service(1, &["10.0.0.11"], &["a"]));
    let l2 = plan_on(&view, "a").l2;
    assert!(Arc::ptr_eq(&l2[&ip(VIP)].links.names, &l2[&ip("10.0.0.11")].links.names));
    assert_eq!(*l2[&ip(VIP)].links.names, BTreeSet::from(["eth0".into()]));
}

/// Returns the links of node a that take part in elections when nothing is allocated yet, and all pools are IPv4.
fn taking_part(mut view: View) -> BTreeSet<LinkName> {
    view.services.clear();
    view.pools.values_mut().for_each(|ranges| ranges.retain(|range| range.first.is_ipv4()));
    plan_on(&view, "a").links
}

#[test]
fn links_in_the_subnet_of_an_advertised_pool_take_part_before_there_is_a_vip() {
    assert_eq!(taking_part(several()), set(&["eth0"]));
}

#[test]
fn a_link_without_carrier_still_takes_part() {
    let mut view = several();
    link_mut(&mut view, "eth0").state = LinkState::NoCarrier;
    assert_eq!(taking_part(view), set(&["eth0"]));
}

#[test]
fn named_links_take_part_and_no_others() {
    let mut view = several();
    advertisement(&mut view).interfaces = only(&["vlan7", "docker0", "eth9"]);
    assert_eq!(taking_part(view), set(&["docker0", "vlan7"]));
}

#[test]
fn no_link_takes_part_when_no_advertisement_selects_the_node() {
    let mut view = several();
    advertisement(&mut view).nodes = only(&["b"]);
    assert_eq!(taking_part(view), BTreeSet::new());
}

#[test]
fn every_link_takes_part_for_a_pool_of_no_subnet() {
    let mut view = several();
    link_mut(&mut view, "eth0").connected = vec![];
    assert_eq!(taking_part(view), set(&["eth0", "eth1", "vlan7"]));
}
