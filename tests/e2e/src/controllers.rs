//! `clarion controller` on a real API server, with the rights of the manifests and without nodes.

use std::{
    collections::BTreeMap,
    fs::File,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use clarion::{
    demo::speaker::fetch,
    status::{Standing, Status},
};
use control_plane::{ControlPlane, Identity, Request, Requests};
use k8s_openapi::api::core::v1::{Event, Service};
use kube::{Api, api::ListParams};
use lab::Lab;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::deployment::{self, NAMESPACE};

/// How long anything may take that should happen at once, on a machine that does much else.
pub const SOON: Duration = Duration::from_secs(20);

/// How long something that must not happen is watched for.
pub const A_WHILE: Duration = Duration::from_secs(3);

/// The health port of the first replica; the next one has the next.
pub const FIRST_PORT: u16 = 17472;
/// The port of its metrics, in the same way.
const FIRST_METRICS: u16 = 9120;

/// A cluster with controllers and nothing else.
#[derive(Debug)]
pub struct Cluster {
    replicas: BTreeMap<String, Replica>,
    started: u16,
    /// The API server.
    pub control_plane: ControlPlane,
    /// The network; dropped last.
    pub lab: Lab,
}

/// One `clarion controller`; dropping it kills it.
#[derive(Debug)]
pub struct Replica {
    child: Child,
    port: u16,
}

impl Cluster {
    /// Starts a control plane with everything installed and the namespace `shop`; no controller runs yet.
    pub fn build() -> Option<Self> {
        let lab = Lab::new()?;
        let control_plane = ControlPlane::start(&lab);
        deployment::install(&control_plane);
        control_plane.apply("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
        Some(Self { replicas: BTreeMap::new(), started: 0, control_plane, lab })
    }

    /// Starts a control plane and one controller that leads.
    pub fn start() -> Option<Self> {
        let mut cluster = Self::build()?;
        cluster.controller("one", &[]);
        cluster.wait_until_ready("one");
        Some(cluster)
    }

    /// Starts a replica with its own rights, in place of one of the same name.
    pub fn controller(&mut self, name: &str, arguments: &[&str]) {
        let kubeconfig = self.control_plane.kubeconfig(&Self::identity());
        self.controller_with(name, kubeconfig, arguments);
    }

    /// Starts a replica with a kubeconfig of the test's own.
    pub fn controller_with(&mut self, name: &str, kubeconfig: PathBuf, arguments: &[&str]) {
        self.replicas.remove(name);
        let port = FIRST_PORT + self.started;
        self.started += 1;
        let replica = Replica::start(&self.lab, name, port, &kubeconfig, arguments);
        self.replicas.insert(name.to_owned(), replica);
    }

    /// Returns as whom controllers talk to the API server.
    pub fn identity() -> Identity {
        Identity::service_account(NAMESPACE, "clarion-controller")
    }

    /// Waits until a replica says that it is ready.
    pub fn wait_until_ready(&self, name: &str) {
        self.lab.eventually(SOON, "the controller is ready", || self.page(name, "/readyz").is_some());
    }

    /// Returns what a replica serves; nothing unless it answers 200.
    pub fn page(&self, name: &str, path: &str) -> Option<String> {
        let port = self.replicas.get(name)?.port;
        fetch(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port), path).ok()
    }

    /// Returns what `clarion status` prints of a replica.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub fn told_by_status(&self, name: &str) -> String {
        let port = self.replicas[name].port;
        let address = format!("127.0.0.1:{port}");
        let output = Command::new(lab::node::binary()).args(["status", "--address", &address]).output();
        let output = output.expect("the program can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Returns the value of a metric of a replica, given with its labels; nothing if it is not told.
    pub fn metric(&self, name: &str, metric: &str) -> Option<f64> {
        let port = self.replicas.get(name)?.port - FIRST_PORT + FIRST_METRICS;
        let text = fetch(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port), "/metrics").ok()?;
        text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' ')?.parse().ok())
    }

    /// Kills a replica as a power failure does.
    pub fn kill(&mut self, name: &str) {
        self.replicas.remove(name);
    }

    /// Stops a replica in its tracks, or lets it go on.
    pub fn pause(&self, name: &str, paused: bool) {
        self.replicas[name].signal(if paused { Signal::SIGSTOP } else { Signal::SIGCONT });
    }

    /// Asks a replica for an orderly end, and waits for it.
    ///
    /// # Panics
    ///
    /// When it takes longer than a pod is given, or ends with an error.
    pub fn leave(&mut self, name: &str) {
        self.replicas[name].signal(Signal::SIGTERM);
        let status = self.wait_for_end(name);
        assert!(status.success(), "the controller ended with {status}");
    }

    /// Waits until a replica has ended, and returns how.
    pub fn wait_for_end(&mut self, name: &str) -> ExitStatus {
        let child = &mut self.replicas.get_mut(name).expect("the replica was started").child;
        let mut status = None;
        self.lab.eventually(SOON, "the controller ends", || {
            status = child.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        self.replicas.remove(name);
        status.expect("the wait ended with a status")
    }

    /// Creates or changes a pool.
    pub fn pool(&self, name: &str, addresses: &str) {
        self.pool_with(name, addresses, "");
    }

    /// Creates or changes a pool with more in its spec, such as `autoAssign: false`.
    pub fn pool_with(&self, name: &str, addresses: &str, more: &str) {
        let addresses: Vec<String> = addresses.split_whitespace().map(|range| format!("'{range}'")).collect();
        let addresses = addresses.join(", ");
        self.control_plane.apply(&format!(
            "{{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {{name: {name}, namespace: {NAMESPACE}}}, \
             spec: {{addresses: [{addresses}], {more}}}}}"
        ));
    }

    /// Deletes an object.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) {
        let output = self.control_plane.kubectl(&["delete", kind, name, "--namespace", namespace, "--wait=false"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Creates or changes a load balancer of one TCP port in the namespace `shop`.
    pub fn service(&self, name: &str) {
        self.service_with(name, "", "");
    }

    /// Creates or changes a load balancer with annotations and more in its spec, both as YAML flow.
    pub fn service_with(&self, name: &str, annotations: &str, more: &str) {
        let more = if more.contains("ports:") { more.to_owned() } else { format!("ports: [{{port: 80}}], {more}") };
        let more = if more.contains("type:") { more } else { format!("type: LoadBalancer, {more}") };
        self.control_plane.apply(&format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: {name}, namespace: shop, annotations: {{{annotations}}}}}, \
             spec: {{selector: {{app: {name}}}, {more}}}}}"
        ));
    }

    /// Returns a Service as the API server has it.
    pub fn get(&self, name: &str) -> Option<Service> {
        let services: Api<Service> = Api::namespaced(self.control_plane.admin(), "shop");
        self.control_plane.run(services.get_opt(name)).expect("the API server answers")
    }

    /// Returns the addresses of a Service in their order.
    pub fn addresses(&self, name: &str) -> Vec<String> {
        let status = self.get(name).and_then(|service| service.status?.load_balancer?.ingress);
        status.unwrap_or_default().into_iter().filter_map(|ingress| ingress.ip).collect()
    }

    /// Returns what the pool annotation of a Service says.
    pub fn pool_of(&self, name: &str) -> Option<String> {
        self.get(name)?.metadata.annotations?.remove("metallb.io/ip-allocated-from-pool")
    }

    /// Returns status, reason and message of our condition on a Service.
    pub fn condition(&self, name: &str) -> Option<(String, String, String)> {
        let conditions = self.get(name)?.status?.conditions?;
        let ours = conditions.into_iter().find(|condition| condition.type_ == "metallb.io/Allocated")?;
        Some((ours.status, ours.reason, ours.message))
    }

    /// Waits until a Service has exactly these addresses.
    pub fn expect(&self, name: &str, addresses: &[&str]) {
        let what = format!("{name} has {addresses:?}");
        self.lab.eventually(SOON, &what, || self.addresses(name) == addresses);
    }

    /// Waits until the condition of a Service has this reason, and returns its message.
    pub fn expect_reason(&self, name: &str, reason: &str) -> String {
        let what = format!("{name} has reason {reason}");
        self.lab.eventually(SOON, &what, || self.condition(name).is_some_and(|(_, found, _)| found == reason));
        self.condition(name).map(|(_, _, message)| message).unwrap_or_default()
    }

    /// Returns the reasons of the events of a Service, in the order they were recorded.
    pub fn events(&self, name: &str) -> Vec<String> {
        self.told(name).into_iter().filter_map(|event| event.reason).collect()
    }

    /// Returns the events of a Service, in the order they were recorded.
    pub fn told(&self, name: &str) -> Vec<Event> {
        let events: Api<Event> = Api::namespaced(self.control_plane.admin(), "shop");
        let all = self.control_plane.run(events.list(&ListParams::default())).expect("the API server answers");
        let of = |event: &Event| event.involved_object.name.as_deref() == Some(name);
        let mut found: Vec<Event> = all.items.into_iter().filter(of).collect();
        found.sort_by_key(|event| event.metadata.name.clone());
        found
    }

    /// Returns an object of ours as the API server has it.
    pub fn object(&self, kind: &str, name: &str) -> Value {
        let output = self.control_plane.kubectl(&["get", kind, name, "--namespace", NAMESPACE, "--output=json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Returns status, reason and message of the condition `Accepted` of an object of ours.
    pub fn accepted(&self, kind: &str, name: &str) -> Option<(String, String, String)> {
        let object = self.object(kind, name);
        let conditions = object["status"]["conditions"].as_array()?.clone();
        let accepted = conditions.into_iter().find(|condition| condition["type"] == "Accepted")?;
        let text = |key: &str| accepted[key].as_str().unwrap_or_default().to_owned();
        Some((text("status"), text("reason"), text("message")))
    }

    /// Returns how many status writes to Services the API server has carried out since `before`.
    pub fn status_writes(&self, before: &Requests) -> u64 {
        let ours = |request: &Request| {
            request.resource == "services" && request.subresource == "status" && request.code == 200
        };
        self.control_plane.requests().since(before).writes().count(ours)
    }
}

impl Replica {
    /// Starts a replica that says how it is at a port.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn start(lab: &Lab, name: &str, port: u16, kubeconfig: &Path, arguments: &[&str]) -> Self {
        let log = lab.directory().join(format!("{name}.controller.log"));
        let output = File::options().create(true).append(true).open(log).expect("the lab's directory can be written");
        let errors = output.try_clone().expect("a file has a second handle");
        let mut command = Command::new(lab::node::binary());
        command
            .args(["controller", "--namespace", NAMESPACE, "--pod-name", name, "--health-probe-port"])
            .arg(port.to_string())
            .arg("--port")
            .arg((port - FIRST_PORT + FIRST_METRICS).to_string())
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        Self { child: command.spawn().expect("a controller can be started"), port }
    }

    /// Returns whether the replica leads and has listed everything.
    pub fn leads(&self) -> bool {
        let text = fetch(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port), "/status");
        let status: Option<Status> = text.ok().and_then(|text| serde_json::from_str(&text).ok());
        let controller = status.and_then(|status| status.controller);
        controller.is_some_and(|controller| controller.standing == Standing::Leading && controller.listed)
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process numbers fit 22 bits");
        kill(Pid::from_raw(id), signal).expect("a child that was not waited for can be signalled");
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // Fails only where the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
