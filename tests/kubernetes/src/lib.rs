//! A real Kubernetes control plane for tests: etcd, kube-apiserver and kube-controller-manager, inside the private network of one test.
//!
//! `build.sh` builds the programs, once per machine.
//! The API server listens where the test itself runs, at [`ADDRESS`]; nodes reach it over a management network that is apart from every other link.
//! It has RBAC on, so a program under test that uses [`ControlPlane::kubeconfig`] of its service account has exactly the rights of its manifests.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use control_plane::ControlPlane;
//! use k8s_openapi::api::core::v1::Service;
//! use kube::Api;
//!
//! let Some(lab) = lab::Lab::new() else { return Ok(()) };
//! let control_plane = ControlPlane::start(&lab);
//! control_plane.install_crds();
//! control_plane.apply("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
//! let services: Api<Service> = Api::namespaced(control_plane.admin(), "shop");
//! let listed = control_plane.run(services.list(&Default::default()))?;
//! assert!(listed.items.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! [`ControlPlane::node`] adds machines, on which [`Node::kube_proxy`] and [`Node::pod`] start what carries and answers packets.
//! [`ControlPlane::fault_proxy`] puts a [`FaultProxy`] in front of the API server, which fails as the test says.
//!
//! Everything that cannot be set up ends the test with the reason and the tail of the log concerned.
//! Logs are in the test's directory, which is kept when the test fails.

pub mod fault_proxy;
pub mod identity;
pub mod node;
pub mod objects;
pub mod pod;
pub mod program;
pub mod requests;

use std::{
    fmt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Mutex,
    thread,
    time::Duration,
};

use anyhow::Context;
use clarion::demo::network::Bridge;
pub use fault_proxy::{Fault, FaultProxy, Faults, HowMany, Matching, Network, Rule, Watches};
use identity::Credentials;
pub use identity::Identity;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, Client, Config, config::Kubeconfig};
use lab::Lab;
pub use node::{Mode, Node};
pub use pod::Pod;
use program::Program;
pub use requests::{Request, Requests};
use tokio::runtime::{Handle, Runtime};

/// The address of the API server, for the test as well as for every node.
pub const ADDRESS: &str = "10.76.0.1";

/// The port of the API server.
pub const PORT: u16 = 6443;

/// The ClusterIP ranges of Services.
pub const SERVICE_RANGES: &str = "10.96.0.0/14,fd96::/112";

/// Where everything is kept that dies with the test; the runner mounts memory there.
const DIRECTORY: &str = "/run/control-plane";

/// A running control plane; dropping it ends its programs.
#[derive(Debug)]
pub struct ControlPlane {
    // In the order in which they end: clients before servers.
    runtime: Option<Runtime>,
    access: Access,
    controllers: Option<Program>,
    api_server: Option<Program>,
    etcd: Option<Program>,
    credentials: Credentials,
    management: Bridge,
    routes: Mutex<Vec<node::Route>>,
    proxies: Mutex<u16>,
    logs: PathBuf,
}

/// The administrator's client and where its work is done.
#[derive(Clone)]
pub(crate) struct Access {
    runtime: Handle,
    client: Client,
}

impl ControlPlane {
    /// Starts an API server and the controllers that service accounts, EndpointSlices, namespaces and owners need.
    ///
    /// # Panics
    ///
    /// When it is not ready in time.
    pub fn start(lab: &Lab) -> Self {
        let mut control_plane = Self::start_api_server(lab);
        control_plane.start_controllers().expect("the controllers start");
        control_plane
    }

    /// Starts an API server alone, in about a second less; nothing is collected, and no controller acts.
    ///
    /// # Panics
    ///
    /// When it is not ready in time.
    pub fn start_api_server(lab: &Lab) -> Self {
        Self::try_start(lab).expect("the control plane starts")
    }

    fn try_start(lab: &Lab) -> anyhow::Result<Self> {
        // Another part of the test may have been first, with the same provider.
        drop(rustls::crypto::ring::default_provider().install_default());
        let logs = lab.directory().to_owned();
        let management = lab.bridge("management");
        add_address("management", &format!("{ADDRESS}/24"))?;
        let names = [ADDRESS, "127.0.0.1", "10.96.0.1", "localhost", "kubernetes.default.svc"];
        let credentials = Credentials::create(&Path::new(DIRECTORY).join("credentials"), &names)?;
        let etcd = Program::start(etcd()?, &logs.join("etcd.log"), Command::spawn)?;
        let api_server = Program::start(api_server(&credentials)?, &logs.join("kube-apiserver.log"), Command::spawn)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let config = credentials.kubeconfig(&Identity::Admin, "direct", &url(PORT))?;
        let client = run(runtime.handle(), client(&config))?;
        let access = Access { runtime: runtime.handle().clone(), client };
        let mut control_plane = Self {
            runtime: Some(runtime),
            access,
            controllers: None,
            api_server: Some(api_server),
            etcd: Some(etcd),
            credentials,
            management,
            routes: Mutex::default(),
            proxies: Mutex::default(),
            logs,
        };
        control_plane.wait_until_ready()?;
        Ok(control_plane)
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let access = self.access.clone();
        let ready = || {
            let answer = access.client.request_text(http_get("/readyz"));
            let answer = access.run(async { tokio::time::timeout(Duration::from_secs(2), answer).await });
            answer.is_ok_and(|answer| answer.is_ok_and(|text| text == "ok"))
        };
        self.api_server.as_mut().context("the API server was killed")?.wait("ready", ready)
    }

    /// Starts kube-controller-manager.
    fn start_controllers(&mut self) -> anyhow::Result<()> {
        let mut command = Command::new(program::built("kube-controller-manager")?);
        command
            .arg(format!("--kubeconfig={}", self.kubeconfig(&Identity::Admin).display()))
            .arg(format!("--root-ca-file={}", self.credentials.file("ca.crt").display()))
            .arg(
                "--controllers=endpointslice-controller,garbage-collector-controller,namespace-controller,\
                 root-ca-certificate-publisher-controller,serviceaccount-controller",
            )
            // No second instance exists, and nobody asks this one anything.
            .args(["--leader-elect=false", "--secure-port=0"])
            // A thousand Services at once are what is tested, not how slowly their EndpointSlices come.
            .args(["--kube-api-qps=1000", "--kube-api-burst=1000"]);
        let mut controllers = Program::start(command, &self.logs.join("kube-controller-manager.log"), Command::spawn)?;
        let accounts: Api<ServiceAccount> = Api::namespaced(self.admin(), "default");
        let made = || self.run(accounts.get_opt("default")).is_ok_and(|account| account.is_some());
        controllers.wait("a service account in every namespace", made)?;
        self.controllers = Some(controllers);
        Ok(())
    }

    /// Returns a client with all rights, usable from any thread and runtime.
    pub fn admin(&self) -> Client {
        self.access.client.clone()
    }

    /// Returns a client with the rights of `identity`.
    pub fn client(&self, identity: &Identity) -> Client {
        self.client_at(&self.kubeconfig(identity))
    }

    /// Returns a client that does what a kubeconfig says, which may be that of a fault proxy.
    ///
    /// # Panics
    ///
    /// When the file was not made here.
    pub fn client_at(&self, kubeconfig: &Path) -> Client {
        self.run(client(kubeconfig)).expect("a kubeconfig of the control plane makes a client")
    }

    /// Returns the file by which programs on any node of the management network talk to the API server as `identity`.
    ///
    /// # Panics
    ///
    /// When a service account's namespace does not exist.
    pub fn kubeconfig(&self, identity: &Identity) -> PathBuf {
        self.kubeconfig_at(identity, "direct", PORT)
    }

    fn kubeconfig_at(&self, identity: &Identity, purpose: &str, port: u16) -> PathBuf {
        if let Identity::ServiceAccount { namespace, name } = identity {
            self.token(namespace, name);
        }
        self.credentials.kubeconfig(identity, purpose, &url(port)).expect("a kubeconfig can be written")
    }

    /// Returns the runtime's answer to `future`; callable from tests that have a runtime of their own as well.
    pub fn run<T: Send>(&self, future: impl Future<Output = T> + Send) -> T {
        self.access.run(future)
    }

    /// Runs kubectl as the administrator.
    pub fn kubectl(&self, arguments: &[&str]) -> Output {
        let program = program::built("kubectl").expect("kubectl is built");
        let config = self.kubeconfig(&Identity::Admin);
        let mut command = Command::new(program);
        command.env("KUBECONFIG", config).env("KUBECACHEDIR", Path::new(DIRECTORY).join("kubectl")).args(arguments);
        command.output().expect("kubectl runs")
    }

    /// Returns how many requests the API server has answered since it started, by itself.
    pub fn requests(&self) -> Requests {
        let text =
            self.run(self.access.client.request_text(http_get("/metrics"))).expect("the API server tells its metrics");
        Requests::parse(&text)
    }

    /// Stops the API server in its tracks: connections stay open, and nothing answers.
    pub fn pause(&self) {
        self.api_server().pause();
    }

    /// Ends [`ControlPlane::pause`].
    pub fn resume(&self) {
        self.api_server().resume();
    }

    /// Kills the API server; what it has stored stays.
    pub fn kill(&mut self) {
        self.api_server = None;
    }

    /// Starts the API server again after [`ControlPlane::kill`], or kills it first, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// When it is not ready in time.
    pub fn restart(&mut self) {
        self.kill();
        let command = api_server(&self.credentials).expect("the API server is built");
        let log = self.logs.join("kube-apiserver.log");
        self.api_server = Some(Program::start(command, &log, Command::spawn).expect("the API server starts"));
        self.wait_until_ready().expect("the API server starts again");
    }

    /// Keeps a copy of what is stored now, for [`ControlPlane::restore`].
    ///
    /// # Panics
    ///
    /// When it cannot be copied, or the control plane is not ready again in time.
    pub fn back_up(&mut self) {
        self.without_store(|| copy(&store(), &backup())).expect("the store is copied");
    }

    /// Puts back what was stored at the time of [`ControlPlane::back_up`], as after a disaster: versions start again from there.
    ///
    /// # Panics
    ///
    /// When there is no copy, or the control plane is not ready again in time.
    pub fn restore(&mut self) {
        self.without_store(|| copy(&backup(), &store())).expect("the store is put back");
    }

    /// Does something while nothing is stored, and starts everything again.
    fn without_store(&mut self, act: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
        let had_controllers = self.controllers.take().is_some();
        self.kill();
        self.etcd = None;
        act()?;
        self.etcd = Some(Program::start(etcd()?, &self.logs.join("etcd.log"), Command::spawn)?);
        self.restart();
        // They know what no longer is, and would not look again.
        if had_controllers { self.start_controllers() } else { Ok(()) }
    }

    fn api_server(&self) -> &Program {
        self.api_server.as_ref().expect("the test restarts the API server before it uses it")
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // The test may have a runtime of its own, in which waiting for another is forbidden.
            runtime.shutdown_background();
        }
    }
}

impl Access {
    pub(crate) fn run<T: Send>(&self, future: impl Future<Output = T> + Send) -> T {
        run(&self.runtime, future)
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

/// Where everything is stored.
fn store() -> PathBuf {
    Path::new(DIRECTORY).join("etcd")
}

/// Where a copy of it is kept.
fn backup() -> PathBuf {
    Path::new(DIRECTORY).join("etcd.backup")
}

/// Replaces a folder by a copy of another.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    anyhow::ensure!(copied.success(), "cp {} {} failed", from.display(), to.display());
    Ok(())
}

fn etcd() -> anyhow::Result<Command> {
    let (clients, peers) = ("http://127.0.0.1:2379", "http://127.0.0.1:2380");
    let mut command = Command::new(program::built("etcd")?);
    command
        .args([format!("--data-dir={}", store().display()), format!("--initial-cluster=default={peers}")])
        .args([format!("--listen-client-urls={clients}"), format!("--advertise-client-urls={clients}")])
        .args([format!("--listen-peer-urls={peers}"), format!("--initial-advertise-peer-urls={peers}")])
        // Nothing that a test stores needs to survive the machine.
        .args(["--unsafe-no-fsync", "--log-level=warn"]);
    Ok(command)
}

fn api_server(credentials: &Credentials) -> anyhow::Result<Command> {
    let file = |flag: &str, name: &str| format!("--{flag}={}", credentials.file(name).display());
    let mut command = Command::new(program::built("kube-apiserver")?);
    command
        .args(["--etcd-servers=http://127.0.0.1:2379", "--bind-address=0.0.0.0", "--endpoint-reconciler-type=none"])
        .args([format!("--secure-port={PORT}"), format!("--advertise-address={ADDRESS}")])
        .args([format!("--service-cluster-ip-range={SERVICE_RANGES}"), format!("--cert-dir={DIRECTORY}/certificates")])
        .args([file("tls-cert-file", "server.crt"), file("tls-private-key-file", "server.key")])
        .args([file("client-ca-file", "ca.crt"), file("token-auth-file", "tokens.csv")])
        .args([
            file("service-account-key-file", "accounts.pub"),
            file("service-account-signing-key-file", "accounts.key"),
        ])
        .args(["--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=Node,RBAC"])
        // Pods here have no kubelet that would mount their tokens.
        .arg("--disable-admission-plugins=ServiceAccount");
    Ok(command)
}

fn url(port: u16) -> String {
    format!("https://{ADDRESS}:{port}")
}

async fn client(kubeconfig: &Path) -> anyhow::Result<Client> {
    let config = Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig)?, &Default::default()).await?;
    Ok(Client::try_from(config)?)
}

/// Runs `future` to its end; on a thread of its own, because the caller's may belong to another runtime, which must not be blocked in.
fn run<T: Send>(runtime: &Handle, future: impl Future<Output = T> + Send) -> T {
    thread::scope(|scope| scope.spawn(|| runtime.block_on(future)).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn http_get(path: &str) -> hyper::Request<Vec<u8>> {
    hyper::Request::get(path).body(Vec::new()).expect("a path of the API server is a URI")
}

fn add_address(interface: &str, address: &str) -> anyhow::Result<()> {
    let output = Command::new("ip").args(["address", "add", address, "dev", interface]).output()?;
    anyhow::ensure!(output.status.success(), "`ip` refused: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
