//! Scalars as `kubectl`, Helm and every controller of GitOps read them: by the rules of `sigs.k8s.io/yaml`.
//!
//! Those are YAML 1.1's with exceptions, so `yes` is a boolean and `017` is 15. `tests/golden/yaml` holds what the real
//! implementation makes of each form.

use std::borrow::Cow;

use saphyr_parser::{ScalarStyle, Tag};
use serde_json::{Number, Value};

use crate::manifests::fault::Reason;

/// Returns a scalar's value.
pub(super) fn resolve(text: Cow<'_, str>, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, Reason> {
    let misfit = || Reason::Tag { tag: tag.map(ToString::to_string).unwrap_or_default() };
    let Some(tag) = tag else {
        return if style == ScalarStyle::Plain { plain(text) } else { Ok(Value::from(text)) };
    };
    // Tags that are not YAML's own say nothing to Kubernetes, and the value is text.
    let core = tag.is_yaml_core_schema().then_some(tag.suffix.as_str());
    match core {
        Some("int") => whole(&text.replace('_', "")).ok_or_else(misfit),
        Some("float") => plain(text).ok().filter(Value::is_number).ok_or_else(misfit),
        Some("bool") => plain(text).ok().filter(Value::is_boolean).ok_or_else(misfit),
        Some("null") => plain(text).ok().filter(Value::is_null).ok_or_else(misfit),
        Some("binary") => Err(misfit()),
        Some(_) | None => Ok(Value::from(text)),
    }
}

/// Returns the text that a scalar is as a key, since the keys of JSON are text: `yes` is `true`, and `017` is `15`.
///
/// Kubernetes writes fractions as keys in another form than the file (`1.20` becomes `1.2`), which nobody can mean.
pub(super) fn key(text: &str, value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) if number.is_i64() && whole(&text.replace('_', "")).is_some() => Some(number.to_string()),
        Value::Number(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn plain(text: Cow<'_, str>) -> Result<Value, Reason> {
    Ok(match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf"
        | "-.INF" => return Err(Reason::NotFinite { text: text.into_owned() }),
        number => match number.as_bytes() {
            [b'.', ..] if separates_digits(number) => fraction(&number.replace('_', "")),
            [b'0'..=b'9' | b'+' | b'-', ..] => numeric(number),
            _ => None,
        }
        .unwrap_or_else(|| Value::from(text)),
    })
}

fn numeric(text: &str) -> Option<Value> {
    let digits = text.replace('_', "");
    whole(&digits).or_else(|| fraction(&digits))
}

/// Reads a whole number with an optional sign and the prefixes of Go: `0x`, `0o`, `0b`, and `0` for octal.
fn whole(digits: &str) -> Option<Value> {
    let (sign, magnitude) = match digits.strip_prefix(['+', '-']) {
        Some(magnitude) => (&digits[..1], magnitude),
        None => ("", digits),
    };
    let (radix, magnitude) = match magnitude.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &magnitude[2..]),
        [b'0', b'o' | b'O', ..] => (8, &magnitude[2..]),
        [b'0', b'b' | b'B', ..] => (2, &magnitude[2..]),
        [b'0', _, ..] => (8, &magnitude[1..]),
        _ => (10, magnitude),
    };
    // `0b-11` is -3 to Kubernetes, and to nobody else.
    let (sign, magnitude) = match magnitude.strip_prefix(['+', '-']) {
        Some(inner) if radix == 2 && sign.is_empty() => (&magnitude[..1], inner),
        Some(_) => return None,
        None => (sign, magnitude),
    };
    if sign == "-" {
        return i64::from_str_radix(&format!("-{magnitude}"), radix).ok().map(Value::from);
    }
    u64::from_str_radix(magnitude, radix).ok().map(Value::from)
}

/// Reads a decimal number with a fraction or an exponent; one whose value is whole is written as such.
#[expect(clippy::cast_possible_truncation, reason = "the bounds are tested before")]
fn fraction(digits: &str) -> Option<Value> {
    let is_plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E'));
    let value: f64 = digits.parse().ok().filter(|value: &f64| is_plain && value.is_finite())?;
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= WHOLE {
        return Some(Value::from(value as i64));
    }
    Number::from_f64(value).map(Value::from)
}

/// Says whether every underscore of a text stands between two digits.
fn separates_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    bytes.iter().enumerate().all(|(at, byte)| *byte != b'_' || (at > 0 && is_digit(at - 1) && is_digit(at + 1)))
}
