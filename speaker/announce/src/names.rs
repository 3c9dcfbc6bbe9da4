//! Names of the objects and the protocols a plan speaks about; cheap to clone, ordered by their text.

use std::fmt;
use std::sync::Arc;

/// The name of a Kubernetes Node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeName(pub Arc<str>);

/// The name of an IPAddressPool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PoolName(pub Arc<str>);

/// The name of an L2Advertisement or a BGPAdvertisement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AdvertisementName(pub Arc<str>);

/// The name of a BGPPeer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerName(pub Arc<str>);

/// The name of a network interface, as the kernel and an advertisement spell it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkName(pub Arc<str>);

/// The key of a node taint; its value and effect play no part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaintKey(pub Arc<str>);

/// The namespace and name of a Service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceId {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The name inside the namespace.
    pub name: Arc<str>,
}

impl ServiceId {
    /// Returns the id of the service `namespace/name`.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl From<&str> for NodeName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<&str> for PoolName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<&str> for AdvertisementName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<&str> for PeerName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<&str> for LinkName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<&str> for TaintKey {
    fn from(key: &str) -> Self {
        Self(key.into())
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for AdvertisementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TaintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A way to announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// ARP and NDP.
    L2,
    /// BGP.
    Bgp,
}

impl Protocol {
    /// Returns the kind of object that asks for it.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::L2 => "L2Advertisement",
            Self::Bgp => "BGPAdvertisement",
        }
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::L2 => Self::Bgp,
            Self::Bgp => Self::L2,
        }
    }
}
