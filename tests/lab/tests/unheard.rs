//! Heartbeats that do not arrive although everything else does.

use std::{fs, time::Duration};

use lab::{
    Lab, Manifests, Node,
    cluster::{Cluster, SOON},
    manifests::Service,
};

const NODES: [&str; 3] = ["n1", "n2", "n3"];
const ALONE: &str = "no other speaker is heard on eth0, although 2 Nodes";
/// Longer than a speaker may be silent before that is a fault.
const WHILE: Duration = Duration::from_millis(4500);

/// Starts three nodes that hear each other and say of nothing that it is wrong.
fn start() -> Option<(Cluster, Manifests)> {
    let lab = Lab::new()?;
    let manifests = Manifests::new(&lab.directory().join("manifests"), &[]);
    manifests.service(Service::default());
    let mut cluster = Cluster::build(lab, &NODES);
    cluster.write_nodes(&manifests);
    cluster.start_speakers(&manifests);
    cluster.settle(1);
    cluster.lab.eventually(SOON, "all hear all", || cluster.nodes.iter().all(|node| counts(node) == Some((2.0, 2.0))));
    cluster.lab.always(WHILE, "nobody complains", || cluster.nodes.iter().all(is_content));
    Some((cluster, manifests))
}

/// How many speakers a node expects, and how many it hears.
fn counts(node: &Node) -> Option<(f64, f64)> {
    let count = |name: &str| node.try_metric(name, &["link=\"eth0\""]);
    Some((count("clarion_members_expected")?, count("clarion_members_heard")?))
}

fn is_content(node: &Node) -> bool {
    let ready = node.speaker().page(&node.host, "/readyz").is_ok_and(|page| page == "ok\n");
    ready && node.status().is_some_and(|status| status.faults.is_empty())
}

fn is_blind(node: &Node) -> bool {
    let ready =
        node.speaker().page(&node.host, "/readyz").is_ok_and(|page| page.starts_with("ok\n") && page.contains(ALONE));
    ready && node.fault(ALONE).is_some() && counts(node) == Some((2.0, 0.0))
}

#[test]
fn a_firewall_that_drops_heartbeats_is_a_fault_of_every_node_until_it_ends_and_from_a_cold_start() {
    let Some((mut cluster, manifests)) = start() else { return };
    cluster.nodes.iter().for_each(Node::refuse_heartbeats);
    cluster.lab.eventually(SOON, "all say that they are alone", || cluster.nodes.iter().all(is_blind));
    let lines = || {
        let log = fs::read_to_string(cluster.nodes[0].speaker().log()).expect("the speaker writes a log");
        log.matches(ALONE).count()
    };
    cluster.lab.eventually(SOON, "it is logged", || lines() > 0);
    assert_eq!(lines(), 1, "once");
    cluster.nodes.iter().for_each(Node::allow_heartbeats);
    cluster.lab.eventually(SOON, "nobody complains any more", || cluster.nodes.iter().all(is_content));

    for node in &mut cluster.nodes {
        node.kill();
        node.refuse_heartbeats();
    }
    cluster.start_speakers(&manifests);
    cluster.lab.eventually(SOON * 2, "all say that they are alone", || cluster.nodes.iter().all(is_blind));
    cluster.nodes.iter().for_each(Node::allow_heartbeats);
    cluster.lab.eventually(SOON, "nobody complains any more", || cluster.nodes.iter().all(is_content));
}

#[test]
fn only_the_node_that_receives_no_heartbeats_complains_and_a_speaker_that_stops_in_order_is_not_missed() {
    let Some((mut cluster, _manifests)) = start() else { return };
    cluster.nodes[0].refuse_heartbeats();
    cluster.lab.eventually(SOON, "it says that it is alone", || is_blind(&cluster.nodes[0]));
    let one_way = "the heartbeats of this node do not arrive at n1, while the other direction works";
    let only_that = |node: &Node| {
        let faults = node.status().map(|status| status.faults).unwrap_or_default();
        faults.len() == 1 && faults[0].contains(one_way) && counts(node) == Some((2.0, 2.0))
    };
    let others = &cluster.nodes[1..];
    cluster.lab.eventually(SOON, "the others say who does not hear them", || others.iter().all(only_that));
    cluster.lab.always(WHILE, "and nothing else", || others.iter().all(only_that));
    cluster.nodes[0].allow_heartbeats();
    cluster.lab.eventually(SOON, "nobody complains any more", || cluster.nodes.iter().all(is_content));

    cluster.nodes[2].leave();
    cluster.lab.eventually(SOON, "it is not expected", || counts(&cluster.nodes[0]) == Some((1.0, 1.0)));
    cluster.lab.always(WHILE, "nobody complains", || cluster.nodes[..2].iter().all(is_content));
    cluster.nodes[1].kill();
    let missing = "the speaker of n2 is not heard on eth0, although its Node is up";
    let alone = "no other speaker is heard on eth0, although Node n2 has addresses in its subnet";
    cluster.lab.eventually(SOON, "one that dies is", || {
        cluster.nodes[0].fault(missing).or_else(|| cluster.nodes[0].fault(alone)).is_some()
    });
}
