//! Three nodes, a client and a newcomer on one switch, with speakers or with keepalived.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use clarion::demo::{
    network::{Bridge, Host, Link, Mac, Network},
    server::Server,
    speaker::{self, Speaker},
    status::Status,
    watch::Watcher,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    Options,
    daemon::{self, Keepalived},
    manifests::{Families, Manifests, SERVED, vips},
    sightings::later_than,
};

/// How long anything may take before a run has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long the wire is watched before and after what is measured.
pub(crate) const MARGIN: Duration = Duration::from_millis(500);

/// Who keeps the addresses up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// `clarion standalone` with default settings.
    Clarion,
    /// keepalived that advertises every second, its default.
    KeepalivedSecond,
    /// keepalived that advertises every 0.1 s.
    KeepalivedTenth,
}

/// The machines of one bench.
#[derive(Debug)]
pub(crate) struct Cluster {
    /// The nodes n1, n2 and n3.
    pub(crate) nodes: Vec<Node>,
    /// The host whose traffic is measured.
    pub(crate) client: Station,
    /// The host that asks as one that never heard of an address.
    pub(crate) newcomer: Station,
    /// The manifests that every speaker reads.
    pub(crate) manifests: Manifests,
    /// The addresses that Services get.
    pub(crate) vips: Vec<IpAddr>,
    kind: Kind,
    clarion: PathBuf,
    arguments: Vec<String>,
}

/// A machine that serves Services.
#[derive(Debug)]
pub(crate) struct Node {
    /// The machine.
    pub(crate) host: Host,
    /// Its cable to the switch.
    pub(crate) link: Link,
    server: Server,
    program: Option<Program>,
    directory: PathBuf,
}

/// What keeps addresses up on one node.
#[derive(Debug)]
enum Program {
    Clarion(Speaker),
    Keepalived(Keepalived),
}

/// A page of metrics.
pub(crate) struct Metrics(String);

/// A machine that uses Services.
#[derive(Debug)]
pub(crate) struct Station {
    /// The machine.
    pub(crate) host: Host,
    /// Its cable to the switch.
    pub(crate) link: Link,
}

impl Kind {
    /// Returns the name of the subject in figures.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Clarion => "clarion",
            Self::KeepalivedSecond => "keepalived advert 1 s",
            Self::KeepalivedTenth => "keepalived advert 0.1 s",
        }
    }

    /// Returns the time between two signs of life at default settings.
    pub(crate) fn interval(self) -> Duration {
        match self {
            Self::Clarion | Self::KeepalivedTenth => Duration::from_millis(100),
            Self::KeepalivedSecond => Duration::from_secs(1),
        }
    }

    /// Returns how long one node must have answered alone before the next fault.
    fn quiet(self) -> Duration {
        3 * MARGIN / 5 + 2 * self.interval()
    }
}

impl Cluster {
    /// Builds the machines and writes the manifests; nothing runs yet.
    pub(crate) fn build(options: &Options, kind: Kind, services: usize, families: Families) -> anyhow::Result<Self> {
        let network = Network::new()?;
        let lan = network.bridge("lan")?;
        let directory = &options.directory;
        let nodes = (1..=3)
            .map(|number| Node::build(&network, &lan, number, kind, directory))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            nodes,
            client: Station::build(&network, &lan, "client", 101)?,
            newcomer: Station::build(&network, &lan, "newcomer", 102)?,
            manifests: Manifests::write(&directory.join("manifests"), services, families)?,
            vips: vips(services, families),
            kind,
            clarion: options.clarion.clone(),
            arguments: Vec::new(),
        })
    }

    /// Adds arguments for `clarion standalone`, beside its defaults.
    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Starts every node that runs nothing, and waits until one node answers alone for each of the addresses.
    pub(crate) fn start(&mut self, watched: &[IpAddr]) -> anyhow::Result<()> {
        for place in 0..self.nodes.len() {
            self.start_node(place)?;
        }
        let watcher = self.newcomer.watch(watched)?;
        self.settle(&watcher, watched, Instant::now())
    }

    /// Starts one node, if it runs nothing.
    pub(crate) fn start_node(&mut self, place: usize) -> anyhow::Result<()> {
        let vip = self.vips[0];
        let node = &mut self.nodes[place];
        if node.program.is_some() {
            return Ok(());
        }
        let directory = node.directory.clone();
        node.program = Some(match self.kind {
            Kind::Clarion => Program::Clarion(Speaker::start(
                &node.host,
                &speaker::Settings {
                    binary: self.clarion.clone(),
                    manifests: self.manifests.directory.clone(),
                    directory,
                    node: None,
                    arguments: self.arguments.clone(),
                },
            )?),
            Kind::KeepalivedSecond | Kind::KeepalivedTenth => {
                let priority = 250 - 10 * u8::try_from(place).context("there are three nodes")?;
                let settings = daemon::Settings { interval: self.kind.interval(), priority, vip };
                Program::Keepalived(Keepalived::start(&node.host, &directory, settings)?)
            }
        });
        Ok(())
    }

    /// Returns the place of the node that has this Ethernet address.
    pub(crate) fn node_at(&self, mac: Mac) -> anyhow::Result<usize> {
        self.nodes.iter().position(|node| node.link.mac == mac).with_context(|| format!("{mac} belongs to no node"))
    }

    /// Repairs whatever was broken on one node; what was killed is started again.
    pub(crate) fn repair(&mut self, place: usize) -> anyhow::Result<()> {
        let vip = self.vips[0];
        let node = &mut self.nodes[place];
        node.link.heal()?;
        node.resume()?;
        if node.program.is_none() && self.kind != Kind::Clarion {
            // keepalived that was killed leaves its address on the machine, which a restart of the machine would remove.
            node.host.ip(&format!("addr flush to {vip} dev eth0\n"))?;
        }
        self.start_node(place)
    }

    /// Waits until all speakers hear each other and one node alone answered for each address for a quiet moment after `since`.
    pub(crate) fn settle(&self, watcher: &Watcher, watched: &[IpAddr], since: Instant) -> anyhow::Result<()> {
        let quiet = self.kind.quiet();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let calm = since.elapsed() >= quiet && self.acquainted() && {
                let recent = later_than(&watcher.so_far(), Instant::now() - quiet);
                watched.iter().all(|vip| recent.macs(*vip).len() == 1)
            };
            if calm {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(50));
        }
        let seen = later_than(&watcher.so_far(), Instant::now() - quiet);
        let macs: Vec<_> = watched.iter().map(|vip| seen.macs(*vip).len()).collect();
        bail!("not calm within {PATIENCE:?} of a repair: {macs:?} nodes answer\n{}", self.logs())
    }

    /// Returns whether every speaker hears every other; keepalived cannot be asked.
    fn acquainted(&self) -> bool {
        let others = self.nodes.len() - 1;
        self.kind != Kind::Clarion
            || self.nodes.iter().all(|node| {
                let live = |status: Status| {
                    status.members.iter().filter(|member| member.state == "live" && member.hears_us).count() == others
                };
                node.status().is_some_and(live)
            })
    }

    /// Waits until `condition` holds.
    pub(crate) fn eventually(&self, what: &str, mut condition: impl FnMut() -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            ensure!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}\n{}", self.logs());
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Returns the last lines of every node's log.
    pub(crate) fn logs(&self) -> String {
        let tail = |node: &Node| {
            let lines = node.log();
            let last: Vec<_> = lines.lines().rev().take(15).collect();
            let last: Vec<_> = last.into_iter().rev().collect();
            format!("--- the end of {}'s log\n{}\n", node.host.name(), last.join("\n"))
        };
        self.nodes.iter().map(tail).collect()
    }
}

impl Node {
    fn build(network: &Network, lan: &Bridge, number: u8, kind: Kind, directory: &Path) -> anyhow::Result<Self> {
        let Station { host, link } = Station::build(network, lan, &format!("n{number}"), 10 + number)?;
        if kind == Kind::Clarion {
            host.serve_locally(&SERVED.map(|range| range.parse().expect("the ranges are written correctly")))?;
        }
        let server = Server::start(&host, &[80])?;
        let directory = directory.join(host.name());
        Ok(Self { host, link, server, program: None, directory })
    }

    /// Ends the program at once; the server goes on.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        match self.program.take() {
            Some(Program::Clarion(mut speaker)) => speaker.kill(),
            Some(Program::Keepalived(mut keepalived)) => keepalived.kill(),
            None => Ok(()),
        }
    }

    /// Stops program and server in their tracks.
    pub(crate) fn hang(&self) -> anyhow::Result<()> {
        self.server.pause();
        match &self.program {
            Some(Program::Clarion(speaker)) => speaker.hang(),
            Some(Program::Keepalived(keepalived)) => keepalived.hang(),
            None => Ok(()),
        }
    }

    fn resume(&self) -> anyhow::Result<()> {
        self.server.resume();
        match &self.program {
            Some(Program::Clarion(speaker)) => speaker.resume(),
            Some(Program::Keepalived(keepalived)) => keepalived.resume(),
            None => Ok(()),
        }
    }

    /// Stops the speaker in order.
    pub(crate) fn leave(&mut self) -> anyhow::Result<()> {
        let Some(Program::Clarion(mut speaker)) = self.program.take() else { bail!("only speakers leave in order") };
        let status = speaker.leave(PATIENCE)?;
        ensure!(status.success(), "the speaker on {} ended with {status}", self.host.name());
        Ok(())
    }

    /// Returns the speaker's status, if one answers.
    pub(crate) fn status(&self) -> Option<Status> {
        self.speaker()?.status(&self.host).ok()
    }

    /// Returns whether the speaker says that it may own addresses.
    pub(crate) fn ready(&self) -> bool {
        self.page("/readyz").is_ok()
    }

    /// Returns a page of the speaker.
    pub(crate) fn page(&self, path: &str) -> anyhow::Result<String> {
        let speaker = self.speaker().with_context(|| format!("{} runs no speaker", self.host.name()))?;
        speaker.page(&self.host, path)
    }

    /// Returns the speaker's metrics.
    pub(crate) fn metrics(&self) -> anyhow::Result<Metrics> {
        self.page("/metrics").map(Metrics)
    }

    /// Returns the speaker's process.
    pub(crate) fn speaker(&self) -> Option<&Speaker> {
        match &self.program {
            Some(Program::Clarion(speaker)) => Some(speaker),
            Some(Program::Keepalived(_)) | None => None,
        }
    }

    /// Returns what the program wrote since the bench began.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Forgets the addresses that the speaker remembers over a restart.
    pub(crate) fn forget_state(&self) -> anyhow::Result<()> {
        let state = self.directory.join("state");
        if state.exists() {
            fs::remove_dir_all(state)?;
        }
        Ok(())
    }
}

impl Metrics {
    /// Returns the sum over all labels of one metric.
    pub(crate) fn sum(&self, name: &str) -> anyhow::Result<f64> {
        let values: Vec<f64> = self.series(name).filter_map(|rest| rest.rsplit(' ').next()?.parse().ok()).collect();
        ensure!(!values.is_empty(), "there is no metric {name}");
        Ok(values.iter().sum())
    }

    /// Returns the labels and values of one metric.
    pub(crate) fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.lines().filter_map(move |line| line.strip_prefix(name)).filter(|rest| rest.starts_with(['{', ' ']))
    }
}

impl Station {
    /// Builds a machine whose addresses end in `number` on a switch.
    pub(crate) fn build(network: &Network, lan: &Bridge, name: &str, number: u8) -> anyhow::Result<Self> {
        let host = network.host(name)?;
        let four = IpAddr::from(Ipv4Addr::new(10, 0, 0, number));
        let six = IpAddr::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, number.into()));
        let addresses = [IpNet::new(four, 16)?, IpNet::new(six, 64)?];
        let link = network.plug(&host, "eth0", lan, &addresses)?;
        Ok(Self { host, link })
    }

    /// Returns the station's IPv4 address.
    pub(crate) fn four(&self) -> anyhow::Result<Ipv4Addr> {
        match self.link.address_like(Ipv4Addr::UNSPECIFIED.into()) {
            Some(IpAddr::V4(four)) => Ok(four),
            Some(IpAddr::V6(_)) | None => bail!("{} has no IPv4 address", self.host.name()),
        }
    }

    /// Starts to ask for addresses every 20 ms as a host that never heard of them.
    pub(crate) fn watch(&self, vips: &[IpAddr]) -> anyhow::Result<Watcher> {
        Watcher::newcomer(&self.host, &self.link, vips)
    }
}

/// Returns a moment between nothing and `most`, so that faults meet every phase of a heartbeat.
pub(crate) fn random(most: Duration) -> Duration {
    use std::hash::{BuildHasher, Hasher};
    let number = std::collections::hash_map::RandomState::new().build_hasher().finish();
    most.mul_f64(number as f64 / u64::MAX as f64)
}
