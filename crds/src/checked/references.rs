//! Names and selectors that point at other objects.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::fault::{FieldPath, Findings, Problem};
use crate::selector::Selector;

/// The objects of one kind that can be referred to.
#[derive(Debug)]
pub(super) struct Targets<'a> {
    kind: &'static str,
    /// The usable objects, with their labels.
    usable: BTreeMap<&'a str, BTreeMap<String, String>>,
    /// All objects, usable or not.
    written: BTreeSet<&'a str>,
}

impl<'a> Targets<'a> {
    pub(super) fn new(
        kind: &'static str,
        usable: BTreeMap<&'a str, BTreeMap<String, String>>,
        written: BTreeSet<&'a str>,
    ) -> Self {
        Self { kind, usable, written }
    }

    /// Returns the names of the usable objects a reference means: the listed and the selected ones, or all if it is empty.
    pub(super) fn resolve(
        &self,
        names: Option<&[String]>,
        selectors: Option<&[LabelSelector]>,
        field: &FieldPath,
        findings: &mut Findings,
    ) -> BTreeSet<String> {
        let (names, selectors) = (names.unwrap_or_default(), selectors.unwrap_or_default());
        if names.is_empty() && selectors.is_empty() {
            return self.usable.keys().copied().map(str::to_owned).collect();
        }
        let mut found = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            if self.usable.contains_key(name.as_str()) {
                found.insert(name.clone());
            } else {
                findings.add(field.index(index), self.absence(name));
            }
        }
        let selectors: Vec<Selector> = selectors.iter().filter_map(|selector| Selector::parse(selector).ok()).collect();
        for (name, labels) in &self.usable {
            if selectors.iter().any(|selector| selector.matches(labels)) {
                found.insert((*name).to_owned());
            }
        }
        found
    }

    fn absence(&self, name: &str) -> Problem {
        let (kind, name) = (self.kind, name.to_owned());
        if self.written.contains(name.as_str()) {
            Problem::Invalid { kind, name }
        } else {
            Problem::Missing { kind, name }
        }
    }
}
