//! What the watches have shown, kept as the snapshot that plans are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apiserver::{Configuration, ConfigurationEvent, Event, Incomplete, NoRoom, PassedOver, Rooms, Table, WatchError};
use crds::checked::{Compiled, Compiler, Nodes, Written};
use crds::core::Namespace;
use crds::fault::ObjectRef;
use ipam::{PoolName, ServiceId};

use super::objects::{NodeObject, ServiceObject};
use super::report::Situation;
use crate::convert;
use crate::ledger::Ledger;
use crate::plan::{Plan, plan};
use crate::snapshot::{BrokenPool, Snapshot};
use crate::view::{ResourceVersion, ServiceView};
use subnets::Subnets;

pub(super) use subnets::SpeakerState;

mod subnets;

/// What the Services of one namespace that hold no address may take, in bytes: more than 10,000 of them as people write them.
/// Kubernetes is made for 10,000 Services of all kinds in a whole cluster.
const ROOM: usize = 24 << 20;

/// A change in the cluster.
pub(super) enum ClusterEvent {
    Service(Event<ServiceObject>),
    Namespace(Event<Namespace>),
    Node(Event<NodeObject>),
    Speaker(Event<SpeakerState>),
    Configuration(ConfigurationEvent),
}

/// A Service that was just seen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The Service.
    pub service: ServiceId,
    /// The program that has changed what we wrote into its status, as it calls itself, if one has.
    pub changed_by: Option<String>,
}

/// The cluster as far as it is known.
pub(super) struct Cluster {
    lb_class: String,
    namespace: String,
    snapshot: Snapshot,
    services: Listing,
    namespaces: Table<Namespace>,
    nodes: Table<NodeObject>,
    subnets: Subnets,
    configuration: Configuration,
    compiler: Compiler,
    written: Arc<Written>,
    compiled: Arc<Compiled>,
    stale: Stale,
    /// Whether what is reported of the configuration may have changed.
    news: bool,
}

/// How far the list of Services has come; the Services themselves are in the snapshot.
struct Listing {
    done: bool,
    /// Those that a relist has not mentioned yet.
    unmentioned: BTreeSet<ServiceId>,
    lost: Option<WatchError>,
    rooms: Rooms,
}

/// What has to be worked out anew.
struct Stale {
    configuration: bool,
    pools: bool,
    plan: bool,
}

impl Cluster {
    pub(super) fn new(namespace: &str, lb_class: &str) -> Self {
        Self {
            lb_class: lb_class.to_owned(),
            namespace: namespace.to_owned(),
            snapshot: Snapshot::default(),
            services: Listing { done: false, unmentioned: BTreeSet::new(), lost: None, rooms: Rooms::new(ROOM) },
            namespaces: Table::default(),
            nodes: Table::default(),
            subnets: Subnets::default(),
            configuration: Configuration::default(),
            compiler: Compiler::default(),
            written: Arc::default(),
            compiled: Arc::default(),
            stale: Stale { configuration: true, pools: true, plan: true },
            news: false,
        }
    }

    /// Takes a change in; returns the Service that was seen, if it was one.
    pub(super) fn take(&mut self, event: ClusterEvent) -> Option<Seen> {
        match event {
            ClusterEvent::Service(event) => return self.take_service(event),
            ClusterEvent::Namespace(event) => self.stale.pools |= self.namespaces.take(event),
            ClusterEvent::Node(event) => self.stale.configuration |= self.nodes.take(event),
            ClusterEvent::Speaker(event) => {
                self.subnets.take(event);
                self.reserve_subnets();
            }
            ClusterEvent::Configuration(event) => self.stale.configuration |= self.configuration.take(event),
        }
        None
    }

    /// Says whether everything that a plan depends on has been seen once in whole.
    pub(super) fn is_listed(&self) -> bool {
        let configuration = self.configuration.is_listed() && self.subnets.is_known();
        self.services.done && self.namespaces.is_listed() && self.nodes.is_listed() && configuration
    }

    /// Returns why changes of some kind do not arrive at present.
    pub(super) fn lost(&self) -> Option<&WatchError> {
        let own = self.services.lost.as_ref().or_else(|| self.namespaces.lost()).or_else(|| self.nodes.lost());
        own.or_else(|| self.subnets.lost()).or_else(|| self.configuration.lost())
    }

    /// Takes over which Services another program keeps changing.
    pub(super) fn contend(&mut self, contended: BTreeMap<ServiceId, Arc<str>>) {
        self.stale.plan |= self.snapshot.contended != contended;
        self.snapshot.contended = contended;
    }

    /// Asks for a new plan although the cluster has not changed, as after a write that failed.
    pub(super) fn replan(&mut self) {
        self.stale.plan = true;
    }

    /// Returns a new plan if something has changed that it may depend on.
    pub(super) fn plan(&mut self) -> Option<Plan> {
        if !self.is_listed() {
            return None;
        }
        if std::mem::take(&mut self.stale.configuration) {
            self.compile();
        }
        if std::mem::take(&mut self.stale.pools) {
            self.resolve_pools();
        }
        std::mem::take(&mut self.stale.plan).then(|| {
            let plan = plan(&self.snapshot);
            self.snapshot.remember(&plan);
            plan
        })
    }

    /// Returns what reports are made of if it has changed, or if there is a new plan.
    pub(super) fn situation(&mut self, plan: &Arc<Plan>, replanned: bool) -> Option<Situation> {
        if !(std::mem::take(&mut self.news) || replanned) {
            return None;
        }
        let unreadable = self.configuration.unreadable().map(|(kind, fault)| {
            let (namespace, name) = (fault.object.namespace.to_string(), fault.object.name.to_string());
            (ObjectRef { kind: kind.to_owned(), namespace, name }, fault.reason.clone())
        });
        Some(Situation {
            written: self.written.clone(),
            compiled: self.compiled.clone(),
            unreadable: unreadable.collect(),
            plan: plan.clone(),
            crowded: self.crowded(),
            listed: true,
        })
    }

    /// Returns the Services and the writes that they do not show yet.
    pub(super) fn statuses(&mut self) -> (&BTreeMap<ServiceId, ServiceView>, &mut Ledger) {
        (&self.snapshot.services, &mut self.snapshot.ledger)
    }

    fn take_service(&mut self, event: Event<ServiceObject>) -> Option<Seen> {
        match event {
            Event::Relisting => {
                self.services.unmentioned = self.snapshot.services.keys().cloned().collect();
                self.services.rooms.relisting();
            }
            Event::Applied(object) => {
                let id = ServiceId::new(&object.name.namespace, &object.name.name);
                self.services.unmentioned.remove(&id);
                let changed_by = match object.value {
                    Ok(service) => self.take_version(&id, service, ResourceVersion(object.version.0)),
                    Err(unreadable) => {
                        tracing::warn!(service = %id, reason = %unreadable.reason, "the Service cannot be read and stays as it was");
                        None
                    }
                };
                return Some(Seen { service: id, changed_by });
            }
            Event::Deleted(name, _) => self.remove(&ServiceId::new(&name.namespace, &name.name)),
            Event::Listed => {
                for id in std::mem::take(&mut self.services.unmentioned) {
                    self.remove(&id);
                }
                self.services.done = true;
                self.stale.plan = true;
                let services = self.snapshot.services.values();
                let costs = services.map(|view| (view.id.namespace().as_str(), view.cost()));
                self.news |= self.services.rooms.listed(costs);
            }
            Event::Connected => self.services.lost = None,
            Event::Lost(error) => self.services.lost = Some(error),
        }
        None
    }

    /// Takes a readable Service in; returns who has changed what we wrote into its status, if somebody has.
    fn take_version(&mut self, id: &ServiceId, service: ServiceObject, version: ResourceVersion) -> Option<String> {
        let writer = service.last_writer().to_owned();
        match service.view(version, &self.lb_class) {
            Some(view) if self.admit(&view) => self.put(view).then_some(writer),
            Some(_) => {
                self.forget(id);
                None
            }
            None => {
                self.remove(id);
                None
            }
        }
    }

    /// Keeps a Service as it is; returns whether its status is not what it was with our writes carried out.
    fn put(&mut self, view: ServiceView) -> bool {
        let selects = self.selects_services();
        let Snapshot { services, ledger, .. } = &mut self.snapshot;
        let before = services.get(&view.id).map(|old| ledger.overlay(old).into_owned());
        ledger.observe(&view);
        let after = ledger.overlay(&view);
        let changed = before.as_ref().is_some_and(|before| before.uid == after.uid && !has_same_status(before, &after));
        // Our own writes come back by the watch and change nothing that was planned with.
        self.stale.plan |= before.as_ref().is_none_or(|before| !is_same(before, &after));
        self.stale.pools |= selects && before.is_none_or(|before| before.labels != view.labels);
        services.insert(view.id.clone(), view);
        changed
    }

    /// Books a Service; returns whether there is room for it. One that holds an address, or may have been given one, is always kept:
    /// whatever is not known counts as free.
    fn admit(&mut self, view: &ServiceView) -> bool {
        let Snapshot { services, ledger, .. } = &self.snapshot;
        let known = services.get(&view.id);
        let before = known.map_or(0, ServiceView::cost);
        let holds = !view.ingress.is_empty() || known.is_some_and(|known| !ledger.held(known).addresses.is_empty());
        let rooms = &mut self.services.rooms;
        if holds {
            rooms.insist(view.id.namespace().as_str(), before, view.cost());
            return true;
        }
        let booked = rooms.book(view.id.namespace().as_str(), view.id.name(), before, view.cost());
        self.news |= booked.is_err_and(|crowded| crowded != NoRoom::Known);
        booked.is_ok()
    }

    /// Returns what is wrong with the Services together, in words.
    pub(super) fn crowded(&self) -> Vec<String> {
        let line = |(namespace, passed): (&Arc<str>, &PassedOver)| {
            format!(
                "the Services of namespace {namespace} take more than {} MiB, so those without an address are not all served, such as {}; \
                 delete some, or limit them by a ResourceQuota of services.loadbalancers",
                ROOM >> 20,
                passed.text()
            )
        };
        self.services.rooms.crowded().map(line).collect()
    }

    /// Returns the namespaces in which Services were passed over, with how many versions of them.
    pub(super) fn passed_over(&self) -> BTreeMap<Arc<str>, u64> {
        self.services.rooms.crowded().map(|(namespace, passed)| (namespace.clone(), passed.versions)).collect()
    }

    /// Returns what the watch of Services has to know.
    pub(super) fn incomplete(&self) -> Incomplete {
        self.services.rooms.incomplete()
    }

    fn remove(&mut self, id: &ServiceId) {
        if let Some(view) = self.snapshot.services.get(id) {
            self.services.rooms.insist(id.namespace().as_str(), view.cost(), 0);
        }
        self.forget(id);
    }

    fn forget(&mut self, id: &ServiceId) {
        self.snapshot.ledger.forget(id);
        self.stale.plan |= self.snapshot.services.remove(id).is_some();
    }

    /// Says whether some pool is kept for Services with certain labels.
    fn selects_services(&self) -> bool {
        let allocations = self.compiled.config.pools.values().filter_map(|pool| pool.allocation.as_ref());
        allocations.into_iter().any(|allocation| !allocation.service_selectors.is_empty())
    }

    fn compile(&mut self) {
        let labels = |node: &NodeObject| (node.metadata.name.clone(), node.metadata.labels.clone());
        let nodes: Nodes = self.nodes.values().map(labels).collect();
        self.written = Arc::new(self.configuration.written());
        let compiled = self.compiler.compile(&self.written, Some(&nodes), &self.namespace);
        self.stale.pools |= compiled != *self.compiled;
        self.compiled = Arc::new(compiled);
        self.news = true;
        let addresses = self.nodes.values().flat_map(|node| &node.status.addresses);
        let reserved = addresses.filter_map(|address| address.address.parse().ok()).collect();
        self.stale.plan |= self.snapshot.policy.reserved != reserved;
        self.snapshot.policy.reserved = reserved;
        self.snapshot.policy.excluded = convert::excluded();
        let names: BTreeSet<&str> = self.nodes.values().map(|node| node.metadata.name.as_str()).collect();
        self.subnets.retain(|node| names.contains(node));
        self.reserve_subnets();
    }

    /// Reserves what the subnets of nodes keep for themselves; a report that shows the same subnets asks for no new plan.
    fn reserve_subnets(&mut self) {
        let subnets = self.subnets.all();
        self.stale.plan |= self.snapshot.policy.subnets != subnets;
        self.snapshot.policy.subnets = subnets;
    }

    fn resolve_pools(&mut self) {
        let in_effect = &self.compiled.config.pools;
        let unreadable = self.configuration.unreadable().filter(|(kind, _)| *kind == "IPAddressPool");
        let unreadable = unreadable.map(|(_, fault)| (PoolName::from(&*fault.object.name), convert::broken_pool(None)));
        let mut broken: BTreeMap<PoolName, BrokenPool> =
            unreadable.filter(|(name, _)| !in_effect.contains_key(name.as_str())).collect();
        broken.extend(convert::refused_pools(&self.compiled, self.written.pools.values().map(Arc::as_ref)));
        let mut pools = Vec::with_capacity(in_effect.len());
        for checked in in_effect.values() {
            match convert::pool(checked, self.namespaces.values(), self.snapshot.services.values()) {
                Ok(pool) => pools.push(pool),
                Err(error) => {
                    tracing::warn!("{:#}", anyhow::Error::new(error));
                    broken.insert(PoolName::from(checked.name.as_str()), BrokenPool::of(checked));
                }
            }
        }
        self.stale.plan |= pools != self.snapshot.pools || broken != self.snapshot.broken_pools;
        (self.snapshot.pools, self.snapshot.broken_pools) = (pools, broken);
    }
}

/// Says whether two versions of a Service differ in nothing that a plan depends on.
fn is_same(before: &ServiceView, after: &ServiceView) -> bool {
    *before == ServiceView { version: before.version, ..after.clone() }
}

/// Says whether two versions of a Service agree in what we write.
fn has_same_status(before: &ServiceView, after: &ServiceView) -> bool {
    let status = |view: &ServiceView| (view.ingress.clone(), view.pool_annotation.clone(), view.condition.clone());
    status(before) == status(after)
}

#[cfg(test)]
mod tests;
