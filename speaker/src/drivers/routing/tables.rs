//! The routes of every peer, as its session takes them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use announce::{PeerName, Prefix, RouteAttributes, RouteTable};
use bgp::{Attributes, ExportFilter, Routes};
use tokio::time::Instant;

use super::desired::Desired;
use crate::peers;

/// Converted tables, kept as long as they say the same, so that an edit elsewhere makes no session compare its routes.
#[derive(Debug)]
pub(super) struct Tables {
    drain_time: Duration,
    by_peer: BTreeMap<PeerName, Converted>,
    export: ExportFilter,
    exported: Vec<Prefix>,
    /// Since when each route asks for others to be preferred.
    draining: BTreeMap<Prefix, Instant>,
    nothing: Arc<Routes>,
}

#[derive(Debug)]
struct Converted {
    from: Option<Arc<RouteTable>>,
    to: Option<Arc<Routes>>,
    /// When a route that drains is withdrawn.
    changes: Option<Instant>,
}

impl Tables {
    pub(super) fn new(drain_time: Duration) -> Self {
        Self {
            drain_time,
            by_peer: BTreeMap::new(),
            export: ExportFilter::default(),
            exported: Vec::new(),
            draining: BTreeMap::new(),
            nothing: Arc::default(),
        }
    }

    /// Returns the filter that keeps everything outside the pools in.
    pub(super) fn export(&self) -> ExportFilter {
        self.export.clone()
    }

    /// Returns the routes of a peer; none until it may be told anything.
    pub(super) fn routes(&self, peer: &PeerName) -> Option<Arc<Routes>> {
        self.by_peer.get(peer)?.to.clone()
    }

    /// Returns when the next route is withdrawn because its node drains.
    pub(super) fn next_change(&self) -> Option<Instant> {
        self.by_peer.values().filter_map(|converted| converted.changes).min()
    }

    /// Takes over what is desired; before the first readiness, that is silence.
    pub(super) fn update(&mut self, desired: &Desired, was_ready: bool, now: Instant) {
        if self.exported != desired.export {
            self.export = peers::export_filter(&desired.export);
            self.exported.clone_from(&desired.export);
        }
        self.by_peer.retain(|peer, _| desired.peers.contains_key(peer));
        self.note_draining(desired, now);
        for peer in desired.peers.keys() {
            let from = desired.ready.then(|| desired.routes.get(peer)).flatten();
            let current = self.by_peer.get(peer).is_some_and(|converted| {
                let due = converted.changes.is_some_and(|change| change <= now);
                same(converted.from.as_ref(), from) && !due && converted.to.is_some() == was_ready
            });
            if !current {
                let converted = self.convert(from, was_ready, now);
                self.by_peer.insert(peer.clone(), converted);
            }
        }
    }

    fn note_draining(&mut self, desired: &Desired, now: Instant) {
        let tables = desired.routes.values();
        let marked = tables.flat_map(|table| table.iter()).filter(|(_, route)| route.graceful_shutdown);
        let before = std::mem::take(&mut self.draining);
        self.draining = marked.map(|(prefix, _)| (*prefix, before.get(prefix).copied().unwrap_or(now))).collect();
    }

    fn convert(&self, from: Option<&Arc<RouteTable>>, was_ready: bool, now: Instant) -> Converted {
        let Some(table) = from else {
            return Converted { from: None, to: was_ready.then(|| self.nothing.clone()), changes: None };
        };
        let mut sets: BTreeMap<*const RouteAttributes, Arc<Attributes>> = BTreeMap::new();
        let mut routes = Routes::new();
        let mut changes = None;
        for (prefix, route) in &**table {
            if route.graceful_shutdown {
                let until = self.draining.get(prefix).copied().unwrap_or(now) + self.drain_time;
                if until <= now {
                    continue;
                }
                changes = Some(changes.map_or(until, |earlier: Instant| earlier.min(until)));
            }
            let set = sets.entry(Arc::as_ptr(route)).or_insert_with(|| Arc::new(peers::attributes(route)));
            routes.insert(peers::prefix(*prefix), set.clone());
        }
        Converted { from: Some(table.clone()), to: Some(Arc::new(routes)), changes }
    }
}

fn same(before: Option<&Arc<RouteTable>>, after: Option<&Arc<RouteTable>>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => Arc::ptr_eq(before, after) || before == after,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests;
