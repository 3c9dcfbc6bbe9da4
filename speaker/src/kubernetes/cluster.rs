//! Everything that was told of the cluster, and whether it is everything.

use std::collections::BTreeMap;
use std::net::IpAddr;

use announce::{Endpoint, ServiceId};
use apiserver::{
    Collection, Configuration, ConfigurationEvent, Event, Freshness, ObjectName, Table, Watch, WatchError,
    follow_configuration,
};
use crds::core;
use kube::Client;
use tokio::sync::mpsc;

use super::objects::{self, Names, Slice};

/// Something that was told.
#[derive(Debug)]
pub enum Change {
    /// Of a Service of type LoadBalancer.
    Service(Event<core::Service>),
    /// Of an EndpointSlice.
    Slice(SliceEvent),
    /// Of a Node.
    Node(Event<core::Node>),
    /// Of a Secret, which may hold the key of the heartbeats or the password of a router.
    Secret(Event<core::Secret>),
    /// Of a configuration object.
    Configuration(ConfigurationEvent),
}

/// What was told of an EndpointSlice, already cut down.
#[derive(Debug)]
pub struct SliceEvent(Event<Slice>);

impl Change {
    fn is_unreadable(&self) -> bool {
        match self {
            Self::Service(event) => unreadable(event),
            Self::Slice(SliceEvent(event)) => unreadable(event),
            Self::Node(event) => unreadable(event),
            Self::Secret(event) => unreadable(event),
            Self::Configuration(event) => match event {
                ConfigurationEvent::Pool(event) => unreadable(event),
                ConfigurationEvent::L2Advertisement(event) => unreadable(event),
                ConfigurationEvent::BgpAdvertisement(event) => unreadable(event),
                ConfigurationEvent::Peer(event) => unreadable(event),
                ConfigurationEvent::BfdProfile(event) => unreadable(event),
                ConfigurationEvent::Community(event) => unreadable(event),
            },
        }
    }

    pub(super) fn service(event: Event<core::Service>) -> Self {
        Self::Service(event.map(objects::service))
    }

    pub(super) fn slice(event: Event<core::EndpointSlice>) -> Self {
        Self::Slice(SliceEvent(event.map(objects::slice)))
    }

    pub(super) fn node(event: Event<core::Node>) -> Self {
        Self::Node(event.map(objects::node))
    }
}

/// The latest version of everything that a plan is made of.
#[derive(Debug, Default)]
pub struct Cluster {
    configuration: Configuration,
    services: Table<core::Service>,
    slices: Table<Slice>,
    nodes: Table<core::Node>,
    secrets: Table<core::Secret>,
    names: Names,
    /// Something changed that the configuration is compiled from.
    uncompiled: bool,
    updates: Updates,
}

/// How many changes were told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Updates {
    /// In all.
    pub total: u64,
    /// Those of objects that cannot be read.
    pub errors: u64,
}

/// Follows everything that [`Cluster`] keeps, until the receiver of `changes` is gone.
pub fn follow(client: &Client, namespace: &str, changes: &mpsc::Sender<Change>) {
    let services = Collection::everywhere("v1", "services").fields("spec.type=LoadBalancer");
    tokio::spawn(watch(services).follow(client.clone(), changes.clone(), Change::service));
    // A headless Service has no load balancer, and its slices are many.
    let slices = Collection::everywhere("discovery.k8s.io/v1", "endpointslices");
    let slices = slices.labels("!service.kubernetes.io/headless");
    tokio::spawn(watch(slices).follow(client.clone(), changes.clone(), Change::slice));
    let nodes = Collection::everywhere("v1", "nodes");
    tokio::spawn(watch(nodes).follow(client.clone(), changes.clone(), Change::node));
    let secrets = Collection::within(namespace, "v1", "secrets");
    // Passwords are named by the configuration. What Helm keeps beside them is large, and no business of ours.
    let secrets = secrets.fields("type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token");
    tokio::spawn(watch(secrets).follow(client.clone(), changes.clone(), Change::Secret));
    follow_configuration(client, namespace, Freshness::Cached, changes, Change::Configuration);
}

/// A speaker decides on what exists, and nothing it misses for a second is given to anybody else meanwhile.
fn watch(collection: Collection) -> Watch {
    Watch { collection, freshness: Freshness::Cached }
}

impl Cluster {
    /// Takes a change in; returns whether a plan could come out differently.
    pub fn take(&mut self, change: Change) -> bool {
        self.updates.total += 1;
        self.updates.errors += u64::from(change.is_unreadable());
        match change {
            Change::Service(event) => self.services.take(event),
            Change::Slice(SliceEvent(event)) => self.take_slice(event),
            Change::Node(event) => self.compiles(|cluster| cluster.nodes.take(event)),
            Change::Secret(event) => self.secrets.take(event),
            Change::Configuration(event) => self.compiles(|cluster| cluster.configuration.take(event)),
        }
    }

    /// Returns how many changes were told since the start.
    pub const fn updates(&self) -> Updates {
        self.updates
    }

    fn compiles(&mut self, take: impl FnOnce(&mut Self) -> bool) -> bool {
        let changed = take(self);
        self.uncompiled |= changed;
        changed
    }

    /// Returns whether the configuration is to be compiled again since the last time this was asked.
    pub fn take_uncompiled(&mut self) -> bool {
        std::mem::take(&mut self.uncompiled)
    }

    /// Returns the configuration objects as they are written.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Most slices of a cluster belong to Services that have no load balancer.
    fn take_slice(&mut self, mut event: Event<Slice>) -> bool {
        let name = match &mut event {
            Event::Applied(object) => {
                if let Ok(slice) = &mut object.value {
                    self.names.share(slice);
                }
                Some(object.name.clone())
            }
            Event::Deleted(name, _) => Some(name.clone()),
            Event::Relisting | Event::Listed | Event::Connected | Event::Lost(_) => None,
        };
        let Some(name) = name else { return self.slices.take(event) };
        let mattered = self.has_load_balancer(&name);
        self.slices.take(event) && (mattered || self.has_load_balancer(&name))
    }

    fn has_load_balancer(&self, slice: &ObjectName) -> bool {
        let service = self.slices.get(slice).and_then(|row| row.value.as_ref()).map(|slice| slice.service.clone());
        service
            .is_some_and(|name| self.services.get(&ObjectName { namespace: slice.namespace.clone(), name }).is_some())
    }

    /// Returns what has not been listed yet, by the plural names of the kinds; without all of it nothing may be announced.
    pub fn unlisted(&self) -> Vec<&'static str> {
        let Self { configuration, services, slices, nodes, secrets, names: _, uncompiled: _, updates: _ } = self;
        let kinds = [
            ("services", services.is_listed()),
            ("endpointslices", slices.is_listed()),
            ("nodes", nodes.is_listed()),
            ("secrets", secrets.is_listed()),
            ("configuration", configuration.is_listed()),
        ];
        kinds.into_iter().filter(|(_, listed)| !listed).map(|(kind, _)| kind).collect()
    }

    /// Returns why changes do not arrive, in words; what was told stays in effect meanwhile.
    pub fn lost(&self) -> Vec<String> {
        let Self { configuration, services, slices, nodes, secrets, names: _, uncompiled: _, updates: _ } = self;
        let errors = [
            ("services", services.lost()),
            ("endpointslices", slices.lost()),
            ("nodes", nodes.lost()),
            ("secrets", secrets.lost()),
            ("configuration", configuration.lost()),
        ];
        let lost = |(plural, error): (&str, Option<&WatchError>)| Some(format!("cannot follow {plural}: {}", error?));
        errors.into_iter().filter_map(lost).collect()
    }

    /// Returns what is wrong with the objects that are not configuration, in words.
    pub fn faults(&self) -> Vec<String> {
        let Self { configuration: _, services, slices, nodes, secrets, names: _, uncompiled: _, updates: _ } = self;
        let mut faults: Vec<String> = Vec::new();
        faults.extend(services.faults().map(|fault| format!("Service {fault}")));
        faults.extend(slices.faults().map(|fault| format!("EndpointSlice {fault}")));
        faults.extend(nodes.faults().map(|fault| format!("Node {fault}")));
        faults.extend(secrets.faults().map(|fault| format!("Secret {fault}")));
        faults
    }

    /// Returns the configuration objects that cannot be read, in words.
    pub fn unreadable(&self) -> Vec<String> {
        self.configuration.unreadable().map(|(kind, fault)| format!("{kind} {fault}")).collect()
    }

    /// Returns the Services of type LoadBalancer.
    pub fn services(&self) -> Vec<&core::Service> {
        self.services.values().collect()
    }

    /// Returns the Nodes.
    pub fn nodes(&self) -> Vec<&core::Node> {
        self.nodes.values().collect()
    }

    /// Returns a Node.
    pub fn node(&self, name: &str) -> Option<&core::Node> {
        self.nodes.get(&ObjectName::new("", name)).and_then(|row| row.value.as_ref())
    }

    /// Returns the Secrets.
    pub fn secrets(&self) -> Vec<&core::Secret> {
        self.secrets.values().collect()
    }

    /// Returns the endpoints of every Service that has slices.
    pub fn endpoints(&self) -> BTreeMap<ServiceId, Vec<Endpoint>> {
        let mut endpoints: BTreeMap<ServiceId, Vec<Endpoint>> = BTreeMap::new();
        for (name, row) in self.slices.rows() {
            let Some(slice) = &row.value else { continue };
            let service = ObjectName { namespace: name.namespace.clone(), name: slice.service.clone() };
            if self.services.get(&service).is_some() {
                let ObjectName { namespace, name } = service;
                endpoints.entry(ServiceId { namespace, name }).or_default().extend_from_slice(&slice.endpoints);
            }
        }
        endpoints
    }

    /// Returns the Services with addresses in their status for which `ours` holds: the id, the uid, and those addresses.
    pub fn addresses(&self, ours: impl Fn(IpAddr) -> bool) -> impl Iterator<Item = (ServiceId, Box<str>, Vec<IpAddr>)> {
        self.services.rows().filter_map(move |(ObjectName { namespace, name }, row)| {
            let service = row.value.as_ref()?;
            let ingress = service.status.load_balancer.ingress.iter();
            let ips = ingress.filter_map(|ingress| ingress.ip.as_deref()?.parse().ok());
            let ips: Vec<IpAddr> = ips.filter(|ip| ours(*ip)).collect();
            let id = ServiceId { namespace: namespace.clone(), name: name.clone() };
            let uid = service.metadata.uid.as_deref().unwrap_or_default().into();
            (!ips.is_empty()).then_some((id, uid, ips))
        })
    }
}

fn unreadable<T>(event: &Event<T>) -> bool {
    match event {
        Event::Applied(object) => object.value.is_err(),
        Event::Relisting | Event::Deleted(..) | Event::Listed | Event::Connected | Event::Lost(_) => false,
    }
}

#[cfg(test)]
mod tests;
