//! Everything that was told of the cluster, and whether it is everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apiserver::{Configuration, Event, Incomplete, ObjectName, Table, Undecodable, WatchError};
use crds::core;
use members::ClusterId;

use super::objects::{Names, Service};
use super::slices::Slice;
use super::speakers::SpeakerState;
use crate::roster::Neighbour;
use crate::view;
use changes::{NamespaceEvent, ServiceEvent, SliceEvent, SpeakerEvent};
use secrets::Secrets;
use services::Services;
use slices::{Slices, Touched};

pub use changes::Change;
pub use follow::follow;

mod changes;
mod follow;
mod secrets;
mod services;
mod slices;

/// The latest version of everything that a plan is made of.
#[derive(Debug, Default)]
pub struct Cluster {
    configuration: Configuration,
    services: Services,
    slices: Slices,
    namespaces: Table<BTreeMap<String, String>>,
    nodes: Table<core::Node>,
    secrets: Secrets,
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

impl Cluster {
    /// Returns a cluster of which nothing is known, and whose Secrets are followed by these names; without any, all Secrets of the
    /// namespace are.
    pub fn with_secrets(names: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self { secrets: Secrets::named(names), ..Self::default() }
    }

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
            Change::Secret(event) => self.secrets.take(None, event),
            Change::NamedSecret(name, event) => self.secrets.take(Some(&name), event),
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

    fn take_service(&mut self, event: Event<Service>) -> bool {
        let service = subject(&event).cloned();
        let changed = self.services.take(event, &mut self.names);
        self.note(changed, service)
    }

    fn take_namespace(&mut self, event: Event<BTreeMap<String, String>>) -> bool {
        let namespace = subject(&event).map(|object| object.name.clone());
        let changed = self.namespaces.take(event);
        let Some(namespace) = namespace else { return self.note(changed, None) };
        let names = self.services.table.rows().map(|(name, _)| name).filter(|name| name.namespace == namespace);
        let inside: Vec<_> = names.cloned().collect();
        inside.into_iter().fold(false, |noted, service| noted | self.note(changed, Some(service)))
    }

    fn take_slice(&mut self, event: Event<Slice>) -> bool {
        let (services, is_news) = match self.slices.take(event, &mut self.names) {
            Touched::Nothing => return false,
            Touched::Anything => return self.note(true, None),
            Touched::Services(services) => (services, false),
            Touched::Crowded(services) => (services, true),
        };
        let services = services.into_iter();
        let balanced: Vec<_> = services.filter(|service| self.services.table.get(service).is_some()).collect();
        balanced.into_iter().fold(is_news, |noted, service| noted | self.note(true, Some(service)))
    }

    /// Returns the configuration objects as they are written.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// Returns what has not been listed yet, by the plural names of the kinds; without all of it nothing may be announced.
    pub fn unlisted(&self) -> Vec<&'static str> {
        let Self { configuration, services, slices, namespaces, nodes, secrets, .. } = self;
        let kinds = [
            ("services", services.table.is_listed()),
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
            ("services", services.table.lost()),
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
        faults.extend(services.faults());
        faults.extend(slices.faults(|service| services.table.get(service).is_some()));
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
        self.services.table.rows().map(|(name, _)| name)
    }

    /// Returns a Service, if it exists and ever could be read.
    pub(super) fn service(&self, name: &ObjectName) -> Option<&Service> {
        self.services.table.get(name)?.value.as_ref()
    }

    /// Returns why the present version of a Service cannot be read, if so.
    pub(super) fn service_fault(&self, name: &ObjectName) -> Option<&Undecodable> {
        self.services.table.get(name)?.fault.as_ref()
    }

    /// Returns the EndpointSlices of a Service, with their names.
    pub(super) fn slices<'a>(&'a self, service: &'a ObjectName) -> impl Iterator<Item = (&'a str, &'a Slice)> {
        self.slices.of(service)
    }

    /// Returns why some of the EndpointSlices of a Service may have been passed over, if so.
    pub(super) fn crowded_out(&self, service: &ObjectName) -> Option<String> {
        self.slices.crowded_out(service)
    }

    /// Returns how many versions of objects were passed over since they were last listed, by kind and namespace.
    pub(super) fn passed_over(&self) -> BTreeMap<(&'static str, Arc<str>), u64> {
        let kinds = [("Service", self.services.rooms()), ("EndpointSlice", self.slices.rooms())];
        let rows = kinds.into_iter().flat_map(|(kind, rooms)| rooms.crowded().map(move |row| (kind, row)));
        rows.map(|(kind, (namespace, passed))| ((kind, namespace.clone()), passed.versions)).collect()
    }

    /// Returns what the watches of Services and of EndpointSlices have to know.
    fn incomplete(&self) -> [Incomplete; 2] {
        [self.services.rooms().incomplete(), self.slices.rooms().incomplete()]
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

/// Returns the object that an event is about, if it is about one.
fn subject<T>(event: &Event<T>) -> Option<&ObjectName> {
    match event {
        Event::Applied(object) => Some(&object.name),
        Event::Deleted(name, _) => Some(name),
        Event::Relisting | Event::Listed | Event::Connected | Event::Lost(_) => None,
    }
}

#[cfg(test)]
mod tests;
