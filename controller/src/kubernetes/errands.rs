//! What the leader has others do: single writes to Services, and the record of events.

use std::sync::Arc;
use std::time::Duration;

use apiserver::{Occurrence, Pacing, Recorder, Regarding, WriteError, Writer};
use crds::reasons::EventReason;
use ipam::ServiceId;
use jiff::Timestamp;
use kube::Client;
use tasks::Tasks;
use tokio::sync::mpsc;

use super::apply::{Job, Outcome};
use super::meters::{Kind, Meters};
use super::patch;
use crate::events::ServiceEvent;
use crate::refusal::Refusal;
use crate::view::ServiceView;

/// Occurrences that wait to be recorded; more of them are dropped, for events are a courtesy.
const OCCURRENCES: usize = 8_192;
/// How long a write that failed for reasons of the server waits before it is sent again; doubles up to the longest.
const FIRST_RESEND: Duration = Duration::from_millis(500);
const LONGEST_RESEND: Duration = Duration::from_secs(5);

/// What came of sending a write.
pub(super) enum Sent {
    /// It is settled.
    Settled {
        service: ServiceId,
        outcome: Outcome,
        /// What to report of it.
        events: Vec<ServiceEvent>,
    },
    /// It failed for reasons of the server, and may have been carried out all the same.
    Failed(Job),
}

/// Sends a write once.
pub(super) async fn carry_out(writer: Arc<Writer>, meters: Meters, job: Job) -> Sent {
    let result = writer.send(patch::request(&job, Timestamp::now())).await;
    meters.wrote(Kind::Service, &result);
    let outcome = match result {
        Ok(written) => Outcome::Accepted(written.version),
        Err(error) if error.is_conflict() => Outcome::Conflict,
        Err(error) if error.is_not_found() => Outcome::Gone,
        Err(WriteError::Refused(status)) => Outcome::Refused(status),
        Err(error @ (WriteError::Busy(_) | WriteError::Unknown { .. })) => {
            tracing::warn!(service = %job.view.id, %error, "writing again");
            return Sent::Failed(job);
        }
    };
    Sent::Settled { service: job.view.id, outcome, events: job.events }
}

/// Sends a write that has failed, at growing intervals, until it is settled.
pub(super) async fn insist(writer: Arc<Writer>, meters: Meters, mut job: Job) -> Sent {
    let mut pause = FIRST_RESEND;
    loop {
        tokio::time::sleep(pause).await;
        match carry_out(writer.clone(), meters.clone(), job).await {
            Sent::Failed(again) => job = again,
            settled @ Sent::Settled { .. } => return settled,
        }
        pause = (pause * 2).min(LONGEST_RESEND);
    }
}

/// Records occurrences one after the other, apart from the writes that matter more.
pub(super) fn record(tasks: &Tasks, client: Client, identity: &str, meters: &Meters) -> mpsc::Sender<Occurrence> {
    let (sender, mut receiver) = mpsc::channel::<Occurrence>(OCCURRENCES);
    let recorder = Recorder::new("clarion-controller", identity);
    let pacing = Pacing { in_flight: 2, per_second: 50.0, burst: 200.0, ..Pacing::default() };
    let writer = Writer::new(client, pacing);
    let meters = meters.clone();
    tasks.spawn("the records of events", async move {
        while let Some(occurrence) = receiver.recv().await {
            let result = recorder.record(&writer, &occurrence, Timestamp::now()).await;
            meters.wrote(Kind::Event, &result);
            if let Err(error) = result {
                tracing::warn!(%error, "an event was not recorded");
            }
        }
    });
    sender
}

/// Returns the record of an event of a Service.
pub(super) fn occurrence(event: ServiceEvent) -> Occurrence {
    let ServiceEvent { service, uid, reason, message } = event;
    let regarding = Regarding {
        api_version: "v1".to_owned(),
        kind: "Service".to_owned(),
        namespace: service.namespace().as_str().to_owned(),
        name: service.name().to_owned(),
        uid: uid.0.to_string(),
    };
    Occurrence { regarding, reason, message }
}

/// Returns the event of a Service that another program keeps changing.
pub(super) fn contended(view: &ServiceView, rival: &str) -> ServiceEvent {
    let message = Refusal::Contended { by: rival.into() }.to_string();
    ServiceEvent { service: view.id.clone(), uid: view.uid.clone(), reason: EventReason::Contended, message }
}
