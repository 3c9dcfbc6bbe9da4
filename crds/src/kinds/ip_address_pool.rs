use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A set of addresses that may be given to Services.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "metallb.io",
    version = "v1beta1",
    kind = "IPAddressPool",
    root = "IpAddressPool",
    plural = "ipaddresspools",
    namespaced,
    status = "IpAddressPoolStatus",
    derive = "PartialEq",
    doc = "A pool of addresses that may be given to Services of type LoadBalancer.",
    printcolumn(name = "Auto Assign", type_ = "boolean", json_path = ".spec.autoAssign"),
    printcolumn(name = "Avoid Buggy IPs", type_ = "boolean", json_path = ".spec.avoidBuggyIPs"),
    printcolumn(name = "Addresses", type_ = "string", json_path = ".spec.addresses")
)]
#[serde(rename_all = "camelCase")]
pub struct IpAddressPoolSpec {
    /// The addresses, each entry a CIDR (`192.0.2.0/24`) or a range (`192.0.2.10-192.0.2.20`) of one family.
    pub addresses: Vec<String>,
    /// Whether Services get addresses of this pool without asking for it by name or by address. Defaults to true.
    #[serde(default = "yes", skip_serializing_if = "Option::is_none")]
    pub auto_assign: Option<bool>,
    /// Whether IPv4 addresses whose last octet is 0 or 255 are never given out. Defaults to false.
    #[serde(rename = "avoidBuggyIPs", default = "no", skip_serializing_if = "Option::is_none")]
    pub avoid_buggy_ips: Option<bool>,
    /// Which Services the pool is kept for. Without it, every Service may use the pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_allocation: Option<ServiceAllocation>,
}

/// The Services a pool is kept for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAllocation {
    /// The order among pools that fit a Service: the lower number is tried first, and 0 (the default) last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// The namespaces that may use the pool, by name. They add to `namespaceSelectors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<String>>,
    /// The namespaces that may use the pool, by label. One matching selector is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selectors: Option<Vec<LabelSelector>>,
    /// The Services that may use the pool, by label. One matching selector is enough; the namespace must fit as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_selectors: Option<Vec<LabelSelector>>,
}

/// How much of a pool is in use. An address shared by several Services counts once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct IpAddressPoolStatus {
    /// The number of IPv4 addresses in use.
    #[serde(rename = "assignedIPv4", default, skip_serializing_if = "Option::is_none")]
    pub assigned_ipv4: Option<i64>,
    /// The number of IPv6 addresses in use.
    #[serde(rename = "assignedIPv6", default, skip_serializing_if = "Option::is_none")]
    pub assigned_ipv6: Option<i64>,
    /// The number of free IPv4 addresses.
    #[serde(rename = "availableIPv4", default, skip_serializing_if = "Option::is_none")]
    pub available_ipv4: Option<i64>,
    /// The number of free IPv6 addresses, at most 9223372036854775807.
    #[serde(rename = "availableIPv6", default, skip_serializing_if = "Option::is_none")]
    pub available_ipv6: Option<i64>,
    /// Whether the object takes effect, and if not which field is wrong and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Option<Vec<Condition>>,
}

fn yes() -> Option<bool> {
    Some(true)
}

fn no() -> Option<bool> {
    Some(false)
}
