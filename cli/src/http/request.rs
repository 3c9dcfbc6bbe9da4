//! From a request to its answer.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use super::page::Answer;
use super::{Serves, Shared, Source, render};

/// How long the program may take to say what it does at this moment.
const OBSERVE_TIME: Duration = Duration::from_secs(5);
/// The text format of Prometheus.
const METRICS: &str = "text/plain; version=0.0.4";
const JSON: &str = "application/json";

/// A page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Path {
    Metrics,
    Status,
    Healthz,
    Readyz,
}

impl Path {
    /// Returns the page at a path, if the port has it.
    fn at(path: &str, serves: Serves) -> Option<Self> {
        let path = match path {
            "/metrics" => Self::Metrics,
            "/status" => Self::Status,
            "/healthz" => Self::Healthz,
            "/readyz" => Self::Readyz,
            _ => return None,
        };
        let served = match serves {
            Serves::Everything => true,
            Serves::Metrics => path == Self::Metrics,
            Serves::Health => path != Self::Metrics,
        };
        served.then_some(path)
    }
}

/// Answers a request that reached this machine at a loopback address, or did not.
pub(super) async fn answer<S: Source>(
    request: &Request<Incoming>,
    serves: Serves,
    from_this_machine: bool,
    shared: &Arc<Shared<S>>,
) -> Response<Full<Bytes>> {
    let Some(path) = Path::at(request.uri().path(), serves) else {
        return response(&Answer::words(StatusCode::NOT_FOUND, "not found"));
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = response(&Answer::words(StatusCode::METHOD_NOT_ALLOWED, "use GET"));
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    if path == Path::Status && serves == Serves::Health && !from_this_machine {
        let text = "the status names every Service, so it is shown on 127.0.0.1 alone; run `clarion status` in the pod";
        return response(&Answer::words(StatusCode::FORBIDDEN, text));
    }
    response(&page(path, shared).await)
}

async fn page<S: Source>(path: Path, shared: &Arc<Shared<S>>) -> Answer {
    match path {
        Path::Healthz => match shared.pulse.failure() {
            None => Answer::words(StatusCode::OK, "ok"),
            Some(silence) => Answer::words(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the main loop has stood still for {} s; restart the program", silence.as_secs()),
            ),
        },
        Path::Metrics => {
            let drops = shared.drops.clone();
            let make = move |snapshot: &S::Snapshot| match render::<S>(snapshot, &drops) {
                Ok(text) => Answer::new(StatusCode::OK, METRICS, text),
                Err(error) => Answer::words(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            };
            shared.metrics.get(|| made(shared.source.clone(), make)).await
        }
        Path::Status => {
            let make = |snapshot: &S::Snapshot| match serde_json::to_string(&S::status(snapshot)) {
                Ok(text) => Answer::new(StatusCode::OK, JSON, text),
                Err(error) => Answer::words(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
            };
            shared.status.get(|| made(shared.source.clone(), make)).await
        }
        Path::Readyz => {
            let make = |snapshot: &S::Snapshot| match S::unready(snapshot) {
                None => Answer::words(StatusCode::OK, [&["ok".to_owned()], S::remarks(snapshot)].concat().join("\n")),
                Some(why) => Answer::words(StatusCode::SERVICE_UNAVAILABLE, why),
            };
            shared.ready.get(|| made(shared.source.clone(), make)).await
        }
    }
}

/// Observes, and makes the answer where that delays no other connection.
async fn made<S: Source>(source: Arc<S>, make: impl FnOnce(&S::Snapshot) -> Answer + Send + 'static) -> Answer {
    let Ok(snapshot) = tokio::time::timeout(OBSERVE_TIME, source.observe()).await else {
        let text = format!("the program did not say within {OBSERVE_TIME:?} what it does; see /healthz and its log");
        return Answer::words(StatusCode::SERVICE_UNAVAILABLE, text);
    };
    match tokio::task::spawn_blocking(move || make(&snapshot)).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(%error, "a page cannot be made; please report it");
            Answer::words(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot be made: {error}; please report it"))
        }
    }
}

fn response(answer: &Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body()));
    *response.status_mut() = answer.status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    response
}
