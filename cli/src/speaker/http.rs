//! What the speaker serves over HTTP.

use std::sync::Arc;

use prometheus::Registry;
use speaker::kubernetes::Planned;
use speaker::{Observer, RoutingObserved, RoutingObserver, WireObserved};
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
}

/// What was decided, and what comes of it.
pub(super) struct Snapshot {
    decided: Decided,
    wire: WireObserved,
    routing: RoutingObserved,
}

impl http::Source for Source {
    type Snapshot = Snapshot;

    async fn observe(&self) -> Snapshot {
        let (wire, routing) = tokio::join!(self.wire.observe_all(), self.routing.observe_all());
        let (planned, lost) = (self.planned.borrow().clone(), self.lost.borrow().clone());
        Snapshot { decided: Decided { node: self.node.clone(), planned, lost }, wire, routing }
    }

    fn metrics(Snapshot { decided, wire, routing }: &Snapshot, registry: &Registry) -> prometheus::Result<()> {
        report::metrics(registry, decided, wire, routing)
    }

    fn status(Snapshot { decided, wire, routing }: &Snapshot) -> Status {
        decided.status(wire, &routing.peers)
    }

    /// Ready means that everything is known, every wire was heard long enough to own addresses, and the node was able to forward once.
    ///
    /// A rollout waits for it: a new version, or a flag, with which a node would announce nothing goes no further than that node.
    fn unready(Snapshot { decided, wire, .. }: &Snapshot) -> Option<String> {
        unready(decided.unready(), wire)
    }
}
