//! Label selectors, parsed once.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

use crate::fault::{FieldPath, Findings, Problem};

#[cfg(test)]
mod tests;

/// A checked label selector: all requirements must hold, and without any it matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector {
    requirements: BTreeSet<Requirement>,
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// What must hold for it.
    pub operator: Operator,
}

/// What must hold for a label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// The label is there with one of the values.
    In(BTreeSet<String>),
    /// The label is not there, or has another value.
    NotIn(BTreeSet<String>),
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
}

impl Selector {
    /// Parses a selector; on failure returns everything wrong with it, with paths below the selector.
    pub fn parse(selector: &LabelSelector) -> Result<Self, Vec<(FieldPath, Problem)>> {
        let mut problems = Vec::new();
        let mut requirements = BTreeSet::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            let field = FieldPath::new("matchLabels").child(key);
            problems.extend(key_problem(key).map(|problem| (field.clone(), problem)));
            problems.extend(value_problem(value).map(|problem| (field, problem)));
            let operator = Operator::In(BTreeSet::from([value.clone()]));
            requirements.insert(Requirement { key: key.clone(), operator });
        }
        for (index, expression) in selector.match_expressions.iter().flatten().enumerate() {
            let field = FieldPath::new("matchExpressions").index(index);
            requirements.extend(requirement(expression, &field, &mut problems));
        }
        if problems.is_empty() { Ok(Self { requirements }) } else { Err(problems) }
    }

    /// Says whether these labels satisfy every requirement.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.iter().all(|requirement| requirement.matches(labels))
    }

    /// Returns the requirements, in a fixed order.
    pub fn requirements(&self) -> impl Iterator<Item = &Requirement> {
        self.requirements.iter()
    }
}

impl Requirement {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match &self.operator {
            Operator::In(values) => value.is_some_and(|value| values.contains(value)),
            Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

/// Says whether any selector matches, or there is none to restrict.
pub fn any_or_empty(selectors: &[Selector], labels: &BTreeMap<String, String>) -> bool {
    selectors.is_empty() || selectors.iter().any(|selector| selector.matches(labels))
}

/// Parses a list of selectors, none of which may be the same as another.
pub(crate) fn parse_list(
    selectors: Option<&[LabelSelector]>,
    field: &FieldPath,
    findings: &mut Findings,
) -> Vec<Selector> {
    let selectors = selectors.unwrap_or_default();
    let written: Vec<LabelSelector> = selectors.iter().map(with_sorted_values).collect();
    let mut parsed = Vec::with_capacity(selectors.len());
    for (index, selector) in selectors.iter().enumerate() {
        let field = field.index(index);
        if let Some(first) = written[..index].iter().position(|earlier| *earlier == written[index]) {
            findings.add(field.clone(), Problem::RepeatedSelector { first });
        }
        parsed.extend(parse_at(selector, &field, findings));
    }
    parsed
}

pub(crate) fn parse_at(selector: &LabelSelector, field: &FieldPath, findings: &mut Findings) -> Option<Selector> {
    match Selector::parse(selector) {
        Ok(selector) => Some(selector),
        Err(problems) => {
            for (below, problem) in problems {
                findings.add(field.child(below.as_str()), problem);
            }
            None
        }
    }
}

fn with_sorted_values(selector: &LabelSelector) -> LabelSelector {
    let mut selector = selector.clone();
    for values in selector.match_expressions.iter_mut().flatten().filter_map(|expression| expression.values.as_mut()) {
        values.sort();
    }
    selector
}

fn requirement(
    expression: &LabelSelectorRequirement,
    field: &FieldPath,
    problems: &mut Vec<(FieldPath, Problem)>,
) -> Option<Requirement> {
    let LabelSelectorRequirement { key, operator, values } = expression;
    problems.extend(key_problem(key).map(|problem| (field.child("key"), problem)));
    let mut distinct = BTreeSet::new();
    for (index, value) in values.iter().flatten().enumerate() {
        let field = field.child("values").index(index);
        problems.extend(value_problem(value).map(|problem| (field.clone(), problem)));
        if !distinct.insert(value.clone()) {
            problems.push((field, Problem::Repeated { value: value.clone() }));
        }
    }
    let parsed = match (operator.as_str(), distinct.is_empty()) {
        ("In", false) => Operator::In(distinct),
        ("NotIn", false) => Operator::NotIn(distinct),
        ("Exists", true) => Operator::Exists,
        ("DoesNotExist", true) => Operator::DoesNotExist,
        ("In" | "NotIn", true) => {
            problems.push((field.child("values"), Problem::ValuesMissing { operator: operator.clone() }));
            return None;
        }
        ("Exists" | "DoesNotExist", false) => {
            problems.push((field.child("values"), Problem::ValuesUnwanted { operator: operator.clone() }));
            return None;
        }
        _ => {
            problems.push((field.child("operator"), Problem::Operator { operator: operator.clone() }));
            return None;
        }
    };
    Some(Requirement { key: key.clone(), operator: parsed })
}

fn key_problem(key: &str) -> Option<Problem> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let valid = !name.is_empty() && is_label_text(name) && prefix.is_none_or(is_dns_subdomain);
    (!valid).then(|| Problem::LabelKey { key: key.to_owned() })
}

fn value_problem(value: &str) -> Option<Problem> {
    (!is_label_text(value)).then(|| Problem::LabelValue { value: value.to_owned() })
}

/// Says whether a text can be a label value or the name part of a key; the empty text can only be a value.
fn is_label_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends_well = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    bytes.len() <= 63
        && ends_well(bytes.first())
        && ends_well(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

fn is_dns_subdomain(text: &str) -> bool {
    let is_dns_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(is_dns_label)
}
