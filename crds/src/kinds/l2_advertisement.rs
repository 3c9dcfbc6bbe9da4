use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigurationStatus;
use crate::schema;

/// The specification of an L2Advertisement; an absent one is the same as an empty one.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "metallb.io",
    version = "v1beta1",
    kind = "L2Advertisement",
    plural = "l2advertisements",
    namespaced,
    status = "ConfigurationStatus",
    derive = "PartialEq",
    doc = "Announces addresses of pools on the local network by ARP and NDP.",
    printcolumn(name = "IPAddressPools", type_ = "string", json_path = ".spec.ipAddressPools"),
    printcolumn(name = "IPAddressPool Selectors", type_ = "string", json_path = ".spec.ipAddressPoolSelectors"),
    printcolumn(name = "Interfaces", type_ = "string", json_path = ".spec.interfaces"),
    printcolumn(name = "Node Selectors", type_ = "string", json_path = ".spec.nodeSelectors", priority = 10)
)]
#[serde(from = "Option<L2AdvertisementFields>")]
pub struct L2AdvertisementSpec(pub L2AdvertisementFields);

impl From<Option<L2AdvertisementFields>> for L2AdvertisementSpec {
    fn from(fields: Option<L2AdvertisementFields>) -> Self {
        Self(fields.unwrap_or_default())
    }
}

/// The fields of an L2Advertisement. Without pools and pool selectors it covers every pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct L2AdvertisementFields {
    /// The pools to announce, by name. Names without a pool are ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_pools: Option<Vec<String>>,
    /// The pools to announce, by label. They add to `ipAddressPools`; one matching selector is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_pool_selectors: Option<Vec<LabelSelector>>,
    /// The nodes that may announce. One matching selector is enough; without any, every node may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selectors: Option<Vec<LabelSelector>>,
    /// The interfaces to announce on, by exact name. Without any, every interface that is not excluded is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interfaces: Option<Vec<String>>,
    /// The Services to announce, by label. One matching selector is enough; without any, every Service is announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_selectors: Option<Vec<LabelSelector>>,
    /// Nodes to prefer among those that may announce. The weights of a node add up, and the greatest sum wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_node_selectors: Option<Vec<PreferredNodes>>,
}

/// A soft preference for some nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreferredNodes {
    /// What a matching node gains, from 1 to 100.
    #[schemars(schema_with = "schema::weight")]
    pub weight: i32,
    /// The nodes that gain it. An empty selector means every node that may announce.
    pub preference: LabelSelector,
}
