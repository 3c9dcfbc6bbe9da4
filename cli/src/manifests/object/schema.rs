//! Fields that a kind does not have.
//!
//! Serde passes over unknown fields, so a typing error in an optional field would silently mean its default. `kubectl apply`
//! refuses such an object, and so does this.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Kind;
use crate::manifests::field_path::{FieldPath, Segment};
use crate::manifests::yaml::Node;

/// The schemas of the custom resources, by kind.
pub(crate) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Takes the schemas out of the definitions that an API server would be given.
    pub(crate) fn new() -> Self {
        let schema = |definition: Value| {
            let kind = definition.pointer("/spec/names/kind")?.as_str()?.to_owned();
            // All versions of a kind share one schema.
            let schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema")?.clone();
            Some((kind, schema))
        };
        Self(crds::definitions::definitions().into_iter().filter_map(schema).collect())
    }

    /// Returns the first field of an object that its kind does not have, with its line.
    pub(crate) fn unknown_field(&self, kind: Kind, node: &Node) -> Option<(FieldPath, usize)> {
        unknown_field(self.0.get(&kind.to_string())?, node, FieldPath::default())
    }
}

fn unknown_field(schema: &Value, node: &Node, path: FieldPath) -> Option<(FieldPath, usize)> {
    if let Some(items) = node.items() {
        let schema = schema.get("items")?;
        let mut items = items.iter().enumerate();
        return items.find_map(|(index, item)| unknown_field(schema, item, path.clone().join(Segment::Index(index))));
    }
    let (fields, properties) = (node.mapping()?, schema.get("properties"));
    fields.iter().find_map(|(key, field)| {
        let path = path.clone().join(Segment::Key(key.clone()));
        let known =
            properties.and_then(|properties| properties.get(key)).or_else(|| schema.get("additionalProperties"));
        match known {
            Some(schema) => unknown_field(schema, field, path),
            // A schema without properties, such as that of metadata, says nothing about fields.
            None => properties.map(|_| (path, field.line())),
        }
    })
}
