//! What lists and watches are made of.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Object, Version, WatchError};
use crate::collection::ObjectName;

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
    pub(super) next: String,
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
    pub(super) annotations: BTreeMap<String, String>,
}

pub(super) fn object<T: DeserializeOwned>(raw: &RawValue) -> Result<Object<T>, WatchError> {
    let Envelope { metadata } = parse(raw.get().as_bytes())?;
    Ok(Object {
        name: ObjectName::new(&metadata.namespace, &metadata.name),
        version: version(&metadata.resource_version)?,
        value: serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
            .map_err(|error| error.to_string()),
    })
}

pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, WatchError> {
    serde_json::from_slice(bytes).map_err(|error| WatchError::Malformed(error.to_string()))
}

pub(super) fn version(text: &str) -> Result<Version, WatchError> {
    text.parse().map(Version).map_err(|_| WatchError::Malformed(format!("version {text:?} is not a number")))
}
