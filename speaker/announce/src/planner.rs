//! Plans again and again, each time no more than a change can have touched.

mod blocks;
mod sets;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::desired::{Desired, Standing, Warning};
use crate::names::{LinkName, NodeName, PeerName, ServiceId};
use crate::plan::{plan, plan_part};
use crate::routes::{Prefix, RouteAttributes, RouteTable};
use crate::view::View;
use blocks::{Blocks, Touched};
use sets::Sets;

/// Keeps a plan, and what it takes to find out which part of it a change of some services touches.
///
/// Whatever the changes, the kept plan equals [`plan`] of the view as it is.
#[derive(Debug)]
pub struct Planner {
    me: NodeName,
    desired: Arc<Desired>,
    blocks: Blocks,
    shared: Shared,
}

/// The allocations that parts of the plan share.
#[derive(Debug)]
struct Shared {
    candidates: Sets<BTreeMap<NodeName, Standing>>,
    links: Sets<BTreeSet<LinkName>>,
    peers: Sets<BTreeSet<PeerName>>,
    attributes: Sets<RouteAttributes>,
}

/// What each peer is told.
type Routes = BTreeMap<PeerName, Arc<RouteTable>>;

impl Planner {
    /// Returns a planner for node `me`, with the plan of `view`.
    pub fn new(view: &View, me: NodeName) -> Self {
        let desired = Arc::new(plan(view, &me));
        Self { me, blocks: Blocks::new(view), shared: Shared::of(&desired), desired }
    }

    /// Returns the plan.
    pub fn desired(&self) -> &Arc<Desired> {
        &self.desired
    }

    /// Plans a view that may be another one altogether.
    pub fn plan(&mut self, view: &View) -> &Arc<Desired> {
        *self = Self::new(view, self.me.clone());
        &self.desired
    }

    /// Plans a view that differs from the one planned last by `changed` services alone, and by which advertisements select them.
    pub fn replan(&mut self, view: &View, changed: &BTreeSet<ServiceId>) -> &Arc<Desired> {
        let touched = self.blocks.update(view, changed);
        let part: Vec<_> = touched.services.iter().filter_map(|id| view.services.get_key_value(id)).collect();
        let mut part = plan_part(view, &part, &self.me);
        self.shared.share(&mut part);
        let desired = Arc::make_mut(&mut self.desired);
        touched.replace(desired, part);
        self.shared.forget_unused();
        &self.desired
    }
}

impl Shared {
    fn of(desired: &Desired) -> Self {
        Self {
            candidates: Sets::of(desired.l2.values().map(|vip| &vip.candidates)),
            links: Sets::of(desired.l2.values().map(|vip| &vip.links.names)),
            peers: Sets::of(desired.services.values().map(|verdict| &verdict.bgp.peers)),
            attributes: Sets::of(desired.routes.values().flat_map(|table| table.values())),
        }
    }

    /// Makes a part of the plan use the allocations of the rest.
    fn share(&mut self, part: &mut Desired) {
        for vip in part.l2.values_mut().map(Arc::make_mut) {
            self.candidates.share(&mut vip.candidates);
            self.links.share(&mut vip.links.names);
        }
        for verdict in part.services.values_mut().map(Arc::make_mut) {
            self.peers.share(&mut verdict.bgp.peers);
        }
        for table in part.routes.values_mut().map(Arc::make_mut) {
            table.values_mut().for_each(|attributes| self.attributes.share(attributes));
        }
    }

    fn forget_unused(&mut self) {
        let Self { candidates, links, peers, attributes } = self;
        candidates.forget_unused();
        links.forget_unused();
        peers.forget_unused();
        attributes.forget_unused();
    }
}

impl Touched {
    /// Puts the plan of everything touched in the place of what was said of it.
    fn replace(&self, desired: &mut Desired, part: Desired) {
        // Links and export follow from what no service changes.
        let Desired { l2, links: _, routes, export: _, services, warnings } = part;
        for id in &self.services {
            desired.services.remove(id);
        }
        desired.services.extend(services);
        for block in &self.blocks {
            let range = block.range();
            let gone: Vec<IpAddr> = desired.l2.range(range.first..=range.last).map(|(vip, _)| *vip).collect();
            gone.iter().for_each(|vip| drop(desired.l2.remove(vip)));
        }
        desired.l2.extend(l2);
        desired.warnings.retain(|warning| !self.concerns(warning));
        desired.warnings.extend(warnings);
        self.replace_routes(&mut desired.routes, &routes);
    }

    fn replace_routes(&self, tables: &mut Routes, part: &Routes) {
        let mut replaced: Vec<[Arc<RouteTable>; 2]> = Vec::new();
        // The peers of a node are no matter of its services, so none comes and none goes.
        for (table, part) in tables.values_mut().zip(part.values()) {
            // Peers that shared a table go on sharing one.
            let known = replaced.iter().find(|[before, _]| Arc::ptr_eq(before, table)).map(|[_, after]| after.clone());
            let after = known.unwrap_or_else(|| {
                let after = self.replaced(table, part);
                replaced.push([table.clone(), after.clone()]);
                after
            });
            *table = after;
        }
    }

    /// Returns the table with what is touched replaced; the same one if that says nothing new, so that no session looks at it.
    fn replaced(&self, table: &Arc<RouteTable>, part: &RouteTable) -> Arc<RouteTable> {
        let touched = || self.blocks.iter().flat_map(|block| inside(table, *block));
        if touched().eq(part) {
            return Arc::clone(table);
        }
        let mut after = RouteTable::clone(table);
        touched().for_each(|(prefix, _)| drop(after.remove(prefix)));
        after.extend(part.iter().map(|(prefix, attributes)| (*prefix, Arc::clone(attributes))));
        Arc::new(after)
    }

    /// Returns whether a warning speaks of something touched.
    fn concerns(&self, warning: &Warning) -> bool {
        let holds = |vip: IpAddr| {
            let block = self.blocks.range(..=Prefix::host(vip)).next_back();
            block.is_some_and(|block| block.range().contains(vip))
        };
        match warning {
            Warning::Silent(why) => why.silenced().is_some_and(|service| self.services.contains(service)),
            Warning::Incomplete { service, .. } => self.services.contains(service),
            Warning::EveryCandidateDrains { vip } | Warning::NotConnected { vip, .. } => holds(*vip),
            Warning::InterfacesAbsent { .. } | Warning::SameSubnet { .. } => false,
        }
    }
}

/// Returns the routes to parts of a block, in order.
fn inside(table: &RouteTable, block: Prefix) -> impl Iterator<Item = (&Prefix, &Arc<RouteAttributes>)> {
    table.range(block..=Prefix::host(block.range().last))
}

#[cfg(test)]
mod tests;
