//! Pods: a namespace behind a node with a real server in it, and the objects that a kubelet would keep.

use std::{
    env,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    process::Command,
};

use clarion::demo::namespace::Namespace;
use k8s_openapi::api::core::v1;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    Access,
    node::{Node, ip_on},
    program::Program,
};

/// The port on which every pod serves, over TCP and UDP; the probers of the lab ask there.
pub const POD_PORT: u16 = 7;

/// A pod that runs; dropping it kills its server and leaves its object.
#[derive(Debug)]
pub struct Pod {
    server: Program,
    _namespace: Namespace,
    access: Access,
    namespace: String,
    name: String,
    addresses: [IpAddr; 2],
}

impl Node {
    /// Starts a pod that serves on [`POD_PORT`] and is Ready, in a Kubernetes namespace that exists.
    ///
    /// Its server answers with the pod's name and the address of the client that it sees.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    pub fn pod(&mut self, namespace: &str, name: &str, labels: &[(&str, &str)]) -> Pod {
        self.try_pod(namespace, name, labels).expect("a pod can be started")
    }

    fn try_pod(&mut self, namespace: &str, name: &str, labels: &[(&str, &str)]) -> anyhow::Result<Pod> {
        self.pods += 1;
        let (node, number) = (self.number, self.pods);
        let addresses: [IpAddr; 2] = [
            Ipv4Addr::new(10, 244, node, 1 + number).into(),
            Ipv6Addr::new(0xfd44, 0, 0, node.into(), 0, 0, 0, u16::from(number) + 1).into(),
        ];
        let inside = self.cable(&format!("{namespace}.{name}"), addresses)?;
        let mut command = Command::new(server_binary());
        command.args([name, &POD_PORT.to_string()]);
        let log = self.logs.join(format!("{namespace}.{name}.log"));
        let mut server = Program::start(command, &log, |command| inside.spawn(command))?;
        let server_address = (addresses[0], POD_PORT);
        server.wait("it serves", || inside.run(|| std::net::TcpStream::connect(server_address)).is_ok())?;
        let access = self.access.clone();
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let pod = Pod { server, _namespace: inside, access, namespace, name, addresses };
        let object = pod.object(self.name(), labels);
        pod.access.run(pod.api().create(&PostParams::default(), &serde_json::from_value(object)?))?;
        pod.set_status(&pod.status(true))?;
        Ok(pod)
    }

    /// Makes the network of a pod: a cable of its own to the node, which routes.
    fn cable(&self, name: &str, addresses: [IpAddr; 2]) -> anyhow::Result<Namespace> {
        let namespace = Namespace::create(name)?;
        namespace.set("ipv6/conf/default/accept_dad", "0")?;
        let port = format!("pod{}", self.pods);
        let [four, six] = addresses;
        // One gateway for all pods, which needs to be no address of the node.
        let gateway = "fe80::1";
        self.machine.host.ip(&format!(
            "link add name {port} type veth peer name eth0 netns {}\n\
             link set {port} up\naddress add {gateway}/64 dev {port} nodad\n",
            namespace.path().display()
        ))?;
        ip_on(
            name,
            &format!(
                "link set lo up\nlink set eth0 up\naddress add {four}/32 dev eth0\naddress add {six}/128 dev eth0 nodad\n\
                 -4 route add default via inet6 {gateway} dev eth0\n-6 route add default via {gateway} dev eth0\n"
            ),
        )?;
        self.machine.host.ip(&format!("route add {four}/32 dev {port}\nroute add {six}/128 dev {port}\n"))?;
        Ok(namespace)
    }
}

impl Pod {
    /// Returns the addresses, IPv4 first.
    pub fn addresses(&self) -> [IpAddr; 2] {
        self.addresses
    }

    /// Says in the Pod object whether the pod is Ready; its server goes on in either case.
    ///
    /// # Panics
    ///
    /// When the API server refuses, as do the other changes.
    pub fn ready(&self, ready: bool) {
        self.set_status(&self.status(ready)).expect("a pod's status is accepted");
    }

    /// Begins an orderly end: the object has a deletion timestamp, and the server goes on until [`Pod::delete`].
    pub fn terminate(&self) {
        self.remove(&DeleteParams::default());
    }

    /// Ends the pod: the server is killed and the object is gone.
    pub fn delete(self) {
        self.remove(&DeleteParams::default().grace_period(0));
    }

    /// Returns the server's process.
    pub fn server(&self) -> &Program {
        &self.server
    }

    fn remove(&self, how: &DeleteParams) {
        self.access.run(self.api().delete(&self.name, how)).expect("a pod can be deleted");
    }

    fn set_status(&self, status: &Value) -> anyhow::Result<()> {
        let patch = Patch::Strategic(json!({"status": status}));
        self.access.run(self.api().patch_status(&self.name, &PatchParams::default(), &patch))?;
        Ok(())
    }

    fn api(&self) -> Api<v1::Pod> {
        Api::namespaced(self.access.client.clone(), &self.namespace)
    }

    fn object(&self, node: &str, labels: &[(&str, &str)]) -> Value {
        let labels: serde_json::Map<_, _> =
            labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        json!({
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": labels},
            "spec": {
                "nodeName": node,
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 30,
                "containers": [{"name": "server", "image": "none", "ports": [{"containerPort": POD_PORT}]}],
            },
        })
    }

    fn status(&self, ready: bool) -> Value {
        let [four, six] = self.addresses;
        let status = if ready { "True" } else { "False" };
        json!({
            "phase": "Running",
            "podIP": four,
            "podIPs": [{"ip": four}, {"ip": six}],
            "conditions": [{"type": "Ready", "status": status}, {"type": "ContainersReady", "status": status}],
        })
    }
}

/// Returns the server that cargo has built beside the tests.
fn server_binary() -> PathBuf {
    let tests = env::current_exe().expect("a running program has a path");
    let profile = tests.ancestors().nth(2).expect("test binaries are two levels below the profile's directory");
    let binary = profile.join("control-plane-pod");
    assert!(binary.exists(), "{} is missing; build it with `cargo build -p control-plane`", binary.display());
    binary
}
