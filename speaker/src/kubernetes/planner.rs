//! From everything that was told to what the wire thread does, whenever something changes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use announce::{Community, Desired, NodeName, PeerName, RouteAttributes, RouteTable, ServiceId, View};
use crds::checked::{Compiled, Compiler, Nodes};
use crds::core;
use crds::fault::{Fault, Severity};
use members::KeyRing;
use tasks::Panic;

use super::cluster::{Cluster, Stale};
use super::datapath::Readiness;
use super::slices;
use super::surroundings::Surroundings;
use crate::drivers::{routing, wire};
use crate::keys::KeysInUse;
use crate::net::links::Links;
use crate::peers::{self, RouterId};
use crate::{orders, view};
use services::id_of;

pub use values::{Held, Orders, Planned, Settings};

mod services;
mod values;

/// Asks routers to prefer any other route (RFC 8326 §5).
const GRACEFUL_SHUTDOWN: Community = Community::new(65535, 0);

/// How a trouble begins that says that a plan came to no end.
const NO_PLAN: &str = "no plan could be made, so the one before stays in effect";

/// Plans, and keeps what a plan is made of: a change of one Service changes one row of it.
#[derive(Debug)]
pub struct Planner {
    settings: Settings,
    compiler: Compiler,
    compiled: Compiled,
    view: View,
    /// The Nodes of the view, as slices know them.
    nodes: slices::Nodes,
    ready_nodes: Arc<BTreeSet<Arc<str>>>,
    addresses: Arc<BTreeMap<ServiceId, Arc<Held>>>,
    keys: KeysInUse,
    announcing: announce::Planner,
    orders: orders::Sequence,
    surroundings: Surroundings,
    /// Chosen once, for another one would reset every session.
    router_id: Option<RouterId>,
    panics: u64,
}

impl Planner {
    /// Returns a planner that has compiled nothing yet.
    pub fn new(settings: Settings) -> Self {
        let view = View::default();
        let announcing = announce::Planner::new(&view, NodeName::from(settings.node.as_str()));
        Self {
            settings,
            compiler: Compiler::default(),
            compiled: Compiled::default(),
            view,
            nodes: slices::Nodes::default(),
            ready_nodes: Arc::default(),
            addresses: Arc::default(),
            keys: KeysInUse::default(),
            announcing,
            orders: orders::Sequence::default(),
            surroundings: Surroundings::default(),
            router_id: None,
            panics: 0,
        }
    }

    /// Plans; after a panic the plan `before` and its orders stay in effect, and that is a trouble.
    ///
    /// One odd object would otherwise end the speakers of all nodes at once, those included that announce what is not odd.
    pub fn plan_or_keep(
        &mut self,
        cluster: &mut Cluster,
        links: &Links,
        readiness: &Readiness,
        before: &Planned,
    ) -> (Planned, Option<Orders>) {
        match self.guard(cluster, |planner, cluster| planner.plan(cluster, links, readiness)) {
            Ok((planned, orders)) => (planned, Some(orders)),
            Err(panic) => (self.keep(cluster, before, &panic), None),
        }
    }

    /// Returns the plan before with the panic that stopped the next one.
    fn keep(&self, cluster: &Cluster, before: &Planned, panic: &Panic) -> Planned {
        let mut troubles = before.troubles.clone();
        troubles.retain(|trouble| !trouble.starts_with(NO_PLAN));
        troubles.push(format!("{NO_PLAN}: {panic}; please report it with the objects that were changed last"));
        Planned { troubles, updates: cluster.updates(), panics: self.panics, ..before.clone() }
    }

    /// Calls a planning function; after a panic the next plan is one of everything, so what was half done does not matter.
    fn guard<T>(&mut self, cluster: &mut Cluster, plan: impl FnOnce(&mut Self, &mut Cluster) -> T) -> Result<T, Panic> {
        let planned = tasks::caught_in(|| plan(self, cluster));
        if planned.is_err() {
            self.panics += 1;
            cluster.forget_plan();
        }
        planned
    }

    /// Plans; until everything is listed the orders say that nothing is to be done, for what is not known yet may forbid it.
    pub fn plan(&mut self, cluster: &mut Cluster, links: &Links, readiness: &Readiness) -> (Planned, Orders) {
        let unlisted = cluster.unlisted();
        let mut unreadable = cluster.unreadable();
        let mut troubles = cluster.faults();
        let datapath = trouble(readiness);
        let closed = datapath.clone().filter(|_| !is_open(readiness));
        troubles.extend(datapath);
        if !unlisted.is_empty() {
            let updates = cluster.updates();
            return (
                Planned { unlisted, closed, unreadable, troubles, updates, panics: self.panics, ..Planned::default() },
                Orders::default(),
            );
        }
        let desired = match self.update(cluster, links) {
            Difference::Anything => self.announcing.plan(&self.view),
            Difference::Services(changed) if changed.is_empty() => self.announcing.desired(),
            Difference::Services(changed) => self.announcing.replan(&self.view, &changed),
        };
        let desired = desired.clone();
        let (keys, keyless) = self.keys(cluster);
        let node = &self.settings.node;
        let is_known = cluster.node(node).is_some();
        let of_objects = orders::closed(node, is_known, &desired, keyless.as_deref().filter(|_| keys.is_none()));
        troubles.extend(of_objects.clone().filter(|_| !is_known));
        let closed = closed.or(of_objects);
        unreadable.extend(keyless);
        let heartbeat_keys = keys.iter().flat_map(KeyRing::ids).map(|id| id.to_string()).collect();
        let wire = self.wire(cluster, &desired, links, keys, readiness);
        let (served, roster) = self.surroundings.serve(&wire, links);
        let routing = self.routing(cluster, &desired, links, readiness);
        unreadable.extend(routing.peers.values().filter_map(|peer| peer.as_ref().err()).map(ToString::to_string));
        let is_note = |fault: &Fault| fault.severity() == Severity::Note;
        let (noted, faults) = self.compiled.faults.iter().cloned().partition(is_note);
        let (ready_nodes, addresses, updates) = (self.ready_nodes.clone(), self.addresses.clone(), cluster.updates());
        (
            Planned {
                heartbeat_keys,
                unlisted,
                closed,
                desired,
                ready_nodes,
                addresses,
                faults,
                unreadable,
                troubles,
                noted,
                uid: cluster
                    .node(&self.settings.node)
                    .and_then(|node| node.metadata.uid.as_deref())
                    .unwrap_or_default()
                    .into(),
                served,
                roster,
                updates,
                passed_over: cluster.passed_over(),
                panics: self.panics,
            },
            Orders { wire, routing },
        )
    }

    /// Makes the view show what the cluster holds; returns what differs from what it showed before.
    fn update(&mut self, cluster: &mut Cluster, links: &Links) -> Difference {
        match cluster.take_stale() {
            Stale::Everything => {
                self.begin(cluster, links);
                for name in cluster.services() {
                    self.show(cluster, name);
                }
                Difference::Anything
            }
            Stale::Services(services) => {
                let changed = services.iter().filter(|name| self.show(cluster, name)).map(id_of).collect();
                let links = view::links(links, &self.settings.exclusion, &self.view.l2_advertisements);
                if self.view.links == links {
                    return Difference::Services(changed);
                }
                self.view.links = links;
                Difference::Anything
            }
        }
    }

    /// Compiles the configuration and starts a view without Services.
    fn begin(&mut self, cluster: &Cluster, links: &Links) {
        let nodes = cluster.nodes();
        let labels = |node: &&core::Node| (node.metadata.name.clone(), node.metadata.labels.clone());
        let labels: Nodes = nodes.iter().map(labels).collect();
        let written = cluster.configuration().written();
        self.compiled = self.compiler.compile(&written, Some(&labels), &self.settings.namespace);
        let Settings { policy, exclusion, .. } = &self.settings;
        self.view = view::Inputs { config: &self.compiled.config, nodes: &nodes, policy, links, exclusion }.view();
        self.nodes = self.view.nodes.keys().collect();
        let ready = self.view.nodes.iter().filter(|(_, node)| node.ready);
        self.ready_nodes = Arc::new(ready.map(|(name, _)| name.0.clone()).collect());
        self.addresses = Arc::default();
    }

    /// Returns the keys of the heartbeats, and what is wrong with them in words.
    fn keys(&mut self, cluster: &Cluster) -> (Option<KeyRing>, Option<String>) {
        match self.settings.cluster.as_ref().map_or_else(|| cluster.identity(), Ok) {
            Ok(identity) => self.keys.read(&cluster.secrets(), &self.settings.namespace, identity),
            Err(why) => {
                let fault = format!(
                    "namespace kube-system, whose uid tells this cluster from others on the same network, cannot be read: \
                     {why}; until it can, nothing is announced by ARP or NDP: let this speaker get that namespace, or start \
                     all speakers with the same --cluster-name"
                );
                (None, Some(fault))
            }
        }
    }

    fn wire(
        &mut self,
        cluster: &Cluster,
        desired: &Desired,
        links: &Links,
        keys: Option<KeyRing>,
        readiness: &Readiness,
    ) -> wire::Desired {
        let node = orders::NodeOrders {
            keys,
            ready: is_open(readiness),
            draining: matches!(readiness, Readiness::Lost { .. }),
            unicast: self.settings.unicast.then(|| internal_addresses(&cluster.nodes())),
            macs: self.surroundings.meet(cluster, &self.settings.node),
        };
        self.orders.next(desired, links, node)
    }

    fn routing(
        &mut self,
        cluster: &Cluster,
        desired: &Desired,
        links: &Links,
        readiness: &Readiness,
    ) -> routing::Desired {
        let Settings { node: name, namespace, .. } = &self.settings;
        let node = cluster.node(name);
        let router_id = *self.router_id.get_or_insert_with(|| peers::default_router_id(name, node, links));
        let secrets = cluster.secrets();
        let peers =
            peers::Inputs { config: &self.compiled.config, node, secrets: &secrets, namespace, router_id }.peers();
        let routes = match readiness {
            Readiness::Ready | Readiness::Never { .. } => desired.routes.clone(),
            Readiness::Lost { .. } => avoided(&desired.routes),
        };
        routing::Desired {
            peers,
            routes,
            export: desired.export.clone(),
            links: Arc::new(links.clone()),
            ready: is_open(readiness),
        }
    }
}

/// What a view shows otherwise than the one that was planned last.
enum Difference {
    /// Perhaps everything.
    Anything,
    /// These Services at most.
    Services(BTreeSet<ServiceId>),
}

/// Says whether the node may attract traffic, as long as nobody better does.
const fn is_open(readiness: &Readiness) -> bool {
    match readiness {
        Readiness::Ready | Readiness::Lost { .. } => true,
        Readiness::Never { .. } => false,
    }
}

/// Marks routes as ones to be used where there is no other (RFC 8326 §4); unlike those of a drain they are not withdrawn.
fn avoided(routes: &BTreeMap<PeerName, Arc<RouteTable>>) -> BTreeMap<PeerName, Arc<RouteTable>> {
    let mark = |attributes: &Arc<RouteAttributes>| {
        let mut attributes = RouteAttributes::clone(attributes);
        attributes.communities.insert(GRACEFUL_SHUTDOWN);
        Arc::new(attributes)
    };
    let table = |table: &RouteTable| table.iter().map(|(prefix, attributes)| (*prefix, mark(attributes))).collect();
    routes.iter().map(|(peer, routes)| (peer.clone(), Arc::new(table(routes)))).collect()
}

fn trouble(readiness: &Readiness) -> Option<String> {
    match readiness {
        Readiness::Ready => None,
        Readiness::Never { why } => Some(format!(
            "the datapath of this node is not ready, so it announces nothing: {why}; see --datapath if this node has another one"
        )),
        Readiness::Lost { why } => {
            Some(format!("the datapath of this node is no longer ready, so it hands over what others can take: {why}"))
        }
    }
}

fn internal_addresses(nodes: &[&core::Node]) -> Vec<IpAddr> {
    let addresses = nodes.iter().flat_map(|node| &node.status.addresses);
    let internal = addresses.filter(|address| address.kind == "InternalIP");
    internal.filter_map(|address| address.address.parse().ok()).collect()
}

#[cfg(test)]
mod kept;
#[cfg(test)]
mod tests;
