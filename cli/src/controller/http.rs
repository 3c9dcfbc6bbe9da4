//! The HTTP endpoints: `/metrics`, and `/healthz`, `/readyz` and `/status`.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use controller::kubernetes::{Observed, Standing};
use prometheus::{Registry, TextEncoder};
use tokio::sync::watch;

type Source = watch::Receiver<Observed>;

/// Returns what a monitoring system asks for.
pub(super) fn metrics(source: Source) -> Router {
    Router::new().route("/metrics", get(render)).with_state(source)
}

/// Returns what the kubelet and `clarion status` ask for.
pub(super) fn health(source: Source) -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready)).with_state(source)
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

async fn render(State(source): State<Source>) -> Response {
    let plan = source.borrow().plan.clone();
    let registry = Registry::new();
    let rendered = controller::metrics::collect(&registry, &plan)
        .and_then(|()| TextEncoder::new().encode_to_string(&registry.gather()));
    match rendered {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
