//! Reporting whether one program can use the whole configuration, and what a speaker serves and hears.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crds::fault::{Fault, Severity};
use crds::kinds::{ConfigurationResult, GROUP, SpeakerLink};
use crds::reasons::{ConditionType, ConfigurationReason, HeardReason};
use jiff::Timestamp;
use kube::core::Request;
use kube::core::params::{Patch, PatchParams};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::collection::Collection;
use crate::repairs::{Budget, Repairs};
use crate::table::Table;
use crate::watch::{Event, Freshness, Version, Watch};
use crate::writer::{WriteError, Writer};

/// How long a write may take to come back by the watch before it is repeated.
const ECHO: Duration = Duration::from_secs(10);

/// What a program says of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether every object takes effect.
    pub reason: ConfigurationReason,
    /// Every fault on a line of its own; empty if there is none.
    pub summary: String,
}

/// Everything that the object of one program says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Whether the configuration can be used.
    pub verdict: Verdict,
    /// The speakers that should be heard and are not, in words, empty if there are none; nothing as long as that is not known, which
    /// leaves the condition as it is.
    pub unheard: Option<String>,
    /// The links that a speaker serves.
    pub links: Vec<SpeakerLink>,
}

impl From<Verdict> for Report {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, unheard: None, links: Vec::new() }
    }
}

/// Makes the object of one program say what the program says, whoever else writes or deletes it.
#[derive(Debug)]
pub struct Reporter {
    namespace: String,
    program: Program,
    pod: Option<(String, String)>,
    /// The ids of the keys of the heartbeats, first the one that is sent with.
    heartbeat_keys: Vec<String>,
    /// What the object says; one row at most.
    shown: Table<Shown>,
    sent: Option<Sent>,
    repairs: Repairs<()>,
}

/// The last report that was written.
#[derive(Debug)]
struct Sent {
    report: Report,
    version: Version,
    at: Instant,
    /// The watch has shown this write.
    seen: bool,
}

/// What has come of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// The object says it.
    Shown,
    /// It was written.
    Written,
    /// It has to wait this long, unless the watch tells of the object before: what was written may still come back, and another
    /// program that undoes it every time is not followed at every step.
    Later(Duration),
}

/// What an object says on the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Shown {
    metadata: ShownMetadata,
    status: ShownStatus,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ShownMetadata {
    labels: BTreeMap<String, String>,
    owner_references: Vec<ShownOwner>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct ShownOwner {
    uid: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ShownStatus {
    result: String,
    error_summary: Option<String>,
    heartbeat_keys: Option<Vec<String>>,
    conditions: Vec<ShownCondition>,
    links: Option<Vec<SpeakerLink>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ShownCondition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
    message: String,
    last_transition_time: Option<Timestamp>,
}

/// A program that reads the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// The controller.
    Controller,
    /// The speaker of a node.
    Speaker {
        /// Name of the node.
        node: String,
    },
}

impl Program {
    /// Returns the name of its object.
    pub fn object(&self) -> String {
        match self {
            Self::Controller => "controller".to_owned(),
            Self::Speaker { node } => format!("speaker-{node}"),
        }
    }

    fn labels(&self) -> Value {
        match self {
            Self::Controller => json!({ "metallb.io/component-type": "controller" }),
            Self::Speaker { node } => json!({ "metallb.io/component-type": "speaker", "metallb.io/node-name": node }),
        }
    }

    fn condition(&self) -> ConditionType {
        match self {
            Self::Controller => ConditionType::PoolReconcilerValid,
            Self::Speaker { .. } => ConditionType::ConfigReconcilerValid,
        }
    }

    /// Returns the name MetalLB writes under, so that a takeover replaces its statement instead of adding a second one.
    fn field_owner(&self) -> &'static str {
        match self {
            Self::Controller => "poolReconciler",
            Self::Speaker { .. } => "configReconciler",
        }
    }
}

impl Verdict {
    /// Judges by the faults of a compilation and by the objects that could not be read at all.
    pub fn of(faults: &[Fault], unreadable: &[String]) -> Self {
        let errors = faults.iter().filter(|fault| fault.severity() == Severity::Error).map(ToString::to_string);
        let lines: Vec<String> = errors.chain(unreadable.iter().cloned()).collect();
        let reason = match lines.is_empty() {
            true => ConfigurationReason::Reconciled,
            false => ConfigurationReason::ConfigurationError,
        };
        Self { reason, summary: lines.join("\n") }
    }

    /// Says that the configuration could not be read.
    pub fn unknown(why: &str) -> Self {
        Self { reason: ConfigurationReason::UnknownError, summary: why.to_owned() }
    }

    fn result(&self) -> ConfigurationResult {
        match self.reason {
            ConfigurationReason::Reconciled => ConfigurationResult::Valid,
            ConfigurationReason::ConfigurationError => ConfigurationResult::Invalid,
            ConfigurationReason::UnknownError => ConfigurationResult::Unknown,
        }
    }

    fn holds(&self) -> &'static str {
        match self.reason {
            ConfigurationReason::Reconciled => "True",
            ConfigurationReason::ConfigurationError => "False",
            ConfigurationReason::UnknownError => "Unknown",
        }
    }
}

impl Reporter {
    /// Returns a reporter that has said nothing, in the object of a program in a namespace.
    ///
    /// The object belongs to the pod, given by name and uid, so that it goes when the pod does; outside a cluster there is none.
    pub fn new(namespace: &str, program: Program, pod: Option<(String, String)>) -> Self {
        let (shown, repairs) = (Table::default(), Repairs::default());
        Self { namespace: namespace.to_owned(), program, pod, heartbeat_keys: Vec::new(), shown, sent: None, repairs }
    }

    /// Returns the object to follow, whose changes [`Self::take`] wants.
    pub fn watch(&self, freshness: Freshness) -> Watch {
        let name = format!("metadata.name={}", self.program.object());
        Watch { collection: self.collection().fields(&name), freshness }
    }

    /// Sets the ids of the keys that heartbeats are sealed and opened with, which the object names with the next report.
    pub fn name_heartbeat_keys(&mut self, ids: Vec<String>) {
        if self.heartbeat_keys != ids {
            self.heartbeat_keys = ids;
            // What was written last says something else.
            self.sent = None;
        }
    }

    /// Takes in what the server tells of the object.
    pub fn take(&mut self, event: Event<Shown>) {
        if let (Some(sent), Event::Deleted(_, version)) = (&mut self.sent, &event) {
            sent.seen |= *version > sent.version;
        }
        self.shown.take(event);
        let version = self.shown.rows().next().map(|(_, row)| row.version);
        if let (Some(sent), Some(version)) = (&mut self.sent, version) {
            sent.seen |= version >= sent.version;
        }
    }

    /// Makes the object say the report, unless it says so.
    ///
    /// # Errors
    /// Returns the writer's error.
    pub async fn report(&mut self, writer: &Writer, report: &Report) -> Result<Reported, WriteError> {
        let now = Instant::now();
        if let Some(wait) = self.wait(report, now) {
            return Ok(wait);
        }
        let parameters = PatchParams::apply(self.program.field_owner()).force();
        let (name, request) = (self.program.object(), Request::new(self.collection().path()));
        if !self.shown().is_some_and(|shown| self.is_ours(shown)) {
            let object = request.patch(&name, &parameters, &Patch::Apply(self.object()));
            writer.send(object.map_err(unsendable)?).await?;
        }
        let status = self.status(report, Timestamp::now());
        // An apply would leave standing what another program has added.
        let parameters =
            PatchParams { field_manager: Some(self.program.field_owner().to_owned()), ..PatchParams::default() };
        let status = request.patch_subresource("status", &name, &parameters, &Patch::Merge(status));
        let version = writer.send(status.map_err(unsendable)?).await?.version;
        self.sent = Some(Sent { report: report.clone(), version, at: now, seen: false });
        Ok(Reported::Written)
    }

    /// Returns what is to be waited for before anything is written; none if it is to be written at once.
    fn wait(&mut self, report: &Report, now: Instant) -> Option<Reported> {
        let sent = self.sent.as_ref().filter(|sent| sent.report == *report);
        if !self.shown.is_listed() {
            // Where the object cannot be seen, be it that it may not, one write has to do.
            let blind = self.shown.lost().is_some() && sent.is_none();
            return (!blind).then_some(Reported::Later(ECHO));
        }
        if self.shown().is_some_and(|shown| self.is_ours(shown) && self.says(shown, report)) {
            return Some(Reported::Shown);
        }
        let sent = sent?;
        let left = (sent.at + ECHO).saturating_duration_since(now);
        if !sent.seen && !left.is_zero() {
            return Some(Reported::Later(left));
        }
        if self.repairs.is_resting(now, &()) {
            let until = self.repairs.next_wake(now).unwrap_or(now);
            return Some(Reported::Later(until.saturating_duration_since(now)));
        }
        let name = self.program.object();
        if self.repairs.book(now, (), Budget::REPAIR) {
            tracing::warn!(
                name,
                "another program keeps changing this ConfigurationState; it is put right once a minute"
            );
        }
        None
    }

    fn collection(&self) -> Collection {
        Collection::within(&self.namespace, &format!("{GROUP}/v1beta1"), "configurationstates")
    }

    fn shown(&self) -> Option<&Shown> {
        self.shown.values().next()
    }

    /// Says whether the object is labelled as ours and goes when we do.
    fn is_ours(&self, Shown { metadata, status: _ }: &Shown) -> bool {
        let labels = self.program.labels();
        let labelled = |(key, value): (&String, &Value)| metadata.labels.get(key).map(String::as_str) == value.as_str();
        let owned = |(_, uid): &(String, String)| metadata.owner_references.iter().any(|owner| owner.uid == *uid);
        labels.as_object().is_some_and(|labels| labels.iter().all(labelled)) && self.pod.as_ref().is_none_or(owned)
    }

    fn says(&self, shown: &Shown, report: &Report) -> bool {
        let wanted = self.status(report, Timestamp::UNIX_EPOCH);
        let Ok(Shown { metadata: _, status }) = serde_json::from_value::<Shown>(wanted) else { return false };
        let said = |wanted: &ShownCondition| {
            let alike = |said: &&ShownCondition| {
                (&said.status, &said.reason, &said.message) == (&wanted.status, &wanted.reason, &wanted.message)
            };
            shown.status.conditions.iter().find(|said| said.kind == wanted.kind).is_some_and(|said| alike(&said))
        };
        shown.status.result == status.result
            && shown.status.error_summary == status.error_summary
            && shown.status.heartbeat_keys == status.heartbeat_keys
            && shown.status.links == status.links
            && status.conditions.iter().all(said)
    }

    /// Returns a condition as the server has it.
    fn condition(&self, kind: ConditionType) -> Option<&ShownCondition> {
        let conditions = self.shown().map(|shown| shown.status.conditions.as_slice()).unwrap_or_default();
        conditions.iter().find(|said| said.kind == kind.as_str())
    }

    /// Returns since when a condition has its status: one that keeps its status keeps its time.
    fn since(&self, kind: ConditionType, status: &str, now: Timestamp) -> Timestamp {
        let before = self.condition(kind).filter(|said| said.status == status);
        before.and_then(|said| said.last_transition_time).unwrap_or(now)
    }

    fn object(&self) -> Value {
        let owner =
            |(name, uid): &(String, String)| json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid});
        let owners: Vec<Value> = self.pod.iter().map(owner).collect();
        json!({
            "apiVersion": format!("{GROUP}/v1beta1"),
            "kind": "ConfigurationState",
            "metadata": { "name": self.program.object(), "namespace": self.namespace, "labels": self.program.labels(), "ownerReferences": owners },
        })
    }

    fn status(&self, report: &Report, now: Timestamp) -> Value {
        let Report { verdict, unheard, links } = report;
        let Verdict { reason, summary } = verdict;
        let condition = |kind: ConditionType, status: &str, reason: &str, message: &str| {
            let since = self.since(kind, status, now).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            json!({ "type": kind.as_str(), "status": status, "reason": reason, "message": message, "lastTransitionTime": since })
        };
        let mut conditions = vec![condition(self.program.condition(), verdict.holds(), reason.as_str(), summary)];
        let kind = ConditionType::SpeakersHeard;
        let heard = match unheard.as_deref() {
            Some("") => Some(condition(kind, "True", HeardReason::AllHeard.as_str(), "")),
            Some(unheard) => Some(condition(kind, "False", HeardReason::NotHeard.as_str(), unheard)),
            // A former process of this node may have said something.
            None => self.condition(kind).map(|said| condition(kind, &said.status, &said.reason, &said.message)),
        };
        conditions.extend(heard);
        let status = json!({
            "result": verdict.result(),
            "errorSummary": (!summary.is_empty()).then_some(summary),
            "heartbeatKeys": (!self.heartbeat_keys.is_empty()).then_some(&self.heartbeat_keys),
            "conditions": conditions,
            "links": (!links.is_empty()).then_some(links),
        });
        json!({ "status": status })
    }
}

fn unsendable(error: kube::core::request::Error) -> WriteError {
    WriteError::Unknown { cause: error.to_string() }
}

#[cfg(test)]
mod tests;
