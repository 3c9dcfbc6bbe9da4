//! What the speaker serves over HTTP.

use std::sync::Arc;
use std::time::Instant;

use prometheus::Registry;
use speaker::kubernetes::Planned;
use speaker::roster::{Advice, Reception};
use speaker::{Observer, RoutingObserved, RoutingObserver, WireObserved, metrics};
use tokio::sync::watch;

use super::report::{self, Decided};
use crate::http;
use crate::readiness::unready;
use crate::status::Status;

/// What the answers are made from.
#[derive(Debug)]
pub(super) struct Source {
    /// Name of this node.
    pub node: String,
    /// The latest plan.
    pub planned: watch::Receiver<Arc<Planned>>,
    /// Why changes do not arrive.
    pub lost: watch::Receiver<Vec<String>>,
    /// Asks the wire thread.
    pub wire: Observer,
    /// Asks the sessions with routers.
    pub routing: RoutingObserver,
    /// How heartbeats are sent.
    pub advice: Advice,
}

/// What was decided, and what comes of it.
pub(super) struct Snapshot {
    decided: Decided,
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
        let (planned, lost) = (self.planned.borrow().clone(), self.lost.borrow().clone());
        let receptions = planned.roster.compare(&wire.links, Instant::now());
        let unheard = receptions.iter().filter_map(|link| link.fault(self.advice)).collect();
        Snapshot { decided: Decided { node: self.node.clone(), planned, lost }, wire, routing, receptions, unheard }
    }

    fn metrics(
        Snapshot { decided, wire, routing, receptions, .. }: &Snapshot,
        registry: &Registry,
    ) -> prometheus::Result<()> {
        report::metrics(registry, decided, wire, routing)?;
        metrics::collect_receptions(registry, receptions)
    }

    fn status(Snapshot { decided, wire, routing, unheard, .. }: &Snapshot) -> Status {
        let mut status = decided.status(wire, &routing.peers);
        status.faults.extend(unheard.iter().cloned());
        status
    }

    /// Ready means that everything is known, every wire was heard long enough to own addresses, and the node was able to forward once.
    ///
    /// A rollout waits for it: a new version, or a flag, with which a node would announce nothing goes no further than that node.
    fn unready(Snapshot { decided, wire, .. }: &Snapshot) -> Option<String> {
        unready(decided.unready(), wire)
    }

    /// A node that does not hear the others is ready and says so: it announces, and a rollout that stopped there could not bring the
    /// flag that ends it.
    fn remarks(Snapshot { unheard, .. }: &Snapshot) -> &[String] {
        unheard
    }
}
