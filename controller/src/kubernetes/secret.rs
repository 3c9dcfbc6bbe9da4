//! The Secret with the key of the speakers' heartbeats: made where there is none, made again when it is lost, and changed in phases
//! when asked to.
//!
//! Whoever sets the annotation [`ROTATE`] gets a new key. Speakers first learn to accept it, then all send with it and still
//! accept the old one, and at last forget that. A phase ends when it has lasted a while and every speaker has shown in its
//! ConfigurationState that it is there, never by the clock alone: speakers with different keys do not hear each other, and each of
//! them would own every address.
//! For the same reason a key that is lost is not replaced by a new one as long as a speaker shows that it has one.
//! The Secret has no owner: it must outlive a Deployment that is made anew, since speakers without a key own no address.

mod speakers;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use apiserver::{Collection, Version};
use crds::core::Secret;
use http::{Request, header};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use serde_json::{Value, json};

pub(super) use speakers::SpeakerState;
use speakers::key_id;

use super::FIELD_MANAGER;

/// Set by a person, to any value, to have the key changed.
pub(super) const ROTATE: &str = "metallb.io/rotate-key";
/// Set by the controller while a change of the key is under way: the phase and since when.
const ROTATION: &str = "metallb.io/key-rotation";
/// The entry that speakers send with.
const PRIMARY: &str = "secretkey";
/// The entry that they accept as well.
const ACCEPTED: &str = "secretkey-accepted";

/// The ids of the keys that each speaker has, by node: first the one it sends with, then those it accepts as well.
pub(super) type Speakers = BTreeMap<String, Vec<String>>;

/// What is to be done about the Secret.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Nothing, until it changes.
    Nothing,
    /// Nothing before this time.
    Wait(Timestamp),
    /// Nothing before somebody acts.
    Hold(Hold),
    /// It is to be made, with these fields.
    Create(Value),
    /// It is to be changed, if it is still what it was.
    Change(Value),
}

/// Why the key cannot be made or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hold {
    /// It is lost, and these nodes go on with it.
    Lost(Vec<String>),
    /// It is being changed, and these nodes have not shown that they took the last step.
    Behind(Vec<String>),
}

/// The keys of a Secret, as far as they must survive it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ring {
    primary: Vec<u8>,
    accepted: Option<Vec<u8>>,
    /// The phase of a change that is under way.
    rotation: Option<String>,
}

/// Everything that the next step depends on.
pub(super) struct Circumstances<'a> {
    /// The Secret, if there is one.
    pub secret: Option<(&'a Secret, Version)>,
    /// The keys of the last one that had any.
    pub remembered: Option<&'a Ring>,
    /// What the speakers show.
    pub speakers: &'a Speakers,
    /// A key that was just drawn.
    pub fresh: [u8; 16],
    /// The least time for the speakers to see a change.
    pub pause: Duration,
    /// The time.
    pub now: Timestamp,
}

impl Ring {
    /// Returns the keys of a Secret that has one to send with.
    pub(super) fn of(secret: &Secret) -> Option<Self> {
        Some(Self {
            primary: secret.value(PRIMARY)?.to_vec(),
            accepted: secret.value(ACCEPTED).map(<[u8]>::to_vec),
            rotation: secret.metadata.annotations.get(ROTATION).cloned(),
        })
    }

    /// Returns the fields of a Secret that has these keys.
    fn fields(&self) -> Value {
        let Self { primary, accepted, rotation } = self;
        let accepted = accepted.as_ref().map(|key| bytes(key));
        json!({
            "metadata": { "annotations": { ROTATION: rotation } },
            "data": { PRIMARY: bytes(primary), ACCEPTED: accepted },
        })
    }
}

impl Circumstances<'_> {
    /// Returns the next step.
    pub(super) fn next_step(&self) -> Step {
        let Some((secret, version)) = self.secret else {
            return self.first_key().map_or_else(Step::Hold, Step::Create);
        };
        let change = |mut fields: Value| {
            fields["metadata"]["resourceVersion"] = json!(version.to_string());
            Step::Change(fields)
        };
        match Ring::of(secret) {
            None => self.first_key().map_or_else(Step::Hold, change),
            Some(ring) => self.rotate(secret, &ring, change),
        }
    }

    /// Returns the fields of a Secret where there is none with a key.
    fn first_key(&self) -> Result<Value, Hold> {
        if let Some(ring) = self.remembered {
            return Ok(ring.fields());
        }
        let nodes = self.speakers.iter().filter(|(_, keys)| !keys.is_empty()).map(|(node, _)| node.clone());
        let nodes: Vec<String> = nodes.collect();
        match nodes.is_empty() {
            true => Ok(json!({ "data": { PRIMARY: bytes(text(self.fresh).as_bytes()) } })),
            false => Err(Hold::Lost(nodes)),
        }
    }

    fn rotate(&self, secret: &Secret, ring: &Ring, change: impl Fn(Value) -> Step) -> Step {
        let annotations = &secret.metadata.annotations;
        let phase = ring.rotation.as_deref().and_then(|phase| phase.split_once(' '));
        let Some((phase, since)) = phase.and_then(|(phase, since)| Some((phase, since.parse::<Timestamp>().ok()?)))
        else {
            if !annotations.contains_key(ROTATE) {
                return Step::Nothing;
            }
            return change(json!({
                "metadata": { "annotations": { ROTATE: null, ROTATION: format!("offered {}", self.now) } },
                "data": { ACCEPTED: bytes(text(self.fresh).as_bytes()) },
            }));
        };
        let due = since + self.pause;
        if self.now < due {
            return Step::Wait(due);
        }
        match (phase, &ring.accepted) {
            ("offered", Some(offered)) => {
                let id = key_id(offered);
                self.once_all(
                    |keys| keys.contains(&id),
                    || {
                        change(json!({
                            "metadata": { "annotations": { ROTATION: format!("changed {}", self.now) } },
                            "data": { PRIMARY: bytes(offered), ACCEPTED: bytes(&ring.primary) },
                        }))
                    },
                )
            }
            _ => {
                let id = key_id(&ring.primary);
                self.once_all(
                    |keys| keys.first() == Some(&id),
                    || change(json!({ "metadata": { "annotations": { ROTATION: null } }, "data": { ACCEPTED: null } })),
                )
            }
        }
    }

    /// Takes a step once all speakers are there.
    fn once_all(&self, there: impl Fn(&[String]) -> bool, step: impl FnOnce() -> Step) -> Step {
        let behind = self.speakers.iter().filter(|(_, keys)| !there(keys)).map(|(node, _)| node.clone());
        let behind: Vec<String> = behind.collect();
        if behind.is_empty() { step() } else { Step::Hold(Hold::Behind(behind)) }
    }
}

/// Returns the request that carries a step out, if it is one.
pub(super) fn request(step: &Step, namespace: &str, name: &str) -> Option<Request<Vec<u8>>> {
    let path = Collection::within(namespace, "v1", "secrets").path();
    let (request, kind, body) = match step {
        Step::Nothing | Step::Wait(_) | Step::Hold(_) => return None,
        Step::Create(fields) => {
            let mut body = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": {} });
            json_patch(&mut body, fields);
            json_patch(&mut body, &json!({ "metadata": { "name": name, "namespace": namespace } }));
            (Request::post(format!("{path}?fieldManager={FIELD_MANAGER}")), "application/json", body)
        }
        Step::Change(fields) => {
            let path = format!("{path}/{name}?fieldManager={FIELD_MANAGER}");
            (Request::patch(path), "application/merge-patch+json", fields.clone())
        }
    };
    let request = request.header(header::CONTENT_TYPE, kind).body(body.to_string().into_bytes());
    Some(request.expect("names of objects are valid in a path"))
}

/// Lays fields over an object (RFC 7396); null removes.
fn json_patch(object: &mut Value, fields: &Value) {
    let Value::Object(fields) = fields else {
        *object = fields.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    for (key, field) in fields {
        if field.is_null() {
            drop(object.as_object_mut().and_then(|object| object.remove(key)));
        } else {
            json_patch(&mut object[key], field);
        }
    }
}

/// Returns a key as MetalLB writes it: as text in base64.
fn text(key: [u8; 16]) -> String {
    json!(ByteString(key.to_vec())).as_str().unwrap_or_default().to_owned()
}

fn bytes(value: &[u8]) -> Value {
    json!(ByteString(value.to_vec()))
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(nodes) => write!(
                f,
                "the Secret or its entry \"{PRIMARY}\" is gone, and the speakers on {} go on with the key that was in it; restore it from a \
                 copy, or create it with another key and restart all speakers",
                nodes.join(", ")
            ),
            Self::Behind(nodes) => write!(
                f,
                "the change of the key waits for the speakers on {}, whose ConfigurationStates do not show the step before in \
                 status.heartbeatKeys; let them reach the API server, update them, or remove their pods",
                nodes.join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests;
