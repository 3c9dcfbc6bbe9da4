//! What is wrong with an object, where, and what to do about it.
//!
//! A fault reads `IPAddressPool metallb-system/lan: spec.addresses[2]: range 10.0.0.9-10.0.0.1 ends before it starts; swap the
//! two addresses`. Its [`Problem`] is a closed enum, so conditions, metrics and tests name it without parsing text.

use std::fmt;

use kube::Resource;

use crate::printable::Printable;

mod next_step;
mod problem;
#[cfg(test)]
mod tests;

pub use problem::{Preference, Problem, Severity};

/// The name of one Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// The kind, as `IPAddressPool`.
    pub kind: String,
    /// The namespace; empty for kinds without one and where it is not known.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ObjectRef {
    /// Names an object of one of our kinds.
    pub fn of<K: Resource<DynamicType = ()>>(object: &K) -> Self {
        let meta = object.meta();
        Self {
            kind: K::kind(&()).into_owned(),
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name } = self;
        if namespace.is_empty() { write!(f, "{kind} {name}") } else { write!(f, "{kind} {namespace}/{name}") }
    }
}

/// The path of a field, as `spec.addresses[2]`; empty for the object as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(String);

impl FieldPath {
    /// Starts a path, usually with `spec` or `metadata`.
    pub fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// Returns the path of a field of this one.
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}.{name}", self.0)) }
    }

    /// Returns the path of an element of this list.
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing that is wrong with one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The object to change.
    pub object: ObjectRef,
    /// The field to change.
    pub field: FieldPath,
    /// What is wrong.
    pub problem: Problem,
}

impl Fault {
    /// Returns what the fault costs.
    pub fn severity(&self) -> Severity {
        self.problem.severity()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", Printable::value(&self.object))?;
        if !self.field.as_str().is_empty() {
            write!(f, "{}: ", Printable::value(&self.field))?;
        }
        write!(f, "{}; {}", self.problem, self.problem.next_step())
    }
}

/// The faults of one object, collected while it is checked.
#[derive(Debug)]
pub(crate) struct Findings {
    object: ObjectRef,
    faults: Vec<Fault>,
}

impl Findings {
    pub(crate) fn on(object: ObjectRef) -> Self {
        Self { object, faults: Vec::new() }
    }

    pub(crate) fn add(&mut self, field: FieldPath, problem: Problem) {
        self.faults.push(Fault { object: self.object.clone(), field, problem });
    }

    /// Returns the checked value if nothing is wrong with it, and everything found.
    pub(crate) fn conclude<T>(self, checked: impl FnOnce() -> Option<T>) -> (Option<T>, Vec<Fault>) {
        let usable = self.faults.iter().all(|fault| fault.severity() != Severity::Error);
        (if usable { checked() } else { None }, self.faults)
    }
}
