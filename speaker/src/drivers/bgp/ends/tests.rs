use super::*;
use crate::net::links::{Link as NodeLink, LinkIndex};

fn links() -> Links {
    let link = |addresses: &[&str]| NodeLink {
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        ..NodeLink::default()
    };
    Links::from([
        (LinkIndex(1), link(&["127.0.0.1/8", "192.0.2.77/32", "::1/128", "2001:db8::4d/128"])),
        (LinkIndex(2), link(&["192.0.2.11/24", "2001:db8::b/64", "fe80::1/64"])),
        (LinkIndex(3), link(&["198.51.100.11/24", "fe80::1/64"])),
    ])
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn the_addresses_of_the_interface_serve_as_next_hops_of_the_other_family() {
    let ends = ends(address("192.0.2.11:40000"), address("192.0.2.1:179"), &links(), None);
    assert_eq!(ends.ipv6, Some("2001:db8::b".parse().unwrap()));
    assert_eq!(ends.link_local, Some("fe80::1".parse().unwrap()));
}

#[test]
fn a_router_beyond_the_subnets_of_the_link_is_not_told_an_address_that_works_on_the_link_alone() {
    let ends = ends(address("192.0.2.11:40000"), address("203.0.113.1:179"), &links(), None);
    assert_eq!(ends.ipv6, Some("2001:db8::b".parse().unwrap()));
    assert_eq!(ends.link_local, None);
}

#[test]
fn a_link_local_router_is_told_apart_by_its_scope() {
    let ends = ends(address("[fe80::1%3]:40000"), address("[fe80::2%3]:179"), &links(), None);
    assert_eq!(ends.ipv4, Some("198.51.100.11".parse().unwrap()));
    assert_eq!(ends.ipv6, None);
}

#[test]
fn a_connection_from_an_unknown_address_has_nothing_but_its_ends() {
    let (local, remote) = (address("10.0.0.1:40000"), address("10.0.0.2:179"));
    assert_eq!(ends(local, remote, &links(), None), Link::between(local.ip(), remote.ip()));
}

#[test]
fn the_loopback_addresses_are_no_next_hops_of_a_connection_from_an_address_beside_them() {
    let over_ipv4 = ends(address("192.0.2.77:40000"), address("192.0.2.1:179"), &links(), None);
    assert_eq!(over_ipv4.ipv6, Some("2001:db8::4d".parse().unwrap()));
    let over_ipv6 = ends(address("[2001:db8::4d]:40000"), address("[2001:db8::1]:179"), &links(), None);
    assert_eq!(over_ipv6.ipv4, Some("192.0.2.77".parse().unwrap()));
}

#[test]
fn an_address_that_is_still_there_stays_the_next_hop() {
    let (local, remote) = (address("192.0.2.11:40000"), address("192.0.2.1:179"));
    let before = ends(local, remote, &links(), None);
    let with = |addresses: &[&str]| {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        ends(local, remote, &[(LinkIndex(2), NodeLink { addresses, ..NodeLink::default() })].into(), Some(&before)).ipv6
    };
    assert_eq!(with(&["192.0.2.11/24", "2001:db8::a/128", "2001:db8::b/64"]), before.ipv6);
    assert_eq!(with(&["192.0.2.11/24", "2001:db8::a/128"]), Some("2001:db8::a".parse().unwrap()));
}
