//! What `standalone` serves over HTTP.

use std::sync::Arc;
use std::time::Instant;

use prometheus::Registry;
use speaker::roster::{Advice, Reception};
use speaker::{Observer, RoutingObserved, RoutingObserver, WireObserved, metrics};
use tokio::sync::watch;

use super::report::Decided;
use crate::http::{self, gauge};
use crate::readiness::unready;
use crate::status::Status;

/// What the answers are made from.
#[derive(Debug)]
pub(super) struct Source {
    /// The latest decisions.
    pub decided: watch::Receiver<Arc<Decided>>,
    /// Asks the wire thread.
    pub wire: Observer,
    /// Asks the sessions with routers.
    pub routing: RoutingObserver,
    /// How heartbeats are sent.
    pub advice: Advice,
}

/// What was decided, and what comes of it.
pub(super) struct Snapshot {
    decided: Arc<Decided>,
    wire: WireObserved,
    routing: RoutingObserved,
    receptions: Vec<Reception>,
    /// What is wrong with the links on which speakers are missing.
    unheard: Vec<String>,
}

impl http::Source for Source {
    type Snapshot = Snapshot;

    async fn observe(&self) -> Snapshot {
        let (wire, routing) = tokio::join!(self.wire.observe_all(), self.routing.observe_all());
        let decided = self.decided.borrow().clone();
        let receptions = decided.roster.compare(&wire.links, Instant::now());
        let unheard = receptions.iter().filter_map(|link| link.fault(self.advice)).collect();
        Snapshot { decided, wire, routing, receptions, unheard }
    }

    fn metrics(
        Snapshot { decided, wire, routing, receptions, .. }: &Snapshot,
        registry: &Registry,
    ) -> prometheus::Result<()> {
        let Decided { node, desired, faults, .. } = &**decided;
        controller::metrics::collect(registry, &decided.allocated.plan)?;
        let (addresses, advertised) = (decided.addresses(), decided.advertised(&routing.peers));
        metrics::collect(registry, node, desired, &addresses, &wire.links, &routing.peers, &advertised)?;
        metrics::collect_receptions(registry, receptions)?;
        metrics::collect_routing(registry, routing)?;
        metrics::collect_panics(registry, decided.panics)?;
        gauge(registry, FAULTS, (faults.len() + wire.faults.len()) as f64)
    }

    fn status(Snapshot { decided, wire, routing, unheard, .. }: &Snapshot) -> Status {
        let mut status = decided.status(wire, &routing.peers);
        status.faults.extend(unheard.iter().cloned());
        status
    }

    fn unready(Snapshot { decided, wire, .. }: &Snapshot) -> Option<String> {
        unready(decided.closed.clone(), wire)
    }

    /// A node that does not hear the others is ready and says so: it announces, and a rollout that stopped there could not bring the
    /// flag that ends it.
    fn remarks(Snapshot { unheard, .. }: &Snapshot) -> &[String] {
        unheard
    }
}

/// The one metric that is the standalone program's own.
pub const FAULTS: metrics::Family = metrics::Family {
    name: "clarion_config_faults",
    kind: "gauge",
    labels: &[],
    help: "Faults in the manifests; /status has their texts",
};
