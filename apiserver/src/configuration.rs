//! The configuration objects of one namespace, followed together.

use std::sync::Arc;

use crds::checked::{ByName, Written, add};
use crds::kinds::{BfdProfile, BgpAdvertisement, BgpPeer, Community, GROUP, IpAddressPool, L2Advertisement};
use kube::{Client, Resource, ResourceExt as _};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use tasks::Tasks;
use tokio::sync::mpsc;

use crate::collection::Collection;
use crate::error::WatchError;
use crate::table::{Table, Undecodable};
use crate::watch::{Event, Freshness, Watch};

/// A change of one configuration object.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigurationEvent {
    /// Of a pool.
    Pool(Event<Quiet<IpAddressPool>>),
    /// Of an advertisement on the local network.
    L2Advertisement(Event<Quiet<L2Advertisement>>),
    /// Of an advertisement to routers.
    BgpAdvertisement(Event<Quiet<BgpAdvertisement>>),
    /// Of a router.
    Peer(Event<Quiet<BgpPeer>>),
    /// Of a BFD profile.
    BfdProfile(Event<Quiet<BfdProfile>>),
    /// Of names of communities.
    Community(Event<Quiet<Community>>),
}

/// An object without what every write changes, so that two versions compare by what they say.
#[derive(Clone, Debug, PartialEq)]
pub struct Quiet<K>(pub Arc<K>);

/// The configuration objects as they are on the server.
#[derive(Debug, Default)]
pub struct Configuration {
    pools: Table<Quiet<IpAddressPool>>,
    l2_advertisements: Table<Quiet<L2Advertisement>>,
    bgp_advertisements: Table<Quiet<BgpAdvertisement>>,
    peers: Table<Quiet<BgpPeer>>,
    bfd_profiles: Table<Quiet<BfdProfile>>,
    communities: Table<Quiet<Community>>,
}

impl<'de, K: Resource + DeserializeOwned> Deserialize<'de> for Quiet<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = K::deserialize(deserializer)?;
        object.meta_mut().resource_version = None;
        object.managed_fields_mut().clear();
        Ok(Self(Arc::new(object)))
    }
}

/// Follows the configuration objects of a namespace until the receiver is gone, one task for each kind.
pub fn follow_configuration<E: Send + 'static>(
    tasks: &Tasks,
    client: &Client,
    namespace: &str,
    freshness: Freshness,
    sender: &mpsc::Sender<E>,
    wrap: fn(ConfigurationEvent) -> E,
) {
    let kind = |version: &str, plural: &str| {
        let collection = Collection::within(namespace, &format!("{GROUP}/{version}"), plural);
        (Watch { collection, freshness }, client.clone(), sender.clone())
    };
    let (watch, client, sender) = kind("v1beta1", "ipaddresspools");
    tasks.spawn(
        "the watch of IPAddressPools",
        watch.follow(client, sender, move |event| wrap(ConfigurationEvent::Pool(event))),
    );
    let (watch, client, sender) = kind("v1beta1", "l2advertisements");
    tasks.spawn(
        "the watch of L2Advertisements",
        watch.follow(client, sender, move |event| wrap(ConfigurationEvent::L2Advertisement(event))),
    );
    let (watch, client, sender) = kind("v1beta1", "bgpadvertisements");
    tasks.spawn(
        "the watch of BGPAdvertisements",
        watch.follow(client, sender, move |event| wrap(ConfigurationEvent::BgpAdvertisement(event))),
    );
    let (watch, client, sender) = kind("v1beta2", "bgppeers");
    tasks.spawn(
        "the watch of BGPPeers",
        watch.follow(client, sender, move |event| wrap(ConfigurationEvent::Peer(event))),
    );
    let (watch, client, sender) = kind("v1beta1", "bfdprofiles");
    tasks.spawn(
        "the watch of BFDProfiles",
        watch.follow(client, sender, move |event| wrap(ConfigurationEvent::BfdProfile(event))),
    );
    let (watch, client, sender) = kind("v1beta1", "communities");
    tasks.spawn(
        "the watch of Communities",
        watch.follow(client, sender, move |event| wrap(ConfigurationEvent::Community(event))),
    );
}

impl Configuration {
    /// Takes an event in; returns whether what the objects say has changed.
    pub fn take(&mut self, event: ConfigurationEvent) -> bool {
        match event {
            ConfigurationEvent::Pool(event) => self.pools.take(event),
            ConfigurationEvent::L2Advertisement(event) => self.l2_advertisements.take(event),
            ConfigurationEvent::BgpAdvertisement(event) => self.bgp_advertisements.take(event),
            ConfigurationEvent::Peer(event) => self.peers.take(event),
            ConfigurationEvent::BfdProfile(event) => self.bfd_profiles.take(event),
            ConfigurationEvent::Community(event) => self.communities.take(event),
        }
    }

    /// Says whether every kind has been seen once in whole.
    pub fn is_listed(&self) -> bool {
        let Self { pools, l2_advertisements, bgp_advertisements, peers, bfd_profiles, communities } = self;
        pools.is_listed()
            && l2_advertisements.is_listed()
            && bgp_advertisements.is_listed()
            && peers.is_listed()
            && bfd_profiles.is_listed()
            && communities.is_listed()
    }

    /// Returns the objects as they are written, for the compiler.
    pub fn written(&self) -> Written {
        let Self { pools, l2_advertisements, bgp_advertisements, peers, bfd_profiles, communities } = self;
        Written {
            pools: by_name(pools),
            l2_advertisements: by_name(l2_advertisements),
            bgp_advertisements: by_name(bgp_advertisements),
            peers: by_name(peers),
            bfd_profiles: by_name(bfd_profiles),
            communities: by_name(communities),
        }
    }

    /// Returns the objects that the server accepted and this program cannot read, with their kinds.
    pub fn unreadable(&self) -> impl Iterator<Item = (&'static str, &Undecodable)> {
        let Self { pools, l2_advertisements, bgp_advertisements, peers, bfd_profiles, communities } = self;
        let of = |kind: &'static str| move |fault| (kind, fault);
        pools
            .faults()
            .map(of("IPAddressPool"))
            .chain(l2_advertisements.faults().map(of("L2Advertisement")))
            .chain(bgp_advertisements.faults().map(of("BGPAdvertisement")))
            .chain(peers.faults().map(of("BGPPeer")))
            .chain(bfd_profiles.faults().map(of("BFDProfile")))
            .chain(communities.faults().map(of("Community")))
    }

    /// Returns why changes of some kind do not arrive at present.
    pub fn lost(&self) -> Option<&WatchError> {
        let Self { pools, l2_advertisements, bgp_advertisements, peers, bfd_profiles, communities } = self;
        let first = pools.lost().or_else(|| l2_advertisements.lost()).or_else(|| bgp_advertisements.lost());
        first.or_else(|| peers.lost()).or_else(|| bfd_profiles.lost()).or_else(|| communities.lost())
    }
}

fn by_name<K: Resource<DynamicType = ()>>(table: &Table<Quiet<K>>) -> ByName<K> {
    let mut objects = ByName::new();
    for Quiet(object) in table.values() {
        add(&mut objects, object.clone());
    }
    objects
}
