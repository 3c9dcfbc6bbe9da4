use std::collections::{BTreeMap, BTreeSet};

use kube::Resource;

use super::age::oldest_first;
use super::overlaps::TakenRanges;
use super::preference::Conflict;
use super::references::Targets;
use super::{
    BfdProfile, BgpAdvertisement, Community, CommunityValue, L2Advertisement, Nodes, Peer, Pool, Router, preference,
    sessions,
};
use crate::fault::{Fault, FieldPath, Findings, ObjectRef, Problem, Severity};
use crate::kinds;

/// Everything a configuration is made of, as read.
#[derive(Clone, Debug, Default)]
pub struct Objects<'a> {
    /// The namespace configuration is read from; an object elsewhere is a fault. None reads every namespace.
    pub namespace: Option<&'a str>,
    /// The pools.
    pub pools: Vec<&'a kinds::IpAddressPool>,
    /// The advertisements on the local network.
    pub l2_advertisements: Vec<&'a kinds::L2Advertisement>,
    /// The advertisements to routers.
    pub bgp_advertisements: Vec<&'a kinds::BgpAdvertisement>,
    /// The routers.
    pub peers: Vec<&'a kinds::BgpPeer>,
    /// The BFD profiles.
    pub bfd_profiles: Vec<&'a kinds::BfdProfile>,
    /// The names of communities.
    pub communities: Vec<&'a kinds::Community>,
    /// The nodes, to tell whether two objects meet on one. Without any, they are assumed to.
    pub nodes: Option<&'a Nodes>,
    /// The objects that are in effect as they are written here; none are known after a start. Of two objects that contradict each
    /// other, the one that was added or edited is at fault and not one of these.
    pub proven: BTreeSet<ObjectRef>,
}

/// The configuration that takes effect, each kind by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The pools.
    pub pools: BTreeMap<String, Pool>,
    /// The advertisements on the local network.
    pub l2_advertisements: BTreeMap<String, L2Advertisement>,
    /// The advertisements to routers.
    pub bgp_advertisements: BTreeMap<String, BgpAdvertisement>,
    /// The routers.
    pub peers: BTreeMap<String, Peer>,
    /// The BFD profiles.
    pub bfd_profiles: BTreeMap<String, BfdProfile>,
    /// The names of communities.
    pub communities: BTreeMap<String, Community>,
}

impl Config {
    /// Compiles all objects into what takes effect, and reports everything that does not, sorted by object and field.
    ///
    /// The result depends on the objects alone, not on their order.
    pub fn compile(objects: &Objects<'_>) -> (Self, Vec<Fault>) {
        let mut compiler = Pass { objects, faults: Vec::new() };
        let pools = compiler.pools();
        let communities = compiler.communities();
        let bfd_profiles = by_name(compiler.admit(&objects.bfd_profiles, BfdProfile::check), |profile| &profile.name);
        let peers = compiler.peers(&bfd_profiles);
        let l2_advertisements = compiler.l2_advertisements(&pools);
        let bgp_advertisements = compiler.bgp_advertisements(&pools, &peers, &communities);
        let config = Self { pools, l2_advertisements, bgp_advertisements, peers, bfd_profiles, communities };
        compiler.note_unannounced_pools(&config);
        let mut faults = compiler.faults;
        faults.sort();
        (config, faults)
    }
}

struct Pass<'o, 'a> {
    objects: &'o Objects<'a>,
    faults: Vec<Fault>,
}

impl<'a> Pass<'_, 'a> {
    /// Checks each object by itself, those in effect first, and the oldest of them before the others.
    fn admit<K, T>(&mut self, objects: &[&'a K], check: fn(&K) -> (Option<T>, Vec<Fault>)) -> Vec<(&'a K, T)>
    where
        K: Resource<DynamicType = ()>,
    {
        let mut admitted = Vec::with_capacity(objects.len());
        let mut names = BTreeSet::new();
        for object in oldest_first(objects, &self.objects.proven) {
            if let Some((field, problem)) = self.misplaced(ObjectRef::of(object), &mut names) {
                self.report(object, FieldPath::new(field), problem);
                continue;
            }
            let (checked, faults) = check(object);
            self.faults.extend(faults);
            admitted.extend(checked.map(|checked| (object, checked)));
        }
        admitted
    }

    /// Says what is wrong with the place of an object among the others of its kind.
    fn misplaced(&self, object: ObjectRef, names: &mut BTreeSet<String>) -> Option<(&'static str, Problem)> {
        let ObjectRef { namespace: found, name, .. } = object;
        if let Some(expected) = self.objects.namespace.filter(|expected| *expected != found) {
            return Some(("metadata.namespace", Problem::Namespace { found, expected: expected.to_owned() }));
        }
        if name.is_empty() {
            return Some(("metadata.name", Problem::NoName));
        }
        (!names.insert(name)).then_some(("metadata.name", Problem::DuplicateObject))
    }

    fn report<K>(&mut self, object: &K, field: FieldPath, problem: Problem)
    where
        K: Resource<DynamicType = ()>,
    {
        self.faults.push(Fault { object: ObjectRef::of(object), field, problem });
    }

    fn pools(&mut self) -> BTreeMap<String, Pool> {
        let mut taken = TakenRanges::default();
        let mut kept = BTreeMap::new();
        for (object, pool) in self.admit(&self.objects.pools, Pool::check) {
            let clash = pool.ranges.iter().find_map(|own| taken.common_with(own).map(|theirs| (own, theirs)));
            if let Some((own, (theirs, other))) = clash {
                let problem = Problem::Overlap { own: own.to_string(), other: theirs.to_string(), pool: other.clone() };
                self.report(object, FieldPath::new("spec.addresses").index(own.source()), problem);
                continue;
            }
            taken.add(&pool.ranges, &ObjectRef::of(object));
            kept.insert(pool.name.clone(), pool);
        }
        kept
    }

    fn communities(&mut self) -> BTreeMap<String, Community> {
        let mut kept: Vec<(&kinds::Community, Community)> = Vec::new();
        for (object, community) in self.admit(&self.objects.communities, Community::check) {
            let taken = community.aliases.keys().find_map(|alias| {
                let (other, _) = kept.iter().find(|(_, older)| older.aliases.contains_key(alias))?;
                Some((alias.clone(), ObjectRef::of(*other)))
            });
            match taken {
                Some((alias, other)) => {
                    self.report(object, FieldPath::new("spec.communities"), Problem::AliasTaken { alias, other });
                }
                None => kept.push((object, community)),
            }
        }
        by_name(kept, |community| &community.name)
    }

    fn peers(&mut self, profiles: &BTreeMap<String, BfdProfile>) -> BTreeMap<String, Peer> {
        let mut kept: Vec<(&kinds::BgpPeer, Peer)> = Vec::new();
        for (object, mut peer) in self.admit(&self.objects.peers, Peer::check) {
            let same = kept.iter().find(|(_, older)| sessions::collide(&peer, older, self.objects.nodes));
            if let Some((other, _)) = same {
                let problem = Problem::SameSession { other: ObjectRef::of(*other) };
                self.report(object, FieldPath::new("spec"), problem);
                continue;
            }
            let profile = object.spec.bfd_profile.as_deref().filter(|name| !name.is_empty());
            if let Some(name) = profile {
                peer.bfd = self.bfd_of(object, &peer.router, name, profiles);
            }
            kept.push((object, peer));
        }
        by_name(kept, |peer| &peer.name)
    }

    /// Returns the BFD profile a session runs with. A missing one costs fast detection, not the session.
    fn bfd_of(
        &mut self,
        object: &kinds::BgpPeer,
        router: &Router,
        name: &str,
        profiles: &BTreeMap<String, BfdProfile>,
    ) -> Option<BfdProfile> {
        let field = FieldPath::new("spec.bfdProfile");
        let Some(profile) = profiles.get(name) else {
            self.report(object, field, Problem::NoProfile { name: name.to_owned() });
            return None;
        };
        let mut profile = profile.clone();
        // An unnumbered session runs over IPv6 link-local addresses.
        let over_ipv6 = match router {
            Router::Address(address) => address.is_ipv6(),
            Router::Prefix(network) => network.addr().is_ipv6(),
            Router::Interface(_) => true,
        };
        if over_ipv6 && profile.echo_interval.take().is_some() {
            self.report(object, field, Problem::EchoOverIpv6 { profile: name.to_owned() });
        }
        Some(profile)
    }

    fn l2_advertisements(&mut self, pools: &BTreeMap<String, Pool>) -> BTreeMap<String, L2Advertisement> {
        let targets = self.pool_targets(pools);
        let mut kept: Vec<(&kinds::L2Advertisement, L2Advertisement)> = Vec::new();
        for (object, mut advertisement) in self.admit(&self.objects.l2_advertisements, L2Advertisement::check) {
            let kinds::L2AdvertisementFields { ip_address_pools, ip_address_pool_selectors, .. } = &object.spec.0;
            let mut findings = Findings::on(ObjectRef::of(object));
            advertisement.pools = targets.resolve(
                ip_address_pools.as_deref(),
                ip_address_pool_selectors.as_deref(),
                &FieldPath::new("spec.ipAddressPools"),
                &mut findings,
            );
            if let Some((other, _)) = kept.iter().find(|(other, _)| other.spec == object.spec) {
                let problem = Problem::SameSpecification { other: ObjectRef::of(*other) };
                findings.add(FieldPath::new("spec"), problem);
            }
            self.faults.extend(findings.conclude(|| Some(())).1);
            kept.push((object, advertisement));
        }
        by_name(kept, |advertisement| &advertisement.name)
    }

    fn bgp_advertisements(
        &mut self,
        pools: &BTreeMap<String, Pool>,
        peers: &BTreeMap<String, Peer>,
        communities: &BTreeMap<String, Community>,
    ) -> BTreeMap<String, BgpAdvertisement> {
        let pool_targets = self.pool_targets(pools);
        let peer_targets = self.peer_targets(peers);
        let aliases: BTreeMap<String, CommunityValue> =
            communities.values().flat_map(|community| community.aliases.clone()).collect();
        let mut kept: Vec<(&kinds::BgpAdvertisement, BgpAdvertisement)> = Vec::new();
        for (object, mut advertisement) in self.admit(&self.objects.bgp_advertisements, BgpAdvertisement::check) {
            let spec = &object.spec.0;
            let mut findings = Findings::on(ObjectRef::of(object));
            advertisement.pools = pool_targets.resolve(
                spec.ip_address_pools.as_deref(),
                spec.ip_address_pool_selectors.as_deref(),
                &FieldPath::new("spec.ipAddressPools"),
                &mut findings,
            );
            advertisement.peers =
                peer_targets.resolve(spec.peers.as_deref(), None, &FieldPath::new("spec.peers"), &mut findings);
            let written = spec.communities.as_deref().unwrap_or_default();
            advertisement.resolve_aliases(written, &aliases, &mut findings);
            leave_out_unfit_pools(&mut advertisement, pools, &mut findings);
            self.compare(object, &advertisement, &kept, pools, &mut findings);
            let (advertisement, faults) = findings.conclude(|| Some(advertisement));
            self.faults.extend(faults);
            kept.extend(advertisement.map(|advertisement| (object, advertisement)));
        }
        by_name(kept, |advertisement| &advertisement.name)
    }

    /// Compares an advertisement with the older ones.
    fn compare(
        &self,
        object: &kinds::BgpAdvertisement,
        advertisement: &BgpAdvertisement,
        older: &[(&kinds::BgpAdvertisement, BgpAdvertisement)],
        pools: &BTreeMap<String, Pool>,
        findings: &mut Findings,
    ) {
        let peers = |object: &kinds::BgpAdvertisement| object.spec.0.peers.clone().unwrap_or_default();
        for (other, elder) in older {
            if other.spec == object.spec {
                let problem = Problem::SameSpecification { other: ObjectRef::of(*other) };
                findings.add(FieldPath::new("spec"), problem);
            }
            let conflict = preference::conflict(
                (advertisement, &peers(object)),
                (elder, &peers(other)),
                pools,
                self.objects.nodes,
            );
            if let Some(Conflict { preference, own, theirs, pool }) = conflict {
                let (other, pool) = (ObjectRef::of(*other), pool.to_owned());
                let problem = Problem::PreferenceConflict { preference, own, theirs, other, pool };
                findings.add(FieldPath::new("spec").child(preference.field()), problem);
            }
        }
    }

    fn pool_targets(&self, pools: &BTreeMap<String, Pool>) -> Targets<'a> {
        targets("IPAddressPool", &self.objects.pools, |name| pools.contains_key(name))
    }

    fn peer_targets(&self, peers: &BTreeMap<String, Peer>) -> Targets<'a> {
        targets("BGPPeer", &self.objects.peers, |name| peers.contains_key(name))
    }

    fn note_unannounced_pools(&mut self, config: &Config) {
        let l2 = config.l2_advertisements.values().flat_map(|advertisement| &advertisement.pools);
        let bgp = config.bgp_advertisements.values().flat_map(|advertisement| &advertisement.pools);
        let announced: BTreeSet<&String> = l2.chain(bgp).collect();
        for object in &self.objects.pools {
            let reference = ObjectRef::of(*object);
            let left_out =
                self.faults.iter().any(|fault| fault.object == reference && fault.severity() == Severity::Error);
            if !left_out && config.pools.contains_key(&reference.name) && !announced.contains(&reference.name) {
                self.report(*object, FieldPath::default(), Problem::NotAdvertised);
            }
        }
    }
}

/// Takes away the pools whose addresses would be announced together with foreign ones.
fn leave_out_unfit_pools(
    advertisement: &mut BgpAdvertisement,
    pools: &BTreeMap<String, Pool>,
    findings: &mut Findings,
) {
    for name in advertisement.pools.clone() {
        let unfit = pools.get(&name).and_then(|pool| advertisement.too_wide_for(pool));
        if let Some((field, range)) = unfit {
            let length = advertisement.length(range.family());
            let (mask, range) = (range.widest_length(), range.to_string());
            let problem = Problem::AggregationTooWide { length, mask, range, pool: name.clone() };
            findings.add(FieldPath::new("spec").child(field), problem);
            advertisement.pools.remove(&name);
        }
    }
}

fn targets<'a, K: Resource>(kind: &'static str, objects: &[&'a K], usable: impl Fn(&str) -> bool) -> Targets<'a> {
    let named = || objects.iter().filter_map(|object| object.meta().name.as_deref().map(|name| (name, *object)));
    let labels = |object: &K| object.meta().labels.clone().unwrap_or_default();
    let usable = named().filter(|(name, _)| usable(name)).map(|(name, object)| (name, labels(object))).collect();
    Targets::new(kind, usable, named().map(|(name, _)| name).collect())
}

fn by_name<K, T>(kept: Vec<(&K, T)>, name: impl Fn(&T) -> &String) -> BTreeMap<String, T> {
    kept.into_iter().map(|(_, checked)| (name(&checked).clone(), checked)).collect()
}
