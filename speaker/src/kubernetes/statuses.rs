//! ServiceL2Status: which node answers for a Service, as an object.
//!
//! Each object is written by the node that answers. Whoever answers removes what other nodes wrote of the Service, because a node
//! that died cannot; a node that no longer answers removes its own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use announce::{Desired, ServiceId};
use apiserver::ObjectName;
use crds::kinds::GROUP;
use kube::core::Request;
use kube::core::params::{DeleteParams, Patch, PatchParams, PostParams};
use rand::RngExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::drivers::LinkObserved;

const NODE: &str = "metallb.io/node";
const SERVICE: &str = "metallb.io/service-name";
const NAMESPACE: &str = "metallb.io/service-namespace";

/// What the names of our objects begin with.
const PREFIX: &str = "l2-";

/// How long a write that was not seen back keeps another one of the same Service from being sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an object says, whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Wire")]
pub(super) struct Told {
    /// The node that wrote it.
    pub(super) node: Arc<str>,
    /// The Service it is about.
    pub(super) service: ServiceId,
    /// The links, once its status is written.
    pub(super) links: Option<Links>,
}

/// The links that a Service is answered for on, by name.
pub(super) type Links = BTreeSet<Arc<str>>;

/// A change to the objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Create one, and write its status.
    Create { name: String, service: ServiceId, links: Links },
    /// Write the status of one.
    Update { name: Arc<str>, service: ServiceId, links: Links },
    /// Remove one.
    Delete { name: Arc<str> },
}

/// An object as the server sends it.
#[derive(Deserialize)]
struct Wire {
    metadata: WireMetadata,
    #[serde(default)]
    status: Option<WireStatus>,
}

#[derive(Deserialize)]
struct WireMetadata {
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct WireStatus {
    node: Option<String>,
    #[serde(default)]
    interfaces: Option<Vec<WireInterface>>,
}

#[derive(Deserialize)]
struct WireInterface {
    #[serde(default)]
    name: String,
}

impl From<Wire> for Told {
    fn from(Wire { metadata, status }: Wire) -> Self {
        let label = |key: &str| metadata.labels.get(key).map(String::as_str).unwrap_or_default();
        let links = status.filter(|status| status.node.is_some()).map(|status| {
            let interfaces = status.interfaces.unwrap_or_default();
            interfaces.into_iter().map(|interface| interface.name.into()).collect()
        });
        Self { node: label(NODE).into(), service: ServiceId::new(label(NAMESPACE), label(SERVICE)), links }
    }
}

/// Who answers for a Service at this moment, as this node knows from the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answered {
    /// The links on which this node answers; never empty.
    pub(super) links: Links,
    /// The other nodes that answer for an address of the Service: of another family, or on another link.
    pub(super) others: BTreeSet<Arc<str>>,
}

/// Returns the Services that this node answers for at this moment.
pub(super) fn answered(me: &str, desired: &Desired, links: &[LinkObserved]) -> BTreeMap<ServiceId, Answered> {
    let services = |vip: &IpAddr| desired.l2.get(vip).map(|plan| plan.services.as_slice()).unwrap_or_default();
    let mut answered: BTreeMap<ServiceId, Answered> = BTreeMap::new();
    for link in links {
        let name: Arc<str> = link.name.as_str().into();
        for service in link.answering.iter().flat_map(services) {
            answered.entry(service.clone()).or_default().links.insert(name.clone());
        }
    }
    for (vip, owner) in links.iter().flat_map(|link| &link.owners) {
        let Some(owner) = owner.as_ref().map(|owner| owner.node.to_string()).filter(|owner| owner != me) else {
            continue;
        };
        for service in services(vip) {
            if let Some(answered) = answered.get_mut(service) {
                answered.others.insert(owner.as_str().into());
            }
        }
    }
    answered
}

/// Writes that were sent and not seen back: a second object of the same Service would be one too many.
#[derive(Debug, Default)]
pub(super) struct Unseen(BTreeMap<ServiceId, (String, Instant)>);

impl Unseen {
    /// Forgets what has been seen, and what was waited for long enough.
    pub(super) fn settle(&mut self, now: Instant, seen: impl Fn(&str) -> bool) {
        self.0.retain(|_, (name, sent)| !seen(name) && now.duration_since(*sent) < PATIENCE);
    }

    /// Returns when the first write has been waited for long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.values().map(|(_, sent)| *sent + PATIENCE).min()
    }

    /// Remembers what is about to be sent.
    pub(super) fn send(&mut self, now: Instant, actions: &[Action]) {
        for action in actions {
            if let Action::Create { name, service, .. } = action {
                self.0.insert(service.clone(), (name.clone(), now));
            }
        }
    }
}

/// Returns a name as the server would make it from `generateName`; made here, the status can be written without reading it back.
pub(super) fn random_name() -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut random = rand::rng();
    let letters = (0..8).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())]));
    PREFIX.chars().chain(letters).collect()
}

/// Returns what makes the objects say what is so; `name` gives a name to each new one.
pub(super) fn reconcile<'a>(
    me: &str,
    answered: &BTreeMap<ServiceId, Answered>,
    existing: impl Iterator<Item = (&'a ObjectName, &'a Told)>,
    unseen: &Unseen,
    mut name: impl FnMut() -> String,
) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut said: BTreeSet<&ServiceId> = BTreeSet::new();
    for (object, told) in existing {
        let mine = &*told.node == me;
        match answered.get(&told.service) {
            Some(answered) if mine && said.insert(&told.service) => {
                if told.links.as_ref() != Some(&answered.links) {
                    let (service, links) = (told.service.clone(), answered.links.clone());
                    actions.push(Action::Update { name: object.name.clone(), service, links });
                }
            }
            // True as well: the families of a Service may be answered by two nodes.
            Some(answered) if answered.others.contains(&told.node) => {}
            None if !mine => {}
            Some(_) | None => actions.push(Action::Delete { name: object.name.clone() }),
        }
    }
    for (service, Answered { links, .. }) in answered {
        if !said.contains(service) && !unseen.0.contains_key(service) {
            actions.push(Action::Create { name: name(), service: service.clone(), links: links.clone() });
        }
    }
    actions
}

/// Returns the requests that carry an action out, in their order.
pub(super) fn requests(
    action: &Action,
    namespace: &str,
    node: &str,
    owner: Option<&(String, String)>,
) -> Result<Vec<http::Request<Vec<u8>>>, kube::core::request::Error> {
    let path = format!("/apis/{GROUP}/v1beta1/namespaces/{namespace}/servicel2statuses");
    let request = Request::new(path);
    let status = |name: &str, service: &ServiceId, links: &Links| {
        let interfaces: Vec<Value> = links.iter().map(|link| json!({ "name": **link })).collect();
        let status = json!({
            "status": {
                "node": node,
                "serviceName": *service.name,
                "serviceNamespace": *service.namespace,
                "interfaces": interfaces,
            }
        });
        request.patch_subresource("status", name, &PatchParams::default(), &Patch::Merge(status))
    };
    match action {
        Action::Create { name, service, links } => {
            let reference =
                |(name, uid): &(String, String)| json!({ "apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid });
            let object = json!({
                "apiVersion": format!("{GROUP}/v1beta1"),
                "kind": "ServiceL2Status",
                "metadata": {
                    "name": name,
                    "generateName": PREFIX,
                    "labels": { NODE: node, SERVICE: *service.name, NAMESPACE: *service.namespace },
                    "ownerReferences": owner.map(reference).into_iter().collect::<Vec<Value>>(),
                },
            });
            let create = request.create(&PostParams::default(), object.to_string().into_bytes())?;
            Ok(vec![create, status(name, service, links)?])
        }
        Action::Update { name, service, links } => Ok(vec![status(name, service, links)?]),
        Action::Delete { name } => Ok(vec![request.delete(name, &DeleteParams::default())?]),
    }
}

#[cfg(test)]
mod tests;
