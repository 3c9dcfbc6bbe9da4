use std::collections::BTreeSet;

use crds::kinds::BgpPeer;
use crds::selector::Selector;

use super::*;

fn checked(spec: serde_json::Value) -> checked::Peer {
    let object: BgpPeer = serde_json::from_value(serde_json::json!({
        "apiVersion": "metallb.io/v1beta2",
        "kind": "BGPPeer",
        "metadata": {"name": "tor", "namespace": "metallb-system"},
        "spec": spec,
    }))
    .unwrap();
    checked::Peer::check(&object).0.expect("the test writes a valid peer")
}

fn secret(kind: &str, data: serde_json::Value) -> Secret {
    serde_json::from_value(serde_json::json!({
        "metadata": {"name": "router", "namespace": "metallb-system"},
        "type": kind,
        "stringData": data,
    }))
    .unwrap()
}

fn convert(peer: checked::Peer, secrets: &[&Secret]) -> Result<Arc<PeerDesired>, PeerFault> {
    let mut config = checked::Config::default();
    config.peers.insert(peer.name.clone(), peer);
    let router_id = RouterId::new(Ipv4Addr::new(192, 0, 2, 11)).unwrap();
    let inputs = Inputs { config: &config, node: None, secrets, namespace: "metallb-system", router_id };
    let desired = inputs.peers().remove(&PeerName::from("tor")).expect("a peer without selectors is for every node");
    desired.map_err(|refused| refused.fault)
}

#[test]
fn a_plain_peer_gets_the_defaults_and_the_family_of_its_address() {
    let four = convert(checked(serde_json::json!({"myASN": 65001, "peerASN": 65000, "peerAddress": "192.0.2.1"})), &[]);
    let four = four.unwrap();
    assert_eq!(four.config.families, BTreeSet::from([Family::Ipv4]));
    assert_eq!((four.port, four.config.hold_time.seconds(), four.config.graceful_restart), (179, 90, None));
    assert_eq!(four.config.router_id.to_string(), "192.0.2.11");
    let six = checked(serde_json::json!({"myASN": 65001, "peerASN": 65000, "peerAddress": "2001:db8::1"}));
    assert_eq!(convert(six, &[]).unwrap().config.families, BTreeSet::from([Family::Ipv6]));
    let link = checked(serde_json::json!({"myASN": 65001, "dynamicASN": "external", "interface": "eth0"}));
    let link = convert(link, &[]).unwrap();
    assert_eq!((link.config.families.len(), link.config.remote_as), (2, bgp::RemoteAs::External));
}

#[test]
fn every_setting_reaches_the_session() {
    let peer = checked(serde_json::json!({
        "myASN": 65001, "localASN": 65010, "peerASN": 65000, "peerAddress": "192.0.2.1", "peerPort": 1179,
        "sourceAddress": "192.0.2.9", "holdTime": "9s", "keepaliveTime": "2s", "connectTime": "5s", "routerID": "10.0.0.1",
        "enableGracefulRestart": true, "ebgpMultiHop": true, "vrf": "red", "dualStackAddressFamily": true,
        "password": "secret", "connectionMode": "both", "listenPort": 1790, "nextHops": ["192.0.2.99"], "role": "customer",
    }));
    let PeerDesired { config, port, listen, source, vrf, key, router: _, limit: _, bfd: _ } =
        &*convert(peer, &[]).unwrap();
    assert_eq!((config.local_as.get(), config.router_id.to_string().as_str()), (65010, "10.0.0.1"));
    assert_eq!((config.hold_time.seconds(), config.keepalive_time), (9, Some(Duration::from_secs(2))));
    assert_eq!((config.retry.shortest, config.retry.longest), (Duration::from_secs(1), Duration::from_secs(5)));
    assert!(config.graceful_restart.is_some_and(|restart| restart.restart_time == RESTART_TIME));
    assert_eq!(config.distance, Distance::MultiHop { hops: NonZeroU8::MAX });
    assert_eq!(config.families.len(), 2);
    assert_eq!((config.connecting, *listen), (Connecting::Both, Some(1790)));
    assert_eq!(config.next_hop_ipv4, Some(Ipv4Addr::new(192, 0, 2, 99)));
    assert_eq!(config.role.map(|role| role.role), Some(bgp::Role::Customer));
    assert_eq!((*port, *source, vrf.as_deref()), (1179, Some(Ipv4Addr::new(192, 0, 2, 9).into()), Some("red")));
    assert_eq!(*key, Some(Md5Key::new(b"secret").unwrap()));
}

#[test]
fn a_distance_that_ttl_proves_is_asked_of_both_ends() {
    let settings = |hops: Option<u8>| {
        let spec =
            serde_json::json!({"myASN": 65001, "peerASN": 65000, "peerAddress": "192.0.2.1", "ttlSecurityHops": hops});
        let config = convert(checked(spec), &[]).unwrap().config.clone();
        (config.distance, config.time_to_live())
    };
    let ttl = |send, minimum| bgp::TimeToLive { send, minimum };
    assert_eq!(settings(None), (Distance::Direct, ttl(1, None)));
    assert_eq!(settings(Some(1)), (Distance::Direct, ttl(255, Some(255))));
    let two = Distance::MultiHop { hops: NonZeroU8::new(2).unwrap() };
    assert_eq!(settings(Some(2)), (two, ttl(255, Some(254))));
}

#[test]
fn routers_of_a_prefix_connect_by_themselves_and_have_its_family() {
    let spec = serde_json::json!({
        "myASN": 65001, "dynamicASN": "external", "peerPrefix": "2001:db8::/64", "peerPrefixLimit": 7,
    });
    let peer = convert(checked(spec), &[]).unwrap();
    assert_eq!((peer.listen, peer.limit, peer.config.connecting), (Some(179), 7, Connecting::Listen));
    assert_eq!(peer.config.families, BTreeSet::from([Family::Ipv6]));
}

#[test]
fn without_a_usable_password_there_is_no_session() {
    let spec = serde_json::json!({
        "myASN": 65001, "peerASN": 65000, "peerAddress": "192.0.2.1", "passwordSecret": {"name": "router"},
    });
    let fault = |secrets: &[&Secret]| convert(checked(spec.clone()), secrets).unwrap_err().to_string();
    assert!(fault(&[]).contains("Secret router is missing"));
    assert!(fault(&[&secret("Opaque", serde_json::json!({"password": "right"}))]).contains("has type \"Opaque\""));
    assert!(fault(&[&secret(PASSWORD_TYPE, serde_json::json!({}))]).contains("no entry password"));
    assert!(fault(&[&secret(PASSWORD_TYPE, serde_json::json!({"password": ""}))]).contains("0 bytes"));
    assert!(fault(&[&secret(PASSWORD_TYPE, serde_json::json!({"password": "x".repeat(81)}))]).contains("81 bytes"));
    let good = secret(PASSWORD_TYPE, serde_json::json!({"password": "right"}));
    let peer = convert(checked(spec), &[&good]).unwrap();
    assert_eq!(peer.key, Some(Md5Key::new(b"right").unwrap()));
    assert!(!format!("{peer:?}").contains("right"), "a password is never printed");
}

#[test]
fn a_peer_for_other_nodes_is_left_out() {
    let mut peer = checked(serde_json::json!({"myASN": 65001, "peerASN": 65000, "peerAddress": "192.0.2.1"}));
    let rack = serde_json::from_value(serde_json::json!({"matchLabels": {"rack": "a"}})).unwrap();
    peer.node_selectors = vec![Selector::parse(&rack).unwrap()];
    let mut config = checked::Config::default();
    config.peers.insert(peer.name.clone(), peer);
    let node = |labels: serde_json::Value| -> Node {
        serde_json::from_value(serde_json::json!({"metadata": {"name": "n1", "labels": labels}})).unwrap()
    };
    let router_id = RouterId::new(Ipv4Addr::new(192, 0, 2, 11)).unwrap();
    let count = |node: &Node| {
        let inputs = Inputs { config: &config, node: Some(node), secrets: &[], namespace: "metallb-system", router_id };
        inputs.peers().len()
    };
    assert_eq!(count(&node(serde_json::json!({"rack": "a"}))), 1);
    assert_eq!(count(&node(serde_json::json!({"rack": "b"}))), 0);
}

#[test]
fn a_router_id_is_found_for_every_node() {
    let links = |address: &str| {
        let link = crate::net::links::Link { addresses: [address.parse().unwrap()].into(), ..Default::default() };
        Links::from([(crate::net::links::LinkIndex(1), link)])
    };
    let id = |links: &Links| default_router_id("n1", None, links).to_string();
    assert_eq!(id(&links("192.0.2.11/24")), "192.0.2.11");
    let named = id(&links("127.0.0.1/8"));
    assert_eq!(named, id(&Links::new()), "loopback names nobody");
    assert_ne!(named, default_router_id("n2", None, &Links::new()).to_string());
}

#[test]
fn a_route_of_a_draining_node_asks_to_be_avoided() {
    let route = RouteAttributes { local_pref: Some(200), graceful_shutdown: true, ..RouteAttributes::default() };
    let converted = attributes(&route);
    assert!(converted.communities.contains(&bgp::Community::GRACEFUL_SHUTDOWN));
    assert_eq!(converted.local_pref, Some(0));
    let kept = attributes(&RouteAttributes { graceful_shutdown: false, ..route });
    assert_eq!((kept.local_pref, kept.communities.len()), (Some(200), 0));
}

#[test]
fn echo_is_for_ipv4_routers_on_the_link_alone() {
    let profile = checked::BfdProfile {
        name: "fast".to_owned(),
        receive_interval: Duration::from_millis(50),
        transmit_interval: Duration::from_millis(60),
        detect_multiplier: 5,
        echo_interval: Some(Duration::from_millis(70)),
        passive: true,
        minimum_ttl: 250,
    };
    let single = bfd_config(&profile, bfd::Hops::Single, Echoes::Both);
    assert_eq!((single.detect_multiplier.get(), single.role), (5, bfd::Role::Passive));
    let interval = bfd::Interval::from_millis(70).unwrap();
    let echo = |returned| bfd::EchoConfig { transmit_interval: interval, receive_interval: returned };
    for (echoes, expected) in
        [(Echoes::Both, Some(echo(Some(interval)))), (Echoes::Ours, Some(echo(None))), (Echoes::Impossible, None)]
    {
        let path = bfd_config(&profile, bfd::Hops::Single, echoes).path;
        assert_eq!(path, bfd::Path::SingleHop { echo: expected }, "{echoes:?}");
    }
    let multi = bfd_config(&profile, bfd::Hops::Multi, Echoes::Both).path;
    assert_eq!(multi, bfd::Path::MultiHop { minimum_ttl: NonZeroU8::new(250).unwrap() });
}
