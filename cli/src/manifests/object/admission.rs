//! What an API server adds to an object before it stores it.
//!
//! Defaults of single fields are those of the types themselves, for an API server's answers may leave them out as well; cluster
//! IPs are given when a Service is planned, since only then it is known what it had before.

use serde_json::{Map, Value};

use super::{Kind, ObjectId};
use crds::core::NAMESPACE_NAME_LABEL;

/// Adds what an API server would add, in place.
pub(super) fn complete(id: &ObjectId, value: &mut Value) {
    // The items of a typed List are written without the two, and an older version decodes as the newest.
    value["apiVersion"] = id.kind.api_versions().first().copied().into();
    value["kind"] = id.kind.to_string().into();
    let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    if let Some(namespace) = &id.namespace {
        metadata.insert("namespace".into(), namespace.as_str().into());
    }
    if id.kind == Kind::Namespace
        && let Some(labels) = metadata.entry("labels").or_insert_with(|| Map::new().into()).as_object_mut()
    {
        labels.insert(NAMESPACE_NAME_LABEL.into(), id.name.as_str().into());
    }
}

#[cfg(test)]
mod tests;
