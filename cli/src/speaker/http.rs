//! The HTTP endpoints: `/metrics` for everybody, and `/healthz`, `/readyz` and `/status` for this node alone.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use speaker::Observer;
use tokio::sync::watch;

use super::report::{self, Decided};

/// What the handlers answer from.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// The latest decisions.
    pub decided: watch::Receiver<Arc<Decided>>,
    /// Asks the wire thread.
    pub observer: Observer,
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
    let links = source.observer.observe().await;
    let decided = source.decided.borrow().clone();
    axum::Json(decided.status(&links)).into_response()
}

/// Ready means that everything is known and every wire was heard long enough to own addresses.
async fn ready(State(source): State<Source>) -> Response {
    let links = source.observer.observe().await;
    let listening: Vec<&str> = links
        .iter()
        .filter(|link| link.phase == members::PhaseView::Listening)
        .map(|link| link.name.as_str())
        .collect();
    let unready = source.decided.borrow().unready();
    let listening = (!listening.is_empty()).then(|| format!("still listening on {}", listening.join(", ")));
    match unready.or(listening) {
        None => "ok\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(source): State<Source>) -> Response {
    let links = source.observer.observe().await;
    let decided = source.decided.borrow().clone();
    match report::render(&decided, &links) {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
