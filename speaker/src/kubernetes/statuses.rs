//! ServiceL2Status and ServiceBGPStatus: which node announces a Service, and where, as objects.
//!
//! Each object is written by the node that announces. Of the first kind there is one for a Service: whoever answers for it removes
//! what other nodes wrote, because a node that died cannot. Of the second kind there is one for each node that announces.

mod requests;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use announce::{BgpVerdict, Desired, Mine, ServiceId};
use apiserver::{Collection, ObjectName};
use crds::kinds::GROUP;
use rand::RngExt as _;
use serde::Deserialize;

use crate::advertised::Advertised;
use crate::drivers::LinkObserved;
pub(super) use requests::{Writing, requests};
pub(super) use written::Written;

const NODE: &str = "metallb.io/node";
const SERVICE: &str = "metallb.io/service-name";
const NAMESPACE: &str = "metallb.io/service-namespace";

/// A kind of these objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// ServiceL2Status.
    L2,
    /// ServiceBGPStatus.
    Bgp,
}

/// What an object says, whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Wire")]
pub(super) struct Told {
    /// The node that wrote it.
    pub(super) node: Arc<str>,
    /// The uid of the pod with which it goes.
    pub(super) owner: Option<Arc<str>>,
    /// The Service it is about.
    pub(super) service: ServiceId,
    /// Where the Service is announced, once its status is written.
    pub(super) places: Option<Places>,
    /// Its status is about the node and Service of its labels; one that is not cannot be changed, for these fields never do.
    pub(super) coherent: bool,
}

/// Where a Service is announced: on which links, or to which peers, by name.
pub(super) type Places = BTreeSet<Arc<str>>;

/// A change to the objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Create one, and write its status.
    Create { name: String, service: ServiceId, places: Places },
    /// Write the status of one.
    Update { name: Arc<str>, service: ServiceId, places: Places },
    /// Remove one.
    Delete { name: Arc<str>, service: ServiceId },
}

/// An object as the server sends it.
#[derive(Deserialize)]
struct Wire {
    metadata: WireMetadata,
    #[serde(default)]
    status: Option<WireStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMetadata {
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    owner_references: Vec<WireOwner>,
}

#[derive(Deserialize)]
struct WireOwner {
    uid: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireStatus {
    node: Option<String>,
    service_name: Option<String>,
    service_namespace: Option<String>,
    #[serde(default)]
    interfaces: Option<Vec<WireInterface>>,
    #[serde(default)]
    peers: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct WireInterface {
    #[serde(default)]
    name: String,
}

impl From<Wire> for Told {
    fn from(Wire { metadata, status }: Wire) -> Self {
        let label = |key: &str| metadata.labels.get(key).map(String::as_str).unwrap_or_default();
        let said = |status: &WireStatus| {
            let WireStatus { node, service_name, service_namespace, .. } = status;
            [(node.clone(), NODE), (service_name.clone(), SERVICE), (service_namespace.clone(), NAMESPACE)]
        };
        let agrees = |status: &WireStatus| {
            said(status).iter().all(|(said, key)| said.as_deref().is_none_or(|said| said == label(key)))
        };
        let coherent = status.as_ref().is_none_or(agrees);
        let complete = |status: &WireStatus| said(status).iter().all(|(said, _)| said.is_some());
        let places = status.filter(complete).map(|status| {
            let links = status.interfaces.into_iter().flatten().map(|interface| interface.name);
            links.chain(status.peers.into_iter().flatten()).map(Into::into).collect()
        });
        Self {
            node: label(NODE).into(),
            owner: metadata.owner_references.first().map(|owner| owner.uid.as_str().into()),
            service: ServiceId::new(label(NAMESPACE), label(SERVICE)),
            places,
            coherent,
        }
    }
}

impl Kind {
    /// Returns the word for the protocol in events and metrics.
    pub(super) const fn protocol(self) -> &'static str {
        match self {
            Self::L2 => "layer2",
            Self::Bgp => "bgp",
        }
    }

    /// Returns the objects to look at; those of other nodes only where this node may have to remove them.
    pub(super) fn collection(self, namespace: &str, me: &str) -> Collection {
        let all = Collection::within(namespace, &format!("{GROUP}/v1beta1"), self.plural());
        match self {
            Self::L2 => all,
            Self::Bgp => all.labels(&format!("{NODE}={me}")),
        }
    }

    /// Returns the kind's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::L2 => "ServiceL2Status",
            Self::Bgp => "ServiceBGPStatus",
        }
    }

    /// Returns the kind's name in paths.
    const fn plural(self) -> &'static str {
        match self {
            Self::L2 => "servicel2statuses",
            Self::Bgp => "servicebgpstatuses",
        }
    }

    /// Returns what the names of the objects begin with.
    const fn prefix(self) -> &'static str {
        match self {
            Self::L2 => "l2-",
            Self::Bgp => "bgp-",
        }
    }

    /// Returns a name as the server would make it from `generateName`; made here, the status can be written without reading it back.
    pub(super) fn random_name(self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut random = rand::rng();
        let letters = (0..8).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())]));
        self.prefix().chars().chain(letters).collect()
    }
}

/// What this node does for Services by one protocol at this moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Situation {
    /// What it announces.
    pub(super) announced: BTreeMap<ServiceId, Announced>,
    /// What it would announce as well, were the wire or a session ready; nobody else was seen to.
    pub(super) willing: BTreeSet<ServiceId>,
}

/// Whose word this node cannot judge: nodes that the API server calls Ready, less those that were ever heard on each link: they may well answer on another wire.
///
/// The word of a node that is gone must be removed by somebody else, and so must that of one that only seems to live.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Strangers {
    ready: Arc<BTreeSet<Arc<str>>>,
    heard: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl Strangers {
    /// Takes in who is Ready and who is heard now.
    pub(super) fn update(&mut self, ready: &Arc<BTreeSet<Arc<str>>>, links: &[LinkObserved]) {
        self.ready = ready.clone();
        // Only the word of a node that is Ready is ever judged, and only of links that there are.
        let served: BTreeSet<&str> = links.iter().map(|link| link.name.as_str()).collect();
        self.heard.retain(|link, _| served.contains(&**link));
        self.heard.values_mut().for_each(|nodes| nodes.retain(|node| ready.contains(node)));
        for link in links {
            let names = link.members.iter().map(|member| member.member.node.to_string());
            self.heard.entry(link.name.as_str().into()).or_default().extend(names.map(Arc::from));
        }
    }

    /// Says whether a node may answer where none of these links leads.
    fn includes(&self, node: &str, links: &Places) -> bool {
        let heard = |link: &Arc<str>| self.heard.get(link).is_some_and(|nodes| nodes.contains(node));
        self.ready.contains(node) && !links.iter().any(heard)
    }
}

/// Who announces a Service, as this node knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Announced {
    /// Where this node announces it; never empty.
    pub(super) places: Places,
    /// The other nodes that answer for an address of the Service: of another family, or on another link.
    pub(super) others: BTreeSet<Arc<str>>,
}

impl Situation {
    /// Returns what this node answers for by ARP and NDP.
    pub(super) fn on_links(me: &str, desired: &Desired, links: &[LinkObserved]) -> Self {
        let services = |vip: &IpAddr| desired.l2.get(vip).map(|plan| plan.services.as_slice()).unwrap_or_default();
        let mut announced: BTreeMap<ServiceId, Announced> = BTreeMap::new();
        for link in links {
            let name: Arc<str> = link.name.as_str().into();
            for service in link.answering.iter().flat_map(services) {
                announced.entry(service.clone()).or_default().places.insert(name.clone());
            }
        }
        let eligible = desired.l2.values().filter(|plan| !matches!(plan.mine, Mine::Ineligible(_)));
        let mut willing: BTreeSet<ServiceId> = eligible.flat_map(|plan| plan.services.iter().cloned()).collect();
        for (vip, owner) in links.iter().flat_map(|link| &link.owners) {
            let Some(owner) = owner.as_ref().map(|owner| owner.node.to_string()).filter(|owner| owner != me) else {
                continue;
            };
            for service in services(vip) {
                willing.remove(service);
                if let Some(announced) = announced.get_mut(service) {
                    announced.others.insert(owner.as_str().into());
                }
            }
        }
        Self { announced, willing }
    }

    /// Returns what this node has told routers.
    pub(super) fn with_routers(desired: &Desired, advertised: &Advertised) -> Self {
        let peers = advertised.iter().map(|(service, told)| {
            let places = told.values().flatten().map(|peer| peer.0.clone()).collect();
            (service.clone(), Announced { places, others: BTreeSet::new() })
        });
        let stays = |verdict: &BgpVerdict| matches!(verdict.mine, Mine::Eligible) && !verdict.peers.is_empty();
        let willing = desired.services.iter().filter(|(_, verdict)| stays(&verdict.bgp));
        Self { announced: peers.collect(), willing: willing.map(|(service, _)| service.clone()).collect() }
    }
}

/// Who compares, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Author<'a> {
    /// This node.
    pub(super) node: &'a str,
    /// The uid of its pod; what a former pod wrote would vanish with that.
    pub(super) pod: Option<&'a str>,
    /// The process has just started: what it wrote before is not called wrong while the wires and sessions come up.
    pub(super) starting: bool,
}

impl Action {
    /// Returns the Service that it is about.
    pub(super) fn service(&self) -> &ServiceId {
        match self {
            Self::Create { service, .. } | Self::Update { service, .. } | Self::Delete { service, .. } => service,
        }
    }
}

/// Returns what makes the objects say what is so; `name` gives a name to each new one.
pub(super) fn reconcile<'a>(
    me: Author<'_>,
    Situation { announced, willing }: &Situation,
    strangers: &Strangers,
    existing: impl Iterator<Item = (&'a ObjectName, &'a Told)>,
    written: &Written,
    mut name: impl FnMut() -> String,
) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut said: BTreeSet<&ServiceId> = BTreeSet::new();
    for (object, told) in existing {
        let mine = &*told.node == me.node;
        let valid = mine && told.coherent && told.owner.as_deref() == me.pod;
        match announced.get(&told.service) {
            Some(announced) if valid && said.insert(&told.service) => {
                if told.places.as_ref() != Some(&announced.places) && !written.awaits(&told.service) {
                    let (service, places) = (told.service.clone(), announced.places.clone());
                    actions.push(Action::Update { name: object.name.clone(), service, places });
                }
            }
            // True as well: two nodes may answer for the families of a Service, or on wires that do not meet.
            Some(announced) if !mine && announced.others.contains(&told.node) => {}
            Some(announced) if !mine && strangers.includes(&told.node, &announced.places) => {}
            None if !mine || (valid && me.starting && willing.contains(&told.service)) => {}
            Some(_) | None => {
                actions.push(Action::Delete { name: object.name.clone(), service: told.service.clone() });
            }
        }
    }
    for (service, Announced { places, .. }) in announced {
        if !said.contains(service) && !written.awaits(service) {
            actions.push(Action::Create { name: name(), service: service.clone(), places: places.clone() });
        }
    }
    actions
}

#[cfg(test)]
mod tests;
