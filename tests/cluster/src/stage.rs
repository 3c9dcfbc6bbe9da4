//! What is put on a cluster: Clarion as users install it, pools, Services and pods that answer.

use std::{
    collections::BTreeSet,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use clarion::demo::{network::Mac, watch::Watcher};

use crate::{Cluster, eventually, kubectl::PATIENCE};

/// The namespace of `deploy/clarion.yaml`.
pub const NAMESPACE: &str = "metallb-system";

/// The workload that announces.
pub const SPEAKER: &str = "daemonset/clarion-speaker";

/// The workload that allocates.
pub const CONTROLLER: &str = "deployment/clarion-controller";

/// How long an address is watched to see that one node alone answers: some ten questions.
const LOOK: Duration = Duration::from_millis(200);

/// How long a cluster may take to announce an address.
pub const SOON: Duration = Duration::from_secs(30);

impl Cluster {
    /// Installs Clarion from `deploy/clarion.yaml` and waits until all of it is ready.
    pub fn install(&self) -> anyhow::Result<()> {
        let path = deploy("clarion.yaml");
        self.apply(&fs::read_to_string(&path).with_context(|| path.display().to_string())?)?;
        self.wait_rollout(NAMESPACE, CONTROLLER)?;
        self.wait_rollout(NAMESPACE, SPEAKER)
    }

    /// Applies the objects of one of `deploy/examples`.
    ///
    /// Its EndpointSlices are left out: they are for places without pods, and here the real ones follow the pods.
    pub fn example(&self, file: &str) -> anyhow::Result<()> {
        let path = deploy("examples").join(file);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let objects = text.split("\n---\n").filter(|object| !object.contains("\nkind: EndpointSlice\n"));
        self.apply(&objects.collect::<Vec<_>>().join("\n---\n"))
    }

    /// Applies one of this crate's own manifests.
    pub fn manifest(&self, file: &str) -> anyhow::Result<()> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests").join(file);
        self.apply(&fs::read_to_string(&path).with_context(|| path.display().to_string())?)
    }

    /// Waits until a Service has `count` addresses, and returns them.
    pub fn addresses(&self, namespace: &str, service: &str, count: usize) -> anyhow::Result<Vec<IpAddr>> {
        let place = format!("{{.status.loadBalancer.ingress[{}].ip}}", count - 1);
        let (wait, timeout) = (format!("--for=jsonpath={place}"), format!("--timeout={}s", PATIENCE.as_secs()));
        let subject = format!("service/{service}");
        self.kubectl(&["--namespace", namespace, "wait", &wait, &timeout, &subject])?;
        let all = "--output=jsonpath={.status.loadBalancer.ingress[*].ip}";
        let text = self.kubectl(&["--namespace", namespace, "get", &subject, all])?;
        let addresses: Vec<_> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        ensure!(addresses.len() == count, "{namespace}/{service} has {addresses:?}");
        Ok(addresses)
    }

    /// Waits until the client gets a page from every one of `vips`.
    pub fn wait_until_reached(&self, vips: &[IpAddr]) -> anyhow::Result<Duration> {
        eventually(SOON, "the client reaches the Service", || vips.iter().all(|vip| self.client.reaches(*vip)))
    }

    /// Waits until exactly one node answers for `vip`, and returns its place among the nodes.
    pub fn owner(&self, vip: IpAddr) -> anyhow::Result<usize> {
        let mut macs = BTreeSet::new();
        eventually(SOON, "exactly one node answers", || {
            let watcher = Watcher::newcomer(&self.newcomer.host, &self.newcomer.link, &[vip]);
            thread::sleep(LOOK);
            macs = watcher.map(|watcher| watcher.stop().macs(vip)).unwrap_or_default();
            macs.len() == 1
        })
        .with_context(|| format!("{vip} is answered by {macs:?}"))?;
        self.position(macs.pop_first().context("exactly one node answers")?)
    }

    /// Returns the place of the node with this Ethernet address.
    pub fn position(&self, mac: Mac) -> anyhow::Result<usize> {
        self.nodes.iter().position(|node| node.mac() == mac).with_context(|| format!("{mac} belongs to no node"))
    }

    /// Returns the name of the pod of a workload's component on a node.
    pub fn pod_on(&self, component: &str, node: usize) -> anyhow::Result<String> {
        let label = format!("--selector=app.kubernetes.io/component={component}");
        let field = format!("--field-selector=spec.nodeName={}", self.nodes[node].name());
        let name = "--output=jsonpath={.items[*].metadata.name}";
        self.kubectl(&["--namespace", NAMESPACE, "get", "pods", &label, &field, name])
    }
}

fn deploy(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(file)
}
