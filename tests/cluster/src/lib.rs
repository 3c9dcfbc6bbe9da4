//! A whole real Kubernetes cluster inside one private network: control plane, kubelets, containerd, pods and kube-proxy.
//!
//! Each node is a machine of the lab with process, mount and cgroup namespaces of its own.
//! It is on the network that Services are announced on, and on a management network with the API server, which carries the traffic between pods.
//! Clarion runs in it as the Deployment and DaemonSet of `deploy/`, from the image that users get.
//!
//! [`Cluster::start`] needs root, containerd, runc and the CNI plugins, and cgroups; a machine that lacks one of them is told, and the test skips.
//! With `CI=true` it fails instead.
//!
//! Nothing outlives the private world but cgroups, which [`Cluster`] removes when it is dropped, and the next cluster if that never happened.

pub mod abandoned;
pub mod cgroups;
pub mod configuration;
pub mod control_plane;
pub mod credentials;
pub mod kubectl;
pub mod node;
pub mod program;
pub mod requirements;
pub mod stage;
pub mod trial;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clarion::demo::network::{Bridge, Network};
use ipnet::IpNet;
use lab::Client;

pub use cgroups::Cgroups;
pub use configuration::Mode;
pub use control_plane::ControlPlane;
pub use node::Node;
use node::{Number, Place};
pub use trial::Trial;

/// Where everything is kept that dies with the cluster; the private world has memory there.
pub const STATE: &str = "/run/cluster";

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder with the archives of images that every node has; `images.sh` writes it.
    pub images: PathBuf,
    /// The folder for logs, which is emptied first.
    pub logs: PathBuf,
    /// How many nodes there are, at most 100.
    pub nodes: u8,
    /// How kube-proxy works.
    pub proxy: Mode,
}

/// A running cluster; dropping it ends everything.
#[derive(Debug)]
pub struct Cluster {
    /// The nodes, in the order of their names `n1`, `n2` and so on.
    pub nodes: Vec<Node>,
    /// The host whose traffic is measured.
    pub client: Client,
    /// The host that asks for addresses as one that never heard of them.
    pub newcomer: Client,
    /// What the nodes talk to.
    pub control_plane: ControlPlane,
    /// The network that Services are announced on.
    pub lan: Bridge,
    settings: Settings,
    cgroups: Cgroups,
}

impl Cluster {
    /// Starts a cluster and waits until every node is Ready; `tell` hears of each step.
    ///
    /// Call it inside a private world only, see `tests/lab/runner.sh` and `clarion::demo::sandbox`.
    pub fn start(settings: Settings, mut tell: impl FnMut(&str)) -> anyhow::Result<Self> {
        let plugins = requirements::check(&settings.images)?;
        let state = Path::new(STATE);
        ensure!(!state.exists(), "there is a cluster in this private world already");
        fs::create_dir_all(state)?;
        drop(fs::remove_dir_all(&settings.logs));
        fs::create_dir_all(&settings.logs).with_context(|| format!("cannot make {}", settings.logs.display()))?;
        let cgroups = Cgroups::create()?;

        tell("control plane: etcd, kube-apiserver, kube-controller-manager, kube-scheduler");
        let network = Network::new()?;
        let (lan, management) = (network.bridge("lan")?, network.bridge("management")?);
        let names: Vec<_> = (1..=settings.nodes).map(|number| format!("n{number}")).collect();
        // Packets to the API server's address must not be refused while it starts.
        ip(&format!("address add {}/24 dev management", control_plane::ADDRESS))?;
        let control_plane = ControlPlane::start(state, &settings.logs, &names)?;

        tell("nodes: a network, containerd and the images for each");
        let mut build = Build { network, lan, management, hosts: 0 };
        let mut nodes = Vec::new();
        for (number, name) in (1..).map(Number).zip(&names) {
            let place = Place {
                state: state.join(name),
                logs: settings.logs.clone(),
                programs: program::folder()?,
                images: settings.images.clone(),
                plugins: plugins.clone(),
                hierarchies: cgroups.names(),
                group: cgroups.node(name)?,
            };
            let mut node = build.node(name, number, &nodes, place)?;
            node.configure(&control_plane, number)?;
            node.boot()?;
            nodes.push(node);
        }
        let client = build.machine("client")?;
        let newcomer = build.machine("newcomer")?;
        let lan = build.lan;
        let mut cluster = Self { nodes, client, newcomer, control_plane, lan, settings, cgroups };
        cluster.join(&mut tell)?;
        Ok(cluster)
    }

    fn join(&mut self, tell: &mut impl FnMut(&str)) -> anyhow::Result<()> {
        self.control_plane.wait_until_ready()?;
        tell("the API server is ready");
        let nodes = (1..).map(Number).zip(&self.nodes);
        let objects: Vec<_> =
            nodes.map(|(number, node)| configuration::node(node.name(), &number.pods()).to_string()).collect();
        self.control_plane.apply(&objects.join("\n---\n"))?;
        for node in &mut self.nodes {
            node.wait_until_booted()?;
        }
        tell("kubelet runs on every node");
        let kubeconfig = self.kube_proxy_kubeconfig()?;
        for node in &mut self.nodes {
            node.start_kube_proxy(self.settings.proxy, &kubeconfig)?;
        }
        self.wait_for_nodes()?;
        tell("every node is Ready");
        Ok(())
    }

    /// Takes the power of a node away, by its place among the nodes.
    pub fn kill(&mut self, node: usize) -> anyhow::Result<()> {
        self.nodes[node].kill(&self.cgroups)
    }

    /// Gives power back to a node that was killed, and waits until it is Ready.
    pub fn power_on(&mut self, node: usize) -> anyhow::Result<()> {
        let kubeconfig = self.kube_proxy_kubeconfig()?;
        let node = &mut self.nodes[node];
        node.power_on(&self.cgroups)?;
        node.wait_until_booted()?;
        node.start_kube_proxy(self.settings.proxy, &kubeconfig)?;
        self.wait_for_nodes()
    }

    /// Starts kube-proxy on every node again, in another mode or in the same.
    pub fn restart_kube_proxy(&mut self, mode: Mode) -> anyhow::Result<()> {
        self.settings.proxy = mode;
        let kubeconfig = self.kube_proxy_kubeconfig()?;
        self.nodes.iter_mut().try_for_each(|node| node.start_kube_proxy(mode, &kubeconfig))
    }

    /// Returns the folder with the logs.
    pub fn logs(&self) -> &Path {
        &self.settings.logs
    }

    fn kube_proxy_kubeconfig(&self) -> anyhow::Result<PathBuf> {
        let path = Path::new(STATE).join("kube-proxy.kubeconfig");
        self.control_plane.credentials().kubeconfig(&credentials::Identity::KubeProxy, &path)?;
        Ok(path)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            // What cannot be ended here is ended by the kernel, with the private world.
            drop(node.kill(&self.cgroups));
            let (from, to) = (Path::new(STATE).join(node.name()).join("log"), self.settings.logs.join(node.name()));
            drop(Command::new("cp").arg("-r").arg(from).arg(to).output());
        }
    }
}

/// A network under construction.
struct Build {
    network: Network,
    lan: Bridge,
    management: Bridge,
    hosts: u8,
}

impl Build {
    /// Adds a machine to the network of the Services, where its addresses end in 11 and more as in the lab.
    fn machine(&mut self, name: &str) -> anyhow::Result<Client> {
        self.hosts += 1;
        let number = 10 + self.hosts;
        let addresses: [IpNet; 2] =
            [format!("192.0.2.{number}/24").parse()?, format!("2001:db8:0:1::{number:x}/64").parse()?];
        let host = self.network.host(name)?;
        let link = self.network.plug(&host, "eth0", &self.lan, &addresses)?;
        Ok(Client { host, link })
    }

    /// Adds a node, with the ways between its pods and everybody who came before.
    fn node(&mut self, name: &str, number: Number, others: &[Node], place: Place) -> anyhow::Result<Node> {
        let machine = self.machine(name)?;
        let management = self.network.plug(&machine.host, "management", &self.management, &number.addresses())?;
        for setting in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            machine.host.set(setting, "1")?;
        }
        // Without a route for them, a node's own packets to ClusterIPs end before kube-proxy sees them.
        let address = control_plane::ADDRESS;
        machine.host.ip(&format!("route add default via {address}\nroute add ::/0 dev management\n"))?;
        let pods = number.pods();
        let way = |pods: &[String; 2], via: &[IpNet]| -> String {
            pods.iter().zip(via).map(|(pods, via)| format!("route add {pods} via {}\n", via.addr())).collect()
        };
        // The API server speaks to pods when somebody forwards a port.
        ip(way(&pods, &management.addresses[..1]).lines().next().unwrap_or_default())?;
        for (other, number) in others.iter().zip((1..).map(Number)) {
            other.machine.host.ip(&way(&pods, &management.addresses))?;
            machine.host.ip(&way(&number.pods(), &other.management.addresses))?;
        }
        Ok(Node::new(machine, management, place))
    }
}

/// Runs a command of `ip` where the switches and the API server are.
fn ip(arguments: &str) -> anyhow::Result<()> {
    let output = Command::new("ip").args(arguments.split_whitespace()).output()?;
    ensure!(output.status.success(), "`ip {arguments}`: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Waits until `condition` holds and returns how long that took.
pub fn eventually(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) -> anyhow::Result<Duration> {
    let start = Instant::now();
    while !condition() {
        ensure!(start.elapsed() < patience, "not within {patience:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
    Ok(start.elapsed())
}
