//! What becomes of routes while a speaker is away, and of sessions when it is back.

use std::time::Duration;

use lab::{
    peers::{Bird, Frr, next_hops},
    routed::{FOUR, SOON, Scene},
};

const BIRD_V4: &str = "protocol bgp n1 from node { local 192.0.2.12 as 65000; neighbor 192.0.2.11 as 65001; \
                       ipv4 { import all; export none; }; }\n";
const PEER: &str = "peerASN: 65000, peerAddress: 192.0.2.12, connectTime: 1s";

/// Writes FRR's side of the session, with one more line for the neighbour.
fn frr(option: &str) -> String {
    format!(
        "router bgp 65000\n bgp router-id 192.0.2.12\n no bgp ebgp-requires-policy\n timers connect 1\n \
         neighbor 192.0.2.11 remote-as 65001\n {option}\n"
    )
}

#[test]
fn graceful_restart_keeps_the_route_over_a_crash_and_over_a_restart_in_order() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let bird = scene.bird(&format!(
        "router id 192.0.2.12;\n{}",
        BIRD_V4.replace("from node {", "from node { graceful restart on;")
    ));
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12, enableGracefulRestart: true");
    scene.start();
    scene.expect_route();
    for orderly in [false, true] {
        scene.lab.eventually(SOON, "the router is told everything", || scene.is_up("tor"));
        if orderly {
            scene.nodes[0].leave();
        } else {
            scene.nodes[0].kill();
        }
        let kept = || scene.has(FOUR, "192.0.2.11");
        scene.lab.always(Duration::from_millis(500), "the route stays while the process is away", kept);
        assert!(!bird.is_up("n1"));
        scene.start();
        let kept = || scene.has(FOUR, "192.0.2.11");
        scene.lab.eventually(SOON, "the session is back", || {
            assert!(kept(), "the route stays until the process is back");
            bird.is_up("n1")
        });
        scene.lab.always(Duration::from_millis(500), "the route stays afterwards", kept);
    }
}

#[test]
fn without_graceful_restart_the_routes_go_with_the_process() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let bird = scene.bird(&format!("router id 192.0.2.12;\n{BIRD_V4}"));
    scene.peer("tor", "peerASN: 65000, peerAddress: 192.0.2.12");
    scene.start();
    scene.expect_route();
    scene.nodes[0].leave();
    scene.lab.eventually(SOON, "the route is gone", || next_hops(&scene.router.host, FOUR).is_empty());
    let words = bird.ask("show protocols all n1");
    assert!(words.contains("Received: Administrative reset"), "{words}");
}

#[test]
fn the_only_node_that_restarts_without_graceful_restart_is_back_in_both_routers_every_time() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Bird::is_available()) else { return };
    let _bird = scene.bird(&format!("router id 192.0.2.12;\n{BIRD_V4}"));
    restart_repeatedly(&mut scene);
}

#[test]
fn frr_too_takes_the_only_node_back_every_time() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Frr::is_available()) else { return };
    let _frr = Frr::start(&scene.router.host, scene.lab.directory(), &frr(""));
    restart_repeatedly(&mut scene);
}

/// Ends the speaker in both ways, and expects the routes to go and to come back.
fn restart_repeatedly(scene: &mut Scene) {
    scene.peer("tor", PEER);
    scene.start();
    for orderly in [true, false, true] {
        scene.expect_route();
        if orderly {
            scene.nodes[0].leave();
        } else {
            scene.nodes[0].kill();
        }
        scene.lab.eventually(SOON, "the route is gone", || next_hops(&scene.router.host, FOUR).is_empty());
        scene.start();
    }
    scene.expect_route();
    scene.lab.eventually(SOON, "both ends agree", || scene.is_up("tor"));
}

#[test]
fn frr_that_heeds_the_c_bit_keeps_the_routes_over_a_restart_that_bfd_sees() {
    let Some(mut scene) = Scene::build(&["n1"]).filter(|_| Frr::is_available()) else { return };
    let far = scene.far_client();
    let heeding = frr("neighbor 192.0.2.11 bfd check-control-plane-failure");
    let frr = Frr::start(&scene.router.host, scene.lab.directory(), &heeding);
    let profile = "spec: {receiveInterval: 100, transmitInterval: 100, detectMultiplier: 3}";
    scene.object("metallb.io/v1beta1", "BFDProfile", "fast", profile);
    scene.peer("tor", &format!("{PEER}, bfdProfile: fast, enableGracefulRestart: true"));
    scene.start();
    scene.expect_route();
    let prober = far.prober(FOUR.parse().expect("an address"));
    for orderly in [false, true] {
        let both_up = || scene.is_up("tor") && frr.ask("show bfd peers").contains("Status: up");
        scene.lab.eventually(SOON, "session and path are up", both_up);
        if orderly {
            scene.nodes[0].leave();
        } else {
            scene.nodes[0].kill();
        }
        let kept = || scene.has(FOUR, "192.0.2.11");
        scene.lab.eventually(SOON, "BFD misses the node", || {
            assert!(kept(), "RFC 5882 4.3: a control plane that restarts takes its BFD along, which proves nothing");
            !frr.ask("show bfd peers").contains("Status: up")
        });
        scene.start();
        scene.lab.eventually(SOON, "the session is back", || {
            assert!(scene.has(FOUR, "192.0.2.11"), "the route stays");
            frr.is_up("192.0.2.11")
        });
    }
    let report = prober.stop().expect("the prober works");
    assert_eq!(report.lost(), 0, "{report}");
}
