use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigurationStatus;
use crate::schema;

/// The specification of a BGPAdvertisement; an absent one is the same as an empty one.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "metallb.io",
    version = "v1beta1",
    kind = "BGPAdvertisement",
    root = "BgpAdvertisement",
    plural = "bgpadvertisements",
    namespaced,
    status = "ConfigurationStatus",
    derive = "PartialEq",
    doc = "Announces addresses of pools to routers by BGP.",
    printcolumn(name = "IPAddressPools", type_ = "string", json_path = ".spec.ipAddressPools"),
    printcolumn(name = "IPAddressPool Selectors", type_ = "string", json_path = ".spec.ipAddressPoolSelectors"),
    printcolumn(name = "Peers", type_ = "string", json_path = ".spec.peers"),
    printcolumn(name = "Node Selectors", type_ = "string", json_path = ".spec.nodeSelectors", priority = 10)
)]
#[serde(from = "Option<BgpAdvertisementFields>")]
pub struct BgpAdvertisementSpec(pub BgpAdvertisementFields);

impl From<Option<BgpAdvertisementFields>> for BgpAdvertisementSpec {
    fn from(fields: Option<BgpAdvertisementFields>) -> Self {
        Self(fields.unwrap_or_default())
    }
}

/// The fields of a BGPAdvertisement. Without pools and pool selectors it covers every pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.serviceSelectors) || self.serviceSelectors.size() == 0 || ((!has(self.aggregationLength) || self.aggregationLength == 32) && (!has(self.aggregationLengthV6) || self.aggregationLengthV6 == 128))")
        .message("serviceSelectors cannot be combined with aggregation: leave aggregationLength at 32 and aggregationLengthV6 at 128")
)]
pub struct BgpAdvertisementFields {
    /// The prefix length IPv4 addresses are announced with, from 1 to 32. Defaults to 32.
    #[serde(default = "host_length", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ipv4_length")]
    pub aggregation_length: Option<i32>,
    /// The prefix length IPv6 addresses are announced with, from 0 to 128. Defaults to 128.
    #[serde(default = "host_length_v6", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::ipv6_length")]
    pub aggregation_length_v6: Option<i32>,
    /// The LOCAL_PREF sent to internal peers. 0, the default, leaves it to the router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_u32")]
    pub local_pref: Option<u32>,
    /// The MULTI_EXIT_DISC, of which routers prefer the lowest. Without it, the default, none is sent. An extension to MetalLB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_u32")]
    pub med: Option<u32>,
    /// How often the AS number of this side is repeated in the path for external peers, from 0 to 16. Defaults to 0. An extension to MetalLB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::prepend")]
    pub as_path_prepend: Option<u32>,
    /// The link bandwidth in Mbit/s that each ready local endpoint stands for, from 1 to 1000000, so that routers weigh nodes by their endpoints.
    /// Without it, the default, and for Services with externalTrafficPolicy Cluster, no bandwidth is sent. An extension to MetalLB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::megabits")]
    pub bandwidth_per_endpoint: Option<u32>,
    /// The communities to attach: `asn:value`, `large:global:local1:local2`, or an alias of a Community object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communities: Option<Vec<String>>,
    /// The pools to announce, by name. Names without a pool are ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_pools: Option<Vec<String>>,
    /// The pools to announce, by label. They add to `ipAddressPools`; one matching selector is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_pool_selectors: Option<Vec<LabelSelector>>,
    /// The nodes that announce. One matching selector is enough; without any, every node does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_selectors: Option<Vec<LabelSelector>>,
    /// The peers to announce to, by name of the BGPPeer. Without any, every peer. Names without a peer are ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<Vec<String>>,
    /// The Services to announce, by label. One matching selector is enough; without any, every Service is announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_selectors: Option<Vec<LabelSelector>>,
}

impl Default for BgpAdvertisementFields {
    fn default() -> Self {
        Self {
            aggregation_length: host_length(),
            aggregation_length_v6: host_length_v6(),
            local_pref: None,
            med: None,
            as_path_prepend: None,
            bandwidth_per_endpoint: None,
            communities: None,
            ip_address_pools: None,
            ip_address_pool_selectors: None,
            node_selectors: None,
            peers: None,
            service_selectors: None,
        }
    }
}

fn host_length() -> Option<i32> {
    Some(32)
}

fn host_length_v6() -> Option<i32> {
    Some(128)
}
