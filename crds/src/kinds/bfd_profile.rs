use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigurationStatus;
use crate::schema;

/// The specification of a BFDProfile; an absent one is the same as an empty one.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "metallb.io",
    version = "v1beta1",
    kind = "BFDProfile",
    root = "BfdProfile",
    plural = "bfdprofiles",
    namespaced,
    status = "ConfigurationStatus",
    derive = "PartialEq",
    doc = "How fast BFD notices that a router is gone.",
    printcolumn(name = "Passive Mode", type_ = "boolean", json_path = ".spec.passiveMode"),
    printcolumn(name = "Transmit Interval", type_ = "integer", json_path = ".spec.transmitInterval"),
    printcolumn(name = "Receive Interval", type_ = "integer", json_path = ".spec.receiveInterval"),
    printcolumn(name = "Multiplier", type_ = "integer", json_path = ".spec.detectMultiplier")
)]
#[serde(from = "Option<BfdProfileFields>")]
pub struct BfdProfileSpec(pub BfdProfileFields);

impl From<Option<BfdProfileFields>> for BfdProfileSpec {
    fn from(fields: Option<BfdProfileFields>) -> Self {
        Self(fields.unwrap_or_default())
    }
}

/// The fields of a BFDProfile. Intervals are in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BfdProfileFields {
    /// The shortest interval between control packets this side can receive, from 10 to 60000 ms. Defaults to 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bfd_interval")]
    pub receive_interval: Option<u32>,
    /// The shortest interval between control packets this side sends, from 10 to 60000 ms. Defaults to 300.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bfd_interval")]
    pub transmit_interval: Option<u32>,
    /// How many packets in a row may be lost before the router counts as gone, from 2 to 255. Defaults to 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::detect_multiplier")]
    pub detect_multiplier: Option<u32>,
    /// The interval between echo packets, from 10 to 60000 ms. Defaults to 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::bfd_interval")]
    pub echo_interval: Option<u32>,
    /// Whether echo packets are used, on IPv4 sessions only; each end must then forward IPv4, for it sends back the echoes of the other. Defaults to
    /// false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo_mode: Option<bool>,
    /// Whether to wait for the router's first packet before sending any. Defaults to false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passive_mode: Option<bool>,
    /// The smallest TTL accepted on multi-hop sessions, from 1 to 254. Defaults to 254.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::minimum_ttl")]
    pub minimum_ttl: Option<u32>,
}
