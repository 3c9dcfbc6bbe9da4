//! A Service as allocation sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipam::{Created, Demand, FamilyPolicy, Port, RequestedError, ServiceId};
use thiserror::Error;

/// One service with the fields that matter to allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceView {
    /// Namespace and name.
    pub id: ServiceId,
    /// Tells it from an earlier service of the same name.
    pub uid: Uid,
    /// The version of the object these values were read from.
    pub version: ResourceVersion,
    /// Its age; older services go first.
    pub created: Created,
    /// Whether its type is LoadBalancer.
    pub is_load_balancer: bool,
    /// Whether its `loadBalancerClass` is ours, or none because of its type. Services of a foreign class are left alone entirely.
    pub class_is_ours: bool,
    /// `spec.clusterIPs` as written; they decide the families, not `spec.ipFamilies`.
    pub cluster_ips: Vec<String>,
    /// `spec.ipFamilyPolicy`.
    pub family_policy: FamilyPolicy,
    /// What annotations and `spec.loadBalancerIP` ask for; see [`demand`](crate::demand).
    pub demand: Result<Demand, RequestFault>,
    /// The `allow-shared-ip` annotation.
    pub sharing_key: Option<String>,
    /// `spec.externalTrafficPolicy`.
    pub traffic_policy: TrafficPolicy,
    /// `spec.selector`.
    pub selector: BTreeMap<String, String>,
    /// `spec.ports`.
    pub ports: BTreeSet<Port>,
    /// `status.loadBalancer.ingress`.
    pub ingress: Vec<Ingress>,
    /// The `ip-allocated-from-pool` annotation, under the legacy prefix where only that is there.
    pub pool_annotation: Option<String>,
    /// Our condition in `status.conditions`.
    pub condition: Option<Condition>,
    /// The annotation keys it uses with the deprecated prefix.
    pub deprecated_annotations: Vec<String>,
    /// What is to be said of annotations under our prefixes that nobody reads.
    pub unread_annotations: Vec<String>,
    /// `metadata.labels`, which pools select by.
    pub labels: BTreeMap<String, String>,
}

/// `metadata.uid`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uid(pub Arc<str>);

/// `metadata.resourceVersion` as the number it is; later versions are larger. Zero where there is no API server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceVersion(pub u64);

/// `spec.externalTrafficPolicy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TrafficPolicy {
    /// Every node serves every endpoint.
    #[default]
    Cluster,
    /// A node serves its own endpoints only.
    Local,
}

/// The condition `metallb.io/Allocated` of a service, as it is or as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Whether the service has addresses and nothing is wrong with what it asks for.
    pub met: bool,
    /// The token of an [`AllocatedReason`](crds::reasons::AllocatedReason).
    pub reason: String,
    /// The details, for a person.
    pub message: String,
}

/// One entry of `status.loadBalancer.ingress`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ingress {
    /// An address.
    Ip(IpAddr),
    /// An address with something beside it that we do not write, such as a host name or `ipMode: Proxy`.
    Altered(IpAddr),
    /// Anything else, such as a host name that another controller left behind.
    Other(String),
}

impl ServiceView {
    /// Returns what it takes, in bytes.
    pub fn cost(&self) -> usize {
        const ROW: usize = 1024;
        /// What an entry of a map takes beside its text.
        const ENTRY: usize = 96;
        let maps = self.labels.iter().chain(&self.selector);
        let texts = self.cluster_ips.iter().chain(&self.deprecated_annotations).chain(&self.unread_annotations);
        let texts = texts.chain(&self.sharing_key).chain(&self.pool_annotation).map(|text| ENTRY + text.len());
        let condition = self.condition.as_ref().map_or(0, |condition| condition.reason.len() + condition.message.len());
        ROW + maps.map(|(key, value)| ENTRY + key.len() + value.len()).sum::<usize>()
            + texts.sum::<usize>()
            + condition
            + 16 * self.ports.len()
            + 64 * self.ingress.len()
    }

    /// Returns the addresses of the status in their order.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.ingress.iter().filter_map(|entry| match entry {
            Ingress::Ip(address) | Ingress::Altered(address) => Some(*address),
            Ingress::Other(_) => None,
        })
    }
}

impl From<&str> for Uid {
    fn from(uid: &str) -> Self {
        Self(uid.into())
    }
}

/// Says why the requested addresses of a service cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestFault {
    /// The annotation and the field both ask.
    #[error("both {} and {} request addresses; remove the field", RequestSource::Annotation, RequestSource::Field)]
    Both,
    /// A text is no address.
    #[error("{source_of}: \"{text}\" is not an IP address; write {}", source_of.form())]
    Unreadable {
        /// Where it stands.
        source_of: RequestSource,
        /// The text.
        text: String,
    },
    /// There is more of a field than is looked at.
    #[error("{field}: there is more of it than {limit}, and the rest is not looked at; shorten it")]
    TooMuch {
        /// The field.
        field: &'static str,
        /// How much is looked at.
        limit: &'static str,
    },
    /// The addresses do not go together.
    #[error("{}: {list}", RequestSource::Annotation)]
    List {
        /// What is wrong with them.
        list: RequestedError,
    },
}

/// The two places a service can request addresses in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestSource {
    /// The annotation `metallb.io/loadBalancerIPs`.
    Annotation,
    /// The deprecated field `spec.loadBalancerIP`.
    Field,
}

impl RequestSource {
    /// Says what is to be written there.
    fn form(self) -> &'static str {
        match self {
            Self::Annotation => "addresses separated by commas",
            Self::Field => {
                "one address, or one of each family into the annotation metallb.io/loadBalancerIPs and nothing here"
            }
        }
    }
}

impl fmt::Display for RequestSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Annotation => "annotation metallb.io/loadBalancerIPs",
            Self::Field => "spec.loadBalancerIP",
        })
    }
}
