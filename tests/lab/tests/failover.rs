//! What befalls an owner, and what its clients and newcomers notice of it.
//!
//! The bounds are looser than the budgets that `make bench` checks, because tests run side by side on a busy machine.

use std::{collections::BTreeSet, net::IpAddr, thread, time::Duration};

use clarion::demo::{example, network::Mac, report::Report, watch::Sightings};
use lab::{Client, Lab, Node};

/// How long a cluster may take to announce everything, or to take something over while machines are busy.
const SOON: Duration = Duration::from_secs(5);

/// How long a VIP may go unanswered after an unannounced death; detection takes 300 ms of it.
const OUTAGE: Duration = Duration::from_millis(900);

/// How long two nodes may answer at once in a planned move.
const OVERLAP: Duration = Duration::from_millis(100);

/// How long a measurement goes on around the fault.
const MARGIN: Duration = Duration::from_millis(500);

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
        assert!(silence < Duration::from_millis(100), "{vip} was silent for {silence:?}");
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
    outcome.assert_moved();
}

#[test]
fn a_node_that_hangs_is_replaced_and_stays_silent_when_it_wakes() {
    let Some(mut cluster) = Cluster::start() else { return };
    let outcome = cluster.strike(|node| node.hang());
    outcome.assert_moved();

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
    outcome.assert_moved();
    cluster.repair_and_expect_one_owner(&outcome);
}

#[test]
fn a_pulled_owner_is_replaced_and_one_node_answers_after_the_repair() {
    let Some(mut cluster) = Cluster::start() else { return };
    let outcome = cluster.strike(|node| node.pull());
    outcome.assert_moved();
    cluster.repair_and_expect_one_owner(&outcome);
}

#[test]
fn an_orderly_stop_loses_nothing() {
    let Some(mut cluster) = Cluster::start() else { return };
    let outcome = cluster.strike(Node::leave);
    assert_ne!(outcome.new, outcome.old);
    assert_eq!(outcome.report.lost(), 0, "{}", outcome.report);
    let overlap = outcome.sightings.overlap(outcome.vip);
    assert!(overlap <= OVERLAP, "both answered for {overlap:?}");
}

#[test]
fn a_drained_node_hands_over_without_loss() {
    let Some(mut cluster) = Cluster::start() else { return };
    let manifests = cluster.lab.directory().join("manifests");
    let outcome =
        cluster.strike(|node| example::cordon(&manifests, node.host.name()).expect("the manifest can be edited"));
    assert_ne!(outcome.new, outcome.old);
    assert_eq!(outcome.report.lost(), 0, "{}", outcome.report);
    let overlap = outcome.sightings.overlap(outcome.vip);
    assert!(overlap <= OVERLAP, "both answered for {overlap:?}");
}

/// Three nodes with the example Services, a client and a newcomer.
struct Cluster {
    nodes: Vec<Node>,
    client: Client,
    newcomer: Client,
    vips: Vec<IpAddr>,
    // Dropped last, because it looks at the others when a test fails.
    lab: Lab,
}

/// What one fault did to one address.
struct Outcome {
    vip: IpAddr,
    struck: usize,
    old: Mac,
    new: Mac,
    report: Report,
    sightings: Sightings,
}

impl Cluster {
    fn start() -> Option<Self> {
        let lab = Lab::new()?;
        let lan = lab.bridge("lan");
        let manifests = lab.directory().join("manifests");
        example::write(&manifests).expect("the examples can be written");
        let mut nodes: Vec<_> = ["n1", "n2", "n3"].map(|name| lab.node(name, &lan)).into();
        for node in &mut nodes {
            lab.speaker(node, &manifests).arguments(&["--drain-on", "cordon"]).start();
        }
        let client = lab.client("client", &lan);
        let newcomer = lab.client("newcomer", &lan);
        lab.eventually(SOON, "every Service has an address", || addresses(&nodes).len() == 6);
        let vips: Vec<_> = addresses(&nodes).into_iter().collect();
        let watcher = newcomer.newcomer(&vips);
        lab.eventually(SOON, "every address is answered", || {
            let sightings = watcher.so_far();
            vips.iter().all(|vip| sightings.latest(*vip).is_some())
        });
        drop(watcher);
        // Claims of the first moments may still be settling.
        thread::sleep(MARGIN);
        Some(Self { nodes, client, newcomer, vips, lab })
    }

    /// Does something to the owner of the first IPv4 address under traffic, and waits until another node answers.
    fn strike(&mut self, fault: impl FnOnce(&mut Node)) -> Outcome {
        let vip = self.vips[0];
        let watcher = self.newcomer.newcomer(&[vip]);
        let prober = self.client.prober(vip);
        thread::sleep(MARGIN);
        let old = watcher.so_far().latest(vip).expect("somebody answers before the fault");
        let struck = self.nodes.iter().position(|node| node.mac() == old).expect("the owner is a node");
        self.client.forget(vip);
        fault(&mut self.nodes[struck]);
        self.lab.eventually(SOON, "another node answers", || watcher.so_far().latest(vip) != Some(old));
        thread::sleep(MARGIN);
        let report = prober.stop().expect("the prober works");
        let sightings = watcher.stop();
        let new = sightings.latest(vip).expect("claims do not vanish");
        Outcome { vip, struck, old, new, report, sightings }
    }

    fn repair_and_expect_one_owner(&self, outcome: &Outcome) {
        self.nodes[outcome.struck].heal();
        let own = self.nodes[outcome.struck].link.addresses[0].addr();
        self.lab.eventually(SOON, "the wire is whole again", || self.client.reaches(own));
        thread::sleep(MARGIN);
        let newcomer = self.newcomer.newcomer(&self.vips);
        thread::sleep(2 * MARGIN);
        let sightings = newcomer.stop();
        for vip in &self.vips {
            assert_eq!(sightings.macs(*vip).len(), 1, "{vip} is answered by {:?}", sightings.macs(*vip));
        }
    }
}

impl Outcome {
    fn assert_moved(&self) {
        assert_ne!(self.new, self.old);
        let gap = self.report.longest_gap().expect("the prober saw something").length;
        assert!(gap < OUTAGE, "the client waited {gap:?}\n{}", self.report);
        let silence = self.sightings.longest_silence(self.vip).expect("the newcomer asked").length;
        assert!(silence < OUTAGE, "a newcomer waited {silence:?}");
    }
}

fn addresses(nodes: &[Node]) -> BTreeSet<IpAddr> {
    let statuses = nodes.iter().filter_map(Node::status);
    statuses.flat_map(|status| status.services).flat_map(|service| service.ips).collect()
}
