//! A directory of manifests that a test writes and edits.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use ipnet::IpNet;

use crate::{VIPS_V4, VIPS_V6};

/// The directory.
#[derive(Debug)]
pub struct Manifests(PathBuf);

/// A Service and its EndpointSlice.
#[derive(Clone, Copy, Debug)]
pub struct Service<'a> {
    /// The name, in the namespace `shop`.
    pub name: &'a str,
    /// The families, as in `spec.ipFamilies`.
    pub families: &'a str,
    /// `Cluster` or `Local`.
    pub traffic_policy: &'a str,
    /// The nodes with a ready endpoint.
    pub endpoints: &'a [&'a str],
    /// The annotations, as a mapping in one line.
    pub annotations: &'a str,
}

impl Default for Service<'_> {
    fn default() -> Self {
        let endpoints = &["n1", "n2", "n3"];
        Self { name: "web", families: "[IPv4]", traffic_policy: "Cluster", endpoints, annotations: "{}" }
    }
}

impl Manifests {
    /// Makes a directory with the key of the heartbeats, the nodes named, one pool and its advertisement.
    pub fn new(directory: &Path, nodes: &[&str]) -> Self {
        fs::create_dir_all(directory).expect("the lab's directory can be written");
        let manifests = Self(directory.to_owned());
        manifests.secret("the same sixteen bytes or more");
        for node in nodes {
            manifests.node(node, "{}");
        }
        manifests.pool("lan", &format!("[{VIPS_V4}, '{VIPS_V6}']"));
        manifests.advertisement("lan", "{ipAddressPools: [lan]}");
        manifests
    }

    /// Returns where the directory is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in one step for whoever watches the directory.
    pub fn write(&self, file: &str, text: &str) {
        let draft = self.0.join(format!("{file}.draft"));
        fs::write(&draft, text).expect("the lab's directory can be written");
        fs::rename(&draft, self.0.join(file)).expect("a draft can be put in place");
    }

    /// Removes a file.
    pub fn remove(&self, file: &str) {
        fs::remove_file(self.0.join(file)).expect("the test wrote the file");
    }

    /// Writes `secret.yaml` with a key.
    pub fn secret(&self, key: &str) {
        let text =
            format!("{}stringData: {{secretkey: {key:?}}}\n", head("v1", "Secret", "metallb-system", "memberlist"));
        self.write("secret.yaml", &text);
    }

    /// Writes `node-NAME.yaml` with labels, which are a mapping in one line.
    pub fn node(&self, name: &str, labels: &str) {
        let text = format!("apiVersion: v1\nkind: Node\nmetadata:\n  name: {name}\n  labels: {labels}\n");
        self.write(&format!("node-{name}.yaml"), &text);
    }

    /// Writes `node-NAME.yaml` with addresses, by which the other nodes know that they should hear it.
    pub fn node_at(&self, name: &str, addresses: &[IpNet]) {
        let address = |net: &IpNet| format!("{{type: InternalIP, address: '{}'}}", net.addr());
        let addresses: Vec<String> = addresses.iter().map(address).collect();
        let (head, addresses) =
            (format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n"), addresses.join(", "));
        self.write(&format!("node-{name}.yaml"), &format!("{head}status: {{addresses: [{addresses}]}}\n"));
    }

    /// Writes `pool-NAME.yaml` with addresses, which are a list in one line.
    pub fn pool(&self, name: &str, addresses: &str) {
        let head = head("metallb.io/v1beta1", "IPAddressPool", "metallb-system", name);
        self.write(&format!("pool-{name}.yaml"), &format!("{head}spec:\n  addresses: {addresses}\n"));
    }

    /// Writes `advertisement-NAME.yaml` with a specification, which is a mapping in one line.
    pub fn advertisement(&self, name: &str, specification: &str) {
        let head = head("metallb.io/v1beta1", "L2Advertisement", "metallb-system", name);
        self.write(&format!("advertisement-{name}.yaml"), &format!("{head}spec: {specification}\n"));
    }

    /// Writes `service-NAME.yaml`.
    pub fn service(&self, service: Service<'_>) {
        let Service { name, families, traffic_policy, endpoints, annotations } = service;
        let policy = if families.contains(',') { "RequireDualStack" } else { "SingleStack" };
        let mut text = head("v1", "Service", "shop", name);
        let _ = write!(
            text,
            "  annotations: {annotations}\nspec:\n  type: LoadBalancer\n  externalTrafficPolicy: {traffic_policy}\n  \
             ipFamilyPolicy: {policy}\n  ipFamilies: {families}\n  ports:\n    - port: 80\n---\n"
        );
        text.push_str(&head("discovery.k8s.io/v1", "EndpointSlice", "shop", &format!("{name}-1")));
        let _ = writeln!(text, "  labels:\n    kubernetes.io/service-name: {name}\naddressType: IPv4\nendpoints:");
        for (number, node) in endpoints.iter().enumerate() {
            let _ = writeln!(
                text,
                "  - addresses: [198.51.100.{number}]\n    conditions: {{ready: true}}\n    nodeName: {node}"
            );
        }
        if endpoints.is_empty() {
            text.push_str("  []\n");
        }
        self.write(&format!("service-{name}.yaml"), &text);
    }
}

fn head(version: &str, kind: &str, namespace: &str, name: &str) -> String {
    format!("apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: {namespace}\n")
}
