//! Kubernetes' own kinds, decoded no further than Clarion reads them.
//!
//! A full EndpointSlice costs ten times the memory of this one, and a cluster has tens of thousands. The types are plain
//! serde structures without ties to a client, so that an API server's watch and a file are decoded by the same code.
//! Addresses stay as written: what cannot be parsed is refused where it is used, with a reason, as on an API server.
//! A value that only a newer API server knows is `Unknown`, and the object stays readable. In a file it is a typing error, which
//! [`Service::unknown_value`] and its like find.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU16;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use serde::Deserialize;

mod unknown;

pub use unknown::UnknownValue;

/// The label of an EndpointSlice that names its Service.
pub const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

/// How much of the labels of an object is read, in bytes of keys and values: more than a hundred of the longest.
pub const LABELS_READ: usize = 16 << 10;

/// The part of an object's metadata that decisions depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// The name, unique in kind and namespace.
    pub name: String,
    /// The namespace; none for kinds that belong to the whole cluster.
    pub namespace: Option<String>,
    /// The identity given by an API server.
    pub uid: Option<String>,
    /// When an API server created the object.
    pub creation_timestamp: Option<Timestamp>,
    /// When an API server was asked to delete the object.
    pub deletion_timestamp: Option<Timestamp>,
    /// Labels, which selectors look at.
    pub labels: BTreeMap<String, String>,
    /// Annotations, which carry requests.
    pub annotations: BTreeMap<String, String>,
}

/// Drops the labels, in the order of their keys, that are beyond [`LABELS_READ`]; returns whether there were any. An API server limits
/// each label and not how many there are.
pub fn cut_labels(labels: &mut BTreeMap<String, String>) -> bool {
    let (before, mut read) = (labels.len(), 0);
    labels.retain(|key, value| {
        read += key.len() + value.len();
        read <= LABELS_READ
    });
    labels.len() < before
}

/// A Service (`v1`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Service {
    /// Name, labels, annotations.
    pub metadata: Metadata,
    /// What the user asks for.
    #[serde(default)]
    pub spec: ServiceSpec,
    /// What was given.
    #[serde(default)]
    pub status: ServiceStatus,
}

/// What a Service asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// How the Service is exposed; only `LoadBalancer` gets an external address. Defaults to `ClusterIP`.
    #[serde(rename = "type")]
    pub kind: ServiceType,
    /// Which load balancer is meant; none means the default one.
    pub load_balancer_class: Option<String>,
    /// The one address asked for, in the deprecated way.
    #[serde(rename = "loadBalancerIP")]
    pub load_balancer_ip: Option<String>,
    /// The first address inside the cluster; `None` as text for a headless Service.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: Option<String>,
    /// The addresses inside the cluster, at most one of each family.
    #[serde(rename = "clusterIPs")]
    pub cluster_ips: Vec<String>,
    /// The families asked for, the more important one first.
    pub ip_families: Vec<IpFamily>,
    /// Whether one family is enough.
    pub ip_family_policy: Option<IpFamilyPolicy>,
    /// Which nodes may take traffic from outside. Defaults to `Cluster`.
    pub external_traffic_policy: TrafficPolicy,
    /// The pods behind the Service; empty means that someone else writes its EndpointSlices.
    pub selector: BTreeMap<String, String>,
    /// The ports, which decide who may share an address.
    pub ports: Vec<ServicePort>,
    /// Whether pods that are not ready take traffic too. Defaults to false.
    pub publish_not_ready_addresses: bool,
}

/// How a Service is exposed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum ServiceType {
    /// Inside the cluster only.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    /// On a port of every node.
    NodePort,
    /// On an external address.
    LoadBalancer,
    /// As an alias in DNS.
    ExternalName,
    /// In a way that a newer API server knows, and that is no load balancer.
    #[serde(other)]
    Unknown,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum IpFamily {
    /// IPv4.
    #[serde(rename = "IPv4")]
    V4,
    /// IPv6.
    #[serde(rename = "IPv6")]
    V6,
    /// One that a newer API server knows; nobody here has addresses of it.
    #[serde(other)]
    Unknown,
}

/// How many families a Service wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum IpFamilyPolicy {
    /// One.
    SingleStack,
    /// Two if the cluster has them.
    PreferDualStack,
    /// Two.
    RequireDualStack,
    /// In a way that a newer API server knows; the families of the cluster addresses decide, as if nothing was asked for.
    #[serde(other)]
    Unknown,
}

/// Which nodes may take traffic from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum TrafficPolicy {
    /// Every node.
    #[default]
    Cluster,
    /// Nodes with an endpoint of their own.
    Local,
    /// A policy that a newer API server knows. Proxies of today treat whatever is not `Local` as `Cluster`.
    #[serde(other)]
    Unknown,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP, the default.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// One that a newer API server knows.
    #[serde(other)]
    Unknown,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// The protocol. Defaults to TCP.
    #[serde(default)]
    pub protocol: Protocol,
    /// The port on the external address.
    pub port: NonZeroU16,
}

/// What a Service was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceStatus {
    /// The external addresses.
    pub load_balancer: LoadBalancerStatus,
}

/// The external addresses of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LoadBalancerStatus {
    /// One entry per address.
    pub ingress: Vec<Ingress>,
}

/// One external address of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Ingress {
    /// The address.
    pub ip: Option<String>,
    /// How kube-proxy treats the address: `VIP`, the default, or `Proxy`, which has it ignore the address.
    pub ip_mode: Option<String>,
    /// The name, for load balancers that have no fixed address.
    pub hostname: Option<String>,
}

/// A part of a Service's endpoints (`discovery.k8s.io/v1`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSlice {
    /// Name and labels; [`EndpointSlice::service`] reads the owner from them.
    pub metadata: Metadata,
    /// What kind of addresses the endpoints have.
    pub address_type: AddressType,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

impl EndpointSlice {
    /// Returns the name of the Service, in the same namespace, that the endpoints belong to.
    pub fn service(&self) -> Option<&str> {
        self.metadata.labels.get(SERVICE_NAME_LABEL).map(String::as_str)
    }

    /// Returns the endpoints that a proxy sends traffic to: names, and addresses of a kind that nobody knows yet, are none.
    pub fn endpoints(&self) -> &[Endpoint] {
        match self.address_type {
            AddressType::V4 | AddressType::V6 => &self.endpoints,
            AddressType::Fqdn | AddressType::Unknown => &[],
        }
    }
}

/// What kind of addresses a slice holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum AddressType {
    /// IPv4 addresses.
    #[serde(rename = "IPv4")]
    V4,
    /// IPv6 addresses.
    #[serde(rename = "IPv6")]
    V6,
    /// Names.
    #[serde(rename = "FQDN")]
    Fqdn,
    /// Something that a newer API server knows.
    #[serde(other)]
    Unknown,
}

/// One endpoint, usually a pod.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// The node it runs on, if it runs on one.
    pub node_name: Option<String>,
    /// What can be said about its health.
    #[serde(default)]
    pub conditions: EndpointConditions,
}

/// What can be said about an endpoint's health; nothing said is not the same as false.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EndpointConditions {
    /// Whether it takes new traffic; unset counts as true.
    pub ready: Option<bool>,
    /// Whether it answers, even while it terminates; unset counts as `ready`.
    pub serving: Option<bool>,
    /// Whether it was asked to end; unset counts as false.
    pub terminating: Option<bool>,
}

/// A Node (`v1`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Node {
    /// Name and labels.
    pub metadata: Metadata,
    /// What the administrator wants of it.
    #[serde(default)]
    pub spec: NodeSpec,
    /// What is known about it.
    #[serde(default)]
    pub status: NodeStatus,
}

/// What the administrator wants of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    /// Whether it is cordoned. Defaults to false.
    pub unschedulable: bool,
    /// Marks that keep pods away.
    pub taints: Vec<Taint>,
}

/// A mark that keeps pods away from a node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Taint {
    /// What is marked.
    pub key: String,
}

/// What is known about a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    /// Its health, such as `Ready`.
    pub conditions: Vec<NodeCondition>,
    /// Its addresses.
    pub addresses: Vec<NodeAddress>,
}

/// One statement about a node's health.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NodeCondition {
    /// What is stated, such as `Ready` or `NetworkUnavailable`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// The reason in words.
    #[serde(default)]
    pub message: String,
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody has said for a while, or in a word that a newer API server knows.
    #[serde(other)]
    Unknown,
}

/// An address of a node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NodeAddress {
    /// What it is, such as `InternalIP` or `Hostname`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The address.
    pub address: String,
}

/// The label by which every API server repeats the name of a Namespace.
pub const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A Namespace (`v1`), read for its labels.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Namespace {
    /// Name and labels.
    pub metadata: Metadata,
}

impl Namespace {
    /// Returns a Namespace of which nothing is known but its name, with the label that every API server gives it.
    pub fn named(name: &str) -> Self {
        let labels = BTreeMap::from([(NAMESPACE_NAME_LABEL.to_owned(), name.to_owned())]);
        Self { metadata: Metadata { name: name.to_owned(), labels, ..Metadata::default() } }
    }
}

/// A Secret (`v1`), whose values never show in logs.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Secret {
    /// Name and namespace.
    pub metadata: Metadata,
    /// What the secret is for, such as `kubernetes.io/basic-auth`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    #[serde(default)]
    data: BTreeMap<String, ByteString>,
    #[serde(default)]
    string_data: BTreeMap<String, String>,
}

impl Secret {
    /// Returns the value under a key; one in `stringData` wins over one in `data`, as on an API server.
    pub fn value(&self, key: &str) -> Option<&[u8]> {
        let plain = self.string_data.get(key).map(String::as_bytes);
        plain.or_else(|| self.data.get(key).map(|bytes| bytes.0.as_slice()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Annotations are left out too: kubectl repeats the whole Secret in one of them.
        let Metadata { name, namespace, .. } = &self.metadata;
        f.debug_struct("Secret").field("name", name).field("namespace", namespace).finish_non_exhaustive()
    }
}
