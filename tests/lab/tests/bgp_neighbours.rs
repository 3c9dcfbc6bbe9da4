//! Sessions beyond MetalLB's: attributes of a route, who connects, how near a router is, and what watches it.

use std::{process::Command, time::Duration};

use lab::{
    Client, Lab, Manifests,
    manifests::Service,
    peers::{Bird, Frr},
    routed::{FOUR, SOON, Scene},
};

/// Longer than several attempts at a session take, and than a collision takes to be resolved.
const A_WHILE: Duration = Duration::from_secs(3);
const BIRD: &str = "router id 192.0.2.12;\n";

/// Writes the protocol of BIRD for the first node, with options of its own.
fn protocol(name: &str, last: u8, options: &str) -> String {
    format!(
        "protocol bgp {name} from node {{ local 192.0.2.{last} as 65000; neighbor 192.0.2.11 port 1790 as 65001; {options} \
         ipv4 {{ import all; export none; }}; }}\n"
    )
}

/// Writes the same for a router that only waits.
fn waiting(options: &str) -> String {
    protocol("n1", 12, &format!("passive on; {options}"))
}

fn connects(scene: &Scene) -> f64 {
    scene.nodes[0].metric("clarion_bgp_connects_total", &[])
}

#[test]
fn med_prepending_bandwidth_and_next_hop_reach_the_router() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let bird = scene.bird(&format!("{BIRD}{}", waiting("local role provider;")));
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, role: customer, nextHops: [192.0.2.77]");
    scene.advertisement("{ipAddressPools: [lan], med: 20, asPathPrepend: 2, bandwidthPerEndpoint: 8}");
    let local = Service { endpoints: &["n1", "n1"], traffic_policy: "Local", ..Service::default() };
    scene.manifests.service(local);
    scene.start();
    scene.lab.eventually(SOON, "the route leads to the other next hop", || scene.has(FOUR, "192.0.2.77"));
    let route = bird.ask("show route all");
    // Two endpoints of 8 Mbit/s are 2,000,000 bytes per second, as a float (draft-ietf-idr-link-bandwidth): 0x49f42400.
    for word in ["BGP.med: 20", "BGP.as_path: 65001 65001 65001\n", "0x4004, 65001, 1240736768)"] {
        assert!(route.contains(word), "{word} in {route}");
    }
    assert!(bird.ask("show protocols all n1").contains("customer"), "the role is agreed on");

    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, role: provider, connectTime: 1s");
    scene.lab.eventually(SOON, "two providers cannot agree", || scene.reason("tor").contains("Role Mismatch"));
}

#[test]
fn a_router_that_proves_how_near_it_is_is_heard() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let _bird = scene.bird(&format!("{BIRD}{}", waiting("ttl security on;")));
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, ttlSecurityHops: 1, connectTime: 1s");
    scene.start();
    scene.expect_route();
}

#[test]
fn a_router_that_does_not_is_not() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let bird = scene.bird(&format!("{BIRD}{}", waiting("multihop 64;")));
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, ttlSecurityHops: 1, connectTime: 1s");
    scene.start();
    scene.lab.eventually(SOON, "we try", || connects(&scene) > 0.0);
    scene
        .lab
        .always(A_WHILE, "what arrives with a lower TTL does not count", || !scene.is_up("tor") && !bird.is_up("n1"));
}

#[test]
fn a_passive_peer_waits_for_its_router_and_turns_strangers_away() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let _bird = scene.bird(&format!("{BIRD}{}", protocol("n1", 12, "password \"right\";")));
    let peer = |scene: &Scene, password: &str| {
        let tail = format!("connectionMode: passive, listenPort: 1790, password: {password}");
        scene.peer("tor", &format!("peerASN: 65000, peerAddress: 192.0.2.12, {tail}"));
    };
    peer(&scene, "wrong");
    scene.start();
    let listens = || {
        let stranger = "exec 3<>/dev/tcp/127.0.0.1/1790 || exit 1; head -c 1 <&3 | wc -c";
        let output = scene.nodes[0].host.output(Command::new("bash").args(["-c", stranger])).expect("bash runs");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    scene.lab.eventually(SOON, "a stranger is answered by nothing but the end", || listens().as_deref() == Some("0"));
    let log = || std::fs::read_to_string(scene.nodes[0].speaker().log()).unwrap_or_default();
    scene.lab.eventually(SOON, "the log says so", || log().contains("a connection is turned away"));
    scene.lab.always(A_WHILE, "a wrong password is not answered", || !scene.is_up("tor"));

    peer(&scene, "right");
    scene.expect_route();
    assert_eq!(connects(&scene), 0.0, "we never connected");
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, password: right");
    scene.lab.eventually(SOON, "nobody waits any more, so nobody listens", || listens().is_none());
}

#[test]
fn two_sides_that_both_connect_end_up_with_one_session() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let bird = scene.bird(&format!("{BIRD}{}", protocol("n1", 12, "")));
    scene.peer(
        "tor",
        "peerASN: 65000, peerAddress: 192.0.2.12, connectionMode: both, listenPort: 1790, connectTime: 1s",
    );
    scene.start();
    scene.expect_route();
    let established = || scene.nodes[0].metric("clarion_bgp_sessions_established_total", &[]);
    scene.lab.always(A_WHILE, "the session that was kept stays", || scene.is_up("tor") && bird.is_up("n1"));
    assert!((1.0..=2.0).contains(&established()), "{} sessions", established());
}

#[test]
fn routers_of_a_prefix_come_in_up_to_the_limit_and_leave_their_place_to_others() {
    let Some((mut scene, others)) = rack().filter(|_| Bird::is_available()) else { return };
    let hosts = [&scene.router.host, &others[0].host, &others[1].host];
    let birds = [12_u8, 13, 14].iter().zip(hosts).map(|(last, host)| {
        let text = format!("router id 192.0.2.{last};\n{}", protocol("n1", *last, ""));
        Bird::start(host, scene.lab.directory(), &text)
    });
    let birds: Vec<_> = birds.collect();
    scene.peer(
        "rack",
        "dynamicASN: external, peerPrefix: 192.0.2.0/26, peerPrefixLimit: 2, listenPort: 1790, connectTime: 1s",
    );
    scene.start();
    let up = || (0..3).filter(|number| birds[*number].is_up("n1")).collect::<Vec<_>>();
    scene.lab.eventually(SOON, "two come in, and the third is named", || {
        up().len() == 2 && scene.reason("rack").contains("peerPrefixLimit")
    });
    let sessions = scene.nodes[0].status().expect("the speaker answers").peers;
    assert_eq!(sessions.len(), 2);
    assert!(sessions.iter().all(|peer| peer.name == "rack" && peer.asn == Some(65000)), "{sessions:?}");

    let first = up()[0];
    birds[first].ask("disable n1");
    scene.lab.eventually(SOON, "the third takes the place of the first", || up().len() == 2 && !up().contains(&first));
    scene.manifests.remove("bgppeer-rack.yaml");
    scene.lab.eventually(SOON, "without the peer there is no session", || up().is_empty());
}

/// Builds a scene with two more routers on its switch.
fn rack() -> Option<(Scene, [Client; 2])> {
    let lab = Lab::new()?;
    let lan = lab.bridge("lan");
    let nodes = vec![lab.node("n1", &lan)];
    let [router, second, third] = ["r1", "r2", "r3"].map(|name| lab.client(name, &lan));
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1"]);
    manifests.remove("advertisement-lan.yaml");
    manifests.service(Service { endpoints: &["n1"], ..Service::default() });
    let scene = Scene { nodes, router, manifests, lab };
    scene.advertisement("{ipAddressPools: [lan]}");
    Some((scene, [second, third]))
}

/// Writes a BFDProfile.
fn profile(scene: &Scene, specification: &str) {
    scene.object("metallb.io/v1beta1", "BFDProfile", "watch", &format!("spec: {specification}"));
}

#[test]
fn bfd_with_frr_negotiates_both_directions_and_echoes() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Frr::is_available()) else { return };
    let session = "router bgp 65000\n bgp router-id 192.0.2.12\n no bgp ebgp-requires-policy\n \
                   neighbor 192.0.2.11 remote-as 65001\n neighbor 192.0.2.11 bfd profile watch\n";
    let paths = "bfd\n profile watch\n  detect-multiplier 4\n  receive-interval 200\n  transmit-interval 250\n  \
                 echo-mode\n  echo transmit-interval 60\n  echo receive-interval 60\n";
    let frr = Frr::with_bfd(&scene.router.host, scene.lab.directory(), session, paths);
    let intervals = "receiveInterval: 300, transmitInterval: 150, detectMultiplier: 5";
    profile(&scene, &format!("{{{intervals}}}"));
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, connectTime: 1s, bfdProfile: watch");
    scene.start();
    scene.expect_route();
    // Echoes are forwarded back by the other side's kernel.
    scene.router.host.set("ipv4/ip_forward", "1").expect("a router can be made");
    scene.nodes[0].host.set("ipv4/conf/eth0/forwarding", "0").expect("a host can be made");
    let seen = || frr.ask("show bfd peers json").replace(' ', "");
    scene.lab.eventually(SOON, "each side knows the other's settings", || {
        let seen = seen();
        [
            "\"status\":\"up\"",
            "\"remote-receive-interval\":300",
            "\"remote-transmit-interval\":150",
            "\"remote-detect-multiplier\":5",
        ]
        .iter()
        .all(|word| seen.contains(word))
    });
    profile(&scene, &format!("{{{intervals}, echoMode: true, echoInterval: 100}}"));
    let echoes = || scene.nodes[0].try_metric("metallb_bfd_echo_packet_input", &[]);
    scene.lab.eventually(SOON, "echoes come back", || echoes() > Some(0.0));
    let asks_for = |interval: &str| seen().contains(&format!("\"remote-echo-receive-interval\":{interval}"));
    scene.lab.always(A_WHILE, "a node that does not forward asks for none", || asks_for("0"));
    scene.nodes[0].host.set("ipv4/conf/eth0/forwarding", "1").expect("a host can forward");
    profile(&scene, &format!("{{{intervals}, echoMode: true, echoInterval: 110}}"));
    scene.lab.eventually(SOON, "a node that forwards asks for the router's echoes too", || asks_for("110"));
    let downs = || scene.nodes[0].metric("metallb_bfd_session_down_events", &[]);
    scene.lab.always(A_WHILE, "the session outlives the change", || scene.is_up("tor") && downs() == 0.0);

    frr.hang();
    let gone = scene.lab.eventually(SOON, "a router that hangs is noticed", || !scene.is_up("tor"));
    // Its kernel goes on to send our echoes back. Twice four of its packets, which come every second as long as there are echoes
    // (RFC 5880 §6.8.3).
    assert!(gone < Duration::from_secs(8), "{gone:?}");
    assert!(scene.reason("tor").contains("BFD"), "{}", scene.reason("tor"));
}

#[test]
fn bfd_watches_a_router_behind_another_one() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let far = scene.far_client();
    let bird = Bird::start(
        &far.host,
        scene.lab.directory(),
        "router id 203.0.113.2;\nprotocol bfd { multihop { interval 100 ms; multiplier 5; passive off; }; }\n\
         protocol bgp n1 from node { local 203.0.113.2 as 65000; neighbor 192.0.2.11 as 65001; multihop 5; bfd on; \
         ipv4 { import all; export none; }; }\n",
    );
    let watch = |scene: &Scene, minimum: u8| {
        let intervals = "receiveInterval: 200, transmitInterval: 50, detectMultiplier: 5";
        profile(scene, &format!("{{{intervals}, minimumTtl: {minimum}}}"));
    };
    // BIRD sends with the kernel's TTL of 64, one of which the router between the two takes away.
    watch(&scene, 64);
    scene.peer(
        "far",
        "peerASN: 65000, peerAddress: 203.0.113.2, ebgpMultiHop: true, connectTime: 1s, bfdProfile: watch",
    );
    scene.start();
    let discards = || scene.nodes[0].try_metric("clarion_bfd_discards_total", &[]);
    scene.lab.eventually(SOON, "what has come from too far away is discarded", || discards() > Some(0.0));
    let up = || scene.observed("far").is_some_and(|peer| peer.bfd.as_deref() == Some("Up"));
    scene.lab.always(A_WHILE, "and never counts", || !up());
    watch(&scene, 63);
    scene.lab.eventually(SOON, "both sides see each other", || {
        up() && bird.is_up("n1") && bird.ask("show bfd sessions").contains("Up")
    });
    // BIRD sends at the slower of its own interval and ours: its transmissions every 200 ms, which we asked for.
    let sessions = bird.ask("show bfd sessions");
    assert!(sessions.contains("0.200"), "{sessions}");

    bird.hang();
    let gone = scene.lab.eventually(SOON, "a router that hangs is noticed", || !scene.is_up("far"));
    // Twice five packets that come every 200 ms.
    assert!(gone < Duration::from_secs(2), "{gone:?}");
    bird.resume();
    scene.lab.eventually(SOON, "the session is back", || up() && scene.is_up("far"));
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test must say so in its output")]
fn a_session_in_a_vrf_is_opened_through_its_device() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    if scene.nodes[0].host.ip("link add red type vrf table 10\n").is_err() {
        eprintln!("skipped: this kernel has no VRF (CONFIG_NET_VRF)");
        return;
    }
    let _bird = scene.bird(&format!("{BIRD}{}", waiting("")));
    scene.nodes[0].host.ip("link set red up\nlink set eth0 master red\n").expect("a link can be put into a VRF");
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, connectTime: 1s, vrf: red");
    scene.start();
    scene.expect_route();
}
