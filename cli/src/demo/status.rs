//! What a speaker says about itself at `/status`, as far as the demo and the lab read it.

use std::net::IpAddr;

use serde::Deserialize;

/// The status of one node.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// The node.
    pub node: String,
    /// Every Service with its allocation.
    #[serde(default)]
    pub services: Vec<Service>,
    /// Every address this node knows, once per link.
    #[serde(default)]
    pub vips: Vec<Vip>,
    /// Every other speaker heard.
    #[serde(default)]
    pub members: Vec<Member>,
    /// What is wrong with the manifests.
    #[serde(default)]
    pub faults: Vec<String>,
}

/// One Service.
#[derive(Clone, Debug, Deserialize)]
pub struct Service {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The addresses it holds.
    #[serde(default)]
    pub ips: Vec<IpAddr>,
    /// The pool they come from.
    #[serde(default)]
    pub pool: Option<String>,
    /// Whether it has what it asked for.
    pub state: String,
    /// Why not, if not.
    #[serde(default)]
    pub reason: Option<String>,
}

/// One address on one link.
#[derive(Clone, Debug, Deserialize)]
pub struct Vip {
    /// The address.
    pub ip: IpAddr,
    /// The link, by the name of its interface.
    #[serde(default)]
    pub link: Option<String>,
    /// What this node does for it: `owner`, `backup`, `listening` or `none`.
    pub state: String,
    /// The node that answers for it.
    #[serde(default)]
    pub owner: Option<String>,
    /// The Ethernet address that answers for it.
    #[serde(default)]
    pub mac: Option<String>,
    /// Why this node does not answer, if it does not.
    #[serde(default)]
    pub reason: Option<String>,
}

/// One other speaker on one link.
#[derive(Clone, Debug, Deserialize)]
pub struct Member {
    /// The link, by the name of its interface.
    pub link: String,
    /// The node.
    pub node: String,
    /// Whether it is alive.
    pub state: String,
    /// Its Ethernet address.
    #[serde(default)]
    pub mac: Option<String>,
}

impl Status {
    /// Returns the node that answers for `ip` as far as this node knows.
    pub fn owner(&self, ip: IpAddr) -> Option<&str> {
        self.vips.iter().filter(|vip| vip.ip == ip).find_map(|vip| vip.owner.as_deref())
    }

    /// Returns whether this node itself answers for `ip`.
    pub fn owns(&self, ip: IpAddr) -> bool {
        self.vips.iter().any(|vip| vip.ip == ip && vip.state == "owner")
    }
}
