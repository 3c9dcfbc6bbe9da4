//! What GoBGP and ExaBGP read out of our messages.

use lab::{
    manifests::Service,
    peers::{Exabgp, Gobgp, Learned},
    routed::{SOON, Scene},
};

/// The addresses of the first Service, as routers see them.
const PREFIX: &str = "192.0.2.128/32";
const PREFIX_V6: &str = "2001:db8:0:1::1:1/128";

const BOTH: Service<'_> =
    Service { name: "web", families: "[IPv4, IPv6]", traffic_policy: "Cluster", endpoints: &["n1"], annotations: "{}" };

const GOBGP_FAMILIES: &str = "[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ipv4-unicast\"\n\
                              [[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ipv6-unicast\"\n";

/// Writes what the advertisement sends along, with a local preference.
fn advertise(scene: &Scene, preference: u32) {
    scene.object("metallb.io/v1beta1", "Community", "names", "spec: {communities: [{name: blue, value: '65001:7'}]}");
    scene.advertisement(&format!(
        "{{ipAddressPools: [lan], localPref: {preference}, med: 20, communities: [blue, '65535:65281', 'large:65001:1:2']}}"
    ));
}

#[test]
fn gobgp_reads_the_attributes_for_an_internal_peer_in_both_families_over_one_session() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Gobgp::is_available()) else { return };
    let neighbor = "[[neighbors]]\n[neighbors.config]\nneighbor-address = \"192.0.2.11\"\npeer-as = 65001\n\
                    [neighbors.transport.config]\npassive-mode = true\n";
    let gobgp = Gobgp::start(
        &scene.router.host,
        scene.lab.directory(),
        &format!("[global.config]\nas = 65001\nrouter-id = \"192.0.2.12\"\n{neighbor}{GOBGP_FAMILIES}"),
    );
    scene.peer("tor", "peerASN: 65001, peerAddress: 192.0.2.12, dualStackAddressFamily: true, connectTime: 1s");
    scene.manifests.service(BOTH);
    advertise(&scene, 150);
    scene.start();

    let expected = |next_hop: &str, preference| {
        Some(Learned {
            next_hop: next_hop.parse().ok(),
            as_path: vec![],
            local_pref: Some(preference),
            med: Some(20),
            communities: vec!["65001:7".to_owned(), "65535:65281".to_owned()],
            large_communities: vec!["65001:1:2".to_owned()],
        })
    };
    scene.lab.eventually(SOON, "both routes are there", || {
        gobgp.route(PREFIX).is_some() && gobgp.route(PREFIX_V6).is_some()
    });
    assert_eq!(gobgp.route(PREFIX), expected("192.0.2.11", 150));
    assert_eq!(gobgp.route(PREFIX_V6), expected("2001:db8:0:1::b", 150));

    advertise(&scene, 250);
    scene.lab.eventually(SOON, "the new preference is known", || {
        gobgp.route(PREFIX) == expected("192.0.2.11", 250) && gobgp.route(PREFIX_V6) == expected("2001:db8:0:1::b", 250)
    });
    scene.manifests.service(Service { endpoints: &[], ..BOTH });
    scene.lab.eventually(SOON, "both routes are withdrawn", || {
        gobgp.route(PREFIX).is_none() && gobgp.route(PREFIX_V6).is_none()
    });
    assert!(gobgp.is_up("192.0.2.11"));
    assert_eq!(scene.nodes[0].metric("clarion_bgp_sessions_established_total", &[]), 1.0, "no edit began it anew");
}

#[test]
fn gobgp_takes_us_by_our_subnet_and_tells_its_four_octet_number() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Gobgp::is_available()) else { return };
    let group = "[[peer-groups]]\n[peer-groups.config]\npeer-group-name = \"nodes\"\npeer-as = 4200000001\n\
                 auth-password = \"between routers\"\n\
                 [[peer-groups.afi-safis]]\n[peer-groups.afi-safis.config]\nafi-safi-name = \"ipv4-unicast\"\n\
                 [[dynamic-neighbors]]\n[dynamic-neighbors.config]\nprefix = \"192.0.2.0/24\"\npeer-group = \"nodes\"\n";
    let gobgp = Gobgp::start(
        &scene.router.host,
        scene.lab.directory(),
        &format!("[global.config]\nas = 4200000002\nrouter-id = \"192.0.2.12\"\n{group}"),
    );
    let secret = "type: kubernetes.io/basic-auth\nstringData: {password: between routers}";
    scene.object("v1", "Secret", "router", secret);
    let peer = "dynamicASN: external, peerAddress: 192.0.2.12, connectTime: 1s, passwordSecret: {name: router}";
    scene.peer_of(4_200_000_001, "tor", peer);
    scene.start();
    scene.lab.eventually(SOON, "the route is there", || gobgp.route(PREFIX).is_some());
    let learned = gobgp.route(PREFIX).unwrap();
    assert_eq!(
        (learned.as_path, learned.local_pref),
        (vec![4_200_000_001], None),
        "an external peer gets no preference"
    );
    assert_eq!(scene.observed("tor").unwrap().asn, Some(4_200_000_002));
}

#[test]
fn exabgp_with_two_octet_numbers_learns_our_four_octet_number_all_the_same() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Exabgp::is_available()) else { return };
    // What a router of two octets knows of a greater number is 23456 (RFC 6793 §9).
    let specification = "router-id 192.0.2.12; local-as 65000; peer-as 23456; hold-time 30; capability { asn4 disable; } \
                         family { ipv4 unicast; ipv6 unicast; }";
    let exabgp = Exabgp::start(&scene.router.host, scene.lab.directory(), "192.0.2.12", "192.0.2.11", specification);
    let peer = "peerASN: 65000, peerAddress: 192.0.2.12, dualStackAddressFamily: true, connectTime: 1s";
    scene.peer_of(4_200_000_001, "tor", peer);
    scene.manifests.service(BOTH);
    advertise(&scene, 150);
    scene.start();
    scene.lab.eventually(SOON, "both routes are there", || exabgp.routes().len() == 2);
    for (prefix, next_hop) in [(PREFIX, "192.0.2.11"), (PREFIX_V6, "2001:db8:0:1::b")] {
        let learned = exabgp.routes().remove(prefix).unwrap();
        assert_eq!(learned.next_hop, next_hop.parse().ok());
        assert_eq!(learned.as_path, [4_200_000_001], "the whole number comes in AS4_PATH");
        assert_eq!(learned.communities, ["65001:7", "65535:65281"]);
        assert_eq!(learned.large_communities, ["65001:1:2"]);
        assert_eq!((learned.local_pref, learned.med), (None, Some(20)));
    }

    scene.manifests.service(Service { endpoints: &[], ..BOTH });
    scene.lab.eventually(SOON, "both routes are withdrawn", || exabgp.routes().is_empty());
    assert!(exabgp.is_up());
}

#[test]
fn exabgp_with_one_family_gets_that_family_alone() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Exabgp::is_available()) else { return };
    let specification = "router-id 192.0.2.12; local-as 65000; peer-as 65001; hold-time 30; family { ipv6 unicast; }";
    let exabgp = Exabgp::start(&scene.router.host, scene.lab.directory(), "192.0.2.12", "192.0.2.11", specification);
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, dualStackAddressFamily: true, connectTime: 1s");
    scene.manifests.service(BOTH);
    scene.start();
    scene.lab.eventually(SOON, "the route is there", || exabgp.routes().contains_key(PREFIX_V6));
    assert!(!exabgp.routes().contains_key(PREFIX));
    assert!(scene.is_up("tor") && exabgp.is_up());
}
