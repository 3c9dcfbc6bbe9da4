//! The stage of the demo: three nodes, two clients and an observer on one switch.

use std::{
    collections::BTreeMap,
    env,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
};

use anyhow::Context;
use ipnet::IpNet;

use super::{
    example,
    network::{Bridge, Host, Link, Mac, Network},
    rack::Rack,
    server::Server,
    speaker::{Settings, Speaker},
    status::Status,
};

/// Where manifests, states and logs live; a private file system that ends with the sandbox.
const DIRECTORY: &str = "/run/clarion-demo";

/// The ports behind the example Services.
const PAGE_PORTS: [u16; 2] = [80, 8080];

/// The ranges whose packets the nodes take, as kube-proxy makes them; every pool of the example lies inside.
const SERVED: [&str; 2] = ["192.0.2.128/25", "2001:db8:0:1::1:0/112"];

/// Everybody in the demo.
#[derive(Debug)]
pub struct Scene {
    /// The nodes n1, n2 and n3.
    pub nodes: Vec<Node>,
    /// The client with an IPv4 address.
    pub client: Client,
    /// The client with an IPv6 address only.
    pub client6: Client,
    /// Asks for every address as a host that never heard of it.
    pub observer: Client,
    /// The switch that everybody is plugged into.
    pub lan: Bridge,
    /// The network, for machines that come later.
    pub network: Network,
    manifests: PathBuf,
}

/// A machine that runs a speaker and serves Services.
#[derive(Debug)]
pub struct Node {
    /// The machine.
    pub host: Host,
    link: Link,
    server: Option<Server>,
    speaker: Option<Speaker>,
}

/// A machine that uses Services.
#[derive(Debug)]
pub struct Client {
    /// The machine.
    pub host: Host,
    /// Its cable to the switch.
    pub link: Link,
}

impl Scene {
    /// Builds the network and writes the example manifests; no speaker runs yet.
    pub fn build() -> anyhow::Result<Self> {
        let network = Network::new()?;
        let lan = network.bridge("lan")?;
        let nodes = (1..=3).map(|number| Node::build(&network, &lan, number)).collect::<anyhow::Result<_>>()?;
        let manifests = Path::new(DIRECTORY).join("manifests");
        example::write(&manifests)?;
        Ok(Self {
            nodes,
            client: Client::build(&network, &lan, "client", &[four(101)])?,
            client6: Client::build(&network, &lan, "client6", &[six(102)])?,
            observer: Client::build(&network, &lan, "observer", &[four(103), six(103)])?,
            lan,
            network,
            manifests,
        })
    }

    /// Starts the speaker of every node that has none.
    pub fn start_speakers(&mut self) -> anyhow::Result<()> {
        for node in self.nodes.iter_mut().filter(|node| node.speaker.is_none()) {
            node.start_speaker(&self.manifests)?;
        }
        Ok(())
    }

    /// Returns the status of every speaker that answers, by node.
    pub fn statuses(&self) -> BTreeMap<&str, Status> {
        self.nodes.iter().filter_map(|node| Some((node.host.name(), node.status()?))).collect()
    }

    /// Returns the node with this Ethernet address.
    pub fn node_at(&self, mac: Mac) -> Option<&Node> {
        self.nodes.iter().find(|node| node.link.mac == mac)
    }

    /// Takes the power of one node: speaker, server and wire are gone at the same moment.
    pub fn power_off(&mut self, name: &str) -> anyhow::Result<()> {
        let node = self.node_mut(name)?;
        // The wire first: a dead machine says nothing more, not even that its connections are closed.
        node.link.cut()?;
        if let Some(mut speaker) = node.speaker.take() {
            speaker.kill()?;
        }
        node.server = None;
        Ok(())
    }

    /// Gives one node its power back.
    pub fn power_on(&mut self, name: &str) -> anyhow::Result<()> {
        let manifests = self.manifests.clone();
        let node = self.node_mut(name)?;
        node.server = Some(Server::start(&node.host, &PAGE_PORTS)?);
        node.link.heal()?;
        node.start_speaker(&manifests)
    }

    /// Cordons one node in its manifest, as `kubectl cordon` does in a cluster.
    pub fn cordon(&self, name: &str) -> anyhow::Result<()> {
        example::cordon(&self.manifests, name)
    }

    /// Undoes [`Scene::cordon`].
    pub fn uncordon(&self, name: &str) -> anyhow::Result<()> {
        example::uncordon(&self.manifests, name)
    }

    /// Plugs in a router with a client behind it, and adds the manifests by which the nodes know it.
    pub fn add_rack(&self) -> anyhow::Result<Rack> {
        let rack = Rack::build(self, Path::new(DIRECTORY))?;
        example::add_router(&self.manifests)?;
        Ok(rack)
    }

    /// Returns the last lines of every speaker's log, for a demo that failed.
    pub fn logs(&self) -> String {
        let tail = |node: &Node| {
            let name = node.host.name();
            let text = std::fs::read_to_string(node.directory().join("log")).unwrap_or_default();
            let lines: Vec<_> = text.lines().collect();
            let last = &lines[lines.len().saturating_sub(20)..];
            format!("--- the end of {name}'s log\n{}\n", last.join("\n"))
        };
        self.nodes.iter().map(tail).collect()
    }

    fn node_mut(&mut self, name: &str) -> anyhow::Result<&mut Node> {
        self.nodes.iter_mut().find(|node| node.host.name() == name).with_context(|| format!("there is no node {name}"))
    }
}

impl Node {
    fn build(network: &Network, lan: &Bridge, number: u8) -> anyhow::Result<Self> {
        let host = network.host(&format!("n{number}"))?;
        let link = network.plug(&host, "eth0", lan, &[four(10 + number), six(0x10 + number)])?;
        host.serve_locally(&SERVED.map(|range| range.parse().expect("the ranges are written correctly")))?;
        let server = Server::start(&host, &PAGE_PORTS)?;
        Ok(Self { host, link, server: Some(server), speaker: None })
    }

    fn start_speaker(&mut self, manifests: &Path) -> anyhow::Result<()> {
        let settings = Settings {
            binary: env::current_exe().context("cannot find this program's own file")?,
            manifests: manifests.to_owned(),
            directory: self.directory(),
            node: None,
            arguments: vec!["--drain-on".to_owned(), "cordon".to_owned()],
        };
        self.speaker = Some(Speaker::start(&self.host, &settings)?);
        Ok(())
    }

    /// Returns whether the node has power.
    pub fn powered(&self) -> bool {
        self.server.is_some()
    }

    /// Returns what the node's speaker says, or nothing while it says nothing.
    pub fn status(&self) -> Option<Status> {
        self.speaker.as_ref()?.status(&self.host).ok()
    }

    /// Returns whether an address is one of the node's own.
    pub fn has(&self, address: IpAddr) -> bool {
        self.link.addresses.iter().any(|own| own.addr() == address)
    }

    /// Returns the node's own address of the family of `other`.
    pub fn address_like(&self, other: IpAddr) -> Option<IpAddr> {
        self.link.address_like(other)
    }

    /// Returns how the speaker ended, if it did although nobody asked it to.
    pub fn failure(&mut self) -> Option<String> {
        let ended = self.speaker.as_mut().is_some_and(|speaker| !speaker.running());
        ended.then(|| format!("the speaker on {} ended", self.host.name()))
    }

    fn directory(&self) -> PathBuf {
        Path::new(DIRECTORY).join(self.host.name())
    }
}

impl Client {
    /// Plugs in a machine that uses Services.
    pub(super) fn build(network: &Network, lan: &Bridge, name: &str, addresses: &[IpNet]) -> anyhow::Result<Self> {
        let host = network.host(name)?;
        let link = network.plug(&host, "eth0", lan, addresses)?;
        Ok(Self { host, link })
    }
}

/// Returns an IPv4 address on the switch of the nodes.
pub(super) fn four(number: u8) -> IpNet {
    on(Ipv4Addr::new(192, 0, 2, number).into(), 24)
}

/// Returns an IPv6 address on the switch of the nodes.
pub(super) fn six(number: u8) -> IpNet {
    on(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, number.into()).into(), 64)
}

/// Returns an address of another network.
pub(super) fn network(address: &str, length: u8) -> anyhow::Result<IpNet> {
    Ok(IpNet::new(address.parse()?, length)?)
}

fn on(address: IpAddr, length: u8) -> IpNet {
    IpNet::new(address, length).expect("the length fits the family")
}
