//! A Kubernetes object of any kind.

use std::ops::Deref;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A Kubernetes object, whose kind and name are known to be there.
#[derive(Debug, Clone, PartialEq)]
pub struct Object(Value);

impl Object {
    /// Takes a value that has an API version, a kind and a name.
    ///
    /// # Errors
    /// Says what is missing.
    pub fn new(value: Value) -> Result<Self> {
        for path in ["/apiVersion", "/kind", "/metadata/name"] {
            value.pointer(path).and_then(Value::as_str).with_context(|| format!("no {path} in {value}"))?;
        }
        Ok(Self(value))
    }

    /// Returns its kind.
    pub fn kind(&self) -> &str {
        self.0["kind"].as_str().unwrap_or_default()
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Returns its namespace, unless it has none.
    pub fn namespace(&self) -> Option<&str> {
        self.0["metadata"]["namespace"].as_str()
    }

    /// Returns the list at a path, which is empty when nothing is there.
    pub fn list(&self, path: &str) -> &[Value] {
        self.0.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

impl Deref for Object {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}
