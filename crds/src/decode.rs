//! Reading JSON as Kubernetes writes it, where `null` means that a field was left out.
//!
//! A Go program writes an empty list, map or pointer without `omitempty` as `null`, and reads `null` as the empty value. Every
//! decoder of the workspace that reads what a server wrote goes through here, so no type needs to know.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Characters of a reason that are kept: it may quote what a tenant wrote.
const MAX_REASON: usize = 256;

/// JSON text of which nothing, or any number of parts, can be decoded.
#[derive(Debug)]
pub struct Document<'a>(Form<'a>);

#[derive(Debug)]
enum Form<'a> {
    /// Without `null`: decoded straight from the text.
    Text(&'a str),
    /// With the `null` entries taken out.
    Tree(Value),
}

/// Why JSON is not an object of the kind it should be: the path of the field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(String);

/// Decodes an object.
///
/// # Errors
/// The first field that is not what it should be, or the place where the text ceases to be JSON.
pub fn decode<T: DeserializeOwned>(json: &[u8]) -> Result<T, Malformed> {
    Document::new(std::str::from_utf8(json).map_err(|error| Malformed::new(&error))?)?.decode()
}

impl<'a> Document<'a> {
    /// Returns the document that `json` is.
    ///
    /// # Errors
    /// Where a text that contains `null` ceases to be JSON; one without shows it when it is decoded.
    pub fn new(json: &'a str) -> Result<Self, Malformed> {
        if !json.contains("null") {
            return Ok(Self(Form::Text(json)));
        }
        let mut value = serde_json::from_str(json).map_err(|error| Malformed::new(&error))?;
        strip(&mut value);
        Ok(Self(Form::Tree(value)))
    }

    /// Decodes the whole document, or the fields of it that `T` has.
    ///
    /// # Errors
    /// The first field that is not what it should be.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, Malformed> {
        let decoded = match &self.0 {
            Form::Text(text) => serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text)),
            Form::Tree(value) => serde_path_to_error::deserialize(value),
        };
        decoded.map_err(|error| Malformed::new(&error))
    }
}

impl Malformed {
    fn new(error: &dyn fmt::Display) -> Self {
        let text = error.to_string();
        match text.char_indices().nth(MAX_REASON) {
            Some((end, _)) => Self(format!("{}...", &text[..end])),
            None => Self(text),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

/// Takes out the entries of maps, at any depth, that are `null`.
fn strip(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.retain(|_, entry| !entry.is_null());
            entries.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
