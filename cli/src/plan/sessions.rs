//! What happens to the sessions with routers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use announce::PeerName;
use crds::checked::{self, PasswordSource, Router};
use crds::core::{Node, Secret};
use serde::Serialize;
use serde_json::{Value, json};
use speaker::net::links::Links;
use speaker::peers::{self, Edit, Effect, PeerDesired, PeerRefused, Setting};

use super::side::Side;
use crate::manifests::{Kind, Object, ObjectId};
use crate::standalone::configuration::Cluster;

/// What happens to the sessions of a peer on some nodes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct SessionChange {
    pub(super) peer: String,
    /// The nodes; empty where no Node is known, and it is the same for all.
    pub(super) nodes: Vec<String>,
    pub(super) change: Change,
    /// The fields that are the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) fields: Vec<String>,
    /// The fields that wait for the next session, whenever it comes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) later: Vec<String>,
}

/// What happens to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Change {
    /// It goes on.
    Unchanged,
    /// It goes on, and takes over new settings.
    Updated,
    /// It is closed, and another one opened.
    Reopened,
    /// It is new.
    Opened,
    /// It ends.
    Closed,
    /// The labels of nodes decide, and no Node is known.
    UpToNodes,
}

impl Change {
    /// Says whether a session ends, or may end.
    pub(super) fn disrupts(self) -> bool {
        match self {
            Self::Reopened | Self::Closed | Self::UpToNodes => true,
            Self::Unchanged | Self::Updated | Self::Opened => false,
        }
    }
}

/// The sessions of one node, or why there is none.
type Sessions = BTreeMap<PeerName, Result<Arc<PeerDesired>, PeerRefused>>;

/// What happened to one session, apart from where.
type Outcome = (Change, Vec<String>, Vec<String>);

/// Returns what happens to the sessions of every peer, and reports the peers that can have none.
pub(super) fn changes(
    old: Option<&Side>,
    new: &Side,
    faults: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Vec<SessionChange> {
    let passwords = Passwords::of(old, new);
    notes.extend(passwords.note());
    let (clusters, nodes) = ((old.map(Side::cluster), new.cluster()), names(old, new));
    let (was, is) = (clusters.0.as_ref(), &clusters.1);
    let mut outcomes: BTreeMap<(PeerName, Outcome), Vec<String>> = BTreeMap::new();
    let mut refused = BTreeSet::new();
    // What is written is the same for every node.
    let mut edited: BTreeMap<PeerName, BTreeSet<String>> = BTreeMap::new();
    for name in nodes.iter().map(|name| Some(name.as_str())).chain(nodes.is_empty().then_some(None)) {
        let before = old.zip(was).map(|(old, was)| sessions(old, was, is, name, &passwords)).unwrap_or_default();
        let after = sessions(new, is, was.unwrap_or(is), name, &passwords);
        refused.extend(after.values().filter_map(|peer| peer.as_ref().err()).map(ToString::to_string));
        for peer in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            let fields = edited
                .entry(peer.clone())
                .or_insert_with(|| old.map(|old| edited_fields(old, new, peer)).unwrap_or_default());
            let Some(mut outcome) = outcome(before.get(peer), after.get(peer), fields) else { continue };
            if let Some(rival) = rival(peer, &before, &after).filter(|_| !outcome.0.disrupts()) {
                outcome = (Change::Reopened, vec![format!("routers that {rival} names more closely")], Vec::new());
            }
            if name.is_none() && outcome.0 != Change::Opened && fields.contains("nodeSelectors") {
                outcome = (Change::UpToNodes, vec!["nodeSelectors".to_owned()], Vec::new());
            }
            outcomes.entry((peer.clone(), outcome)).or_default().extend(name.map(str::to_owned));
        }
    }
    faults.extend(refused);
    let change = |((peer, (change, fields, later)), nodes): ((PeerName, Outcome), _)| SessionChange {
        peer: peer.to_string(),
        nodes,
        change,
        fields,
        later,
    };
    outcomes.into_iter().map(change).collect()
}

fn outcome(
    before: Option<&Result<Arc<PeerDesired>, PeerRefused>>,
    after: Option<&Result<Arc<PeerDesired>, PeerRefused>>,
    edited: &BTreeSet<String>,
) -> Option<Outcome> {
    let alone = |change| Some((change, Vec::new(), Vec::new()));
    match (before, after) {
        (None | Some(Err(_)), Some(Ok(_))) => alone(Change::Opened),
        (Some(Ok(_)), None) => alone(Change::Closed),
        // A peer with a fault keeps the session it has.
        (Some(Ok(_)), Some(Err(_))) => alone(Change::Unchanged),
        (None | Some(Err(_)), None | Some(Err(_))) => None,
        (Some(Ok(before)), Some(Ok(after))) => Some(edit(&Edit::between(before, after, None), edited)),
    }
}

/// Returns a new peer that names routers which the peer of a prefix has let in so far, and so takes their sessions over.
fn rival<'a>(peer: &PeerName, before: &Sessions, after: &'a Sessions) -> Option<&'a PeerName> {
    let place = |sessions: &Sessions, name: &PeerName| match sessions.get(name)? {
        Ok(peer) => Some((peer.router.clone(), peer.vrf.clone())),
        Err(refused) => Some((refused.router.clone(), refused.vrf.clone())),
    };
    let (Router::Prefix(network), vrf) = place(before, peer)? else { return None };
    let is_closer = |router: &Router| match router {
        Router::Address(address) => network.contains(address),
        Router::Prefix(inner) => network.contains(inner) && inner.prefix_len() > network.prefix_len(),
        Router::Interface(_) => false,
    };
    let takes = |sessions: &Sessions, name: &PeerName| {
        place(sessions, name).is_some_and(|(router, its)| its == vrf && is_closer(&router))
    };
    after.keys().find(|name| takes(after, name) && !takes(before, name))
}

fn edit(edit: &Edit, edited: &BTreeSet<String>) -> Outcome {
    let fields = |effect| fields(edit.with(effect), edited);
    let later = fields(Effect::NextSession);
    if edit.ends_session() {
        return (Change::Reopened, fields(Effect::NewSession), Vec::new());
    }
    let now = fields(Effect::AtOnce);
    let change = if now.is_empty() && later.is_empty() { Change::Unchanged } else { Change::Updated };
    (change, now, later)
}

/// Names settings by the fields that were edited, and those that were edited elsewhere by themselves.
fn fields(settings: impl Iterator<Item = Setting>, edited: &BTreeSet<String>) -> Vec<String> {
    let mut named = BTreeSet::new();
    for setting in settings {
        let fields: Vec<&str> = setting.fields().iter().copied().filter(|field| edited.contains(*field)).collect();
        match fields.as_slice() {
            [] => named.extend([setting.to_string()]),
            fields => named.extend(fields.iter().map(|field| (*field).to_owned())),
        }
    }
    named.into_iter().collect()
}

/// Returns the fields of the `spec` of a peer that are written in another way.
fn edited_fields(old: &Side, new: &Side, peer: &PeerName) -> BTreeSet<String> {
    let (before, after) = (specification(old, peer), specification(new, peer));
    let fields = |spec: &Value| spec.as_object().into_iter().flat_map(|fields| fields.keys()).cloned().collect();
    let named: BTreeSet<String> =
        [&before, &after].into_iter().flat_map(|spec| -> Vec<String> { fields(spec) }).collect();
    named.into_iter().filter(|field| before.get(field) != after.get(field)).collect()
}

fn specification(side: &Side, peer: &PeerName) -> Value {
    let id = ObjectId { kind: Kind::BgpPeer, namespace: Some(side.namespace.clone()), name: peer.to_string() };
    match side.loaded.objects.get(&id).map(|manifest| &*manifest.object) {
        Some(Object::BgpPeer(peer)) => serde_json::to_value(&peer.spec).unwrap_or_default(),
        Some(_) | None => Value::Null,
    }
}

/// Returns the names of all nodes of both sides.
fn names(old: Option<&Side>, new: &Side) -> BTreeSet<String> {
    let names = |side: &Side| side.cluster().nodes.iter().map(|node| node.metadata.name.clone()).collect::<Vec<_>>();
    old.into_iter().chain([new]).flat_map(names).collect()
}

/// Returns the sessions that a node of one side has.
fn sessions(
    side: &Side,
    cluster: &Cluster<'_>,
    other: &Cluster<'_>,
    name: Option<&str>,
    passwords: &Passwords,
) -> Sessions {
    let mut config = Cow::Borrowed(&side.compiled.config);
    let find = |nodes: &[&Node]| -> Option<Node> {
        nodes.iter().find(|node| Some(node.metadata.name.as_str()) == name).map(|node| (*node).clone())
    };
    let node = find(&cluster.nodes);
    match name {
        Some(_) if node.is_none() => return Sessions::new(),
        Some(_) => {}
        // Without any node, one that every selector matches stands for all.
        None => config.to_mut().peers.values_mut().for_each(|peer| peer.node_selectors.clear()),
    }
    // A speaker keeps the identifier it began with, so both sides have the same.
    let first = find(&other.nodes).or_else(|| node.clone());
    let router_id = peers::default_router_id(name.unwrap_or_default(), first.as_ref(), &Links::new());
    let secrets: Vec<&Secret> = cluster.secrets.iter().copied().chain(&passwords.assumed).collect();
    let namespace = &side.namespace;
    peers::Inputs { config: &config, node: node.as_ref(), secrets: &secrets, namespace, router_id }.peers()
}

/// The Secrets that peers name, where no Secret at all is among the manifests.
struct Passwords {
    assumed: Vec<Secret>,
    names: BTreeSet<String>,
}

impl Passwords {
    fn of(old: Option<&Side>, new: &Side) -> Self {
        let sides: Vec<&Side> = old.into_iter().chain([new]).collect();
        let mut names = BTreeSet::new();
        if sides.iter().all(|side| side.cluster().secrets.is_empty()) {
            let peers = sides.iter().flat_map(|side| side.compiled.config.peers.values());
            names.extend(peers.filter_map(secret_of));
        }
        let secret = |name: &String| {
            serde_json::from_value(json!({
                "metadata": {"name": name, "namespace": new.namespace},
                "type": "kubernetes.io/basic-auth",
                "stringData": {"password": "assumed"},
            }))
            .expect("a Secret is made of these fields")
        };
        Self { assumed: names.iter().map(secret).collect(), names }
    }

    fn note(&self) -> Option<String> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let text = || {
            format!(
                "no Secret is among the manifests, so these are taken to be there and unchanged: {}",
                names.join(", ")
            )
        };
        (!names.is_empty()).then(text)
    }
}

fn secret_of(peer: &checked::Peer) -> Option<String> {
    match &peer.password {
        Some(PasswordSource::Secret(name)) => Some(name.clone()),
        Some(PasswordSource::Inline(_)) | None => None,
    }
}
