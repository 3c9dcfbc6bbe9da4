//! What an API server would refuse in an object by its schema: all of it, so that one reading shows every mistake.
//!
//! Serde stops at the first field of a wrong type and passes over unknown fields, so a typing error in an optional field would
//! silently mean its default.

mod core;
mod words;

use std::collections::BTreeMap;

use crds::spelling;
use serde_json::Value;

use super::{Kind, confidential, quoted};
use crate::manifests::fault::Reason;
use crate::manifests::field_path::{FieldPath, Segment};
use crate::manifests::yaml::{Flaw, Node};
pub(super) use words::explain;

/// The schemas of all kinds.
pub(crate) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Takes the schemas of custom resources out of the definitions that an API server would be given.
    pub(crate) fn new() -> Self {
        let schema = |definition: Value| {
            let kind = definition.pointer("/spec/names/kind")?.as_str()?.to_owned();
            // All versions of a kind share one schema.
            let mut schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema")?.clone();
            schema["properties"]["metadata"] = core::metadata();
            Some((kind, schema))
        };
        let custom = crds::definitions::definitions().into_iter().filter_map(schema);
        Self(custom.chain(core::schemas().map(|(kind, schema)| (kind.to_string(), schema))).collect())
    }

    /// Returns what is wrong with an object of a kind.
    pub(crate) fn check(&self, kind: Kind, node: &Node) -> Vec<Flaw> {
        let Some(schema) = self.0.get(&kind.to_string()) else { return Vec::new() };
        let mut check = Check { kind, root: schema, flaws: Vec::new() };
        check.value(schema, node, &FieldPath::default());
        check.flaws
    }
}

struct Check<'a> {
    kind: Kind,
    root: &'a Value,
    flaws: Vec<Flaw>,
}

impl Check<'_> {
    fn value(&mut self, schema: &Value, node: &Node, path: &FieldPath) {
        // Null is absent; whether it may be is for the mapping around it.
        if node.is_null() {
            return;
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => self.object(schema, node, path),
            Some("array") => self.list(schema, node, path),
            Some(_) => {
                if let Some(expected) = words::misfit(schema, node) {
                    self.wrong(node, path, expected);
                }
            }
            None => {}
        }
    }

    fn list(&mut self, schema: &Value, node: &Node, path: &FieldPath) {
        let Some(items) = node.items() else { return self.wrong(node, path, "a list".to_owned()) };
        let Some(schema) = schema.get("items") else { return };
        for (index, item) in items.iter().enumerate() {
            self.value(schema, item, &path.clone().join(Segment::Index(index)));
        }
    }

    fn object(&mut self, schema: &Value, node: &Node, path: &FieldPath) {
        let Some(fields) = node.mapping() else { return self.wrong(node, path, "a mapping".to_owned()) };
        let before = self.flaws.len();
        for (key, field) in fields {
            let path = path.clone().join(Segment::Key(key.clone()));
            if self.is_misplaced(&path, key, schema) {
                self.flaws.push(Flaw { line: field.line(), field: path, reason: Reason::Misplaced { parent: "spec" } });
                continue;
            }
            match known(schema, key) {
                Known::Field(schema) => self.value(schema, field, &path),
                Known::Anything => {}
                Known::No { meant } => {
                    self.flaws.push(Flaw { line: field.line(), field: path, reason: Reason::UnknownField { meant } });
                }
            }
        }
        let misplaced = self.flaws[before..].iter().any(|flaw| matches!(flaw.reason, Reason::Misplaced { .. }));
        for key in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            let is_written = fields.get(key).is_some_and(|field| !field.is_null());
            let is_above = misplaced && key == "spec";
            if !(is_written || is_above) {
                let field = path.clone().join(Segment::Key(key.to_owned()));
                let line = fields.get(key).unwrap_or(node).line();
                self.flaws.push(Flaw { line, field, reason: Reason::Required });
            }
        }
    }

    /// Says whether a field stands at the top of the object and belongs below `spec`.
    fn is_misplaced(&self, path: &FieldPath, key: &str, schema: &Value) -> bool {
        let has = |schema: &Value, fields: &str| schema.pointer(fields).and_then(|fields| fields.get(key)).is_some();
        path.segments().len() == 1 && !has(schema, "/properties") && has(self.root, "/properties/spec/properties")
    }

    fn wrong(&mut self, node: &Node, path: &FieldPath, expected: String) {
        let reason = confidential(self.kind, path)
            .unwrap_or_else(|| Reason::Wrong { found: quoted(&words::found(node)), expected });
        self.flaws.push(Flaw { line: node.line(), field: path.clone(), reason });
    }
}

/// What a schema says of a field.
enum Known<'a> {
    Field(&'a Value),
    /// It may be there, and nothing is known of it.
    Anything,
    No {
        meant: Option<String>,
    },
}

fn known<'a>(schema: &'a Value, key: &str) -> Known<'a> {
    let properties = schema.get("properties").and_then(Value::as_object);
    if let Some(field) = properties.and_then(|fields| fields.get(key)).or_else(|| schema.get("additionalProperties")) {
        return Known::Field(field);
    }
    // A schema without properties says nothing about fields.
    let Some(properties) = properties else { return Known::Anything };
    let names = || properties.keys().map(String::as_str);
    if schema.get("x-kubernetes-preserve-unknown-fields").is_some() {
        // Of Kubernetes' own kinds only what is read is known; case is what people get wrong in it.
        let meant = names().find(|name| name.eq_ignore_ascii_case(key)).map(str::to_owned);
        return meant.map_or(Known::Anything, |name| Known::No { meant: Some(name) });
    }
    Known::No { meant: spelling::nearest(key, names()).map(str::to_owned) }
}

#[cfg(test)]
mod tests;
