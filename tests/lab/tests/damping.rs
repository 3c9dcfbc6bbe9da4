//! A node with a loose cable is chosen last, and serves when nobody else can.

use std::{fs, net::IpAddr};

use lab::{
    Lab, Manifests,
    cluster::{Cluster, SOON},
    manifests::Service,
};

/// Whoever is second in line waits for one and a half of these, on a machine that is busy.
const INTERVAL: [&str; 2] = ["--heartbeat-interval", "400"];

#[test]
fn a_node_whose_cable_was_pulled_three_times_is_chosen_only_when_it_is_alone() {
    let Some(lab) = Lab::new() else { return };
    let names = ["loose", "second", "third"];
    let manifests = Manifests::new(&lab.directory().join("manifests"), &names);
    let service = |name| Service { name, families: "[IPv4, IPv6]", endpoints: &names, ..Service::default() };
    manifests.service(service("a"));
    let mut cluster = Cluster::build(lab, &names);

    start(&mut cluster, &manifests, 0);
    cluster.lab.eventually(SOON, "the Service has addresses", || cluster.nodes[0].addresses("a").len() == 2);
    let kept = cluster.nodes[0].addresses("a");
    for _ in 0..3 {
        let loose = &cluster.nodes[0];
        cluster.lab.eventually(SOON, "it owns them", || kept.iter().all(|vip| loose.owns(*vip)));
        assert_eq!(loose.metric("clarion_members_damped", &["link=\"eth0\""]), 0.0);
        loose.pull();
        cluster.lab.eventually(SOON, "the carrier is missed", || kept.iter().all(|vip| !loose.owns(*vip)));
        loose.heal();
    }
    let loose = &cluster.nodes[0];
    cluster.lab.eventually(SOON, "it owns them for lack of another", || kept.iter().all(|vip| loose.owns(*vip)));
    assert_eq!(loose.metric("clarion_members_damped", &["link=\"eth0\""]), 1.0);
    let notes = loose.status().unwrap().notes;
    assert!(notes.iter().any(|note| note.starts_with("eth0: this node lost its addresses too often")), "{notes:?}");

    for number in [1, 2] {
        start(&mut cluster, &manifests, number);
    }
    cluster.lab.eventually(SOON, "all hear of all, and who is the last choice", || {
        let members = |node: &lab::Node| node.status().map(|status| status.members).unwrap_or_default();
        cluster.nodes.iter().all(|node| members(node).iter().filter(|member| member.state == "live").count() == 2)
            && cluster.nodes[1..].iter().all(|node| {
                members(node).iter().filter(|member| member.damped).map(|member| &member.node).eq(["loose"])
            })
    });
    // Before that nobody counts on them.
    cluster.lab.eventually(SOON, "the newcomers have listened long enough", || {
        let settled =
            |node: &lab::Node| fs::read_to_string(node.speaker().log()).unwrap().contains("heard the wire long enough");
        cluster.nodes[1..].iter().all(settled)
    });
    let late = ["b", "c", "d", "e", "f", "g"];
    late.iter().for_each(|name| manifests.service(service(name)));
    cluster.settle(14);
    let belongs_to_loose = |cluster: &Cluster| -> Vec<IpAddr> {
        let owners = cluster.owners().into_iter();
        owners.filter(|(_, mac)| *mac == cluster.nodes[0].mac()).map(|(vip, _)| vip).collect()
    };
    assert_eq!(belongs_to_loose(&cluster), kept, "it keeps what it has and gets nothing new");
    assert!(owned(&cluster, 1) > 0 && owned(&cluster, 2) > 0);

    // Two undamped nodes would share: no node gets more than 1.25 times the average while another has less.
    cluster.nodes[2].kill();
    cluster.lab.eventually(SOON, "the other one takes over", || owned(&cluster, 1) == 12);
    assert_eq!(belongs_to_loose(&cluster), kept, "it is passed over while another lives");

    cluster.nodes[1].kill();
    cluster.lab.eventually(SOON, "it takes over what nobody else can", || owned(&cluster, 0) == 14);
    assert_eq!(belongs_to_loose(&cluster), cluster.vips);
}

fn start(cluster: &mut Cluster, manifests: &Manifests, number: usize) {
    cluster.lab.speaker(&mut cluster.nodes[number], manifests.path()).arguments(&INTERVAL).start();
}

/// Returns how many addresses a node says that it answers for.
fn owned(cluster: &Cluster, number: usize) -> usize {
    let vips = cluster.nodes[number].status().map(|status| status.vips).unwrap_or_default();
    vips.iter().filter(|vip| vip.state == "owner").count()
}
