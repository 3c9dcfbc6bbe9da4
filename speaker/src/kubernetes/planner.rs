//! From everything that was told to what the wire thread does, whenever something changes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use announce::{Desired, NodeName, Policy, ServiceId, View};
use crds::checked::{Compiled, Compiler, Nodes};
use crds::core;
use crds::fault::{Fault, Severity};
use members::Mine;

use super::cluster::Cluster;
use super::datapath::Readiness;
use crate::drivers::wire;
use crate::exclusion::Exclusion;
use crate::net::links::Links;
use crate::{keys, orders, view};

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

/// Plans; the configuration is compiled only when something of it has changed.
#[derive(Debug)]
pub struct Planner {
    settings: Settings,
    compiler: Compiler,
    compiled: Compiled,
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
    /// What is wrong beside those objects, in words.
    pub troubles: Vec<String>,
    /// What works worse than it could, in words.
    pub notes: Vec<String>,
}

/// What a Service holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its addresses, in the order of its status.
    pub ips: Vec<IpAddr>,
    /// The pool of the first.
    pub pool: String,
}

impl Planner {
    /// Returns a planner that has compiled nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, compiler: Compiler::default(), compiled: Compiled::default() }
    }

    /// Plans; until everything is listed the orders say that nothing is to be done, for what is not known yet may forbid it.
    pub fn plan(&mut self, cluster: &mut Cluster, links: &Links, readiness: &Readiness) -> (Planned, wire::Desired) {
        let unlisted = cluster.unlisted();
        let mut troubles = cluster.faults();
        if !unlisted.is_empty() {
            return (Planned { unlisted, troubles, ..Planned::default() }, wire::Desired::default());
        }
        if cluster.take_uncompiled() {
            let labels = |node: &&core::Node| (node.metadata.name.clone(), node.metadata.labels.clone());
            let nodes: Nodes = cluster.nodes().iter().map(labels).collect();
            let written = cluster.configuration().written();
            self.compiled = self.compiler.compile(&written, Some(&nodes), &self.settings.namespace);
        }
        let addresses = self.addresses(cluster);
        let view = self.view(cluster, links, &addresses);
        let desired = announce::plan(&view, &NodeName::from(self.settings.node.as_str()));
        let keys = keys::key_ring(&cluster.secrets(), &self.settings.namespace);
        troubles.extend(keys.as_ref().err().map(ToString::to_string));
        troubles.extend(trouble(readiness));
        let unicast = self.settings.unicast.then(|| internal_addresses(&cluster.nodes()));
        let ready = !matches!(readiness, Readiness::Never { .. });
        let mut orders = orders::orders(&desired, links, orders::NodeOrders { keys: keys.ok(), ready, unicast });
        if let Readiness::Lost { .. } = readiness {
            drain(&mut orders);
        }
        let (notes, faults) =
            self.compiled.faults.iter().cloned().partition(|fault| fault.severity() == Severity::Note);
        let notes: Vec<Fault> = notes;
        let notes =
            desired.warnings.iter().map(ToString::to_string).chain(notes.iter().map(ToString::to_string)).collect();
        (Planned { unlisted, desired, addresses, faults, troubles, notes }, orders)
    }

    fn addresses(&self, cluster: &Cluster) -> BTreeMap<ServiceId, Held> {
        let pool_of = |ip: IpAddr| {
            let pools = self.compiled.config.pools.values();
            pools.into_iter().find(|pool| pool.contains(ip))
        };
        let held = |(id, ips): (ServiceId, Vec<IpAddr>)| {
            let pool = pool_of(*ips.first()?)?.name.clone();
            Some((id, Held { ips, pool }))
        };
        cluster.addresses(|ip| pool_of(ip).is_some()).into_iter().filter_map(held).collect()
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
