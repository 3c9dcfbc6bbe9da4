//! Sessions that cannot be: the reason that an operator reads, and how often a router is troubled meanwhile.

use std::{
    thread,
    time::{Duration, Instant},
};

use clarion::demo::status::Peer;
use lab::{
    Tap,
    peers::{Bird, Frr, next_hops},
    routed::{FOUR, LONGEST_RETRY, SOON, Scene, most_attempts},
};

/// Longer than several attempts at a session take.
const SEVERAL_ATTEMPTS: Duration = Duration::from_secs(5);
/// The `connectTime` of peers here that have one, which is the longest wait between two attempts.
const CONNECT_TIME: Duration = Duration::from_secs(1);

/// A router that accepts the node of [`Scene`].
const BIRD: &str = "router id 192.0.2.12;\nprotocol bgp n1 from node { local 192.0.2.12 as 65000; \
                    neighbor 192.0.2.11 as 65001; passive; ipv4 { import all; export none; }; }\n";
const PEER: &str = "peerASN: 65000, peerAddress: 192.0.2.12";

/// Returns how many connections the node began, as seen on the router's cable, whoever counts at the node.
fn attempts(tap: &Tap, since: Instant) -> usize {
    const TCP: u8 = 6;
    const SYN: u8 = 2;
    const PORT: [u8; 2] = 179_u16.to_be_bytes();
    let mut begun = Vec::new();
    for frame in tap.frames(since) {
        let Some((ethernet, packet)) = frame.split_at_checked(14) else { continue };
        let is_syn = ethernet[12..] == [0x08, 0x00] && packet.get(9) == Some(&TCP) && packet.get(33) == Some(&SYN);
        if is_syn && packet.get(22..24) == Some(&PORT) {
            // A segment that is sent again has the source port of the first.
            begun.push(packet[20..22].to_vec());
        }
    }
    begun.sort();
    begun.dedup();
    begun.len()
}

/// Lets the node try, and states that it gives the reason and tries ever more rarely, up to the longest wait given.
fn expect(scene: &mut Scene, reason: &str, longest: Duration) {
    let tap = scene.router.tap();
    let start = Instant::now();
    scene.start();
    scene.lab.eventually(SOON, reason, || scene.reason("tor").contains(reason));
    thread::sleep(SEVERAL_ATTEMPTS);
    let (seen, elapsed) = (attempts(&tap, start), start.elapsed());
    assert!((1..=most_attempts(elapsed, longest)).contains(&seen), "{seen} attempts in {elapsed:?}");
    assert!(scene.reason("tor").contains(reason), "{}", scene.reason("tor"));
    assert!(!scene.is_up("tor"));
    assert!(next_hops(&scene.router.host, FOUR).is_empty());
}

#[test]
fn a_password_that_differs_is_suspected_when_nobody_answers() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let _bird = scene.bird(&BIRD.replace("passive;", "passive; password \"right\";"));
    scene.object("v1", "Secret", "router", "type: kubernetes.io/basic-auth\nstringData: {password: wrong}");
    scene.peer("tor", &format!("{PEER}, connectTime: 1s, passwordSecret: {{name: router}}"));
    expect(&mut scene, "password", CONNECT_TIME);
}

#[test]
fn a_family_that_the_router_does_not_offer_is_named() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let _bird = scene.bird(&BIRD.replace("ipv4 {", "ipv6 {"));
    scene.peer("tor", PEER);
    expect(&mut scene, "peer does not offer IPv4", LONGEST_RETRY);
}

#[test]
fn a_router_id_that_both_ends_have_is_named() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let _bird = scene.bird(&BIRD.replace("65000", "65001"));
    // RFC 6286 §2.1: the same number in another AS would be no fault.
    scene.peer("tor", "peerASN: 65001, peerAddress: 192.0.2.12, routerID: 192.0.2.12");
    expect(&mut scene, "router ID 192.0.2.12", LONGEST_RETRY);
}

#[test]
fn a_router_that_does_not_listen_is_said_to_refuse() {
    let Some(mut scene) = Scene::build(&["n1"]) else { return };
    scene.peer("tor", PEER);
    expect(&mut scene, "refused", LONGEST_RETRY);
}

#[test]
fn a_router_that_does_not_know_us_is_said_to_hang_up() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let _bird = scene.bird(&BIRD.replace("192.0.2.11", "192.0.2.99"));
    scene.peer("tor", PEER);
    expect(&mut scene, "it may not be configured for our address", LONGEST_RETRY);
}

#[test]
fn a_router_behind_another_is_reached_by_multihop_alone() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let far = scene.far_client();
    let bird = Bird::start(
        &far.host,
        scene.lab.directory(),
        "router id 203.0.113.2;\nprotocol bgp n1 from node { local 203.0.113.2 as 65000; neighbor 192.0.2.11 as 65001; \
         multihop; passive; ipv4 { import all; export none; }; }\n",
    );
    let peer = "peerASN: 65000, peerAddress: 203.0.113.2, connectTime: 1s";
    scene.peer("tor", peer);
    expect(&mut scene, "ebgpMultiHop: true", CONNECT_TIME);
    scene.peer("tor", &format!("{peer}, ebgpMultiHop: true"));
    scene.lab.eventually(SOON, "the session is up", || bird.is_up("n1") && scene.is_up("tor"));
}

/// Starts a session over which the router hears our OPEN at most, puts the peer right, and expects the route.
fn put_right(scene: &mut Scene, right: &str) {
    scene.peer("tor", &format!("{PEER}, connectTime: 1s"));
    scene.start();
    // A router may guard a connection only after it has accepted it. Where our OPEN comes before that, it is answered
    // with a KEEPALIVE, and the session is established for us alone.
    let open = |peer: Peer| ["OpenConfirm", "Established"].contains(&peer.state.as_str());
    let stuck =
        |scene: &Scene| scene.observed("tor").is_some_and(open) && next_hops(&scene.router.host, FOUR).is_empty();
    scene.lab.eventually(SOON, "the router's OPEN arrives", || stuck(scene));
    // By now the kernel sends what nobody acknowledges ever more seldom.
    thread::sleep(SEVERAL_ATTEMPTS);
    assert!(stuck(scene), "{:?} {:?}", scene.observed("tor"), next_hops(&scene.router.host, FOUR));
    scene.peer("tor", &format!("{PEER}, connectTime: 1s, {right}"));
    // A router that was not told of the end keeps the first connection for minutes, and takes no other.
    scene.expect_route();
}

#[test]
fn bird_lets_us_in_as_soon_as_its_ttl_security_is_met() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let _bird = scene.bird(&BIRD.replace("passive;", "passive; ttl security on;"));
    put_right(&mut scene, "ttlSecurityHops: 1");
}

#[test]
fn frr_lets_us_in_as_soon_as_its_ttl_security_is_met() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Frr::is_available()) else { return };
    let neighbor = "router bgp 65000\n bgp router-id 192.0.2.12\n no bgp ebgp-requires-policy\n \
                    neighbor 192.0.2.11 remote-as 65001\n neighbor 192.0.2.11 passive\n \
                    neighbor 192.0.2.11 ttl-security hops 1\n";
    let _frr = Frr::start(&scene.router.host, scene.lab.directory(), neighbor);
    put_right(&mut scene, "ttlSecurityHops: 1");
}
