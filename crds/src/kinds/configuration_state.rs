use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The fields of a ConfigurationState beside its status: none.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "metallb.io",
    version = "v1beta1",
    kind = "ConfigurationState",
    plural = "configurationstates",
    namespaced,
    no_spec,
    status = "ConfigurationStateStatus",
    derive = "PartialEq",
    doc = "Whether one program could use the whole configuration.",
    printcolumn(name = "Result", type_ = "string", json_path = ".status.result"),
    printcolumn(name = "Error Summary", type_ = "string", json_path = ".status.errorSummary"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
pub struct ConfigurationStateFields {}

/// Whether one program could use the whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigurationStateStatus {
    /// The verdict over all conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ConfigurationResult>,
    /// Every fault on a line of its own; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_summary: Option<String>,
    /// The ids of the keys that a speaker has for its heartbeats; the first is the one that it sends with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_keys: Option<Vec<String>>,
    /// One condition for each part of the program that reads configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<Condition>>,
    /// The links on which a speaker sends heartbeats; absent where it serves none, and for the controller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Vec<SpeakerLink>>,
}

/// A link on which a speaker sends heartbeats and may answer for addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SpeakerLink {
    /// The name of the interface on its node.
    pub name: String,
    /// Its Ethernet address, such as `02:00:5e:00:53:01`.
    pub mac: String,
    /// The subnets of its addresses, such as `192.0.2.0/24`, without those of link-local ones.
    pub subnets: Vec<String>,
}

/// The verdict on a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConfigurationResult {
    /// Every object takes effect.
    Valid,
    /// At least one object was left out.
    Invalid,
    /// The configuration could not be read.
    Unknown,
}
