//! The manifests, sorted into configuration and the state of the cluster.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

use crds::checked::{self, Compiled, Nodes, PasswordSource, Written};
use crds::fault::{Fault, ObjectRef, Problem};
use crds::{annotations, core, kinds};
use ipnet::IpNet;
use speaker::roster::Neighbour;
use speaker::view;

use crate::manifests::{Kind, Loaded, Manifest, Object, ObjectId};

/// Kubernetes' own objects, sorted by kind.
#[derive(Debug, Default)]
pub(crate) struct Cluster<'a> {
    /// Services.
    pub services: Vec<&'a core::Service>,
    /// EndpointSlices.
    pub slices: Vec<&'a core::EndpointSlice>,
    /// Nodes.
    pub nodes: Vec<&'a core::Node>,
    /// Namespaces, also those that are only named by an object in them.
    pub namespaces: Vec<Cow<'a, core::Namespace>>,
    /// Secrets.
    pub secrets: Vec<&'a core::Secret>,
    /// The pools as they are written, right or not.
    pub pools: Vec<&'a kinds::IpAddressPool>,
}

impl<'a> Cluster<'a> {
    /// Sorts the objects that are not configuration.
    pub(crate) fn of(loaded: &'a Loaded) -> Self {
        let mut cluster = Self::default();
        for manifest in loaded.objects.values() {
            match &*manifest.object {
                Object::Service(service) => cluster.services.push(service),
                Object::EndpointSlice(slice) => cluster.slices.push(slice),
                Object::Node(node) => cluster.nodes.push(node),
                Object::Namespace(namespace) => cluster.namespaces.push(Cow::Borrowed(namespace)),
                Object::Secret(secret) => cluster.secrets.push(secret),
                Object::IpAddressPool(pool) => cluster.pools.push(pool),
                Object::L2Advertisement(_)
                | Object::BgpAdvertisement(_)
                | Object::BgpPeer(_)
                | Object::BfdProfile(_)
                | Object::Community(_) => {}
            }
        }
        cluster.namespaces.extend(unwritten_namespaces(&cluster));
        cluster
    }

    /// Returns the labels of the nodes.
    pub(crate) fn labels(&self) -> Nodes {
        self.nodes.iter().map(|node| (node.metadata.name.clone(), node.metadata.labels.clone())).collect()
    }

    /// Returns the addresses under which the nodes reach each other.
    pub(crate) fn internal_addresses(&self) -> Vec<IpAddr> {
        self.nodes.iter().flat_map(|node| addresses_of(node)).collect()
    }
}

/// Returns the namespaces of Services that no manifest describes: in a cluster they exist, or the Services could not.
fn unwritten_namespaces<'a>(cluster: &Cluster<'a>) -> Vec<Cow<'a, core::Namespace>> {
    let written: BTreeSet<&str> = cluster.namespaces.iter().map(|namespace| namespace.metadata.name.as_str()).collect();
    let named: BTreeSet<&str> =
        cluster.services.iter().filter_map(|service| service.metadata.namespace.as_deref()).collect();
    named.difference(&written).map(|name| Cow::Owned(core::Namespace::named(name))).collect()
}

fn addresses_of(node: &core::Node) -> impl Iterator<Item = IpAddr> + '_ {
    let internal = node.status.addresses.iter().filter(|address| address.kind == "InternalIP");
    internal.filter_map(|address| address.address.parse().ok())
}

/// Returns the hosts beside `me` that send heartbeats where they have addresses: those that an L2Advertisement selects.
pub(crate) fn neighbours(nodes: &[&core::Node], me: &str, view: &announce::View) -> Vec<Neighbour> {
    let selected = |node: &&&core::Node| {
        let name = announce::NodeName::from(node.metadata.name.as_str());
        view.l2_advertisements.values().any(|advertisement| advertisement.nodes.contains(&name))
    };
    let others = nodes.iter().filter(|node| node.metadata.name != me).filter(selected);
    let neighbour = |node: &&core::Node| Neighbour {
        node: node.metadata.name.as_str().into(),
        ready: view::is_ready(node),
        places: addresses_of(node).map(IpNet::from).collect(),
    };
    others.map(neighbour).collect()
}

/// Returns the configuration objects among the manifests.
pub(crate) fn written(loaded: &Loaded) -> Written {
    let mut written = Written::default();
    for manifest in loaded.objects.values() {
        match &*manifest.object {
            Object::IpAddressPool(pool) => checked::add(&mut written.pools, pool.clone()),
            Object::L2Advertisement(it) => checked::add(&mut written.l2_advertisements, it.clone()),
            Object::BgpAdvertisement(it) => checked::add(&mut written.bgp_advertisements, it.clone()),
            Object::BgpPeer(peer) => checked::add(&mut written.peers, peer.clone()),
            Object::BfdProfile(profile) => checked::add(&mut written.bfd_profiles, profile.clone()),
            Object::Community(community) => checked::add(&mut written.communities, community.clone()),
            Object::Service(_)
            | Object::EndpointSlice(_)
            | Object::Node(_)
            | Object::Namespace(_)
            | Object::Secret(_) => {}
        }
    }
    written
}

/// Returns the fault with the file and line of the field it is about.
pub(crate) fn placed(fault: &Fault, compiled: &Compiled, loaded: &Loaded) -> String {
    let Some(id) = id_of(&fault.object) else { return fault.to_string() };
    let kept = if compiled.kept.contains(&fault.object) { " (its last good version stays in effect)" } else { "" };
    match loaded.objects.get(&id) {
        Some(manifest) => format!("{}: {fault}{kept}", manifest.place_of(fault.field.as_str())),
        None => format!("{fault}{kept}"),
    }
}

/// Returns what somebody may have meant otherwise in Kubernetes' own objects, with file and line.
pub(crate) fn notes(loaded: &Loaded, compiled: &Compiled) -> Vec<String> {
    let secrets: BTreeSet<&str> = compiled.config.peers.values().filter_map(secret_of).collect();
    let note = |(id, manifest): (&ObjectId, &Manifest)| -> Vec<String> {
        let found = match &*manifest.object {
            Object::Service(service) => annotations::unread(&service.metadata.annotations),
            Object::Secret(secret) if secrets.contains(id.name.as_str()) => {
                let ends = secret.value("password").is_some_and(|password| password.ends_with(b"\n"));
                let text =
                    || format!("password: {}; {}", Problem::PasswordLineBreak, Problem::PasswordLineBreak.next_step());
                ends.then(text).into_iter().collect()
            }
            Object::Secret(_)
            | Object::EndpointSlice(_)
            | Object::Node(_)
            | Object::Namespace(_)
            | Object::IpAddressPool(_)
            | Object::L2Advertisement(_)
            | Object::BgpAdvertisement(_)
            | Object::BgpPeer(_)
            | Object::BfdProfile(_)
            | Object::Community(_) => Vec::new(),
        };
        found.into_iter().map(|text| format!("{}: {id}: {text}", manifest.place)).collect()
    };
    loaded.objects.iter().flat_map(note).collect()
}

/// Returns the Secret that has the password of a peer.
fn secret_of(peer: &checked::Peer) -> Option<&str> {
    match peer.password.as_ref()? {
        PasswordSource::Secret(name) => Some(name),
        PasswordSource::Inline(_) => None,
    }
}

/// Returns the id under which the manifests know the object of a fault.
fn id_of(object: &ObjectRef) -> Option<ObjectId> {
    let kind = match object.kind.as_str() {
        "IPAddressPool" => Kind::IpAddressPool,
        "L2Advertisement" => Kind::L2Advertisement,
        "BGPAdvertisement" => Kind::BgpAdvertisement,
        "BGPPeer" => Kind::BgpPeer,
        "BFDProfile" => Kind::BfdProfile,
        "Community" => Kind::Community,
        _ => return None,
    };
    Some(ObjectId { kind, namespace: Some(object.namespace.clone()), name: object.name.clone() })
}

#[cfg(test)]
mod tests;
