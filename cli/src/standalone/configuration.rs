//! The manifests, sorted into configuration and the state of the cluster.

use std::net::IpAddr;

use crds::checked::{self, Written};
use crds::core;
use crds::fault::ObjectRef;

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

/// Returns the configuration objects among the manifests.
pub(super) fn written(loaded: &Loaded) -> Written {
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

#[cfg(test)]
mod tests;
