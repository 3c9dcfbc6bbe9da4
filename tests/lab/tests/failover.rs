//! What befalls an owner, and what its clients and newcomers notice of it.
//!
//! The bounds are twice what is promised, because tests run side by side on a busy machine.

use std::{net::IpAddr, thread, time::Duration};

use clarion::demo::example;
use lab::{
    Node,
    cluster::{Cluster, MARGIN, OVERLAP, Outcome},
};

/// How long a VIP may go unanswered after an unannounced death: twice the third of a second that is promised, of which detection
/// takes 300 ms.
const OUTAGE: Duration = Duration::from_millis(700);

#[test]
fn exactly_one_node_answers_for_each_address() {
    let Some(cluster) = Cluster::start() else { return };
    let newcomer = cluster.newcomer.newcomer(&cluster.vips);
    let sniffer = cluster.client.sniffer();
    thread::sleep(Duration::from_secs(1));
    let sightings = newcomer.stop();
    for vip in &cluster.vips {
        assert_eq!(sightings.macs(*vip).len(), 1, "{vip} is answered by {:?}", sightings.macs(*vip));
        let unanswered = sightings.unanswered(*vip).len();
        assert_eq!(unanswered, 0, "of {} questions for {vip}", sightings.asked[vip].len());
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
fn an_orderly_stop_loses_nothing_although_the_node_goes_with_its_speaker() {
    let Some(mut cluster) = Cluster::start() else { return };
    cluster.hand_over(Node::leave).iter().for_each(Outcome::assert_handed_over);
}

#[test]
fn a_drained_node_may_be_cut_off_as_soon_as_it_has_handed_over() {
    let Some(mut cluster) = Cluster::start() else { return };
    let manifests = cluster.lab.directory().join("manifests");
    let drain = |node: &mut Node| example::cordon(&manifests, node.host.name()).expect("the manifest can be edited");
    cluster.hand_over(drain).iter().for_each(Outcome::assert_handed_over);
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
