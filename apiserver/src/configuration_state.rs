//! Telling whether one program can use the whole configuration.

use crds::fault::{Fault, Severity};
use crds::kinds::{ConfigurationResult, GROUP};
use crds::reasons::{ConditionType, ConfigurationReason};
use jiff::Timestamp;
use kube::core::Request;
use kube::core::params::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::collection::Collection;
use crate::writer::{WriteError, Writer};

/// What a program says of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether every object takes effect.
    pub reason: ConfigurationReason,
    /// Every fault on a line of its own; empty if there is none.
    pub summary: String,
}

/// Who says it.
#[derive(Clone, Debug)]
pub struct Reporter {
    /// The namespace of the object.
    pub namespace: String,
    /// The program.
    pub program: Program,
    /// The pod that owns the object, by name and uid, so that it goes when the pod does; none outside a cluster.
    pub pod: Option<(String, String)>,
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
}

impl Reporter {
    /// Writes the verdict by server-side apply, first the object and then its status; `since` is when it became what it is.
    ///
    /// # Errors
    /// Returns the writer's error.
    pub async fn report(&self, writer: &Writer, verdict: &Verdict, since: Timestamp) -> Result<(), WriteError> {
        let path = Collection::within(&self.namespace, &format!("{GROUP}/v1beta1"), "configurationstates").path();
        let name = self.program.object();
        let parameters = PatchParams::apply(self.program.field_owner()).force();
        let request = Request::new(&path).patch(&name, &parameters, &Patch::Apply(self.object()));
        writer.send(request.map_err(unsendable)?).await?;
        let status = self.status(verdict, since);
        let request = Request::new(&path).patch_subresource("status", &name, &parameters, &Patch::Apply(status));
        writer.send(request.map_err(unsendable)?).await.map(drop)
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

    fn status(&self, verdict: &Verdict, since: Timestamp) -> Value {
        let Verdict { reason, summary } = verdict;
        let holds = match reason {
            ConfigurationReason::Reconciled => "True",
            ConfigurationReason::ConfigurationError => "False",
            ConfigurationReason::UnknownError => "Unknown",
        };
        let mut status = json!({
            "result": verdict.result(),
            "conditions": [{
                "type": self.program.condition().as_str(),
                "status": holds,
                "reason": reason.as_str(),
                "message": summary,
                "lastTransitionTime": since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            }],
        });
        if !summary.is_empty() {
            status["errorSummary"] = summary.as_str().into();
        }
        json!({
            "apiVersion": format!("{GROUP}/v1beta1"),
            "kind": "ConfigurationState",
            "metadata": { "name": self.program.object(), "namespace": self.namespace },
            "status": status,
        })
    }
}

fn unsendable(error: kube::core::request::Error) -> WriteError {
    WriteError::Unknown { cause: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_without_errors_is_valid_and_one_with_an_unreadable_object_is_not() {
        let valid = Verdict::of(&[], &[]);
        assert_eq!((valid.result(), valid.summary.as_str()), (ConfigurationResult::Valid, ""));
        let invalid = Verdict::of(&[], &["a: no".to_owned(), "b: no".to_owned()]);
        assert_eq!((invalid.result(), invalid.summary.as_str()), (ConfigurationResult::Invalid, "a: no\nb: no"));
    }

    #[test]
    fn the_state_of_a_speaker_names_its_node_and_goes_with_its_pod() {
        let reporter = Reporter {
            namespace: "lb".to_owned(),
            program: Program::Speaker { node: "a".to_owned() },
            pod: Some(("speaker-x".to_owned(), "uid-1".to_owned())),
        };
        let object = reporter.object();
        assert_eq!(object["metadata"]["name"], "speaker-a");
        assert_eq!(object["metadata"]["labels"]["metallb.io/node-name"], "a");
        assert_eq!(object["metadata"]["ownerReferences"][0]["uid"], "uid-1");
        let status = reporter.status(&Verdict::unknown("no pools"), Timestamp::UNIX_EPOCH);
        assert_eq!(status["status"]["conditions"][0]["lastTransitionTime"], "1970-01-01T00:00:00Z");
        assert_eq!(status["status"]["result"], "Unknown");
    }
}
