//! The cluster that failover is measured on: three nodes with the example Services under traffic.

use std::{collections::BTreeSet, net::IpAddr, thread, time::Duration};

use clarion::demo::{example, network::Mac, report::Report, watch::Sightings};

use crate::{Client, Lab, Node};

/// How long a cluster may take to announce everything, or to take something over while machines are busy.
const SOON: Duration = Duration::from_secs(5);

/// How long a measurement goes on around the fault.
pub const MARGIN: Duration = Duration::from_millis(500);

/// Three nodes with the example Services, a client and a newcomer.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes n1, n2 and n3.
    pub nodes: Vec<Node>,
    /// The host whose traffic is measured.
    pub client: Client,
    /// The host that asks for addresses as one that never heard of them, so that its answers do not refresh the client's cache.
    pub newcomer: Client,
    /// Every address of the example Services, in order.
    pub vips: Vec<IpAddr>,
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

    /// Repairs the cable of the node that was struck and waits until frames pass again.
    pub fn repair(&self, outcome: &Outcome) {
        let node = &self.nodes[outcome.struck];
        node.heal();
        let own = node.link.addresses[0].addr();
        self.lab.eventually(SOON, "the wire is whole again", || self.client.reaches(own));
    }

    /// Watches every address as a newcomer for some time.
    pub fn observe(&self, time: Duration) -> Sightings {
        let watcher = self.newcomer.newcomer(&self.vips);
        thread::sleep(time);
        watcher.stop()
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

    /// Returns how long both nodes answered.
    pub fn overlap(&self) -> Duration {
        self.sightings.overlap(self.vip)
    }
}

fn addresses(nodes: &[Node]) -> BTreeSet<IpAddr> {
    let statuses = nodes.iter().filter_map(Node::status);
    statuses.flat_map(|status| status.services).flat_map(|service| service.ips).collect()
}
