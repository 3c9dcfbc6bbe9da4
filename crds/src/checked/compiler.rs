use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::Resource;

use super::{Config, Nodes, Objects};
use crate::fault::{Fault, ObjectRef, Severity};
use crate::kinds::{BfdProfile, BgpAdvertisement, BgpPeer, Community, IpAddressPool, L2Advertisement};

/// The configuration objects as they are written, each kind by name.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// The pools.
    pub pools: ByName<IpAddressPool>,
    /// The advertisements on the local network.
    pub l2_advertisements: ByName<L2Advertisement>,
    /// The advertisements to routers.
    pub bgp_advertisements: ByName<BgpAdvertisement>,
    /// The routers.
    pub peers: ByName<BgpPeer>,
    /// The BFD profiles.
    pub bfd_profiles: ByName<BfdProfile>,
    /// The names of communities.
    pub communities: ByName<Community>,
}

/// The objects of one kind.
pub type ByName<K> = BTreeMap<ObjectRef, Arc<K>>;

/// Compiles configuration objects, and remembers the last good version of each.
#[derive(Clone, Debug, Default)]
pub struct Compiler {
    good: Written,
}

/// What a compilation gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compiled {
    /// What takes effect.
    pub config: Config,
    /// What is wrong with the objects as written, also where an earlier version of one stays in effect.
    pub faults: Vec<Fault>,
    /// The objects that stay in effect as they were before they went bad.
    pub kept: BTreeSet<ObjectRef>,
}

impl Compiler {
    /// Compiles the objects of `namespace`.
    ///
    /// An object that was good before and is bad now stays in effect as it was, so that a slip of the hand withdraws nothing.
    /// Where two objects contradict each other, the one that is not as it was good is the bad one.
    pub fn compile(&mut self, written: &Written, nodes: Option<&Nodes>, namespace: &str) -> Compiled {
        let (mut config, faults) = written.compile(nodes, namespace, &self.good);
        let mut in_effect = written.clone();
        let mut kept = BTreeSet::new();
        let mut bad = refused(&faults);
        // Each round replaces one more object by its earlier version, so this ends.
        while let Some(object) =
            bad.iter().find(|object| !kept.contains(*object) && self.good.contains(object)).cloned()
        {
            in_effect.restore(&object, &self.good);
            kept.insert(object);
            let again = in_effect.compile(nodes, namespace, &self.good);
            config = again.0;
            bad = refused(&again.1);
        }
        in_effect.forget(&bad);
        self.good = in_effect;
        kept.retain(|object| !bad.contains(object));
        Compiled { config, faults, kept }
    }
}

impl Written {
    fn compile(&self, nodes: Option<&Nodes>, namespace: &str, good: &Self) -> (Config, Vec<Fault>) {
        Config::compile(&Objects {
            namespace: Some(namespace),
            pools: self.pools.values().map(Arc::as_ref).collect(),
            l2_advertisements: self.l2_advertisements.values().map(Arc::as_ref).collect(),
            bgp_advertisements: self.bgp_advertisements.values().map(Arc::as_ref).collect(),
            peers: self.peers.values().map(Arc::as_ref).collect(),
            bfd_profiles: self.bfd_profiles.values().map(Arc::as_ref).collect(),
            communities: self.communities.values().map(Arc::as_ref).collect(),
            nodes,
            proven: self.common_with(good),
        })
    }

    /// Returns the objects that say the same in an earlier state.
    fn common_with(&self, earlier: &Self) -> BTreeSet<ObjectRef> {
        let Self { pools, l2_advertisements, bgp_advertisements, peers, bfd_profiles, communities } = self;
        let mut common = BTreeSet::new();
        common.extend(same(pools, &earlier.pools, |one, other| one.spec == other.spec));
        common.extend(same(l2_advertisements, &earlier.l2_advertisements, |one, other| one.spec == other.spec));
        common.extend(same(bgp_advertisements, &earlier.bgp_advertisements, |one, other| one.spec == other.spec));
        common.extend(same(peers, &earlier.peers, |one, other| one.spec == other.spec));
        common.extend(same(bfd_profiles, &earlier.bfd_profiles, |one, other| one.spec == other.spec));
        common.extend(same(communities, &earlier.communities, |one, other| one.spec == other.spec));
        common
    }

    /// Says whether an object exists, good or bad.
    pub fn contains(&self, object: &ObjectRef) -> bool {
        let Self { pools, l2_advertisements, bgp_advertisements, peers, bfd_profiles, communities } = self;
        pools.contains_key(object)
            || l2_advertisements.contains_key(object)
            || bgp_advertisements.contains_key(object)
            || peers.contains_key(object)
            || bfd_profiles.contains_key(object)
            || communities.contains_key(object)
    }

    /// Takes one object from an earlier state.
    fn restore(&mut self, object: &ObjectRef, earlier: &Self) {
        let Self { pools, l2_advertisements, bgp_advertisements, peers, bfd_profiles, communities } = self;
        take(pools, object, &earlier.pools);
        take(l2_advertisements, object, &earlier.l2_advertisements);
        take(bgp_advertisements, object, &earlier.bgp_advertisements);
        take(peers, object, &earlier.peers);
        take(bfd_profiles, object, &earlier.bfd_profiles);
        take(communities, object, &earlier.communities);
    }

    fn forget(&mut self, objects: &BTreeSet<ObjectRef>) {
        let Self { pools, l2_advertisements, bgp_advertisements, peers, bfd_profiles, communities } = self;
        pools.retain(|object, _| !objects.contains(object));
        l2_advertisements.retain(|object, _| !objects.contains(object));
        bgp_advertisements.retain(|object, _| !objects.contains(object));
        peers.retain(|object, _| !objects.contains(object));
        bfd_profiles.retain(|object, _| !objects.contains(object));
        communities.retain(|object, _| !objects.contains(object));
    }
}

/// Adds an object under its own name.
pub fn add<K: Resource<DynamicType = ()>>(kind: &mut ByName<K>, object: Arc<K>) {
    kind.insert(ObjectRef::of(&*object), object);
}

/// Returns the objects of one kind of which both states have a version, and the same one.
fn same<K>(kind: &ByName<K>, earlier: &ByName<K>, is_same: fn(&K, &K) -> bool) -> impl Iterator<Item = ObjectRef> {
    let unedited = move |(object, version): &(&ObjectRef, &Arc<K>)| {
        earlier.get(*object).is_some_and(|before| is_same(version, before))
    };
    kind.iter().filter(unedited).map(|(object, _)| object.clone())
}

fn take<K>(kind: &mut ByName<K>, object: &ObjectRef, earlier: &ByName<K>) {
    // Kinds differ in their references, so an object is found in at most one of the maps.
    if let Some(version) = earlier.get(object) {
        kind.insert(object.clone(), version.clone());
    }
}

/// Returns the objects that are left out because of a fault.
fn refused(faults: &[Fault]) -> BTreeSet<ObjectRef> {
    faults.iter().filter(|fault| fault.severity() == Severity::Error).map(|fault| fault.object.clone()).collect()
}

#[cfg(test)]
mod tests;
