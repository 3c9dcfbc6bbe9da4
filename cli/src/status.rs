//! What one program says of itself at `/status`.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The status of one node, or of one replica of the controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The node; empty for a controller, which has to do with none.
    pub node: String,
    /// What the replica of the controller does, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controller: Option<Controller>,
    /// Every Service with its allocation.
    #[serde(default)]
    pub services: Vec<Service>,
    /// How full every pool is.
    #[serde(default)]
    pub pools: Vec<Pool>,
    /// Every address this node knows, once per link.
    #[serde(default)]
    pub vips: Vec<Vip>,
    /// Every other speaker heard.
    #[serde(default)]
    pub members: Vec<Member>,
    /// Every router this node should have a session with.
    #[serde(default)]
    pub peers: Vec<Peer>,
    /// How the kernel schedules the thread that answers: `realtime`, `nice` or `normal`; empty for a controller.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scheduling: String,
    /// The ids of the keys of the heartbeats, the one that this node seals with first; nodes of one cluster have the same ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heartbeat_keys: Vec<String>,
    /// What is wrong with the manifests or the machine.
    #[serde(default)]
    pub faults: Vec<String>,
    /// What works worse than it could.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// One replica of the controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controller {
    /// Whether it writes, waits for its turn, or does not know yet.
    pub standing: Standing,
    /// Whether it has seen every object since it leads.
    pub listed: bool,
}

/// Whether a replica of the controller leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// The API server has not answered yet.
    Unknown,
    /// Another replica leads, or nobody does.
    Standby,
    /// It leads.
    Leading,
}

/// One pool. The counts are text, since a pool of IPv6 addresses has more than a JSON number holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// The name.
    pub name: String,
    /// Addresses in use.
    pub assigned: String,
    /// Addresses that can still be given.
    pub available: String,
}

/// One Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The peers that this node has told of it, by name.
    #[serde(default)]
    pub peers: Vec<String>,
    /// Whether it has what it asked for.
    pub state: String,
    /// Why not, if not.
    #[serde(default)]
    pub reason: Option<String>,
}

/// One address on one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The Ethernet addresses of the strangers that claim it too, separated by commas, those that claim most first.
    #[serde(default)]
    pub conflict: Option<String>,
    /// Why this node does not answer, if it does not.
    #[serde(default)]
    pub reason: Option<String>,
}

/// One other speaker on one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The IP address it speaks from.
    #[serde(default)]
    pub address: Option<String>,
    /// Milliseconds since it was heard.
    #[serde(default)]
    pub silent_ms: u64,
    /// How many addresses it answers for.
    #[serde(default)]
    pub claims: usize,
    /// Whether it lost its addresses so often that every other node is chosen before it.
    #[serde(default)]
    pub damped: bool,
    /// False if it does not hear this node, although this node hears it.
    #[serde(default)]
    pub hears_us: bool,
}

/// One router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// The name of the BGPPeer.
    pub name: String,
    /// Where the router is, with its port.
    pub router: String,
    /// The state of the session as RFC 4271 names it.
    pub state: String,
    /// How long the session has been established.
    #[serde(default)]
    pub up_seconds: Option<u64>,
    /// Routes the router has.
    #[serde(default)]
    pub announced: usize,
    /// Routes it shall have.
    #[serde(default)]
    pub wanted: usize,
    /// The router's AS number, once it has said it.
    #[serde(default)]
    pub asn: Option<u32>,
    /// The state of the BFD session, where the path is watched.
    #[serde(default)]
    pub bfd: Option<String>,
    /// What both ends of the BFD session agreed on, once the router has been heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bfd_timing: Option<BfdTiming>,
    /// Why there is no session, as far as this node knows by itself.
    #[serde(default)]
    pub fault: Option<String>,
    /// The latest failure; it stays after the next success.
    #[serde(default)]
    pub last_error: Option<String>,
}

/// How closely a path is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BfdTiming {
    /// Milliseconds between our packets, before jitter.
    pub transmit_ms: u64,
    /// Milliseconds for which the router may be silent.
    pub detection_ms: u64,
    /// Echoes that come back are what counts, and the packets above are slow.
    #[serde(default)]
    pub echo: bool,
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
