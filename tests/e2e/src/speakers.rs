//! Nodes with kube-proxy, pods and `clarion speaker`, and a client on their network.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use clarion::{
    demo::{network::Mac, report::Report, speaker::fetch},
    status::Status,
};
use control_plane::{ControlPlane, Identity, Mode, Node, Pod, pod::POD_PORT};
use lab::{Client, Lab};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::deployment::{self, NAMESPACE};

/// How long anything may take that should happen at once, on a machine that does much else.
pub const SOON: Duration = Duration::from_secs(15);

/// How long something must stay as it is to count as staying.
pub const QUIET: Duration = Duration::from_millis(1500);

/// Longer than the longest interval of the product at which anything could be written by the clock alone, which is a minute.
pub const MINUTE: Duration = Duration::from_secs(65);

/// How long an address is watched to see who answers: some ten questions.
const LOOK: Duration = Duration::from_millis(200);

/// Where a speaker answers on its own node.
const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 17472);

/// A cluster without a controller: tests write the addresses of Services themselves.
#[derive(Debug)]
pub struct Cluster {
    /// The speakers, in the order of the nodes; gone where a test ended one.
    pub speakers: Vec<Option<Speaker>>,
    /// Pods that the cluster keeps for the test; dropped before their nodes.
    pub pods: Vec<Pod>,
    /// The nodes `n1`, `n2` and so on.
    pub nodes: Vec<Node>,
    /// The host that uses the Services.
    pub client: Client,
    /// The host that asks for addresses as one that never heard of them, so that its answers do not refresh the client's cache.
    pub newcomer: Client,
    /// The API server.
    pub control_plane: ControlPlane,
    /// The network; dropped last.
    pub lab: Lab,
}

/// One `clarion speaker`; dropping it kills it.
#[derive(Debug)]
pub struct Speaker {
    child: Child,
}

impl Cluster {
    /// Starts a control plane and `count` nodes with kube-proxy and a client; no speaker runs yet.
    pub fn build(count: usize, mode: Mode) -> Option<Self> {
        let lab = Lab::new()?;
        let control_plane = ControlPlane::start(&lab);
        deployment::install(&control_plane);
        control_plane.apply(&format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: shop}}}}\n---\n\
             {{apiVersion: v1, kind: Secret, metadata: {{name: memberlist, namespace: {NAMESPACE}}}, \
             stringData: {{secretkey: the same sixteen bytes or more}}}}\n"
        ));
        let lan = lab.bridge("lan");
        let mut nodes: Vec<Node> =
            (1..=count).map(|number| control_plane.node(&lab, &format!("n{number}"), &lan)).collect();
        let kubeconfig = control_plane.kubeconfig(&Identity::KubeProxy);
        for node in &mut nodes {
            node.kube_proxy(mode, &kubeconfig);
        }
        let [client, newcomer] = ["client", "newcomer"].map(|name| lab.client(name, &lan));
        let speakers = nodes.iter().map(|_| None).collect();
        Some(Self { speakers, pods: Vec::new(), nodes, client, newcomer, control_plane, lab })
    }

    /// Starts a cluster whose speakers are ready and may announce the addresses of the lab.
    pub fn start(count: usize) -> Option<Self> {
        let mut cluster = Self::build(count, Mode::Nftables)?;
        cluster.announce();
        for number in 0..count {
            cluster.speak(number, &[]);
        }
        cluster.wait_until_ready();
        Some(cluster)
    }

    /// Creates a Service with a pod on the first node, and returns the node that comes to answer for it.
    pub fn serve(&mut self, vip: &str) -> usize {
        let pod = self.nodes[0].pod("shop", "web-1", &[("app", "web")]);
        self.pods.push(pod);
        self.service("web", "", &[vip]);
        let vip = vip.parse().expect("tests write addresses correctly");
        let owner = self.settled_owner(vip);
        self.lab.eventually(SOON, "traffic passes", || {
            let prober = self.client.prober(vip);
            std::thread::sleep(Duration::from_millis(50));
            prober.stop().is_ok_and(|report| report.lost() == 0)
        });
        owner
    }

    /// Does something under traffic and returns what the client saw.
    pub fn probe(&self, vip: &str, act: impl FnOnce()) -> Report {
        let vip = vip.parse().expect("tests write addresses correctly");
        let prober = self.client.prober(vip);
        std::thread::sleep(QUIET / 3);
        act();
        std::thread::sleep(QUIET / 3);
        prober.stop().expect("the prober works")
    }

    /// Creates the pool of the lab's addresses and its advertisement.
    pub fn announce(&self) {
        self.control_plane.apply(&format!(
            "{{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {{name: lan, namespace: {NAMESPACE}}}, \
             spec: {{addresses: [{}, '{}']}}}}\n",
            lab::VIPS_V4,
            lab::VIPS_V6
        ));
        self.advertise("{ipAddressPools: [lan]}");
    }

    /// Writes the one advertisement; the specification is a mapping in one line.
    pub fn advertise(&self, specification: &str) {
        self.control_plane.apply(&format!(
            "{{apiVersion: metallb.io/v1beta1, kind: L2Advertisement, metadata: {{name: lan, namespace: {NAMESPACE}}}, \
             spec: {specification}}}\n"
        ));
    }

    /// Runs kubectl as the administrator and returns what it prints.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let output = self.control_plane.kubectl(arguments);
        assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Returns an object of our namespace, or null if it does not exist.
    pub fn object(&self, plural: &str, name: &str) -> Value {
        let kind = format!("{plural}.metallb.io");
        let text = self.kubectl(&["get", &kind, name, "--namespace", NAMESPACE, "--ignore-not-found", "--output=json"]);
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Returns the objects of a kind in our namespace.
    pub fn objects(&self, plural: &str) -> Vec<Value> {
        let kind = format!("{plural}.metallb.io");
        let text = self.kubectl(&["get", &kind, "--namespace", NAMESPACE, "--output=json"]);
        let list: Value = serde_json::from_str(&text).expect("kubectl prints JSON");
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Changes the status of an object of our namespace as a merge patch does.
    pub fn edit_status(&self, kind: &str, name: &str, status: &str) {
        let patch = format!("{{\"status\": {status}}}");
        let (kind, subresource) = ([kind, name], ["--subresource=status", "--type=merge", "--patch", &patch]);
        self.kubectl(&[&["patch"], &kind[..], &["--namespace", NAMESPACE], &subresource].concat());
    }

    /// Changes a label of an object of our namespace.
    pub fn label(&self, kind: &str, name: &str, label: &str) {
        self.kubectl(&["label", kind, name, label, "--overwrite", "--namespace", NAMESPACE]);
    }

    /// Returns why the speaker of a node does not announce a Service, if it says so.
    pub fn reason(&self, number: usize, service: &str) -> Option<String> {
        let services = self.status(number)?.services;
        services.into_iter().find(|known| known.name == service)?.reason
    }

    /// Returns the file by which speakers reach the API server, with their own rights.
    pub fn kubeconfig(&self) -> PathBuf {
        self.control_plane.kubeconfig(&Identity::service_account(NAMESPACE, "clarion-speaker"))
    }

    /// Starts the speaker of a node, in place of one that ran before.
    pub fn speak(&mut self, number: usize, arguments: &[&str]) {
        let kubeconfig = self.kubeconfig();
        self.speak_with(number, kubeconfig, arguments);
    }

    /// Starts the speaker of a node with a kubeconfig of the test's own.
    pub fn speak_with(&mut self, number: usize, kubeconfig: PathBuf, arguments: &[&str]) {
        let node = &self.nodes[number];
        self.speakers[number] = None;
        let log = self.lab.directory().join(format!("{}.speaker.log", node.name()));
        let mut command = Command::new(lab::node::binary());
        command.args(["speaker", "--node-name", node.name(), "--namespace", NAMESPACE, "--kubeconfig"]);
        command.arg(kubeconfig).args(arguments);
        self.speakers[number] = Some(Speaker::start(&node.machine, command, &log));
    }

    /// Waits until every speaker that runs is ready.
    pub fn wait_until_ready(&self) {
        self.lab.eventually(SOON, "every speaker is ready", || {
            (0..self.nodes.len()).filter(|number| self.speakers[*number].is_some()).all(|number| self.is_ready(number))
        });
    }

    /// Waits until the speaker of a node, which need not be ready, has listed everything.
    pub fn wait_until_listed(&self, number: usize) {
        let listed = |status: Status| !status.faults.iter().any(|fault| fault.contains("before it is listed"));
        self.lab.eventually(SOON, "everything is listed", || self.status(number).is_some_and(listed));
    }

    /// Returns whether the speaker of a node says that it is ready.
    pub fn is_ready(&self, number: usize) -> bool {
        self.page(number, "/readyz").is_some()
    }

    /// Returns what the speaker of a node says of itself.
    pub fn status(&self, number: usize) -> Option<Status> {
        serde_json::from_str(&self.page(number, "/status")?).ok()
    }

    /// Returns what the speaker of a node serves at a path on its own port; nothing unless it answers 200.
    pub fn page(&self, number: usize, path: &str) -> Option<String> {
        self.nodes[number].machine.host.run(|| fetch(LOCAL, path)).ok()
    }

    /// Returns the metrics of the speaker of a node.
    pub fn metrics(&self, number: usize) -> String {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 9120));
        self.nodes[number]
            .machine
            .host
            .run(|| fetch(server, "/metrics"))
            .expect("a speaker that runs tells its metrics")
    }

    /// Returns the node that answers for an address according to the speakers, if they agree on exactly one.
    pub fn owner(&self, vip: IpAddr) -> Option<usize> {
        if let [owner] = self.owners(vip)[..] { Some(owner) } else { None }
    }

    /// Returns the nodes that answer for an address according to themselves.
    pub fn owners(&self, vip: IpAddr) -> Vec<usize> {
        let owns = |number: &usize| self.status(*number).is_some_and(|status| status.owns(vip));
        (0..self.nodes.len()).filter(owns).collect()
    }

    /// Waits until exactly one node answers for an address, by its own word and on the wire, and returns which.
    pub fn settled_owner(&self, vip: IpAddr) -> usize {
        let mut owner = None;
        self.lab.eventually(SOON, &format!("one node answers for {vip}, and says so"), || {
            owner = self.owner(vip);
            owner.is_some_and(|owner| self.answerers(vip) == [self.nodes[owner].machine.link.mac].into())
        });
        owner.expect("the condition holds")
    }

    /// Asserts that an owner is known on the wire as the only one that answers for an address.
    ///
    /// # Panics
    ///
    /// When another answers, or nobody.
    pub fn assert_answered_by(&self, owner: usize, vip: IpAddr) {
        assert_eq!(self.answerers(vip), [self.nodes[owner].machine.link.mac].into(), "who answers for {vip}");
    }

    /// Returns the Ethernet addresses that answer some ten questions for an address.
    pub fn answerers(&self, vip: IpAddr) -> BTreeSet<Mac> {
        let newcomer = self.newcomer.newcomer(&[vip]);
        std::thread::sleep(LOOK);
        newcomer.stop().macs(vip)
    }

    /// Waits until nobody answers for an address, by their own word and on the wire.
    pub fn expect_silence(&self, vip: IpAddr) {
        self.lab.eventually(SOON, &format!("nobody answers for {vip}"), || {
            self.owners(vip).is_empty() && self.answerers(vip).is_empty()
        });
    }

    /// Creates a Service of the pods labelled `app: NAME` and writes its addresses as a controller does.
    pub fn service(&self, name: &str, spec: &str, addresses: &[&str]) {
        self.control_plane.apply(&format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  type: LoadBalancer\n  \
             selector: {{app: {name}}}\n  ports:\n  - {{name: tcp, port: 7, protocol: TCP}}\n  \
             - {{name: udp, port: 7, protocol: UDP}}\n{spec}"
        ));
        self.allocate(name, addresses);
    }

    /// Returns the greeting of the pod that the client reaches, which names the pod and the client that it sees.
    pub fn greeting(&self, vip: IpAddr) -> Option<String> {
        greeting(&self.client, vip)
    }

    /// Writes the addresses of a Service as a controller does.
    pub fn allocate(&self, name: &str, addresses: &[&str]) {
        let ingress: Vec<String> = addresses.iter().map(|address| format!("{{ip: '{address}'}}")).collect();
        let status = format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: {name}, namespace: shop}}, \
             status: {{loadBalancer: {{ingress: [{}]}}}}}}",
            ingress.join(", ")
        );
        self.control_plane.try_apply_status(&status).expect("a status is accepted");
    }

    /// Asks the speaker of a node for an orderly end and returns how long that took.
    pub fn leave(&mut self, number: usize) -> Duration {
        let mut speaker = self.speakers[number].take().expect("the speaker runs");
        speaker.leave()
    }

    /// Kills the speaker of a node.
    pub fn kill(&mut self, number: usize) {
        self.speakers[number] = None;
    }
}

/// Returns the greeting of the pod that a client reaches at an address, which names the pod and the client that it sees.
pub fn greeting(client: &Client, vip: IpAddr) -> Option<String> {
    client.host.run(|| {
        let address = SocketAddr::new(vip, POD_PORT);
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok()?;
        stream.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
        let mut buffer = [0; 128];
        let length = stream.read(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).trim().to_owned())
    })
}

impl Speaker {
    fn start(machine: &Client, mut command: Command, log: &std::path::Path) -> Self {
        let output = File::options().create(true).append(true).open(log).expect("the lab's directory can be written");
        let errors = output.try_clone().expect("a file has a second handle");
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        Self { child: machine.host.spawn(&mut command).expect("a speaker can be started") }
    }

    /// Asks for an orderly end and waits for it.
    ///
    /// # Panics
    ///
    /// When it takes longer than a pod is given.
    pub fn leave(&mut self) -> Duration {
        let start = Instant::now();
        self.signal(Signal::SIGTERM);
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                assert!(status.success(), "the speaker ended with {status}");
                return start.elapsed();
            }
            assert!(start.elapsed() < SOON, "the speaker does not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Returns how the process ended; nothing while it runs.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Returns the process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process numbers fit 22 bits");
        kill(Pid::from_raw(id), signal).expect("a child that was not waited for can be signalled");
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        // Fails only where the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
