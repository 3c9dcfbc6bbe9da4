//! etcd, kube-apiserver, kube-controller-manager and kube-scheduler, as kubelets need them.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::Signal;

use crate::{
    credentials::{Credentials, Identity},
    program::{self, Program},
};

/// The address of the API server on the management network.
pub const ADDRESS: &str = "10.76.0.1";

/// The port of the API server.
pub const PORT: u16 = 6443;

/// The ranges of all pods.
pub const POD_RANGES: &str = "10.244.0.0/16,fd44::/48";

const SERVICE_RANGES: &str = "10.96.0.0/14,fd96::/112";

/// How soon a node that has fallen silent is NotReady.
const NODE_GRACE: &str = "5s";

/// How long a new cluster may refuse its first commands, until its rights are in place.
const FIRST_STEPS: Duration = Duration::from_secs(60);

/// A running control plane; dropping it ends its programs.
#[derive(Debug)]
pub struct ControlPlane {
    // In the order in which they end: clients before servers.
    clients: Vec<Program>,
    api_server: Program,
    _etcd: Program,
    credentials: Credentials,
    programs: PathBuf,
    state: PathBuf,
    logs: PathBuf,
    kubeconfig: PathBuf,
}

impl ControlPlane {
    /// Starts etcd and the API server, which is not ready when this returns; see [`ControlPlane::wait_until_ready`].
    ///
    /// `state` is the folder for what the programs keep and `logs` for what they say.
    pub fn start(state: &Path, logs: &Path, nodes: &[String]) -> anyhow::Result<Self> {
        let programs = program::folder()?;
        let names = [ADDRESS, "127.0.0.1", "10.96.0.1", "localhost", "kubernetes.default.svc"];
        let identities: Vec<_> = [Identity::Admin, Identity::KubeProxy]
            .into_iter()
            .chain(nodes.iter().cloned().map(Identity::Kubelet))
            .collect();
        let url = format!("https://{ADDRESS}:{PORT}");
        let credentials = Credentials::create(&state.join("credentials"), &url, &names, &identities)?;
        let kubeconfig = state.join("kubeconfig");
        credentials.kubeconfig(&Identity::Admin, &kubeconfig)?;

        let etcd = start(&programs, "etcd", &etcd(state), logs)?;
        let api_server = start(&programs, "kube-apiserver", &api_server(state, &credentials), logs)?;
        Ok(Self {
            clients: Vec::new(),
            api_server,
            _etcd: etcd,
            credentials,
            programs,
            state: state.to_owned(),
            logs: logs.to_owned(),
            kubeconfig,
        })
    }

    /// Waits until the API server is ready, and starts the scheduler and the controllers, which have less patience.
    pub fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let (programs, state, kubeconfig) = (&self.programs, &self.state, &self.kubeconfig);
        let ready = || {
            let mut ask = kubectl(programs, state, kubeconfig);
            ask.args(["get", "--raw", "/readyz", "--request-timeout=2s"]);
            ask.output().is_ok_and(|output| output.status.success())
        };
        self.api_server.wait("ready", ready)?;
        let common = [
            format!("--kubeconfig={}", self.kubeconfig.display()),
            // No second instance exists, and nobody asks this one anything.
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
        ];
        let scheduler = start(&self.programs, "kube-scheduler", &common, &self.logs)?;
        let arguments = [common.as_slice(), &controllers(&self.state, &self.credentials)].concat();
        let controllers = start(&self.programs, "kube-controller-manager", &arguments, &self.logs)?;
        self.clients = vec![controllers, scheduler];
        Ok(())
    }

    /// Returns the credentials.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Returns the file by which the administrator reaches the API server.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Returns the path of a Kubernetes program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Returns the command `kubectl`, as the administrator.
    pub fn kubectl(&self) -> Command {
        kubectl(&self.programs, &self.state, &self.kubeconfig)
    }

    /// Stops the API server in its tracks: connections stay open, and nothing answers.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.api_server.signal(Signal::SIGSTOP)
    }

    /// Ends [`ControlPlane::pause`].
    pub fn resume(&self) -> anyhow::Result<()> {
        self.api_server.signal(Signal::SIGCONT)
    }

    /// Applies manifests, and tries again for as long as the cluster is too young to take them.
    pub fn apply(&self, yaml: &str) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let mut command = self.kubectl();
            command.args(["apply", "--server-side", "--force-conflicts", "--filename=-"]);
            let output = fed(command, yaml)?;
            if output.status.success() {
                return Ok(());
            }
            let refusal = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            if start.elapsed() > FIRST_STEPS {
                bail!("the API server does not take the manifests: {refusal}");
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

fn start(programs: &Path, name: &str, arguments: &[String], logs: &Path) -> anyhow::Result<Program> {
    let path = programs.join(name);
    ensure!(path.exists(), "{} is not built; run tests/kubernetes/build.sh {name}", path.display());
    let mut command = Command::new(path);
    command.args(arguments);
    Program::start(command, &logs.join(format!("{name}.log")), Command::spawn)
}

fn kubectl(programs: &Path, state: &Path, kubeconfig: &Path) -> Command {
    let mut command = Command::new(programs.join("kubectl"));
    command.env("KUBECONFIG", kubeconfig).env("KUBECACHEDIR", state.join("kubectl"));
    command
}

/// Runs a command to its end with `text` as its standard input.
fn fed(mut command: Command, text: &str) -> anyhow::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("the pipe to kubectl")?.write_all(text.as_bytes())?;
    Ok(child.wait_with_output()?)
}

fn etcd(state: &Path) -> Vec<String> {
    let (clients, peers) = ("http://127.0.0.1:2379", "http://127.0.0.1:2380");
    vec![
        format!("--data-dir={}", state.join("etcd").display()),
        format!("--initial-cluster=default={peers}"),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        format!("--initial-advertise-peer-urls={peers}"),
        // Nothing needs to survive the machine.
        "--unsafe-no-fsync".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

fn api_server(state: &Path, credentials: &Credentials) -> Vec<String> {
    let file = |flag: &str, name: &str| format!("--{flag}={}", credentials.file(name).display());
    vec![
        "--etcd-servers=http://127.0.0.1:2379".to_owned(),
        "--bind-address=0.0.0.0".to_owned(),
        format!("--secure-port={PORT}"),
        format!("--advertise-address={ADDRESS}"),
        format!("--service-cluster-ip-range={SERVICE_RANGES}"),
        format!("--cert-dir={}", state.join("certificates").display()),
        file("tls-cert-file", "server.crt"),
        file("tls-private-key-file", "server.key"),
        file("client-ca-file", "ca.crt"),
        file("token-auth-file", "tokens.csv"),
        file("service-account-key-file", "accounts.pub"),
        file("service-account-signing-key-file", "accounts.key"),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        "--allow-privileged=true".to_owned(),
        // Nobody resolves the names of nodes.
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        file("kubelet-client-certificate", "kubelet-client.crt"),
        file("kubelet-client-key", "kubelet-client.key"),
    ]
}

fn controllers(state: &Path, credentials: &Credentials) -> Vec<String> {
    vec![
        // Its default is a folder of the machine, which it makes.
        format!("--flex-volume-plugin-dir={}", state.join("volume-plugins").display()),
        format!("--root-ca-file={}", credentials.file("ca.crt").display()),
        format!("--service-account-private-key-file={}", credentials.file("accounts.key").display()),
        "--node-monitor-period=1s".to_owned(),
        format!("--node-monitor-grace-period={NODE_GRACE}"),
    ]
}
