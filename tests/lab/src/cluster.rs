//! Nodes, a client and a newcomer on one switch: what most tests and all measurements begin with.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    thread,
    time::Duration,
};

use clarion::demo::{
    example,
    network::{Bridge, Mac},
    prober::Prober,
    report::Report,
    watch::{Sightings, Watcher},
};

use crate::{Client, Lab, Manifests, Node};

/// How long a cluster may take to announce everything, or to take something over while machines are busy.
pub const SOON: Duration = Duration::from_secs(8);

/// How long a measurement goes on around the fault.
pub const MARGIN: Duration = Duration::from_millis(500);

/// How long two nodes may answer at once in a planned move: twice what is promised.
pub const OVERLAP: Duration = Duration::from_millis(100);

/// Nodes, a client and a newcomer.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes, in the order of their names.
    pub nodes: Vec<Node>,
    /// The host whose traffic is measured.
    pub client: Client,
    /// The host that asks for addresses as one that never heard of them, so that its answers do not refresh the client's cache.
    pub newcomer: Client,
    /// Every address of the Services, in order.
    pub vips: Vec<IpAddr>,
    /// The switch that everybody is plugged into.
    pub lan: Bridge,
    /// The network; dropped last, because it looks at the others when a test fails.
    pub lab: Lab,
}

/// What one fault did to one address.
#[derive(Debug)]
pub struct Outcome {
    /// The address whose owner was struck.
    pub vip: IpAddr,
    /// The place of the struck node among the nodes.
    pub struck: usize,
    /// Who answered before.
    pub old: Mac,
    /// Who answered last.
    pub new: Mac,
    /// What the client saw.
    pub report: Report,
    /// What the newcomer saw.
    pub sightings: Sightings,
}

impl Cluster {
    /// Starts everything and waits until every address is answered; nothing on a machine that cannot have a lab.
    pub fn start() -> Option<Self> {
        let lab = Lab::new()?;
        let manifests = lab.directory().join("manifests");
        example::write(&manifests).expect("the examples can be written");
        let mut cluster = Self::build(lab, &["n1", "n2", "n3"]);
        for node in &mut cluster.nodes {
            cluster.lab.speaker(node, &manifests).arguments(&["--drain-on", "cordon"]).start();
        }
        cluster.settle(6);
        Some(cluster)
    }

    /// Starts a speaker on nodes with these names from manifests that give `addresses` addresses, and waits until all are answered.
    pub fn serve(lab: Lab, nodes: &[&str], manifests: &Manifests, addresses: usize) -> Self {
        let mut cluster = Self::build(lab, nodes);
        cluster.start_speakers(manifests);
        cluster.settle(addresses);
        cluster
    }

    /// Plugs in nodes and clients; no speaker runs yet.
    pub fn build(lab: Lab, nodes: &[&str]) -> Self {
        let lan = lab.bridge("lan");
        let nodes = nodes.iter().map(|name| lab.node(name, &lan)).collect();
        let client = lab.client("client", &lan);
        let newcomer = lab.client("newcomer", &lan);
        Self { nodes, client, newcomer, vips: Vec::new(), lan, lab }
    }

    /// Writes a Node with its addresses for every node, so that each knows whom it should hear.
    pub fn write_nodes(&self, manifests: &Manifests) {
        for node in &self.nodes {
            manifests.node_at(node.host.name(), &node.link.addresses);
        }
    }

    /// Starts a speaker on every node, in place of one that ran before.
    pub fn start_speakers(&mut self, manifests: &Manifests) {
        for node in &mut self.nodes {
            self.lab.speaker(node, manifests.path()).start();
        }
    }

    /// Waits until there are `count` addresses and each is answered.
    pub fn settle(&mut self, count: usize) {
        self.lab.eventually(SOON, "every Service has an address", || addresses(&self.nodes).len() == count);
        self.vips = addresses(&self.nodes).into_iter().collect();
        self.wait_for_answers(&self.vips);
        // Claims of the first moments may still be settling.
        thread::sleep(MARGIN);
    }

    /// Waits until a newcomer gets an answer for each of these addresses.
    pub fn wait_for_answers(&self, vips: &[IpAddr]) {
        self.wait_for(&self.newcomer.newcomer(vips), vips);
    }

    /// Returns who answers for each address now, after it has seen that no other does.
    pub fn owners(&self) -> BTreeMap<IpAddr, Mac> {
        let sightings = self.observe(MARGIN);
        let owner = |vip: &IpAddr| {
            let macs: Vec<_> = sightings.macs(*vip).into_iter().collect();
            assert_eq!(macs.len(), 1, "{vip} is answered by {macs:?}");
            (*vip, macs[0])
        };
        self.vips.iter().map(owner).collect()
    }

    /// Returns the node with this Ethernet address.
    pub fn position(&self, mac: Mac) -> usize {
        self.nodes.iter().position(|node| node.mac() == mac).expect("only nodes own addresses")
    }

    /// Does something to the owner of the first IPv4 address under traffic, and waits until another node answers.
    pub fn strike(&mut self, fault: impl FnOnce(&mut Node)) -> Outcome {
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

    /// Has the owner of the first IPv4 address hand over all that it owns, cuts it off the moment it says so or ends, and returns what
    /// became of each address.
    ///
    /// A node forwards whatever it gets, owner or not, so only a cable that is cut shows where clients send to. Their caches are left
    /// as they are: a planned move has to correct them.
    pub fn hand_over(&mut self, cause: impl FnOnce(&mut Node)) -> Vec<Outcome> {
        let owners = self.owners();
        let old = owners[&self.vips[0]];
        let struck = self.position(old);
        let vips: Vec<_> = owners.iter().filter(|(_, owner)| **owner == old).map(|(vip, _)| *vip).collect();
        let watcher = self.newcomer.insistent(&vips);
        let probers: Vec<_> = vips.iter().map(|vip| self.client.prober(*vip)).collect();
        thread::sleep(MARGIN);
        cause(&mut self.nodes[struck]);
        self.cut_when_released(struck, &vips);
        let moved = || {
            let sightings = watcher.so_far();
            vips.iter().all(|vip| sightings.latest(*vip) != Some(old))
        };
        self.lab.eventually(SOON, "other nodes answer", moved);
        thread::sleep(MARGIN);
        assert!(self.nodes[struck].handed_over() >= vips.len(), "every address was handed over");
        let reports = Prober::stop_all(probers).expect("the probers work");
        let sightings = watcher.stop();
        let outcome = |(vip, report)| {
            let new = sightings.latest(vip).expect("claims do not vanish");
            Outcome { vip, struck, old, new, report, sightings: sightings.clone() }
        };
        vips.into_iter().zip(reports).map(outcome).collect()
    }

    /// Cuts a node off as soon as it says that it owns none of these addresses, or has ended.
    pub fn cut_when_released(&self, node: usize, vips: &[IpAddr]) {
        let node = &self.nodes[node];
        let is_free = || node.status().is_none_or(|status| !vips.iter().any(|vip| status.owns(*vip)));
        self.lab.eventually(SOON, "it has handed over", is_free);
        node.cut();
    }

    /// Repairs the cable of the node that was struck and waits until frames pass again.
    pub fn repair(&self, outcome: &Outcome) {
        let node = &self.nodes[outcome.struck];
        node.heal();
        let own = node.link.addresses[0].addr();
        self.lab.eventually(SOON, "the wire is whole again", || self.client.reaches(own));
    }

    /// Watches every address as a newcomer for some time, and on until each was answered: on a busy machine an answer may be late.
    pub fn observe(&self, time: Duration) -> Sightings {
        let watcher = self.newcomer.newcomer(&self.vips);
        thread::sleep(time);
        self.wait_for(&watcher, &self.vips);
        watcher.stop()
    }

    fn wait_for(&self, watcher: &Watcher, vips: &[IpAddr]) {
        self.lab.eventually(SOON, "every address is answered", || {
            let sightings = watcher.so_far();
            vips.iter().all(|vip| sightings.latest(*vip).is_some())
        });
    }
}

impl Outcome {
    /// Returns the longest time for which the client asked and got no answer.
    pub fn gap(&self) -> Duration {
        self.report.longest_gap().expect("the prober asked").length
    }

    /// Returns the longest time for which the newcomer asked and got no answer.
    pub fn silence(&self) -> Duration {
        self.sightings.longest_silence(self.vip).expect("the newcomer asked").length
    }

    /// Asserts that a planned move cost nobody anything.
    ///
    /// # Panics
    ///
    /// When a question of the newcomer had no answer, a probe was lost, or two nodes answered for long.
    pub fn assert_handed_over(&self) {
        let Self { vip, old, new, report, .. } = self;
        assert_ne!(new, old, "{vip} has moved");
        let unanswered = self.sightings.unanswered(*vip);
        let silence = self.silence();
        assert!(unanswered.is_empty(), "{} questions for {vip} had no answer, for {silence:?}", unanswered.len());
        assert_eq!(report.lost(), 0, "{vip}\n{report}");
        assert!(self.overlap() <= OVERLAP, "both answered for {vip} for {:?}", self.overlap());
    }

    /// Returns how long both nodes answered.
    pub fn overlap(&self) -> Duration {
        self.sightings.overlap(self.vip)
    }
}

fn addresses(nodes: &[Node]) -> BTreeSet<IpAddr> {
    let statuses = nodes.iter().filter_map(Node::status);
    statuses.flat_map(|status| status.services).flat_map(|service| service.ips).collect()
}
