//! Everything that was told of the cluster, and whether it is everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apiserver::{
    Collection, Configuration, ConfigurationEvent, Event, Freshness, ObjectName, Quiet, Table, Undecodable, Watch,
    WatchError, follow_configuration,
};
use crds::core;
use crds::kinds::GROUP;
use kube::Client;
use kube::core::object::HasStatus;
use members::ClusterId;
use tasks::Tasks;
use tokio::sync::mpsc;

use super::objects::{self, Names, Service};
use super::slices::{self, Slice};
use super::speakers::{self, SpeakerState};
use crate::roster::Neighbour;
use crate::view;
use by_service::Slices;

mod by_service;

/// Something that was told.
#[derive(Debug)]
pub enum Change {
    /// Of a Service of type LoadBalancer.
    Service(ServiceEvent),
    /// Of an EndpointSlice.
    Slice(SliceEvent),
    /// Of a Namespace.
    Namespace(NamespaceEvent),
    /// Of a Node.
    Node(Event<core::Node>),
    /// Of a Secret, which may hold the key of the heartbeats or the password of a router.
    Secret(Event<core::Secret>),
    /// Of a configuration object.
    Configuration(ConfigurationEvent),
    /// The cluster was identified, or could not be.
    Identity(Result<ClusterId, String>),
    /// Of what the speaker of a node says of itself.
    Speaker(SpeakerEvent),
}

/// What was told of a Service, already cut down.
#[derive(Debug)]
pub struct ServiceEvent(Event<Service>);

/// What was told of a Namespace: its labels.
#[derive(Debug)]
pub struct NamespaceEvent(Event<BTreeMap<String, String>>);

/// What was told of an EndpointSlice, already cut down.
#[derive(Debug)]
pub struct SliceEvent(Event<Slice>);

/// What was told of a speaker, already cut down.
#[derive(Debug)]
pub struct SpeakerEvent(Event<SpeakerState>);

impl Change {
    fn is_unreadable(&self) -> bool {
        match self {
            Self::Service(ServiceEvent(event)) => unreadable(event),
            Self::Slice(SliceEvent(event)) => match event {
                Event::Applied(object) => object.value.as_ref().is_ok_and(|slice| slice.unreadable.is_some()),
                Event::Relisting | Event::Deleted(..) | Event::Listed | Event::Connected | Event::Lost(_) => false,
            },
            Self::Namespace(NamespaceEvent(event)) => unreadable(event),
            Self::Node(event) => unreadable(event),
            Self::Secret(event) => unreadable(event),
            Self::Speaker(SpeakerEvent(event)) => unreadable(event),
            Self::Configuration(event) => match event {
                ConfigurationEvent::Pool(event) => unreadable(event),
                ConfigurationEvent::L2Advertisement(event) => unreadable(event),
                ConfigurationEvent::BgpAdvertisement(event) => unreadable(event),
                ConfigurationEvent::Peer(event) => unreadable(event),
                ConfigurationEvent::BfdProfile(event) => unreadable(event),
                ConfigurationEvent::Community(event) => unreadable(event),
            },
            Self::Identity(_) => false,
        }
    }

    pub(super) fn service(event: Event<core::Service>) -> Self {
        Self::Service(ServiceEvent(event.map(objects::service)))
    }

    pub(super) fn slice(event: Event<core::EndpointSlice>) -> Self {
        Self::Slice(SliceEvent(slices::slice(event)))
    }

    pub(super) fn namespace(event: Event<core::Namespace>) -> Self {
        Self::Namespace(NamespaceEvent(event.map(objects::namespace)))
    }

    pub(super) fn node(event: Event<core::Node>) -> Self {
        Self::Node(event.map(objects::node))
    }

    pub(super) fn speaker(event: Event<SpeakerState>) -> Self {
        Self::Speaker(SpeakerEvent(event))
    }

    /// Drops the status: it counts what is allocated, so it changes with every Service and decides nothing here.
    pub(super) fn configuration(event: ConfigurationEvent) -> Self {
        Self::Configuration(match event {
            ConfigurationEvent::Pool(event) => ConfigurationEvent::Pool(event.map(without_status)),
            ConfigurationEvent::L2Advertisement(event) => {
                ConfigurationEvent::L2Advertisement(event.map(without_status))
            }
            ConfigurationEvent::BgpAdvertisement(event) => {
                ConfigurationEvent::BgpAdvertisement(event.map(without_status))
            }
            ConfigurationEvent::Peer(event) => ConfigurationEvent::Peer(event.map(without_status)),
            ConfigurationEvent::BfdProfile(event) => ConfigurationEvent::BfdProfile(event.map(without_status)),
            ConfigurationEvent::Community(event) => ConfigurationEvent::Community(event.map(without_status)),
        })
    }
}

/// The latest version of everything that a plan is made of.
#[derive(Debug, Default)]
pub struct Cluster {
    configuration: Configuration,
    services: Table<Service>,
    slices: Slices,
    namespaces: Table<BTreeMap<String, String>>,
    nodes: Table<core::Node>,
    secrets: Table<core::Secret>,
    /// Who else announces; nothing that is announced depends on it, so nothing waits for it.
    speakers: Table<SpeakerState>,
    /// Grows with every change of the Nodes and the speakers.
    neighbourhood: u64,
    names: Names,
    /// Which cluster it is, or why that is not known.
    identity: Option<Result<ClusterId, String>>,
    stale: Stale,
    updates: Updates,
}

/// What has changed since it was last asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Stale {
    /// Something that every decision may depend on, or more than is known by name.
    #[default]
    Everything,
    /// These Services, their endpoints included, and perhaps Secrets.
    Services(BTreeSet<ObjectName>),
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
pub fn follow(tasks: &Tasks, client: &Client, namespace: &str, changes: &mpsc::Sender<Change>) {
    let services = Collection::everywhere("v1", "services").fields("spec.type=LoadBalancer");
    tasks.spawn("the watch of Services", watch(services).follow(client.clone(), changes.clone(), Change::service));
    // A headless Service has no load balancer, and its slices are many.
    let slices = Collection::everywhere("discovery.k8s.io/v1", "endpointslices");
    let slices = slices.labels("!service.kubernetes.io/headless");
    tasks.spawn("the watch of EndpointSlices", watch(slices).follow(client.clone(), changes.clone(), Change::slice));
    let namespaces = Collection::everywhere("v1", "namespaces");
    let namespaces = watch(namespaces).follow(client.clone(), changes.clone(), Change::namespace);
    tasks.spawn("the watch of Namespaces", namespaces);
    let nodes = Collection::everywhere("v1", "nodes");
    tasks.spawn("the watch of Nodes", watch(nodes).follow(client.clone(), changes.clone(), Change::node));
    let secrets = Collection::within(namespace, "v1", "secrets");
    // Passwords are named by the configuration. What Helm keeps beside them is large, and no business of ours.
    let secrets = secrets.fields("type!=helm.sh/release.v1,type!=kubernetes.io/service-account-token");
    tasks.spawn("the watch of Secrets", watch(secrets).follow(client.clone(), changes.clone(), Change::Secret));
    let speakers = Collection::within(namespace, &format!("{GROUP}/v1beta1"), "configurationstates");
    let speakers = speakers.labels(speakers::LABELS);
    tasks.spawn("the watch of speakers", watch(speakers).follow(client.clone(), changes.clone(), Change::speaker));
    follow_configuration(tasks, client, namespace, Freshness::Cached, changes, Change::configuration);
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
            Change::Service(ServiceEvent(event)) => self.take_service(event),
            Change::Slice(SliceEvent(event)) => self.take_slice(event),
            Change::Namespace(NamespaceEvent(event)) => self.take_namespace(event),
            Change::Node(event) => {
                let changed = self.nodes.take(event);
                self.neighbourhood += u64::from(changed);
                self.note(changed, None)
            }
            Change::Secret(event) => self.secrets.take(event),
            Change::Speaker(SpeakerEvent(event)) => {
                let changed = self.speakers.take(event);
                self.neighbourhood += u64::from(changed);
                changed
            }
            Change::Configuration(event) => {
                let changed = self.configuration.take(event);
                self.note(changed, None)
            }
            Change::Identity(outcome) => {
                let outcome = Some(outcome);
                let changed = !matches!(self.identity, Some(Ok(_))) && self.identity != outcome;
                if changed {
                    self.identity = outcome;
                }
                changed
            }
        }
    }

    /// Returns which cluster it is.
    ///
    /// # Errors
    /// Says why that is not known.
    pub fn identity(&self) -> Result<&ClusterId, &str> {
        match &self.identity {
            Some(Ok(identity)) => Ok(identity),
            Some(Err(why)) => Err(why),
            None => Err("not asked yet"),
        }
    }

    /// Returns how many changes were told since the start.
    pub const fn updates(&self) -> Updates {
        self.updates
    }

    /// Returns what has changed since this was last asked; at first, everything.
    pub(super) fn take_stale(&mut self) -> Stale {
        std::mem::replace(&mut self.stale, Stale::Services(BTreeSet::new()))
    }

    /// Makes the next plan one of everything, because the last one came to no end.
    pub(super) fn forget_plan(&mut self) {
        self.stale = Stale::Everything;
    }

    /// Notes that a Service is stale if it has changed, or everything if it has no name.
    fn note(&mut self, changed: bool, service: Option<ObjectName>) -> bool {
        match (&mut self.stale, service) {
            (Stale::Services(services), Some(service)) if changed => drop(services.insert(service)),
            (Stale::Services(_), None) if changed => self.stale = Stale::Everything,
            (Stale::Services(_) | Stale::Everything, _) => {}
        }
        changed
    }

    fn take_service(&mut self, mut event: Event<Service>) -> bool {
        if let Event::Applied(object) = &mut event {
            self.names.share(&mut object.name.namespace);
        }
        let service = subject(&event).cloned();
        let changed = self.services.take(event);
        self.note(changed, service)
    }

    fn take_namespace(&mut self, event: Event<BTreeMap<String, String>>) -> bool {
        let namespace = subject(&event).map(|object| object.name.clone());
        let changed = self.namespaces.take(event);
        let Some(namespace) = namespace else { return self.note(changed, None) };
        let names = self.services.rows().map(|(name, _)| name).filter(|name| name.namespace == namespace);
        let inside: Vec<_> = names.cloned().collect();
        inside.into_iter().fold(false, |noted, service| noted | self.note(changed, Some(service)))
    }

    fn take_slice(&mut self, event: Event<Slice>) -> bool {
        let Some(slice) = subject(&event).cloned() else {
            let changed = self.slices.take(event, &mut self.names);
            return self.note(changed, None);
        };
        let former = self.slices.service_of(&slice);
        let changed = self.slices.take(event, &mut self.names);
        let services = [former, self.slices.service_of(&slice)].into_iter().flatten();
        let balanced: Vec<_> = services.filter(|service| self.services.get(service).is_some()).collect();
        balanced.into_iter().fold(false, |noted, service| noted | self.note(changed, Some(service)))
    }

    /// Returns the configuration objects as they are written.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Returns what has not been listed yet, by the plural names of the kinds; without all of it nothing may be announced.
    pub fn unlisted(&self) -> Vec<&'static str> {
        let Self { configuration, services, slices, namespaces, nodes, secrets, .. } = self;
        let kinds = [
            ("services", services.is_listed()),
            ("endpointslices", slices.table.is_listed()),
            // Without them, pools admit more than they should; a speaker that may not list them announces all the same.
            ("namespaces", namespaces.is_listed() || namespaces.lost().is_some()),
            ("nodes", nodes.is_listed()),
            ("secrets", secrets.is_listed()),
            ("configuration", configuration.is_listed()),
        ];
        kinds.into_iter().filter(|(_, listed)| !listed).map(|(kind, _)| kind).collect()
    }

    /// Returns why changes do not arrive, in words; what was told stays in effect meanwhile.
    pub fn lost(&self) -> Vec<String> {
        let Self { configuration, services, slices, namespaces, nodes, secrets, speakers, .. } = self;
        let errors = [
            ("services", services.lost()),
            ("endpointslices", slices.table.lost()),
            ("namespaces", namespaces.lost()),
            ("nodes", nodes.lost()),
            ("secrets", secrets.lost()),
            ("configuration", configuration.lost()),
            ("configurationstates", speakers.lost()),
        ];
        let lost = |(plural, error): (&str, Option<&WatchError>)| Some(format!("cannot follow {plural}: {}", error?));
        errors.into_iter().filter_map(lost).collect()
    }

    /// Returns what is wrong with the objects that are not configuration, in words.
    pub fn faults(&self) -> Vec<String> {
        let Self { configuration: _, services, slices, namespaces, nodes, secrets, speakers, .. } = self;
        let mut faults: Vec<String> = Vec::new();
        faults.extend(services.faults().map(|fault| format!("Service {fault}")));
        faults.extend(slices.unreadable().filter(|(_, of, _)| services.get(of).is_some()).map(|(name, _, reason)| {
            format!("EndpointSlice {name} cannot be read and counts as empty: {reason}; correct the object")
        }));
        faults.extend(namespaces.faults().map(|fault| format!("Namespace {fault}")));
        faults.extend(nodes.faults().map(|fault| format!("Node {fault}")));
        faults.extend(secrets.faults().map(|fault| format!("Secret {fault}")));
        faults.extend(speakers.faults().map(|fault| format!("ConfigurationState {fault}")));
        faults
    }

    /// Returns the configuration objects that cannot be read, in words.
    pub fn unreadable(&self) -> Vec<String> {
        self.configuration.unreadable().map(|(kind, fault)| format!("{kind} {fault}")).collect()
    }

    /// Returns the names of the Services of type LoadBalancer.
    pub(super) fn services(&self) -> impl Iterator<Item = &ObjectName> {
        self.services.rows().map(|(name, _)| name)
    }

    /// Returns a Service, if it exists and ever could be read.
    pub(super) fn service(&self, name: &ObjectName) -> Option<&Service> {
        self.services.get(name)?.value.as_ref()
    }

    /// Returns why the present version of a Service cannot be read, if so.
    pub(super) fn service_fault(&self, name: &ObjectName) -> Option<&Undecodable> {
        self.services.get(name)?.fault.as_ref()
    }

    /// Returns the EndpointSlices of a Service, with their names.
    pub(super) fn slices<'a>(&'a self, service: &'a ObjectName) -> impl Iterator<Item = (&'a str, &'a Slice)> {
        self.slices.of(service)
    }

    /// Returns the labels of a Namespace; none as long as it is not known which Namespaces there are.
    pub(super) fn namespace_labels(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let labels = self.namespaces.get(&ObjectName::new("", name)).and_then(|row| row.value.clone());
        labels.or_else(|| self.namespaces.is_listed().then(BTreeMap::new))
    }

    /// Returns the Nodes.
    pub fn nodes(&self) -> Vec<&core::Node> {
        self.nodes.values().collect()
    }

    /// Returns a Node.
    pub fn node(&self, name: &str) -> Option<&core::Node> {
        self.nodes.get(&ObjectName::new("", name)).and_then(|row| row.value.as_ref())
    }

    /// Returns a number that is another one when [`Self::neighbours`] may return something else; nothing before all are listed.
    pub(super) fn neighbourhood(&self) -> Option<u64> {
        self.speakers.is_listed().then_some(self.neighbourhood)
    }

    /// Returns the other nodes that run a speaker of ours, with where it sends heartbeats.
    pub(super) fn neighbours(&self, me: &str) -> Vec<Neighbour> {
        let others = self.speakers.values().filter(|state| *state.node != *me && !state.links.is_empty());
        let neighbour = |state: &SpeakerState| Neighbour {
            node: state.node.clone(),
            ready: self.node(&state.node).is_some_and(view::is_ready),
            places: state.places(),
        };
        others.map(neighbour).collect()
    }

    /// Returns the Ethernet addresses by which the other nodes announce, be they up or not.
    pub(super) fn macs(&self, me: &str) -> BTreeMap<[u8; 6], Arc<str>> {
        let others = self.speakers.values().filter(|state| *state.node != *me);
        others.flat_map(|state| state.macs().map(|mac| (mac, state.node.clone()))).collect()
    }

    /// Returns the Secrets.
    pub fn secrets(&self) -> Vec<&core::Secret> {
        self.secrets.values().collect()
    }
}

fn without_status<K: HasStatus + Clone>(Quiet(mut object): Quiet<K>) -> Quiet<K> {
    *Arc::make_mut(&mut object).status_mut() = None;
    Quiet(object)
}

/// Returns the object that an event is about, if it is about one.
fn subject<T>(event: &Event<T>) -> Option<&ObjectName> {
    match event {
        Event::Applied(object) => Some(&object.name),
        Event::Deleted(name, _) => Some(name),
        Event::Relisting | Event::Listed | Event::Connected | Event::Lost(_) => None,
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
