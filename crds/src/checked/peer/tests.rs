use serde_json::{Value, json};

use super::*;
use crate::checked::tests::{named, problems};
use crate::fault::Severity;

/// Checks a minimal peer with some fields replaced; null removes a field.
fn check(changes: Value) -> (Option<Peer>, Vec<(String, Problem)>) {
    let mut spec = json!({ "myASN": 64_500, "peerASN": 64_501, "peerAddress": "192.0.2.1" });
    for (field, value) in changes.as_object().unwrap() {
        spec[field] = value.clone();
    }
    let (peer, faults) = Peer::check(&named("tor", spec));
    (peer, problems(&faults).into_iter().map(|(path, problem)| (path.to_owned(), problem)).collect())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_minimal_peer_leaves_the_rest_to_the_session() {
    let (peer, faults) = check(json!({}));
    assert_eq!(faults, []);
    let expected = Peer {
        name: "tor".into(),
        my_asn: 64_500,
        remote_asn: RemoteAsn::Number(64_501),
        local_asn: None,
        router: Router::Address("192.0.2.1".parse().unwrap()),
        source_address: None,
        port: 179,
        prefix_limit: 100,
        connecting: ConnectionMode::Active,
        listen_port: 179,
        timers: None,
        connect_time: None,
        router_id: None,
        node_selectors: vec![],
        password: None,
        bfd: None,
        graceful_restart: false,
        multi_hop: false,
        ttl_security_hops: None,
        next_hop_ipv4: None,
        next_hop_ipv6: None,
        role: None,
        vrf: None,
        dual_stack: false,
    };
    assert_eq!(peer, Some(expected));
}

#[test]
fn a_full_peer_keeps_every_field() {
    let (peer, faults) = check(json!({
        "peerASN": null, "dynamicASN": "external", "localASN": 64_999, "peerAddress": null, "interface": "eth1",
        "peerPort": 1179, "routerID": "10.0.0.1", "vrf": "red", "connectTime": "10s", "sourceAddress": "2001:db8::2",
        "nodeSelectors": [{ "matchLabels": { "rack": "1" } }], "passwordSecret": { "name": "tor" },
        "enableGracefulRestart": true, "ebgpMultiHop": true, "dualStackAddressFamily": true, "connectionMode": "both",
        "listenPort": 1790, "nextHops": ["192.0.2.9", "2001:db8::9"], "role": "routeServerClient"
    }));
    assert_eq!(faults, []);
    let peer = peer.unwrap();
    assert_eq!((peer.remote_asn, peer.local_asn), (RemoteAsn::External, Some(64_999)));
    assert_eq!((peer.router, peer.port), (Router::Interface("eth1".into()), 1179));
    assert_eq!((peer.router_id, peer.vrf), (Some(Ipv4Addr::new(10, 0, 0, 1)), Some("red".into())));
    assert_eq!((peer.connect_time, peer.node_selectors.len()), (Some(seconds(10)), 1));
    assert_eq!(peer.password, Some(PasswordSource::Secret("tor".into())));
    assert!(peer.graceful_restart && peer.multi_hop && peer.dual_stack);
    assert_eq!((peer.connecting, peer.listen_port), (ConnectionMode::Both, 1790));
    assert_eq!(peer.next_hop_ipv4.map(IpAddr::from), Some("192.0.2.9".parse().unwrap()));
    assert_eq!(peer.next_hop_ipv6.map(IpAddr::from), Some("2001:db8::9".parse().unwrap()));
    assert_eq!(peer.role, Some(Role::RouteServerClient));
}

#[test]
fn each_contradiction_has_its_own_reason() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let source = Problem::SourceFamily { source_address: ip("2001:db8::2"), router: ip("192.0.2.1") };
    let password = "x".repeat(81);
    let table = [
        (json!({ "myASN": 0 }), "spec.myASN", Problem::ZeroAsn),
        (json!({ "localASN": 0 }), "spec.localASN", Problem::ZeroAsn),
        (json!({ "peerASN": null }), "spec.peerASN", Problem::NoAsn),
        (json!({ "peerASN": 0 }), "spec.peerASN", Problem::NoAsn),
        (json!({ "dynamicASN": "internal" }), "spec.dynamicASN", Problem::TwoAsns),
        (json!({ "peerAddress": null }), "spec.peerAddress", Problem::NoRouter),
        (json!({ "peerAddress": "" }), "spec.peerAddress", Problem::NoRouter),
        (json!({ "interface": "eth1" }), "spec.interface", Problem::TwoRouters),
        (json!({ "peerAddress": "tor" }), "spec.peerAddress", Problem::NotAnAddress { text: "tor".into() }),
        (json!({ "sourceAddress": "x" }), "spec.sourceAddress", Problem::NotAnAddress { text: "x".into() }),
        (json!({ "sourceAddress": "2001:db8::2" }), "spec.sourceAddress", source),
        (json!({ "routerID": "2001:db8::2" }), "spec.routerID", Problem::RouterId { text: "2001:db8::2".into() }),
        (json!({ "routerID": "0.0.0.0" }), "spec.routerID", Problem::RouterId { text: "0.0.0.0".into() }),
        (json!({ "password": "a", "passwordSecret": { "name": "b" } }), "spec.passwordSecret", Problem::TwoPasswords),
        (json!({ "password": password }), "spec.password", Problem::PasswordLength { length: 81 }),
        (json!({ "peerASN": 64_500, "ebgpMultiHop": true }), "spec.ebgpMultiHop", Problem::InternalMultiHop),
        (
            json!({ "peerASN": null, "dynamicASN": "internal", "ebgpMultiHop": true }),
            "spec.ebgpMultiHop",
            Problem::InternalMultiHop,
        ),
        (json!({ "nodeSelectors": [{}, {}] }), "spec.nodeSelectors[1]", Problem::RepeatedSelector { first: 0 }),
        (json!({ "connectTime": "0s" }), "spec.connectTime", Problem::ConnectTime { text: "0ns".into() }),
        (json!({ "connectTime": "1500ms" }), "spec.connectTime", Problem::ConnectTime { text: "1.5s".into() }),
        (json!({ "connectTime": "65536s" }), "spec.connectTime", Problem::ConnectTime { text: "65536s".into() }),
        (json!({ "ttlSecurityHops": 1, "ebgpMultiHop": true }), "spec.ebgpMultiHop", Problem::TwoDistances),
        (
            json!({ "ttlSecurityHops": 255 }),
            "spec.ttlSecurityHops",
            Problem::OutOfRange { value: 255, minimum: 1, maximum: 254 },
        ),
        (json!({ "peerASN": 64_500, "role": "customer" }), "spec.role", Problem::InternalRole),
        (json!({ "nextHops": ["192.0.2.1", "192.0.2.2"] }), "spec.nextHops[1]", Problem::TwoNextHops),
        (json!({ "nextHops": ["::"] }), "spec.nextHops[0]", Problem::NextHop { address: ip("::") }),
        (json!({ "nextHops": ["tor"] }), "spec.nextHops[0]", Problem::NotAnAddress { text: "tor".into() }),
        (json!({ "peerPrefix": "192.0.2.0/24" }), "spec.peerPrefix", Problem::TwoRouters),
        (
            json!({ "peerAddress": null, "peerPrefix": "192.0.2.0/24", "interface": "eth1" }),
            "spec.interface",
            Problem::TwoRouters,
        ),
        (
            json!({ "peerAddress": null, "peerPrefix": "192.0.2.0" }),
            "spec.peerPrefix",
            Problem::NotAPrefix { text: "192.0.2.0".into() },
        ),
        (
            json!({ "peerAddress": null, "peerPrefix": "192.0.2.1/24" }),
            "spec.peerPrefix",
            Problem::PrefixBits { text: "192.0.2.1/24".into(), network: "192.0.2.0/24".parse().unwrap() },
        ),
        (
            json!({ "peerAddress": null, "peerPrefix": "192.0.2.0/24", "connectionMode": "both" }),
            "spec.connectionMode",
            Problem::PrefixDials,
        ),
        (
            json!({ "peerAddress": null, "peerPrefix": "192.0.2.0/24", "peerPrefixLimit": 0 }),
            "spec.peerPrefixLimit",
            Problem::OutOfRange { value: 0, minimum: 1, maximum: 1000 },
        ),
        (json!({ "holdTime": "soon" }), "spec.holdTime", Problem::NotADuration { text: "soon".into() }),
    ];
    for (changes, path, problem) in table {
        let (peer, faults) = check(changes.clone());
        assert_eq!((peer, faults), (None, vec![(path.to_owned(), problem)]), "{changes}");
    }
}

#[test]
fn routers_of_a_prefix_connect_by_themselves() {
    let prefix = |changes: Value| {
        let mut spec = json!({ "peerAddress": null, "peerPrefix": "2001:db8::/64" });
        spec.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        check(spec)
    };
    let (peer, faults) = prefix(json!({ "peerPrefixLimit": 3, "ttlSecurityHops": 2 }));
    let peer = peer.unwrap();
    assert_eq!(faults, []);
    assert_eq!(peer.router, Router::Prefix("2001:db8::/64".parse().unwrap()));
    assert_eq!((peer.connecting, peer.prefix_limit, peer.listen_port), (ConnectionMode::Passive, 3, 179));
    assert_eq!(peer.ttl_security_hops.map(NonZeroU8::get), Some(2));
    assert_eq!(prefix(json!({ "connectionMode": "passive", "listenPort": 0 })).1, []);
    assert_eq!(prefix(json!({ "sourceAddress": "192.0.2.2" })).1.len(), 1, "the source is of the prefix's family");
}

#[test]
fn one_timer_gives_the_other() {
    let table = [
        (json!({}), None),
        (json!({ "holdTime": "90s" }), Some((90, 30))),
        (json!({ "keepaliveTime": "5s" }), Some((15, 5))),
        (json!({ "holdTime": "90s", "keepaliveTime": "90s" }), Some((90, 90))),
        (json!({ "holdTime": "0s", "bfdProfile": "fast" }), Some((0, 0))),
        (json!({ "holdTime": "3s", "keepaliveTime": "1s" }), Some((3, 1))),
        (json!({ "holdTime": "90999ms", "keepaliveTime": "1s" }), Some((90, 1))),
    ];
    for (changes, expected) in table {
        let (peer, faults) = check(changes.clone());
        let expected = expected.map(|(hold, keepalive)| Timers { hold: seconds(hold), keepalive: seconds(keepalive) });
        assert_eq!((peer.unwrap().timers, faults), (expected, vec![]), "{changes}");
    }
}

#[test]
fn a_session_that_never_times_out_is_noted_unless_bfd_watches_it() {
    let never = |field| (format!("spec.{field}"), Problem::NeverNoticed { field });
    let table = [
        (json!({ "holdTime": "0s" }), vec![never("holdTime")]),
        (json!({ "holdTime": "0s", "keepaliveTime": "0s" }), vec![never("holdTime")]),
        (json!({ "holdTime": "0s", "bfdProfile": "" }), vec![never("holdTime")]),
        (json!({ "keepaliveTime": "0s" }), vec![never("keepaliveTime")]),
        (json!({ "holdTime": "0s", "bfdProfile": "fast" }), vec![]),
        (json!({ "holdTime": "3s" }), vec![]),
    ];
    for (changes, expected) in table {
        let (peer, faults) = check(changes.clone());
        assert!(peer.is_some_and(|peer| peer.timers.is_some()), "{changes}");
        assert_eq!(faults, expected, "{changes}");
        assert!(faults.iter().all(|(_, problem)| problem.severity() == Severity::Note), "{changes}");
    }
}

#[test]
fn impossible_timers_are_refused() {
    let hold = |text: &str| Problem::HoldTime { text: text.into() };
    let table = [
        (json!({ "holdTime": "2s" }), "spec.holdTime", hold("2s")),
        (json!({ "holdTime": "2999ms" }), "spec.holdTime", hold("2.999s")),
        (json!({ "holdTime": "1ms" }), "spec.holdTime", hold("1ms")),
        (json!({ "holdTime": "65536s" }), "spec.holdTime", hold("65536s")),
        (json!({ "keepaliveTime": "10h" }), "spec.keepaliveTime", hold("108000s")),
        (
            json!({ "holdTime": "30s", "keepaliveTime": "31s" }),
            "spec.keepaliveTime",
            Problem::Keepalive { keepalive: "31s".into(), hold: "30s".into() },
        ),
    ];
    for (changes, path, problem) in table {
        assert_eq!(check(changes.clone()).1, [(path.to_owned(), problem)], "{changes}");
    }
}

#[test]
fn values_that_mean_nothing_count_as_unset() {
    let (peer, faults) = check(json!({
        "peerPort": 0, "sourceAddress": "", "routerID": "", "vrf": "", "password": "", "passwordSecret": {}
    }));
    let peer = peer.unwrap();
    assert_eq!(faults, []);
    assert_eq!((peer.port, peer.vrf, peer.password, peer.router_id), (179, None, None, None));
}

#[test]
fn the_deprecated_switch_is_noted_and_hides_nothing() {
    let (peer, faults) = check(json!({ "disableMP": true }));
    assert!(peer.is_some());
    assert_eq!(faults, [("spec.disableMP".to_owned(), Problem::DisableMp)]);
    assert_eq!(check(json!({ "disableMP": true, "myASN": 0 })).0, None);
}

#[test]
fn addresses_that_no_router_can_be_reached_at_are_refused_with_the_field() {
    let unreachable = |field: &'static str, text: &str, special| {
        Some((field, Problem::PeerUnreachable { text: text.to_owned(), special }))
    };
    let source = |text: &str, special| {
        Some(("spec.sourceAddress", Problem::SourceUnusable { address: text.parse().unwrap(), special }))
    };
    let next_hop = |text: &str| Some(("spec.nextHops[0]", Problem::NextHop { address: text.parse().unwrap() }));
    for (fields, expected) in [
        (json!({ "peerAddress": "fe80::1" }), unreachable("spec.peerAddress", "fe80::1", Special::LinkLocal)),
        (json!({ "peerAddress": "0.0.0.0" }), unreachable("spec.peerAddress", "0.0.0.0", Special::Unspecified)),
        (json!({ "peerAddress": "::" }), unreachable("spec.peerAddress", "::", Special::Unspecified)),
        (json!({ "peerAddress": "224.0.0.5" }), unreachable("spec.peerAddress", "224.0.0.5", Special::Multicast)),
        (json!({ "peerAddress": "ff02::5" }), unreachable("spec.peerAddress", "ff02::5", Special::Multicast)),
        (
            json!({ "peerAddress": "::ffff:255.255.255.255" }),
            unreachable("spec.peerAddress", "255.255.255.255", Special::Broadcast),
        ),
        (json!({ "peerPrefix": "224.0.0.0/24" }), unreachable("spec.peerPrefix", "224.0.0.0/24", Special::Multicast)),
        (json!({ "peerPrefix": "fe80::/64" }), unreachable("spec.peerPrefix", "fe80::/64", Special::LinkLocal)),
        (json!({ "peerAddress": "192.0.2.1", "sourceAddress": "0.0.0.0" }), source("0.0.0.0", Special::Unspecified)),
        (json!({ "peerAddress": "2001:db8::1", "sourceAddress": "fe80::1" }), source("fe80::1", Special::LinkLocal)),
        (json!({ "peerAddress": "192.0.2.1", "nextHops": ["127.0.0.1"] }), next_hop("127.0.0.1")),
        (json!({ "peerAddress": "192.0.2.1", "nextHops": ["fe80::1"] }), next_hop("fe80::1")),
        (json!({ "peerAddress": "192.0.2.1", "nextHops": ["255.255.255.255"] }), next_hop("255.255.255.255")),
        (json!({ "peerAddress": "127.0.0.1" }), None),
        (json!({ "peerAddress": "::1", "sourceAddress": "::1" }), None),
        (json!({ "peerAddress": "169.254.10.1", "sourceAddress": "169.254.10.2" }), None),
        (json!({ "peerPrefix": "0.0.0.0/0" }), None),
        (json!({ "interface": "eth0" }), None),
    ] {
        let mut spec = json!({ "myASN": 64512, "peerASN": 64513 });
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let (peer, faults) = Peer::check(&named("tor", spec));
        assert_eq!(problems(&faults), Vec::from_iter(expected.clone()), "{fields}");
        assert_eq!(peer.is_some(), expected.is_none(), "{fields}");
    }
}

#[test]
fn a_password_with_a_line_break_at_its_end_is_noted_and_kept() {
    for (password, noted) in [("s3cret\n", true), ("s3cret\r\n", true), ("s3\ncret", false), ("s3cret", false)] {
        let spec = json!({ "myASN": 64512, "peerASN": 64513, "peerAddress": "192.0.2.1", "password": password });
        let (peer, faults) = Peer::check(&named("tor", spec));
        let expected = noted.then_some(("spec.password", Problem::PasswordLineBreak));
        assert_eq!(problems(&faults), Vec::from_iter(expected), "{password:?}");
        assert!(peer.is_some() && faults.iter().all(|fault| fault.severity() == Severity::Note));
    }
}

#[test]
fn what_no_interface_is_called_is_refused_where_a_name_is_wanted() {
    let wrong = ["seventeen_letters", "eth 0", "eth0/1", "eth0:1", "..", "eth\n0", "eth\u{1b}[31m0", "eth\u{202e}0"];
    for text in wrong {
        let problem = Problem::InterfaceName { text: text.to_owned() };
        assert_eq!(check(json!({ "vrf": text })), (None, vec![("spec.vrf".to_owned(), problem.clone())]));
        let unnumbered = json!({ "peerAddress": null, "interface": text });
        assert_eq!(check(unnumbered), (None, vec![("spec.interface".to_owned(), problem)]));
    }
    for text in ["eth0", "bond0.100", "veth-1@fifteen", "enp0s31f6"] {
        assert_eq!(check(json!({ "vrf": text })).0.unwrap().vrf.as_deref(), Some(text));
    }
}
