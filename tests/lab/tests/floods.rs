//! One wire is flooded, and the others go on as if it were not.

use std::{
    fs,
    time::{Duration, Instant},
};

use clarion::demo::network::Mac;
use ipnet::IpNet;
use lab::{
    Lab, Manifests, Node,
    cluster::{Cluster, SOON},
    frames::arp_announcement,
    manifests::Service,
};

const NODES: [&str; 2] = ["n1", "n2"];

#[test]
fn a_flooded_link_loses_no_member_of_another_link() {
    let Some(lab) = Lab::new() else { return };
    let manifests = Manifests::new(&lab.directory().join("manifests"), &NODES);
    manifests.service(Service::default());
    let mut cluster = Cluster::build(lab, &NODES);
    let second = cluster.lab.bridge("second");
    for (number, node) in (1..).zip(&cluster.nodes) {
        let address: IpNet = format!("203.0.113.{number}/24").parse().unwrap();
        cluster.lab.plug(&node.host, "eth1", &second, &[address]);
    }
    // What is named is announced on, whatever the subnet.
    manifests.advertisement("lan", "{ipAddressPools: [lan], interfaces: [eth0, eth1]}");
    cluster.start_speakers(&manifests);
    let live = |node: &Node| node.try_metric("clarion_members", &["state=\"live\""]);
    cluster.lab.eventually(SOON, "the nodes hear each other on both links", || {
        cluster.nodes.iter().all(|node| live(node) == Some(2.0))
    });

    // As fast as one thread can send what a speaker without optimisation has to look at.
    let frames: Vec<Vec<u8>> =
        (0..=255).map(|last| arp_announcement(Mac([0x02, 0xfa, 0, 0, 0, last]), [192, 0, 2, last].into())).collect();
    let tap = cluster.client.tap();
    let (start, mut sent) = (Instant::now(), 0);
    let mut answers = 0;
    while start.elapsed() < Duration::from_secs(5) {
        for _ in 0..16 {
            frames.iter().for_each(|frame| tap.send(frame));
            sent += frames.len();
        }
        answers += cluster.nodes.iter().filter(|node| node.status().is_some()).count();
    }
    assert!(sent > 10_000, "{sent} frames are no flood");
    assert!(answers > 0, "no question was answered meanwhile");
    for node in &cluster.nodes {
        let log = fs::read_to_string(node.speaker().log()).unwrap();
        let lost = log.lines().filter(|line| line.contains("speaker is lost") && line.contains("eth1")).count();
        assert_eq!(lost, 0, "{log}");
    }
}
