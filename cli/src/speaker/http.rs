//! The HTTP endpoints: `/metrics` for everybody, and `/healthz`, `/readyz` and `/status` for this node alone.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use speaker::kubernetes::Planned;
use speaker::{LinkObserved, Observer, RoutingObserver, WireObserved};
use tokio::sync::watch;

use super::report::{self, Decided};

/// What the handlers answer from.
#[derive(Debug, Clone)]
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

impl Source {
    fn decided(&self) -> Decided {
        let (planned, lost) = (self.planned.borrow().clone(), self.lost.borrow().clone());
        Decided { node: self.node.clone(), planned, lost }
    }
}

/// Returns what everybody may see.
pub(super) fn public(source: Source) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(source)
}

/// Returns what the kubelet and `clarion status` ask for.
pub(super) fn local(source: Source) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .with_state(source)
}

async fn status(State(source): State<Source>) -> Response {
    let (wire, peers) = tokio::join!(source.wire.observe_all(), source.routing.observe());
    let mut status = source.decided().status(&wire.links, &peers);
    status.faults.extend(wire.faults);
    status.scheduling = wire.scheduling.as_str().to_owned();
    axum::Json(status).into_response()
}

/// Ready means that everything is known, every wire was heard long enough to own addresses, and the node was able to forward once.
///
/// A rollout waits for it: a new version, or a flag, with which a node would announce nothing goes no further than that node.
async fn ready(State(source): State<Source>) -> Response {
    let WireObserved { links, faults, .. } = source.wire.observe_all().await;
    // One odd link among others holds up no rollout.
    let unserved = (links.is_empty() && !faults.is_empty()).then(|| faults.join("\n"));
    let waiting: Vec<String> = links.iter().filter_map(LinkObserved::unready).collect();
    let unready = source.decided().unready();
    let waiting = (!waiting.is_empty()).then(|| waiting.join("\n"));
    match unready.or(unserved).or(waiting) {
        None => "ok\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(source): State<Source>) -> Response {
    let (wire, routing) = tokio::join!(source.wire.observe_all(), source.routing.observe_all());
    let decided = source.decided();
    match report::render(&decided, &wire, &routing) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
