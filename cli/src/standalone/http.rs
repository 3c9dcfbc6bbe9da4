//! The HTTP endpoint: `/metrics`, `/status`, `/healthz` and `/readyz`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{GaugeVec, Opts, Registry, TextEncoder};
use speaker::{LinkObserved, Observer, RoutingObserved, RoutingObserver, metrics};
use tokio::sync::watch;

use super::report::Decided;

/// What the handlers answer from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The latest decisions.
    pub decided: watch::Receiver<Arc<Decided>>,
    /// Asks the wire thread.
    pub wire: Observer,
    /// Asks the sessions with routers.
    pub routing: RoutingObserver,
}

/// Returns the routes.
pub(super) fn router(source: Source) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(source)
}

async fn status(State(source): State<Source>) -> Response {
    let (wire, peers) = tokio::join!(source.wire.observe_all(), source.routing.observe());
    let mut status = source.decided.borrow().status(&wire.links, &peers);
    status.faults.extend(wire.faults);
    status.scheduling = wire.scheduling.as_str().to_owned();
    axum::Json(status).into_response()
}

/// Ready means that the manifests are read and every wire was heard long enough to own addresses.
async fn ready(State(source): State<Source>) -> Response {
    let links = source.wire.observe().await;
    let waiting: Vec<String> = links.iter().filter_map(LinkObserved::unready).collect();
    match waiting.is_empty() {
        true => "ok\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", waiting.join("\n"))).into_response(),
    }
}

async fn metrics(State(source): State<Source>) -> Response {
    let (links, routing) = tokio::join!(source.wire.observe(), source.routing.observe_all());
    let decided = source.decided.borrow().clone();
    match render(&decided, &links, &routing) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// Renders all metrics in the text format of Prometheus.
pub(super) fn render(
    decided: &Decided,
    links: &[LinkObserved],
    routing: &RoutingObserved,
) -> prometheus::Result<String> {
    let registry = Registry::new();
    #[cfg(target_os = "linux")]
    registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
    controller::metrics::collect(&registry, &decided.allocated.plan)?;
    metrics::collect(&registry, &decided.node, &decided.desired, links, &decided.advertised(&routing.peers))?;
    metrics::collect_routing(&registry, routing)?;
    metrics::collect_panics(&registry, decided.panics)?;
    let faults = GaugeVec::new(Opts::new(FAULTS.name, FAULTS.help), FAULTS.labels)?;
    registry.register(Box::new(faults.clone()))?;
    faults.with_label_values::<&str>(&[]).set(decided.faults.len() as f64);
    TextEncoder::new().encode_to_string(&registry.gather())
}

/// The one metric that is the standalone program's own.
pub const FAULTS: metrics::Family = metrics::Family {
    name: "clarion_config_faults",
    kind: "gauge",
    labels: &[],
    help: "Faults in the manifests; /status has their texts",
};
