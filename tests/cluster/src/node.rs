//! Nodes: machines of the network with containerd, kubelet and kube-proxy of their own.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context, ensure};
use clarion::demo::{
    network::{Link, Mac},
    speaker::fetch,
};
use ipnet::IpNet;
use lab::Client;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    cgroups::Cgroups,
    configuration::{self, HEALTH_PORT, Mode},
    control_plane::ControlPlane,
    credentials::Identity,
    program::Program,
};

/// A machine that is a node of the cluster; dropping it takes its power away.
#[derive(Debug)]
pub struct Node {
    /// The machine, with its cable to the network that Services are announced on.
    pub machine: Client,
    /// Its cable to the management network: the API server and the pods of other nodes are behind it.
    pub management: Link,
    power: Option<Power>,
    proxy: Option<Program>,
    place: Place,
}

/// Where a node finds what it is made of.
#[derive(Debug)]
pub(crate) struct Place {
    /// The node's disk.
    pub(crate) state: PathBuf,
    /// The logs of what runs on the machine itself.
    pub(crate) logs: PathBuf,
    /// The folder with kubelet and kube-proxy.
    pub(crate) programs: PathBuf,
    /// The folder with the archives of images.
    pub(crate) images: PathBuf,
    /// The folder of the CNI plugins.
    pub(crate) plugins: PathBuf,
    /// The names of the cgroup hierarchies.
    pub(crate) hierarchies: String,
    /// The node's cgroup.
    pub(crate) group: PathBuf,
}

/// A node that runs.
#[derive(Debug)]
struct Power {
    supervisor: Program,
    /// The first process of the node; everything on it dies with this one.
    first: Option<Pid>,
}

/// The number of a node, from which its addresses follow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub(crate) u8);

impl Number {
    /// Returns the addresses on the management network, IPv4 first.
    pub(crate) fn addresses(self) -> [IpNet; 2] {
        let host = 10 + self.0;
        let four = IpNet::new(Ipv4Addr::new(10, 76, 0, host).into(), 24);
        let six = IpNet::new(Ipv6Addr::new(0xfd76, 0, 0, 0, 0, 0, 0, host.into()).into(), 64);
        [four, six].map(|address| address.expect("prefix lengths of the families"))
    }

    /// Returns the ranges of the node's pods, IPv4 first.
    pub(crate) fn pods(self) -> [String; 2] {
        [format!("10.244.{}.0/24", self.0), format!("fd44:0:0:{:x}::/64", self.0)]
    }
}

impl Node {
    pub(crate) fn new(machine: Client, management: Link, place: Place) -> Self {
        Self { machine, management, power: None, proxy: None, place }
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        self.machine.host.name()
    }

    /// Returns the Ethernet address by which the node announces.
    pub fn mac(&self) -> Mac {
        self.machine.link.mac
    }

    /// Returns whether the node has power.
    pub fn is_on(&self) -> bool {
        self.power.is_some()
    }

    /// Writes what the node's programs read.
    pub(crate) fn configure(&self, control_plane: &ControlPlane, number: Number) -> anyhow::Result<()> {
        let own = self.place.state.join("lib/node");
        fs::create_dir_all(own.join("cni"))?;
        fs::create_dir_all(self.place.state.join("log"))?;
        let identity = Identity::Kubelet(self.name().to_owned());
        control_plane.credentials().kubeconfig(&identity, &own.join("kubeconfig"))?;
        fs::write(own.join("kubelet.json"), configuration::kubelet().to_string())?;
        fs::write(own.join("containerd.toml"), configuration::containerd(&self.place.plugins))?;
        fs::write(own.join("cni/pods.conflist"), configuration::pod_network(&number.pods()).to_string())?;
        Ok(())
    }

    /// Gives the machine power: containerd starts, and the images arrive; see [`Node::wait_until_booted`].
    pub(crate) fn boot(&mut self) -> anyhow::Result<()> {
        let log = self.place.logs.join(format!("{}.node.log", self.name()));
        let mut command = self.script("boot");
        command.current_dir("/");
        let supervisor = Program::start(command, &log, |command| self.machine.host.spawn(command))?;
        self.power = Some(Power { supervisor, first: None });
        Ok(())
    }

    /// Waits until pods could be started, and starts kubelet.
    pub(crate) fn wait_until_booted(&mut self) -> anyhow::Result<()> {
        let ready = self.place.state.join("log/ready");
        let power = self.power.as_mut().context("the node has no power")?;
        power.supervisor.wait("the images are there", || ready.exists())?;
        power.first = Some(only_child(power.supervisor.process()?)?);
        self.start_kubelet()
    }

    /// Starts kubelet, which must not be running.
    pub fn start_kubelet(&self) -> anyhow::Result<()> {
        let mut command = self.script("kubelet");
        let output = command.arg(self.first()?.to_string()).output()?;
        ensure!(output.status.success(), "kubelet does not start: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Kills kubelet; the pods go on.
    pub fn kill_kubelet(&self) -> anyhow::Result<()> {
        self.run("kill -KILL $(cat /run/kubelet.pid)").map(drop)
    }

    /// Starts kube-proxy, in place of one that ran before, and waits until the rules are in place.
    pub fn start_kube_proxy(&mut self, mode: Mode, kubeconfig: &Path) -> anyhow::Result<()> {
        self.proxy = None;
        let binary = self.place.programs.join("kube-proxy");
        let config = self.place.state.join("kube-proxy.json");
        fs::write(&config, configuration::kube_proxy(mode, self.name(), kubeconfig).to_string())?;
        // Rules of another mode would go on beside the new ones.
        self.machine.host.output(Command::new(&binary).arg("--cleanup"))?;
        let mut command = Command::new(&binary);
        command.arg(format!("--config={}", config.display()));
        let log = self.place.logs.join(format!("{}.kube-proxy.log", self.name()));
        let mut proxy = Program::start(command, &log, |command| self.machine.host.spawn(command))?;
        proxy.wait("the rules are in place", || self.has_rules())?;
        self.proxy = Some(proxy);
        Ok(())
    }

    fn has_rules(&self) -> bool {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, HEALTH_PORT));
        self.machine.host.run(|| fetch(server, "/healthz")).is_ok()
    }

    /// Drops every frame from and to the network of the Services without the node noticing.
    pub fn unplug(&self) -> anyhow::Result<()> {
        self.machine.link.cut()
    }

    /// Ends [`Node::unplug`].
    pub fn plug(&self) -> anyhow::Result<()> {
        self.machine.link.heal()
    }

    /// Takes the node's power away: every process is dead, and nothing of it is on the wire from the same moment on.
    pub fn kill(&mut self, cgroups: &Cgroups) -> anyhow::Result<()> {
        let Some(mut power) = self.power.take() else { return Ok(()) };
        for link in [&self.machine.link, &self.management] {
            link.pull()?;
        }
        self.proxy = None;
        match power.first {
            Some(first) => kill(first, Signal::SIGKILL)?,
            None => power.supervisor.signal(Signal::SIGKILL)?,
        }
        // The supervisor ends with the node's first process, and that one only after all others.
        power.supervisor.join()?;
        cgroups.remove_node(self.name())
    }

    /// Gives power back to a node that was killed, whose disk is as it was and whose kernel has forgotten everything.
    pub(crate) fn power_on(&mut self, cgroups: &Cgroups) -> anyhow::Result<()> {
        ensure!(self.power.is_none(), "{} has power", self.name());
        drop(fs::remove_file(self.place.state.join("log/ready")));
        self.place.group = cgroups.node(self.name())?;
        self.machine.host.output(Command::new("nft").args(["flush", "ruleset"]))?;
        self.machine.host.output(Command::new("sh").args([
            "-c",
            "for port in $(ip -o link show type veth | sed -n 's/^[0-9]*: \\(veth[^@]*\\).*/\\1/p'); do ip link del $port; done",
        ]))?;
        for link in [&self.machine.link, &self.management] {
            link.heal()?;
        }
        self.boot()
    }

    /// Runs a shell command on the node, among its processes, mounts and interfaces.
    pub fn run(&self, command: &str) -> anyhow::Result<Output> {
        let mut shell = self.command()?;
        shell.args(["sh", "-c", command]).stdin(Stdio::null());
        let output = shell.output()?;
        let refusal = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`{command}` on {}: {}: {refusal}", self.name(), output.status);
        Ok(output)
    }

    /// Returns the processes on the node whose command line begins with `prefix`, as the node numbers them.
    pub fn processes(&self, prefix: &str) -> anyhow::Result<Vec<u32>> {
        let script = format!(
            "for process in /proc/[0-9]*; do
                 case \"$(tr '\\0' ' ' 2>/dev/null <$process/cmdline)\" in '{prefix}'*) echo ${{process#/proc/}} ;; esac
             done"
        );
        let output = String::from_utf8(self.run(&script)?.stdout)?;
        output.lines().map(|line| line.parse().with_context(|| format!("{line:?} is no process"))).collect()
    }

    /// Returns a command that runs its arguments on the node.
    pub fn command(&self) -> anyhow::Result<Command> {
        let mut command = self.script("run");
        command.arg(self.first()?.to_string());
        Ok(command)
    }

    fn first(&self) -> anyhow::Result<Pid> {
        self.power.as_ref().and_then(|power| power.first).with_context(|| format!("{} is not running", self.name()))
    }

    fn script(&self, verb: &str) -> Command {
        let addresses: Vec<_> = self.management.addresses.iter().map(|address| address.addr().to_string()).collect();
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("node.sh"));
        command
            .arg(verb)
            .env("NODE", self.name())
            .env("ADDRESSES", addresses.join(","))
            .env("STATE", &self.place.state)
            .env("PROGRAMS", &self.place.programs)
            .env("IMAGES", &self.place.images)
            .env("HIERARCHIES", &self.place.hierarchies)
            .env("GROUP", &self.place.group);
        command
    }

    /// Returns the node's addresses on the management network.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.management.addresses.iter().map(IpNet::addr).collect()
    }
}

fn only_child(parent: Pid) -> anyhow::Result<Pid> {
    let text = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
    let number = text.trim().parse().with_context(|| format!("the children of {parent} are {text:?}"))?;
    Ok(Pid::from_raw(number))
}
