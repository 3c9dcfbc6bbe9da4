//! From objects of the API server to traffic that reaches pods, and who may announce.

use std::{net::IpAddr, time::Duration};

use control_plane::Mode;
use e2e::speakers::{Cluster, QUIET, SOON};

const FOUR: &str = "192.0.2.130";
const SIX: &str = "2001:db8:0:1::1:30";

#[test]
fn traffic_of_both_families_reaches_pods_behind_kube_proxy_with_nftables() {
    traffic_of_both_families_reaches_pods(Mode::Nftables);
}

#[test]
fn traffic_of_both_families_reaches_pods_behind_kube_proxy_with_iptables() {
    traffic_of_both_families_reaches_pods(Mode::Iptables);
}

fn traffic_of_both_families_reaches_pods(mode: Mode) {
    let Some(mut cluster) = Cluster::build(2, mode) else { return };
    cluster.announce();
    cluster.speak(0, &[]);
    cluster.speak(1, &[]);
    cluster.wait_until_ready();
    let _pods = [cluster.nodes[0].pod("shop", "web-1", WEB), cluster.nodes[1].pod("shop", "web-2", WEB)];
    cluster.service("web", "  ipFamilyPolicy: RequireDualStack\n", &[FOUR, SIX]);
    for vip in [ip(FOUR), ip(SIX)] {
        cluster.lab.eventually(SOON, &format!("a pod answers at {vip}"), || cluster.greeting(vip).is_some());
        let prober = cluster.client.prober(vip);
        std::thread::sleep(QUIET);
        let report = prober.stop().expect("the prober works");
        let gap = report.longest_gap().expect("the prober asked").length;
        assert!(gap < Duration::from_millis(900), "{vip} was silent for {gap:?}");
    }
}

#[test]
fn the_client_keeps_its_address_where_only_local_traffic_is_allowed() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let pod = cluster.nodes[1].pod("shop", "web-1", WEB);
    cluster.service("web", "  externalTrafficPolicy: Local\n", &[FOUR]);
    assert_eq!(cluster.settled_owner(ip(FOUR)), 1, "the only node with a pod announces");
    let client = cluster.client.address_like(ip(FOUR));
    cluster.lab.eventually(SOON, "the pod sees the client", || {
        cluster.greeting(ip(FOUR)).is_some_and(|told| told == format!("web-1 {client}"))
    });
    // The pod moves to the other node, and the address with it.
    let _other = cluster.nodes[0].pod("shop", "web-2", WEB);
    pod.ready(false);
    cluster.lab.eventually(SOON, "the address follows the endpoint", || cluster.owner(ip(FOUR)) == Some(0));
    cluster.assert_answered_by(0, ip(FOUR));
    cluster.client.forget(ip(FOUR));
    cluster.lab.eventually(SOON, "the other pod sees the client", || {
        cluster.greeting(ip(FOUR)).is_some_and(|told| told == format!("web-2 {client}"))
    });
}

#[test]
fn a_service_without_endpoints_is_not_announced_and_is_as_soon_as_one_is_ready() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let pod = cluster.nodes[0].pod("shop", "web-1", WEB);
    cluster.service("web", "", &[FOUR]);
    cluster.settled_owner(ip(FOUR));
    pod.ready(false);
    cluster.expect_silence(ip(FOUR));
    let why = cluster.reason(0, "web").expect("a Service that is not announced has a reason");
    assert!(why.contains("endpoint"), "{why}");
    pod.ready(true);
    cluster.settled_owner(ip(FOUR));
}

#[test]
fn a_service_that_is_scaled_to_zero_is_withdrawn_and_comes_back() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    for policy in ["Cluster", "Local"] {
        // The placeholder that the real controller writes for a selector without pods is no fault.
        cluster.service("web", &format!("  externalTrafficPolicy: {policy}\n"), &[FOUR]);
        let no_endpoints = |cluster: &Cluster| {
            (0..2).all(|number| cluster.reason(number, "web").is_some_and(|why| why.contains("no endpoint")))
        };
        cluster.lab.eventually(SOON, "the reason is told", || no_endpoints(&cluster));
        for round in 0..2 {
            let pod = cluster.nodes[round].pod("shop", &format!("web-{round}-{policy}").to_lowercase(), WEB);
            let owner = cluster.settled_owner(ip(FOUR));
            assert!(policy == "Cluster" || owner == round, "node {owner} has no pod");
            pod.delete();
            cluster.expect_silence(ip(FOUR));
            cluster.lab.eventually(SOON, "the reason is told", || no_endpoints(&cluster));
        }
    }
    for number in 0..2 {
        let status = cluster.status(number).expect("the speaker runs");
        assert_eq!(status.faults, [""; 0]);
        let log = cluster.lab.directory().join(format!("{}.speaker.log", cluster.nodes[number].name()));
        let log = std::fs::read_to_string(log).expect("the speaker logs");
        assert!(!log.contains("cannot be read"), "{log}");
    }
}

#[test]
fn labels_of_nodes_decide_who_announces() {
    let Some(mut cluster) = Cluster::start(2) else { return };
    let _pod = cluster.nodes[0].pod("shop", "web-1", WEB);
    cluster.service("web", "", &[FOUR]);
    let owner = cluster.settled_owner(ip(FOUR));
    let name = cluster.nodes[owner].name().to_owned();
    let label = "node.kubernetes.io/exclude-from-external-load-balancers";
    cluster.kubectl(&["label", "node", &name, &format!("{label}=")]);
    cluster.lab.eventually(SOON, "the other node answers", || cluster.owner(ip(FOUR)) == Some(1 - owner));
    // Nothing fails back.
    cluster.kubectl(&["label", "node", &name, &format!("{label}-")]);
    cluster.lab.always(QUIET, "the other node goes on answering", || cluster.owner(ip(FOUR)) == Some(1 - owner));
    // An advertisement that selects the first node alone moves the address there.
    cluster.advertise(&format!("{{nodeSelectors: [{{matchLabels: {{kubernetes.io/hostname: {name}}}}}]}}"));
    cluster.lab.eventually(SOON, "the selected node answers", || cluster.owner(ip(FOUR)) == Some(owner));
    cluster.assert_answered_by(owner, ip(FOUR));
}

#[test]
fn services_of_another_class_and_addresses_of_other_pools_are_left_alone() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    let _pods = [
        cluster.nodes[0].pod("shop", "web-1", WEB),
        cluster.nodes[0].pod("shop", "foreign-1", &[("app", "foreign")]),
        cluster.nodes[0].pod("shop", "outside-1", &[("app", "outside")]),
    ];
    cluster.service("foreign", "  loadBalancerClass: example.com/other\n", &["192.0.2.131"]);
    cluster.service("outside", "", &["192.0.2.50"]);
    cluster.service("web", "", &[FOUR]);
    cluster.settled_owner(ip(FOUR));
    let newcomer = cluster.client.newcomer(&[ip("192.0.2.131"), ip("192.0.2.50")]);
    std::thread::sleep(QUIET);
    let sightings = newcomer.stop();
    assert!(sightings.claims.iter().all(|(_, claim)| claim.address == ip(FOUR)), "{:?}", sightings.claims);
    assert!(cluster.reason(0, "foreign").is_some_and(|why| why.contains("example.com/other")));
}

#[test]
fn one_bad_object_of_each_kind_is_named_and_changes_nothing_else() {
    let Some(mut cluster) = Cluster::start(1) else { return };
    let _pod = cluster.nodes[0].pod("shop", "web-1", WEB);
    cluster.service("web", "", &[FOUR]);
    cluster.settled_owner(ip(FOUR));
    let bad = |kind: &str, version: &str, specification: &str| {
        format!(
            "{{apiVersion: metallb.io/{version}, kind: {kind}, metadata: {{name: bad, namespace: metallb-system}}, \
             spec: {specification}}}"
        )
    };
    let faults = [
        ("IPAddressPool", "v1beta1", "{addresses: [192.0.2.9-192.0.2.1]}", "spec.addresses[0]: "),
        (
            "L2Advertisement",
            "v1beta1",
            "{nodeSelectors: [{matchExpressions: [{key: a, operator: Odd}]}]}",
            "spec.nodeSelectors[0]",
        ),
        ("BGPAdvertisement", "v1beta1", "{communities: [nonsense]}", "spec.communities[0]: "),
        ("BGPPeer", "v1beta2", "{myASN: 64512, peerASN: 64513, peerAddress: nowhere}", "spec.peerAddress: "),
        ("Community", "v1beta1", "{communities: [{name: bad, value: nonsense}]}", "spec.communities[0].value: "),
    ];
    for (kind, version, specification, _) in faults {
        cluster.control_plane.apply(&bad(kind, version, specification));
    }
    // All that can be wrong with this kind is in its definition, so the API server itself refuses it.
    let refused = cluster.control_plane.try_apply(&bad("BFDProfile", "v1beta1", "{receiveInterval: 5}"));
    assert!(refused.is_err_and(|why| format!("{why:#}").contains("spec.receiveInterval")));
    cluster.control_plane.apply(
        "{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {name: more, namespace: metallb-system}, \
         spec: {addresses: [192.0.2.96/28]}}\n---\n\
         {apiVersion: metallb.io/v1beta1, kind: L2Advertisement, metadata: {name: more, namespace: metallb-system}, \
         spec: {ipAddressPools: [more]}}\n",
    );
    let lines = faults.map(|(kind, _, _, field)| format!("{kind} metallb-system/bad: {field}"));
    cluster.lab.eventually(SOON, "every bad object is named with its field", || {
        let named = cluster.status(0).map(|status| status.faults).unwrap_or_default();
        lines.iter().all(|line| named.iter().any(|fault| fault.starts_with(line)))
    });
    cluster.lab.eventually(SOON, "the state of the configuration names them too", || {
        let state = cluster.object("configurationstates", "speaker-n1");
        let summary = state["status"]["errorSummary"].as_str().unwrap_or_default();
        state["status"]["result"] == "Invalid" && lines.iter().all(|line| summary.contains(line))
    });
    // What was good before is as it was, and what came good among the bad ones takes effect.
    cluster.assert_answered_by(0, ip(FOUR));
    let _other = cluster.nodes[0].pod("shop", "other-1", &[("app", "other")]);
    cluster.service("other", "", &["192.0.2.100"]);
    cluster.settled_owner(ip("192.0.2.100"));
    for kind in ["ipaddresspool", "l2advertisement", "bgpadvertisement", "bgppeer", "bfdprofile", "community"] {
        cluster.kubectl(&["delete", kind, "bad", "--namespace=metallb-system", "--ignore-not-found"]);
    }
    cluster.lab.eventually(SOON, "the state of the configuration recovers", || {
        cluster.object("configurationstates", "speaker-n1")["status"]["result"] == "Valid"
    });
}

const WEB: &[(&str, &str)] = &[("app", "web")];

fn ip(text: &str) -> IpAddr {
    text.parse().expect("tests write addresses correctly")
}
