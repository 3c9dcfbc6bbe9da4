//! Events: what happened to an object, for `kubectl describe`.

use jiff::Timestamp;
use kube::core::Request;
use kube::core::params::PostParams;
use serde_json::json;

use crds::printable::Printable;
use crds::reasons::EventReason;

use crate::collection::Collection;
use crate::writer::{WriteError, Writer};

/// The object that something happened to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Regarding {
    /// Its group and version, such as `v1`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for an object without one, whose events go where those of the kubelet do.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid; without one `kubectl describe` does not show the event.
    pub uid: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// To whom.
    pub regarding: Regarding,
    /// What, in a word.
    pub reason: EventReason,
    /// What, in a sentence.
    pub message: String,
}

/// Writes events in the name of one program.
///
/// Callers report changes only, so nothing is counted or merged here.
#[derive(Clone, Debug)]
pub struct Recorder {
    component: String,
    host: String,
}

impl Recorder {
    /// Returns the recorder of a program, such as `clarion-controller`, on a node or in a pod.
    pub fn new(component: &str, host: &str) -> Self {
        Self { component: component.to_owned(), host: host.to_owned() }
    }

    /// Writes one event.
    ///
    /// # Errors
    /// Returns the writer's error; an event that got lost is not worth a second attempt.
    pub async fn record(&self, writer: &Writer, occurrence: &Occurrence, now: Timestamp) -> Result<(), WriteError> {
        // Unique enough: one program does not say two things of one object in the same nanosecond.
        self.write(writer, occurrence, &format!("{:x}", now.as_nanosecond()), now).await
    }

    /// Writes one event unless the server still has it from an earlier call, be it of a former process.
    ///
    /// # Errors
    /// As for [`Self::record`].
    pub async fn record_once(
        &self,
        writer: &Writer,
        occurrence: &Occurrence,
        now: Timestamp,
    ) -> Result<(), WriteError> {
        match self.write(writer, occurrence, &format!("{:016x}", self.digest(occurrence)), now).await {
            Err(error) if error.is_conflict() => Ok(()),
            outcome => outcome,
        }
    }

    /// Tells occurrences apart, in the same way in every process and version.
    fn digest(&self, Occurrence { regarding, reason, message }: &Occurrence) -> u64 {
        let Regarding { api_version: _, kind: _, namespace: _, name: _, uid } = regarding;
        let words = [&self.component, &self.host, uid, reason.as_str(), message];
        let bytes = words.into_iter().flat_map(|word| word.bytes().chain([0]));
        // FNV-1a.
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    async fn write(
        &self,
        writer: &Writer,
        occurrence: &Occurrence,
        suffix: &str,
        now: Timestamp,
    ) -> Result<(), WriteError> {
        let Occurrence { regarding, reason, message } = occurrence;
        let Regarding { api_version, kind, namespace, name, uid } = regarding;
        let home = if namespace.is_empty() { "default" } else { namespace };
        let body = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": { "name": format!("{name}.{suffix}"), "namespace": home },
            "involvedObject": { "apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name, "uid": uid },
            "reason": reason.as_str(),
            "message": Printable::message_lines(message).to_string(),
            "type": reason.level().as_str(),
            "source": { "component": self.component, "host": self.host },
            "reportingComponent": self.component,
            "reportingInstance": self.host,
            "firstTimestamp": now.to_string(),
            "lastTimestamp": now.to_string(),
            "count": 1,
        });
        let path = Collection::within(home, "v1", "events").path();
        let request = Request::new(path).create(&PostParams::default(), body.to_string().into_bytes());
        let request = request.map_err(|error| WriteError::Unknown { cause: error.to_string() })?;
        writer.send(request).await.map(drop)
    }
}
