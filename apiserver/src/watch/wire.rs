//! What lists and watches are made of.

use std::collections::BTreeMap;

use crds::decode::{Document, Malformed, decode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Object, Unreadable, Version};
use crate::collection::ObjectName;
use crate::error::WatchError;

#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    #[serde(borrow)]
    pub(super) object: &'a RawValue,
}

#[derive(Deserialize)]
pub(super) struct Page<'a> {
    pub(super) metadata: PageMetadata,
    #[serde(borrow, default)]
    pub(super) items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageMetadata {
    pub(super) resource_version: String,
    #[serde(rename = "continue", default)]
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Envelope {
    pub(super) metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) namespace: String,
    pub(super) resource_version: String,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

impl<T: DeserializeOwned> Object<T> {
    /// Reads an object as a server writes it; what is wrong with anything but its metadata is its value.
    ///
    /// # Errors
    /// Where the text is no object, or its metadata cannot be read.
    pub fn read(json: &str) -> Result<Self, WatchError> {
        let document = Document::new(json).map_err(malformed)?;
        let Envelope { metadata } = document.decode().map_err(malformed)?;
        Ok(Self {
            name: ObjectName::new(&metadata.namespace, &metadata.name),
            version: version(&metadata.resource_version)?,
            value: document.decode().map_err(|error| Unreadable { reason: error.to_string(), labels: metadata.labels }),
        })
    }
}

/// Decodes an envelope whose parts are decoded on their own.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, WatchError> {
    serde_json::from_slice(bytes).map_err(|error| WatchError::Malformed(error.to_string()))
}

/// Decodes a whole object.
pub(super) fn whole<T: DeserializeOwned>(raw: &RawValue) -> Result<T, WatchError> {
    decode(raw.get().as_bytes()).map_err(malformed)
}

pub(super) fn version(text: &str) -> Result<Version, WatchError> {
    text.parse().map(Version).map_err(|_| WatchError::Malformed(format!("version {text:?} is not a number")))
}

fn malformed(error: Malformed) -> WatchError {
    WatchError::Malformed(error.to_string())
}
