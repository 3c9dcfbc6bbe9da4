//! Heartbeats where the switch keeps multicast away.

use lab::{
    Lab, Manifests,
    cluster::{Cluster, SOON},
    manifests::Service,
};

const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// Builds three nodes whose switch floods broadcasts and no multicast, with one IPv4 Service.
fn without_multicast(lab: Lab) -> (Cluster, Manifests) {
    let manifests = Manifests::new(&lab.directory().join("manifests"), &[]);
    manifests.service(Service::default());
    let cluster = Cluster::build(lab, &NODES);
    for node in &cluster.nodes {
        node.link.set_port("mcast_flood off").expect("a port of the switch can be set");
    }
    cluster.write_nodes(&manifests);
    (cluster, manifests)
}

#[test]
fn one_node_answers_on_a_switch_without_multicast_when_heartbeats_are_unicast() {
    let Some(lab) = Lab::new() else { return };
    let (mut cluster, manifests) = without_multicast(lab);
    for node in &mut cluster.nodes {
        cluster.lab.speaker(node, manifests.path()).arguments(&["--heartbeat-unicast"]).start();
    }
    let live = |number: usize| cluster.nodes[number].try_metric("clarion_members", &["state=\"live\""]);
    cluster.lab.eventually(SOON, "everybody hears everybody", || (0..3).all(|number| live(number) == Some(2.0)));
    cluster.settle(1);
    cluster.owners();
    let outcome = cluster.strike(|node| node.kill());
    assert_ne!(outcome.new, outcome.old);
    cluster.owners();
}

#[test]
fn without_it_the_nodes_of_such_a_switch_do_not_hear_each_other_and_every_one_of_them_says_so() {
    let Some(lab) = Lab::new() else { return };
    let (mut cluster, manifests) = without_multicast(lab);
    cluster.start_speakers(&manifests);
    cluster.lab.eventually(SOON, "all of them answer", || {
        cluster
            .nodes
            .iter()
            .all(|node| node.status().is_some_and(|status| status.vips.iter().any(|vip| vip.state == "owner")))
    });
    for node in &cluster.nodes {
        let name = node.host.name();
        assert_eq!(node.metric("clarion_members", &["state=\"live\""]), 0.0, "{name}");
        cluster
            .lab
            .eventually(SOON, "it says what is wrong", || node.fault("no other speaker is heard on eth0").is_some());
        let fault = node.fault("no other speaker is heard on eth0").expect("it has just said so");
        for other in NODES.iter().filter(|other| **other != name) {
            assert!(fault.contains(other), "{name}: {fault}");
        }
        for step in ["UDP 7473", "224.0.0.254", "ff02::114", "--heartbeat-unicast"] {
            assert!(fault.contains(step), "{name}: {fault}");
        }
        let page = node.speaker().page(&node.host, "/readyz").expect("it announces, so it is ready");
        assert_eq!(page, format!("ok\n{fault}\n"));
        assert_eq!(node.metric("clarion_members_expected", &["link=\"eth0\""]), 2.0, "{name}");
        assert_eq!(node.metric("clarion_members_heard", &["link=\"eth0\""]), 0.0, "{name}");
    }
}
