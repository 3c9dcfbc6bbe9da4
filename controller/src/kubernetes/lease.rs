//! The driver of the election: the only part of it that sends and reads the clock.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use apiserver::{Collection, connect};
use crds::decode::decode;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};

use super::meters::Meters;
use crate::leader::{Claim, Election, Input, Lease, Loss, Output, Timing};

/// Whether this replica may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The API server has not answered yet.
    Unknown,
    /// Another replica leads, or nobody does.
    Standby,
    /// This replica leads.
    Leading,
}

/// Where and as whom to stand for election.
#[derive(Debug, Clone)]
pub(super) struct Candidacy {
    pub kubeconfig: Option<PathBuf>,
    pub namespace: String,
    pub lease: String,
    pub identity: String,
    pub timing: Timing,
    pub meters: Meters,
}

/// The part of a Lease object that is read.
#[derive(Deserialize)]
struct LeaseObject {
    metadata: LeaseMetadata,
    #[serde(default)]
    spec: LeaseSpec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeaseMetadata {
    resource_version: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct LeaseSpec {
    holder_identity: Option<String>,
    lease_duration_seconds: Option<u32>,
    lease_transitions: Option<u32>,
}

/// What became of a request.
enum Answer {
    Told(LeaseObject),
    Missing,
    Conflict,
    /// It failed, or nobody knows.
    Failed,
}

impl Answer {
    /// Returns what became of the request, for the metrics.
    fn word(&self) -> &'static str {
        match self {
            Self::Told(_) => "ok",
            Self::Missing => "gone",
            Self::Conflict => "conflict",
            Self::Failed => "unknown",
        }
    }
}

/// Stands for election until `stop` is told or the lead is lost.
///
/// It uses a connection of its own and a new one after every silence, so that a connection that died costs no lead, and the
/// renewals never wait behind other writes.
///
/// # Errors
/// Returns why the lead was lost; the process must end then.
pub(super) async fn stand(
    candidacy: Candidacy,
    standing: watch::Sender<Standing>,
    stop: oneshot::Receiver<()>,
) -> Result<(), Loss> {
    let mut election = Election::new(&candidacy.identity, candidacy.timing, Instant::now());
    let mut office = Office { patience: candidacy.timing.renew_deadline / 2, candidacy, client: None };
    let mut stop = Some(stop);
    loop {
        let mut request = None;
        while let Some(output) = election.poll_output() {
            match output {
                Output::Read | Output::Write { .. } => request = Some(output),
                Output::Lead => {
                    tracing::info!(lease = %office.candidacy.lease, identity = %office.candidacy.identity, "leading");
                    standing.send_replace(Standing::Leading);
                }
                Output::Lost(loss) => return Err(loss),
                Output::Done => return Ok(()),
            }
        }
        let input = office.next_input(request, &mut election, &mut stop).await;
        if let Input::Read(_) = input {
            standing.send_if_modified(|standing| {
                let first = *standing == Standing::Unknown;
                if first {
                    *standing = Standing::Standby;
                }
                first
            });
        }
        election.handle(Instant::now(), input);
    }
}

/// Waits until the program is told to end, or its end has come without a word; for ever once it was.
async fn told(stop: &mut Option<oneshot::Receiver<()>>) {
    match stop {
        // Being told and being dropped are the same here.
        Some(stop) => drop(stop.await),
        None => std::future::pending().await,
    }
}

/// Sends requests about one Lease.
struct Office {
    candidacy: Candidacy,
    patience: Duration,
    client: Option<Client>,
}

impl Office {
    /// Carries a request out, if there is one, until it is answered or time is up.
    ///
    /// When the program is to end, it goes on only if the election still wants the answer.
    async fn next_input(
        &mut self,
        request: Option<Output>,
        election: &mut Election,
        stop: &mut Option<oneshot::Receiver<()>>,
    ) -> Input {
        let deadline = election.poll_timeout();
        let expiry = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let answer = async {
            match request {
                Some(request) => self.carry_out(request).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(expiry, answer);
        loop {
            tokio::select! {
                biased;
                () = &mut expiry => return Input::Timeout,
                input = &mut answer => return input,
                () = told(stop) => {
                    *stop = None;
                    election.handle(Instant::now(), Input::Stop);
                    if !election.awaits_answer() {
                        // Harmless at any moment; what the election does next is what matters.
                        return Input::Timeout;
                    }
                }
            }
        }
    }

    async fn carry_out(&mut self, output: Output) -> Input {
        match output {
            Output::Read => match self.ask(Method::GET, &self.object_path(), None).await {
                Answer::Told(object) => Input::Read(Some(object.into())),
                Answer::Missing => Input::Read(None),
                Answer::Conflict | Answer::Failed => Input::ReadFailed,
            },
            Output::Write { replaces, claim, transitions } => {
                let body = self.body(replaces.as_deref(), claim, transitions);
                let answer = match replaces {
                    Some(_) => self.ask(Method::PATCH, &self.object_path(), Some(body)).await,
                    None => self.ask(Method::POST, &self.collection().path(), Some(body)).await,
                };
                self.candidacy.meters.wrote_lease(answer.word());
                match answer {
                    Answer::Told(object) => Input::Wrote(object.metadata.resource_version),
                    Answer::Conflict | Answer::Missing => Input::Conflict,
                    Answer::Failed => Input::WriteFailed,
                }
            }
            Output::Lead | Output::Lost(_) | Output::Done => Input::Timeout,
        }
    }

    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> Answer {
        match tokio::time::timeout(self.patience, self.try_ask(method, path, body)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::warn!(lease = %self.candidacy.lease, "{error:#}");
                Answer::Failed
            }
            Err(_) => {
                tracing::warn!(lease = %self.candidacy.lease, after = ?self.patience, "the API server is silent");
                self.client = None;
                Answer::Failed
            }
        }
    }

    async fn try_ask(&mut self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Answer> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => self.client.insert(connect(self.candidacy.kubeconfig.as_deref()).await?.client).clone(),
        };
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let body = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, kind);
        answer(client.send(request.body(Body::from(body))?).await?).await
    }

    fn body(&self, replaces: Option<&str>, claim: Claim, transitions: u32) -> Value {
        let Candidacy { namespace, lease, identity, timing, .. } = &self.candidacy;
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        let mut spec = json!({ "renewTime": now, "leaseTransitions": transitions });
        match claim {
            Claim::Acquire => {
                spec["holderIdentity"] = identity.as_str().into();
                spec["leaseDurationSeconds"] = timing.lease_duration.as_secs().max(1).into();
                spec["acquireTime"] = now.into();
            }
            Claim::Renew => {}
            Claim::Release => spec["holderIdentity"] = "".into(),
        }
        let mut metadata = json!({ "name": lease, "namespace": namespace });
        if let Some(version) = replaces {
            metadata["resourceVersion"] = version.into();
        }
        json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec })
    }

    fn collection(&self) -> Collection {
        Collection::within(&self.candidacy.namespace, "coordination.k8s.io/v1", "leases")
    }

    fn object_path(&self) -> String {
        format!("{}/{}", self.collection().path(), self.candidacy.lease)
    }
}

async fn answer(response: Response<Body>) -> anyhow::Result<Answer> {
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    match status {
        StatusCode::NOT_FOUND => Ok(Answer::Missing),
        StatusCode::CONFLICT => Ok(Answer::Conflict),
        _ if status.is_success() => Ok(Answer::Told(decode(&body)?)),
        _ => anyhow::bail!("the API server answered {status}: {}", String::from_utf8_lossy(&body)),
    }
}

impl From<LeaseObject> for Lease {
    fn from(LeaseObject { metadata, spec }: LeaseObject) -> Self {
        Self {
            version: metadata.resource_version,
            holder: spec.holder_identity.unwrap_or_default(),
            duration: Duration::from_secs(spec.lease_duration_seconds.unwrap_or_default().into()),
            transitions: spec.lease_transitions.unwrap_or_default(),
        }
    }
}
