//! Stations that claim what a node owns: strangers, floods of them, and nodes that do not hear each other.

use std::{
    fs,
    net::IpAddr,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use clarion::demo::network::{Host, Mac};
use lab::{
    Lab, Manifests,
    cluster::{Cluster, SOON},
    frames::arp_announcement,
    manifests::Service,
};

const NODES: [&str; 2] = ["n1", "n2"];

#[test]
fn a_flood_of_made_up_claims_is_bounded_everywhere_and_the_true_claim_in_it_is_named() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &["n1"]);
    manifests.service(Service { endpoints: &["n1"], ..Service::default() });
    let cluster = Cluster::serve(lab, &["n1"], &manifests, 1);
    let node = &cluster.nodes[0];
    let vip = cluster.vips[0];
    let IpAddr::V4(four) = vip else { panic!("it is IPv4") };
    let lines = || fs::read_to_string(node.speaker().log()).unwrap().lines().count();
    let before = lines();

    let thief = Mac([0x02, 0x66, 0x66, 0x66, 0x66, 0x66]);
    let tap = cluster.client.tap();
    let start = Instant::now();
    let mut sent = 0_u32;
    while start.elapsed() < Duration::from_secs(8) {
        let [a, b, c, d] = sent.wrapping_mul(2_654_435_761).to_be_bytes();
        tap.send(&arp_announcement(Mac([0x02, 0xfa, a, b, c, d]), four));
        sent += 1;
        if start.elapsed() > Duration::from_secs(3) && sent.is_multiple_of(100) {
            tap.send(&arp_announcement(thief, four));
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert!(sent > 500, "{sent} frames are no flood");

    let conflict = || node.status()?.vips.into_iter().find(|known| known.ip == vip)?.conflict;
    cluster.lab.eventually(SOON, "the thief is named first", || {
        conflict().is_some_and(|macs| macs.starts_with("02:66:66:66:66:66"))
    });
    assert_eq!(conflict().unwrap().split(", ").count(), 4, "four stations are told apart");
    assert_eq!(node.metric("clarion_layer2_conflict", &[&format!("ip=\"{vip}\"")]), 4.0);
    let metrics = node.speaker().page(&node.host, "/metrics").unwrap();
    let series = metrics.lines().filter(|line| line.starts_with("clarion_layer2_conflict{")).count();
    assert_eq!(series, 1, "one series for the address");
    let written = lines() - before;
    assert!(written <= 10, "{written} lines for one address");
    assert!(node.owns(vip), "the owner stays");
}

#[test]
fn nodes_that_no_longer_hear_each_other_and_both_answer_say_so_until_they_hear_each_other_again() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &NODES);
    for name in ["a", "b", "c", "d", "e", "f"] {
        manifests.service(Service { name, ..Service::default() });
    }
    let cluster = Cluster::serve(lab, &NODES, &manifests, 6);
    let split = || cluster.nodes.iter().map(|node| node.try_metric("clarion_members_split", &[])).collect::<Vec<_>>();
    assert_eq!(split(), [Some(0.0), Some(0.0)]);

    for node in &cluster.nodes {
        nft(&node.host, "add table inet fault");
        nft(&node.host, "add chain inet fault input { type filter hook input priority 0; }");
        nft(&node.host, "add rule inet fault input udp dport 7473 drop");
    }
    cluster.lab.eventually(SOON, "both say that the other answers too", || split() == [Some(1.0), Some(1.0)]);
    for (node, other) in [(0, 1), (1, 0)] {
        let mac = cluster.nodes[other].mac();
        let fault = cluster.nodes[node].fault("heartbeats do not arrive").unwrap();
        let names = format!("eth0: {} ({mac}) answers for ", NODES[other]);
        assert!(fault.starts_with(&names) && fault.contains("open UDP 7473"), "{fault}");
        assert_eq!(cluster.nodes[node].metric("clarion_layer2_conflict", &[]), 0.0, "no stranger is blamed");
    }

    for node in &cluster.nodes {
        nft(&node.host, "delete table inet fault");
    }
    cluster.lab.eventually(SOON, "it is over", || split() == [Some(0.0), Some(0.0)]);
    assert!(cluster.nodes.iter().all(|node| node.fault("heartbeats do not arrive").is_none()));
    cluster.owners();
}

#[test]
fn a_speaker_that_stood_still_and_returns_raises_no_alarm() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &NODES);
    for name in ["a", "b", "c", "d", "e", "f"] {
        manifests.service(Service { name, ..Service::default() });
    }
    let cluster = Cluster::serve(lab, &NODES, &manifests, 6);
    cluster.nodes[0].hang_speaker();
    cluster
        .lab
        .eventually(SOON, "the other owns everything", || cluster.vips.iter().all(|vip| cluster.nodes[1].owns(*vip)));
    thread::sleep(Duration::from_secs(1));
    cluster.nodes[0].resume();
    let live = || cluster.nodes[1].try_metric("clarion_members", &["state=\"live\""]) == Some(1.0);
    cluster.lab.eventually(SOON, "it is heard again", live);
    thread::sleep(Duration::from_secs(2));
    for node in &cluster.nodes {
        let log = fs::read_to_string(node.speaker().log()).unwrap();
        assert!(!log.contains("do not arrive") && !log.contains("another station"), "{log}");
    }
}

/// Changes the firewall of a host.
fn nft(host: &Host, command: &str) {
    let output = host.output(Command::new("nft").arg(command)).expect("nft runs");
    assert!(output.status.success(), "nft {command}: {}", String::from_utf8_lossy(&output.stderr));
}
