//! What was found and what was expected, in the words of people who write manifests.

use serde_json::Value;

use crate::manifests::fault::Reason;
use crate::manifests::yaml::{Content, Node};

use super::quoted;

/// Names a value as it is written in a file.
pub(super) fn found(node: &Node) -> String {
    match node.content() {
        Content::Scalar(Value::String(text)) => format!("the text {text:?}"),
        Content::Scalar(Value::Bool(value)) => format!("the boolean {value}"),
        Content::Scalar(Value::Null) => "empty".to_owned(),
        Content::Scalar(number) => format!("the number {number}"),
        Content::Sequence(_) => "a list".to_owned(),
        Content::Mapping(_) => "a mapping".to_owned(),
    }
}

/// Returns what a scalar's schema expects, if the value is something else.
pub(super) fn misfit(schema: &Value, node: &Node) -> Option<String> {
    let scalar = match node.content() {
        Content::Scalar(value) => Some(value),
        Content::Sequence(_) | Content::Mapping(_) => None,
    };
    let choices: Vec<&str> =
        schema.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    match schema.get("type").and_then(Value::as_str)? {
        "string" => match scalar {
            Some(Value::String(text)) if choices.is_empty() || choices.contains(&text.as_str()) => None,
            _ if !choices.is_empty() => Some(one_of(&choices)),
            Some(value) => Some(quote(value)),
            None => Some("text".to_owned()),
        },
        "boolean" => (!scalar.is_some_and(Value::is_boolean)).then(|| "true or false".to_owned()),
        "integer" => {
            let (minimum, maximum) = (bound(schema, "minimum"), bound(schema, "maximum"));
            let fits = |number: i128| minimum.is_none_or(|at| at <= number) && maximum.is_none_or(|at| number <= at);
            (!scalar.and_then(whole).is_some_and(fits)).then(|| numbers(minimum, maximum))
        }
        _ => None,
    }
}

/// Returns a decoder's message in these words.
pub(in super::super) fn explain(message: &str) -> Reason {
    let unknown = message.strip_prefix("unknown variant ").and_then(|rest| rest.split_once(", expected "));
    let typed = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    let split = unknown.or_else(|| typed.and_then(|rest| rest.split_once(", expected ")));
    if let Some((found, expected)) = split {
        let found = match found.split_once(' ') {
            Some(("string", text)) => format!("the text {text}"),
            Some(("boolean", value)) => format!("the boolean {}", value.replace('`', "")),
            Some(("integer", value)) => format!("the number {}", value.replace('`', "")),
            Some(("floating", value)) => format!("the number {}", value.replace("point ", "").replace('`', "")),
            _ => match found {
                "sequence" => "a list".to_owned(),
                "map" => "a mapping".to_owned(),
                "unit value" | "null" => "empty".to_owned(),
                text => format!("the text {:?}", text.replace('`', "")),
            },
        };
        return Reason::Wrong { found: quoted(&found), expected: quoted(&expect(expected)) };
    }
    match message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        Some(field) => Reason::Type { what: format!("its field {field} is missing") },
        None => Reason::Type { what: quoted(message) },
    }
}

fn expect(rust: &str) -> String {
    let bits = |text: &str| text.strip_prefix('u').and_then(|bits| bits.parse::<u32>().ok());
    let numbers_of = |bits: u32, minimum| numbers(Some(minimum), 1_i128.checked_shl(bits).map(|end| end - 1));
    match rust {
        "a string" | "string" => "text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" | "sequence" => "a list".to_owned(),
        "a map" | "string or map" => "a mapping".to_owned(),
        _ if rust.starts_with("struct ") => "a mapping".to_owned(),
        _ if rust.starts_with("a nonzero u") => {
            bits(rust.trim_start_matches("a nonzero ")).map_or_else(|| rust.to_owned(), |bits| numbers_of(bits, 1))
        }
        _ => match bits(rust) {
            Some(bits) => numbers_of(bits, 0),
            None if matches!(rust, "i32" | "i64") => "a whole number".to_owned(),
            None => rust.replace('`', ""),
        },
    }
}

fn whole(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

fn bound(schema: &Value, name: &str) -> Option<i128> {
    schema.get(name).and_then(whole)
}

fn numbers(minimum: Option<i128>, maximum: Option<i128>) -> String {
    match (minimum, maximum) {
        (Some(minimum), Some(maximum)) => format!("a whole number from {minimum} to {maximum}"),
        (Some(minimum), None) => format!("a whole number of at least {minimum}"),
        (None, Some(maximum)) => format!("a whole number of at most {maximum}"),
        (None, None) => "a whole number".to_owned(),
    }
}

fn one_of(choices: &[&str]) -> String {
    match choices {
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
        [] => "text".to_owned(),
    }
}

/// Says how a scalar becomes text.
fn quote(value: &Value) -> String {
    match value {
        Value::Bool(_) => "text; put it in quotes, for yes, no, on, off, y and n are booleans too".to_owned(),
        Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            "text; put it in quotes".to_owned()
        }
    }
}
