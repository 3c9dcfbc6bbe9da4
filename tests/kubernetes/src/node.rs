//! Nodes: machines of the lab that the API server knows, with a network for their pods and kube-proxy.
//!
//! ```no_run
//! # fn scenario(lab: &lab::Lab, control_plane: &control_plane::ControlPlane) {
//! use control_plane::{Identity, Mode};
//! let lan = lab.bridge("lan");
//! let mut n1 = control_plane.node(lab, "n1", &lan);
//! n1.kube_proxy(Mode::Nftables, &control_plane.kubeconfig(&Identity::KubeProxy));
//! let pod = n1.pod("shop", "web-1", &[("app", "web")]);
//! pod.ready(false);
//! n1.management.pull().expect("a cable can be pulled");
//! # }
//! ```

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
};

use clarion::demo::{
    network::{Bridge, Link},
    speaker::fetch,
};
use ipnet::IpNet;
use k8s_openapi::api::core::v1;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use lab::{Client, Lab};
use serde_json::{Value, json};

use crate::{Access, ControlPlane, program, program::Program};

/// The ranges of all pods.
pub const POD_RANGES: &str = "10.244.0.0/16,fd44::/48";

/// Where kube-proxy says that it is healthy.
pub const HEALTH_PORT: u16 = 10256;

/// Where kube-proxy counts what it does, for its own node only.
pub const METRICS_PORT: u16 = 10249;

/// By which means kube-proxy changes where packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// nftables, with tables of its own.
    Nftables,
    /// iptables, as most clusters have it.
    Iptables,
}

/// A machine that is a node of the cluster.
#[derive(Debug)]
pub struct Node {
    proxy: Option<Program>,
    /// The machine, with its cable to the network that Services are announced on.
    pub machine: Client,
    /// Its cable to the management network, by which it reaches the API server.
    pub management: Link,
    pub(crate) access: Access,
    pub(crate) number: u8,
    pub(crate) pods: u8,
    pub(crate) logs: PathBuf,
}

/// How the other nodes reach the pods of one.
#[derive(Debug)]
pub(crate) struct Route {
    node: String,
    ranges: [IpNet; 2],
    addresses: Vec<IpAddr>,
}

impl ControlPlane {
    /// Adds a machine to `lan` and to the management network, and makes it a node that is Ready and may have pods.
    ///
    /// # Panics
    ///
    /// When the machine or its Node object cannot be made.
    pub fn node(&self, lab: &Lab, name: &str, lan: &Bridge) -> Node {
        let machine = lab.client(name, lan);
        self.join(lab, machine).expect("a machine can join the cluster")
    }

    fn join(&self, lab: &Lab, machine: Client) -> anyhow::Result<Node> {
        let mut routes = self.routes.lock().expect("nobody panics while adding a node");
        let number = u8::try_from(routes.len() + 1)?;
        let address = IpNet::new(Ipv4Addr::new(10, 76, 0, 10 + number).into(), 24)?;
        let management = lab.plug(&machine.host, "management", &self.management, &[address]);
        let route = Route::new(&machine, number);
        for setting in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            machine.host.set(setting, "1")?;
        }
        for other in routes.iter() {
            machine.host.ip(&other.commands())?;
            ip_on(&other.node, &route.commands())?;
        }
        self.run(create_node(&self.access, &machine, &route))?;
        routes.push(route);
        Ok(Node {
            proxy: None,
            machine,
            management,
            access: self.access.clone(),
            number,
            pods: 0,
            logs: self.logs.clone(),
        })
    }
}

impl Node {
    /// Returns the name.
    pub fn name(&self) -> &str {
        self.machine.host.name()
    }

    /// Returns the node's InternalIP of the family of `other`.
    pub fn address_like(&self, other: IpAddr) -> IpAddr {
        self.machine.address_like(other)
    }

    /// Says in the Node object whether the node is Ready; there is no kubelet that would know.
    ///
    /// # Panics
    ///
    /// When the API server refuses.
    pub fn ready(&self, ready: bool) {
        let nodes: Api<v1::Node> = Api::all(self.access.client.clone());
        let patch = Patch::Strategic(json!({"status": {"conditions": [condition(ready)]}}));
        self.access
            .run(nodes.patch_status(self.name(), &PatchParams::default(), &patch))
            .expect("a node's status is accepted");
    }

    /// Starts kube-proxy, in place of one that ran before, and waits until the rules are in place; it removes those of the other mode.
    ///
    /// `kubeconfig` is that of [`Identity::KubeProxy`](crate::Identity::KubeProxy), from the control plane or from a fault proxy.
    ///
    /// # Panics
    ///
    /// When kube-proxy is not ready in time.
    pub fn kube_proxy(&mut self, mode: Mode, kubeconfig: &Path) {
        self.begin_kube_proxy(mode, kubeconfig);
        let mut proxy = self.proxy.take().expect("it was just started");
        // It says that it is healthy before it has made any rule, because nothing is late yet.
        proxy.wait("the rules are in place", || self.healthy() && self.has_rules()).expect("kube-proxy gets ready");
        self.proxy = Some(proxy);
    }

    /// Starts kube-proxy as [`Node::kube_proxy`] does, and waits for nothing.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn begin_kube_proxy(&mut self, mode: Mode, kubeconfig: &Path) {
        self.proxy = None;
        self.proxy = Some(self.start_kube_proxy(mode, kubeconfig).expect("kube-proxy starts"));
    }

    /// Returns kube-proxy's process.
    ///
    /// # Panics
    ///
    /// When the test has not started it.
    pub fn proxy(&self) -> &Program {
        self.proxy.as_ref().expect("the test starts kube-proxy before it uses it")
    }

    /// Kills kube-proxy; the rules that it made stay.
    pub fn kill_kube_proxy(&mut self) {
        self.proxy = None;
    }

    fn start_kube_proxy(&self, mode: Mode, kubeconfig: &Path) -> anyhow::Result<Program> {
        let binary = program::built("kube-proxy")?;
        let config = Path::new(crate::DIRECTORY).join(format!("{}.kube-proxy.json", self.name()));
        fs::write(&config, configuration(mode, self.name(), kubeconfig).to_string())?;
        let mut command = Command::new(binary);
        command.arg(format!("--config={}", config.display()));
        let log = self.logs.join(format!("{}.kube-proxy.log", self.name()));
        Program::start(command, &log, |command| self.machine.host.spawn(command))
    }

    /// Returns whether kube-proxy says that it is healthy.
    pub fn healthy(&self) -> bool {
        self.page(HEALTH_PORT, "/healthz").is_ok()
    }

    /// Returns whether kube-proxy has made the rules of both families at least once.
    pub fn has_rules(&self) -> bool {
        let page = self.page(METRICS_PORT, "/metrics").unwrap_or_default();
        let syncs = page.lines().filter(|line| line.starts_with("kubeproxy_sync_proxy_rules_last_timestamp_seconds"));
        syncs.filter(|line| !line.ends_with(" 0")).count() == 2
    }

    fn page(&self, port: u16, path: &str) -> anyhow::Result<String> {
        self.machine.host.run(|| fetch(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), path))
    }
}

impl Route {
    fn new(machine: &Client, number: u8) -> Self {
        let four = IpNet::new(Ipv4Addr::new(10, 244, number, 0).into(), 24);
        let six = IpNet::new(Ipv6Addr::new(0xfd44, 0, 0, number.into(), 0, 0, 0, 0).into(), 64);
        let ranges = [four, six].map(|range| range.expect("prefix lengths of the families"));
        let addresses = machine.link.addresses.iter().map(IpNet::addr).collect();
        Self { node: machine.host.name().to_owned(), ranges, addresses }
    }

    /// Returns what another node needs, for `ip -batch`.
    fn commands(&self) -> String {
        let line = |range: &IpNet| {
            let via = self.addresses.iter().find(|address| address.is_ipv4() == range.addr().is_ipv4());
            via.map(|via| format!("route add {range} via {via}\n"))
        };
        self.ranges.iter().filter_map(line).collect()
    }
}

async fn create_node(access: &Access, machine: &Client, route: &Route) -> anyhow::Result<()> {
    let name = machine.host.name();
    let ranges: Vec<_> = route.ranges.iter().map(IpNet::to_string).collect();
    let addresses = route.addresses.iter().map(|address| json!({"type": "InternalIP", "address": address}));
    let object = json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "spec": {"podCIDR": ranges[0], "podCIDRs": ranges},
    });
    let status = json!({"status": {"addresses": addresses.collect::<Vec<_>>(), "conditions": [condition(true)]}});
    let nodes: Api<v1::Node> = Api::all(access.client.clone());
    nodes.create(&PostParams::default(), &serde_json::from_value(object)?).await?;
    // Admission taints every new node until a kubelet reports, and there is none.
    let untainted = Patch::Merge(json!({"spec": {"taints": null}}));
    nodes.patch(name, &PatchParams::default(), &untainted).await?;
    nodes.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(())
}

fn condition(ready: bool) -> Value {
    let (status, reason) = if ready { ("True", "TestSaysSo") } else { ("False", "TestSaysNo") };
    json!({"type": "Ready", "status": status, "reason": reason, "message": "set by the test"})
}

fn configuration(mode: Mode, node: &str, kubeconfig: &Path) -> Value {
    let mode = match mode {
        Mode::Nftables => "nftables",
        Mode::Iptables => "iptables",
    };
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": mode,
        "hostnameOverride": node,
        "clientConnection": {"kubeconfig": kubeconfig},
        "clusterCIDR": POD_RANGES,
        "healthzBindAddress": format!("0.0.0.0:{HEALTH_PORT}"),
        "metricsBindAddress": format!("127.0.0.1:{METRICS_PORT}"),
        // The machine's conntrack limits cannot be set from inside a namespace.
        "conntrack": {"maxPerCore": 0, "min": 0},
    })
}

/// Runs commands of `ip`, one per line, in the namespace named.
pub(crate) fn ip_on(namespace: &str, lines: &str) -> anyhow::Result<()> {
    for line in lines.lines() {
        let output = Command::new("ip").args(["-netns", namespace]).args(line.split_whitespace()).output()?;
        let refusal = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "`ip {line}` on {namespace}: {refusal}");
    }
    Ok(())
}
