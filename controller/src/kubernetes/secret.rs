//! The Secret with the key of the speakers' heartbeats: made where there is none, and changed in two phases when asked to.
//!
//! Whoever sets the annotation [`ROTATE`] gets a new key. Speakers first learn to accept it, then all send with it and still
//! accept the old one, and at last forget that; between the phases is time for the slowest speaker to hear of them.
//! The Secret has no owner: it must outlive a Deployment that is made anew, since speakers without a key own no address.

use std::time::Duration;

use apiserver::{Collection, Version};
use crds::core::Secret;
use http::{Request, header};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::FIELD_MANAGER;

/// Set by a person, to any value, to have the key changed.
pub(super) const ROTATE: &str = "metallb.io/rotate-key";
/// Set by the controller while a change of the key is under way: the phase and since when.
const ROTATION: &str = "metallb.io/key-rotation";
/// The entry that speakers send with.
const PRIMARY: &str = "secretkey";
/// The entry that they accept as well.
const ACCEPTED: &str = "secretkey-accepted";

/// What is to be done about the Secret.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// Nothing, until it changes.
    Nothing,
    /// Nothing before this time.
    Wait(Timestamp),
    /// It is to be made.
    Create(Value),
    /// It is to be changed, if it is still what it was.
    Change(Value),
}

/// Returns the next step for the Secret as it is, given a key that was just drawn and the time for every speaker to see a change.
pub(super) fn next_step(secret: Option<(&Secret, Version)>, fresh: [u8; 16], pause: Duration, now: Timestamp) -> Step {
    let Some((secret, version)) = secret else { return Step::Create(json!({ PRIMARY: text(fresh) })) };
    let change = |annotations: Value, data: Value| {
        let metadata = json!({ "resourceVersion": version.to_string(), "annotations": annotations });
        Step::Change(json!({ "metadata": metadata, "stringData": data }))
    };
    let value = |key: &str| secret.value(key).map(|value| String::from_utf8_lossy(value).into_owned());
    let annotations = &secret.metadata.annotations;
    let Some(primary) = value(PRIMARY) else { return change(json!({}), json!({ PRIMARY: text(fresh) })) };
    let phase = annotations.get(ROTATION).and_then(|phase| phase.split_once(' '));
    let Some((phase, since)) = phase.and_then(|(phase, since)| Some((phase, since.parse::<Timestamp>().ok()?))) else {
        if !annotations.contains_key(ROTATE) {
            return Step::Nothing;
        }
        return change(json!({ ROTATE: null, ROTATION: format!("offered {now}") }), json!({ ACCEPTED: text(fresh) }));
    };
    let due = since + pause;
    if now < due {
        return Step::Wait(due);
    }
    match (phase, value(ACCEPTED)) {
        ("offered", Some(offered)) => {
            change(json!({ ROTATION: format!("changed {now}") }), json!({ PRIMARY: offered, ACCEPTED: primary }))
        }
        _ => Step::Change(json!({
            "metadata": { "resourceVersion": version.to_string(), "annotations": { ROTATION: null } },
            "data": { ACCEPTED: null },
        })),
    }
}

/// Returns the request that carries a step out, if it is one.
pub(super) fn request(step: &Step, namespace: &str, name: &str) -> Option<Request<Vec<u8>>> {
    let path = Collection::within(namespace, "v1", "secrets").path();
    let (request, kind, body) = match step {
        Step::Nothing | Step::Wait(_) => return None,
        Step::Create(data) => {
            let metadata = json!({ "name": name, "namespace": namespace });
            let body = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data });
            (Request::post(format!("{path}?fieldManager={FIELD_MANAGER}")), "application/json", body)
        }
        Step::Change(body) => {
            let path = format!("{path}/{name}?fieldManager={FIELD_MANAGER}");
            (Request::patch(path), "application/merge-patch+json", body.clone())
        }
    };
    let request = request.header(header::CONTENT_TYPE, kind).body(body.to_string().into_bytes());
    Some(request.expect("names of objects are valid in a path"))
}

/// Writes a key as MetalLB does: as text in base64.
fn text(key: [u8; 16]) -> Value {
    json!(ByteString(key.to_vec()))
}

#[cfg(test)]
mod tests;
