//! What Kubernetes reads in the same texts, recorded as `tests/golden/yaml/README.md` says.

use super::*;

/// Texts that Kubernetes reads otherwise than they are written, or in a way nobody means; they are refused instead.
const REFUSED_HERE: [&str; 13] = [
    "a: !!binary aGk=",
    "1.5: 1",
    "1.20: 1",
    "5.0: 1",
    "0.00001: 1",
    "1e30: 1",
    "1e6: 1",
    "1e5: 1",
    "123456.5: 1",
    "16777217.0: 1",
    "1e20: 1",
    "3.4e39: 1",
    ".inf: 1",
];

#[test]
fn every_form_of_a_value_means_what_it_means_to_kubernetes() {
    let mut differences = Vec::new();
    for line in include_str!("../../../../../tests/golden/yaml/documents.jsonl").lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let text = line["yaml"].as_str().expect("a text");
        let theirs = line.get("json").filter(|_| !REFUSED_HERE.contains(&text)).cloned().map(without_nulls);
        let ours = match documents(text).next() {
            Some(Ok(Document { root, flaws })) if flaws.is_empty() => Some(without_nulls(root.value())),
            Some(Ok(_) | Err(_)) | None => None,
        };
        if ours != theirs {
            differences.push(format!("{text:?}: {ours:?} here, {theirs:?} there"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Leaves out what both read as absent.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}
