//! The requests that change the status of a Service.

use apiserver::Collection;
use crds::annotations::{ALLOCATED_FROM, LEGACY_ALLOCATED_FROM};
use crds::reasons::ConditionType;
use http::{Request, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::FIELD_MANAGER;
use super::apply::Job;

/// Returns the one request that carries out a job: addresses, annotation and condition together.
///
/// It names the version that it is for, so that a program that lost its lead while it stood still changes nothing.
pub(super) fn request(job: &Job, now: Timestamp) -> Request<Vec<u8>> {
    let collection = Collection::within(job.view.id.namespace().as_str(), "v1", "services");
    let path = format!("{}/{}/status?fieldManager={FIELD_MANAGER}", collection.path(), job.view.id.name());
    Request::patch(path)
        .header(header::CONTENT_TYPE, "application/strategic-merge-patch+json")
        .body(body(job, now).to_string().into_bytes())
        .expect("names of Services are valid in a path")
}

/// Says only what differs.
fn body(job: &Job, now: Timestamp) -> Value {
    let Job { view, base, write, .. } = job;
    let mut metadata = json!({ "uid": &*view.uid.0, "resourceVersion": base.0.to_string() });
    if view.pool_annotation != write.pool {
        metadata["annotations"] = json!({ ALLOCATED_FROM: write.pool, LEGACY_ALLOCATED_FROM: null });
    }
    let mut status = json!({});
    let shown = view.ingress.iter().cloned();
    if !shown.eq(write.addresses.iter().copied().map(crate::Ingress::Ip)) {
        let ingress: Vec<Value> = write.addresses.iter().map(|address| json!({ "ip": address })).collect();
        status["loadBalancer"] = match ingress.is_empty() {
            true => Value::Null,
            false => json!({ "ingress": ingress }),
        };
    }
    if view.condition != write.condition {
        status["conditions"] = json!([condition(job, now)]);
    }
    json!({ "metadata": metadata, "status": status })
}

fn condition(job: &Job, now: Timestamp) -> Value {
    let kind = ConditionType::Allocated.as_str();
    let Some(wanted) = &job.write.condition else { return json!({ "type": kind, "$patch": "delete" }) };
    let mut condition = json!({
        "type": kind,
        "status": if wanted.met { "True" } else { "False" },
        "reason": wanted.reason,
        "message": wanted.message,
    });
    if job.view.condition.as_ref().is_none_or(|shown| shown.met != wanted.met) {
        condition["lastTransitionTime"] = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
    }
    condition
}

#[cfg(test)]
mod tests;
