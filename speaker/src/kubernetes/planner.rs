//! From everything that was told to what the wire thread does, whenever something changes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use announce::{Community, Desired, NodeName, PeerName, Policy, RouteAttributes, RouteTable, ServiceId, View};
use crds::checked::{Compiled, Compiler, Nodes, Pool};
use crds::core;
use crds::fault::{Fault, Severity};
use members::{KeyRing, Mine};

use super::cluster::{Cluster, Updates};
use super::datapath::Readiness;
use crate::drivers::{routing, wire};
use crate::exclusion::Exclusion;
use crate::net::links::Links;
use crate::peers::{self, RouterId};
use crate::{keys, orders, view};

/// Asks routers to prefer any other route (RFC 8326 §5).
const GRACEFUL_SHUTDOWN: Community = Community::new(65535, 0);

/// What never changes while the program runs.
#[derive(Debug)]
pub struct Settings {
    /// This node's name, as its Node object has it.
    pub node: String,
    /// The namespace whose custom resources and secrets count.
    pub namespace: String,
    /// The class of Services that is served; empty for those without one.
    pub lb_class: String,
    /// The cluster-wide settings.
    pub policy: Policy,
    /// Links that are left out unless named.
    pub exclusion: Exclusion,
    /// Heartbeats go to the InternalIP addresses of the Nodes instead of multicast groups.
    pub unicast: bool,
}

/// What the drivers do about it.
#[derive(Debug, Default)]
pub struct Orders {
    /// On the links.
    pub wire: wire::Desired,
    /// With the routers.
    pub routing: routing::Desired,
}

/// Plans; the configuration is compiled only when something of it has changed.
#[derive(Debug)]
pub struct Planner {
    settings: Settings,
    compiler: Compiler,
    compiled: Compiled,
    /// Chosen once, for another one would reset every session.
    router_id: Option<RouterId>,
}

/// What follows from everything that was told.
#[derive(Debug, Default)]
pub struct Planned {
    /// What has not been listed yet; if there is any, nothing is announced.
    pub unlisted: Vec<&'static str>,
    /// What should be announced, here or on other nodes.
    pub desired: Desired,
    /// The addresses of our pools that Services hold, with the pool of the first.
    pub addresses: BTreeMap<ServiceId, Held>,
    /// What is wrong with the configuration objects.
    pub faults: Vec<Fault>,
    /// The configuration objects that cannot be read at all, in words.
    pub unreadable: Vec<String>,
    /// What is wrong beside those objects, in words.
    pub troubles: Vec<String>,
    /// What works worse than it could, in words.
    pub notes: Vec<String>,
    /// How many changes were told before.
    pub updates: Updates,
}

/// What a Service holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its addresses, in the order of its status.
    pub ips: Vec<IpAddr>,
    /// The pool of the first.
    pub pool: Arc<str>,
    /// The uid of the Service.
    pub uid: Box<str>,
}

impl Planner {
    /// Returns a planner that has compiled nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, compiler: Compiler::default(), compiled: Compiled::default(), router_id: None }
    }

    /// Plans; until everything is listed the orders say that nothing is to be done, for what is not known yet may forbid it.
    pub fn plan(&mut self, cluster: &mut Cluster, links: &Links, readiness: &Readiness) -> (Planned, Orders) {
        let unlisted = cluster.unlisted();
        let unreadable = cluster.unreadable();
        let mut troubles = cluster.faults();
        troubles.extend(trouble(readiness));
        if !unlisted.is_empty() {
            let updates = cluster.updates();
            return (Planned { unlisted, unreadable, troubles, updates, ..Planned::default() }, Orders::default());
        }
        self.compile(cluster);
        let addresses = self.addresses(cluster);
        let view = self.view(cluster, links, &addresses);
        let desired = announce::plan(&view, &NodeName::from(self.settings.node.as_str()));
        let keys = keys::key_ring(&cluster.secrets(), &self.settings.namespace);
        troubles.extend(keys.as_ref().err().map(ToString::to_string));
        let wire = self.wire(cluster, &desired, links, keys.ok(), readiness);
        let routing = self.routing(cluster, &desired, links, readiness);
        troubles.extend(routing.peers.values().filter_map(|peer| peer.as_ref().err()).map(ToString::to_string));
        let noted = |fault: &&Fault| fault.severity() == Severity::Note;
        let notes = self.compiled.faults.iter().filter(noted).map(ToString::to_string);
        let notes = desired.warnings.iter().map(ToString::to_string).chain(notes).collect();
        let faults = self.compiled.faults.iter().filter(|fault| !noted(fault)).cloned().collect();
        let updates = cluster.updates();
        (
            Planned { unlisted, desired, addresses, faults, unreadable, troubles, notes, updates },
            Orders { wire, routing },
        )
    }

    fn compile(&mut self, cluster: &mut Cluster) {
        if !cluster.take_uncompiled() {
            return;
        }
        let labels = |node: &&core::Node| (node.metadata.name.clone(), node.metadata.labels.clone());
        let nodes: Nodes = cluster.nodes().iter().map(labels).collect();
        let written = cluster.configuration().written();
        self.compiled = self.compiler.compile(&written, Some(&nodes), &self.settings.namespace);
    }

    fn wire(
        &self,
        cluster: &Cluster,
        desired: &Desired,
        links: &Links,
        keys: Option<KeyRing>,
        readiness: &Readiness,
    ) -> wire::Desired {
        let unicast = self.settings.unicast.then(|| internal_addresses(&cluster.nodes()));
        let ready = is_open(readiness);
        let mut orders = orders::orders(desired, links, orders::NodeOrders { keys, ready, unicast });
        if let Readiness::Lost { .. } = readiness {
            drain(&mut orders);
        }
        orders
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

    fn addresses(&self, cluster: &Cluster) -> BTreeMap<ServiceId, Held> {
        let pools: Vec<(&Pool, Arc<str>)> =
            self.compiled.config.pools.values().map(|pool| (pool, pool.name.as_str().into())).collect();
        let pool_of = |ip: IpAddr| pools.iter().find(|(pool, _)| pool.contains(ip)).map(|(_, name)| name);
        let held = |(id, uid, ips): (ServiceId, Box<str>, Vec<IpAddr>)| {
            let pool = pool_of(*ips.first()?)?.clone();
            Some((id, Held { ips, pool, uid }))
        };
        cluster.addresses(|ip| pool_of(ip).is_some()).filter_map(held).collect()
    }

    fn view(&self, cluster: &Cluster, links: &Links, addresses: &BTreeMap<ServiceId, Held>) -> View {
        let allocated = addresses.iter().map(|(id, held)| (id.clone(), held.ips.clone())).collect();
        let mut view = view::Inputs {
            config: &self.compiled.config,
            services: &cluster.services(),
            slices: &[],
            nodes: &cluster.nodes(),
            allocated: &allocated,
            lb_class: &self.settings.lb_class,
            policy: &self.settings.policy,
            links,
            exclusion: &self.settings.exclusion,
        }
        .view();
        for (id, endpoints) in cluster.endpoints() {
            if let Some(service) = view.services.get_mut(&id) {
                service.endpoints = endpoints;
            }
        }
        view
    }
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

/// Asks others to take over what this node owns; what nobody takes it keeps.
fn drain(orders: &mut wire::Desired) {
    for link in orders.links.values_mut() {
        for candidacy in Arc::make_mut(&mut Arc::make_mut(link).vips).values_mut() {
            candidacy.mine = match candidacy.mine {
                Mine::Eligible | Mine::Draining => Mine::Draining,
                Mine::Ineligible => Mine::Ineligible,
            };
        }
    }
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
mod tests;
