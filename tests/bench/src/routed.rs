//! A router beside the speakers: BIRD, which spreads every address over the nodes that announce it.

use std::{
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use lab::peers::{Bird, next_hops};

use crate::{
    Options,
    cluster::{Cluster, PATIENCE},
    manifests::object,
};

/// A router on the newcomer's machine; dropping it kills it.
pub(crate) struct Router {
    _bird: Bird,
    monitor: Child,
    changes: Arc<Mutex<Vec<Change>>>,
}

/// A route that was added, changed or removed, in the words of `ip monitor`.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// When it was told.
    pub(crate) at: Instant,
    line: String,
}

impl Router {
    /// Starts BIRD and makes it a router of all nodes, with BFD at this interval and three times that until a node is lost.
    pub(crate) fn start(options: &Options, cluster: &Cluster, interval: Duration) -> anyhow::Result<Self> {
        let station = &cluster.newcomer;
        let (own, interval) = (station.four()?, interval.as_millis());
        cluster.manifests.put("routing", &routing(own, interval))?;
        let mut protocols =
            format!("protocol bfd {{ interface \"eth0\" {{ interval {interval} ms; multiplier 3; }}; }}\n");
        for node in &cluster.nodes {
            let (name, address) = (node.host.name(), node.link.address_like(own.into()).context("a node's address")?);
            protocols.push_str(&format!(
                "protocol bgp {name} from node {{ local {own} as 65000; neighbor {address} as 65001; bfd on; \
                 ipv4 {{ import all; export none; }}; }}\n"
            ));
        }
        std::fs::create_dir_all(&options.directory)?;
        let bird = Bird::start(&station.host, &options.directory, &protocols);
        let mut command = Command::new("ip");
        command.args(["-oneline", "-4", "monitor", "route"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut monitor = station.host.spawn(&mut command).context("cannot run `ip monitor`")?;
        let output = BufReader::new(monitor.stdout.take().context("the pipe from `ip monitor`")?);
        let changes = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&changes);
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                own.lock().unwrap_or_else(PoisonError::into_inner).push(Change { at: Instant::now(), line });
            }
        });
        Ok(Self { _bird: bird, monitor, changes })
    }

    /// Returns over how many nodes the kernel spreads an address.
    pub(crate) fn legs(&self, cluster: &Cluster, vip: IpAddr) -> usize {
        next_hops(&cluster.newcomer.host, &vip.to_string()).len()
    }

    /// Waits until the kernel spreads an address over so many nodes.
    pub(crate) fn settle(&self, cluster: &Cluster, vip: IpAddr, legs: usize) -> anyhow::Result<()> {
        cluster.eventually(&format!("{legs} ways to {vip}"), || self.legs(cluster, vip) == legs)
    }

    /// Returns what changed in the kernel since a moment.
    pub(crate) fn changes(&self, since: Instant) -> Vec<Change> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.iter().filter(|change| change.at >= since).cloned().collect()
    }

    /// Waits for a change since a moment and returns when it came.
    pub(crate) fn first(&self, since: Instant, wanted: impl Fn(&Change) -> bool) -> anyhow::Result<Instant> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(change) = self.changes(since).into_iter().find(|change| wanted(change)) {
                return Ok(change.at);
            }
            ensure!(Instant::now() < deadline, "no such change of a route within {PATIENCE:?}");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        // Fails only where the process has ended already.
        drop(self.monitor.kill());
        drop(self.monitor.wait());
    }
}

impl Change {
    /// Returns whether it says that packets for an address go to a node.
    pub(crate) fn leads(&self, vip: IpAddr, node: IpAddr) -> bool {
        self.concerns(vip) && !self.line.starts_with("Deleted") && self.words().any(|word| word == node.to_string())
    }

    /// Returns whether it is about an address.
    pub(crate) fn concerns(&self, vip: IpAddr) -> bool {
        self.words().find(|word| *word != "Deleted") == Some(&vip.to_string())
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.line.split_ascii_whitespace()
    }
}

fn routing(router: Ipv4Addr, interval: u128) -> String {
    let profile = format!("{{receiveInterval: {interval}, transmitInterval: {interval}, detectMultiplier: 3}}");
    let peer = format!("{{myASN: 65001, peerASN: 65000, peerAddress: {router}, connectTime: 1s, bfdProfile: tor}}");
    object("v1beta1", "BGPAdvertisement", "tor", "{}")
        + &object("v1beta1", "BFDProfile", "tor", &profile)
        + &object("v1beta2", "BGPPeer", "tor", &peer)
}
