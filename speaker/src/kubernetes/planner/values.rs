//! What a plan is made with, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use announce::{Desired, Policy, ServiceId};
use crds::fault::Fault;
use members::ClusterId;

use crate::drivers::{routing, wire};
use crate::exclusion::Exclusion;
use crate::kubernetes::cluster::Updates;
use crate::roster::{Roster, ServedLink};

/// What never changes while the program runs.
#[derive(Debug)]
pub struct Settings {
    /// This node's name, as its Node object has it.
    pub node: String,
    /// The namespace whose custom resources and secrets count.
    pub namespace: String,
    /// The class of Services that is served; empty for those without one.
    pub lb_class: String,
    /// The cluster-wide settings.
    pub policy: Policy,
    /// Links that are left out unless named.
    pub exclusion: Exclusion,
    /// Heartbeats go to the InternalIP addresses of the Nodes instead of multicast groups.
    pub unicast: bool,
    /// Which cluster this is; if not said, that is asked of the API server.
    pub cluster: Option<ClusterId>,
}

/// What the drivers do about it.
#[derive(Debug, Default)]
pub struct Orders {
    /// On the links.
    pub wire: wire::Desired,
    /// With the routers.
    pub routing: routing::Desired,
}

/// What follows from everything that was told.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    /// What has not been listed yet; if there is any, nothing is announced.
    pub unlisted: Vec<&'static str>,
    /// Why the node may announce nothing whatever is planned, in words: its datapath was never ready, or there is no key for the
    /// heartbeats of its links.
    pub closed: Option<String>,
    /// What should be announced, here or on other nodes.
    pub desired: Arc<Desired>,
    /// The ids of the keys of the heartbeats, first the one that is sent with.
    pub heartbeat_keys: Vec<String>,
    /// The nodes that the API server calls Ready.
    pub ready_nodes: Arc<BTreeSet<Arc<str>>>,
    /// The addresses of our pools that Services hold, with the pool of the first.
    pub addresses: Arc<BTreeMap<ServiceId, Arc<Held>>>,
    /// What is wrong with the configuration objects.
    pub faults: Vec<Fault>,
    /// The configuration objects that cannot be read at all, the peers whose Secret or other means is missing, and the key of the
    /// heartbeats if that is, in words.
    pub unreadable: Vec<String>,
    /// What is wrong beside those objects, in words.
    pub troubles: Vec<String>,
    /// What those objects make work worse than it could.
    pub noted: Vec<Fault>,
    /// The uid of this node's Node; empty if there is none.
    pub uid: Box<str>,
    /// The links that carry heartbeats of this node.
    pub served: Arc<[ServedLink]>,
    /// Whose heartbeats should arrive on them.
    pub roster: Arc<Roster>,
    /// How many changes were told before.
    pub updates: Updates,
    /// How many versions of objects were passed over for want of room since they were last listed, by kind and namespace.
    pub passed_over: BTreeMap<(&'static str, Arc<str>), u64>,
    /// How many plans came to no end before.
    pub panics: u64,
}

/// What a Service holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its addresses, in the order of its status.
    pub ips: Vec<IpAddr>,
    /// The pool of the first.
    pub pool: Arc<str>,
    /// The uid of the Service.
    pub uid: Box<str>,
}

impl Planned {
    /// Returns what works worse than it could, in words.
    ///
    /// There may be one for every address, so they are made for who reads them and not with each plan.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        let warnings = self.desired.warnings.iter().map(ToString::to_string);
        warnings.chain(self.noted.iter().map(ToString::to_string))
    }
}
