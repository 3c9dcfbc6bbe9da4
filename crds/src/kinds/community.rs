use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigurationStatus;

/// The specification of a Community; an absent one is the same as an empty one.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "metallb.io",
    version = "v1beta1",
    kind = "Community",
    plural = "communities",
    namespaced,
    status = "ConfigurationStatus",
    derive = "PartialEq",
    doc = "Names for BGP communities."
)]
#[serde(from = "Option<CommunityFields>")]
pub struct CommunitySpec(pub CommunityFields);

impl From<Option<CommunityFields>> for CommunitySpec {
    fn from(fields: Option<CommunityFields>) -> Self {
        Self(fields.unwrap_or_default())
    }
}

/// The fields of a Community.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommunityFields {
    /// The names and what they stand for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communities: Option<Vec<CommunityAlias>>,
}

/// One name for one BGP community.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommunityAlias {
    /// The name BGPAdvertisements use. It is unique over all Community objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The community, as `asn:value` or `large:global:local1:local2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}
