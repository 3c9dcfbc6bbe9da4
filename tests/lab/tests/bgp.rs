//! Sessions with BIRD and FRR, as an operator sees them: routes in the router's kernel, and reasons in our status.

use std::time::{Duration, Instant};

use lab::{
    manifests::Service,
    peers::{Bird, Frr, next_hops},
    routed::{FOUR, LONGEST_RETRY, SIX, SOON, Scene, most_attempts},
};

/// Longer than several attempts at a session take.
const SEVERAL_ATTEMPTS: Duration = Duration::from_secs(5);
/// Writes the Secret that the peers of these tests name.
fn password(scene: &Scene, text: &str) {
    let body = format!("type: kubernetes.io/basic-auth\nstringData: {{password: {text}}}");
    scene.object("v1", "Secret", "router", &body);
}

/// How long packets may go to a node that is cut off: twice what is promised with BFD of 50 ms x 3.
const LEG_LOST: Duration = Duration::from_millis(500);

const BIRD_V4: &str = "protocol bgp n1 from node { local 192.0.2.12 as 65000; neighbor 192.0.2.11 as 65001; \
                       ipv4 { import all; export none; }; }\n";

#[test]
fn bird_learns_routes_of_both_families_and_loses_them_with_the_last_endpoint() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let bird = scene.bird(&format!(
        "router id 192.0.2.12;\n{BIRD_V4}protocol bgp n1six from node {{ local 2001:db8:0:1::c as 65000; \
         neighbor 2001:db8:0:1::b as 65001; ipv6 {{ import all; export none; }}; }}\n"
    ));
    scene.peer("four", "peerASN: 65000, peerAddress: 192.0.2.12");
    scene.peer("six", "peerASN: 65000, peerAddress: '2001:db8:0:1::c'");
    let service = Service { endpoints: &["n1"], families: "[IPv4, IPv6]", ..Service::default() };
    scene.manifests.service(service);
    scene.start();
    scene.expect_route();
    scene.lab.eventually(SOON, "the IPv6 route is there", || !next_hops(&scene.router.host, SIX).is_empty());
    assert!(bird.is_up("n1") && bird.is_up("n1six"));
    for peer in ["four", "six"] {
        let observed = scene.observed(peer).unwrap();
        assert_eq!((observed.announced, observed.wanted, observed.asn), (1, 1, Some(65000)), "{observed:?}");
    }
    assert_eq!(scene.nodes[0].metric("metallb_bgp_session_up", &["peer=\"192.0.2.12:179\""]), 1.0);
    assert_eq!(scene.nodes[0].metric("metallb_bgp_announced_prefixes_total", &[]), 2.0);

    scene.manifests.service(Service { endpoints: &[], ..service });
    scene.lab.eventually(SOON, "both routes are withdrawn", || {
        [FOUR, SIX].iter().all(|prefix| next_hops(&scene.router.host, prefix).is_empty())
    });
    assert!(bird.is_up("n1") && bird.is_up("n1six"), "the sessions stay");
    assert_eq!(scene.nodes[0].metric("clarion_bgp_sessions_established_total", &[]), 2.0);
}

#[test]
fn a_password_is_required_right_and_never_left_out() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let guarded = BIRD_V4.replace("from node {", "from node { password \"canary-right\";");
    let _bird = scene.bird(&format!("router id 192.0.2.12;\n{guarded}"));
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, connectTime: 1s, passwordSecret: {name: router}");
    scene.start();
    scene
        .lab
        .eventually(SOON, "the missing Secret is named", || scene.reason("tor").contains("Secret router is missing"));
    assert_eq!(scene.nodes[0].metric("clarion_bgp_connects_total", &[]), 0.0, "nothing is tried without the password");

    password(&scene, "canary-wrong");
    scene.lab.eventually(SOON, "the router does not answer", || scene.reason("tor").contains("password"));
    assert!(!scene.is_up("tor"));

    password(&scene, "canary-right");
    scene.expect_route();
    let log = std::fs::read_to_string(scene.nodes[0].speaker().log()).unwrap();
    assert!(!log.contains("canary"), "the log keeps passwords to itself");
}

#[test]
fn a_router_with_ttl_security_is_reached_with_the_greatest_ttl_alone() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let secured = BIRD_V4.replace("from node {", "from node { ttl security on;");
    let _bird = scene.bird(&format!("router id 192.0.2.12;\n{secured}"));
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, connectTime: 1s, ebgpMultiHop: true");
    scene.start();
    scene.expect_route();

    // A session on the link alone is sent with TTL 1.
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, connectTime: 1s");
    let none = || next_hops(&scene.router.host, FOUR).is_empty();
    scene.lab.eventually(SOON, "the session starts anew, because its distance changed", none);
    scene.lab.always(Duration::from_secs(2), "what arrives with TTL 1 does not count", none);
}

#[test]
fn a_wrong_as_number_is_named_and_tried_again_slowly() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let _bird = scene.bird(&format!("router id 192.0.2.12;\n{}", BIRD_V4.replace("65001", "65009")));
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12");
    let start = Instant::now();
    scene.start();
    scene.lab.eventually(SOON, "the reason is told", || scene.reason("tor").contains("Bad Peer AS"));
    std::thread::sleep(SEVERAL_ATTEMPTS);
    let attempts = scene.nodes[0].metric("clarion_bgp_connects_total", &[]);
    let elapsed = start.elapsed();
    assert!(attempts >= 2.0, "it is tried again");
    assert!(attempts <= most_attempts(elapsed, LONGEST_RETRY) as f64, "{attempts} attempts in {elapsed:?}");

    // And the other way round: we expect another number than the router has.
    scene.peer("tor", "peerASN: 65007, peerAddress: 192.0.2.12");
    scene.lab.eventually(SOON, "our own reason is told", || scene.reason("tor").contains("65007"));
}

#[test]
fn bfd_takes_the_route_of_a_node_that_was_cut_off() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let watched = BIRD_V4.replace("from node {", "from node { bfd on;");
    let timers = "protocol bfd { interface \"eth0\" { interval 50 ms; multiplier 3; }; }\n";
    let bird = scene.bird(&format!("router id 192.0.2.12;\n{timers}{watched}"));
    scene.object(
        "metallb.io/v1beta1",
        "BFDProfile",
        "fast",
        "spec: {receiveInterval: 50, transmitInterval: 50, detectMultiplier: 3}",
    );
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, connectTime: 1s, bfdProfile: fast");
    scene.start();
    scene.expect_route();
    let up = || scene.nodes[0].try_metric("metallb_bfd_session_up", &[]) == Some(1.0);
    scene.lab.eventually(SOON, "BFD is up", || up() && bird.ask("show bfd sessions").contains("Up"));

    scene.nodes[0].cut();
    let gone = scene.lab.eventually(SOON, "the router takes the leg out", || !scene.has(FOUR, "192.0.2.11"));
    assert!(gone < LEG_LOST, "the leg was there for {gone:?}");
    scene.lab.eventually(SOON, "our side has noticed", || scene.reason("tor").contains("BFD"));
    scene.nodes[0].heal();
    scene.expect_route();

    scene.lab.eventually(SOON, "BFD is up again", up);
    bird.hang();
    scene.lab.eventually(SOON, "a router that hangs is noticed", || !scene.is_up("tor"));
    bird.resume();
    scene.expect_route();
}

const FRR: &str = "router bgp 65000\n bgp router-id 192.0.2.12\n no bgp ebgp-requires-policy\n \
                   no bgp default ipv4-unicast\n timers connect 1\n";

#[test]
fn frr_takes_both_families_over_one_session_that_bfd_watches() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Frr::is_available()) else { return };
    let session = " neighbor 192.0.2.11 remote-as 65001\n neighbor 192.0.2.11 bfd\n \
                   address-family ipv4 unicast\n  neighbor 192.0.2.11 activate\n exit-address-family\n \
                   address-family ipv6 unicast\n  neighbor 192.0.2.11 activate\n exit-address-family\n";
    let frr = Frr::start(&scene.router.host, scene.lab.directory(), &format!("{FRR}{session}"));
    scene.object("metallb.io/v1beta1", "BFDProfile", "plain", "spec: {}");
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, dualStackAddressFamily: true, bfdProfile: plain");
    scene.manifests.service(Service { endpoints: &["n1"], families: "[IPv4, IPv6]", ..Service::default() });
    scene.start();
    scene.expect_route();
    scene.lab.eventually(SOON, "the IPv6 route is there", || !next_hops(&scene.router.host, SIX).is_empty());
    scene.lab.eventually(SOON, "BFD is up at both ends", || {
        scene.observed("tor").is_some_and(|peer| peer.bfd.as_deref() == Some("Up"))
            && frr.ask("show bfd peers").contains("Status: up")
    });
    assert!(frr.is_up("192.0.2.11"));
}

#[test]
fn frr_finds_us_on_an_unnumbered_link() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Frr::is_available()) else { return };
    let session = " neighbor eth0 interface remote-as external\n \
                   address-family ipv4 unicast\n  neighbor eth0 activate\n exit-address-family\n \
                   address-family ipv6 unicast\n  neighbor eth0 activate\n exit-address-family\n";
    let frr = Frr::start(&scene.router.host, scene.lab.directory(), &format!("{FRR}{session}"));
    scene.peer("tor", "dynamicASN: external, interface: eth0, connectTime: 1s");
    scene.manifests.service(Service { endpoints: &["n1"], families: "[IPv4, IPv6]", ..Service::default() });
    scene.start();
    scene.lab.eventually(SOON, "the session is up", || frr.is_up("eth0") && scene.is_up("tor"));
    scene.lab.eventually(SOON, "both routes are there", || {
        [FOUR, SIX].iter().all(|prefix| !next_hops(&scene.router.host, prefix).is_empty())
    });
    assert_eq!(scene.observed("tor").unwrap().asn, Some(65000));
}
