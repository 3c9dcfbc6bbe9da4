//! What befalls an owner, and what its clients and newcomers notice of it.
//!
//! The bounds are looser than the budgets that `make bench` checks, because tests run side by side on a busy machine.

use std::{net::IpAddr, thread, time::Duration};

use clarion::demo::example;
use lab::{
    Node,
    cluster::{Cluster, MARGIN, Outcome},
};

/// How long a VIP may go unanswered after an unannounced death; detection takes 300 ms of it.
const OUTAGE: Duration = Duration::from_millis(900);

/// How long two nodes may answer at once in a planned move.
const OVERLAP: Duration = Duration::from_millis(100);

#[test]
fn exactly_one_node_answers_for_each_address() {
    let Some(cluster) = Cluster::start() else { return };
    let newcomer = cluster.newcomer.newcomer(&cluster.vips);
    let sniffer = cluster.client.sniffer();
    thread::sleep(Duration::from_secs(1));
    let sightings = newcomer.stop();
    for vip in &cluster.vips {
        assert_eq!(sightings.macs(*vip).len(), 1, "{vip} is answered by {:?}", sightings.macs(*vip));
        let silence = sightings.longest_silence(*vip).unwrap().length;
        assert!(silence < OUTAGE, "{vip} was silent for {silence:?}");
        assert!(cluster.client.reaches(*vip));
    }
    let free: IpAddr = "192.0.2.189".parse().unwrap();
    let newcomer = cluster.newcomer.newcomer(&[free]);
    thread::sleep(Duration::from_millis(300));
    assert!(newcomer.stop().macs(free).is_empty(), "a node answers for an address nobody holds");
    assert!(sniffer.stop().macs(free).is_empty());
}

#[test]
fn a_killed_speaker_is_replaced() {
    let Some(mut cluster) = Cluster::start() else { return };
    let outcome = cluster.strike(Node::kill);
    assert_moved(&outcome);
}

#[test]
fn a_node_that_hangs_is_replaced_and_stays_silent_when_it_wakes() {
    let Some(mut cluster) = Cluster::start() else { return };
    let outcome = cluster.strike(|node| node.hang());
    assert_moved(&outcome);

    let newcomer = cluster.newcomer.newcomer(&cluster.vips);
    thread::sleep(MARGIN);
    cluster.nodes[outcome.struck].resume();
    thread::sleep(2 * MARGIN);
    let sightings = newcomer.stop();
    assert_eq!(sightings.latest(outcome.vip), Some(outcome.new));
    assert!(sightings.overlap(outcome.vip) <= OVERLAP, "both answered for {:?}", sightings.overlap(outcome.vip));
}

#[test]
fn a_cut_owner_is_replaced_and_one_node_answers_after_the_repair() {
    let Some(mut cluster) = Cluster::start() else { return };
    let outcome = cluster.strike(|node| node.cut());
    assert_moved(&outcome);
    cluster.repair(&outcome);
    assert_one_owner(&cluster);
}

#[test]
fn a_pulled_owner_is_replaced_and_one_node_answers_after_the_repair() {
    let Some(mut cluster) = Cluster::start() else { return };
    let outcome = cluster.strike(|node| node.pull());
    assert_moved(&outcome);
    cluster.repair(&outcome);
    assert_one_owner(&cluster);
}

#[test]
fn an_orderly_stop_loses_nothing() {
    let Some(mut cluster) = Cluster::start() else { return };
    let outcome = cluster.strike(Node::leave);
    assert_ne!(outcome.new, outcome.old);
    assert_eq!(outcome.report.lost(), 0, "{}", outcome.report);
    assert!(outcome.overlap() <= OVERLAP, "both answered for {:?}", outcome.overlap());
}

#[test]
fn a_drained_node_hands_over_without_loss() {
    let Some(mut cluster) = Cluster::start() else { return };
    let manifests = cluster.lab.directory().join("manifests");
    let outcome =
        cluster.strike(|node| example::cordon(&manifests, node.host.name()).expect("the manifest can be edited"));
    assert_ne!(outcome.new, outcome.old);
    assert_eq!(outcome.report.lost(), 0, "{}", outcome.report);
    assert!(outcome.overlap() <= OVERLAP, "both answered for {:?}", outcome.overlap());
}

fn assert_moved(outcome: &Outcome) {
    assert_ne!(outcome.new, outcome.old);
    assert!(outcome.gap() < OUTAGE, "the client waited {:?}\n{}", outcome.gap(), outcome.report);
    assert!(outcome.silence() < OUTAGE, "a newcomer waited {:?}", outcome.silence());
}

fn assert_one_owner(cluster: &Cluster) {
    // Two that owned an address apart have met by now.
    thread::sleep(MARGIN);
    let sightings = cluster.observe(2 * MARGIN);
    for vip in &cluster.vips {
        assert_eq!(sightings.macs(*vip).len(), 1, "{vip} is answered by {:?}", sightings.macs(*vip));
    }
}
