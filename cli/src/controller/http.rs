//! The HTTP endpoints: `/metrics`, and `/healthz`, `/readyz` and `/status`.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use controller::kubernetes::{Meters, Observed, Standing};
use prometheus::{Gauge, Registry, TextEncoder};
use speaker::metrics::Family;
use tokio::sync::watch;

use super::report;
use crate::speaker::{LOADED, STALE};

type Source = watch::Receiver<Observed>;

/// Whether this replica works.
pub const LEADER: Family = Family {
    name: "clarion_controller_leader",
    kind: "gauge",
    labels: &[],
    help: "Whether this replica of the controller leads",
};

/// Returns what a monitoring system asks for.
pub(super) fn metrics(source: Source, meters: Meters) -> Router {
    Router::new().route("/metrics", get(render)).with_state((source, meters))
}

/// Returns what the kubelet and `clarion status` ask for.
pub(super) fn health(source: Source) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .with_state(source)
}

/// Ready means that the API server has answered, and a leader has listed everything; a replica that waits is ready to take over.
async fn ready(State(source): State<Source>) -> Response {
    let observed = source.borrow();
    let why = match observed.standing {
        Standing::Unknown => "the API server has not answered yet",
        Standing::Leading if !observed.listed => "still listing",
        Standing::Standby | Standing::Leading => return "ok\n".into_response(),
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
}

async fn status(State(source): State<Source>) -> Response {
    let observed = source.borrow().clone();
    axum::Json(report::status(&observed)).into_response()
}

async fn render(State((source, meters)): State<(Source, Meters)>) -> Response {
    let observed = source.borrow().clone();
    match encode(&observed, &meters) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

fn encode(observed: &Observed, meters: &Meters) -> prometheus::Result<String> {
    let registry = Registry::new();
    #[cfg(target_os = "linux")]
    registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
    controller::metrics::collect(&registry, &observed.plan)?;
    meters.collect(&registry)?;
    let leading = observed.standing == Standing::Leading;
    let stale = observed.lost.is_some() || meters.has_faults();
    for (family, holds) in [(LEADER, leading), (LOADED, observed.listed || !leading), (STALE, stale)] {
        let gauge = Gauge::new(family.name, family.help)?;
        gauge.set(f64::from(u8::from(holds)));
        registry.register(Box::new(gauge))?;
    }
    TextEncoder::new().encode_to_string(&registry.gather())
}
