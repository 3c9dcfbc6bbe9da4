//! Sending changes.

use std::time::Duration;

use crds::decode::decode;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use thiserror::Error;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::response::StatusError;
use crate::watch::Version;

/// How often a busy server is asked again within one write.
const ATTEMPTS: u32 = 5;

/// Bounds on what the server is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Pacing {
    /// Writes under way at once.
    pub in_flight: usize,
    /// Writes a second in the long run.
    pub per_second: f64,
    /// Writes that may go out at once after a quiet time.
    pub burst: f64,
    /// How long one write may take in all, waiting for the pace excluded.
    pub deadline: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { in_flight: 16, per_second: 500.0, burst: 1_000.0, deadline: Duration::from_secs(10) }
    }
}

/// Sends requests that change something, a bounded number at a time.
pub struct Writer {
    client: Client,
    pacing: Pacing,
    slots: Semaphore,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    tokens: f64,
    filled: Instant,
}

/// A change that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The version the object has since, as far as the server told; zero after a deletion.
    pub version: Version,
}

/// Why a change did not take effect, or may not have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WriteError {
    /// The server refused; nothing has changed.
    #[error(transparent)]
    Refused(StatusError),
    /// The server was too busy to look at it, several times over; nothing has changed.
    #[error("the API server is too busy: {0}")]
    Busy(StatusError),
    /// The answer never came; the change may have taken effect or not.
    #[error("no answer from the API server, the change may have taken effect: {cause}")]
    Unknown {
        /// What happened instead.
        cause: String,
    },
}

impl WriteError {
    /// Says whether the object has changed since it was read.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(StatusCode::CONFLICT)
    }

    /// Says whether the object is gone.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(StatusCode::NOT_FOUND)
    }

    fn code(&self) -> Option<StatusCode> {
        match self {
            Self::Refused(status) => StatusCode::from_u16(status.code).ok(),
            Self::Busy(_) | Self::Unknown { .. } => None,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    metadata: AnswerMetadata,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct AnswerMetadata {
    resource_version: String,
}

impl Writer {
    /// Returns a writer with these bounds.
    pub fn new(client: Client, pacing: Pacing) -> Self {
        Self {
            client,
            slots: Semaphore::new(pacing.in_flight),
            bucket: Mutex::new(Bucket { tokens: pacing.burst, filled: Instant::now() }),
            pacing,
        }
    }

    /// Sends a request, such as those that [`kube::core::Request`] builds.
    ///
    /// # Errors
    /// Tells apart what certainly did not happen from what nobody knows, since the caller must look again only after the latter.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Written, WriteError> {
        // The semaphore is never closed; without a slot the write would merely not be bounded.
        let _slot = self.slots.acquire().await.ok();
        self.pace().await;
        let unknown = |_| WriteError::Unknown { cause: format!("nothing within {} s", self.pacing.deadline.as_secs()) };
        tokio::time::timeout(self.pacing.deadline, self.insist(request)).await.map_err(unknown)?
    }

    /// Waits for a token.
    async fn pace(&self) {
        let mut bucket = self.bucket.lock().await;
        let Pacing { per_second, burst, .. } = self.pacing;
        bucket.tokens = burst.min(bucket.tokens + bucket.filled.elapsed().as_secs_f64() * per_second);
        bucket.filled = Instant::now();
        if bucket.tokens < 1.0 {
            tokio::time::sleep(Duration::from_secs_f64((1.0 - bucket.tokens) / per_second)).await;
            bucket.tokens = 1.0;
            bucket.filled = Instant::now();
        }
        bucket.tokens -= 1.0;
    }

    async fn insist(&self, request: Request<Vec<u8>>) -> Result<Written, WriteError> {
        let mut backoff = Backoff::default();
        let (parts, body) = request.into_parts();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
            match self.once(request).await {
                Err(WriteError::Busy(status)) if attempts < ATTEMPTS => {
                    tokio::time::sleep(backoff.next(status.retry_after)).await;
                }
                result => return result,
            }
        }
    }

    async fn once(&self, request: Request<Body>) -> Result<Written, WriteError> {
        let unknown = |error: &dyn std::error::Error| WriteError::Unknown { cause: error.to_string() };
        let response = self.client.send(request).await.map_err(|error| unknown(&error))?;
        if !response.status().is_success() {
            let status = StatusError::read(response).await;
            return Err(match status.code {
                _ if status.is_busy() => WriteError::Busy(status),
                500.. => WriteError::Unknown { cause: status.to_string() },
                _ => WriteError::Refused(status),
            });
        }
        let body = response.into_body().collect().await.map_err(|error| unknown(&error))?.to_bytes();
        // A deletion answers with a Status, which has no version.
        let Answer { metadata } = decode(&body).unwrap_or_default();
        Ok(Written { version: Version(metadata.resource_version.parse().unwrap_or_default()) })
    }
}
