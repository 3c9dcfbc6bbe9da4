//! What a peer learns, read by an independent codec.

use std::{collections::BTreeMap, net::IpAddr, num::NonZeroU64, sync::Arc};

use bgp::{
    Attributes, Community, Config, ConnId, ExportFilter, Family, FamilyState, Input, LargeCommunity, Link, Output,
    RemoteAs, Role, RoleConfig, Routes,
    wire::{Open, RefreshKind, RouteRefresh, keepalive},
};

use crate::{
    router::{Learned, Router},
    solo::{Seen, Solo, asn, config, link, prefix, router_id, routes, their_open},
};

fn one(text: &str, attributes: Attributes) -> Arc<Routes> {
    Arc::new([(prefix(text), Arc::new(attributes))].into())
}

/// What a router that sent this OPEN learns from these routes.
fn learned(config: Config, link: Link, open: &Open, routes: Arc<Routes>) -> Router {
    let mut solo = Solo::new(config);
    let seen = solo.input(Input::Start);
    let [Seen::Connect(conn)] = seen[..] else { panic!("{seen:?}") };
    solo.input(Input::Connected { conn, link });
    solo.receive(conn, open.encode());
    solo.receive(conn, keepalive());
    solo.sent.clear();
    solo.input(Input::Routes(routes));
    let session = solo.peer.status().session.expect("the session is up");
    let mut router = Router { four_octet_as: session.four_octet_as, internal: session.internal, ..Router::default() };
    router.read(&solo.sent);
    router
}

fn everything() -> Attributes {
    Attributes {
        local_pref: Some(300),
        med: Some(7),
        prepend: 2,
        communities: ["65001:1", "no-export"].map(|text| text.parse().unwrap()).into(),
        large_communities: [LargeCommunity { global: 65001, local_1: 2, local_2: 3 }].into(),
        link_bandwidth: NonZeroU64::new(1_250_000),
    }
}

#[test]
fn an_external_peer_learns_all_but_the_local_preference() {
    let router = learned(config(), link(), &their_open(), one("198.51.100.1/32", everything()));
    let expected = Learned {
        next_hop: Some("192.0.2.1".parse().unwrap()),
        as_path: vec![65001; 3],
        med: Some(7),
        communities: vec![65001 << 16 | 1, 0xffff_ff01],
        large_communities: vec![[65001, 2, 3]],
        link_bandwidth: Some(1_250_000.0),
        ..Learned::default()
    };
    assert_eq!(router.table, [(prefix("198.51.100.1/32"), expected)].into());
    assert_eq!(router.end_of_rib, Family::ALL.into());
}

#[test]
fn an_internal_peer_learns_the_preference_and_an_empty_path() {
    let config = Config { local_as: asn(65002), ..config() };
    let with = learned(config.clone(), link(), &their_open(), one("198.51.100.1/32", everything()));
    let route = &with.table[&prefix("198.51.100.1/32")];
    assert_eq!((route.local_pref, &route.as_path[..]), (Some(300), &[][..]));
    let without = learned(config, link(), &their_open(), one("198.51.100.1/32", Attributes::default()));
    assert_eq!(without.table[&prefix("198.51.100.1/32")].local_pref, Some(100));
}

#[test]
fn ipv6_routes_name_the_interface_and_its_link_local_address() {
    let near = Link { link_local: Some("fe80::1".parse().unwrap()), ..link() };
    let router = learned(config(), near, &their_open(), one("2001:db8:1::/64", Attributes::default()));
    let route = &router.table[&prefix("2001:db8:1::/64")];
    assert_eq!(route.next_hop, Some("2001:db8::1".parse().unwrap()));
    assert_eq!(route.link_local, near.link_local);
    let far = Config { distance: bgp::Distance::MultiHop { hops: 9.try_into().unwrap() }, ..config() };
    let router = learned(far, near, &their_open(), one("2001:db8:1::/64", Attributes::default()));
    assert_eq!(router.table[&prefix("2001:db8:1::/64")].link_local, None);
}

/// An unnumbered link, where nothing but link-local addresses exist.
fn unnumbered() -> Link {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    Link::between(address("fe80::1"), address("fe80::2"))
}

#[test]
fn over_an_unnumbered_link_both_families_use_the_link_local_address() {
    let mut open = their_open();
    open.capabilities.extended_next_hop = [(Family::Ipv4.into(), 2)].into();
    let both: Routes = ["198.51.100.1/32", "2001:db8:1::1/128"].map(|text| (prefix(text), Arc::default())).into();
    let router = learned(config(), unnumbered(), &open, Arc::new(both));
    assert_eq!(router.table.len(), 2);
    for route in router.table.values() {
        assert_eq!(route.next_hop, Some("fe80::1".parse().unwrap()));
        assert_eq!(route.link_local, Some("fe80::1".parse().unwrap()));
    }
    assert_eq!(router.end_of_rib, Family::ALL.into());
}

#[test]
fn ipv4_routes_over_an_ipv6_next_hop_are_withdrawn_too() {
    let mut open = their_open();
    open.capabilities.extended_next_hop = [(Family::Ipv4.into(), 2)].into();
    let (mut solo, conn) = Solo::open_sent(config());
    solo.input(Input::Closed { conn, error: None });
    let seen = solo.expire();
    let [Seen::Connect(conn)] = seen[..] else { panic!("{seen:?}") };
    solo.input(Input::Connected { conn, link: unnumbered() });
    solo.receive(conn, open.encode());
    solo.receive(conn, keepalive());
    let mut router = Router::default();
    solo.sent.clear();
    solo.input(Input::Routes(routes(10, &Attributes::default())));
    solo.input(Input::Routes(routes(3, &Attributes::default())));
    router.read(&solo.sent);
    assert_eq!(router.table.len(), 3);
}

#[test]
fn a_family_without_next_hop_or_without_the_peers_consent_is_reported_and_not_announced() {
    let (mut solo, conn) = Solo::open_sent(config());
    let mut open = their_open();
    open.capabilities.families = [Family::Ipv4.into()].into();
    solo.receive(conn, open.encode());
    assert_eq!(
        solo.peer.status().families,
        [(Family::Ipv4, FamilyState::Announced), (Family::Ipv6, FamilyState::NotOffered)].into()
    );
    let mut solo = Solo::new(config());
    solo.input(Input::Start);
    let conn = ConnId::Outgoing(1);
    solo.input(Input::Connected { conn, link: Link { ipv6: None, ..link() } });
    solo.receive(conn, their_open().encode());
    solo.receive(conn, keepalive());
    solo.sent.clear();
    solo.input(Input::Routes(one("2001:db8:1::1/128", Attributes::default())));
    assert_eq!(solo.peer.status().families[&Family::Ipv6], FamilyState::NoNextHop);
    let mut router = Router::default();
    router.read(&solo.sent);
    assert_eq!(router.table, BTreeMap::new());
    assert_eq!(router.end_of_rib, Family::ALL.into(), "the peer shall not wait for what never comes");
}

#[test]
fn next_hops_follow_the_addresses_of_the_interface() {
    let (mut solo, conn) = Solo::established(config(), &their_open());
    let mut router = Router::default();
    solo.sent.clear();
    solo.input(Input::Routes(one("2001:db8:1::1/128", Attributes::default())));
    for address in [None, Some("2001:db8::9"), Some("2001:db8::1")] {
        let ipv6 = address.map(|address| address.parse().unwrap());
        assert_eq!(solo.input(Input::Link { conn, link: Link { ipv6, ..link() } }), [Seen::Update]);
        router.read(&std::mem::take(&mut solo.sent));
        let next_hops: Vec<_> = router.table.values().filter_map(|route| route.next_hop).collect();
        assert_eq!(next_hops, ipv6.map(IpAddr::V6).into_iter().collect::<Vec<_>>());
    }
    assert_eq!(solo.input(Input::Link { conn, link: link() }), [], "nothing has changed");
    let gone = ConnId::Incoming(9);
    assert_eq!(solo.input(Input::Link { conn: gone, link: Link { ipv6: None, ..link() } }), []);
}

#[test]
fn a_two_octet_peer_learns_large_numbers_from_a_second_path() {
    let config = Config { local_as: asn(4_200_000_001), ..config() };
    let mut open = their_open();
    open.capabilities.four_octet_as = None;
    let router = learned(config, link(), &open, one("198.51.100.1/32", everything()));
    assert!(!router.four_octet_as);
    assert_eq!(router.table[&prefix("198.51.100.1/32")].as_path, [4_200_000_001; 3]);
    let small = learned(self::config(), link(), &open, one("198.51.100.1/32", everything()));
    assert_eq!(small.table[&prefix("198.51.100.1/32")].as_path, [65001; 3]);
}

#[test]
fn a_fixed_next_hop_replaces_our_address() {
    let config = Config {
        next_hop_ipv4: Some("192.0.2.99".parse().unwrap()),
        next_hop_ipv6: Some("2001:db8::99".parse().unwrap()),
        ..config()
    };
    let both: Routes = ["198.51.100.1/32", "2001:db8:1::1/128"].map(|text| (prefix(text), Arc::default())).into();
    let router = learned(config, link(), &their_open(), Arc::new(both));
    let hops: Vec<_> = router.table.values().map(|route| route.next_hop.unwrap().to_string()).collect();
    assert_eq!(hops, ["192.0.2.99", "2001:db8::99"]);
}

#[test]
fn a_role_marks_routes_for_those_who_must_not_pass_them_up() {
    for (role, counterpart, marked) in
        [(Role::Customer, 0, None), (Role::Peer, 4, Some(65001)), (Role::Provider, 3, Some(65001))]
    {
        let config = Config { role: Some(RoleConfig { role, strict: true }), ..config() };
        let mut open = their_open();
        open.capabilities.roles = [counterpart].into();
        let router = learned(config, link(), &open, one("198.51.100.1/32", Attributes::default()));
        assert_eq!(router.table[&prefix("198.51.100.1/32")].only_to_customer, marked);
    }
}

#[test]
fn prepending_beyond_one_segment_is_split() {
    let attributes = Attributes { prepend: 255, ..Attributes::default() };
    let router = learned(config(), link(), &their_open(), one("198.51.100.1/32", attributes));
    assert_eq!(router.table[&prefix("198.51.100.1/32")].as_path, [65001; 256]);
}

#[test]
fn ten_thousand_routes_with_equal_attributes_take_few_messages() {
    let router = learned(config(), link(), &their_open(), routes(10_000, &everything()));
    assert_eq!(router.table.len(), 10_000);
    assert!(router.longest <= 4096);
    // 4096 octets hold some 800 host routes; the two end-of-RIB markers come on top.
    assert_eq!(router.updates, 13 + 2);
    let mut open = their_open();
    open.capabilities.extended_message = true;
    let router = learned(config(), link(), &open, routes(100_000, &everything()));
    assert_eq!(router.table.len(), 100_000);
    assert_eq!(router.updates, 8 + 2);
    assert!(router.longest > 65_000);
}

#[test]
fn messages_of_either_family_keep_to_the_limit() {
    let shared = Arc::new(everything());
    let host = |index: u32| {
        let address = std::net::Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(index));
        bgp::Prefix::from(IpAddr::V6(address))
    };
    let ipv6: Routes = (0..10_000).map(|index| (host(index), Arc::clone(&shared))).collect();
    let (mut solo, _) = Solo::established(config(), &their_open());
    solo.sent.clear();
    solo.input(Input::Routes(Arc::new(ipv6)));
    solo.input(Input::Routes(routes(10_000, &everything())));
    solo.input(Input::Routes(Arc::default()));
    let mut router = Router::default();
    router.read(&solo.sent);
    assert!((4076..=4096).contains(&router.longest), "{}", router.longest);
    assert_eq!(router.table, BTreeMap::new());
}

#[test]
fn routes_that_agree_by_value_share_a_message() {
    let apart: Routes = (0..100_u32)
        .map(|index| (bgp::Prefix::from(IpAddr::from((0x0a00_0000 + index).to_be_bytes())), Arc::new(everything())))
        .collect();
    assert_eq!(learned(config(), link(), &their_open(), Arc::new(apart)).updates, 1 + 2);
}

#[test]
fn nothing_is_sent_before_the_routes_are_known() {
    let (mut solo, _) = Solo::established(config(), &their_open());
    assert_eq!(solo.input(Input::Change(vec![(prefix("10.0.0.1/32"), Some(Arc::default()))])), []);
    let seen = solo.input(Input::Routes(Arc::default()));
    assert_eq!(seen, [Seen::Update, Seen::Update], "end-of-RIB for both families");
    assert!(solo.peer.is_synced());
}

#[test]
fn an_edit_touches_only_what_differs() {
    let (mut solo, _) = Solo::established(config(), &their_open());
    solo.input(Input::Routes(routes(1000, &Attributes::default())));
    assert_eq!(solo.input(Input::Routes(routes(1000, &Attributes::default()))), []);
    let before = solo.sent.len();
    assert_eq!(solo.input(Input::Routes(routes(1001, &Attributes::default()))), [Seen::Update]);
    assert!(solo.sent.len() - before < 60);
    assert_eq!(solo.input(Input::Routes(routes(999, &Attributes::default()))), [Seen::Update]);
    assert_eq!(solo.peer.status().announced, 999);
}

#[test]
fn withdrawals_leave_before_announcements() {
    let (mut solo, _) = Solo::established(config(), &their_open());
    solo.input(Input::Routes(one("10.0.0.1/32", Attributes::default())));
    let before = solo.sent.len();
    solo.input(Input::Routes(one("10.0.0.2/32", Attributes::default())));
    assert_eq!(solo.sent[before + 19..before + 21], [0, 5], "the first message withdraws five octets");
}

#[test]
fn while_the_peer_takes_nothing_only_the_newest_state_waits() {
    let (mut solo, conn) = Solo::established(config(), &their_open());
    solo.input(Input::Routes(Arc::default()));
    solo.takes = false;
    let before = solo.sent.len();
    solo.input(Input::Routes(routes(1, &Attributes::default())));
    let first = solo.sent.len() - before;
    for round in 0..1000 {
        let attributes = Attributes { med: Some(round), ..Attributes::default() };
        assert_eq!(solo.input(Input::Routes(routes(1 + round % 7, &attributes))), []);
    }
    solo.takes = true;
    let seen = solo.input(Input::Sent { conn, bytes: first });
    assert_eq!(seen, [Seen::Update]);
    let mut router = Router::default();
    router.read(&solo.sent);
    assert_eq!(router.table.len(), 1 + 999 % 7);
    assert!(router.table.values().all(|route| route.med == Some(999)));
}

#[test]
fn an_announcement_that_is_taken_back_in_time_is_never_sent() {
    let (mut solo, conn) = Solo::established(config(), &their_open());
    solo.input(Input::Routes(Arc::default()));
    solo.takes = false;
    let before = solo.sent.len();
    solo.input(Input::Routes(one("10.9.9.9/32", Attributes::default())));
    let pending = solo.sent.len() - before;
    solo.input(Input::Routes(routes(3, &Attributes::default())));
    solo.input(Input::Routes(one("10.9.9.9/32", Attributes::default())));
    solo.takes = true;
    assert_eq!(solo.input(Input::Sent { conn, bytes: pending }), []);
}

#[test]
fn another_next_hop_reaches_the_peer_even_if_an_edit_is_taken_back_before() {
    let (mut solo, conn) = Solo::established(config(), &their_open());
    let old = one("10.0.0.1/32", Attributes::default());
    solo.input(Input::Routes(Arc::clone(&old)));
    solo.takes = false;
    let before = solo.sent.len();
    solo.input(Input::Routes(one("10.0.0.1/32", everything())));
    let pending = solo.sent.len() - before;
    solo.takes = true;
    solo.input(Input::Sent { conn, bytes: pending });
    solo.takes = false;
    solo.input(Input::Routes(one("10.0.0.1/32", Attributes::default())));
    solo.input(Input::Reconfigure(Box::new(Config { next_hop_ipv4: Some([192, 0, 2, 99].into()), ..config() })));
    solo.input(Input::Routes(one("10.0.0.1/32", everything())));
    solo.input(Input::Routes(old));
    solo.takes = true;
    let pending = solo.sent.len() - before;
    assert_eq!(solo.input(Input::Sent { conn, bytes: pending }), [Seen::Update]);
    let mut router = Router::default();
    router.read(&solo.sent);
    assert_eq!(router.table[&prefix("10.0.0.1/32")].next_hop, Some("192.0.2.99".parse().unwrap()));
}

#[test]
fn a_buffer_is_bounded_and_the_rest_follows() {
    let (mut solo, conn) = Solo::established(config(), &their_open());
    solo.takes = false;
    let each_its_own: Routes = (0..20_000_u32)
        .map(|index| {
            let attributes = Attributes { med: Some(index), ..Attributes::default() };
            (bgp::Prefix::from(IpAddr::from((0x0a00_0000 + index).to_be_bytes())), Arc::new(attributes))
        })
        .collect();
    let mut router = Router::default();
    let mut buffers = 0;
    let start = solo.sent.len();
    solo.peer.handle(solo.now, Input::Routes(Arc::new(each_its_own)));
    // The OPEN and the KEEPALIVE before it have been taken.
    while let Some(output) = solo.peer.poll_output() {
        let Output::Send { bytes, .. } = output else { panic!("{output:?}") };
        assert!(bytes.len() < 300_000);
        router.read(&bytes);
        buffers += 1;
        solo.peer.handle(solo.now, Input::Sent { conn, bytes: bytes.len() });
    }
    assert_eq!((router.table.len(), solo.sent.len()), (20_000, start));
    assert!(buffers > 3);
    assert!(router.table.values().enumerate().all(|(index, route)| route.med == u32::try_from(index).ok()));
}

#[test]
fn a_route_outside_of_the_filter_never_leaves() {
    let config = Config { export: ExportFilter::new([prefix("10.0.0.0/30")]), ..config() };
    let (mut solo, _) = Solo::established(config.clone(), &their_open());
    solo.sent.clear();
    solo.input(Input::Routes(routes(10, &Attributes::default())));
    assert_eq!((solo.peer.status().announced, solo.peer.filtered().count()), (4, 6));
    assert!(solo.peer.unsent().eq(solo.peer.filtered()));
    let narrow = Config { export: ExportFilter::new([prefix("10.0.0.0/31")]), ..config.clone() };
    assert_eq!(solo.input(Input::Reconfigure(Box::new(narrow))), [Seen::Update]);
    let wide = Config { export: ExportFilter::new([prefix("10.0.0.0/8")]), ..config };
    assert_eq!(solo.input(Input::Reconfigure(Box::new(wide))), [Seen::Update]);
    assert_eq!(solo.peer.status().announced, 10);
}

#[test]
fn attributes_that_fill_a_message_hold_their_routes_back() {
    let communities = (0..1100).map(Community).collect();
    let huge = one("10.0.0.1/32", Attributes { communities, ..Attributes::default() });
    let (mut solo, _) = Solo::established(config(), &their_open());
    solo.input(Input::Routes(one("10.0.0.1/32", Attributes::default())));
    assert_eq!(solo.input(Input::Routes(Arc::clone(&huge))), [Seen::Update], "the old route is withdrawn");
    let status = solo.peer.status();
    assert_eq!((status.announced, status.oversized), (0, 1));
    assert_eq!(solo.peer.unsent().collect::<Vec<_>>(), [prefix("10.0.0.1/32")]);
    let mut open = their_open();
    open.capabilities.extended_message = true;
    assert_eq!(learned(config(), link(), &open, huge).table.len(), 1);
}

#[test]
fn graceful_shutdown_marks_all_routes_and_can_be_taken_back() {
    let (mut solo, _) = Solo::established(config(), &their_open());
    solo.sent.clear();
    let mut router = Router::default();
    solo.input(Input::Routes(routes(50, &everything())));
    let marked = |router: &Router| {
        router.table.values().filter(|route| route.communities.contains(&Community::GRACEFUL_SHUTDOWN.0)).count()
    };
    for (on, expected) in [(true, 50), (true, 50), (false, 0)] {
        solo.input(Input::GracefulShutdown(on));
        router.read(&std::mem::take(&mut solo.sent));
        assert_eq!((marked(&router), router.table.len()), (expected, 50));
    }
    let internal = Config { local_as: asn(65002), remote_as: RemoteAs::Internal, ..config() };
    let (mut solo, _) = Solo::established(internal, &their_open());
    solo.input(Input::GracefulShutdown(true));
    solo.sent.clear();
    solo.input(Input::Routes(routes(1, &everything())));
    let mut router = Router { internal: true, ..Router::default() };
    router.read(&solo.sent);
    assert_eq!(router.table.values().next().unwrap().local_pref, Some(0));
}

#[test]
fn a_refresh_sends_the_family_again_between_marks() {
    let mut open = their_open();
    open.capabilities.enhanced_route_refresh = true;
    let (mut solo, conn) = Solo::established(config(), &open);
    solo.sent.clear();
    let mut both = Routes::clone(&routes(5, &Attributes::default()));
    both.insert(prefix("2001:db8:1::/64"), Arc::default());
    solo.input(Input::Routes(Arc::new(both)));
    let request = RouteRefresh { family: Family::Ipv4.into(), kind: RefreshKind::Request };
    let seen = solo.receive(conn, request.encode());
    assert_eq!(seen, [Seen::Refresh, Seen::Update, Seen::Refresh]);
    let mut router = Router::default();
    router.read(&solo.sent);
    assert_eq!(router.marks, [(Family::Ipv4, true), (Family::Ipv4, false)]);
    assert_eq!(router.heard.len(), 5);
}

#[test]
fn a_plain_refresh_has_no_marks_and_many_requests_are_answered_once() {
    let (mut solo, conn) = Solo::established(config(), &their_open());
    solo.input(Input::Routes(routes(5, &Attributes::default())));
    let request = RouteRefresh { family: Family::Ipv4.into(), kind: RefreshKind::Request }.encode();
    assert_eq!(solo.receive(conn, request.repeat(100)), [Seen::Update]);
}

#[test]
fn every_session_starts_with_all_routes() {
    let (mut solo, conn) = Solo::established(config(), &their_open());
    solo.input(Input::Routes(routes(5, &Attributes::default())));
    solo.input(Input::Closed { conn, error: None });
    assert_eq!((solo.peer.status().announced, solo.peer.status().backlog), (0, 5));
    let seen = solo.expire();
    let [Seen::Connect(conn)] = seen[..] else { panic!("{seen:?}") };
    solo.input(Input::Connected { conn, link: link() });
    solo.receive(conn, Open { identifier: router_id(9).address().into(), ..their_open() }.encode());
    assert_eq!(solo.receive(conn, keepalive()), [Seen::Up, Seen::Update, Seen::Update, Seen::Update]);
    assert_eq!(solo.peer.status().announced, 5);
}
