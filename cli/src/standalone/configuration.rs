//! The configuration that takes effect, with the last good version of an object that went bad.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crds::checked::{Config, Nodes, Objects};
use crds::core;
use crds::fault::{Fault, ObjectRef, Severity};
use crds::kinds::{BfdProfile, BgpAdvertisement, BgpPeer, Community, IpAddressPool, L2Advertisement};

use crate::manifests::{Kind, Loaded, Object, ObjectId};

/// Kubernetes' own objects, sorted by kind.
#[derive(Debug, Default)]
pub(super) struct Cluster<'a> {
    /// Services.
    pub services: Vec<&'a core::Service>,
    /// EndpointSlices.
    pub slices: Vec<&'a core::EndpointSlice>,
    /// Nodes.
    pub nodes: Vec<&'a core::Node>,
    /// Namespaces.
    pub namespaces: Vec<&'a core::Namespace>,
    /// Secrets.
    pub secrets: Vec<&'a core::Secret>,
}

/// Compiles custom resources, and remembers the last good version of each.
#[derive(Debug, Default)]
pub(super) struct Compiler {
    good: BTreeMap<ObjectId, Arc<Object>>,
}

/// What a compilation gives.
#[derive(Debug, Default)]
pub(super) struct Compiled {
    /// What takes effect.
    pub config: Config,
    /// What is wrong with the objects as written, also where an earlier version of one stays in effect.
    pub faults: Vec<Fault>,
    /// The objects that stay in effect as they were before they went bad.
    pub kept: BTreeSet<ObjectId>,
}

impl<'a> Cluster<'a> {
    /// Sorts the objects that are not configuration.
    pub(super) fn of(loaded: &'a Loaded) -> Self {
        let mut cluster = Self::default();
        for manifest in loaded.objects.values() {
            match &*manifest.object {
                Object::Service(service) => cluster.services.push(service),
                Object::EndpointSlice(slice) => cluster.slices.push(slice),
                Object::Node(node) => cluster.nodes.push(node),
                Object::Namespace(namespace) => cluster.namespaces.push(namespace),
                Object::Secret(secret) => cluster.secrets.push(secret),
                Object::IpAddressPool(_)
                | Object::L2Advertisement(_)
                | Object::BgpAdvertisement(_)
                | Object::BgpPeer(_)
                | Object::BfdProfile(_)
                | Object::Community(_) => {}
            }
        }
        cluster
    }

    /// Returns the addresses under which the nodes reach each other.
    pub(super) fn internal_addresses(&self) -> Vec<IpAddr> {
        let addresses = self.nodes.iter().flat_map(|node| &node.status.addresses);
        let internal = addresses.filter(|address| address.kind == "InternalIP");
        internal.filter_map(|address| address.address.parse().ok()).collect()
    }
}

impl Compiler {
    /// Compiles the custom resources of `namespace`.
    ///
    /// An object that was good before and is bad now stays in effect as it was, so that a slip of the hand withdraws nothing.
    pub(super) fn compile(&mut self, loaded: &Loaded, nodes: &Nodes, namespace: &str) -> Compiled {
        let written: BTreeMap<ObjectId, Arc<Object>> = loaded
            .objects
            .iter()
            .filter(|(id, _)| is_configuration(id.kind))
            .map(|(id, manifest)| (id.clone(), manifest.object.clone()))
            .collect();
        let (mut config, faults) = compile(&written, nodes, namespace);
        let mut in_effect = written;
        let mut kept = BTreeSet::new();
        let mut bad = refused(&faults);
        // Each round replaces at least one more object by its earlier version, so this ends.
        while let Some(id) = bad.iter().find(|id| !kept.contains(*id) && self.good.contains_key(*id)).cloned() {
            in_effect.insert(id.clone(), self.good[&id].clone());
            kept.insert(id);
            let again = compile(&in_effect, nodes, namespace);
            config = again.0;
            bad = refused(&again.1);
        }
        self.good = in_effect.into_iter().filter(|(id, _)| !bad.contains(id)).collect();
        kept.retain(|id| !bad.contains(id));
        Compiled { config, faults, kept }
    }
}

const fn is_configuration(kind: Kind) -> bool {
    match kind {
        Kind::IpAddressPool
        | Kind::L2Advertisement
        | Kind::BgpAdvertisement
        | Kind::BgpPeer
        | Kind::BfdProfile
        | Kind::Community => true,
        Kind::Service | Kind::EndpointSlice | Kind::Node | Kind::Namespace | Kind::Secret => false,
    }
}

/// Returns the objects that are left out because of a fault.
fn refused(faults: &[Fault]) -> BTreeSet<ObjectId> {
    faults.iter().filter(|fault| fault.severity() == Severity::Error).filter_map(|fault| id_of(&fault.object)).collect()
}

/// Returns the id under which the manifests know the object of a fault.
pub(super) fn id_of(object: &ObjectRef) -> Option<ObjectId> {
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

fn compile(objects: &BTreeMap<ObjectId, Arc<Object>>, nodes: &Nodes, namespace: &str) -> (Config, Vec<Fault>) {
    let mut pools: Vec<&IpAddressPool> = Vec::new();
    let mut l2_advertisements: Vec<&L2Advertisement> = Vec::new();
    let mut bgp_advertisements: Vec<&BgpAdvertisement> = Vec::new();
    let mut peers: Vec<&BgpPeer> = Vec::new();
    let mut bfd_profiles: Vec<&BfdProfile> = Vec::new();
    let mut communities: Vec<&Community> = Vec::new();
    for object in objects.values() {
        match &**object {
            Object::IpAddressPool(pool) => pools.push(pool),
            Object::L2Advertisement(advertisement) => l2_advertisements.push(advertisement),
            Object::BgpAdvertisement(advertisement) => bgp_advertisements.push(advertisement),
            Object::BgpPeer(peer) => peers.push(peer),
            Object::BfdProfile(profile) => bfd_profiles.push(profile),
            Object::Community(community) => communities.push(community),
            Object::Service(_)
            | Object::EndpointSlice(_)
            | Object::Node(_)
            | Object::Namespace(_)
            | Object::Secret(_) => {}
        }
    }
    Config::compile(&Objects {
        namespace: Some(namespace),
        pools,
        l2_advertisements,
        bgp_advertisements,
        peers,
        bfd_profiles,
        communities,
        nodes: Some(nodes),
    })
}

#[cfg(test)]
mod tests;
