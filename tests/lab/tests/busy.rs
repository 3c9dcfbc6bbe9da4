//! A machine whose other programs want all the processor time there is.
#![expect(clippy::print_stderr, reason = "a skipped test must say so in its output")]

use std::{fs, thread, time::Duration};

use lab::{
    Node,
    cluster::{Cluster, MARGIN},
    shares::{ALIKE, Busy, Shares},
};

/// What the chart requests for a speaker, in thousandths of a processor.
const SPEAKER: u64 = 100;

/// What each of the busy neighbours requests.
const NEIGHBOUR: u64 = 4000;

/// How many busy neighbours there are.
const NEIGHBOURS: usize = 4;

/// How long they are busy: a hundred and fifty times as long as a silence by which a node counts as dead.
const WHILE: Duration = Duration::from_secs(20);

#[test]
fn speakers_beside_busy_neighbours_with_large_shares_lose_nobody_and_nothing() {
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/helm/clarion/values.yaml");
    let request = format!("requests: {{cpu: {SPEAKER}m,");
    assert!(fs::read_to_string(chart).unwrap().contains(&request), "the chart says {request}");
    let Some(cluster) = Cluster::start() else { return };
    let mut shares = match Shares::new(ALIKE) {
        Ok(shares) => shares,
        Err(error) => return eprintln!("skipped: {error:#}"),
    };
    for node in &cluster.nodes {
        shares.add(node.host.name(), SPEAKER, node.speaker().id()).unwrap();
    }
    let (before, counted) = (cluster.owners(), counts(&cluster));

    let busy: Vec<Busy> = (0..NEIGHBOURS).map(|_| Busy::start().unwrap()).collect();
    for (number, busy) in busy.iter().enumerate() {
        shares.add(&format!("neighbour-{number}"), NEIGHBOUR, busy.id()).unwrap();
    }
    let watcher = cluster.newcomer.newcomer(&cluster.vips);
    thread::sleep(WHILE);
    drop(busy);
    thread::sleep(MARGIN);
    let sightings = watcher.stop();
    assert_eq!(counts(&cluster), counted, "neither losses nor moves");
    for (vip, owner) in before {
        assert_eq!(sightings.macs(vip), [owner].into(), "{vip} stays where it was");
    }
}

/// How often speakers were lost, and addresses got another owner, as each node has seen it.
fn counts(cluster: &Cluster) -> Vec<(usize, f64)> {
    let lost = |node: &Node| node.log().matches("speaker is lost").count();
    let moves = |node: &Node| node.metric("clarion_members_moves_total", &[]);
    cluster.nodes.iter().map(|node| (lost(node), moves(node))).collect()
}
