//! What `standalone` serves over HTTP.

use std::sync::Arc;

use prometheus::Registry;
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
}

/// What was decided, and what comes of it.
pub(super) struct Snapshot {
    decided: Arc<Decided>,
    wire: WireObserved,
    routing: RoutingObserved,
}

impl http::Source for Source {
    type Snapshot = Snapshot;

    async fn observe(&self) -> Snapshot {
        let (wire, routing) = tokio::join!(self.wire.observe_all(), self.routing.observe_all());
        Snapshot { decided: self.decided.borrow().clone(), wire, routing }
    }

    fn metrics(Snapshot { decided, wire, routing }: &Snapshot, registry: &Registry) -> prometheus::Result<()> {
        let Decided { node, desired, faults, .. } = &**decided;
        controller::metrics::collect(registry, &decided.allocated.plan)?;
        let (addresses, advertised) = (decided.addresses(), decided.advertised(&routing.peers));
        metrics::collect(registry, node, desired, &addresses, &wire.links, &routing.peers, &advertised)?;
        metrics::collect_routing(registry, routing)?;
        metrics::collect_panics(registry, decided.panics)?;
        gauge(registry, FAULTS, (faults.len() + wire.faults.len()) as f64)
    }

    fn status(Snapshot { decided, wire, routing }: &Snapshot) -> Status {
        decided.status(wire, &routing.peers)
    }

    fn unready(Snapshot { decided, wire, .. }: &Snapshot) -> Option<String> {
        unready(decided.closed.clone(), wire)
    }
}

/// The one metric that is the standalone program's own.
pub const FAULTS: metrics::Family = metrics::Family {
    name: "clarion_config_faults",
    kind: "gauge",
    labels: &[],
    help: "Faults in the manifests; /status has their texts",
};
