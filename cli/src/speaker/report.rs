//! What the node says of itself: the values behind `/status`, `/readyz` and `/metrics`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use announce::ServiceId;
use prometheus::{IntCounter, Opts, Registry};
use speaker::advertised::{Advertised, advertised};
use speaker::kubernetes::Planned;
use speaker::metrics::Family;
use speaker::{PeerObserved, RoutingObserved, WireObserved, metrics};

use crate::http::gauge;
use crate::standalone::FAULTS;
use crate::standalone::report::{
    company_notes, damped, draining, members_of, peer, peers_of, reason, vips, wire_faults,
};
use crate::status::{Service, Status};

/// What the node decided, as values; what it does at this moment is asked of the wire.
#[derive(Debug)]
pub(super) struct Decided {
    /// Name of this node.
    pub node: String,
    /// The latest plan.
    pub planned: Arc<Planned>,
    /// Why changes do not arrive.
    pub lost: Vec<String>,
}

impl Decided {
    /// Returns the status, given what is happening on the wire and with the routers.
    pub(super) fn status(&self, wire: &WireObserved, peers: &[PeerObserved]) -> Status {
        let links = wire.links.as_slice();
        Status {
            node: self.node.clone(),
            controller: None,
            services: self.services(wire, peers),
            // How full the pools are is the controller's to say.
            pools: Vec::new(),
            vips: vips(&self.planned.desired, links),
            members: links.iter().flat_map(members_of).collect(),
            peers: peers.iter().map(peer).collect(),
            scheduling: wire.scheduling.as_str().to_owned(),
            heartbeat_keys: wire.keys.iter().map(ToString::to_string).collect(),
            faults: self.faults().into_iter().chain(wire_faults(wire)).collect(),
            notes: self
                .planned
                .notes()
                .chain(draining(&self.planned.desired))
                .chain(links.iter().filter_map(damped))
                .chain(company_notes(links))
                .collect(),
        }
    }

    /// Returns why nothing may be announced yet; nothing if everything is known and the node can forward and be heard.
    ///
    /// A node whose datapath is lost later stays ready: it goes on as long as nobody takes over, and no restart would mend it.
    pub(super) fn unready(&self) -> Option<String> {
        let unlisted = &self.planned.unlisted;
        let waiting = (!unlisted.is_empty()).then(|| format!("not listed yet: {}", unlisted.join(", ")));
        let waiting = waiting.map(|waiting| self.lost.iter().fold(waiting, |text, lost| format!("{text}\n{lost}")));
        waiting.or_else(|| self.planned.closed.clone())
    }

    /// Returns what is wrong, in words.
    pub(super) fn troubles(&self) -> Vec<String> {
        let Planned { faults, unreadable, troubles, .. } = &*self.planned;
        troubles.iter().chain(unreadable).cloned().chain(faults.iter().map(ToString::to_string)).collect()
    }

    /// Returns the same with what is waited for in front.
    fn faults(&self) -> Vec<String> {
        let unlisted = &self.planned.unlisted;
        let waiting = format!("nothing is announced before it is listed: {}", unlisted.join(", "));
        (!unlisted.is_empty()).then_some(waiting).into_iter().chain(self.lost.clone()).chain(self.troubles()).collect()
    }

    /// Returns what the routers were told of Services.
    fn advertised(&self, peers: &[PeerObserved]) -> Advertised {
        advertised(&self.planned.desired, self.addresses(), peers)
    }

    /// Returns what Services hold.
    fn addresses(&self) -> BTreeMap<&ServiceId, &[IpAddr]> {
        self.planned.addresses.iter().map(|(service, held)| (service, held.ips.as_slice())).collect()
    }

    fn services(&self, wire: &WireObserved, peers: &[PeerObserved]) -> Vec<Service> {
        let advertised = self.advertised(peers);
        let closed = self.unready();
        let Planned { desired, addresses, .. } = &*self.planned;
        let ids: BTreeSet<&ServiceId> = addresses.keys().chain(desired.services.keys()).collect();
        let service = |id: &ServiceId| {
            let held = addresses.get(id);
            let ips = held.map(|held| held.ips.as_slice()).unwrap_or_default();
            let reason = desired
                .services
                .get(id)
                .and_then(|verdict| reason(verdict, ips, closed.as_deref(), wire, peers, advertised.contains_key(id)));
            Service {
                namespace: id.namespace.to_string(),
                name: id.name.to_string(),
                ips: ips.to_vec(),
                pool: held.map(|held| held.pool.to_string()),
                peers: peers_of(&advertised, id),
                state: if held.is_some() { "allocated" } else { "pending" }.to_owned(),
                reason,
            }
        };
        ids.into_iter().map(service).collect()
    }
}

/// Registers all metrics.
pub(super) fn metrics(
    registry: &Registry,
    decided: &Decided,
    wire: &WireObserved,
    routing: &RoutingObserved,
) -> prometheus::Result<()> {
    let WireObserved { links, faults: unserved, .. } = wire;
    let advertised = decided.advertised(&routing.peers);
    let addresses = decided.addresses();
    metrics::collect(
        registry,
        &decided.node,
        &decided.planned.desired,
        &addresses,
        links,
        &routing.peers,
        &advertised,
    )?;
    metrics::collect_routing(registry, routing)?;
    metrics::collect_panics(registry, decided.planned.panics)?;
    metrics::collect_passed_over(registry, &decided.planned.passed_over)?;
    let Planned { unlisted, faults, unreadable, updates, .. } = &*decided.planned;
    let stale = !faults.is_empty() || !unreadable.is_empty();
    let flag = |condition: bool| if condition { 1.0 } else { 0.0 };
    gauge(registry, LOADED, flag(unlisted.is_empty()))?;
    gauge(registry, STALE, flag(stale))?;
    gauge(registry, FAULTS, (decided.troubles().len() + unserved.len()) as f64)?;
    counter(registry, UPDATES, updates.total)?;
    counter(registry, ERRORS, updates.errors)
}

/// Whether there is a configuration; also of the controller.
pub const LOADED: Family = Family {
    name: "metallb_k8s_client_config_loaded_bool",
    kind: "gauge",
    labels: &[],
    help: "1 once the whole configuration has been read",
};
/// Whether it is the one that is written; also of the controller.
pub const STALE: Family = Family {
    name: "metallb_k8s_client_config_stale_bool",
    kind: "gauge",
    labels: &[],
    help: "1 while what is written is not, or may not be, what is in effect",
};
const UPDATES: Family = Family {
    name: "metallb_k8s_client_updates_total",
    kind: "counter",
    labels: &[],
    help: "Changes received from the API server",
};
const ERRORS: Family = Family {
    name: "metallb_k8s_client_update_errors_total",
    kind: "counter",
    labels: &[],
    help: "Changes to objects that cannot be read",
};

/// The metrics that this program has beside those of every speaker.
pub const FAMILIES: [Family; 5] = [LOADED, STALE, UPDATES, ERRORS, FAULTS];

fn counter(registry: &Registry, family: Family, value: u64) -> prometheus::Result<()> {
    let counter = IntCounter::with_opts(Opts::new(family.name, family.help))?;
    counter.inc_by(value);
    registry.register(Box::new(counter))
}
