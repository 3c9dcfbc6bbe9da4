//! What the server says when it says no.

use std::time::Duration;

use bytes::Bytes;
use crds::decode::decode;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use kube::client::Body;
use serde::Deserialize;
use thiserror::Error;

/// More than any error the server writes.
const LONGEST_ERROR: usize = 64 << 10;

/// A response that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the API server answered {code} {reason}: {message}")]
pub struct StatusError {
    /// The HTTP status.
    pub code: u16,
    /// The machine-readable reason, such as `Conflict`; empty if the answer was not written by the API server.
    pub reason: String,
    /// The reason in words.
    pub message: String,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Status {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl StatusError {
    /// Reads the rest of a failed response.
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let code = response.status();
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = Limited::new(response.into_body(), LONGEST_ERROR).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        Self::of(code, retry_after, &body)
    }

    fn of(code: StatusCode, retry_after: Option<Duration>, body: &Bytes) -> Self {
        let Status { reason, message, .. } = decode(body).unwrap_or_else(|_| Status {
            message: String::from_utf8_lossy(body).trim().to_owned(),
            ..Status::default()
        });
        Self { code: code.as_u16(), reason, message, retry_after }
    }

    /// Says whether the version that was asked for is no longer kept, so that everything must be listed again.
    pub(crate) fn is_expired(&self) -> bool {
        self.code == StatusCode::GONE
    }

    /// Says whether the server was too busy to look at the request.
    pub(crate) fn is_busy(&self) -> bool {
        self.code == StatusCode::TOO_MANY_REQUESTS || self.code == StatusCode::SERVICE_UNAVAILABLE
    }
}

impl From<Status> for StatusError {
    fn from(Status { code, reason, message }: Status) -> Self {
        Self { code, reason, message, retry_after: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_the_server_and_one_of_a_proxy_are_both_told() {
        let own = br#"{"kind":"Status","code":403,"reason":"Forbidden","message":"cannot list nodes"}"#;
        let error = StatusError::of(StatusCode::FORBIDDEN, None, &Bytes::from_static(own));
        assert_eq!(error.to_string(), "the API server answered 403 Forbidden: cannot list nodes");
        let proxy = StatusError::of(StatusCode::BAD_GATEWAY, None, &Bytes::from_static(b"no upstream\n"));
        assert_eq!((proxy.code, proxy.message.as_str()), (502, "no upstream"));
    }
}
