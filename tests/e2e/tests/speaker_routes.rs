//! From objects of the API server to routes in a router's kernel, traffic through it, and what is told of both.

use std::{
    io::Read,
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use control_plane::{Faults, Identity, Network, pod::POD_PORT};
use e2e::{
    deployment::NAMESPACE,
    routers::Routed,
    speakers::{MINUTE, QUIET, SOON},
};

const VIP: &str = "192.0.2.130";
const WEB: &[(&str, &str)] = &[("app", "web")];

#[test]
fn every_node_is_a_next_hop_and_says_so_until_the_service_is_gone() {
    let Some(mut routed) = Routed::build(2, "") else { return };
    routed.peer("");
    routed.speak();
    let _pod = routed.cluster.nodes[0].pod("shop", "web-1", WEB);
    routed.cluster.service("web", "", &[VIP]);
    routed.expect_told(VIP, &["n1", "n2"]);
    assert_labels(&routed);
    routed.cluster.lab.eventually(SOON, "each node tells that it announces", || {
        let mut messages: Vec<_> = routed.events("nodeAssigned").iter().map(|event| event["message"].clone()).collect();
        messages.sort_by_key(ToString::to_string);
        messages == ["n1", "n2"].map(|node| format!("announcing from node \"{node}\" with protocol \"bgp\""))
    });
    expect_traffic(&routed);
    assert_metric(&routed, 0, "metallb_speaker_announced", "protocol=\"bgp\"", Some("1"));
    assert_metric(&routed, 0, "metallb_bgp_session_up", "", Some("1"));
    assert_metric(&routed, 0, "frrk8s_bgp_announced_prefixes_total", "", Some("1"));

    // The router ends the session with one node: what that node says follows, and nothing is told twice.
    routed.bird.ask("disable n1");
    routed.expect_told(VIP, &["n2"]);
    assert_metric(&routed, 0, "metallb_speaker_announced", "", None);
    routed.bird.ask("enable n1");
    routed.expect_told(VIP, &["n1", "n2"]);
    assert_eq!(routed.events("nodeAssigned").len(), 2, "a session that comes back is no news");

    routed.cluster.kubectl(&["delete", "service", "web", "--namespace=shop"]);
    routed.expect_told(VIP, &[]);
    routed.cluster.kubectl(&["delete", "bgppeer", "tor", "--namespace", NAMESPACE]);
    routed.cluster.lab.eventually(SOON, "no series stays of a peer that is gone", || {
        !routed.cluster.metrics(0).lines().any(|line| line.contains("{peer="))
    });
}

#[test]
fn where_only_local_traffic_is_allowed_the_nodes_with_endpoints_are_next_hops_and_the_client_keeps_its_address() {
    let Some(mut routed) = Routed::build(2, "") else { return };
    routed.peer("");
    routed.speak();
    let second = routed.cluster.nodes[1].pod("shop", "web-2", WEB);
    routed.cluster.service("web", "  externalTrafficPolicy: Local\n", &[VIP]);
    routed.expect_told(VIP, &["n2"]);
    let client = routed.far.link.addresses[0].addr();
    routed.cluster.lab.eventually(SOON, "the pod sees the client", || {
        greeting(&routed).is_some_and(|told| told == format!("web-2 {client}"))
    });
    let reason = routed.cluster.reason(0, "web").expect("a node that announces nothing says why");
    assert!(reason.contains("endpoint"), "{reason}");

    let _first = routed.cluster.nodes[0].pod("shop", "web-1", WEB);
    routed.expect_told(VIP, &["n1", "n2"]);
    second.ready(false);
    routed.expect_told(VIP, &["n1"]);
    routed.cluster.lab.eventually(SOON, "the other pod sees the client", || {
        greeting(&routed).is_some_and(|told| told == format!("web-1 {client}"))
    });
}

#[test]
fn a_service_that_is_scaled_to_zero_is_withdrawn_from_routers_and_comes_back() {
    let Some(mut routed) = Routed::build(2, "") else { return };
    routed.peer("");
    routed.speak();
    for (policy, expected) in [("Cluster", &["n1", "n2"] as &[_]), ("Local", &["n1"])] {
        routed.cluster.service("web", &format!("  externalTrafficPolicy: {policy}\n"), &[VIP]);
        for round in 0..2 {
            let name = format!("web-{round}-{policy}").to_lowercase();
            let pod = routed.cluster.nodes[0].pod("shop", &name, WEB);
            routed.expect_told(VIP, expected);
            pod.delete();
            routed.expect_told(VIP, &[]);
        }
        let reason = routed.cluster.reason(0, "web").expect("a node that announces nothing says why");
        assert!(reason.contains("no endpoint"), "{reason}");
    }
    let status = routed.cluster.status(0).expect("the speaker runs");
    assert_eq!(status.faults, [""; 0]);
}

#[test]
fn a_password_comes_from_a_secret_and_nothing_is_tried_without_it() {
    let Some(mut routed) = Routed::build(1, "password \"canary-right\";") else { return };
    routed.peer("passwordSecret: {name: tor}");
    routed.speak();
    let _pod = routed.cluster.nodes[0].pod("shop", "web-1", WEB);
    routed.cluster.service("web", "", &[VIP]);
    let missing = "Secret tor is missing";
    routed.cluster.lab.eventually(SOON, "the speaker names the Secret that is missing", || {
        routed.observed(0).and_then(|peer| peer.fault).is_some_and(|fault| fault.contains(missing))
    });
    routed.cluster.lab.eventually(SOON, "the state of the configuration names it as well", || {
        let state = routed.cluster.object("configurationstates", "speaker-n1");
        let text = state["status"]["errorSummary"].as_str().unwrap_or_default();
        state["status"]["result"] == "Invalid" && text.contains(missing)
    });
    assert_metric(&routed, 0, "clarion_bgp_connects_total", "", Some("0"));
    assert_eq!(routed.told().len(), 0);

    routed.cluster.control_plane.apply(&format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: tor, namespace: {NAMESPACE}}}, type: kubernetes.io/basic-auth, \
         stringData: {{password: canary-right}}}}\n"
    ));
    routed.expect_told(VIP, &["n1"]);
    routed.cluster.lab.eventually(SOON, "the state of the configuration recovers", || {
        routed.cluster.object("configurationstates", "speaker-n1")["status"]["result"] == "Valid"
    });
    let everything = [routed.cluster.metrics(0), routed.cluster.page(0, "/status").expect("the speaker lives")];
    assert!(everything.iter().all(|text| !text.contains("canary")), "passwords are kept to itself");
}

#[test]
fn neither_an_api_server_that_is_away_nor_a_speaker_that_starts_again_loses_a_probe() {
    let Some(mut routed) = Routed::build(2, "graceful restart on;") else { return };
    routed.peer("enableGracefulRestart: true");
    let mut proxy = routed.cluster.control_plane.fault_proxy();
    let identity = Identity::service_account(NAMESPACE, "clarion-speaker");
    let kubeconfig = proxy.kubeconfig(&routed.cluster.control_plane, &identity);
    for number in 0..2 {
        routed.cluster.speak_with(number, kubeconfig.clone(), &[]);
    }
    routed.cluster.wait_until_ready();
    let _pod = routed.cluster.nodes[0].pod("shop", "web-1", WEB);
    routed.cluster.service("web", "", &[VIP]);
    routed.expect_told(VIP, &["n1", "n2"]);
    routed.cluster.lab.eventually(SOON, "both nodes tell", || routed.events("nodeAssigned").len() == 2);
    expect_traffic(&routed);

    let prober = routed.prober(VIP);
    proxy.set(Faults { network: Network::Silent, ..Faults::default() });
    routed.cluster.lab.always(2 * QUIET, "both stay next hops", || routed.hops(VIP).len() == 2);
    proxy.heal();
    assert_eq!(routed.told().len(), 2, "nothing was deleted");

    for orderly in [false, true] {
        if orderly {
            routed.cluster.leave(0);
        } else {
            routed.cluster.kill(0);
        }
        thread::sleep(QUIET / 3);
        assert_eq!(routed.hops(VIP).len(), 2, "the router keeps the route of a speaker that is away");
        routed.cluster.speak_with(0, kubeconfig.clone(), &[]);
        routed.cluster.lab.eventually(2 * SOON, "the session is back", || {
            assert_eq!(routed.hops(VIP).len(), 2, "the route stays");
            routed.bird.is_up("n1")
        });
    }
    thread::sleep(QUIET / 3);
    let report = prober.stop().expect("the prober works");
    assert_eq!(report.interrupted(), 0, "{report}");
    routed.expect_told(VIP, &["n1", "n2"]);
    assert_eq!(routed.events("nodeAssigned").len(), 2, "a restart is no news");
}

#[test]
fn nothing_is_written_while_sessions_rest() {
    let Some(mut routed) = Routed::build(2, "") else { return };
    // Keepalives come every second, and are news of nothing.
    routed.peer("holdTime: 3s, keepaliveTime: 1s");
    routed.speak();
    let _pod = routed.cluster.nodes[0].pod("shop", "web-1", WEB);
    routed.cluster.service("web", "", &[VIP]);
    routed.expect_told(VIP, &["n1", "n2"]);
    routed.cluster.lab.eventually(SOON, "all that there is to tell is told", || {
        let states = routed.cluster.objects("configurationstates");
        states.iter().filter(|state| state["status"]["result"] == "Valid").count() == 2
            && routed.events("nodeAssigned").len() == 2
    });
    thread::sleep(QUIET);
    let ours = ["servicebgpstatuses", "servicel2statuses", "configurationstates", "events", "services", "bgppeers"];
    let before = routed.cluster.control_plane.requests();
    thread::sleep(MINUTE);
    let written = routed.cluster.control_plane.requests().since(&before).writes();
    let count = written.count(|request| ours.contains(&request.resource.as_str()));
    assert_eq!(count, 0, "{written:?}");
    assert_metric(&routed, 0, "clarion_bgp_sessions_established_total", "", Some("1"));
}

fn expect_traffic(routed: &Routed) {
    routed.cluster.lab.eventually(SOON, "traffic passes the router", || {
        let prober = routed.prober(VIP);
        thread::sleep(Duration::from_millis(100));
        prober.stop().is_ok_and(|report| report.lost() == 0)
    });
}

fn assert_labels(routed: &Routed) {
    for status in routed.cluster.objects("servicebgpstatuses") {
        let labels = &status["metadata"]["labels"];
        assert_eq!(labels["metallb.io/node"], status["status"]["node"]);
        assert_eq!(labels["metallb.io/service-name"], "web");
        assert_eq!(labels["metallb.io/service-namespace"], "shop");
        assert!(status["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("bgp-")));
    }
}

/// Compares the only sample of a metric of a node that has this label.
fn assert_metric(routed: &Routed, number: usize, name: &str, label: &str, value: Option<&str>) {
    let text = routed.cluster.metrics(number);
    let sample = text.lines().find(|line| line.starts_with(&format!("{name}{{")) && line.contains(label));
    assert_eq!(sample.and_then(|line| line.rsplit_once(' ')).map(|(_, value)| value), value, "{name} in\n{text}");
}

/// Returns the greeting of the pod that the far client reaches, which names the pod and the client that it sees.
fn greeting(routed: &Routed) -> Option<String> {
    routed.far.host.run(|| {
        let address = SocketAddr::new(VIP.parse().expect("written correctly"), POD_PORT);
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok()?;
        stream.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
        let mut buffer = [0; 128];
        let length = stream.read(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).trim().to_owned())
    })
}
