//! An API server, its objects, a controller and a speaker.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    fs::File,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use apiserver::{Collection, Event, Freshness, ObjectName, Watch};
use control_plane::{ControlPlane, Identity, Node, Requests};
use crds::core;
use e2e::deployment::{self, NAMESPACE as OWN};
use futures::stream::{self, StreamExt, TryStreamExt};
use k8s_openapi::api::{
    core::v1::{Node as NodeObject, Service},
    discovery::v1::EndpointSlice,
};
use kube::{
    Api, Client, Resource,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use lab::Lab;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::mpsc;

use super::PATIENCE;
use super::objects::{CHANGING, NAMESPACE, NODE, NODES, ON_REQUEST, POOL, node, service, slice};
use crate::{Options, cluster::Station};

/// How many objects are created at once, about as fast as the API server can take them.
const AT_ONCE: usize = 32;

/// What the API server runs, and what runs against it.
pub(super) struct Bed {
    controller: Option<Running>,
    speaker: Option<Running>,
    seen: Seen,
    clarion: PathBuf,
    node: Node,
    /// The host that asks as one that never heard of an address.
    pub(super) newcomer: Station,
    control_plane: ControlPlane,
    lab: Lab,
}

/// A program; dropping it kills it.
struct Running(Child);

/// What a watch shows of Services.
#[derive(Clone)]
struct Seen(Arc<Mutex<Shown>>);

struct Shown {
    /// The addresses of those that have any.
    addresses: BTreeMap<ObjectName, Vec<IpAddr>>,
    /// When an address came or went last.
    changed: Instant,
}

/// Writes by what they are about.
#[derive(Debug)]
pub(super) struct Writes {
    /// Of Service status.
    pub(super) status: u64,
    /// Of events.
    pub(super) events: u64,
    /// Of pool status.
    pub(super) pools: u64,
    /// Of anything else but the bench's own objects and leases.
    pub(super) other: u64,
}

impl Writes {
    /// Returns whether nothing was written.
    pub(super) fn is_nothing(&self) -> bool {
        let Self { status, events, pools, other } = self;
        status + events + pools + other == 0
    }
}

/// All counters of the API server at one moment.
pub(super) struct Counters(Requests);

impl Bed {
    /// Starts an API server and creates everything but Services.
    pub(super) fn build(options: &Options) -> anyhow::Result<Self> {
        let lab = Lab::new().context("the bench needs a private network")?;
        let control_plane = ControlPlane::start_api_server(&lab);
        deployment::install(&control_plane);
        control_plane.apply(&format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}}}}}\n---\n\
             {{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {{name: lan, namespace: {OWN}}}, \
             spec: {{addresses: [{POOL}]}}}}\n---\n\
             {{apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: {{name: on-request, namespace: {OWN}}}, \
             spec: {{addresses: [{ON_REQUEST}], autoAssign: false}}}}\n---\n\
             {{apiVersion: metallb.io/v1beta1, kind: L2Advertisement, metadata: {{name: lan, namespace: {OWN}}}}}\n"
        ));
        let lan = lab.bridge("lan");
        let real = control_plane.node(&lab, NODE, &lan);
        let newcomer = lab.client("newcomer", &lan);
        let newcomer = Station { host: newcomer.host, link: newcomer.link };
        let client = control_plane.admin();
        let nodes: Api<NodeObject> = Api::all(client.clone());
        control_plane.run(create_all(&nodes, (0..NODES).map(node).collect()))?;
        let seen = Seen::follow(&control_plane, &client);
        let clarion = options.clarion.clone();
        Ok(Self { controller: None, speaker: None, seen, clarion, node: real, newcomer, control_plane, lab })
    }

    /// Starts the controller.
    pub(super) fn start_controller(&mut self) -> anyhow::Result<()> {
        let mut command = self.command("controller");
        command.args(["--pod-name", "controller-bench"]);
        self.controller = Some(Running::start(command, &self.lab, "controller", Command::spawn)?);
        Ok(())
    }

    /// Stops the controller in order, so that its successor need not wait for a lease to expire.
    pub(super) fn stop_controller(&mut self) {
        if let Some(mut running) = self.controller.take() {
            running.terminate();
        }
    }

    /// Starts the speaker of the real node; there is no kube-proxy, which would compete for the processors.
    pub(super) fn start_speaker(&mut self) -> anyhow::Result<()> {
        let mut command = self.command("speaker");
        command.args(["--node-name", NODE, "--datapath", "off"]);
        let spawn = |command: &mut Command| self.node.machine.host.spawn(command);
        self.speaker = Some(Running::start(command, &self.lab, "speaker", spawn)?);
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let account = Identity::service_account(OWN, &format!("clarion-{program}"));
        let mut command = Command::new(&self.clarion);
        command.args([program, "--namespace", OWN, "--kubeconfig"]).arg(self.control_plane.kubeconfig(&account));
        command
    }

    /// Returns the controller's process.
    pub(super) fn controller(&self) -> anyhow::Result<u32> {
        Ok(self.controller.as_ref().context("the controller runs")?.0.id())
    }

    /// Returns the speaker's process.
    pub(super) fn speaker(&self) -> anyhow::Result<u32> {
        Ok(self.speaker.as_ref().context("the speaker runs")?.0.id())
    }

    /// Creates so many Services, their endpoints first, and returns when the last is created.
    pub(super) fn create(&self, services: usize) -> anyhow::Result<()> {
        let name = |number: usize| format!("service-{number:05}");
        let slices: Vec<Value> = (0..services).map(|number| slice(&name(number), true)).collect();
        let services: Vec<Value> = (0..services).map(|number| service(&name(number), None, false)).collect();
        self.control_plane.run(create_all(&self.slices(), slices))?;
        self.control_plane.run(create_all(&self.services(), services))
    }

    /// Waits until exactly so many Services have an address, and returns when the last change was seen.
    pub(super) fn allocated(&self, services: usize, patience: Duration) -> anyhow::Result<Instant> {
        let start = Instant::now();
        loop {
            let (count, changed) = self.seen.count();
            if count == services {
                return Ok(changed);
            }
            ensure!(start.elapsed() < patience, "{count} of {services} Services have addresses after {patience:?}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Returns the addresses of every Service that has any.
    pub(super) fn addresses(&self) -> anyhow::Result<BTreeMap<String, Vec<IpAddr>>> {
        let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(seen.addresses.iter().map(|(name, ips)| (name.name.to_string(), ips.clone())).collect())
    }

    /// Writes the changing Service and its endpoint.
    pub(super) fn put_changing(&self, address: Ipv4Addr, local: bool, ready: bool) -> anyhow::Result<()> {
        self.put_endpoints(ready)?;
        self.put_service(address, local)
    }

    /// Writes the changing Service, which asks for an address.
    pub(super) fn put_service(&self, address: Ipv4Addr, local: bool) -> anyhow::Result<()> {
        self.control_plane.run(put(&self.services(), service(CHANGING, Some(address), local)))
    }

    /// Writes the endpoint of the changing Service.
    pub(super) fn put_endpoints(&self, ready: bool) -> anyhow::Result<()> {
        self.control_plane.run(put(&self.slices(), slice(CHANGING, ready)))
    }

    /// Deletes a Service; its endpoints stay.
    pub(super) fn delete(&self, name: &str) -> anyhow::Result<()> {
        let services = self.services();
        self.control_plane.run(async move { services.delete(name, &DeleteParams::default()).await.map(drop) })?;
        Ok(())
    }

    /// Returns what was written so far.
    pub(super) fn writes(&self) -> Counters {
        Counters(self.control_plane.requests().writes())
    }

    fn services(&self) -> Api<Service> {
        Api::namespaced(self.control_plane.admin(), NAMESPACE)
    }

    fn slices(&self) -> Api<EndpointSlice> {
        Api::namespaced(self.control_plane.admin(), NAMESPACE)
    }
}

impl Counters {
    /// Returns what was written after `before`.
    pub(super) fn since(&self, before: &Self) -> Writes {
        let Requests(new) = self.0.since(&before.0);
        let mut writes = Writes { status: 0, events: 0, pools: 0, other: 0 };
        for (request, count) in new {
            match (request.resource.as_str(), request.subresource.as_str()) {
                ("services", "status") => writes.status += count,
                ("events", _) => writes.events += count,
                ("ipaddresspools", "status") => writes.pools += count,
                ("services" | "endpointslices" | "nodes" | "leases" | "serviceaccounts", _) => {}
                _ => writes.other += count,
            }
        }
        writes
    }
}

impl Seen {
    fn follow(control_plane: &ControlPlane, client: &Client) -> Self {
        let seen = Self(Arc::new(Mutex::new(Shown { addresses: BTreeMap::new(), changed: Instant::now() })));
        let (sender, mut receiver) = mpsc::channel(1024);
        let watch = Watch { collection: Collection::within(NAMESPACE, "v1", "services"), freshness: Freshness::Quorum };
        let (client, keeper) = (client.clone(), seen.clone());
        control_plane.run(async move {
            tokio::spawn(watch.follow(client, sender, |event: Event<core::Service>| event));
            tokio::spawn(async move {
                while let Some(event) = receiver.recv().await {
                    keeper.take(event);
                }
            });
        });
        seen
    }

    fn take(&self, event: Event<core::Service>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ips = |service: &core::Service| -> Vec<IpAddr> {
            let ingress = service.status.load_balancer.ingress.iter();
            ingress.filter_map(|entry| entry.ip.as_deref()?.parse().ok()).collect()
        };
        let changed = match event {
            Event::Applied(object) => match object.value.as_ref().map(ips) {
                Ok(ips) if !ips.is_empty() => seen.addresses.insert(object.name, ips.clone()).as_ref() != Some(&ips),
                Ok(_) | Err(_) => seen.addresses.remove(&object.name).is_some(),
            },
            Event::Deleted(name, _) => seen.addresses.remove(&name).is_some(),
            Event::Relisting | Event::Listed | Event::Connected | Event::Lost(_) => false,
        };
        if changed {
            seen.changed = Instant::now();
        }
    }

    fn count(&self) -> (usize, Instant) {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.addresses.len(), seen.changed)
    }
}

impl Running {
    fn start(
        mut command: Command,
        lab: &Lab,
        name: &str,
        spawn: impl FnOnce(&mut Command) -> std::io::Result<Child>,
    ) -> anyhow::Result<Self> {
        let output = File::options().create(true).append(true).open(lab.directory().join(format!("{name}.log")))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(Self(spawn(&mut command).with_context(|| format!("cannot start {name}"))?))
    }

    /// Ends the program as a kubelet does.
    fn terminate(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.0.id()).expect("process numbers fit 22 bits"));
        // Fails only where the process has ended already.
        let _ = kill(pid, Signal::SIGTERM);
        let start = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only where the process has ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn create_all<K>(api: &Api<K>, objects: Vec<Value>) -> anyhow::Result<()>
where
    K: Resource + Clone + DeserializeOwned + Serialize + Debug,
{
    let create = |object: Value| async move {
        let object: K = serde_json::from_value(object)?;
        api.create(&PostParams::default(), &object).await?;
        anyhow::Ok(())
    };
    stream::iter(objects).map(create).buffer_unordered(AT_ONCE).try_collect().await
}

async fn put<K>(api: &Api<K>, object: Value) -> anyhow::Result<()>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let parameters = PatchParams::apply("bench").force();
    api.patch(CHANGING, &parameters, &Patch::Apply(object)).await?;
    Ok(())
}
